package io.dromedary.feedback;

import java.time.Clock;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;

/**
 * How good each model's answers turn out to be, per task and tier.
 *
 * <p>Two beta distributions, multiplied. The first is of the scores that callers gave: its prior has the mean that is expected without any (the catalogue's, or a trained model's of the request) and the weight of {@code priorWeight}
 * scores. The second is of what the gateway saw by itself: sound answers against errors, junk, escalations and answers that were asked for again; its prior is that all is well, so that a model of which nobody complains
 * keeps the quality that is expected of it, however often it is asked. A kind of request of which little is known borrows from the model's other kinds: the mean over those moves its prior. Observations fade with time, and
 * older ones make room for newer ones (Garivier and Moulines 2008 on bandits whose arms change).
 *
 * <p>Each node adds up its own observations; what is believed comes from the sum over the nodes.
 */
public final class QualityEstimates {
  /** All kinds of requests of one model together. */
  private static final String ALL = "*";
  /** How many sound answers the prior of soundness counts as. */
  private static final double SOUND_PRIOR = 10;
  /** Models times tasks times tiers; a name that is not in any catalogue can come in by a request. */
  private static final int MOST_KEYS = 20_000;

  record Key(String model, String task, String tier) {
    Key all() {
      return new Key(model, ALL, ALL);
    }
  }

  private final LearningRules rules;
  private final double halfLifeMs;
  private final BooleanSupplier on;
  private final Clock clock;
  /** This node's, with one sum per model under {@link #ALL}. */
  private final ConcurrentHashMap<Key, Tally> own = new ConcurrentHashMap<>();
  private volatile Map<Key, Tally> others = Map.of();
  private final AtomicLong changes = new AtomicLong();

  /** @param on whether what was learned is used; observations are kept in any case */
  public QualityEstimates(LearningRules rules, BooleanSupplier on, Clock clock) {
    this.rules = rules;
    this.halfLifeMs = rules.halfLife().toMillis();
    this.on = on;
    this.clock = clock;
  }

  /** A caller's score of an answer, 0..1. */
  void scored(String model, String task, String tier, double score) {
    add(model, task, tier, score, 1, 0, 0);
  }

  /** A caller changed its mind, so long after. */
  void rescored(String model, String task, String tier, double before, double now, long ageMs) {
    add(model, task, tier, (now - before) * Math.pow(0.5, ageMs / halfLifeMs), 0, 0, 0);
  }

  void sound(String model, String task, String tier) {
    add(model, task, tier, 0, 0, 1, 0);
  }

  void unsound(String model, String task, String tier) {
    add(model, task, tier, 0, 0, 0, 1);
  }

  /** What was counted as sound turned out not to be. */
  void turnedUnsound(String model, String task, String tier) {
    add(model, task, tier, 0, 0, -1, 1);
  }

  private void add(String model, String task, String tier, double good, double told, double sound, double unsound) {
    Key key = new Key(model, task, tier);
    if (model.isEmpty() || own.size() >= MOST_KEYS && !own.containsKey(key)) {
      return;
    }
    long now = clock.millis();
    for (Key each : new Key[] {key, key.all()}) {
      own.merge(each, new Tally(good, told, sound, unsound, now), (before, more) -> before.at(now, halfLifeMs).plus(good, told, sound, unsound).atMost(rules.memory()));
    }
    changes.incrementAndGet();
  }

  /**
   * What is expected of a model's answer: the prior until something was learned, and while learning is off. Quick and without I/O: asked for every candidate of a request.
   *
   * @param prior what is expected without any observation, 0..1
   */
  public double expected(String model, double prior, String task, String tier) {
    if (!on.getAsBoolean() || knowsNothing()) {
      return prior;
    }
    Tally all = sum(new Key(model, ALL, ALL));
    return all == Tally.NONE ? prior : estimate(all, sum(new Key(model, task, tier)), prior).quality();
  }

  /** The same with how sure it is, also while learning is off. */
  public Estimate estimate(String model, double prior, String task, String tier) {
    return estimate(sum(new Key(model, ALL, ALL)), sum(new Key(model, task, tier)), prior);
  }

  /** Over all kinds of requests. */
  Estimate estimate(String model, double prior) {
    Tally all = sum(new Key(model, ALL, ALL));
    return estimate(all, all, prior);
  }

  private Estimate estimate(Tally all, Tally here, double prior) {
    Tally rest = all.without(here);
    double weight = rules.priorWeight();
    double mean = (weight * prior + rest.good()) / (weight + rest.told());
    double n = weight + here.told();
    double quality = clip((weight * mean + here.good()) / n);
    double soundMean = (SOUND_PRIOR + rest.sound()) / (SOUND_PRIOR + rest.signs());
    double m = SOUND_PRIOR + here.signs();
    double soundness = clip((SOUND_PRIOR * soundMean + here.sound()) / m);
    double variance = quality * (1 - quality) / (n + 1) * soundness * soundness + soundness * (1 - soundness) / (m + 1) * quality * quality;
    return new Estimate(quality * soundness, Math.sqrt(variance), prior, all.told(), all.signs());
  }

  private static double clip(double value) {
    return Math.max(0, Math.min(1, value));
  }

  private Tally sum(Key key) {
    Tally mine = own.get(key);
    Tally theirs = others.get(key);
    if (mine == null && theirs == null) {
      return Tally.NONE;
    }
    long now = clock.millis();
    Tally sum = mine == null ? faded(theirs, now) : faded(mine, now);
    return mine == null || theirs == null ? sum : sum.plus(faded(theirs, now));
  }

  /** What has not faded by a ten-thousandth is taken as it is: a busy model is asked about many times a request. */
  private Tally faded(Tally tally, long nowMs) {
    return nowMs - tally.atMs() < halfLifeMs / 10_000 ? tally : tally.at(nowMs, halfLifeMs);
  }

  boolean knowsNothing() {
    return own.isEmpty() && others.isEmpty();
  }

  // ---- the store ----------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  /** Grows with every observation. */
  long changes() {
    return changes.get();
  }

  /** This node's sums. */
  Map<Key, Tally> own() {
    Map<Key, Tally> copy = new HashMap<>(own);
    copy.keySet().removeIf(key -> key.task().equals(ALL));
    return copy;
  }

  /** What this node knew before it was stopped. */
  void restore(Map<Key, Tally> before) {
    before.forEach((key, tally) -> {
      own.merge(key, tally, QualityEstimates.this::both);
      own.merge(key.all(), tally, QualityEstimates.this::both);
    });
  }

  /** What all other nodes know, anew. */
  void others(List<Map.Entry<Key, Tally>> rows) {
    Map<Key, Tally> sums = new HashMap<>();
    for (Map.Entry<Key, Tally> row : rows) {
      sums.merge(row.getKey(), row.getValue(), this::both);
      sums.merge(row.getKey().all(), row.getValue(), this::both);
    }
    others = Map.copyOf(sums);
  }

  private Tally both(Tally a, Tally b) {
    long at = Math.max(a.atMs(), b.atMs());
    return a.at(at, halfLifeMs).plus(b.at(at, halfLifeMs));
  }

  /** @param model "" for all */
  void forget(String model) {
    own.keySet().removeIf(key -> model.isEmpty() || key.model().equals(model));
    Map<Key, Tally> left = new HashMap<>(others);
    left.keySet().removeIf(key -> model.isEmpty() || key.model().equals(model));
    others = Map.copyOf(left);
    changes.incrementAndGet();
  }

  /** The kinds of requests that something is known of, by model. */
  Map<String, List<Key>> known() {
    Map<String, List<Key>> known = new TreeMap<>();
    Map<Key, Tally> all = new HashMap<>(others);
    all.putAll(own);
    all.keySet().stream().filter(key -> !key.task().equals(ALL)).sorted(Comparator.comparing(Key::task).thenComparing(Key::tier))
        .forEach(key -> known.computeIfAbsent(key.model(), model -> new ArrayList<>()).add(key));
    return known;
  }
}
