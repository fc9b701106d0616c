package io.dromedary.catalog;

/** How much a request asks of a model, in five steps. */
public enum Tier {
  TRIVIAL, SIMPLE, MEDIUM, COMPLEX, EXPERT;

  /** The tier of a complexity score: five equal steps of 0..1. */
  public static Tier of(double score) {
    return values()[(int) Math.min(4, Math.max(0, Math.floor(score * 5)))];
  }
}
