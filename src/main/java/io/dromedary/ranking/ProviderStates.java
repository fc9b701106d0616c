package io.dromedary.ranking;

/** What the ranking must know of providers: who takes part and who is well. Asked several times a request: in memory, without waiting. */
public interface ProviderStates {
  /** Has it a key, or does it answer (Ollama), or is it the sandbox in use? */
  boolean active(String provider);

  /** False while its breaker is open or it asked to be left alone: it is then tried last. */
  boolean available(String provider);
}
