package io.dromedary.catalog;

import java.io.Closeable;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** The results of a provider's batch, one after the other, in no order. */
public interface Arrivals extends Closeable {
  /** The next one, null at the end. What cannot be read is passed over. */
  @Nullable Arrival next() throws IOException;
}
