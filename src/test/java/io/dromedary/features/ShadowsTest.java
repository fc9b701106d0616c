package io.dromedary.features;

import static io.dromedary.testing.Gateway.request;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.access.ApiKey;
import io.dromedary.chat.StableHash;
import io.dromedary.shadow.Shadows;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Gateway.Answer;
import io.dromedary.testing.Mood;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A second model is asked what a caller has been answered: what it costs, what it shows, and that its caller never knows. */
class ShadowsTest {
  private static final String SERVES = "openai/gpt-4o";
  private static final String SHADOWS = "openai/gpt-4o-mini";
  private static FakeProvider openai;
  private static FakeProvider anthropic;
  private static Gateway gateway;

  @BeforeAll
  static void start() throws IOException {
    openai = FakeProvider.openai();
    anthropic = FakeProvider.anthropic();
    String routing = Files.readString(Path.of("config/routing.yaml"));
    String off = routing.lines().filter(line -> line.startsWith("shadows:")).findFirst().orElseThrow();
    gateway = Gateway.with("openai", openai).and("anthropic", anthropic).set("dromedary.shadows.parallel", 2).set("dromedary.shadows.waiting", 3).set("dromedary.breaker.min-calls", 4).set("dromedary.breaker.window", 4)
        .routing(routing.replace(off, "shadows: {model: openai/gpt-4o-mini, domains: {legal: {share: 0}}, projects: {all: {share: 100}, some: {share: 30}, spent: {share: 100}, limited: {share: 100}, other: {share: 100, model: anthropic/claude-haiku-4-5}}}"))
        .callers("projects:\n" + project("all", "") + project("some", "") + project("none", "") + project("spent", "    budgets: [{per: total, usd: 0.0095}]\n") + project("limited", "    limits: {windows: [{per: hour, requests: 4}]}\n")
            + project("other", "    providers: [openai]\n")).start();
  }

  private static String project(String id, String more) {
    return "  - id: " + id + "\n    keys: [{id: k, sha256: " + ApiKey.sha256Hex("key-" + id) + "}]\n" + more;
  }

  @AfterAll
  static void stop() {
    gateway.close();
    openai.close();
    anthropic.close();
  }

  @AfterEach
  void recover() {
    openai.mood("gpt-4o-mini", Mood.WELL).by(null).usage(9, -1);
    quiet();
    openai.reset();
  }

  private static void quiet() {
    await().atMost(Duration.ofSeconds(20)).pollInterval(Duration.ofMillis(10)).until(() -> gateway.bean(Shadows.class).held() == 0);
  }

  private static Answer ask(String project, String prompt, String... more) {
    Answer answer = gateway.chat(request(SERVES, prompt, more), "x-api-key", "key-" + project);
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    return answer;
  }

  private static JsonNode page(String id) {
    return gateway.get("/v1/requests/" + id, "x-api-key", "key-all").json();
  }

  private static JsonNode adminPage(String id) {
    return gateway.admin("/v1/requests/" + id).json();
  }

  private static JsonNode shadow(Answer answer) {
    quiet();
    return adminPage(answer.requestId()).path("shadow");
  }

  @Test
  @Tag("M5")
  void a_shadow_is_asked_the_same_and_is_on_the_bill_as_a_request_of_its_own() {
    openai.says("The capital of France is Paris");

    Answer answer = ask("all", "What is the capital of France?", "{'temperature': 0.3, 'max_tokens': 50}");

    assertThat(answer.header("x-dromedary-model")).isEqualTo(SERVES);
    assertThat(answer.header("x-dromedary-attempts")).isEqualTo("1");
    JsonNode seen = shadow(answer);
    assertThat(seen.path("model").asText()).isEqualTo(SHADOWS);
    assertThat(seen.path("outcome").asText()).isEqualTo("answered");
    assertThat(seen.path("agreement").decimalValue()).isEqualByComparingTo("1");
    assertThat(seen.path("served_total_ms").asDouble()).isPositive();
    assertThat(openai.requests()).hasSize(2);
    JsonNode first = openai.requests().get(0).json();
    JsonNode second = openai.requests().get(1).json();
    assertThat(second.path("model").asText()).isEqualTo("gpt-4o-mini");
    assertThat(second.path("messages")).isEqualTo(first.path("messages"));
    assertThat(second.path("temperature")).isEqualTo(first.path("temperature"));
    JsonNode page = page(answer.requestId());
    JsonNode own = page(page.at("/shadow/id").asText());
    assertThat(own.path("shadow_of").asText()).isEqualTo(answer.requestId());
    assertThat(own.path("entry").asText()).isEqualTo("shadow");
    assertThat(own.path("tier").asText()).isEqualTo("SHADOW");
    assertThat(own.at("/attempts/0/purpose").asText()).isEqualTo("shadow");
    assertThat(own.at("/savings/routing_nanos").asLong()).as("what nobody asked for saves nothing").isZero();
    assertThat(own.path("cost_nanos").asLong()).isPositive().isEqualTo(seen.path("cost_nanos").asLong());
    assertThat(page.path("attempts")).as("the caller's bill is its own").hasSize(1);
    JsonNode usage = gateway.get("/v1/usage?group_by=tier", "x-api-key", "key-all").json();
    assertThat(usage.path("data").findValuesAsText("tier")).contains("SHADOW");
  }

  @Test
  void a_stream_has_its_shadow_too() {
    openai.says("one two three four");
    Gateway.Streamed streamed = gateway.stream(request(SERVES, "Count to four"), "x-api-key", "key-all");
    assertThat(streamed.done()).isTrue();
    quiet();
    JsonNode seen = adminPage(streamed.requestId()).path("shadow");
    assertThat(seen.path("agreement").decimalValue()).as(seen.toString()).isEqualByComparingTo("1");
    assertThat(openai.requests().get(1).json().has("stream")).isFalse();
  }

  @Test
  void a_model_that_fails_as_a_shadow_closes_nothing_to_callers() {
    openai.mood("gpt-4o-mini", Mood.DOWN);
    Answer last = null;
    for (int i = 0; i < 8; i++) {
      last = ask("all", "Say " + i);
      quiet();
    }
    assertThat(shadow(last).path("outcome").asText()).isEqualTo("down");
    assertThat(openai.calls("gpt-4o-mini")).as("none is tried again").isEqualTo(8);
    JsonNode health = gateway.get("/health/providers").json();
    assertThat(health.toString()).contains("\"provider\":\"openai\"").doesNotContain("open\",\"in").doesNotContain("\"breaker\":\"open\"");
    assertThat(ask("none", "Are you there?", "{'model': 'openai/gpt-4o-mini', 'models': ['openai/gpt-4o']}").header("x-dromedary-model")).isEqualTo(SERVES);
  }

  @Test
  void a_shadow_that_hangs_delays_nobody_and_what_is_too_much_is_dropped_and_counted() {
    CountDownLatch mayAnswer = new CountDownLatch(1);
    openai.by((call, wire) -> {
      if (call.model().equals("gpt-4o-mini")) {
        await().atMost(Duration.ofSeconds(60)).until(() -> mayAnswer.getCount() == 0);
      }
      byte[] body = wire.answer(false).getBytes(StandardCharsets.UTF_8);
      wire.send(("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + body.length + "\r\n\r\n").getBytes(StandardCharsets.UTF_8));
      wire.send(body);
      return true;
    });
    for (int i = 0; i < 9; i++) {
      ask("all", "Wait " + i);
    }
    assertThat(gateway.bean(Shadows.class).held()).isEqualTo(5);
    await().atMost(Duration.ofSeconds(20)).until(() -> openai.open() == 2);
    assertThat(gateway.get("/metrics").text()).containsPattern("dromedary_shadows_total\\{[^}]*outcome=\"dropped\"[^}]*} 4\\.0");
    assertThat(openai.calls("gpt-4o-mini")).as("no more at once than two").isEqualTo(2);
    mayAnswer.countDown();
    quiet();
    assertThat(openai.calls("gpt-4o-mini")).isEqualTo(5);
  }

  @Test
  void a_shadow_obeys_tags_and_providers_that_its_caller_demands() {
    assertThat(shadow(ask("all", "Secret", "{'routing': {'max_cost_per_mtok': 20}}")).path("outcome").asText()).isEqualTo("answered");
    assertThat(shadow(ask("other", "Nobody else may know")).path("outcome").asText()).as("the project allows openai alone").isEqualTo("no_eligible_model");
    assertThat(shadow(ask("all", "Mine", "{'provider': {'only': ['openai']}}")).path("outcome").asText()).isEqualTo("answered");
    assertThat(anthropic.calls()).isZero();
  }

  @Test
  @Tag("M2")
  void a_budget_with_nothing_left_pays_no_shadow() {
    assertThat(shadow(ask("spent", "Small", "{'max_tokens': 900}")).path("outcome").asText()).as("there is room").isEqualTo("answered");
    openai.usage(10, 880);
    Answer costly = ask("spent", "Large", "{'max_tokens': 900}");
    assertThat(shadow(costly).path("outcome").asText()).isEqualTo("budget_exceeded");
    assertThat(openai.calls("gpt-4o-mini")).isEqualTo(1);
    assertThat(ask("spent", "What is left is the caller's", "{'max_tokens': 10, 'model': 'openai/gpt-4o-mini'}").status()).isEqualTo(200);
  }

  @Test
  @Tag("M3")
  void half_of_every_limit_is_left_to_callers() {
    String first = shadow(ask("limited", "a")).path("outcome").asText();
    String second = shadow(ask("limited", "b")).path("outcome").asText();
    assertThat(first + " " + second).isEqualTo("answered rate_limit_exceeded");
    assertThat(shadow(ask("limited", "c")).path("outcome").asText()).isEqualTo("rate_limit_exceeded");
  }

  @Test
  void the_same_question_is_always_in_or_always_out() {
    int asked = 0;
    for (int i = 0; i < 10; i++) {
      boolean once = !shadow(ask("some", "Question " + i, "{'seed': 1}")).isMissingNode();
      boolean again = !shadow(gateway.chat(request(SERVES, "Question " + i, "{'seed': 1}"), "x-api-key", "key-some", "x-dromedary-cache", "no-store")).isMissingNode();
      assertThat(again).isEqualTo(once);
      asked += once ? 1 : 0;
    }
    assertThat(asked).isBetween(1, 8);
    assertThat(StableHash.place("shadow", "a")).isEqualTo(StableHash.place("shadow", "a")).isNotEqualTo(StableHash.place("shadow", "b"));
  }

  @Test
  void nothing_is_shadowed_that_was_recalled_failed_or_excepted() {
    ask("all", "Known already");
    quiet();
    openai.reset();
    assertThat(ask("all", "Known already").header("x-dromedary-cache")).isEqualTo("hit");
    ask("none", "Not of this project");
    ask("all", "May my landlord terminate the lease? What does the contract law statute say, counsel?", "{'routing': {'domain': 'legal'}}");
    ask("all", "Of itself", "{'model': 'openai/gpt-4o-mini'}");
    openai.next(Mood.REFUSES);
    assertThat(gateway.chat(request(SERVES, "Refused"), "x-api-key", "key-all").status()).isEqualTo(400);
    quiet();
    assertThat(openai.calls("gpt-4o-mini")).as("one that was asked for itself").isEqualTo(1);
  }

  @Test
  void the_report_compares_pairs_for_the_admin_alone() {
    shadow(ask("all", "Compare"));
    JsonNode report = gateway.admin("/admin/shadows?project=all").json();
    JsonNode pair = report.at("/pairs/0");
    assertThat(pair.path("served_model").asText()).as(report.toString()).isEqualTo(SERVES);
    assertThat(pair.path("shadow_model").asText()).isEqualTo(SHADOWS);
    assertThat(pair.at("/mean_cost_usd/served").asDouble()).isGreaterThan(pair.at("/mean_cost_usd/shadow").asDouble());
    assertThat(gateway.admin("/admin/shadows?project=none").json().path("pairs")).isEmpty();
    assertThat(gateway.admin("/admin/shadows?from=2026").status()).isEqualTo(400);
    assertThat(gateway.get("/admin/shadows", "x-api-key", "key-all").status()).isBetween(401, 404);
  }
}
