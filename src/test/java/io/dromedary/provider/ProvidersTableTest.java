package io.dromedary.provider;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.provider.WireFormat.Outgoing;
import io.dromedary.provider.anthropic.AnthropicMessages;
import io.dromedary.provider.bedrock.BedrockConverse;
import io.dromedary.provider.gemini.GeminiGenerateContent;
import io.dromedary.provider.ollama.OllamaChat;
import io.dromedary.provider.openai.OpenAiChat;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Walks the table of {@code src/docs/providers.md}: each row's own request is written in each column's wire format, and what comes out is what the cell says. */
@Tag("T5")
@Tag("D04")
class ProvidersTableTest {
  private static final Path PAGE = Path.of("src/docs/providers.md");
  private static final String PLAIN = "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";

  /** A line of the table: what is asked, and what becomes of it at each model. */
  private record Row(String feature, String request, List<String> cells) {}

  private record Table(List<String> models, List<Row> rows) {}

  private static Table table() throws IOException {
    List<List<String>> lines = Files.readAllLines(PAGE).stream().dropWhile(line -> !line.equals("## Requests")).skip(1).takeWhile(line -> !line.startsWith("## ")).filter(line -> line.startsWith("|")).map(ProvidersTableTest::cells).toList();
    List<Row> rows = new ArrayList<>();
    for (List<String> line : lines.subList(2, lines.size())) {
      rows.add(new Row(line.get(0), unquoted(line.get(line.size() - 1)), line.subList(1, line.size() - 1)));
    }
    List<String> heads = lines.get(0).subList(1, lines.get(0).size() - 1);
    return new Table(heads.stream().map(ProvidersTableTest::unquoted).toList(), rows);
  }

  private static List<String> cells(String line) {
    List<String> cells = new ArrayList<>();
    for (String cell : line.substring(1, line.lastIndexOf('|')).split("\\|")) {
      cells.add(cell.strip());
    }
    return cells;
  }

  private static String unquoted(String cell) {
    return cell.startsWith("`") && cell.endsWith("`") ? cell.substring(1, cell.length() - 1) : cell;
  }

  private static WireFormat format(String model) {
    String provider = model.substring(0, model.indexOf('/'));
    return switch (provider) {
      case "anthropic" -> new AnthropicMessages();
      case "bedrock" -> new BedrockConverse();
      case "gemini" -> new GeminiGenerateContent();
      case "ollama" -> new OllamaChat();
      default -> new OpenAiChat(provider);
    };
  }

  private static Model model(String id) throws IOException {
    return ModelCatalog.read(Files.readAllBytes(Path.of("config/models.yaml")), "models.yaml").find(id).orElseThrow();
  }

  private static ObjectNode request(String json) throws IOException {
    ObjectNode request = (ObjectNode) Json.read(PLAIN);
    return request.setAll((ObjectNode) Json.read(json));
  }

  private static JsonNode body(Outgoing outgoing) throws IOException {
    return Json.read(new String(outgoing.body(), StandardCharsets.UTF_8));
  }

  // ---- the walk -------------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  @TestFactory
  List<DynamicTest> every_cell_says_what_happens() throws IOException {
    Table table = table();
    List<DynamicTest> tests = new ArrayList<>();
    for (int column = 0; column < table.models().size(); column++) {
      String id = table.models().get(column);
      WireFormat format = format(id);
      Model model = model(id);
      for (Row row : table.rows()) {
        String cell = row.cells().get(column);
        tests.add(dynamicTest(row.feature() + " at " + id + ": " + cell, () -> prove(format, model, row, cell)));
      }
    }
    return tests;
  }

  private static void prove(WireFormat format, Model model, Row row, String cell) throws IOException {
    ObjectNode request = request(row.request());
    String word = cell.contains(" ") ? cell.substring(0, cell.indexOf(' ')) : cell;
    String detail = cell.contains(" ") ? unquoted(cell.substring(cell.indexOf(' ') + 1)) : "";
    if (word.equals("refused")) {
      Problem problem = catchThrowableOfType(Problem.class, () -> format.write(WireSamples.request(request), model));
      assertThat(problem).as("a refusal").isNotNull();
      assertThat(problem.status()).isEqualTo(400);
      assertThat(problem.param()).isEqualTo(detail);
      assertThat(problem.getMessage()).isNotBlank();
      return;
    }
    Outgoing outgoing = format.write(WireSamples.request(request), model);
    JsonNode body = body(outgoing);
    JsonNode plain = body(format.write(WireSamples.request(request(row.request().contains("\"stream\":true") ? "{\"stream\":true}" : "{}")), model));
    switch (word) {
      case "native", "emulated" -> {
        assertThat(body.at(detail).isMissingNode()).as("%s in %s", detail, body).isFalse();
        assertThat(body.at(detail)).as("%s differs from a request without the feature", detail).isNotEqualTo(plain.at(detail));
        if (word.equals("native")) {
          assertThat(outgoing.dropped()).isEmpty();
        }
      }
      case "clamped" -> {
        JsonNode asked = request.get(detail.substring(detail.lastIndexOf('/') + 1));
        assertThat(body.at(detail).decimalValue()).isLessThan(asked.decimalValue()).isPositive();
      }
      case "dropped" -> {
        assertThat(outgoing.dropped()).as("named").contains(detail);
        assertThat(Json.text(body)).as("nothing of it is sent").doesNotContain('"' + detail.substring(detail.lastIndexOf('.') + 1) + "\":");
        if (request.has(detail)) {
          request.remove(detail);
          request.remove("top_logprobs");
          assertThat(Json.text(body)).isEqualTo(Json.text(body(format.write(WireSamples.request(request), model))));
        }
      }
      case "withheld" -> {
        assertThat(outgoing.dropped()).isEmpty();
        assertThat(body.at(detail).isMissingNode()).as("%s in %s", detail, body).isTrue();
      }
      case "always" -> {
        assertThat(outgoing.dropped()).isEmpty();
        assertThat(Json.text(body)).isEqualTo(Json.text(body(format.write(WireSamples.request(request("{\"stream\":true}")), model))));
      }
      default -> throw new AssertionError("no such word: " + cell);
    }
  }

  @Test
  void every_feature_has_a_word_for_every_provider() throws IOException {
    Table table = table();
    assertThat(table.models().stream().map(id -> id.substring(0, id.indexOf('/')))).contains("openai", "groq", "mistral", "deepseek", "openrouter", "routellm", "azure", "bedrock", "anthropic", "gemini", "ollama");
    assertThat(table.rows()).hasSizeGreaterThan(40).allSatisfy(row -> assertThat(row.cells()).hasSameSizeAs(table.models()));
  }
}
