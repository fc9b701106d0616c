package io.dromedary.complexity;

import io.dromedary.catalog.Complexity;
import io.dromedary.chat.ChatRequest;

/** Says how hard a request looks. Thread-safe, without I/O, a few microseconds for a usual prompt. */
public interface ComplexityScorer {
  Complexity score(ChatRequest request);

  /** The name it goes by in {@code routing.yaml} and in model names such as {@code router-<kind>-<threshold>}. */
  String kind();

  /** The score of a turn before the latest, which counts less: what takes time may be left out. */
  default double scoreEarlier(ChatRequest turn) {
    return score(turn).score();
  }
}
