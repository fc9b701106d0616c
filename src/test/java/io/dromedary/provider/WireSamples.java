package io.dromedary.provider;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Map;

/** Requests, bodies and streams in few words, for the tests of single wire formats. What every format must do is {@link ProviderContract}. */
public final class WireSamples {
  private static final Instant RECEIVED = Instant.ofEpochSecond(1_795_218_700L);

  private WireSamples() {}

  public static ChatRequest request(String json) {
    return request(Json.readStrictly(json.replace('\'', '"').getBytes(StandardCharsets.UTF_8)));
  }

  public static ChatRequest request(ObjectNode json) {
    return new ChatRequest("req-1", json, Map.of(), RECEIVED, RECEIVED.plusSeconds(60));
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

  /** Feeds server-sent events as the provider writes them. */
  public static void decodeInto(List<ObjectNode> chunks, StreamDecoder decoder, String sse) throws IOException {
    FrameReader frames = new FrameReader(new ByteArrayInputStream(sse.getBytes(StandardCharsets.UTF_8)), WireFormat.Framing.SSE, "sample");
    for (Frame frame = frames.next(); frame != null; frame = frames.next()) {
      chunks.addAll(decoder.accept(frame.event(), frame.data()));
    }
  }

  /** What holds for the chunks of every stream (D14). */
  public static void checkEnvelope(List<ObjectNode> chunks, String provider) {
    assertThat(chunks).isNotEmpty();
    ObjectNode first = chunks.get(0);
    assertThat(first.path("id").asText()).isNotEmpty();
    assertThat(first.path("created").longValue()).isPositive();
    assertThat(first.path("model").asText()).startsWith(provider + "/");
    assertThat(chunks).allSatisfy(chunk -> {
      assertThat(chunk.path("object").asText()).isEqualTo("chat.completion.chunk");
      assertThat(chunk.get("id")).isEqualTo(first.get("id"));
      assertThat(chunk.get("created")).isEqualTo(first.get("created"));
      assertThat(chunk.get("model")).isEqualTo(first.get("model"));
      assertThat(chunk.has("usage")).isFalse();
      assertThat(chunk.path("choices")).isNotEmpty();
    });
  }
}
