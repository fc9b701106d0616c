package io.dromedary.complexity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dromedary.catalog.ConfigError;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.provider.local.MiniLm;
import io.dromedary.testing.TinyOnnx;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class OnnxScorerTest {

  private final Map<String, byte[]> files = new HashMap<>();
  private final OnnxSettings.Files reader = new OnnxSettings.Files() {
    @Override
    public byte[] read(String path) throws IOException {
      byte[] bytes = files.get(path);
      if (bytes == null) {
        throw new NoSuchFileException(path);
      }
      return bytes;
    }

    @Override
    public void beforeLoading() {
      MiniLm.beforeLoading(Path.of("target", "native"));
    }
  };

  @BeforeEach
  void write() {
    files.put("tiny.onnx", TinyOnnx.model());
    files.put("tokenizer.json", TinyOnnx.TOKENIZER.getBytes(StandardCharsets.UTF_8));
  }

  private OnnxSettings.Configured read(String bert) {
    return OnnxSettings.read(("routers: {bert: " + bert + "}").getBytes(StandardCharsets.UTF_8), "routing.yaml", reader);
  }

  private static ChatRequest request(String text) {
    var json = Json.object();
    json.putArray("messages").addObject().put("role", "user").put("content", text);
    return new ChatRequest("r", json, Map.of(), Instant.EPOCH, Instant.EPOCH);
  }

  @Test
  void a_classifier_scores_by_the_probability_of_its_label() {
    ComplexityScorer scorer = read("{model: tiny.onnx, tokenizer: tokenizer.json, label: 1}").scorer();

    assertThat(scorer.kind()).isEqualTo("bert");
    assertThat(scorer.score(request("hard hard hard hard")).score()).isGreaterThan(0.99);
    assertThat(scorer.score(request("easy easy easy easy")).score()).isLessThan(0.05);
    assertThat(scorer.score(request("")).score()).isBetween(0.0, 1.0);
    assertThat(scorer.score(request("hard ".repeat(5_000))).score()).as("longer than it reads").isGreaterThan(0.99);
    assertThat(read("{model: tiny.onnx, tokenizer: tokenizer.json, label: 0}").scorer().score(request("hard hard hard hard")).score()).isLessThan(0.01);
  }

  @Test
  void a_file_that_cannot_be_used_is_named() {
    assertThatThrownBy(() -> read("{model: none.onnx, tokenizer: tokenizer.json}")).isInstanceOf(ConfigError.class).hasMessageContaining("routing.yaml").hasMessageContaining("routers.bert.model").hasMessageContaining("none.onnx");
    files.put("tiny.onnx", new byte[] {1, 2, 3});
    assertThatThrownBy(() -> read("{model: tiny.onnx, tokenizer: tokenizer.json}")).isInstanceOf(ConfigError.class).hasMessageContaining("routers.bert.model = tiny.onnx");
    files.put("tiny.onnx", TinyOnnx.model());
    assertThatThrownBy(() -> read("{model: tiny.onnx, tokenizer: tokenizer.json, label: 7}")).isInstanceOf(ConfigError.class).hasMessageContaining("2 labels");
    files.put("tokenizer.json", "{}".getBytes(StandardCharsets.UTF_8));
    assertThatThrownBy(() -> read("{model: tiny.onnx, tokenizer: tokenizer.json}")).isInstanceOf(ConfigError.class).hasMessageContaining("routers.bert.tokenizer = tokenizer.json");
    assertThatThrownBy(() -> read("{model: tiny.onnx, tokenizer: tokenizer.json, layers: 3}")).isInstanceOf(ConfigError.class).hasMessageContaining("layers");
  }

  @Test
  void where_none_is_configured_another_scorer_takes_its_place() {
    OnnxSettings.Configured none = OnnxSettings.read("routers: {}".getBytes(StandardCharsets.UTF_8), "routing.yaml", reader);
    assertThat(none.scorer()).isNull();
    assertThatThrownBy(() -> OnnxSettings.Configured.scorer(() -> none).score(request("x"))).hasMessageContaining("routers.bert");
  }
}
