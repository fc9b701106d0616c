package io.dromedary.ranking;

import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import org.jspecify.annotations.Nullable;

/** What the ranking must know of providers: who takes part and who is well. Asked several times a request: in memory, without waiting. */
public interface ProviderStates {
  /** Has it a key, or does it answer (Ollama), or is it the sandbox in use? */
  boolean active(String provider);

  /** False while its breaker is open or it asked to be left alone: it is then tried last. */
  boolean available(String provider);

  /** A parameter of the request that the model's provider would leave out or refuse, null if there is none or it is not known. Only asked with {@code require_parameters}: it costs a translation. */
  default @Nullable String parameterNotTaken(ChatRequest request, Model model) {
    return null;
  }
}
