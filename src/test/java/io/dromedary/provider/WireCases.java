package io.dromedary.provider;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Walks the fixtures of one translating wire format, {@code src/test/resources/wire/<provider>/<case>/}: {@code request.json} (canonical, in), {@code upstream.json} (the provider's body, out), then {@code answer.json}
 * with {@code expected.json} (the canonical answer but for its date), or {@code stream.txt} with {@code expected.json} ({@code choices}: the one choice of each chunk; {@code usage}).
 *
 * <p>The provider's sides were written from its documentation (shared/WIRE-FORMATS, 20 November 2026), not recorded.
 */
public final class WireCases {
  private WireCases() {}

  public static Stream<Path> of(String provider) throws IOException {
    try (Stream<Path> folders = Files.list(Path.of("src/test/resources/wire", provider))) {
      return folders.filter(Files::isDirectory).sorted().toList().stream();
    }
  }

  public static ChatRequest request(String json) {
    return request(Json.readStrictly(json.replace('\'', '"').getBytes(StandardCharsets.UTF_8)));
  }

  public static ChatRequest request(ObjectNode json) {
    return new ChatRequest("req-1", json, Map.of(), Instant.EPOCH, Instant.EPOCH.plusSeconds(60));
  }

  /** Parsed anew, so that equal numbers are equal whatever made them. */
  public static JsonNode json(JsonNode node) {
    return json(Json.text(node));
  }

  public static JsonNode json(String text) {
    try {
      return Json.read(text);
    } catch (IOException e) {
      throw new AssertionError(text, e);
    }
  }

  /** The body that goes to the provider. */
  public static JsonNode body(WireFormat format, ChatRequest request, Model model) {
    return json(new String(format.write(request, model).body(), StandardCharsets.UTF_8));
  }

  public static void check(WireFormat format, Model model, Path folder) throws IOException {
    ChatRequest request = request(Json.readStrictly(Files.readAllBytes(folder.resolve("request.json"))));
    String before = Json.text(request.json());
    assertThat(body(format, request, model)).as("upstream").isEqualTo(Json.read(Files.readAllBytes(folder.resolve("upstream.json"))));
    assertThat(Json.text(request.json())).as("the request is not mutated").isEqualTo(before);
    JsonNode expected = Json.read(Files.readAllBytes(folder.resolve("expected.json")));
    if (request.stream()) {
      List<ObjectNode> chunks = new ArrayList<>();
      StreamDecoder decoder = format.decoder(request, model);
      decodeInto(chunks, decoder, Files.readString(folder.resolve("stream.txt")));
      assertThat(decoder.complete()).as("complete").isTrue();
      checkEnvelope(chunks, model);
      ArrayNode choices = Json.array();
      chunks.forEach(chunk -> choices.add(chunk.path("choices").path(0)));
      assertThat(json(choices)).as("chunks").isEqualTo(expected.path("choices"));
      assertThat(json(CanonicalAnswer.usage(decoder.usage()))).as("usage").isEqualTo(expected.path("usage"));
    } else {
      ChatResponse response = format.read(request, model, Files.readAllBytes(folder.resolve("answer.json")));
      checkRequiredFields(response, model);
      ObjectNode canonical = (ObjectNode) json(response.json());
      canonical.remove("created");
      assertThat(canonical).as("canonical").isEqualTo(expected);
    }
  }

  /** Feeds a stream as the provider writes it; {@code event:} and {@code data:} lines, blank lines between. */
  public static void decodeInto(List<ObjectNode> chunks, StreamDecoder decoder, String sse) throws IOException {
    for (String frame : sse.replace("\r\n", "\n").split("\n\n")) {
      String event = null;
      StringBuilder data = new StringBuilder();
      for (String line : frame.split("\n")) {
        if (line.startsWith("event: ")) {
          event = line.substring(7);
        } else if (line.startsWith("data: ")) {
          data.append(line.substring(6));
        }
      }
      if (!data.isEmpty()) {
        chunks.addAll(decoder.accept(event, data.toString().getBytes(StandardCharsets.UTF_8)));
      }
    }
  }

  /** What holds for the chunks of every stream (D14). */
  public static void checkEnvelope(List<ObjectNode> chunks, Model model) {
    assertThat(chunks).isNotEmpty();
    assertThat(chunks.stream().map(chunk -> chunk.path("id").textValue()).distinct()).hasSize(1).doesNotContainNull().doesNotContain("");
    assertThat(chunks.stream().map(chunk -> chunk.path("created")).distinct()).hasSize(1).allMatch(created -> created.longValue() > 1_700_000_000L);
    assertThat(chunks).allSatisfy(chunk -> {
      assertThat(chunk.path("object").asText()).isEqualTo("chat.completion.chunk");
      assertThat(chunk.path("model").asText()).isEqualTo(model.id());
      assertThat(chunk.has("usage")).isFalse();
      assertThat(chunk.path("choices")).hasSize(1);
    });
  }

  /** What OpenAI's schema requires of a whole answer. */
  public static void checkRequiredFields(ChatResponse response, Model model) {
    ObjectNode json = response.json();
    assertThat(json.path("id").asText()).isNotEmpty();
    assertThat(json.path("object").asText()).isEqualTo("chat.completion");
    assertThat(json.path("created").longValue()).isGreaterThan(1_700_000_000L);
    assertThat(json.path("model").asText()).isEqualTo(model.id());
    assertThat(json.path("choices")).isNotEmpty().allSatisfy(choice -> {
      assertThat(choice.path("index").isInt()).isTrue();
      assertThat(choice.has("logprobs")).isTrue();
      assertThat(choice.path("finish_reason").asText()).isIn("stop", "length", "tool_calls", "content_filter");
      assertThat(choice.path("message").path("role").asText()).isEqualTo("assistant");
      assertThat(choice.path("message").has("content")).isTrue();
      assertThat(choice.path("message").has("refusal")).isTrue();
    });
    Usage usage = response.usage();
    assertThat(json.path("usage").path("prompt_tokens").longValue()).isEqualTo(usage.input());
    assertThat(json.path("usage").path("completion_tokens").longValue()).isEqualTo(usage.output());
    assertThat(json.path("usage").path("prompt_tokens_details").path("cached_tokens").longValue()).isEqualTo(usage.cacheRead());
    assertThat(json.path("usage").path("completion_tokens_details").path("reasoning_tokens").longValue()).isEqualTo(usage.reasoning());
  }
}
