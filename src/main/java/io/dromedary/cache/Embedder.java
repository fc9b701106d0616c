package io.dromedary.cache;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Turns a text into a vector of 384 numbers. */
public interface Embedder extends AutoCloseable {
  /** @return null when it cannot, or not within that time */
  float @Nullable [] embed(String text, Duration most);

  @Override
  default void close() {}
}
