package io.dromedary.chat;

import java.io.IOException;
import java.io.OutputStream;

/** A file that is being sent to a client: too large to be held, so written out as it is read. */
public record Download(long bytes, Source source) {
  /** Where it is read. */
  public interface Source {
    void copy(OutputStream out) throws IOException;
  }
}
