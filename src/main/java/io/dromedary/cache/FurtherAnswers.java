package io.dromedary.cache;

import io.dromedary.catalog.Recall;
import org.jspecify.annotations.Nullable;

/** The caches beyond this node's memory, as {@code look-further} asks them; one that is not there has nothing. */
public final class FurtherAnswers {
  private final @Nullable SharedAnswers shared;

  public FurtherAnswers(@Nullable SharedAnswers shared) {
    this.shared = shared;
  }

  /** What another node was told, from Redis; null if nothing. */
  public @Nullable CachedAnswer shared(Recall recall) {
    return shared == null ? null : shared.look(recall);
  }

  /** Is there any? */
  public boolean any() {
    return shared != null;
  }
}
