package io.dromedary.feedback;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Inbound;
import io.dromedary.experiment.Experiments;
import io.dromedary.experiment.FeatureFlags;
import io.dromedary.spend.Store;
import io.dromedary.testing.Postgres;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two nodes on one PostgreSQL: each learns and sets flags, both know. */
@Tag("M1")
class LearningOnPostgresTest {
  private static final String M = "openai/m";
  private static final Clock CLOCK = Clock.systemUTC();

  @TempDir static Path dir;
  private static Store first;
  private static Store second;

  @BeforeAll
  static void start() throws Exception {
    String url = Postgres.freshUrl();
    first = Store.open(dir.resolve("first"), url);
    second = Store.open(dir.resolve("second"), url);
  }

  @AfterAll
  static void stop() throws Exception {
    first.close();
    second.close();
  }

  /** What one gateway has of learning. */
  private static final class Node {
    final QualityEstimates quality = new QualityEstimates(LearningRules.DEFAULT, () -> true, CLOCK);
    final LearningStore learned;

    Node(Store store) {
      learned = new LearningStore(store.dataSource(), store.node(), quality, new LatencyEstimates(LearningRules.DEFAULT, () -> true, CLOCK), LearningRules.DEFAULT, CLOCK);
    }

    double expected() {
      return quality.expected(M, 0.8, "code", "SIMPLE");
    }
  }

  private static Inbound post(String json) {
    return new Inbound("req", "http", "POST", "/v1/feedback", Map.of(), Map.of(), json.replace('\'', '"').getBytes(UTF_8), Instant.now());
  }

  @Test
  void what_each_node_learns_adds_up_survives_and_is_forgotten_by_all() {
    Node one = new Node(first);
    Node two = new Node(second);
    for (int i = 0; i < 10; i++) {
      one.quality.scored(M, "code", "SIMPLE", 0);
      two.quality.scored(M, "code", "SIMPLE", 1);
    }
    one.learned.sync();
    two.learned.sync();
    one.learned.sync();
    assertThat(one.expected()).isCloseTo((20 * 0.8 + 10) / 40, within(1e-4));
    assertThat(two.expected()).isCloseTo(one.expected(), within(1e-4));

    assertThat(new Node(first).expected()).as("after a restart").isCloseTo(one.expected(), within(1e-4));

    two.quality.scored(M, "code", "SIMPLE", 1);
    one.learned.forget("");
    two.learned.sync();
    assertThat(one.expected()).isEqualTo(0.8);
    assertThat(two.expected()).as("the other has forgotten too").isEqualTo(0.8);
    one.learned.sync();
    assertThat(one.expected()).isEqualTo(0.8);
  }

  @Test
  void feedback_flags_and_reports_speak_postgresql() throws Exception {
    try (Connection connection = first.dataSource().getConnection(); Statement insert = connection.createStatement()) {
      insert.executeUpdate("INSERT INTO dromedary_requests (seq, request_id, project, key_id, tags, entry, requested_model, served_model, provider, tier, task, domain, score, strategy, reason, status, http_status, streamed,"
          + " cache, uncached_input, cache_read, cache_write, output, reasoning, counted, cost_nanos, cache_saved_nanos, routing_saved_nanos, baseline_model, attempts, received_at_ms, settled_at_ms, total_us, overhead_us,"
          + " prompt_hash) VALUES (77, 'r77', 'one', '', '', 'http', 'auto', 'openai/m', 'openai', 'SIMPLE', 'code', '', 0, 'tier', '', 'ok', 200, FALSE, 'miss', 1, 0, 0, 1, 0, FALSE, 1, 0, 0, '', 1, 1, 1, 1, 1, '')");
      insert.executeUpdate("INSERT INTO dromedary_interaction_log (seq, request_id, project, cached, prompt_hash, prompt, created_at_ms) VALUES (77, 'r77', 'one', FALSE, '', '[{\"role\":\"user\",\"content\":\"why?\"}]', 1)");
      insert.executeUpdate("INSERT INTO dromedary_exposures (request_id, experiment, arm, answered, escalated, cost_nanos, total_us, at_ms) VALUES ('r77', 'e', 'b', TRUE, FALSE, 5000000, 2000, 1)");
    }
    Feedback feedback = new Feedback(first.dataSource(), new Node(first).quality, Duration.ofDays(30), CLOCK);
    Caller caller = new Caller("one", "k", false, Set.of());
    feedback.give(post("{'request_id': 'r77', 'score': 0.5, 'comment': 'so \\u0000 \\ud83d so'}"), caller);
    ObjectNode again = feedback.give(post("{'request_id': 'r77', 'score': 0.25}"), caller);
    assertThat(again.path("revision").asInt()).isEqualTo(2);
    assertThat(feedback.sweep()).isZero();
    assertThat(feedback.erase("another", null, null)).isZero();
    assertThat(feedback.erase("one", "", Instant.now().plusSeconds(60))).as("the comment of the first word").isEqualTo(1);
    assertThat(new String(new TrainingData(first.dataSource()).page(new Inbound("r", "http", "GET", "/", Map.of(), Map.of(), new byte[0], Instant.now())), UTF_8)).contains("\"prompt\":\"why?\"", "\"score\":0.25");

    List<FeatureFlags.Known> known = List.of(new FeatureFlags.Known("exploration", false, 100, true, "explores"));
    FeatureFlags here = new FeatureFlags(first.dataSource(), known, List::of, CLOCK);
    FeatureFlags there = new FeatureFlags(second.dataSource(), known, List::of, CLOCK);
    here.change(post("{'name': 'exploration', 'enabled': true, 'percentage': 50}"));
    there.sync();
    long on = IntStream.range(0, 2_000).filter(i -> there.forProject("exploration").test("p" + i)).count();
    assertThat(on).isBetween(900L, 1_100L);
    assertThat(IntStream.range(0, 2_000).allMatch(i -> there.forProject("exploration").test("p" + i) == here.forProject("exploration").test("p" + i))).as("the same projects on every node").isTrue();

    Experiments.Plan plan = Experiments.Plan.read("experiments:\n- {id: e, arms: [{id: a, share: 50}, {id: b, share: 50}]}\n".getBytes(UTF_8), "experiments.yaml", Set.of("keywords"));
    ObjectNode report = new Experiments(() -> plan, here, project -> true, first.dataSource(), CLOCK).report(new Inbound("r", "http", "GET", "/admin/experiments/e", Map.of(), Map.of(), new byte[0], Instant.now()));
    assertThat(report.at("/arms/1/cost_usd/value").asDouble()).isEqualTo(0.005);
    assertThat(report.at("/arms/1/feedback_score/value").asDouble()).isEqualTo(0.25);
    assertThat(report.at("/arms/1/cost_usd/high").isNull()).as("of one request nothing is sure").isTrue();
  }
}
