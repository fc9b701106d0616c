package io.dromedary.chat;

import java.io.IOException;
import java.io.InputStream;

/** A form with files that a client is sending, read as it comes in. */
public interface Upload {
  /**
   * Reads it to its end.
   *
   * @throws Problem 400 for a form that is broken, 408 when it comes too slowly, 413 when it has more than it may
   */
  void receive(Taker taker);

  /** Is given the parts in the order in which they come. */
  interface Taker {
    void field(String name, String value);

    /** @param content to be read before this returns; what is left of it is passed over */
    void file(String name, String filename, InputStream content) throws IOException;
  }
}
