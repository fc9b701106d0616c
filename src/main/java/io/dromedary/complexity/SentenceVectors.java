package io.dromedary.complexity;

import org.jspecify.annotations.Nullable;

/** Where the learned scorer gets a prompt's sentence vector from, {@link LearnedModel#VECTOR} numbers of unit length. Asked once a request; it answers in bounded time. */
@FunctionalInterface
public interface SentenceVectors {
  /** Never one. */
  SentenceVectors NONE = text -> null;

  /** The vector, or null when there is none or none in time: then the words alone are scored. */
  float @Nullable [] of(String text);
}
