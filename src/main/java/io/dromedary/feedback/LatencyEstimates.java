package io.dromedary.feedback;

import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;

/**
 * How long each model takes until its caller gets the first content (all of it, when it is not streamed): percentiles of a fading histogram, and the catalogue's figure until enough has been seen or again when it has faded.
 * Steps are 10 % wide, from 1 ms to 10 minutes. Observations of this node only: another node's way to a provider is another way.
 */
public final class LatencyEstimates {
  private static final double STEP = Math.log(1.1);
  private static final int STEPS = 141;
  private static final int MOST_MODELS = 2_000;

  /** A percentile and how much it was made of, as of a moment. */
  private record Seen(long p50Ms, long p95Ms, double weight, long atMs) {}

  private static final class Histogram {
    final double[] counts = new double[STEPS];
    double weight;
    long atMs;
    volatile Seen seen = new Seen(0, 0, 0, 0);

    synchronized void add(long ms, long nowMs, double halfLifeMs) {
      double left = Math.pow(0.5, Math.max(0, nowMs - atMs) / halfLifeMs);
      weight = 0;
      for (int i = 0; i < STEPS; i++) {
        counts[i] *= left;
        weight += counts[i];
      }
      counts[(int) Math.max(0, Math.min(STEPS - 1, Math.round(Math.log(Math.max(1, ms)) / STEP)))]++;
      weight++;
      atMs = nowMs;
      seen = new Seen(percentile(0.5), percentile(0.95), weight, nowMs);
    }

    private long percentile(double share) {
      double wanted = weight * share;
      int i = 0;
      for (double sum = counts[0]; sum < wanted && i < STEPS - 1; sum += counts[i]) {
        i++;
      }
      return Math.round(Math.exp(i * STEP));
    }
  }

  private final LearningRules rules;
  private final double halfLifeMs;
  private final BooleanSupplier on;
  private final Clock clock;
  private final ConcurrentHashMap<String, Histogram> models = new ConcurrentHashMap<>();

  public LatencyEstimates(LearningRules rules, BooleanSupplier on, Clock clock) {
    this.rules = rules;
    this.halfLifeMs = rules.latencyHalfLife().toMillis();
    this.on = on;
    this.clock = clock;
  }

  void took(String model, Duration latency) {
    if (model.isEmpty() || models.size() >= MOST_MODELS && !models.containsKey(model)) {
      return;
    }
    models.computeIfAbsent(model, id -> new Histogram()).add(latency.toMillis(), clock.millis(), halfLifeMs);
  }

  /** The median that was seen, else the prior. */
  public Duration expected(String model, long priorMs) {
    Histogram histogram = models.get(model);
    if (histogram == null || !on.getAsBoolean() || weight(histogram.seen) < rules.leastLatencies()) {
      return Duration.ofMillis(priorMs);
    }
    return Duration.ofMillis(histogram.seen.p50Ms());
  }

  private double weight(Seen seen) {
    return seen.weight() * Math.pow(0.5, Math.max(0, clock.millis() - seen.atMs()) / halfLifeMs);
  }

  void forget(String model) {
    models.keySet().removeIf(id -> model.isEmpty() || id.equals(model));
  }

  /** What is known of a model. */
  record Known(long p50Ms, long p95Ms, double observations, boolean used) {}

  Map<String, Known> known() {
    Map<String, Known> known = new TreeMap<>();
    models.forEach((model, histogram) -> {
      Seen seen = histogram.seen;
      double weight = weight(seen);
      known.put(model, new Known(seen.p50Ms(), seen.p95Ms(), weight, weight >= rules.leastLatencies()));
    });
    return known;
  }
}
