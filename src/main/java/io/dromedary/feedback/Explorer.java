package io.dromedary.feedback;

import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Candidates;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Usd;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/**
 * Puts the candidates of {@code auto} in another order when what was learned says so. A model whose answers were clearly worse than expected is tried after the others; and, where exploration is on, a bounded share of requests goes
 * first to another model than the best, so that one that has recovered is found again.
 *
 * <p>Only candidates that met every constraint of the request are here, so that neither can break one. Exploration picks by an upper confidence bound with discounted counts (D-UCB, Garivier and Moulines 2008): the longer a model
 * has not been tried, the larger its bonus.
 */
public final class Explorer {
  private static final String SANDBOX = "sandbox";
  /** A model disappoints when even the upper end of what is believed of it is below this part of its prior. */
  private static final double DISAPPOINTING = 0.85;
  private static final double SURE = 1.64;
  /** About the last so many requests count. */
  private static final double DISCOUNT = 1 - 1.0 / 200;

  private final QualityEstimates quality;
  private final LearningRules rules;
  private final BooleanSupplier learning;
  private final Predicate<String> exploring;
  private final Predicate<String> available;
  private final Map<String, Double> tries = new HashMap<>();
  private final Map<String, Long> triedAt = new HashMap<>();
  private long turn;

  /**
   * @param exploring whether a project's requests may explore
   * @param available whether a provider is well
   */
  public Explorer(QualityEstimates quality, LearningRules rules, BooleanSupplier learning, Predicate<String> exploring, Predicate<String> available) {
    this.quality = quality;
    this.rules = rules;
    this.learning = learning;
    this.exploring = exploring;
    this.available = available;
  }

  /** The candidates as they are to be tried. */
  public Candidates order(ChatRequest request, Caller caller, Candidates candidates) {
    List<Candidate> ranked = candidates.ranked();
    if (ranked.size() < 2 || !candidates.decision().strategy().equals("tier") || stays(candidates) || !learning.getAsBoolean() || quality.knowsNothing() && !exploring.test(caller.project())) {
      return candidates;
    }
    String tier = candidates.decision().tier();
    String task = candidates.decision().topic().task();
    List<Candidate> order = proved(ranked, task, tier);
    if (exploring.test(caller.project())) {
      order = explored(order, task, tier, request.id());
    }
    return order == ranked ? candidates : new Candidates(order, candidates.decision());
  }

  /** A conversation that was kept with its model stays there: to leave it costs its prompt cache. */
  private static boolean stays(Candidates candidates) {
    return candidates.decision().more().get("session") instanceof Map<?, ?> told && Boolean.TRUE.equals(told.get("kept"));
  }

  private List<Candidate> proved(List<Candidate> ranked, String task, String tier) {
    List<Candidate> well = new ArrayList<>(ranked.size());
    List<Candidate> disappointing = new ArrayList<>(0);
    for (Candidate candidate : ranked) {
      Estimate estimate = quality.estimate(candidate.model().id(), candidate.model().quality(), task, tier);
      boolean disappoints = estimate.quality() + SURE * estimate.deviation() < DISAPPOINTING * estimate.prior();
      if (disappoints) {
        disappointing.add(because(candidate, "tried late, since its answers were worse than expected: " + Math.round(estimate.quality() * 100) / 100.0));
      } else {
        well.add(candidate);
      }
    }
    if (disappointing.isEmpty() || well.isEmpty()) {
      return ranked;
    }
    int end = well.size();
    while (end > 0 && well.get(end - 1).provider().equals(SANDBOX)) {
      end--;
    }
    if (end == 0) {
      return ranked;
    }
    well.addAll(end, disappointing);
    return well;
  }

  private synchronized List<Candidate> explored(List<Candidate> order, String task, String tier, String requestId) {
    turn++;
    Candidate best = order.get(0);
    Candidate first = best;
    if (Math.floorMod(mixed(requestId), 10_000) < rules.explorationShare() * 10_000) {
      double all = 0;
      for (Candidate candidate : order) {
        all += tries(candidate);
      }
      double highest = Double.NEGATIVE_INFINITY;
      for (Candidate candidate : order) {
        if (affordable(candidate, best) && available.test(candidate.provider()) && !candidate.provider().equals(SANDBOX)) {
          double believed = quality.estimate(candidate.model().id(), candidate.model().quality(), task, tier).quality();
          double bound = believed + Math.sqrt(Math.log(1 + all) / (1 + tries(candidate)));
          if (bound > highest) {
            highest = bound;
            first = candidate;
          }
        }
      }
    }
    tries.put(first.model().id(), tries(first) + 1);
    triedAt.put(first.model().id(), turn);
    if (first == best) {
      return order;
    }
    List<Candidate> changed = new ArrayList<>(order);
    changed.remove(first);
    changed.add(0, because(first, "explored, to learn how good it is"));
    return changed;
  }

  private boolean affordable(Candidate candidate, Candidate best) {
    Usd cost = candidate.expectedCost();
    Usd usual = best.expectedCost();
    return cost != null && (usual == null || cost.nanos() <= usual.nanos() * rules.explorationCost());
  }

  private double tries(Candidate candidate) {
    String id = candidate.model().id();
    return tries.getOrDefault(id, 0.0) * Math.pow(DISCOUNT, turn - triedAt.getOrDefault(id, turn));
  }

  private static long mixed(String text) {
    long hash = 0xcbf29ce484222325L;
    for (int i = 0; i < text.length(); i++) {
      hash = (hash ^ text.charAt(i)) * 0x100000001b3L;
    }
    hash = (hash ^ hash >>> 30) * 0xbf58476d1ce4e5b9L;
    return hash ^ hash >>> 31;
  }

  private static Candidate because(Candidate candidate, String why) {
    return new Candidate(candidate.model(), candidate.expectedCost(), candidate.expectedQuality(), candidate.expectedLatency(), candidate.reason() + "; " + why);
  }
}
