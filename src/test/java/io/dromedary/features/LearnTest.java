package io.dromedary.features;

import static io.dromedary.testing.Gateway.request;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.access.ApiKey;
import io.dromedary.chat.Json;
import io.dromedary.feedback.LearningStore;
import io.dromedary.feedback.Outcomes;
import io.dromedary.spend.Store;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Gateway.Answer;
import io.dromedary.testing.Mood;
import io.dromedary.testing.TinyOnnx;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Feedback, learning, experiments and flags, as callers and the admin meet them: one gateway of two projects. */
class LearnTest {
  private static final ApiKey ONE = ApiKey.generate();
  private static final ApiKey OTHER = ApiKey.generate();
  private static final String FACT = "What is the capital of France?";
  private static final String GROQ = "groq/llama-3.3-70b-versatile";
  private static final String MINI = "openai/gpt-4o-mini";
  private static final String EXPERIMENT = """
      experiments:
      - id: preferences
        running: true
        unit: request
        models: [auto]
        arms:
        - {id: as-it-is, share: 50}
        - {id: cheap, share: 50, model: auto:cost, scorer: length}
      """;

  @TempDir static Path config;
  @TempDir static Path state;
  private static FakeProvider openai;
  private static FakeProvider groq;
  private static Gateway gateway;
  private static int questions;

  @BeforeAll
  static void start() throws IOException {
    openai = FakeProvider.speaking("openai", 0);
    groq = FakeProvider.speaking("groq", 0);
    Files.writeString(config.resolve("callers.yaml"), "projects:\n- id: one\n  keys:\n  - {id: k1, sha256: " + ONE.sha256() + "}\n- id: other\n  keys:\n  - {id: k2, sha256: " + OTHER.sha256() + "}\n");
    Files.writeString(config.resolve("experiments.yaml"), "experiments: []\n");
    launch();
  }

  private static void launch() {
    gateway = Gateway.with("openai", openai).and("groq", groq).set("dromedary.config.dir", config).set("dromedary.config.watch", false).set("dromedary.interaction-log.text", true).set("dromedary.breaker.window", 1_000)
        .set("dromedary.breaker.min-calls", 1_000).stateDir(state).start();
  }

  @AfterAll
  static void stop() {
    gateway.close();
    openai.close();
    groq.close();
  }

  @BeforeEach
  void nothing_is_known() throws IOException {
    openai.mood(Mood.WELL).reset();
    groq.mood(Mood.WELL).reset();
    settle();
    admin("/admin/learning/reset", "{}");
    experiments("experiments: []\n");
  }

  private static String bearer(ApiKey key) {
    return "Bearer " + key.key().value();
  }

  private static Answer ask(String model, String prompt, String... more) {
    String[] headers = new String[more.length + 2];
    System.arraycopy(more, 0, headers, 0, more.length);
    headers[more.length] = "Authorization";
    headers[more.length + 1] = bearer(ONE);
    return gateway.chat(model, prompt, headers);
  }

  private static String question() {
    return FACT + " Number " + ++questions;
  }

  private static Answer say(String json) {
    return gateway.post("/v1/feedback", json.replace('\'', '"'), "Authorization", bearer(ONE));
  }

  private static Answer admin(String path, String json) {
    return gateway.post(path, json.replace('\'', '"'), "Authorization", "Bearer " + gateway.adminToken());
  }

  private static Answer look(String path) {
    return gateway.get(path, "Authorization", "Bearer " + gateway.adminToken());
  }

  private static void experiments(String yaml) throws IOException {
    Files.writeString(config.resolve("experiments.yaml"), yaml);
    Answer reloaded = admin("/admin/reload", "{}");
    assertThat(reloaded.status()).as(reloaded.text()).isEqualTo(200);
  }

  /** Waits until all that happened has been looked at. */
  private static void settle() {
    await().atMost(Duration.ofSeconds(10)).until(() -> gateway.bean(Outcomes.class).idle());
  }

  private static JsonNode learned(String model) {
    settle();
    for (JsonNode entry : look("/admin/learning").json().path("models")) {
      if (entry.path("model").asText().equals(model)) {
        return entry;
      }
    }
    return Json.object();
  }

  private static long rows(String sql) throws Exception {
    try (Connection connection = gateway.bean(Store.class).dataSource().getConnection(); Statement statement = connection.createStatement(); ResultSet row = statement.executeQuery(sql)) {
      row.next();
      return row.getLong(1);
    }
  }

  // ---- feedback -----------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  @Test
  void feedback_joins_its_request_the_latest_word_counts_and_all_are_kept() throws Exception {
    String id = ask("auto", question()).requestId();
    Answer first = say("{'request_id': '" + id + "', 'score': 0.25, 'comment': 'meh'}");
    assertThat(first.status()).as(first.text()).isEqualTo(200);
    assertThat(first.json().path("model").asText()).isEqualTo(GROQ);
    assertThat(first.json().path("revision").asInt()).isEqualTo(1);

    assertThat(say("{'request_id': '" + id + "', 'score': 0.25, 'comment': 'meh'}").json()).as("the same again changes nothing").isEqualTo(first.json());
    assertThat(learned(GROQ).path("scores").asDouble()).isEqualTo(1);
    assertThat(learned(GROQ).path("expected_quality").asDouble()).isLessThan(learned(GROQ).path("prior_quality").asDouble());

    Answer second = say("{'request_id': '" + id + "', 'outcome': 'success'}");
    assertThat(second.json().path("score").asDouble()).isEqualTo(1);
    assertThat(second.json().path("revision").asInt()).isEqualTo(2);
    assertThat(learned(GROQ).path("scores").asDouble()).as("still one word").isEqualTo(1, within(0.001));
    assertThat(learned(GROQ).path("expected_quality").asDouble()).isGreaterThan(learned(GROQ).path("prior_quality").asDouble());

    assertThat(rows("SELECT COUNT(*) FROM dromedary_feedback WHERE request_id = '" + id + "'")).isEqualTo(2);
    assertThat(rows("SELECT COUNT(*) FROM dromedary_feedback WHERE request_id = '" + id + "' AND latest")).isEqualTo(1);
    JsonNode page = gateway.get("/v1/requests/" + id, "Authorization", bearer(ONE)).json();
    assertThat(page.at("/feedback/outcome").asText()).isEqualTo("success");
  }

  @Tag("X6")
  @Test
  void another_projects_request_is_as_unknown_as_one_that_never_was() {
    String id = gateway.chat("auto", question(), "Authorization", bearer(OTHER)).requestId();
    Answer others = say("{'request_id': '" + id + "', 'score': 1}");
    Answer nobodys = say("{'request_id': 'req-never', 'score': 1}");
    assertThat(others.status()).isEqualTo(404);
    assertThat(others.text()).isEqualTo(nobodys.text().replace("req-never", id));
    assertThat(gateway.post("/v1/feedback", "{}").status()).isEqualTo(401);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      {'score': 1} | request_id
      {'request_id': 7, 'score': 1} | request_id
      {'request_id': 'r'} | score
      {'request_id': 'r', 'score': 1, 'outcome': 'success'} | score
      {'request_id': 'r', 'score': 1.01} | score
      {'request_id': 'r', 'score': -0.1} | score
      {'request_id': 'r', 'score': '1'} | score
      {'request_id': 'r', 'outcome': 'great'} | outcome
      {'request_id': 'r', 'score': 1, 'comment': 7} | comment
      {'request_id': 'r', 'score': 1, 'stars': 5} | stars
      """)
  void feedback_that_cannot_be_read_is_refused_by_field(String json, String field) {
    Answer refused = gateway.post("/v1/feedback", json.replace('\'', '"'), "Authorization", bearer(ONE));
    assertThat(refused.status()).as(refused.text()).isEqualTo(400);
    assertThat(refused.json().at("/error/param").asText()).isEqualTo(field);
  }

  // ---- learning -----------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  @Test
  void a_model_of_which_callers_complain_is_tried_after_the_others_until_that_is_forgotten_also_after_a_restart() {
    assertThat(ask("auto", question()).header("x-dromedary-model")).isEqualTo(GROQ);
    for (int i = 0; i < 30; i++) {
      String id = ask(GROQ, question()).requestId();
      assertThat(say("{'request_id': '" + id + "', 'outcome': 'failure'}").status()).isEqualTo(200);
    }
    assertThat(ask("auto", question()).header("x-dromedary-model")).isEqualTo(MINI);
    JsonNode decision = gateway.post("/v1/route", request("auto", FACT), "Authorization", bearer(ONE)).json();
    assertThat(decision.at("/candidates/1/reason").asText()).contains("tried late, since its answers were worse than expected");
    assertThat(decision.at("/candidates/1/expected_quality").asDouble()).isEqualTo(learned(GROQ).path("expected_quality").asDouble(), within(0.15)).isLessThan(0.5);

    settle();
    gateway.close();
    launch();
    assertThat(ask("auto", question()).header("x-dromedary-model")).as("remembered").isEqualTo(MINI);

    assertThat(admin("/admin/flags", "{'name': 'learning', 'enabled': false}").status()).isEqualTo(200);
    assertThat(ask("auto", question()).header("x-dromedary-model")).as("learning is off").isEqualTo(GROQ);
    admin("/admin/flags", "{'name': 'learning', 'reset': true}");
    assertThat(ask("auto", question()).header("x-dromedary-model")).isEqualTo(MINI);

    assertThat(admin("/admin/learning/reset", "{'model': '" + GROQ + "'}").status()).isEqualTo(200);
    assertThat(ask("auto", question()).header("x-dromedary-model")).as("forgotten").isEqualTo(GROQ);
  }

  @Test
  void outcomes_count_without_a_word() {
    ask("auto", question());
    assertThat(learned(GROQ).path("expected_quality").asDouble()).as("all is well").isEqualTo(learned(GROQ).path("prior_quality").asDouble());
    groq.mood(Mood.JUNK);
    Answer rescued = ask("auto", question());
    assertThat(rescued.header("x-dromedary-model")).isEqualTo(MINI);
    double afterJunk = learned(GROQ).path("expected_quality").asDouble();
    assertThat(afterJunk).isLessThan(learned(GROQ).path("prior_quality").asDouble());

    groq.mood(Mood.WELL);
    String again = question();
    ask("auto", again);
    double before = learned(GROQ).path("expected_quality").asDouble();
    ask("auto", again, "x-dromedary-cache", "refresh");
    assertThat(learned(GROQ).path("expected_quality").asDouble()).as("the same question again, past the cache").isLessThan(before);
  }

  @Test
  void what_was_seen_of_latency_replaces_the_catalogues_figure() {
    assertThat(gateway.post("/v1/route", request(MINI, FACT), "Authorization", bearer(ONE)).json().at("/candidates/0/expected_latency_ms").asLong()).isGreaterThan(200);
    for (int i = 0; i < 25; i++) {
      ask(MINI, question());
    }
    settle();
    assertThat(gateway.post("/v1/route", request(MINI, FACT), "Authorization", bearer(ONE)).json().at("/candidates/0/expected_latency_ms").asLong()).isLessThan(200);
    assertThat(learned(MINI).at("/latency/used").asBoolean()).isTrue();
  }

  @Test
  void a_node_tells_the_others_through_the_store() {
    String id = ask(GROQ, question()).requestId();
    say("{'request_id': '" + id + "', 'score': 0}");
    gateway.bean(LearningStore.class).sync();
    assertThat(look("/admin/learning").json().path("models")).isNotEmpty();
    assertThat(admin("/admin/learning/reset", "{'model': 'openai/gpt-99'}").status()).as("a mistyped model forgets nothing").isEqualTo(404);
    Answer gone = admin("/admin/learning/reset", "{'colour': 'blue'}");
    assertThat(gone.status()).isEqualTo(400);
  }

  @Test
  void logged_prompts_and_what_was_said_of_them_are_exported_line_by_line() {
    String prompt = question();
    String id = ask("auto", prompt).requestId();
    ask("auto", question());
    say("{'request_id': '" + id + "', 'score': 0.75}");
    Answer lines = look("/admin/training-data?limit=10000");
    assertThat(lines.status()).isEqualTo(200);
    assertThat(lines.header("content-type")).startsWith("application/x-ndjson");
    JsonNode line = lines.text().lines().map(LearnTest::json).filter(each -> each.path("id").asText().equals(id)).findFirst().orElseThrow();
    assertThat(line.path("prompt").asText()).isEqualTo(prompt);
    assertThat(line.path("model").asText()).isEqualTo(GROQ);
    assertThat(line.path("score").asDouble()).isEqualTo(0.75);
    assertThat(look("/admin/training-data?after=" + line.path("cursor").asLong()).text()).as("the next page").doesNotContain(id);
    assertThat(look("/admin/training-data?limit=many").status()).isEqualTo(400);
    assertThat(gateway.get("/admin/training-data", "Authorization", bearer(ONE)).status()).isEqualTo(401);
  }

  private static JsonNode json(String line) {
    try {
      return Json.read(line);
    } catch (IOException e) {
      throw new AssertionError(line, e);
    }
  }

  // ---- flags --------------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      {'name': 'telepathy', 'enabled': true} | name | there are scorer, cost-events, learning, exploration, semantic-cache, shadows, experiments
      {'name': 'scorer', 'enabled': 'yes'} | enabled | must be true or false
      {'name': 'learning', 'enabled': true, 'percentage': 50} | percentage | on or off for all
      {'name': 'exploration', 'enabled': true, 'percentage': 101} | percentage | from 0 to 100
      {'name': 'exploration', 'enabled': true, 'colour': 1} | colour | name, enabled, percentage, reset
      """)
  void a_flag_that_cannot_be_set_is_refused_by_field(String json, String field, String told) {
    Answer refused = admin("/admin/flags", json);
    assertThat(refused.status()).as(refused.text()).isEqualTo(400);
    assertThat(refused.json().at("/error/param").asText()).isEqualTo(field);
    assertThat(refused.json().at("/error/message").asText()).contains(told);
  }

  @Test
  void a_flag_is_seen_by_the_next_request_and_by_another_node() throws Exception {
    assertThat(admin("/admin/flags", "{'name': 'exploration', 'enabled': true, 'percentage': 40}").json().path("percentage").asInt()).isEqualTo(40);
    assertThat(rows("SELECT percentage FROM dromedary_flags WHERE name = 'exploration'")).isEqualTo(40);
    try (Connection connection = gateway.bean(Store.class).dataSource().getConnection(); Statement other = connection.createStatement()) {
      other.executeUpdate("UPDATE dromedary_flags SET percentage = 41 WHERE name = 'exploration'");
    }
    await().atMost(Duration.ofSeconds(10)).until(() -> look("/admin/flags").text().contains("\"percentage\":41"));
    assertThat(admin("/admin/flags", "{'name': 'exploration', 'reset': true}").json().path("enabled").asBoolean()).isFalse();
  }

  // ---- experiments --------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  @Test
  void requests_are_split_between_arms_kept_with_their_outcome_and_compared() throws Exception {
    experiments(EXPERIMENT);
    Set<String> models = new HashSet<>();
    Set<String> arms = new TreeSet<>();
    for (int i = 0; i < 40; i++) {
      Answer answer = ask("auto", question());
      models.add(answer.header("x-dromedary-reason"));
      settle();
      JsonNode page = gateway.get("/v1/requests/" + answer.requestId(), "Authorization", bearer(ONE)).json();
      String arm = page.at("/variant/arm").asText();
      arms.add(arm);
      assertThat(page.at("/variant/experiment").asText()).isEqualTo("preferences");
      if (i % 2 == 0) {
        say("{'request_id': '" + answer.requestId() + "', 'score': " + (arm.equals("cheap") ? 0.4 : 0.8) + "}");
      }
    }
    assertThat(arms).containsExactly("as-it-is", "cheap");
    assertThat(models).containsExactlyInAnyOrder("SIMPLE by learned", "TRIVIAL by length, by cost");
    assertThat(gateway.post("/v1/route", request("auto", FACT), "Authorization", bearer(ONE)).json().at("/variant/experiment").asText()).isEqualTo("preferences");

    JsonNode report = look("/admin/experiments/preferences").json();
    JsonNode control = report.path("arms").get(0);
    JsonNode cheap = report.path("arms").get(1);
    assertThat(control.path("requests").asInt() + cheap.path("requests").asInt()).isEqualTo(40);
    assertThat(control.at("/success_rate/value").asDouble()).isEqualTo(1);
    assertThat(control.at("/success_rate/low").asDouble()).isBetween(0.5, 0.99);
    assertThat(control.at("/feedback_score/value").asDouble()).isEqualTo(0.8, within(1e-6));
    assertThat(cheap.at("/against_as-it-is/feedback_score/value").asDouble()).isEqualTo(-0.4, within(1e-6));
    assertThat(cheap.at("/cost_usd/value").asDouble()).isPositive();

    assertThat(admin("/admin/experiments/preferences", "{'running': false}").json().path("running").asBoolean()).isFalse();
    Answer outside = ask("auto", question());
    settle();
    assertThat(gateway.get("/v1/requests/" + outside.requestId(), "Authorization", bearer(ONE)).json().has("variant")).isFalse();
    assertThat(admin("/admin/experiments/preferences", "{'running': true}").json().path("running").asBoolean()).isTrue();
    assertThat(admin("/admin/experiments/preferences", "{'run': true}").status()).isEqualTo(400);
    assertThat(admin("/admin/experiments/nobody", "{'running': true}").status()).isEqualTo(404);
  }

  @Test
  void a_request_that_chooses_for_itself_is_in_no_experiment() throws Exception {
    experiments(EXPERIMENT.replace("share: 50}", "share: 0}").replace("share: 50, model", "share: 100, model"));
    ObjectNode own = request("auto", FACT, "{'routing': {'weights': {'quality': 1}}}");
    assertThat(gateway.post("/v1/route", own, "Authorization", bearer(ONE)).json().has("variant")).isFalse();
    assertThat(gateway.post("/v1/route", request("auto:speed", FACT), "Authorization", bearer(ONE)).json().has("variant")).isFalse();
    JsonNode in = gateway.post("/v1/route", request("auto", FACT), "Authorization", bearer(ONE)).json();
    assertThat(in.at("/variant/arm").asText()).isEqualTo("cheap");
    assertThat(in.path("scorer").asText()).isEqualTo("length");
    assertThat(in.path("requested_model").asText()).isEqualTo("auto");
    assertThat(in.path("routed_as").asText()).isEqualTo("auto:cost");
  }

  @Test
  void the_arm_is_told_in_the_head_of_an_answer_and_of_a_stream_and_to_nobody_else() throws Exception {
    experiments(EXPERIMENT.replace("id: preferences", "id: told").replace("share: 50}", "share: 0}").replace("share: 50, model", "share: 100, model"));
    assertThat(ask("auto", question()).header("x-dromedary-experiment")).isEqualTo("told=cheap");
    assertThat(gateway.stream(request("auto", question()), "Authorization", bearer(ONE)).header("x-dromedary-experiment")).isEqualTo("told=cheap");
    assertThat(ask(MINI, question()).header("x-dromedary-experiment")).isNull();
    assertThat(ask("auto", question(), "x-dromedary-preference", "quality").header("x-dromedary-experiment")).isNull();
    assertThat(gateway.chat(request("auto", question(), "{'provider': {'sort': 'latency'}}"), "Authorization", bearer(ONE)).header("x-dromedary-experiment")).as("it says itself what it wants").isNull();
    assertThat(ask("auto", question(), "x-dromedary-experiment", "mine=own").header("x-dromedary-experiment")).as("nobody says his own").isEqualTo("told=cheap");
  }

  @Test
  void the_scorer_can_be_rolled_out_to_a_share_of_the_projects() {
    assertThat(admin("/admin/flags", "{'name': 'scorer', 'enabled': true, 'percentage': 0}").status()).isEqualTo(200);
    JsonNode none = gateway.post("/v1/route", request("auto", FACT), "Authorization", bearer(ONE)).json();
    assertThat(admin("/admin/flags", "{'name': 'scorer', 'reset': true}").status()).isEqualTo(200);
    JsonNode all = gateway.post("/v1/route", request("auto", FACT), "Authorization", bearer(ONE)).json();
    assertThat(none.path("scorer").asText()).isEqualTo("keywords");
    assertThat(all.path("scorer").asText()).isEqualTo("learned");
  }

  @Test
  void sentence_vectors_are_averaged_in_once_they_are_there_and_no_request_waits_for_them() throws Exception {
    String routing = Files.readString(Path.of("config/routing.yaml"));
    try {
      Files.writeString(config.resolve("routing.yaml"), routing.replace("minilm: false", "minilm: true"));
      assertThat(admin("/admin/reload", "{}").status()).isEqualTo(200);
      // the first ones find the model loading: they are served all the same
      assertThat(ask("auto", question()).status()).isEqualTo(200);
      await().atMost(Duration.ofSeconds(60)).until(() -> gateway.post("/v1/route", request("auto", question()), "Authorization", bearer(ONE)).json().at("/signals/minilm").asBoolean());
      Files.writeString(config.resolve("routing.yaml"), routing.replace("minilm: false", "minilm: perhaps"));
      Answer refused = admin("/admin/reload", "{}");
      assertThat(refused.json().at("/error/message").asText()).contains("config/routing.yaml: minilm = perhaps");
      Files.writeString(config.resolve("bert.onnx"), "no model");
      Files.writeString(config.resolve("tokenizer.json"), TinyOnnx.TOKENIZER);
      Files.writeString(config.resolve("routing.yaml"), routing.replace("  weak: openai/gpt-4o-mini", "  weak: openai/gpt-4o-mini\n  bert: {model: '" + config.resolve("bert.onnx") + "', tokenizer: '" + config.resolve("tokenizer.json") + "'}"));
      Answer broken = admin("/admin/reload", "{}");
      assertThat(broken.json().at("/error/message").asText()).contains("config/routing.yaml: routers.bert.model = ", "bert.onnx: cannot be used");
      assertThat(ask("auto", question()).header("x-dromedary-reason")).as("the old settings serve on").contains("by learned");
    } finally {
      Files.deleteIfExists(config.resolve("routing.yaml"));
      admin("/admin/reload", "{}");
    }
  }

  @Tag("F9")
  @Test
  void a_broken_experiment_is_refused_and_the_old_ones_run_on() throws Exception {
    experiments(EXPERIMENT);
    Files.writeString(config.resolve("experiments.yaml"), EXPERIMENT.replace("share: 50, model", "share: 40, model"), UTF_8);
    Answer refused = admin("/admin/reload", "{}");
    assertThat(refused.status()).isEqualTo(422);
    assertThat(refused.json().at("/error/message").asText()).contains("config/experiments.yaml: experiments[preferences].arms", "the shares must sum to 100, not 90");
    assertThat(look("/admin/experiments").json().at("/data/0/running").asBoolean()).isTrue();
  }
}
