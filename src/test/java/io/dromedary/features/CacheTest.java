package io.dromedary.features;

import static io.dromedary.testing.Gateway.request;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.limit.InFlight;
import io.dromedary.provider.CallWatch;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Gateway.Answer;
import io.dromedary.testing.Gateway.Streamed;
import io.dromedary.testing.Mood;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Answers that were given before: who gets them, who does not, and what they cost. */
class CacheTest {
  private static final String MODEL = "openai/gpt-4o";

  private static FakeProvider openai;
  private static Gateway gateway;
  private static int questions;

  private String question;

  @BeforeAll
  static void start() {
    openai = FakeProvider.openai().usage(100, 50);
    gateway = Gateway.with("openai", openai).set("dromedary.breaker.min-calls", 1_000).set("dromedary.breaker.window", 1_000).set("dromedary.failover.max-retries", 0).start();
  }

  @AfterAll
  static void stop() {
    gateway.close();
    openai.close();
  }

  @BeforeEach
  void a_question_nobody_asked_before() {
    question = "question " + ++questions;
    openai.mood(Mood.WELL).reset();
  }

  @AfterEach
  void nothing_is_left() {
    // Whatever became of a request, its place is free again.
    await().atMost(Duration.ofSeconds(10)).until(() -> gateway.bean(InFlight.class).underWay() == 0 && gateway.bean(InFlight.class).openStreams() == 0 && gateway.bean(CallWatch.class).size() == 0);
  }

  @Test
  @Tag("C3")
  void an_equal_request_is_answered_from_memory_at_no_cost() {
    Answer first = gateway.chat(MODEL, question);
    Answer second = gateway.chat(MODEL, question);

    assertThat(first.header("x-dromedary-cache")).isEqualTo("miss");
    assertThat(second.header("x-dromedary-cache")).isEqualTo("hit");
    assertThat(second.content()).isEqualTo(first.content());
    assertThat(second.json().path("usage")).isEqualTo(first.json().path("usage"));
    assertThat(second.header("x-dromedary-cost-usd")).isEqualTo("0");
    assertThat(new BigDecimal(second.header("x-dromedary-saved-usd"))).isEqualByComparingTo(first.header("x-dromedary-cost-usd"));
    assertThat(second.header("x-dromedary-attempts")).isEqualTo("0");
    assertThat(second.requestId()).isNotEqualTo(first.requestId());
    assertThat(openai.calls()).isEqualTo(1);
    assertThat(Row.of(gateway, second.requestId()).costNanos()).isZero();
  }

  @Test
  @Tag("C1")
  void a_request_that_differs_in_anything_that_matters_is_another() {
    gateway.chat(MODEL, question);

    assertThat(gateway.chat(MODEL, question + "!").header("x-dromedary-cache")).isEqualTo("miss");
    assertThat(gateway.chat("openai/gpt-4o-mini", question).header("x-dromedary-cache")).isEqualTo("miss");
    assertThat(gateway.chat(request(MODEL, question, "{'temperature':0.5}")).header("x-dromedary-cache")).isEqualTo("miss");
    assertThat(gateway.chat(request(MODEL, question, "{'max_tokens':5}")).header("x-dromedary-cache")).isEqualTo("miss");
    assertThat(openai.calls()).isEqualTo(5);
  }

  @Test
  @Tag("S7")
  void a_whole_answer_is_replayed_as_a_stream_and_a_stream_as_a_whole_answer() {
    Answer whole = gateway.chat(MODEL, question);
    Streamed replayed = gateway.stream(request(MODEL, question, "{'stream_options':{'include_usage':true}}"));
    Streamed streamed = gateway.stream(request(MODEL, question + "?"));
    Answer told = gateway.chat(MODEL, question + "?");

    assertThat(replayed.header("x-dromedary-cache")).isEqualTo("hit");
    assertThat(replayed.content()).isEqualTo(whole.content());
    assertThat(replayed.finish()).isEqualTo("stop");
    assertThat(replayed.done()).isTrue();
    assertThat(replayed.usage().path("total_tokens").asLong()).isEqualTo(150);
    assertThat(replayed.usage().path("cost").decimalValue()).isEqualByComparingTo("0");
    assertThat(told.header("x-dromedary-cache")).isEqualTo("hit");
    assertThat(told.content()).isEqualTo(streamed.content());
    assertThat(told.json().at("/choices/0/finish_reason").asText()).isEqualTo("stop");
    assertThat(told.json().at("/usage/total_tokens").asLong()).isEqualTo(150);
    assertThat(openai.calls()).isEqualTo(2);
  }

  @Test
  @Tag("C3")
  void a_request_says_what_the_cache_may_do() {
    assertThat(gateway.chat(request(MODEL, question), "x-dromedary-cache", "only").json().at("/error/code").asText()).isEqualTo("not_in_cache");
    assertThat(openai.calls()).isZero();

    assertThat(gateway.chat(request(MODEL, question), "x-dromedary-cache", "no-store").header("x-dromedary-cache")).isEqualTo("bypass");
    assertThat(gateway.chat(request(MODEL, question)).header("x-dromedary-cache")).as("it was not kept").isEqualTo("miss");
    assertThat(gateway.chat(request(MODEL, question), "x-dromedary-cache", "no-store").header("x-dromedary-cache")).as("nor is what is kept used").isEqualTo("bypass");
    assertThat(openai.calls()).isEqualTo(3);

    openai.says("something new");
    assertThat(gateway.chat(request(MODEL, question), "x-dromedary-cache", "refresh").content()).isEqualTo("something new");
    assertThat(gateway.chat(request(MODEL, question), "x-dromedary-cache", "only").content()).isEqualTo("something new");
    openai.says(5);
    assertThat(gateway.chat(request(MODEL, question), "x-dromedary-cache", "sometimes").status()).isEqualTo(400);
    assertThat(openai.calls()).isEqualTo(4);
  }

  @ParameterizedTest
  @EnumSource(value = Mood.class, names = {"DOWN", "REFUSES", "HTML", "EMPTY", "DIES_MID_STREAM", "ERROR_MID_STREAM", "TRUNCATED"})
  @Tag("C6")
  void what_failed_or_was_cut_is_not_kept(Mood mood) {
    openai.mood(mood);
    assertThat(gateway.chat(MODEL, question).status()).isGreaterThanOrEqualTo(400);
    gateway.stream(request(MODEL, question));
    openai.mood(Mood.WELL);

    Answer answer = gateway.chat(MODEL, question);

    assertThat(answer.header("x-dromedary-cache")).as(answer.text()).isEqualTo("miss");
    assertThat(answer.content()).isEqualTo("w1 w2 w3 w4 w5");
  }

  @Test
  @Tag("C4")
  void two_hundred_equal_requests_at_once_are_one_provider_call_and_one_bill() {
    openai.mood(Mood.SLOW).delay(Duration.ofSeconds(2));
    List<CompletableFuture<Answer>> all = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      all.add(gateway.chatLater(request(MODEL, question)));
    }

    int paid = 0;
    for (CompletableFuture<Answer> later : all) {
      Answer answer = later.join();
      assertThat(answer.status()).as(answer.text()).isEqualTo(200);
      assertThat(answer.content()).isEqualTo("w1 w2 w3 w4 w5");
      Row row = Row.of(gateway, answer.requestId());
      assertThat(row.page().path("cost_usd").asText()).isEqualTo(answer.header("x-dromedary-cost-usd"));
      paid += row.costNanos() > 0 ? 1 : 0;
    }
    assertThat(openai.calls()).isEqualTo(1);
    assertThat(paid).isEqualTo(1);
  }

  @Test
  @Tag("C4")
  void equal_streams_at_once_are_one_provider_call_too() {
    openai.mood(Mood.SLOW).delay(Duration.ofSeconds(1));
    ObjectNode asked = request(MODEL, question).put("stream", true);
    List<CompletableFuture<Answer>> all = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      all.add(gateway.chatLater(asked));
    }

    assertThat(all).allSatisfy(later -> assertThat(later.join().text()).contains("w5").endsWith("data: [DONE]\n\n"));
    assertThat(openai.calls()).isEqualTo(1);
  }

  @Test
  @Tag("C4")
  void when_the_request_the_others_wait_for_is_given_up_another_takes_its_place() throws Exception {
    openai.next(Mood.HANGS);
    try (var leader = gateway.socket()) {
      Gateway.write(leader, request(MODEL, question));
      openai.await(call -> true, Duration.ofSeconds(10));
      CompletableFuture<Answer> follower = gateway.chatLater(request(MODEL, question));
      leader.close();

      assertThat(follower.join().status()).as(follower.join().text()).isEqualTo(200);
    }
    assertThat(openai.calls()).isEqualTo(2);
  }

  @Test
  @Tag("C3")
  void only_the_operator_purges_and_what_is_purged_is_asked_again() {
    gateway.chat(MODEL, question);

    assertThat(gateway.post("/admin/cache/purge", "{}").status()).isEqualTo(401);
    assertThat(gateway.post("/admin/cache/purge", "{}", "authorization", "Bearer " + gateway.adminToken().replace('a', 'b').replace('1', '2')).status()).isEqualTo(401);
    assertThat(gateway.chat(MODEL, question).header("x-dromedary-cache")).isEqualTo("hit");
    Answer purged = gateway.post("/admin/cache/purge", "{\"model\":\"" + MODEL + "\"}", "authorization", "Bearer " + gateway.adminToken());

    assertThat(purged.status()).as(purged.text()).isEqualTo(200);
    assertThat(purged.json().path("purged").asInt()).isPositive();
    assertThat(gateway.chat(MODEL, question).header("x-dromedary-cache")).isEqualTo("miss");
  }
}
