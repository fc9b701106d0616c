package io.dromedary.catalog;

import java.io.IOException;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Holds the snapshot of one configuration file and swaps it whole: readers see the old or the new one, never a mixture; an invalid file leaves the old one in force.
 *
 * <p>{@code new Reloadable<>("config/models.yaml", bytesOfModelsYaml, bytes -> ModelCatalog.read(bytes, "config/models.yaml"))}
 */
public final class Reloadable<T> implements Supplier<T>, ConfigPart {
  /** Where the bytes come from. */
  public interface Source {
    byte[] read() throws IOException;

    /** Another number when the bytes may have changed, 0 where they cannot. */
    default long stamp() {
      return 0;
    }
  }

  private final String file;
  private final Source source;
  private final Function<byte[], T> reader;
  private volatile T current;
  private volatile @Nullable T draft;

  /** @throws ConfigError if the first reading fails: there is no old one to keep */
  public Reloadable(Source source, Function<byte[], T> reader) {
    this("a configuration file", source, reader);
  }

  /**
   * @param file its name, for messages
   * @throws ConfigError if the first reading fails: there is no old one to keep
   */
  public Reloadable(String file, Source source, Function<byte[], T> reader) {
    this.file = file;
    this.source = source;
    this.reader = reader;
    this.current = fresh();
  }

  @Override
  public T get() {
    return current;
  }

  /** What has been checked and may come into force with the files that are being checked now; what is in force at all other times. For readers of files that name things in this one. */
  public T draft() {
    T checked = draft;
    return checked == null ? current : checked;
  }

  @Override
  public String file() {
    return file;
  }

  @Override
  public byte[] read() throws IOException {
    return source.read();
  }

  @Override
  public long stamp() {
    return source.stamp();
  }

  @Override
  public synchronized Runnable check(byte[] bytes) {
    T fresh = reader.apply(bytes);
    draft = fresh;
    return () -> current = fresh;
  }

  @Override
  public void checked() {
    draft = null;
  }

  /**
   * Reads this file alone again.
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
      throw new ConfigError(file + " cannot be read: " + e.getMessage(), e);
    }
  }
}
