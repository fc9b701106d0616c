package io.dromedary.provider;

import static java.time.Duration.ofMillis;
import static java.time.Duration.ofSeconds;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.Usage;
import io.dromedary.provider.bedrock.BedrockConverse;
import io.dromedary.provider.ollama.OllamaChat;
import io.dromedary.provider.openai.OpenAiChat;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Mood;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Wire formats against providers with moods, over a real socket. */
@Timeout(60)
class MoodsTest {
  static final Map<String, FakeProvider> PROVIDERS = Map.of("openai", FakeProvider.openai(), "azure", FakeProvider.azure(), "bedrock", FakeProvider.bedrock(), "ollama", FakeProvider.ollama());
  static final Map<String, WireFormat> FORMATS = Map.of("openai", new OpenAiChat(), "azure", new OpenAiChat("azure", "2024-10-21"), "bedrock", new BedrockConverse(), "ollama", new OllamaChat());

  record Outcome(List<ObjectNode> chunks, String text, Usage usage, String failure) {}

  @AfterAll static void stop() {
    PROVIDERS.values().forEach(FakeProvider::close);
  }

  @Tag("S4")
  @Tag("T8")
  @ParameterizedTest(name = "{0} {1}: {2} after {3} words")
  @CsvSource({
    "openai, WELL, '', 5", "openai, SLOW, '', 5", "openai, DRIPS, '', 5", "openai, BUSY, BUSY, 0", "openai, DOWN, DOWN, 0", "openai, REFUSES, REFUSED, 0", "openai, BAD_KEY, CREDENTIALS, 0",
    "openai, DIES_MID_STREAM, CUT, 2", "openai, ERROR_IN_STREAM_FIRST, DOWN, 0", "openai, ERROR_MID_STREAM, DOWN, 2", "openai, TRUNCATED, CUT, 5", "openai, HTML, CUT, 0", "openai, EMPTY, CUT, 0",
    "openai, JUNK, JUNK, 0", "openai, LIES_ABOUT_USAGE, '', 5", "openai, ENDLESS, JUNK, 1000",
    "azure, WELL, '', 5", "azure, BUSY, BUSY, 0", "azure, DOWN, DOWN, 0", "azure, REFUSES, REFUSED, 0", "azure, BAD_KEY, CREDENTIALS, 0", "azure, DIES_MID_STREAM, CUT, 2", "azure, TRUNCATED, CUT, 5",
    "bedrock, WELL, '', 5", "bedrock, SLOW, '', 5", "bedrock, DRIPS, '', 5", "bedrock, BUSY, BUSY, 0", "bedrock, DOWN, DOWN, 0", "bedrock, REFUSES, REFUSED, 0", "bedrock, BAD_KEY, CREDENTIALS, 0",
    "bedrock, DIES_MID_STREAM, CUT, 2", "bedrock, ERROR_IN_STREAM_FIRST, DOWN, 0", "bedrock, ERROR_MID_STREAM, DOWN, 2", "bedrock, TRUNCATED, CUT, 5", "bedrock, HTML, CUT, 0", "bedrock, EMPTY, CUT, 0",
    "bedrock, JUNK, CUT, 0", "bedrock, LIES_ABOUT_USAGE, '', 5", "bedrock, ENDLESS, JUNK, 1000",
    "ollama, WELL, '', 5", "ollama, BUSY, BUSY, 0", "ollama, DOWN, DOWN, 0", "ollama, REFUSES, REFUSED, 0", "ollama, DIES_MID_STREAM, CUT, 2", "ollama, ERROR_IN_STREAM_FIRST, JUNK, 0",
    "ollama, ERROR_MID_STREAM, JUNK, 2", "ollama, TRUNCATED, CUT, 5", "ollama, HTML, JUNK, 0", "ollama, EMPTY, CUT, 0", "ollama, JUNK, JUNK, 0", "ollama, LIES_ABOUT_USAGE, '', 5"})
  void a_stream_ends_as_its_provider_feels(String id, Mood mood, String failure, int words) throws IOException {
    FakeProvider provider = PROVIDERS.get(id).reset().mood(mood).says(5).delay(ofMillis(50)).every(ofMillis(5));
    Outcome outcome = ask(id, true);
    assertThat(outcome.failure).isEqualTo(failure);
    int said = outcome.text.isBlank() ? 0 : outcome.text.strip().split(" ").length;
    if (mood == Mood.ENDLESS) {
      assertThat(said).isGreaterThan(words);
      assertThat(provider.await(FakeProvider.Call::cancelled, ofSeconds(20)).chunks()).isGreaterThan(words);
    } else {
      assertThat(said).isEqualTo(words);
    }
    if (failure.isEmpty()) {
      assertThat(outcome.usage).isEqualTo(mood == Mood.LIES_ABOUT_USAGE ? null : Usage.ofPrompt(9, 0, 0, 5, 0));
    }
    assertThat(provider.calls()).isEqualTo(1);
    assertThat(provider.unknownFields()).isEmpty();
  }

  @Tag("M8")
  @ParameterizedTest @ValueSource(strings = {"openai", "azure", "bedrock", "ollama"})
  void a_whole_answer_says_and_uses_what_the_stream_does(String id) throws IOException {
    PROVIDERS.get(id).reset().mood(Mood.WELL).says("Grüße – 𝄞 to all");
    Outcome whole = ask(id, false);
    Outcome streamed = ask(id, true);
    assertThat(whole.text).isEqualTo(streamed.text).isEqualTo("Grüße – 𝄞 to all");
    assertThat(whole.usage).isEqualTo(streamed.usage);
  }

  @Test void a_whole_answer_cut_in_half_is_junk() throws IOException {
    for (Mood mood : List.of(Mood.TRUNCATED, Mood.JUNK, Mood.EMPTY, Mood.HTML)) {
      PROVIDERS.get("openai").reset().mood(mood);
      assertThat(ask("openai", false).failure).as(mood.name()).isEqualTo("JUNK");
    }
  }

  /** A tiny provider client: what the gateway's own does, without pools and deadlines. */
  private static Outcome ask(String id, boolean stream) throws IOException {
    WireFormat format = FORMATS.get(id);
    Model model = Model.unlisted(id, "m");
    Instant now = Instant.now();
    ChatRequest request = new ChatRequest("r1", Json.readStrictly(("{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":" + stream + "}").getBytes(StandardCharsets.UTF_8)), Map.of(), now, now.plusSeconds(60));
    WireFormat.Outgoing out = format.write(request, model);
    HttpURLConnection http = (HttpURLConnection) URI.create(PROVIDERS.get(id).url() + out.path()).toURL().openConnection();
    List<ObjectNode> chunks = new ArrayList<>();
    StringBuilder text = new StringBuilder();
    StreamDecoder decoder = format.decoder(request, model);
    try {
      http.setDoOutput(true);
      http.setRequestProperty("Content-Type", "application/json");
      http.getOutputStream().write(out.body());
      if (http.getResponseCode() != 200) {
        Map<String, String> headers = new HashMap<>();
        http.getHeaderFields().forEach((name, values) -> headers.put(name == null ? "" : name.toLowerCase(Locale.ROOT), values.get(0)));
        throw format.failure(id, new WireFormat.Incoming(http.getResponseCode(), headers, http.getErrorStream().readAllBytes()));
      }
      try (InputStream in = http.getInputStream()) {
        if (!stream) {
          var response = format.read(request, model, in.readAllBytes());
          return new Outcome(List.of(), response.text(), response.usage(), "");
        }
        FrameReader frames = new FrameReader(in, format.framing(), id);
        while (!decoder.complete()) {
          Frame frame;
          try {
            frame = frames.next();
          } catch (IOException cut) {
            frame = null;
          }
          if (frame == null) {
            return new Outcome(chunks, text.toString(), decoder.usage(), decoder.wholeAtEnd() ? "" : "CUT");
          }
          for (ObjectNode chunk : decoder.accept(frame.event(), frame.data())) {
            chunks.add(chunk);
            text.append(chunk.at("/choices/0/delta/content").asText(""));
          }
        }
      }
      return new Outcome(chunks, text.toString(), decoder.usage(), "");
    } catch (ProviderFailure failure) {
      return new Outcome(chunks, text.toString(), decoder.usage(), failure.kind().name());
    } catch (IOException junk) {
      return new Outcome(chunks, text.toString(), decoder.usage(), "JUNK");
    } finally {
      if (!decoder.complete()) {
        http.disconnect();
      }
    }
  }
}
