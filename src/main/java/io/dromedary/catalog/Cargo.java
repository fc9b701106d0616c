package io.dromedary.catalog;

import java.io.IOException;

/** The requests of a lot, read from where they are kept. */
public interface Cargo {
  /** Takes one of them. */
  interface Hold {
    void take(String customId, byte[] content) throws IOException;
  }

  void unload(Hold into) throws IOException;
}
