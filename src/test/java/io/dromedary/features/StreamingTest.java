package io.dromedary.features;

import static io.dromedary.testing.Gateway.request;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.limit.InFlight;
import io.dromedary.provider.CallWatch;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.FakeProvider.Call;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Gateway.Event;
import io.dromedary.testing.Gateway.OpenStream;
import io.dromedary.testing.Gateway.Streamed;
import io.dromedary.testing.Mood;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerRegistry;
import java.math.BigDecimal;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Streams through the running gateway, in the four formats providers speak. Two chunks may be 1.5 s apart here, at OpenAI 40 s, since a thousand streams at once keep a busy machine busy. */
class StreamingTest {
  /** Two seconds are promised; the tests' machine may be busy, and without a cancel it would be twenty. */
  private static final Duration SOON = Duration.ofSeconds(8);
  private static final Map<String, String> MODELS = Map.of("openai", "openai/gpt-4o", "anthropic", "anthropic/claude-sonnet-5", "gemini", "gemini/gemini-3.5-flash-lite", "ollama", "ollama/llama3.2");
  private static final Map<String, FakeProvider> PROVIDERS = new LinkedHashMap<>();
  private static Gateway gateway;

  @BeforeAll
  static void start() {
    Gateway.Setup setup = Gateway.bare().set("dromedary.cache.enabled", false).set("dromedary.provider-defaults.idle-timeout", "1500ms").set("dromedary.providers.openai.idle-timeout", "40s");
    MODELS.keySet().forEach(provider -> {
      PROVIDERS.put(provider, FakeProvider.speaking(provider, 0));
      setup.and(provider, PROVIDERS.get(provider));
    });
    gateway = setup.start();
  }

  @AfterAll
  static void stop() {
    gateway.close();
    PROVIDERS.values().forEach(FakeProvider::close);
  }

  /** Every test leaves nothing behind: no call, no place in flight, no open stream. */
  @AfterEach
  void nothing_is_left() {
    await().atMost(Duration.ofSeconds(10)).untilAsserted(() -> {
      assertThat(gateway.bean(InFlight.class).underWay()).as("in flight").isZero();
      assertThat(gateway.bean(InFlight.class).openStreams()).as("open streams").isZero();
      assertThat(gateway.bean(CallWatch.class).size()).as("calls").isZero();
      assertThat(PROVIDERS.values()).as("upstream").allMatch(provider -> provider.open() == 0);
    });
    gateway.get("/health/providers").json().path("providers").forEach(provider -> {
      assertThat(provider.path("in_flight").asInt()).as("%s", provider).isZero();
      assertThat(provider.path("open_streams").asInt()).as("%s", provider).isZero();
    });
    PROVIDERS.values().forEach(provider -> provider.mood(Mood.WELL).says(5).usage(9, -1).every(Duration.ofMillis(50)).breakAfter(2).callsTool(null, "{}").reset());
    gateway.bean(CircuitBreakerRegistry.class).getAllCircuitBreakers().forEach(CircuitBreaker::reset);
  }

  private static ObjectNode ask(String provider, String... more) {
    return request(MODELS.get(provider), "hello", more);
  }

  // ---- as it arrives ----------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(strings = {"openai", "anthropic", "gemini", "ollama"})
  @Tag("S1")
  void every_chunk_is_passed_on_when_it_comes(String provider) {
    PROVIDERS.get(provider).mood(Mood.DRIPS).every(Duration.ofMillis(200)).says(6);

    Streamed stream = gateway.stream(ask(provider));

    assertThat(stream.content()).isEqualTo("w1 w2 w3 w4 w5 w6");
    assertThat(stream.finish()).isEqualTo("stop");
    assertThat(stream.done()).isTrue();
    List<Event> words = stream.words();
    assertThat(words).hasSize(6);
    Duration spread = words.get(5).at().minus(words.get(0).at());
    assertThat(spread).as("five gaps of 200 ms, not a burst").isGreaterThan(Duration.ofMillis(600));
    int gaps = 0;
    for (int i = 1; i < words.size(); i++) {
      gaps += words.get(i).at().minus(words.get(i - 1).at()).toMillis() >= 100 ? 1 : 0;
    }
    assertThat(gaps).isGreaterThanOrEqualTo(3);
  }

  @ParameterizedTest
  @ValueSource(strings = {"openai", "anthropic", "gemini", "ollama"})
  @Tag("T1")
  void a_tool_call_arrives_whole_with_one_id_and_its_finish_reason(String provider) {
    PROVIDERS.get(provider).callsTool("weather", "{\"city\":\"Paris\"}");

    Streamed stream = gateway.stream(ask(provider, "{'tools':[{'type':'function','function':{'name':'weather','parameters':{'type':'object','properties':{'city':{'type':'string'}}}}}]}"));

    StringBuilder arguments = new StringBuilder();
    List<String> ids = new ArrayList<>();
    stream.events().forEach(event -> event.json().at("/choices/0/delta/tool_calls").forEach(call -> {
      if (call.hasNonNull("id")) {
        ids.add(call.path("id").asText());
      }
      arguments.append(call.at("/function/arguments").asText(""));
    }));
    assertThat(ids).hasSize(1);
    assertThat(arguments.toString()).isEqualToIgnoringWhitespace("{\"city\":\"Paris\"}");
    assertThat(stream.finish()).isEqualTo("tool_calls");
    assertThat(stream.done()).isTrue();
  }

  // ---- usage --------------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(strings = {"openai", "anthropic", "gemini", "ollama"})
  @Tag("S2")
  void who_asks_for_usage_gets_counts_and_cost_in_the_last_chunk(String provider) {
    PROVIDERS.get(provider).usage(1_000, 200);

    Streamed stream = gateway.stream(ask(provider, "{'stream_options':{'include_usage':true}}"));

    Event last = stream.events().get(stream.events().size() - 2);
    assertThat(stream.done()).isTrue();
    assertThat(last.json().path("choices").size()).isZero();
    assertThat(last.json().at("/usage/prompt_tokens").asLong()).isEqualTo(1_000);
    assertThat(last.json().at("/usage/completion_tokens").asLong()).isEqualTo(200);
    assertThat(last.json().at("/usage/total_tokens").asLong()).isEqualTo(1_200);
    BigDecimal cost = last.json().at("/usage/cost").decimalValue();
    if (provider.equals("openai")) {
      assertThat(cost).isEqualByComparingTo("0.0045"); // 1,000 x $2.50 + 200 x $10, a million
    } else {
      assertThat(cost.signum()).isEqualTo(provider.equals("ollama") ? 0 : 1);
    }
  }

  @Test
  @Tag("S2")
  void usage_is_asked_for_upstream_always_and_kept_from_a_client_that_did_not_ask() {
    Streamed stream = gateway.stream(ask("openai"));

    assertThat(PROVIDERS.get("openai").last().json().at("/stream_options/include_usage").asBoolean()).isTrue();
    assertThat(stream.done()).isTrue();
    assertThat(stream.raw()).doesNotContain("usage", "prompt_tokens");
    assertThat(stream.events()).filteredOn(event -> !event.data().equals("[DONE]")).allSatisfy(event -> assertThat(event.json().path("choices")).hasSize(1));
  }

  @ParameterizedTest
  @EnumSource(FakeProvider.Lie.class)
  @Tag("M7")
  void a_provider_that_lies_about_usage_does_not_make_the_bill_absurd(FakeProvider.Lie lie) {
    PROVIDERS.get("openai").mood(Mood.LIES_ABOUT_USAGE).lie(lie);

    Streamed stream = gateway.stream(ask("openai", "{'stream_options':{'include_usage':true}}"));

    assertThat(stream.done()).as(stream.raw()).isTrue();
    assertThat(stream.usage().path("prompt_tokens").asLong(-1)).isBetween(1L, 1_000_000L);
    assertThat(stream.usage().path("completion_tokens").asLong(-1)).isBetween(1L, 1_000_000L);
    assertThat(stream.usage().path("cost").decimalValue()).isBetween(new BigDecimal("0.000001"), new BigDecimal("20"));
  }

  // ---- what breaks after the first word -------------------------------------------------------------------------------------------------------------------------------------------------------

  @ParameterizedTest
  @CsvSource({"openai, DIES_MID_STREAM", "openai, ERROR_MID_STREAM", "openai, TRUNCATED", "anthropic, STALLS_MID_STREAM", "anthropic, DIES_MID_STREAM", "anthropic, ERROR_MID_STREAM", "anthropic, TRUNCATED",
      "gemini, DIES_MID_STREAM", "gemini, ERROR_MID_STREAM", "gemini, TRUNCATED", "ollama, DIES_MID_STREAM", "ollama, ERROR_MID_STREAM", "ollama, TRUNCATED"})
  @Tag("S3")
  @Tag("S4")
  void a_stream_that_breaks_off_ends_with_an_error_event_and_no_made_up_stop(String provider, Mood mood) {
    PROVIDERS.get(provider).mood(mood);

    Streamed stream = gateway.stream(request(MODELS.get(provider), "hello", "{'models':['" + MODELS.get(provider.equals("openai") ? "anthropic" : "openai") + "']}"));

    assertThat(stream.status()).isEqualTo(200);
    assertThat(stream.content()).isEqualTo(mood == Mood.TRUNCATED ? "w1 w2 w3 w4 w5" : "w1 w2");
    assertThat(stream.error().path("message").asText()).as(stream.raw()).isNotEmpty();
    assertThat(stream.error().has("type") && stream.error().has("param") && stream.error().has("code")).isTrue();
    assertThat(stream.finish()).isNull();
    assertThat(stream.done()).isFalse();
    assertThat(stream.raw()).doesNotContain("[DONE]", "sk-test", "127.0.0.1");
    assertThat(PROVIDERS.values().stream().mapToInt(FakeProvider::calls).sum()).as("never a replay from the start").isEqualTo(1);
  }

  @Test
  @Tag("S6")
  void a_stream_that_falls_silent_is_ended_after_the_idle_time_and_its_connection_closed() {
    PROVIDERS.get("anthropic").mood(Mood.STALLS_MID_STREAM);

    Streamed stream = gateway.stream(ask("anthropic"));

    Event last = stream.events().get(stream.events().size() - 1);
    assertThat(last.json().at("/error/code").asText()).isEqualTo("provider_timeout");
    assertThat(last.at()).isGreaterThan(Duration.ofMillis(1_400));
    PROVIDERS.get("anthropic").await(Call::cancelled, SOON);
  }

  @Test
  @Tag("S6")
  void a_stream_without_end_is_ended_at_the_callers_time() {
    PROVIDERS.get("openai").mood(Mood.ENDLESS);

    Streamed stream = gateway.stream(ask("openai"), "x-dromedary-timeout-ms", "1000");

    assertThat(stream.done()).isFalse();
    assertThat(stream.error().path("code").asText()).isEqualTo("provider_timeout");
    PROVIDERS.get("openai").await(Call::cancelled, SOON);
  }

  // ---- the client goes away -----------------------------------------------------------------------------------------------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(strings = {"openai", "anthropic", "gemini", "ollama"})
  @Tag("S5")
  void a_client_that_leaves_mid_stream_ends_the_providers_work_within_two_seconds(String provider) throws Exception {
    PROVIDERS.get(provider).mood(Mood.DRIPS).every(Duration.ofMillis(100)).says(200);
    String id;
    try (OpenStream stream = gateway.open(ask(provider))) {
      id = stream.header("x-request-id");
      for (int words = 0; words < 3;) {
        words += stream.next().content().isEmpty() ? 0 : 1;
      }
    }

    PROVIDERS.get(provider).await(Call::cancelled, SOON);

    assertThat(Row.of(gateway, id).status()).isEqualTo("cancelled");
    assertThat(Row.of(gateway, id).attempts()).containsExactly("SETTLED/cancelled");
    if (!provider.equals("ollama")) {
      assertThat(Row.of(gateway, id).costNanos()).as("what was said so far is charged").isPositive();
    }
  }

  @Test
  @Tag("S5")
  void a_client_that_leaves_a_stalled_stream_ends_the_providers_work_too() throws Exception {
    PROVIDERS.get("openai").mood(Mood.STALLS_MID_STREAM);
    try (OpenStream stream = gateway.open(ask("openai"))) {
      stream.next();
    }

    PROVIDERS.get("openai").await(Call::cancelled, SOON);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  @Tag("S5")
  void a_client_that_leaves_before_the_first_word_ends_the_providers_work_within_two_seconds(boolean streams) throws Exception {
    PROVIDERS.get("openai").mood(Mood.HANGS);
    try (Socket client = gateway.socket()) {
      Gateway.write(client, ask("openai", "{'stream':" + streams + "}"));
      await().atMost(Duration.ofSeconds(10)).until(() -> PROVIDERS.get("openai").open() == 1);
    }

    PROVIDERS.get("openai").await(Call::cancelled, SOON);

    assertThat(PROVIDERS.get("openai").calls()).as("and nobody is asked in its place").isEqualTo(1);
    assertThat(gateway.bean(CircuitBreakerRegistry.class).circuitBreaker("openai").getMetrics().getNumberOfFailedCalls()).as("no fault of the provider").isZero();
  }

  // ---- many -----------------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  @Test
  @Tag("S1")
  @Tag("F8")
  void a_thousand_streams_are_open_at_once_and_all_end_whole() throws Exception {
    int streams = 1_000;
    FakeProvider openai = PROVIDERS.get("openai");
    openai.mood(Mood.DRIPS).every(Duration.ofSeconds(2)).says(40);
    ExecutorService clients = Executors.newCachedThreadPool(task -> {
      Thread thread = new Thread(null, task, "client", 128 << 10);
      thread.setDaemon(true);
      return thread;
    });
    // The limits of requests that wait for their first word (64 per provider) hold: so many begin at a time.
    Semaphore beginning = new Semaphore(40);
    List<Future<Streamed>> all = new ArrayList<>();
    for (int i = 0; i < streams; i++) {
      beginning.acquire();
      all.add(clients.submit(() -> {
        OpenStream stream;
        try {
          stream = gateway.open(ask("openai"));
          stream.next();
        } finally {
          beginning.release();
        }
        try (stream) {
          return stream.readAll();
        }
      }));
    }
    await().atMost(Duration.ofSeconds(30)).until(() -> openai.mostOpen() == streams);
    assertThat(gateway.bean(InFlight.class).openStreams()).isGreaterThan(streams * 9 / 10);
    openai.every(Duration.ofMillis(1));

    for (Future<Streamed> stream : all) {
      assertThat(stream.get().done()).as(stream.get().raw()).isTrue();
      assertThat(stream.get().content()).endsWith(" w40");
    }
    clients.shutdownNow();
  }
}
