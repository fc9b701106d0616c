package io.dromedary.client;

import io.dromedary.chat.ChatStream;
import io.dromedary.chat.Download;
import java.util.Map;

/** What goes back to the caller: whole bytes, or a stream that is written as it arrives. Its headers are the fixed list of the contract; nothing else becomes one. */
public sealed interface Reply {
  int status();

  Map<String, String> headers();

  /** Bytes that are ready to send. */
  record Whole(int status, Map<String, String> headers, String contentType, byte[] body) implements Reply {}

  /** A file, written as it is read. */
  record File(Map<String, String> headers, String contentType, Download download) implements Reply {
    @Override
    public int status() {
      return 200;
    }
  }

  /**
   * A stream of canonical chunks.
   *
   * @param usageWanted whether the client asked for the usage chunk
   */
  record Streamed(Map<String, String> headers, ChatStream stream, boolean usageWanted) implements Reply {
    @Override
    public int status() {
      return 200;
    }
  }
}
