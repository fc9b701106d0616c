package io.dromedary.provider;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.chat.EmbeddingRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.provider.EmbeddingFormat.Part;
import io.dromedary.provider.EmbeddingFormat.Vectors;
import io.dromedary.provider.bedrock.BedrockEmbeddings;
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
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Each provider's embeddings, by fixtures in {@code wire-embeddings/<provider>/<case>}: the client's request, the provider's body and path, the provider's answer, the vectors it means. Written from its documentation. */
@Tag("D15")
class EmbeddingFormatsTest {
  static final Path FIXTURES = Path.of("src/test/resources/wire-embeddings");

  private static final ModelCatalog CATALOGUE = catalogue();

  private static ModelCatalog catalogue() {
    try {
      return ModelCatalog.read(Files.readAllBytes(Path.of("config/models.yaml")), "models.yaml");
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  static EmbeddingFormat format(String provider) {
    return switch (provider) {
      case "gemini" -> new GeminiEmbeddings();
      case "bedrock" -> new BedrockEmbeddings("eu");
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
  @ValueSource(strings = {"openai", "azure", "mistral", "gemini", "ollama", "bedrock"})
  void long_lists_are_cut_into_what_the_provider_takes_without_gaps(String provider) {
    EmbeddingRequest request = many(2_048, 20);
    List<Part> parts = format(provider).write(request, Model.unlisted(provider, provider.equals("bedrock") ? "cohere.embed-english-v3" : "m"));
    assertThat(parts).hasSizeGreaterThan(1);
    int next = 0;
    for (Part part : parts) {
      assertThat(part.from()).isEqualTo(next);
      assertThat(part.size()).isPositive().isLessThanOrEqualTo(provider.equals("gemini") ? 100 : provider.equals("bedrock") ? 96 : 1_024);
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
  @ValueSource(strings = {"mistral", "gemini", "ollama", "bedrock"})
  void lists_of_tokens_are_refused_where_they_mean_something_else(String provider) {
    for (String input : new String[] {"[1,2,3]", "[[1,2],[3]]"}) {
      EmbeddingRequest request = request("{'model':'m','input':" + input + "}");
      assertThatThrownBy(() -> format(provider).write(request, Model.unlisted(provider, "cohere.embed-english-v3"))).isInstanceOfSatisfying(Problem.class, p -> {
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
      "{'embeddings':[]}", "{'embeddings':[{}]}", "{'embeddings':[{'values':[]}]}", "{'embeddings':[[]]}", "{'embeddings':[['x']]}", "{'embeddings':[[1],[2]]}", "{'embeddings':3}", "{'data':[3]}", "{'embedding':[]}", "{'embedding':{}}", "{'embedding':[1", "{'embedding':['x'],'inputTextTokenCount':1}", "{'embeddings':{}}", "{'embeddings':{'float':3}}", "{'embeddings':{'float':[]}}",
      "{'embeddings':{'float':[[1],[2]]}}", "{'embeddings':{'int8':[[1]]}}"})
  void an_answer_that_is_none_is_never_taken_for_one(String body) {
    EmbeddingRequest request = request("{'model':'m','input':'a'}");
    for (String named : List.of("openai/m", "azure/m", "mistral/m", "gemini/m", "ollama/m", "bedrock/amazon.titan-embed-text-v2:0", "bedrock/cohere.embed-v4:0")) {
      String provider = named.substring(0, named.indexOf('/'));
      Part part = format(provider).write(request, Model.unlisted(provider, named.substring(named.indexOf('/') + 1))).get(0);
      assertThatThrownBy(() -> format(provider).read(request, part, body.replace('\'', '"').getBytes(StandardCharsets.UTF_8))).as(provider).isInstanceOf(IOException.class);
    }
  }

  @Test
  void azures_path_names_the_deployment_where_there_is_an_api_version() {
    EmbeddingRequest request = request("{'model':'m','input':[1,2]}");
    assertThat(new OpenAiEmbeddings("azure", "2024-10-21").write(request, Model.unlisted("azure", "my emb/1")).get(0).outgoing().path()).isEqualTo("/openai/deployments/my%20emb%2F1/embeddings?api-version=2024-10-21");
    assertThat(new OpenAiEmbeddings("azure").write(request, Model.unlisted("azure", "m")).get(0).outgoing().path()).isEqualTo("/openai/v1/embeddings");
  }

  private static String bedrockPath(String model) {
    return format("bedrock").write(request("{'model':'m','input':'a'}"), CATALOGUE.find("bedrock/" + model).orElse(Model.unlisted("bedrock", model))).get(0).outgoing().path();
  }

  @Test
  void only_the_model_that_has_inference_profiles_is_asked_through_one() {
    assertThat(bedrockPath("cohere.embed-v4:0")).isEqualTo("/model/eu.cohere.embed-v4%3A0/invoke");
    assertThat(bedrockPath("us.cohere.embed-v4:0")).as("named in full").isEqualTo("/model/us.cohere.embed-v4%3A0/invoke");
    assertThat(bedrockPath("cohere.embed-english-v3")).isEqualTo("/model/cohere.embed-english-v3/invoke");
    assertThat(bedrockPath("amazon.titan-embed-text-v2:0")).isEqualTo("/model/amazon.titan-embed-text-v2%3A0/invoke");
    assertThat(bedrockPath("arn:aws:bedrock:eu-west-1:1:inference-profile/eu.cohere.embed-v4:0")).isEqualTo("/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Feu.cohere.embed-v4%3A0/invoke");
  }

  @ParameterizedTest
  @CsvSource({"amazon.titan-embed-text-v2:0,300,dimensions", "amazon.titan-embed-text-v1,512,dimensions", "cohere.embed-english-v3,256,dimensions", "cohere.embed-v4:0,300,dimensions", "amazon.nova-2-multimodal-embeddings-v1:0,256,model"})
  void what_a_model_of_bedrock_cannot_do_is_refused_by_name(String model, int dimensions, String param) {
    EmbeddingRequest request = request("{'model':'m','input':'a','dimensions':" + dimensions + "}");
    assertThatThrownBy(() -> format("bedrock").write(request, Model.unlisted("bedrock", model))).isInstanceOfSatisfying(Problem.class, p -> {
      assertThat(p.status()).isEqualTo(400);
      assertThat(p.param()).isEqualTo(param);
    });
  }

  @ParameterizedTest
  @CsvSource({"7,7", "' 12 ',12", "-3,-3", "99999999999999,-1", "many,-1", "'',-1"})
  void cohere_on_bedrock_counts_in_a_header(String header, long tokens) {
    assertThat(format("bedrock").inputTokens(Map.of("x-amzn-bedrock-input-token-count", header))).isEqualTo(tokens);
    assertThat(format("bedrock").inputTokens(Map.of())).isEqualTo(-1);
    assertThat(format("openai").inputTokens(Map.of("x-amzn-bedrock-input-token-count", header))).isEqualTo(-1);
  }
}
