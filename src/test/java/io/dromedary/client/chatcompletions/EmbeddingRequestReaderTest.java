package io.dromedary.client.chatcompletions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dromedary.chat.EmbeddingRequest;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Problem;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("D15")
class EmbeddingRequestReaderTest {
  private static final Instant NOW = Instant.parse("2026-11-20T12:00:00Z");
  private final EmbeddingRequestReader reader = new EmbeddingRequestReader(Duration.ofSeconds(120));

  EmbeddingRequest read(String json, Map<String, String> headers) {
    return reader.read(new Inbound("req-1", "http", "POST", "/v1/embeddings", Map.of(), headers, json.replace('\'', '"').getBytes(StandardCharsets.UTF_8), NOW));
  }

  EmbeddingRequest read(String json) {
    return read(json, Map.of());
  }

  @Test
  void everything_that_openai_takes_is_read() {
    EmbeddingRequest request = read("{'model':'text-embedding-3-small','input':['a','b'],'encoding_format':'base64','dimensions':256,'user':'u','new_field':{'x':1}}", Map.of("x-dromedary-timeout-ms", "500", "accept", "x"));
    assertThat(request.model()).isEqualTo("text-embedding-3-small");
    assertThat(request.texts(0, 2)).containsExactly("a", "b");
    assertThat(request.base64()).isTrue();
    assertThat(request.dimensions()).hasValue(256);
    assertThat(request.json().at("/new_field/x").asInt()).isEqualTo(1);
    assertThat(request.deadline()).isEqualTo(NOW.plusMillis(500));
    assertThat(request.hints()).containsOnlyKeys("x-dromedary-timeout-ms");
    assertThat(request.stream()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"'a'", "' '", "['a']", "[1,2]", "[[1,2],[3]]", "[0]"})
  void an_input_is_a_text_texts_tokens_or_lists_of_tokens(String input) {
    EmbeddingRequest request = read("{'model':'m','input':" + input + ",'dimensions':null,'encoding_format':null}");
    assertThat(request.inputs()).hasSize(input.contains("],[") ? 2 : 1);
    assertThat(request.base64()).as("OpenAI's default is float").isFalse();
    assertThat(request.dimensions()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
      "{'input':'a'} | model", "{'model':null,'input':'a'} | model", "{'model':7,'input':'a'} | model", "{'model':'a b','input':'a'} | model",
      "{'model':'m'} | input", "{'model':'m','input':null} | input", "{'model':'m','input':''} | input", "{'model':'m','input':[]} | input", "{'model':'m','input':{}} | input", "{'model':'m','input':7} | input",
      "{'model':'m','input':true} | input", "{'model':'m','input':['a','']} | input[1]", "{'model':'m','input':['a',1]} | input[1]", "{'model':'m','input':['a',null]} | input[1]", "{'model':'m','input':[1,'a']} | input[1]",
      "{'model':'m','input':[1.5]} | input[0]", "{'model':'m','input':[-1]} | input[0]", "{'model':'m','input':[1e400]} | input[0]", "{'model':'m','input':[[1],[]]} | input[1]", "{'model':'m','input':[[1],'a']} | input[1]",
      "{'model':'m','input':[['a']]} | input[0][0]", "{'model':'m','input':'a','encoding_format':'int8'} | encoding_format", "{'model':'m','input':'a','encoding_format':1} | encoding_format",
      "{'model':'m','input':'a','dimensions':0} | dimensions", "{'model':'m','input':'a','dimensions':1.5} | dimensions", "{'model':'m','input':'a','dimensions':'256'} | dimensions",
      "{'model':'m','input':'a','dimensions':1e9} | dimensions", "{'model':'m','input':'a','user':7} | user", "{'model':'m','input':'a','models':['x']} | models", "{'model':'m','input':'a','routing':{}} | routing"})
  void a_bad_field_is_a_400_that_names_it(String json, String param) {
    assertThatThrownBy(() -> read(json)).isInstanceOfSatisfying(Problem.class, problem -> {
      assertThat(problem.status()).isEqualTo(400);
      assertThat(problem.type()).isEqualTo("invalid_request_error");
      assertThat(problem.param()).isEqualTo(param);
      assertThat(problem.code()).isNotNull();
    });
  }

  @Test
  void more_than_2048_inputs_are_refused() {
    String many = "'a',".repeat(2_047) + "'a'";
    assertThat(read("{'model':'m','input':[" + many + "]}").inputs()).hasSize(2_048);
    assertThatThrownBy(() -> read("{'model':'m','input':['a'," + many + "]}")).isInstanceOfSatisfying(Problem.class, problem -> assertThat(problem.param()).isEqualTo("input")).hasMessageContaining("2048");
  }
}
