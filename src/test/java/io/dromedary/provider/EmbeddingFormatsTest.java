package io.dromedary.provider;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.EmbeddingRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.provider.EmbeddingFormat.Part;
import io.dromedary.provider.EmbeddingFormat.Vectors;
import io.dromedary.provider.gemini.GeminiEmbeddings;
import io.dromedary.provider.ollama.OllamaEmbeddings;
import io.dromedary.provider.openai.OpenAiEmbeddings;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Each provider's embeddings, by fixtures in {@code wire-embeddings/<provider>/<case>}: the client's request, the provider's body and path, the provider's answer, the vectors it means. Written from its documentation. */
@Tag("D15")
class EmbeddingFormatsTest {
  static final Path FIXTURES = Path.of("src/test/resources/wire-embeddings");

  static EmbeddingFormat format(String provider) {
    return switch (provider) {
      case "gemini" -> new GeminiEmbeddings();
      case "ollama" -> new OllamaEmbeddings();
      default -> new OpenAiEmbeddings(provider);
    };
  }

  static EmbeddingRequest request(byte[] json) {
    return new EmbeddingRequest("req-1", Json.readStrictly(json), Map.of(), Instant.EPOCH, Instant.EPOCH.plusSeconds(60), () -> false);
  }

  static EmbeddingRequest request(String json) {
    return request(json.replace('\'', '"').getBytes(StandardCharsets.UTF_8));
  }

  static EmbeddingRequest many(int texts, int words) {
    ObjectNode json = Json.object().put("model", "m");
    ArrayNode input = json.putArray("input");
    for (int i = 0; i < texts; i++) {
      input.add("t" + i + " " + "word ".repeat(words));
    }
    return request(Json.bytes(json));
  }

  static Stream<Path> cases() throws IOException {
    List<Path> cases = new ArrayList<>();
    for (Path provider : sorted(FIXTURES)) {
      cases.addAll(sorted(provider));
    }
    assertThat(cases).hasSizeGreaterThan(6);
    return cases.stream();
  }

  private static List<Path> sorted(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().toList();
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void a_request_is_said_in_the_providers_words_and_its_vectors_are_understood(Path folder) throws IOException {
    String provider = folder.getParent().getFileName().toString();
    EmbeddingRequest request = request(Files.readAllBytes(folder.resolve("request.json")));
    String before = Json.text(request.json());
    ObjectNode expected = (ObjectNode) Json.read(Files.readAllBytes(folder.resolve("expected.json")));
    List<Part> parts = format(provider).write(request, Model.unlisted(provider, expected.path("model").asText()).embedding());
    assertThat(parts).hasSize(1);
    assertThat(Json.read(parts.get(0).outgoing().body())).isEqualTo(Json.read(Files.readAllBytes(folder.resolve("upstream.json"))));
    assertThat(parts.get(0).outgoing().path()).isEqualTo(expected.path("path").asText());
    assertThat(parts.get(0).outgoing().dropped()).isEqualTo(Json.mapper().convertValue(expected.path("dropped"), List.class));
    assertThat(Json.text(request.json())).as("the request is not mutated").isEqualTo(before);

    Vectors vectors = format(provider).read(request, parts.get(0), Files.readAllBytes(folder.resolve("answer.json")));
    assertThat(vectors.vectors().toArray(float[][]::new)).isDeepEqualTo(Json.mapper().convertValue(expected.path("vectors"), float[][].class));
    assertThat(vectors.inputTokens()).isEqualTo(expected.path("tokens").asLong());
  }

  @ParameterizedTest
  @ValueSource(strings = {"openai", "mistral", "gemini", "ollama"})
  void long_lists_are_cut_into_what_the_provider_takes_without_gaps(String provider) {
    EmbeddingRequest request = many(2_048, 20);
    List<Part> parts = format(provider).write(request, Model.unlisted(provider, "m"));
    assertThat(parts).hasSizeGreaterThan(1);
    int next = 0;
    for (Part part : parts) {
      assertThat(part.from()).isEqualTo(next);
      assertThat(part.size()).isPositive().isLessThanOrEqualTo(provider.equals("gemini") ? 100 : 1_024);
      next = part.to();
    }
    assertThat(next).isEqualTo(2_048);
  }

  @Test
  void mistral_gets_no_more_tokens_at_once_than_it_takes_but_a_long_text_goes_alone() {
    List<Part> parts = format("mistral").write(many(40, 1_000), Model.unlisted("mistral", "m"));
    assertThat(parts).allSatisfy(part -> assertThat(part.size()).isBetween(1, 5));
    assertThat(format("mistral").write(many(2, 10_000), Model.unlisted("mistral", "m"))).hasSize(2);
  }

  @ParameterizedTest
  @ValueSource(strings = {"mistral", "gemini", "ollama"})
  void lists_of_tokens_are_refused_where_they_mean_something_else(String provider) {
    for (String input : new String[] {"[1,2,3]", "[[1,2],[3]]"}) {
      EmbeddingRequest request = request("{'model':'m','input':" + input + "}");
      assertThatThrownBy(() -> format(provider).write(request, Model.unlisted(provider, "m"))).isInstanceOfSatisfying(Problem.class, p -> {
        assertThat(p.status()).isEqualTo(400);
        assertThat(p.param()).isEqualTo("input");
      });
    }
  }

  @Test
  void lists_of_tokens_go_to_openai_as_they_are() throws IOException {
    EmbeddingRequest one = request("{'model':'m','input':[15496,995]}");
    assertThat(one.inputs()).hasSize(1);
    Part part = format("openai").write(one, Model.unlisted("openai", "m")).get(0);
    assertThat(Json.text(Json.read(part.outgoing().body()).path("input"))).isEqualTo("[15496,995]");
    assertThat(request("{'model':'m','input':[[15496],[995,1]]}").inputs()).hasSize(2);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "null", "{}", "<html>", "{'data':[]}", "{'data':{}}", "{'data':[{'index':0}]}", "{'data':[{'index':0,'embedding':[]}]}", "{'data':[{'index':0,'embedding':['a']}]}",
      "{'data':[{'index':0,'embedding':'???'}]}", "{'data':[{'index':0,'embedding':'AAA='}]}", "{'data':[{'index':0,'embedding':'AADAfw=='}]}", "{'data':[{'index':7,'embedding':[1]}]}",
      "{'data':[{'index':0,'embedding':[1]},{'index':0,'embedding':[1]}]}", "{'data':[{'index':0,'embedding':[1]},{'index':1,'embedding':[1]}]}", "{'data':[{'index':0,'embedding':[1", "{'data':[{'index':0,'embedding':[1e99]}]}",
      "{'embeddings':[]}", "{'embeddings':[{}]}", "{'embeddings':[{'values':[]}]}", "{'embeddings':[[]]}", "{'embeddings':[['x']]}", "{'embeddings':[[1],[2]]}", "{'embeddings':3}", "{'data':[3]}"})
  void an_answer_that_is_none_is_never_taken_for_one(String body) {
    EmbeddingRequest request = request("{'model':'m','input':'a'}");
    for (String provider : List.of("openai", "mistral", "gemini", "ollama")) {
      Part part = format(provider).write(request, Model.unlisted(provider, "m")).get(0);
      assertThatThrownBy(() -> format(provider).read(request, part, body.replace('\'', '"').getBytes(StandardCharsets.UTF_8))).as(provider).isInstanceOf(IOException.class);
    }
  }
}
