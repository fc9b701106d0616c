package io.dromedary.limit;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What became of claims that are granted together or not at all.
 *
 * @param denied the one that takes longest to come true, null when all were granted
 */
record Verdict(List<Level> levels, @Nullable Level denied) {
  static Verdict of(List<Level> levels) {
    Level worst = null;
    for (Level level : levels) {
      if (level.denied() && (worst == null || level.waitNanos() > worst.waitNanos())) {
        worst = level;
      }
    }
    return new Verdict(levels, worst);
  }
}
