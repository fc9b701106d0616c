package io.dromedary.provider;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.client.chatcompletions.ChatRequestReader;
import io.dromedary.provider.anthropic.AnthropicMessages;
import io.dromedary.provider.bedrock.BedrockConverse;
import io.dromedary.provider.gemini.GeminiGenerateContent;
import io.dromedary.provider.ollama.OllamaChat;
import io.dromedary.provider.openai.OpenAiChat;
import io.dromedary.testing.RequestRules;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/**
 * The hard requests of {@code hard-requests.json}, all of which the door lets in, at every provider: what goes out is what the real service takes, with every word (marked KEEP) still in it; or it is a 400 that names the
 * parameter, never a surprise of the provider's.
 */
@Tag("T1")
class HardRequestsTest {
  private static final List<String> MODELS = List.of("openai/gpt-4o", "openai/gpt-5-mini", "azure/gpt-4o", "groq/openai/gpt-oss-120b", "mistral/mistral-large-latest", "deepseek/deepseek-v4-flash", "openrouter/openrouter/auto",
      "routellm/route-llm", "anthropic/claude-3-haiku-20240307", "anthropic/claude-sonnet-4-5", "anthropic/claude-opus-5", "bedrock/anthropic.claude-haiku-4-5-20251001-v1:0", "bedrock/amazon.nova-pro-v1:0",
      "gemini/gemini-2.5-flash", "gemini/gemini-3.1-pro-preview", "ollama/llama3.1");
  private static final Pattern WORD = Pattern.compile("KEEP\\d");

  static WireFormat format(String provider) {
    return switch (provider) {
      case "anthropic" -> new AnthropicMessages();
      case "bedrock" -> new BedrockConverse();
      case "gemini" -> new GeminiGenerateContent();
      case "ollama" -> new OllamaChat();
      default -> new OpenAiChat(provider);
    };
  }

  @TestFactory
  List<DynamicTest> what_goes_out_is_what_the_service_takes_and_nothing_is_lost() throws IOException {
    ModelCatalog catalogue = ModelCatalog.read(Files.readAllBytes(Path.of("config/models.yaml")), "models.yaml");
    JsonNode requests = Json.read(Files.readAllBytes(Path.of("src/test/resources/hard-requests.json")));
    List<DynamicTest> tests = new ArrayList<>();
    for (String id : MODELS) {
      String provider = id.substring(0, id.indexOf('/'));
      Model model = catalogue.find(id).orElseGet(() -> Model.unlisted(provider, id.substring(id.indexOf('/') + 1)));
      for (Map.Entry<String, JsonNode> hard : requests.properties()) {
        tests.add(dynamicTest(id + ": " + hard.getKey(), () -> prove(model, hard.getValue())));
        if (!hard.getValue().has("stream")) {
          tests.add(dynamicTest(id + ": " + hard.getKey() + ", streamed", () -> prove(model, ((ObjectNode) hard.getValue().deepCopy()).put("stream", true))));
        }
      }
    }
    return tests;
  }

  private static void prove(Model model, JsonNode json) throws IOException {
    ObjectNode asked = json.deepCopy();
    byte[] bytes = Json.bytes(asked.put("model", model.id()));
    Instant now = Instant.ofEpochSecond(1_795_218_700L);
    ChatRequest request = new ChatRequestReader(Duration.ofSeconds(60)).read(new Inbound("req-1", "http", "POST", "", Map.of(), Map.of(), bytes, now));
    JsonNode body;
    try {
      body = Json.read(format(model.provider()).write(request, model).body());
    } catch (Problem problem) {
      assertThat(problem.status()).isEqualTo(400);
      assertThat(problem.param()).as(problem.getMessage()).isNotBlank();
      assertThat(problem.param()).as("may be refused: %s", problem.getMessage()).matches("n|functions|messages.*(image_url|content|file|role).*|messages");
      return;
    }
    assertThat(RequestRules.complaint(model.provider(), model.name(), body)).as(Json.text(body)).isNull();
    assertThat(words(Json.text(body))).containsAll(words(new String(bytes, StandardCharsets.UTF_8)));
    assertThat(Json.text(request.json())).as("the client's own JSON is not touched").isEqualTo(Json.text(Json.readStrictly(bytes)));
  }

  private static TreeSet<String> words(String text) {
    TreeSet<String> words = new TreeSet<>();
    WORD.matcher(text).results().forEach(found -> words.add(found.group()));
    return words;
  }
}
