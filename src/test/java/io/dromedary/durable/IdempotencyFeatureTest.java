package io.dromedary.durable;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Mood;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("M10")
class IdempotencyFeatureTest {
  private static final String KEY = "Idempotency-Key";
  /** Of each request: so that the answer cache does not answer in the key's stead. */
  private static final String NO_STORE = "x-dromedary-cache";
  private static final String MODEL = "openai/gpt-4o-mini";

  private static FakeProvider openai;
  private static Gateway gateway;

  @BeforeAll
  static void start() {
    openai = FakeProvider.openai();
    gateway = Gateway.with("openai", openai).set("dromedary.failover.max-retries", 0).set("dromedary.timeouts.request", "20s").start();
  }

  @AfterAll
  static void stop() {
    gateway.close();
    openai.close();
  }

  @BeforeEach
  void afresh() {
    openai.reset();
  }

  private static Gateway.Answer ask(String key, String prompt, String... more) {
    return gateway.chat(Gateway.request(MODEL, prompt, more), KEY, key, NO_STORE, "no-store");
  }

  @Test
  void a_duplicate_gets_the_first_answer_again_byte_by_byte_without_a_call_or_a_bill() {
    Gateway.Answer first = ask("key-1", "once");
    Gateway.Answer again = ask("key-1", "once");

    assertThat(first.status()).as(first.text()).isEqualTo(200);
    assertThat(first.header("idempotent-replayed")).isNull();
    assertThat(again.status()).isEqualTo(200);
    assertThat(again.text()).isEqualTo(first.text());
    assertThat(again.header("idempotent-replayed")).isEqualTo("true");
    assertThat(again.header("x-dromedary-model")).isEqualTo(first.header("x-dromedary-model"));
    assertThat(again.requestId()).as("whose page shows what it cost").isEqualTo(first.requestId());
    assertThat(again.header("x-dromedary-cost-usd")).as("nothing was billed for it").isNull();
    assertThat(again.header("x-dromedary-cache")).isNull();
    assertThat(openai.calls()).isEqualTo(1);
    assertThat(gateway.get("/v1/requests/" + again.requestId()).json().path("attempts")).hasSize(1);
  }

  @Test
  void the_same_key_with_another_body_is_a_422() {
    ask("key-2", "one thing");
    Gateway.Answer other = ask("key-2", "another thing");

    assertThat(other.status()).isEqualTo(422);
    assertThat(other.json().at("/error/code").asText()).isEqualTo("idempotency_key_reused");
    assertThat(other.header("x-should-retry")).isEqualTo("false");
    assertThat(openai.calls()).isEqualTo(1);
  }

  @Test
  void the_same_key_of_another_project_is_another_key() {
    ask("key-3", "mine");
    Gateway.Answer theirs = gateway.chat(Gateway.request(MODEL, "theirs"), KEY, "key-3", NO_STORE, "no-store", "x-dromedary-project", "team-b");

    assertThat(theirs.status()).isEqualTo(200);
    assertThat(theirs.header("idempotent-replayed")).isNull();
    assertThat(openai.calls()).isEqualTo(2);
  }

  @Test
  void a_key_that_is_none_is_a_400() {
    for (String key : List.of("x".repeat(256), "with space", "tab\tbed")) {
      Gateway.Answer refused = ask(key, "odd key");
      assertThat(refused.status()).as(key).isEqualTo(400);
      assertThat(refused.json().at("/error/param").asText()).isEqualTo("idempotency-key");
    }
    assertThat(ask("x".repeat(255), "longest key").status()).isEqualTo(200);
    assertThat(openai.calls()).isEqualTo(1);
  }

  @Test
  void fifty_concurrent_duplicates_are_one_provider_call() throws Exception {
    openai.mood(Mood.SLOW).delay(Duration.ofMillis(700));
    List<CompletableFuture<Gateway.Answer>> all = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      all.add(gateway.chatLater(Gateway.request(MODEL, "fifty at once"), KEY, "key-50", NO_STORE, "no-store"));
    }
    List<Gateway.Answer> answers = new ArrayList<>();
    for (CompletableFuture<Gateway.Answer> one : all) {
      answers.add(one.get(60, TimeUnit.SECONDS));
    }

    assertThat(answers).allSatisfy(answer -> assertThat(answer.status()).as(answer.text()).isEqualTo(200));
    assertThat(answers.stream().map(Gateway.Answer::text).distinct()).hasSize(1);
    assertThat(answers.stream().filter(answer -> answer.header("idempotent-replayed") == null)).hasSize(1);
    assertThat(openai.calls()).isEqualTo(1);
  }

  @Test
  void a_duplicate_whose_time_is_up_before_the_first_is_answered_gets_409() throws Exception {
    openai.mood(Mood.SLOW).delay(Duration.ofSeconds(3));
    CompletableFuture<Gateway.Answer> first = gateway.chatLater(Gateway.request(MODEL, "slow"), KEY, "key-409", NO_STORE, "no-store");
    openai.await(call -> true, Duration.ofSeconds(10));

    Gateway.Answer impatient = gateway.chat(Gateway.request(MODEL, "slow"), KEY, "key-409", NO_STORE, "no-store", "x-dromedary-timeout-ms", "200");

    assertThat(impatient.status()).as(impatient.text()).isEqualTo(409);
    assertThat(impatient.json().at("/error/code").asText()).isEqualTo("idempotency_key_in_use");
    assertThat(impatient.header("retry-after")).isEqualTo("1");
    assertThat(first.get(30, TimeUnit.SECONDS).status()).isEqualTo(200);
    assertThat(ask("key-409", "slow").header("idempotent-replayed")).isEqualTo("true");
    assertThat(openai.calls()).isEqualTo(1);
  }

  @Test
  void a_stream_is_given_again_as_a_stream_or_whole_as_the_duplicate_asks() {
    openai.says("a stream of a few words");
    Gateway.Streamed first = gateway.stream(Gateway.request(MODEL, "stream it", "{'stream_options':{'include_usage':true}}"), KEY, "key-s", NO_STORE, "no-store");
    Gateway.Answer whole = ask("key-s", "stream it");
    Gateway.Streamed again = gateway.stream(Gateway.request(MODEL, "stream it", "{'stream_options':{'include_usage':true}}"), KEY, "key-s", NO_STORE, "no-store");

    assertThat(first.done()).isTrue();
    assertThat(whole.status()).as(whole.text()).isEqualTo(200);
    assertThat(whole.content()).isEqualTo("a stream of a few words");
    assertThat(whole.header("idempotent-replayed")).isEqualTo("true");
    assertThat(again.content()).isEqualTo(first.content());
    assertThat(again.header("idempotent-replayed")).isEqualTo("true");
    assertThat(again.done()).isTrue();
    assertThat(again.usage().path("total_tokens")).isEqualTo(first.usage().path("total_tokens"));
    assertThat(openai.calls()).isEqualTo(1);
  }

  @Test
  void a_whole_answer_is_given_again_as_a_stream() {
    Gateway.Answer first = ask("key-w", "whole first");
    Gateway.Streamed again = gateway.stream(Gateway.request(MODEL, "whole first"), KEY, "key-w", NO_STORE, "no-store");

    assertThat(again.content()).isEqualTo(first.content());
    assertThat(again.done()).isTrue();
    assertThat(openai.calls()).isEqualTo(1);
  }

  @Test
  void a_failure_that_is_final_is_given_again() {
    openai.mood(Mood.REFUSES);
    Gateway.Answer first = ask("key-4xx", "refused");
    openai.mood(Mood.WELL);
    Gateway.Answer again = ask("key-4xx", "refused");

    assertThat(first.status()).isEqualTo(400);
    assertThat(again.status()).isEqualTo(400);
    assertThat(again.text()).isEqualTo(first.text());
    assertThat(again.header("idempotent-replayed")).isEqualTo("true");
    assertThat(again.header("x-should-retry")).isEqualTo(first.header("x-should-retry"));
    assertThat(openai.calls()).isEqualTo(1);
  }

  @Test
  void a_failure_that_may_pass_frees_the_key() {
    for (Mood mood : List.of(Mood.DOWN, Mood.BUSY)) {
      openai.reset().mood(mood);
      Gateway.Answer first = ask("key-" + mood, "try " + mood);
      int calls = openai.calls();
      openai.mood(Mood.WELL);
      Gateway.Answer second = gateway.chat(Gateway.request(MODEL, "try " + mood), KEY, "key-" + mood, NO_STORE, "no-store");
      assertThat(first.status()).as("%s", mood).isIn(429, 502, 503);
      // an account that was busy cools down for a second
      await().atMost(Duration.ofSeconds(20)).until(() -> ask("key-" + mood, "try " + mood).status() == 200);
      assertThat(second.header("idempotent-replayed")).isNull();
      assertThat(openai.calls()).isGreaterThan(calls);
    }
  }

  @Test
  void a_stream_that_broke_frees_the_key() {
    openai.says(10).mood(Mood.DIES_MID_STREAM);
    Gateway.Streamed broken = gateway.stream(Gateway.request(MODEL, "breaks"), KEY, "key-cut", NO_STORE, "no-store");
    openai.mood(Mood.WELL);

    assertThat(broken.done()).isFalse();
    Gateway.Answer again = ask("key-cut", "breaks");
    assertThat(again.status()).isEqualTo(200);
    assertThat(again.header("idempotent-replayed")).isNull();
    assertThat(openai.calls()).isEqualTo(2);
  }

  @Test
  void a_caller_who_left_frees_the_key() throws Exception {
    openai.says(2_000).mood(Mood.DRIPS).every(Duration.ofMillis(20));
    try (Gateway.OpenStream stream = gateway.open(Gateway.request(MODEL, "leaves"), KEY, "key-left", NO_STORE, "no-store")) {
      stream.next();
      stream.next();
    }
    openai.await(FakeProvider.Call::cancelled, Duration.ofSeconds(20));
    openai.says(3).mood(Mood.WELL);

    Gateway.Answer again = ask("key-left", "leaves");
    assertThat(again.status()).as(again.text()).isEqualTo(200);
    assertThat(openai.calls()).isEqualTo(2);
  }

  @Test
  void what_the_duplicates_cost_is_nothing_in_the_reports() {
    String project = "idem-sums";
    for (int i = 0; i < 4; i++) {
      gateway.chat(Gateway.request(MODEL, "sum"), KEY, "key-sum", NO_STORE, "no-store", "x-dromedary-project", project);
    }
    JsonNode usage = gateway.get("/v1/usage", "x-dromedary-project", project).json();
    assertThat(usage.at("/total/requests").asInt()).isEqualTo(1);
    assertThat(gateway.metric("dromedary_requests_in_flight")).isZero();
  }
}
