package io.dromedary.features;

import static io.dromedary.testing.Gateway.request;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.access.ApiKey;
import io.dromedary.cache.AnswerCache;
import io.dromedary.cache.SharedAnswers;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Gateway.Answer;
import io.dromedary.testing.RedisServer;
import java.time.Clock;
import java.time.Duration;
import java.util.Arrays;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A question asked again in other words, as a caller meets it. */
@Tag("C2")
class SemanticCacheTest {
  private static final String MODEL = "openai/gpt-4o";
  private static final String STORED = "How do I reset my password?";
  private static final String LIKE = "How can I reset my password?";

  private static FakeProvider openai;
  private static Gateway gateway;
  private static RedisServer redis;

  @BeforeAll
  static void start() {
    openai = FakeProvider.openai().usage(100, 50);
    redis = RedisServer.start();
    gateway = Gateway.with("openai", openai).set("dromedary.redis.url", redis.url()).callers("projects:\n" + project("on", "") + project("strict", "cache: {threshold: 1}, ") + project("off", "cache: {semantic: false}, ") + project("gone", ""))
        .set("dromedary.cache.semantic.enabled", true).set("dromedary.cache.semantic.look-up", "5s").start();
    for (String project : new String[] {"on", "strict", "off", "gone"}) {
      ask(project, STORED);
    }
    await().atMost(Duration.ofSeconds(20)).until(() -> gateway.admin("/admin/cache").json().at("/semantic/entries").asInt() == 3);
  }

  @AfterAll
  static void stop() {
    gateway.close();
    openai.close();
    redis.close();
  }

  private static String key(String project) {
    return "dk-of-" + project + "-0123456789abcdef";
  }

  private static String project(String id, String more) {
    return "  - {id: " + id + ", " + more + "keys: [{id: k, sha256: " + ApiKey.sha256Hex(key(id)) + "}]}\n";
  }

  private static Answer ask(String project, String question, String... headers) {
    String[] all = Arrays.copyOf(headers, headers.length + 2);
    all[headers.length] = "authorization";
    all[headers.length + 1] = "Bearer " + key(project);
    return gateway.chat(request(MODEL, question), all);
  }

  @Test
  void a_like_question_gets_the_answer_at_no_cost_and_is_told_how_like_it_is() {
    Answer answer = ask("on", LIKE, "x-dromedary-cache", "only");
    assertThat(answer.status()).isEqualTo(200);
    assertThat(answer.header("x-dromedary-cache")).isEqualTo("semantic");
    assertThat(Double.parseDouble(answer.header("x-dromedary-cache-similarity"))).isBetween(0.8, 1.0);
    assertThat(answer.header("x-dromedary-cost-usd")).isEqualTo("0");
  }

  @Test
  void a_caller_may_raise_the_threshold_and_never_lower_it_and_a_project_may_have_none_of_it() {
    assertThat(ask("on", LIKE, "x-dromedary-cache", "only", "x-dromedary-cache-threshold", "1").status()).isEqualTo(404);
    assertThat(ask("strict", LIKE, "x-dromedary-cache", "only", "x-dromedary-cache-threshold", "0.1").status()).isEqualTo(404);
    assertThat(ask("off", LIKE, "x-dromedary-cache", "only").status()).isEqualTo(404);
    assertThat(ask("on", LIKE, "x-dromedary-cache-threshold", "high").status()).isEqualTo(400);
    assertThat(ask("on", LIKE, "x-dromedary-cache-threshold", "1.5").status()).isEqualTo(400);
    assertThat(ask("on", LIKE, "x-dromedary-cache-threshold", "0x1p0").status()).isEqualTo(400);
    assertThat(ask("on", LIKE, "x-dromedary-cache-threshold", "-0.1").status()).isEqualTo(400);
  }

  /** Also when no request comes: the other node's word is in Redis, and read each second. */
  @Test
  @Tag("C3")
  void a_purge_at_another_node_reaches_what_this_one_remembers_of_like_questions() {
    assertThat(ask("gone", LIKE, "x-dromedary-cache", "only").header("x-dromedary-cache")).isEqualTo("semantic");
    try (RedisServer.Calls calls = redis.calls()) {
      AnswerCache memory = new AnswerCache(AnswerCache.store(1 << 20, Duration.ofDays(7)), Clock.systemUTC());
      try (SharedAnswers other = new SharedAnswers(calls, memory, memory::purge, Duration.ofDays(7), 1 << 20, Clock.systemUTC())) {
        other.purge(new AnswerCache.Purge("gone", null, null, null));
        await().atMost(Duration.ofSeconds(20)).until(() -> ask("gone", LIKE, "x-dromedary-cache", "only").status() == 404);
      }
    }
    assertThat(ask("on", LIKE, "x-dromedary-cache", "only").status()).as("another project's").isEqualTo(200);
  }

  @Test
  void a_question_that_differs_in_what_matters_is_asked_and_the_decision_says_why() {
    String other = "How do I not reset my password?";
    assertThat(ask("on", other, "x-dromedary-cache", "only").status()).isEqualTo(404);
    JsonNode why = gateway.post("/v1/route", request(MODEL, other), "authorization", "Bearer " + key("on")).json().path("semantic_cache");
    assertThat(why.path("hit").asBoolean(true)).isFalse();
    assertThat(why.path("nearest").asText()).isEqualTo(STORED);
    assertThat(why.path("refused_by").asText()).isEqualTo("negation");

    Answer asked = ask("on", other);
    JsonNode page = gateway.get("/v1/requests/" + asked.requestId(), "authorization", "Bearer " + key("on")).json().at("/decision/semantic_cache");
    assertThat(page.path("hit").asBoolean(true)).isFalse();
    assertThat(page.path("refused_by").asText()).isEqualTo("negation");
    assertThat(page.path("nearest").asText()).isEqualTo(STORED);
    assertThat(page.path("threshold").asDouble()).isEqualTo(0.8);
  }
}
