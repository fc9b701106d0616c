package io.dromedary.catalog;

import io.dromedary.chat.Usd;
import org.jspecify.annotations.Nullable;

/**
 * How the caches answered one request.
 *
 * @param status {@code hit}, {@code semantic}, {@code miss} or {@code bypass}
 * @param key what a fresh answer is to be remembered under, "" if it is not
 * @param model the model that made the recalled answer, "" without one
 * @param provider its provider, "" without one
 * @param originalCost what the recalled answer cost when it was made: what the hit saves
 * @param similarity of a semantic hit to its original, null otherwise
 */
public record Recall(String status, String key, String model, String provider, Usd originalCost, @Nullable Double similarity) {
  public static final Recall BYPASS = new Recall("bypass", "", "", "", Usd.ZERO, null);

  public static Recall miss(String key) {
    return new Recall("miss", key, "", "", Usd.ZERO, null);
  }

  public boolean hit() {
    return "hit".equals(status) || "semantic".equals(status);
  }
}
