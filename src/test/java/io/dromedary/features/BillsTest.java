package io.dromedary.features;

import static io.dromedary.testing.Gateway.request;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Usd;
import io.dromedary.limit.InFlight;
import io.dromedary.provider.CallWatch;
import io.dromedary.spend.UsageReports;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Gateway.Answer;
import io.dromedary.testing.Gateway.Streamed;
import io.dromedary.testing.Mood;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What requests cost, as headers, usage chunks and the ledger tell it: always the same. */
class BillsTest {
  private static final Map<String, String> MODELS = Map.of("openai", "openai/gpt-4o", "anthropic", "anthropic/claude-sonnet-5", "gemini", "gemini/gemini-3.5-flash-lite");
  private static final Map<String, FakeProvider> PROVIDERS = new LinkedHashMap<>();
  private static Gateway gateway;

  @BeforeAll
  static void start() {
    Gateway.Setup setup = Gateway.bare().at("mistral", "http://127.0.0.1:1")
        .set("dromedary.breaker.min-calls", 10_000).set("dromedary.breaker.window", 10_000).set("dromedary.failover.max-retries", 0)
        .set("dromedary.provider-defaults.first-token-timeout", "1s").set("dromedary.provider-defaults.answer-timeout", "1s");
    MODELS.keySet().forEach(provider -> {
      PROVIDERS.put(provider, FakeProvider.speaking(provider, 0).retryAfter(0));
      setup.and(provider, PROVIDERS.get(provider));
    });
    gateway = setup.start();
  }

  @AfterAll
  static void stop() {
    gateway.close();
    PROVIDERS.values().forEach(FakeProvider::close);
  }

  @AfterEach
  void recover() {
    // Whatever became of a request, its place is free again.
    await().atMost(Duration.ofSeconds(10)).until(() -> gateway.bean(InFlight.class).underWay() == 0 && gateway.bean(InFlight.class).openStreams() == 0 && gateway.bean(CallWatch.class).size() == 0);
    PROVIDERS.values().forEach(provider -> provider.mood(Mood.WELL).usage(9, -1).reset());
  }

  private static ObjectNode fresh(String model, String... more) {
    return request(model, "bill " + System.nanoTime(), more);
  }

  @Test
  @Tag("M1")
  void a_request_has_a_page_with_its_attempts_usage_cost_and_decision() {
    PROVIDERS.get("openai").mood(Mood.DOWN);
    PROVIDERS.get("anthropic").usage(1_000, 200);

    Answer answer = gateway.chat(fresh("openai/gpt-4o", "{'models':['anthropic/claude-sonnet-5']}"));
    Row row = Row.of(gateway, answer.requestId());

    assertThat(row.status()).isEqualTo("ok");
    assertThat(row.page().path("requested_model").asText()).isEqualTo("openai/gpt-4o");
    assertThat(row.page().path("model").asText()).isEqualTo("anthropic/claude-sonnet-5");
    assertThat(row.page().at("/usage/input_tokens").asLong()).isEqualTo(1_000);
    assertThat(row.page().at("/usage/output_tokens").asLong()).isEqualTo(200);
    assertThat(row.page().path("cost_usd").asText()).isEqualTo(answer.header("x-dromedary-cost-usd"));
    assertThat(row.attempts()).containsExactly("SETTLED/failed", "SETTLED/answered");
    assertThat(row.page().at("/attempts/0/provider_status").asInt()).isEqualTo(503);
    assertThat(row.page().at("/attempts/0/cost_nanos").asLong()).as("an error status is not charged").isZero();
    assertThat(row.page().at("/attempts/1/reserved_nanos").asLong()).as("the reservation was no less").isGreaterThanOrEqualTo(row.costNanos());
  }

  @ParameterizedTest
  @ValueSource(strings = {"openai", "anthropic", "gemini"})
  @Tag("M8")
  void a_stream_costs_what_the_whole_answer_costs(String provider) {
    PROVIDERS.get(provider).usage(12_345, 678);

    Answer whole = gateway.chat(fresh(MODELS.get(provider)));
    Streamed stream = gateway.stream(fresh(MODELS.get(provider), "{'stream_options':{'include_usage':true}}"));

    assertThat(new BigDecimal(whole.header("x-dromedary-cost-usd"))).isPositive();
    assertThat(stream.usage().path("cost").decimalValue()).isEqualByComparingTo(whole.header("x-dromedary-cost-usd"));
    assertThat(Row.of(gateway, stream.requestId()).costNanos()).isEqualTo(Row.of(gateway, whole.requestId()).costNanos());
    assertThat(stream.usage().path("prompt_tokens")).isEqualTo(whole.json().at("/usage/prompt_tokens"));
    assertThat(stream.usage().path("completion_tokens")).isEqualTo(whole.json().at("/usage/completion_tokens"));
  }

  @ParameterizedTest
  @CsvSource({"DOWN, false", "BUSY, false", "REFUSES, false", "HANGS, true", "HANGS_UP, true", "HTML, true", "TRUNCATED, true"})
  @Tag("M6")
  void a_call_that_brought_nothing_costs_its_input_if_the_provider_took_it_in(Mood mood, boolean charged) {
    PROVIDERS.get("openai").mood(mood);

    Answer answer = gateway.chat(fresh("openai/gpt-4o"));
    Row row = Row.of(gateway, answer.requestId());

    assertThat(answer.status()).isGreaterThanOrEqualTo(400);
    assertThat(row.status()).isEqualTo("error");
    assertThat(row.page().path("http_status").asInt()).isEqualTo(answer.status());
    assertThat(row.costNanos() > 0).as(row.page().toString()).isEqualTo(charged);
    assertThat(row.page().at("/attempts/0/usage/output_tokens").asLong()).isZero();
  }

  @Test
  @Tag("M6")
  void nothing_is_charged_by_a_provider_that_was_not_reached() {
    Answer answer = gateway.chat(fresh("mistral/mistral-large-latest"));

    assertThat(answer.status()).as(answer.text()).isEqualTo(502);
    assertThat(Row.of(gateway, answer.requestId()).costNanos()).isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"DIES_MID_STREAM", "ERROR_MID_STREAM", "TRUNCATED"})
  @Tag("M6")
  void a_stream_that_broke_off_costs_what_was_said_so_far(String mood) {
    PROVIDERS.get("openai").mood(Mood.valueOf(mood));

    Streamed stream = gateway.stream(fresh("openai/gpt-4o"));
    Row row = Row.of(gateway, stream.requestId());

    assertThat(row.status()).isEqualTo("cut");
    assertThat(row.attempts()).containsExactly("SETTLED/cut");
    assertThat(row.page().at("/attempts/0/usage/input_tokens").asLong()).isPositive();
    assertThat(row.page().at("/attempts/0/usage/output_tokens").asLong()).isBetween(2L, 20L);
    assertThat(row.page().at("/attempts/0/usage/counted").asBoolean()).isTrue();
    assertThat(row.costNanos()).isPositive();
  }

  @Test
  @Tag("M9")
  void over_hundreds_of_calls_with_faults_headers_usage_chunks_rows_and_totals_agree_to_the_nano_dollar() {
    Random random = new Random(7);
    List<Mood> moods = List.of(Mood.WELL, Mood.WELL, Mood.WELL, Mood.DOWN, Mood.BUSY, Mood.HANGS_UP, Mood.JUNK, Mood.ERROR_IN_STREAM_FIRST, Mood.DIES_MID_STREAM, Mood.TRUNCATED);
    List<String> models = List.copyOf(MODELS.values());
    Caller operator = new Caller("default", "", true, java.util.Set.of());
    long before = total(operator);
    long told = 0;
    long untold = 0;
    for (int i = 0; i < 500; i++) {
      PROVIDERS.values().forEach(provider -> provider.mood(moods.get(random.nextInt(moods.size()))).usage(random.nextInt(100_000), random.nextInt(5_000)));
      String question = "sum " + random.nextInt(300); // some are hits
      String also = "{'models':['" + models.get(random.nextInt(models.size())) + "']}";
      ObjectNode request = request(models.get(random.nextInt(models.size())), question, random.nextBoolean() ? also : "{}");
      String id;
      BigDecimal cost;
      if (random.nextBoolean()) {
        Answer answer = gateway.chat(request);
        id = answer.requestId();
        cost = answer.status() == 200 ? new BigDecimal(answer.header("x-dromedary-cost-usd")) : null;
      } else {
        Streamed stream = gateway.stream(request.deepCopy().setAll((ObjectNode) request("x", "x", "{'stream_options':{'include_usage':true}}").retain("stream_options")));
        id = stream.requestId();
        cost = stream.done() ? stream.usage().path("cost").decimalValue() : null;
      }
      Row row = Row.of(gateway, id);
      long attempts = 0;
      for (JsonNode attempt : row.page().path("attempts")) {
        attempts += attempt.path("cost_nanos").asLong();
      }
      assertThat(row.costNanos()).as("a request costs the sum of its attempts").isEqualTo(attempts);
      if (cost != null) {
        assertThat(cost).as(row.page().toString()).isEqualByComparingTo(Usd.ofNanos(row.costNanos()).plain());
        told += row.costNanos();
      } else {
        untold += row.costNanos();
      }
    }

    assertThat(told).isPositive();
    assertThat(total(operator) - before).isEqualTo(told + untold);
  }

  private static long total(Caller operator) {
    return gateway.bean(UsageReports.class).usage(Map.of(), operator).at("/total/cost_nanos").asLong();
  }
}
