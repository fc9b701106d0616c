package io.dromedary.chat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import org.jspecify.annotations.Nullable;

/**
 * An answer that arrives piece by piece. It owns its connection: {@link #close} cancels the provider call. When it is handed out its first content has already been read, so failing over was
 * possible until then and is not afterwards.
 *
 * <p>Chunks are canonical {@code chat.completion.chunk} objects with one id, created and model; they carry no {@code usage}: that is asked with {@link #usage()} (the door adds it for clients who asked).
 * Pulled by one thread; {@link #close} and {@link #abort} may come from any.
 */
public non-sealed interface ChatStream extends Answer, AutoCloseable {
  /**
   * Waits for the next chunk.
   *
   * @return the chunk, or null once the provider's last event has come
   * @throws ProviderFailure if the provider errs, stalls or ends without its last event; the stream is then over
   */
  @Nullable ObjectNode next();

  /** True if {@link #next} has a chunk at hand and would not wait: what was written so far need not be flushed yet. */
  boolean hasReady();

  /** Usage as known now: final after {@link #next} returned null, otherwise what the provider reported or we counted so far. */
  Usage usage();

  /** True once the provider's last event has come. */
  boolean complete();

  /** Ends the call from another thread: the puller gets a {@link ProviderFailure} with this reason. */
  void abort(ProviderFailure reason);

  /** Gives the connection back if the stream is complete, cancels the provider call if not. Idempotent. */
  @Override
  void close();
}
