package io.dromedary.feedback;

import java.time.Duration;

/**
 * How fast is learned and forgotten.
 *
 * @param halfLife after which an observation counts half
 * @param priorWeight how many scores the prior counts as
 * @param memory most observations of each kind that are remembered per model, task and tier
 * @param latencyHalfLife after which an observed latency counts half
 * @param leastLatencies observations from which on they replace the catalogue's latency
 * @param explorationShare of requests that may try another model than the best, 0..1
 * @param explorationCost how many times the first candidate's expected cost a model may cost that is tried
 * @param regeneratedWithin how soon the same question must come again to be a complaint
 */
public record LearningRules(Duration halfLife, double priorWeight, double memory, Duration latencyHalfLife, double leastLatencies, double explorationShare, double explorationCost, Duration regeneratedWithin) {
  public static final LearningRules DEFAULT = new LearningRules(Duration.ofDays(14), 20, 200, Duration.ofMinutes(30), 20, 0.05, 3, Duration.ofMinutes(10));

  /** @throws IllegalArgumentException naming the key and what is allowed */
  public LearningRules {
    check("half-life", halfLife.toMillis() >= 1_000, "at least 1s");
    check("prior-weight", priorWeight >= 1 && priorWeight <= 10_000, "from 1 to 10000");
    check("memory", memory >= 1 && memory <= 1_000_000, "from 1 to 1000000");
    check("latency-half-life", latencyHalfLife.toMillis() >= 1_000, "at least 1s");
    check("least-latencies", leastLatencies >= 1 && leastLatencies <= 1_000_000, "from 1 to 1000000");
    check("exploration-share", explorationShare >= 0 && explorationShare <= 0.5, "from 0 to 0.5");
    check("exploration-cost", explorationCost >= 1 && explorationCost <= 1_000, "from 1 to 1000");
    check("regenerated-within", !regeneratedWithin.isNegative() && regeneratedWithin.toDays() <= 1, "from 0s to 1d");
  }

  private static void check(String key, boolean right, String allowed) {
    if (!right) {
      throw new IllegalArgumentException("config/application.yaml: dromedary.learning." + key + " must be " + allowed);
    }
  }
}
