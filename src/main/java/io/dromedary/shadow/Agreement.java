package io.dromedary.shadow;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * How like two answers are, from 0 to 1. The lexical one is the F1 of the words they share, each counted as often as it occurs (ROUGE-1, Lin 2004): crude for long free texts, exact for short answers, free of cost and the same everywhere.
 */
public final class Agreement {
  private static final Pattern WORD = Pattern.compile("[\\p{L}\\p{N}]+");
  private static final int MOST_CHARS = 20_000;

  private Agreement() {}

  public static double lexical(String one, String other) {
    Map<String, Integer> words = words(one);
    Map<String, Integer> others = words(other);
    long all = total(words) + total(others);
    if (all == 0) {
      return one.strip().equals(other.strip()) ? 1 : 0;
    }
    long shared = 0;
    for (Map.Entry<String, Integer> word : words.entrySet()) {
      shared += Math.min(word.getValue(), others.getOrDefault(word.getKey(), 0));
    }
    return 2.0 * shared / all;
  }

  /** The cosine of two vectors, not below 0; null where one is missing. */
  public static @Nullable Double cosine(float @Nullable [] one, float @Nullable [] other) {
    if (one == null || other == null) {
      return null;
    }
    double dot = 0;
    double a = 0;
    double b = 0;
    for (int i = 0; i < one.length; i++) {
      dot += one[i] * other[i];
      a += one[i] * one[i];
      b += other[i] * other[i];
    }
    return a == 0 || b == 0 ? null : Math.max(0, Math.min(1, dot / Math.sqrt(a * b)));
  }

  private static Map<String, Integer> words(String text) {
    Map<String, Integer> words = new HashMap<>();
    Matcher word = WORD.matcher(text.substring(0, Math.min(text.length(), MOST_CHARS)).toLowerCase(Locale.ROOT));
    while (word.find()) {
      words.merge(word.group(), 1, Integer::sum);
    }
    return words;
  }

  private static long total(Map<String, Integer> words) {
    return words.values().stream().mapToLong(Integer::longValue).sum();
  }
}
