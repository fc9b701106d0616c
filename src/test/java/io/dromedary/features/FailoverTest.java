package io.dromedary.features;

import static io.dromedary.testing.Gateway.request;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.limit.InFlight;
import io.dromedary.provider.CallWatch;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Gateway.Answer;
import io.dromedary.testing.Gateway.Streamed;
import io.dromedary.testing.Mood;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerRegistry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What happens when providers fail: the first of two is in every mood there is, the second is well. Waits are short here: 0.7 s for an answer or a first token, 1 s between chunks. */
class FailoverTest {
  private static final String FIRST = "openai/gpt-4o";
  private static final String SECOND = "anthropic/claude-sonnet-5";

  private static FakeProvider first;
  private static FakeProvider second;
  private static Gateway gateway;

  @BeforeAll
  static void start() {
    first = FakeProvider.openai().retryAfter(0);
    second = FakeProvider.anthropic().retryAfter(0);
    gateway = Gateway.with("openai", first).and("anthropic", second)
        .at("mistral", "http://127.0.0.1:1") // where nobody listens
        .set("dromedary.cache.enabled", false)
        .set("dromedary.provider-defaults.first-token-timeout", "700ms").set("dromedary.provider-defaults.answer-timeout", "700ms").set("dromedary.provider-defaults.idle-timeout", "1s")
        .set("dromedary.providers.openai.max-concurrent", "8").set("dromedary.provider-defaults.permit-wait", "200ms")
        .set("dromedary.breaker.open-for", "2s")
        .start();
  }

  @AfterAll
  static void stop() {
    gateway.close();
    first.close();
    second.close();
  }

  @AfterEach
  void recover() {
    // Whatever became of a request, its place is free again.
    await().atMost(Duration.ofSeconds(10)).until(() -> gateway.bean(InFlight.class).underWay() == 0 && gateway.bean(InFlight.class).openStreams() == 0 && gateway.bean(CallWatch.class).size() == 0);
    first.mood(Mood.WELL).retryAfter(0).reset();
    second.mood(Mood.WELL).retryAfter(0).reset();
    await().atMost(Duration.ofSeconds(10)).until(() -> first.open() == 0 && second.open() == 0);
    gateway.bean(CircuitBreakerRegistry.class).getAllCircuitBreakers().forEach(CircuitBreaker::reset);
  }

  private static ObjectNode both() {
    return request(FIRST, "hello", "{'models':['" + SECOND + "']}");
  }

  private static CircuitBreaker.State breaker(String provider) {
    return gateway.bean(CircuitBreakerRegistry.class).circuitBreaker(provider).getState();
  }

  private static JsonNode health(String provider) {
    for (JsonNode entry : gateway.get("/health/providers").json().path("providers")) {
      if (entry.path("provider").asText().equals(provider)) {
        return entry;
      }
    }
    throw new AssertionError("no such provider: " + provider);
  }

  @Test
  @Tag("F1")
  void a_caller_who_does_not_wait_closes_no_account_to_others() {
    first.mood(Mood.HANGS);
    for (int i = 0; i < 14; i++) {
      boolean streamed = i % 2 == 0;
      int status = streamed ? gateway.stream(request(FIRST, "quick " + i), "x-dromedary-timeout-ms", "50").status() : gateway.chat(FIRST, "quick " + i, "x-dromedary-timeout-ms", "50").status();
      assertThat(status).isEqualTo(504);
    }
    assertThat(breaker("openai")).isEqualTo(CircuitBreaker.State.CLOSED);
    first.mood(Mood.WELL);
    assertThat(gateway.chat(FIRST, "I wait").status()).isEqualTo(200);
  }

  // ---- the next one answers ---------------------------------------------------------------------------------------------------------------------------------------------------------------------

  @ParameterizedTest
  @EnumSource(value = Mood.class, names = {"BUSY", "DOWN", "BAD_KEY", "HANGS", "HANGS_UP", "ERROR_IN_STREAM_FIRST", "HTML", "EMPTY", "JUNK", "DIES_MID_STREAM", "STALLS_MID_STREAM", "TRUNCATED"})
  @Tag("F1")
  void when_the_first_brings_no_whole_answer_the_next_is_asked(Mood mood) {
    first.mood(mood);

    Answer answer = gateway.chat(both());

    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    assertThat(answer.content()).isEqualTo("w1 w2 w3 w4 w5");
    assertThat(answer.header("x-dromedary-model")).isEqualTo(SECOND);
    assertThat(answer.header("x-dromedary-attempts")).isEqualTo("2");
    assertThat(first.calls()).isEqualTo(1);
    assertThat(second.calls()).isEqualTo(1);
  }

  @ParameterizedTest
  @EnumSource(value = Mood.class, names = {"BUSY", "DOWN", "BAD_KEY", "HANGS", "HANGS_UP", "ERROR_IN_STREAM_FIRST", "HTML", "EMPTY", "JUNK"})
  @Tag("S3")
  void a_stream_fails_over_as_long_as_nothing_was_said(Mood mood) {
    first.mood(mood);

    Streamed stream = gateway.stream(both());

    assertThat(stream.status()).as(stream.raw()).isEqualTo(200);
    assertThat(stream.content()).isEqualTo("w1 w2 w3 w4 w5");
    assertThat(stream.header("x-dromedary-provider")).isEqualTo("anthropic");
    assertThat(stream.done()).isTrue();
    assertThat(stream.error().isMissingNode()).isTrue();
  }

  @Test
  void a_provider_that_cannot_be_reached_is_passed_over() {
    Answer answer = gateway.chat(request("mistral/mistral-large-latest", "hello", "{'models':['" + SECOND + "']}"));

    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    assertThat(answer.header("x-dromedary-provider")).isEqualTo("anthropic");
    assertThat(answer.header("x-dromedary-attempts")).isEqualTo("2");
  }

  @Test
  @Tag("S3")
  @Tag("T8")
  void when_a_stream_fails_twice_before_its_first_word_the_answer_is_a_proper_http_error() {
    first.mood(Mood.ERROR_IN_STREAM_FIRST);
    second.mood(Mood.ERROR_IN_STREAM_FIRST);

    Answer answer = gateway.chat(both().put("stream", true));

    assertThat(answer.status()).as(answer.text()).isEqualTo(503);
    assertThat(answer.header("content-type")).isEqualTo("application/json");
    assertThat(answer.json().at("/error/attempts").findValuesAsText("provider")).startsWith("openai", "anthropic");
  }

  @Test
  @Tag("F2")
  void a_busy_provider_is_left_alone_for_as_long_as_it_asked() {
    first.mood(Mood.BUSY).retryAfter(2);
    gateway.chat(both());
    first.mood(Mood.WELL);

    Answer meanwhile = gateway.chat(both());

    assertThat(meanwhile.header("x-dromedary-provider")).isEqualTo("anthropic");
    assertThat(meanwhile.header("x-dromedary-attempts")).isEqualTo("1");
    assertThat(first.calls()).isEqualTo(1);
    assertThat(health("openai").path("available").asBoolean()).isFalse();
    await().atMost(Duration.ofSeconds(10)).until(() -> "openai".equals(gateway.chat(both()).header("x-dromedary-provider")));
  }

  @Test
  @Tag("F2")
  void the_only_model_is_asked_again_when_its_provider_says_when() {
    first.next(Mood.BUSY, Mood.WELL).retryAfter(1);

    Answer answer = gateway.chat(FIRST, "hello");

    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    assertThat(answer.header("x-dromedary-attempts")).isEqualTo("2");
    assertThat(answer.took()).isGreaterThanOrEqualTo(Duration.ofMillis(900));
  }

  // ---- whose fault it is --------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  @Test
  @Tag("F2")
  @Tag("T8")
  void what_a_provider_refuses_is_not_tried_elsewhere_and_comes_back_as_a_400() {
    first.mood(Mood.REFUSES);

    Answer answer = gateway.chat(both());

    assertThat(answer.status()).as(answer.text()).isEqualTo(400);
    assertThat(answer.json().at("/error/message").asText()).contains("not to my taste");
    assertThat(answer.header("x-should-retry")).isEqualTo("false");
    assertThat(second.calls()).isZero();
  }

  @Test
  @Tag("F3")
  void refused_requests_do_not_open_a_breaker() {
    first.mood(Mood.REFUSES);
    for (int i = 0; i < 30; i++) {
      assertThat(gateway.chat(FIRST, "hello").status()).isEqualTo(400);
    }

    assertThat(breaker("openai")).isEqualTo(CircuitBreaker.State.CLOSED);
    first.mood(Mood.WELL);
    assertThat(gateway.chat(FIRST, "hello").status()).isEqualTo(200);
  }

  // ---- nobody answers ---------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  @ParameterizedTest
  @org.junit.jupiter.params.provider.CsvSource({"DOWN, 503, provider_unavailable", "HANGS, 504, provider_timeout", "HTML, 502, provider_bad_answer", "BAD_KEY, 502, provider_credentials", "BUSY, 429, rate_limit_exceeded"})
  @Tag("T8")
  void when_the_whole_chain_fails_the_error_tells_each_attempt_and_that_retrying_is_in_vain(Mood mood, int status, String code) {
    first.mood(mood);
    second.mood(mood);

    Answer answer = gateway.chat(both());

    assertThat(answer.status()).as(answer.text()).isEqualTo(status);
    JsonNode error = answer.json().path("error");
    assertThat(error.has("message") && error.has("type") && error.has("param") && error.has("code")).as("all four keys").isTrue();
    assertThat(error.path("code").asText()).isEqualTo(code);
    assertThat(error.path("attempts").findValuesAsText("provider")).startsWith("openai", "anthropic");
    assertThat(answer.header("x-should-retry")).isEqualTo("false");
    assertThat(answer.header("x-request-id")).startsWith("req-");
    assertThat(answer.text()).doesNotContain("sk-test", "sk-fake", "127.0.0.1");
  }

  @Test
  void a_caller_may_name_the_time_it_waits() {
    first.mood(Mood.HANGS);
    second.mood(Mood.HANGS);

    Answer answer = gateway.chat(both(), "x-dromedary-timeout-ms", "1500");

    assertThat(answer.status()).as(answer.text()).isEqualTo(504);
    assertThat(answer.took()).isBetween(Duration.ofMillis(1_400), Duration.ofSeconds(12));
    first.await(FakeProvider.Call::cancelled, Duration.ofSeconds(20));
  }

  @Test
  void a_time_that_is_no_number_is_refused() {
    Answer answer = gateway.chat(FIRST, "hello", "x-dromedary-timeout-ms", "soon");

    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.json().at("/error/param").asText()).isEqualTo("x-dromedary-timeout-ms");
  }

  // ---- breakers ---------------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  @Test
  @Tag("F2")
  @Tag("F3")
  void a_provider_that_is_down_sees_hardly_more_calls_than_there_are_requests_and_soon_none() {
    first.mood(Mood.DOWN);
    int requests = 60;

    for (int i = 0; i < requests; i++) {
      assertThat(gateway.chat(FIRST, "hello").status()).isEqualTo(503);
    }

    assertThat(first.calls()).isLessThanOrEqualTo((int) (requests * 1.3));
    assertThat(breaker("openai")).isNotEqualTo(CircuitBreaker.State.CLOSED);
  }

  @Test
  @Tag("F2")
  @Tag("F3")
  void with_all_breakers_open_the_answer_comes_at_once_and_health_and_metrics_say_so() {
    first.mood(Mood.DOWN);
    second.mood(Mood.DOWN);
    for (int i = 0; i < 12; i++) {
      gateway.chat(both());
    }
    first.mood(Mood.HANGS); // to call it now would take 700 ms
    second.mood(Mood.HANGS);
    first.reset();
    second.reset();

    Answer answer = gateway.chat(both());

    assertThat(answer.status()).as(answer.text()).isEqualTo(503);
    assertThat(answer.header("retry-after")).isNotNull();
    assertThat(first.calls() + second.calls()).isZero();
    assertThat(health("openai").path("breaker").asText()).isEqualTo("open");
    assertThat(health("openai").path("available").asBoolean()).isFalse();
    assertThat(health("openai").path("last_failure").asText()).isEqualTo("down 503");
    assertThat(gateway.metric("resilience4j_circuitbreaker_state{name=\"openai\",state=\"open\"}")).isEqualTo(1);
    assertThat(gateway.get("/health/readiness").status()).as("a provider's trouble is not ours").isEqualTo(200);
  }

  @Test
  @Tag("F3")
  void a_breaker_probes_after_its_rest_and_closes_when_the_provider_is_well_again() {
    first.mood(Mood.DOWN);
    for (int i = 0; i < 12; i++) {
      gateway.chat(both());
    }
    assertThat(breaker("openai")).isEqualTo(CircuitBreaker.State.OPEN);
    first.mood(Mood.WELL).reset();

    assertThat(gateway.chat(both()).header("x-dromedary-attempts")).as("while it rests it costs no attempt").isEqualTo("1");
    await().atMost(Duration.ofSeconds(10)).until(() -> breaker("openai") == CircuitBreaker.State.HALF_OPEN);
    for (int i = 0; i < 3; i++) {
      assertThat(gateway.chat(both()).status()).isEqualTo(200);
    }

    assertThat(breaker("openai")).isEqualTo(CircuitBreaker.State.CLOSED);
    assertThat(gateway.chat(both()).header("x-dromedary-provider")).isEqualTo("openai");
  }

  @Test
  @Tag("F3")
  @Tag("S4")
  void streams_that_break_off_open_the_breaker_too() {
    first.mood(Mood.ERROR_MID_STREAM);
    for (int i = 0; i < 12; i++) {
      gateway.stream(request(FIRST, "hello"));
    }

    assertThat(breaker("openai")).isEqualTo(CircuitBreaker.State.OPEN);
  }

  // ---- one hangs, others do not ------------------------------------------------------------------------------------------------------------------------------------------------------------------

  @Test
  @Tag("F1")
  void a_provider_that_hangs_takes_no_more_than_its_own_places_and_touches_no_other() {
    first.mood(Mood.HANGS);
    List<CompletableFuture<Answer>> hung = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      hung.add(gateway.chatLater(request(FIRST, "hello")));
    }
    await().atMost(Duration.ofSeconds(10)).until(() -> first.open() > 0);
    for (int i = 0; i < 10; i++) {
      Answer other = gateway.chat(SECOND, "hello");
      assertThat(other.status()).isEqualTo(200);
    }

    List<Integer> statuses = hung.stream().map(answer -> answer.join().status()).toList();
    assertThat(statuses).allMatch(status -> status == 503 || status == 504);
    assertThat(first.mostOpen()).as("its bulkhead").isLessThanOrEqualTo(8);
    await().atMost(Duration.ofSeconds(10)).until(() -> gateway.metric("dromedary_requests_in_flight") == 0 && gateway.metric("dromedary_provider_calls_running") == 0);
  }
}
