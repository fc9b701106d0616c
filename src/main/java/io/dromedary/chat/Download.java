package io.dromedary.chat;

import java.io.IOException;
import java.io.OutputStream;

/** A file that is being sent to a client: too large to be held, so written out as it is read. */
public record Download(long bytes, Source source) {
  /** The bytes of what is made while it is sent. */
  public static final long UNKNOWN = -1;

  /** Where it is read. */
  public interface Source {
    void copy(OutputStream out) throws IOException;
  }
}
