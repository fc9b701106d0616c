package io.dromedary.chat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;

/**
 * A whole answer that was given before and kept as bytes, ready to be sent again without being read.
 *
 * @param bytes the {@code chat.completion} or list of embeddings as JSON; not to be changed
 * @param usage what the original call used
 */
public record KeptResponse(byte[] bytes, Usage usage) implements Answer {
  /** The answer as a tree of its own, to be replayed as a stream. */
  public ChatResponse parsed() {
    try {
      return new ChatResponse((ObjectNode) Json.read(bytes), usage);
    } catch (IOException e) {
      throw new UncheckedIOException("a kept answer is not JSON", e);
    }
  }
}
