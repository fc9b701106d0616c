package io.dromedary.features;

import static io.dromedary.testing.Gateway.request;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.provider.ProviderAccounts;
import io.dromedary.testing.EventStream;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.FakeProvider.Hand;
import io.dromedary.testing.FakeProvider.Wire;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Gateway.Answer;
import io.dromedary.testing.Gateway.Event;
import io.dromedary.testing.Gateway.Streamed;
import io.dromedary.testing.Mood;
import io.dromedary.testing.OpenAiSchema;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every fault of every provider, whole and streamed, alone and with another model to turn to: the client gets the next one's answer or OpenAI's error, in time, and pays for what the provider took in and said.
 * An answer, a first token and each next chunk may take 0.8 s here.
 */
class FaultsTest {
  private static final Map<String, String> MODELS = models();
  private static final String NEXT = "routellm/next";
  private static final Map<String, FakeProvider> FAKES = new LinkedHashMap<>();
  private static final Duration IN_TIME = Duration.ofSeconds(15);
  private static Gateway gateway;

  private static Map<String, String> models() {
    Map<String, String> models = new LinkedHashMap<>();
    models.put("openai", "openai/gpt-4o");
    models.put("groq", "groq/llama-3.3-70b-versatile");
    models.put("mistral", "mistral/mistral-large-latest");
    models.put("deepseek", "deepseek/deepseek-chat");
    models.put("anthropic", "anthropic/claude-sonnet-5");
    models.put("gemini", "gemini/gemini-2.5-flash");
    models.put("ollama", "ollama/llama3.1");
    models.put("openrouter", "openrouter/openai/gpt-4o");
    models.put("azure", "azure/gpt-4o");
    models.put("bedrock", "bedrock/anthropic.claude-haiku-4-5-20251001-v1:0");
    return models;
  }

  /** What happens, and what a client with no other model sees of it. */
  enum Fault {
    STATUS_401(401, 502, "provider_credentials"),
    STATUS_403(403, 502, "provider_credentials"),
    STATUS_404(404, 404, null),
    STATUS_408(408, 503, "provider_unavailable"),
    STATUS_500(500, 503, "provider_unavailable"),
    STATUS_503(503, 503, "provider_unavailable"),
    STATUS_529(529, 503, "provider_unavailable"),
    ERROR_PAGE_IN_HTML(502, 503, "provider_unavailable", (call, wire) -> respond(wire, 502, "text/html", "", "<!doctype html><html><body>502 Bad Gateway</body></html>".getBytes(UTF_8))),
    ERROR_IN_GZIP(500, 503, "provider_unavailable", (call, wire) -> respond(wire, 500, "application/json", "Content-Encoding: gzip\r\n", gzip(wire.error(500, "it broke")))),
    HTML_FOR_AN_ANSWER(200, 502, "provider_bad_answer", Mood.HTML),
    EMPTY_BODY(200, 502, "provider_bad_answer", Mood.EMPTY),
    MALFORMED_JSON(200, 502, "provider_bad_answer", Mood.JUNK),
    WRONG_CONTENT_TYPE(200, 502, "provider_bad_answer", (call, wire) -> respond(wire, 200, "image/png", "", wire.answer(true).getBytes(ISO_8859_1))),
    GZIP_THAT_IS_NONE(200, 502, "provider_bad_answer", (call, wire) -> respond(wire, 200, "application/json", "Content-Encoding: gzip\r\n", wire.answer(false).getBytes(ISO_8859_1))),
    SLOW_HEADERS(0, 504, "provider_timeout", (call, wire) -> {
      for (byte letter : "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n".getBytes(ISO_8859_1)) {
        wire.send(new byte[] {letter});
        wire.pause(Duration.ofMillis(100));
      }
      return false;
    }),
    HANG(0, 504, "provider_timeout", Mood.HANGS),
    DROP_BEFORE_HEADERS(0, 502, "provider_bad_answer", Mood.HANGS_UP),
    DROP_MID_STREAM(200, 502, "provider_bad_answer", Mood.DIES_MID_STREAM),
    STALL_MID_STREAM(200, 504, "provider_timeout", Mood.STALLS_MID_STREAM),
    TRUNCATED(200, 502, "provider_bad_answer", Mood.TRUNCATED),
    ERROR_EVENT_FIRST(200, 503, "provider_unavailable", Mood.ERROR_IN_STREAM_FIRST),
    ERROR_EVENT_MID_STREAM(200, 503, "provider_unavailable", Mood.ERROR_MID_STREAM);

    final int providerStatus;
    final int status;
    final @Nullable String code;
    final @Nullable Mood mood;
    final @Nullable Hand hand;

    Fault(int providerStatus, int status, @Nullable String code) {
      this(providerStatus, status, code, null, (call, wire) -> respond(wire, providerStatus, "application/json", "", wire.error(providerStatus, "no such luck").getBytes(UTF_8)));
    }

    Fault(int providerStatus, int status, String code, Hand hand) {
      this(providerStatus, status, code, null, hand);
    }

    Fault(int providerStatus, int status, String code, Mood mood) {
      this(providerStatus, status, code, mood, null);
    }

    Fault(int providerStatus, int status, @Nullable String code, @Nullable Mood mood, @Nullable Hand hand) {
      this.providerStatus = providerStatus;
      this.status = status;
      this.code = code;
      this.mood = mood;
      this.hand = hand;
    }

    boolean afterTheFirstWords() {
      return this == DROP_MID_STREAM || this == STALL_MID_STREAM || this == TRUNCATED || this == ERROR_EVENT_MID_STREAM;
    }

    /** Does the provider charge the input? */
    boolean charged() {
      return providerStatus < 400;
    }
  }

  @BeforeAll
  static void start() {
    Gateway.Setup setup = Gateway.bare().set("dromedary.cache.enabled", false).set("dromedary.failover.max-retries", 0)
        .set("dromedary.breaker.min-calls", 10_000).set("dromedary.breaker.window", 10_000)
        .set("dromedary.provider-defaults.first-token-timeout", "800ms").set("dromedary.provider-defaults.answer-timeout", "800ms").set("dromedary.provider-defaults.idle-timeout", "800ms");
    for (String provider : Stream.concat(MODELS.keySet().stream(), Stream.of("routellm")).toList()) {
      FAKES.put(provider, FakeProvider.speaking(provider, 0));
      setup.and(provider, FAKES.get(provider));
    }
    gateway = setup.start();
    await().atMost(Duration.ofSeconds(20)).until(() -> gateway.chat("ollama/llama3.1", "are you there?").status() == 200);
  }

  @AfterAll
  static void stop() {
    gateway.close();
    FAKES.values().forEach(FakeProvider::close);
  }

  @AfterEach
  void recover() {
    FAKES.values().forEach(fake -> fake.mood(Mood.WELL).by(null).reset());
    gateway.bean(CircuitBreakerRegistry.class).getAllCircuitBreakers().forEach(CircuitBreaker::reset);
    await().atMost(Duration.ofSeconds(10)).pollInterval(Duration.ofMillis(20)).until(() -> FAKES.keySet().stream().allMatch(gateway.bean(ProviderAccounts.class)::available));
  }

  static Stream<Arguments> everyFaultOfEveryProvider() {
    return MODELS.keySet().stream().flatMap(provider -> Stream.of(Fault.values()).filter(fault -> !(provider.equals("ollama") && fault == Fault.WRONG_CONTENT_TYPE))
        .map(fault -> Arguments.of(provider, fault)));
  }

  static Stream<String> providers() {
    return MODELS.keySet().stream();
  }

  private static ObjectNode ask(String provider, boolean stream, boolean next) {
    return request(MODELS.get(provider), "hello", "{'stream':" + stream + (next ? ",'models':['" + NEXT + "']" : "") + "}");
  }

  private static boolean respond(Wire wire, int status, String type, String headers, byte[] body) throws IOException {
    wire.send(("HTTP/1.1 " + status + " X\r\nContent-Type: " + type + "\r\n" + headers + "Content-Length: " + body.length + "\r\n\r\n").getBytes(ISO_8859_1));
    wire.send(body);
    return true;
  }

  private static byte[] gzip(String text) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
      // all that is said is ASCII; Bedrock's frames are bytes, one character each
      out.write(text.getBytes(ISO_8859_1));
    }
    return bytes.toByteArray();
  }

  private static Streamed streamed(Answer answer) {
    List<Event> events = new ArrayList<>();
    answer.text().lines().filter(line -> line.startsWith("data:")).forEach(line -> events.add(new Event(line.substring(5).strip(), answer.took())));
    return new Streamed(answer.status(), answer.headers(), events, answer.text(), null);
  }

  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("everyFaultOfEveryProvider")
  @Tag("T8")
  @Tag("M6")
  void a_fault_becomes_the_next_ones_answer_or_the_right_error(String provider, Fault fault) {
    FakeProvider fake = FAKES.get(provider);
    if (fault.mood != null) {
      fake.mood(fault.mood);
    }
    fake.by(fault.hand);

    CompletableFuture<Answer> wholeLater = gateway.chatLater(ask(provider, false, false));
    CompletableFuture<Answer> streamLater = gateway.chatLater(ask(provider, true, false));
    CompletableFuture<Answer> wholeWithNextLater = gateway.chatLater(ask(provider, false, true));
    Answer streamWithNext = gateway.chatLater(ask(provider, true, true)).join();
    Answer whole = wholeLater.join();
    Answer stream = streamLater.join();
    Answer wholeWithNext = wholeWithNextLater.join();

    assertRightError(whole, fault);
    assertBill(provider, whole, fault, false);
    for (Answer answer : List.of(stream, streamWithNext)) {
      if (fault.afterTheFirstWords()) {
        assertErrorEvent(streamed(answer), fault);
        assertBill(provider, answer, fault, true);
      }
    }
    if (!fault.afterTheFirstWords()) {
      assertRightError(stream, fault);
      assertBill(provider, stream, fault, false);
    }
    if (fault == Fault.STATUS_404) {
      // the request's own fault: no other is asked
      assertRightError(wholeWithNext, fault);
      assertRightError(streamWithNext, fault);
    } else {
      assertNextAnswered(provider, wholeWithNext, wholeWithNext.content(), fault);
      if (!fault.afterTheFirstWords()) {
        OpenAiSchema.assertConforms(streamed(streamWithNext));
        assertNextAnswered(provider, streamWithNext, streamed(streamWithNext).content(), fault);
      }
    }
    for (Answer answer : List.of(whole, stream, wholeWithNext, streamWithNext)) {
      assertThat(answer.took()).isLessThan(IN_TIME);
    }
  }

  private static void assertRightError(Answer answer, Fault fault) {
    // Ollama's error inside a 200, and Bedrock's in place of a whole answer, is a sentence without a word on whose fault it is
    boolean unexplained = (answer.text().contains("provider `ollama`") || answer.text().contains("provider `bedrock` sent")) && fault.name().startsWith("ERROR_EVENT");
    assertThat(answer.status()).as(answer.text()).isEqualTo(unexplained ? 502 : fault.status);
    OpenAiSchema.assertConforms(answer);
    JsonNode error = answer.json().path("error");
    if (fault.code != null) {
      assertThat(error.path("code").asText()).as(answer.text()).isEqualTo(unexplained ? "provider_bad_answer" : fault.code);
    }
    assertThat(error.path("message").asText()).isNotBlank().doesNotContain("127.0.0.1").doesNotContain("sk-test").doesNotContain("Exception:").doesNotContain("<html");
    assertThat(answer.header("x-should-retry")).isEqualTo("false");
  }

  private static void assertErrorEvent(Streamed stream, Fault fault) {
    assertThat(stream.status()).as(stream.raw()).isEqualTo(200);
    OpenAiSchema.assertConforms(stream);
    assertThat(stream.content()).as(stream.raw()).startsWith("w1 w2");
    assertThat(stream.finish()).as("a reason to finish that nobody gave: %s", stream.raw()).isNull();
    boolean unexplained = stream.raw().contains("provider `ollama`") && fault == Fault.ERROR_EVENT_MID_STREAM;
    assertThat(stream.error().path("code").asText()).as(stream.raw()).isEqualTo(unexplained ? "provider_bad_answer" : fault.code);
  }

  private static void assertNextAnswered(String provider, Answer answer, String content, Fault fault) {
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    assertThat(content).as(answer.text()).isEqualTo("w1 w2 w3 w4 w5");
    assertThat(answer.header("x-dromedary-provider")).isEqualTo("routellm");
    JsonNode attempts = Row.of(gateway, answer.requestId()).page().path("attempts");
    assertThat(attempts).hasSize(2);
    assertInputCharged(provider, attempts.path(0), fault.charged());
    assertThat(attempts.at("/1/usage/input_tokens").asLong()).isEqualTo(9);
    assertThat(attempts.at("/1/usage/output_tokens").asLong()).isEqualTo(5);
  }

  private static void assertBill(String provider, Answer answer, Fault fault, boolean wordsCame) {
    Row row = Row.of(gateway, answer.requestId());
    assertThat(row.page().path("attempts")).as(row.page().toString()).hasSize(1);
    JsonNode attempt = row.page().at("/attempts/0");
    assertInputCharged(provider, attempt, fault.charged());
    // Anthropic counts a token before it says a word
    assertThat(attempt.at("/usage/output_tokens").asLong() > 1).as("words are paid for: %s", attempt).isEqualTo(wordsCame);
    assertThat(row.costNanos()).isEqualTo(attempt.path("cost_nanos").asLong());
    assertThat(row.status()).isEqualTo(wordsCame ? "cut" : "error");
  }

  private static void assertInputCharged(String provider, JsonNode attempt, boolean charged) {
    assertThat(attempt.path("state").asText()).isEqualTo("SETTLED");
    assertThat(attempt.at("/usage/input_tokens").asLong() > 0).as(attempt.toString()).isEqualTo(charged);
    assertThat(attempt.path("cost_nanos").asLong() > 0).as("ollama is free: %s", attempt).isEqualTo(charged && !provider.equals("ollama"));
  }

  @Test
  @Tag("T8")
  void ollamas_whole_answer_is_a_stream_of_one_line_but_a_stream_is_no_whole_answer() {
    FAKES.get("ollama").by(Fault.WRONG_CONTENT_TYPE.hand);

    Answer whole = gateway.chat(ask("ollama", false, false));
    Streamed stream = gateway.stream(ask("ollama", true, false));

    assertRightError(whole, Fault.WRONG_CONTENT_TYPE);
    OpenAiSchema.assertConforms(stream);
    assertThat(stream.content()).isEqualTo("w1 w2 w3 w4 w5");
  }

  @ParameterizedTest
  @MethodSource("providers")
  void a_body_in_gzip_is_read_whole_and_streamed(String provider) {
    String streamType = provider.equals("ollama") ? "application/x-ndjson" : provider.equals("bedrock") ? "application/vnd.amazon.eventstream" : "text/event-stream";
    FAKES.get(provider).by((call, wire) -> respond(wire, 200, streamType, "Content-Encoding: gzip\r\n", gzip(wire.answer(false))));

    Answer whole = gateway.chat(ask(provider, false, false));
    Streamed stream = gateway.stream(ask(provider, true, false));

    OpenAiSchema.assertConforms(whole);
    OpenAiSchema.assertConforms(stream);
    assertThat(whole.content()).as(whole.text()).isEqualTo("w1 w2 w3 w4 w5");
    assertThat(stream.content()).as(stream.raw()).isEqualTo("w1 w2 w3 w4 w5");
    for (String requestId : List.of(whole.requestId(), stream.requestId())) {
      JsonNode attempt = Row.of(gateway, requestId).page().at("/attempts/0");
      assertThat(attempt.at("/usage/input_tokens").asLong()).isEqualTo(9);
      assertThat(attempt.at("/usage/output_tokens").asLong()).isEqualTo(5);
    }
  }

  @ParameterizedTest
  @MethodSource("providers")
  @Tag("D10")
  @Tag("F2")
  void a_busy_provider_says_when_to_come_back_in_its_own_way_and_the_client_learns_it(String provider) {
    String hint = switch (provider) {
      case "openai", "azure" -> "Retry-After: 1\r\nRetry-After-Ms: 650\r\n";
      case "gemini", "deepseek" -> "";
      default -> "Retry-After: 1\r\n";
    };
    FAKES.get(provider).by((call, wire) -> respond(wire, 429, "application/json", hint, wire.error(429, "slow down").replace("\"retryDelay\":\"1s\"", "\"retryDelay\":\"0.7s\"").getBytes(UTF_8)));

    Answer alone = gateway.chat(ask(provider, false, false));
    Answer withNext = gateway.chat(ask(provider, true, true));

    assertThat(alone.status()).as(alone.text()).isEqualTo(429);
    OpenAiSchema.assertConforms(alone);
    assertThat(alone.json().at("/error/code").asText()).isEqualTo("rate_limit_exceeded");
    assertThat(alone.header("retry-after")).isEqualTo("1");
    assertThat(alone.header("retry-after-ms")).isEqualTo(switch (provider) {
      case "openai", "azure" -> "650";
      case "gemini" -> "700";
      default -> "1000";
    });
    assertThat(alone.header("x-should-retry")).as("it helps to come back").isNotEqualTo("false");
    assertThat(Row.of(gateway, alone.requestId()).costNanos()).isZero();
    assertThat(streamed(withNext).content()).as(withNext.text()).isEqualTo("w1 w2 w3 w4 w5");
    assertThat(withNext.header("x-dromedary-provider")).isEqualTo("routellm");
  }

  @ParameterizedTest(name = "{0}")
  @ValueSource(strings = {"a frame cut in its middle", "a wrong checksum", "lengths that contradict each other", "a frame of 2 GB", "an exception of the model"})
  @Tag("T8")
  void a_broken_event_stream_ends_in_an_error_event(String how) {
    FAKES.get("bedrock").by((call, wire) -> {
      byte[] frames = wire.answer(false).getBytes(ISO_8859_1);
      // the start, and two words
      int begun = 0;
      for (int i = 0; i < 3; i++) {
        begun += ByteBuffer.wrap(frames).getInt(begun);
      }
      byte[] next = Arrays.copyOfRange(frames, begun, begun + ByteBuffer.wrap(frames).getInt(begun));
      byte[] last = switch (how) {
        case "a frame cut in its middle" -> Arrays.copyOf(next, next.length / 2);
        case "a wrong checksum" -> {
          next[next.length - 1] ^= 1;
          yield next;
        }
        case "lengths that contradict each other" -> EventStream.prelude(20, 500);
        case "a frame of 2 GB" -> EventStream.prelude(Integer.MAX_VALUE, 0);
        default -> EventStream.message("exception:modelStreamErrorException", "{\"message\":\"the model tripped\"}");
      };
      byte[] body = Arrays.copyOf(frames, begun + last.length);
      System.arraycopy(last, 0, body, begun, last.length);
      return respond(wire, 200, "application/vnd.amazon.eventstream", "", body);
    });

    Streamed stream = gateway.stream(ask("bedrock", true, false));

    assertThat(stream.status()).as(stream.raw()).isEqualTo(200);
    OpenAiSchema.assertConforms(stream);
    assertThat(stream.content()).isEqualTo("w1 w2");
    assertThat(stream.finish()).isNull();
    assertThat(stream.error().path("code").asText()).as(stream.raw()).isEqualTo(how.startsWith("an exception") ? "provider_unavailable" : "provider_bad_answer");
    assertThat(Row.of(gateway, stream.requestId()).status()).isEqualTo("cut");
  }

  @Test
  void deepseeks_empty_lines_and_keep_alives_are_no_answer_and_no_error() {
    FAKES.get("deepseek").by((call, wire) -> {
      boolean streams = call.json().path("stream").asBoolean();
      String waiting = streams ? ": keep-alive\n\n" : "\n\n";
      return respond(wire, 200, streams ? "text/event-stream" : "application/json", "", (waiting.repeat(5) + wire.answer(false)).getBytes(UTF_8));
    });

    Answer whole = gateway.chat(ask("deepseek", false, false));
    Streamed stream = gateway.stream(ask("deepseek", true, false));

    OpenAiSchema.assertConforms(whole);
    OpenAiSchema.assertConforms(stream);
    assertThat(whole.content()).isEqualTo("w1 w2 w3 w4 w5");
    assertThat(stream.content()).isEqualTo("w1 w2 w3 w4 w5");
  }
}
