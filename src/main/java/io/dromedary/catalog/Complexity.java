package io.dromedary.catalog;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How hard a request looks.
 *
 * @param score 0..1
 * @param tier the tier that is routed by
 * @param scorer who said so: {@code keywords}, {@code length}, ...
 * @param signals what it saw, for people: name to value
 * @param reading what the scorer keeps of the words for those who go on from there; null for nothing. No part of the page
 */
public record Complexity(double score, Tier tier, String scorer, Map<String, Object> signals, @Nullable Reading reading) {
  /** A request's words, read once; only who made it knows what is in it. */
  public interface Reading {}

  public Complexity(double score, Tier tier, String scorer, Map<String, Object> signals) {
    this(score, tier, scorer, signals, null);
  }

  /** The same, routed by that tier. */
  public Complexity at(Tier other) {
    return other == tier ? this : new Complexity(score, other, scorer, signals, reading);
  }

  /** The same, with other signals. */
  public Complexity told(Map<String, Object> others) {
    return new Complexity(score, tier, scorer, others, reading);
  }
}
