package io.dromedary.feedback;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Candidates;
import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Tariff;
import io.dromedary.catalog.Tier;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.ranking.CandidateRanking;
import io.dromedary.ranking.ExpectedLatency;
import io.dromedary.ranking.ProviderStates;
import io.dromedary.ranking.RoutingPolicy;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** What is believed of models after what was seen of them. */
class LearningTest {
  private static final String M = "openai/m";
  private static final LearningRules RULES = LearningRules.DEFAULT;

  /** Stands still until it is moved. */
  private static final class Hand extends Clock {
    Instant now = Instant.parse("2026-01-01T00:00:00Z");

    void pass(Duration time) {
      now = now.plus(time);
    }

    @Override
    public Instant instant() {
      return now;
    }

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      return this;
    }
  }

  private final Hand clock = new Hand();
  private final AtomicBoolean on = new AtomicBoolean(true);
  private final QualityEstimates quality = new QualityEstimates(RULES, on::get, clock);
  private final LatencyEstimates latency = new LatencyEstimates(RULES, on::get, clock);

  private double expected(String tier) {
    return quality.expected(M, 0.8, "", tier);
  }

  @Test
  void nothing_seen_is_the_prior_and_scores_move_it_by_their_number() {
    assertThat(expected("SIMPLE")).isEqualTo(0.8);
    for (int i = 0; i < 20; i++) {
      quality.scored(M, "", "SIMPLE", 0);
    }
    assertThat(expected("SIMPLE")).as("as many scores of 0 as the prior weighs").isCloseTo(0.4, within(1e-9));
    for (int i = 0; i < 1_000; i++) {
      quality.scored(M, "", "SIMPLE", 1);
    }
    assertThat(expected("SIMPLE")).isGreaterThan(0.95);
  }

  @Test
  void the_more_was_said_the_surer_it_is() {
    double unsure = quality.estimate(M, 0.8, "", "SIMPLE").deviation();
    for (int i = 0; i < 100; i++) {
      quality.scored(M, "", "SIMPLE", i % 5 == 0 ? 0 : 1);
    }
    Estimate sure = quality.estimate(M, 0.8, "", "SIMPLE");
    assertThat(sure.quality()).isCloseTo(0.8, within(1e-9));
    assertThat(sure.deviation()).isLessThan(unsure / 2);
    assertThat(sure.scores()).isEqualTo(100);
  }

  @Test
  void a_kind_of_request_of_which_nothing_is_known_borrows_from_the_others() {
    for (int i = 0; i < 100; i++) {
      quality.scored(M, "", "SIMPLE", 0.2);
    }
    assertThat(expected("EXPERT")).isLessThan(0.5).isGreaterThanOrEqualTo(expected("SIMPLE"));
    for (int i = 0; i < 100; i++) {
      quality.scored(M, "", "EXPERT", 1);
    }
    assertThat(expected("EXPERT")).isGreaterThan(0.85);
    assertThat(expected("SIMPLE")).isLessThan(0.45);
  }

  @Test
  void an_answer_nobody_complains_of_changes_nothing_and_failures_take_their_part() {
    for (int i = 0; i < 90; i++) {
      quality.sound(M, "", "SIMPLE");
    }
    assertThat(expected("SIMPLE")).isEqualTo(0.8);
    for (int i = 0; i < 30; i++) {
      quality.unsound(M, "", "SIMPLE");
    }
    assertThat(expected("SIMPLE")).isCloseTo(0.8 * 100 / 130, within(1e-9));
    quality.turnedUnsound(M, "", "SIMPLE");
    assertThat(expected("SIMPLE")).isCloseTo(0.8 * 99 / 130, within(1e-9));
  }

  @Test
  void observations_fade_with_time() {
    for (int i = 0; i < 20; i++) {
      quality.scored(M, "", "SIMPLE", 0);
    }
    clock.pass(RULES.halfLife());
    assertThat(expected("SIMPLE")).as("ten of twenty are left").isCloseTo(0.8 * 20 / 30, within(1e-9));
    clock.pass(RULES.halfLife().multipliedBy(20));
    assertThat(expected("SIMPLE")).isCloseTo(0.8, within(1e-4));
  }

  @Test
  void a_changed_score_replaces_what_was_said_also_later() {
    quality.scored(M, "", "SIMPLE", 1);
    clock.pass(RULES.halfLife());
    quality.rescored(M, "", "SIMPLE", 1, 0, RULES.halfLife().toMillis());
    assertThat(expected("SIMPLE")).as("as if it had been 0 from the start").isCloseTo(0.8 * 20 / 20.5, within(1e-9));
  }

  @Test
  void switched_off_the_prior_holds() {
    quality.scored(M, "", "SIMPLE", 0);
    on.set(false);
    assertThat(expected("SIMPLE")).isEqualTo(0.8);
  }

  @Test
  void a_latency_is_believed_once_it_was_seen_often_enough_and_until_it_has_faded() {
    for (int i = 0; i < 19; i++) {
      latency.took(M, Duration.ofMillis(i % 6 == 5 ? 5_000 : 300));
    }
    assertThat(latency.expected(M, 900)).isEqualTo(Duration.ofMillis(900));
    latency.took(M, Duration.ofMillis(300));
    assertThat(latency.expected(M, 900).toMillis()).as("the median, within a step of 10 %").isBetween(270L, 330L);
    assertThat(latency.known().get(M).p95Ms()).isBetween(4_500L, 5_500L);
    clock.pass(RULES.latencyHalfLife());
    assertThat(latency.expected(M, 900)).isEqualTo(Duration.ofMillis(900));
  }

  @Test
  void rules_out_of_range_are_refused_by_name() {
    assertThatThrownBy(() -> new LearningRules(Duration.ofDays(1), 20, 200, Duration.ofMinutes(1), 20, 0.9, 3, Duration.ZERO)).hasMessageContaining("dromedary.learning.exploration-share must be from 0 to 0.5");
    assertThatThrownBy(() -> new LearningRules(Duration.ofDays(1), Double.NaN, 200, Duration.ofMinutes(1), 20, 0.1, 3, Duration.ZERO)).hasMessageContaining("dromedary.learning.prior-weight");
  }

  // ---- traffic, through the ranking that serves requests ---------------------------------------------------------------------------------------------------------------------------------------

  private static final List<String> MODELS = List.of("openai/a", "openai/b", "openai/c", "openai/d");

  private static ModelCatalog catalogue() {
    double[] priors = {0.9, 0.75, 0.8, 0.6};
    StringBuilder yaml = new StringBuilder("defaults: {source: test, from: 2026-01-01}\nmodels:\n");
    for (int i = 0; i < MODELS.size(); i++) {
      yaml.append("- {id: ").append(MODELS.get(i)).append(", context: 100000, quality: ").append(priors[i]).append(", latency_ms: 300, prices: [{in: 1, out: 1}]}\n");
    }
    return ModelCatalog.read(yaml.toString().getBytes(UTF_8), "models.yaml");
  }

  private static RoutingPolicy policy(ModelCatalog catalogue) {
    StringBuilder yaml = new StringBuilder("scorer: length\nmax-candidates: 6\ntiers:\n");
    for (Tier tier : Tier.values()) {
      yaml.append("  ").append(tier).append(": {models: [").append(String.join(", ", MODELS)).append("]}\n");
    }
    yaml.append("preferences:\n  cost: {cost: 1}\n  quality: {quality: 1}\n  speed: {speed: 1}\n  balanced: {cost: 1, quality: 1}\nrouters: {strong: openai/a, weak: openai/b}\n");
    return RoutingPolicy.read(yaml.toString().getBytes(UTF_8), "routing.yaml", catalogue, Set.of("keywords", "length"));
  }

  /** Simulated callers who score the answers of models that are in truth as good as {@link #truth} says. */
  private final class World {
    final Map<String, Double> truth = new HashMap<>(Map.of("openai/a", 0.6, "openai/b", 0.85, "openai/c", 0.5, "openai/d", 0.7));
    final Random chance = new Random(20_261_127);
    final boolean learns;
    final boolean sorted;
    final CandidateRanking ranking;
    final Explorer explorer;
    int asked;

    World(boolean learns, boolean explores, boolean sorted) {
      this.learns = learns;
      this.sorted = sorted;
      ModelCatalog catalogue = catalogue();
      RoutingPolicy policy = policy(catalogue);
      ProviderStates all = new ProviderStates() {
        @Override
        public boolean active(String provider) {
          return provider.equals("openai");
        }

        @Override
        public boolean available(String provider) {
          return true;
        }
      };
      ranking = new CandidateRanking(() -> catalogue, () -> policy, all, ExpectedLatency.PRIOR, (request, complexity) -> model -> quality.expected(model.id(), model.quality(), "", "SIMPLE"), Tariff.LISTED);
      explorer = new Explorer(quality, new LearningRules(RULES.halfLife(), 20, 200, RULES.latencyHalfLife(), 20, 0.1, 3, RULES.regeneratedWithin()), () -> learns, project -> explores, provider -> true);
    }

    String ask() {
      clock.pass(Duration.ofSeconds(1));
      ChatRequest request = new ChatRequest("req-" + asked++, (ObjectNode) Json.mapper().valueToTree(Map.of("model", sorted ? "auto:quality" : "auto", "messages", List.of(Map.of("role", "user", "content", "hi")))),
          Map.of(), clock.instant(), clock.instant().plusSeconds(60));
      Candidates candidates = explorer.order(request, Caller.OPEN, ranking.byTier(request, new Complexity(0.3, Tier.SIMPLE, "length", Map.of())));
      String model = candidates.ranked().get(0).model().id();
      if (learns) {
        quality.scored(model, "", "SIMPLE", chance.nextDouble() < truth.get(model) ? 1 : 0);
      }
      return model;
    }

    /** What was lost against always asking the best, per request. */
    double regret(int requests) {
      double best = truth.values().stream().mapToDouble(Double::doubleValue).max().orElseThrow();
      double lost = 0;
      for (int i = 0; i < requests; i++) {
        lost += best - truth.get(ask());
      }
      return lost / requests;
    }

    double share(String model, int requests) {
      int found = 0;
      for (int i = 0; i < requests; i++) {
        found += ask().equals(model) ? 1 : 0;
      }
      return (double) found / requests;
    }
  }

  @Test
  void regret_falls_as_scores_come_in() {
    double without = new World(false, false, true).regret(500);
    World world = new World(true, true, true);
    double first = world.regret(50);
    world.regret(1_450);
    double last = world.regret(500);
    assertThat(without).as("the catalogue is wrong about the best").isCloseTo(0.25, within(1e-9));
    assertThat(first).isLessThan(without);
    assertThat(last).as("regret %s, then %s; %s without learning", first, last, without).isLessThan(first / 3).isLessThan(0.03);
  }

  @Test
  void a_degraded_model_loses_its_traffic_and_gets_it_back_when_it_has_recovered() {
    World world = new World(true, true, true);
    world.regret(1_500);
    assertThat(world.share("openai/b", 200)).isGreaterThan(0.85);

    world.truth.put("openai/b", 0.2);
    world.share("openai/b", 300);
    assertThat(world.share("openai/b", 300)).as("300 requests after it degraded").isLessThan(0.12);

    world.truth.put("openai/b", 0.85);
    world.share("openai/b", 4_000);
    assertThat(world.share("openai/b", 300)).as("4,000 requests after it recovered").isGreaterThan(0.8);
  }

  @Test
  void without_exploration_it_is_not_found_again() {
    World world = new World(true, false, true);
    world.regret(1_500);
    world.truth.put("openai/b", 0.2);
    world.share("openai/b", 600);
    world.truth.put("openai/b", 0.85);
    assertThat(world.share("openai/b", 3_000)).isLessThan(0.05);
  }

  @Test
  void a_chain_keeps_its_configured_order_until_a_model_disappoints() {
    World world = new World(true, false, false);
    assertThat(world.share("openai/a", 10)).as("first in the chain").isEqualTo(1);
    world.share("openai/a", 300);
    assertThat(world.share("openai/a", 100)).as("promised 0.9, turned out to be 0.6").isLessThan(0.05);
  }

  @Test
  void exploration_stays_within_its_share() {
    World world = new World(true, true, false);
    world.truth.replaceAll((model, truth) -> 0.9);
    assertThat(world.share("openai/a", 3_000)).isGreaterThan(0.88).isLessThan(0.97);
  }

  @Test
  void a_provider_that_is_unwell_is_not_explored() {
    World world = new World(true, true, false);
    Explorer careful = new Explorer(quality, RULES, () -> true, project -> true, provider -> false);
    ObjectNode json = (ObjectNode) Json.mapper().valueToTree(Map.of("model", "auto", "messages", List.of(Map.of("role", "user", "content", "hi"))));
    for (int i = 0; i < 500; i++) {
      ChatRequest request = new ChatRequest("req-" + i, json, Map.of(), clock.instant(), clock.instant());
      Candidates ranked = world.ranking.byTier(request, new Complexity(0.3, Tier.SIMPLE, "length", Map.of()));
      assertThat(careful.order(request, Caller.OPEN, ranked)).isSameAs(ranked);
    }
  }
}
