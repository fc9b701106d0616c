package io.dromedary.ranking;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * How long answers are, by task: a prior, and what this process has seen. The figure is one that nine answers of ten stay below, followed by stochastic approximation (Robbins and Monro, 1951): a longer answer moves it up by nine
 * steps, a shorter one down by one. In memory only: after a restart the prior counts again.
 */
public final class AnswerLengths {
  private static final double NINE_OF_TEN = 0.9;
  /** Answers that weigh as much as the prior. */
  private static final double PRIOR_WEIGHT = 20;
  private static final long UNKNOWN = 600;
  /** Tokens, by hand: what usual answers of today's models to such tasks stay below. */
  private static final Map<String, Long> PRIORS = Map.of("code", 900L, "maths", 600L, "creative", 800L, "analysis", 1_000L, "question_answering", 400L, "summary", 400L, "translation", 300L, "chat", 200L, "extraction", 400L);

  private static final class Seen {
    private double quantile;
    private long count;

    private Seen(double start) {
      this.quantile = start;
    }

    private synchronized void observe(long tokens) {
      count++;
      double step = Math.max(1, quantile * Math.max(0.02, 0.5 / Math.sqrt(count)));
      quantile = Math.max(1, quantile + step * (tokens > quantile ? NINE_OF_TEN : NINE_OF_TEN - 1));
    }

    private synchronized double estimate(double prior) {
      return (prior * PRIOR_WEIGHT + quantile * count) / (PRIOR_WEIGHT + count);
    }

    private synchronized long count() {
      return count;
    }
  }

  private final Map<String, Seen> byTask = new ConcurrentHashMap<>();

  /** Tokens that nine answers of ten to such a task stay below. */
  public long of(String task) {
    long prior = PRIORS.getOrDefault(task, UNKNOWN);
    Seen seen = byTask.get(task);
    return seen == null ? prior : Math.round(seen.estimate(prior));
  }

  /** How many answers that is based on, beside the prior. */
  public long seen(String task) {
    Seen seen = byTask.get(task);
    return seen == null ? 0 : seen.count();
  }

  /** @param cut was it ended by a limit? Then it would have been longer */
  public void observe(String task, long tokens, boolean cut) {
    if (!task.isEmpty() && tokens > 0) {
      byTask.computeIfAbsent(task, name -> new Seen(PRIORS.getOrDefault(name, UNKNOWN))).observe(cut ? tokens * 2 : tokens);
    }
  }
}
