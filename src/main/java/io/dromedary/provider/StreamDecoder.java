package io.dromedary.provider;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.Usage;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Turns the frames of one provider stream into canonical chunks. Not thread-safe: one stream, one puller. */
public interface StreamDecoder {
  /**
   * Takes one frame: an SSE event's name and joined data, or one NDJSON line (no name). Comments and blank lines never get here.
   *
   * @return the canonical chunks it makes, often one, possibly none; without {@code usage}. Lifecycle chunks (a bare role delta) may be returned as such: the stream holds them back until content comes
   * @throws ProviderFailure if the frame is an error
   * @throws IOException if the frame is not the provider's language
   */
  List<ObjectNode> accept(@Nullable String event, byte[] data) throws IOException;

  /** True once the provider's last event has come; what follows is ignored. A stream that ends before is cut. */
  boolean complete();

  /** If the input ended now, would the answer be whole? Looser than {@link #complete} for providers that leave their last event out: every choice has its finish reason. */
  default boolean wholeAtEnd() {
    return complete();
  }

  /** The usage the provider reported so far, null if it has not yet (the caller then counts). */
  @Nullable Usage usage();
}
