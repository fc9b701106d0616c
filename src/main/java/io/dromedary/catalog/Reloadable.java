package io.dromedary.catalog;

import java.io.IOException;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Holds the snapshot of one configuration file and swaps it whole: readers see the old or the new one, never a mixture; an invalid file leaves the old one in force.
 *
 * <p>{@code new Reloadable<>(bytesOfModelsYaml, bytes -> ModelCatalog.read(bytes, "config/models.yaml"))}
 */
public final class Reloadable<T> implements Supplier<T> {
  /** Where the bytes come from. */
  public interface Source {
    byte[] read() throws IOException;
  }

  private final Source source;
  private final Function<byte[], T> reader;
  private volatile T current;

  /** @throws ConfigError if the first reading fails: there is no old one to keep */
  public Reloadable(Source source, Function<byte[], T> reader) {
    this.source = source;
    this.reader = reader;
    this.current = fresh();
  }

  @Override
  public T get() {
    return current;
  }

  /**
   * Reads the file again.
   *
   * @return what is now in force
   * @throws ConfigError if it is invalid or cannot be read; the old snapshot stays
   */
  public synchronized T reload() {
    T fresh = fresh();
    current = fresh;
    return fresh;
  }

  private T fresh() {
    try {
      return reader.apply(source.read());
    } catch (IOException e) {
      throw new ConfigError("a configuration file cannot be read: " + e.getMessage(), e);
    }
  }
}
