package io.dromedary.provider;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.provider.WireFormat.Incoming;
import io.dromedary.provider.anthropic.AnthropicMessages;
import io.dromedary.provider.gemini.GeminiGenerateContent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every fixture with values put in the wrong places: nothing but the agreed exceptions may come out. The seed is fixed. */
@Tag("T8")
class OddInputTest {
  private static final int TRIES = 300;
  private static final String[] ODD = {"null", "true", "-1", "1e999999999", "\"\"", "\"x\"", "[]", "{}", "[null]", "[[1]]", "{\"type\":\"text\"}", "{\"type\":null}"};

  static Stream<Arguments> cases() throws IOException {
    AnthropicMessages anthropic = new AnthropicMessages();
    GeminiGenerateContent gemini = new GeminiGenerateContent();
    return Stream.concat(WireCases.of("anthropic").map(folder -> Arguments.of(anthropic, Model.unlisted("anthropic", "claude-sonnet-4-5"), folder)),
        WireCases.of("gemini").map(folder -> Arguments.of(gemini, Model.unlisted("gemini", "gemini-3-pro"), folder)));
  }

  @ParameterizedTest(name = "{2}")
  @MethodSource("cases")
  void odd_requests_are_the_clients_fault_and_odd_answers_the_providers(WireFormat format, Model model, Path folder) throws IOException {
    ObjectNode json = Json.readStrictly(Files.readAllBytes(folder.resolve("request.json")));
    Random random = new Random(42);
    for (int i = 0; i < TRIES; i++) {
      ObjectNode odd = json.deepCopy();
      oddly(odd, random);
      if (!(odd.path("messages") instanceof ArrayNode)) {
        continue; // the reader at the door checks this
      }
      ChatRequest request = WireCases.request(odd);
      try {
        Json.readStrictly(format.write(request, model).body());
      } catch (Problem problem) {
        assertThat(problem.status()).isEqualTo(400);
        assertThat(problem.param()).isNotNull();
      }
      answers(format, model, folder, request, random);
    }
  }

  private static void answers(WireFormat format, Model model, Path folder, ChatRequest request, Random random) throws IOException {
    if (Files.exists(folder.resolve("answer.json"))) {
      ObjectNode answer = (ObjectNode) Json.read(Files.readAllBytes(folder.resolve("answer.json")));
      oddly(answer, random);
      try {
        WireCases.checkRequiredFields(format.read(request, model, Json.bytes(answer)), model);
      } catch (IOException | ProviderFailure agreed) {
        assertThat(agreed.getMessage()).isNotNull();
      }
      assertThat(format.failure(model.provider(), new Incoming(400 + random.nextInt(200), Map.of("retry-after", "x"), Json.bytes(answer))).getMessage()).isNotEmpty();
      return;
    }
    StreamDecoder decoder = format.decoder(request, model);
    List<ObjectNode> chunks = new ArrayList<>();
    for (String line : Files.readAllLines(folder.resolve("stream.txt"))) {
      if (line.startsWith("data: ")) {
        ObjectNode frame = (ObjectNode) Json.read(line.substring(6));
        if (random.nextInt(4) == 0) {
          oddly(frame, random);
        }
        try {
          chunks.addAll(decoder.accept(null, Json.bytes(frame)));
        } catch (IOException | ProviderFailure agreed) {
          assertThat(agreed.getMessage()).isNotNull();
        }
      }
    }
    if (!chunks.isEmpty()) {
      WireCases.checkEnvelope(chunks, model);
    }
    assertThat(chunks.stream().filter(chunk -> chunk.path("choices").path(0).hasNonNull("finish_reason")).map(chunk -> chunk.path("choices").path(0).path("index"))).doesNotHaveDuplicates();
  }

  /** Puts something odd at a random place. */
  private static void oddly(JsonNode root, Random random) throws IOException {
    JsonNode at = root;
    while (true) {
      if (at.isEmpty()) {
        return;
      }
      int which = random.nextInt(at.size());
      JsonNode child;
      if (at instanceof ObjectNode object) {
        String name = new ArrayList<>(object.properties()).get(which).getKey();
        child = object.get(name);
        if (!child.isContainerNode() || child.isEmpty() || random.nextInt(4) == 0) {
          object.set(name, Json.read(ODD[random.nextInt(ODD.length)]));
          return;
        }
      } else {
        child = at.get(which);
        if (!child.isContainerNode() || child.isEmpty() || random.nextInt(4) == 0) {
          ((ArrayNode) at).set(which, Json.read(ODD[random.nextInt(ODD.length)]));
          return;
        }
      }
      at = child;
    }
  }
}
