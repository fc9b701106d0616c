package io.dromedary.provider.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Model;
import io.dromedary.chat.EmbeddingRequest;
import io.dromedary.chat.EmbeddingResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.Usd;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** The real model, computing. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class MiniLmTest {
  @TempDir Path dir;
  private final MiniLm miniLm = new MiniLm(2, Path.of("target/minilm-native"));

  @AfterAll
  void close() {
    miniLm.close();
  }

  static EmbeddingRequest request(Duration time, String more, String... texts) throws IOException {
    ObjectNode json = (ObjectNode) Json.read(("{'model':'local/all-minilm-l6-v2','input':[]" + more + "}").replace('\'', '"'));
    for (String text : texts) {
      json.withArray("input").add(text);
    }
    Instant now = Instant.now();
    return new EmbeddingRequest("req-1", json, Map.of(), now, now.plus(time), () -> false);
  }

  static Attempt attempt() {
    return new Attempt("req-1.1", 1, candidate("all-minilm-l6-v2"), null, Usd.ZERO, Instant.now());
  }

  static Candidate candidate(String name) {
    return new Candidate(Model.unlisted("local", name).embedding(), null, 0.5, Duration.ZERO, "");
  }

  private List<float[]> vectors(EmbeddingRequest request) throws IOException {
    Attempt attempt = attempt();
    EmbeddingResponse answer = (EmbeddingResponse) miniLm.embed(request, candidate("all-minilm-l6-v2"), attempt);
    assertThat(attempt.outcome().usage()).isEqualTo(answer.usage());
    JsonNode json = Json.read(answer.bytes());
    List<float[]> vectors = new ArrayList<>();
    for (JsonNode item : json.path("data")) {
      assertThat(item.path("index").asInt()).isEqualTo(vectors.size());
      float[] vector = new float[item.path("embedding").size()];
      for (int i = 0; i < vector.length; i++) {
        vector[i] = item.path("embedding").get(i).floatValue();
      }
      vectors.add(vector);
    }
    return vectors;
  }

  private static double cosine(float[] a, float[] b) {
    double dot = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < a.length; i++) {
      dot += a[i] * b[i];
      aa += a[i] * a[i];
      bb += b[i] * b[i];
    }
    return dot / Math.sqrt(aa * bb);
  }

  @Tag("D15")
  @Test
  void paraphrases_are_nearer_than_strangers() throws IOException {
    List<float[]> vectors = vectors(request(Duration.ofSeconds(60), "", "How do I reset my password?", "I forgot my password, how can I change it?", "The recipe needs two eggs and a cup of flour."));
    assertThat(vectors).hasSize(3).allSatisfy(vector -> assertThat(vector).hasSize(384));
    assertThat(cosine(vectors.get(0), vectors.get(1))).isGreaterThan(0.7);
    assertThat(cosine(vectors.get(0), vectors.get(2))).isLessThan(0.3);
    assertThat(cosine(vectors.get(0), vectors.get(0))).isBetween(0.999, 1.001);
  }

  @Test
  void a_long_list_keeps_its_order_over_slices() throws IOException {
    String[] texts = new String[40];
    Arrays.setAll(texts, i -> "number " + i);
    List<float[]> together = vectors(request(Duration.ofSeconds(60), "", texts));
    assertThat(together).hasSize(40);
    for (int i : new int[] {0, 15, 16, 39}) {
      assertThat(cosine(vectors(request(Duration.ofSeconds(60), "", texts[i])).get(0), together.get(i))).as("text %s", i).isGreaterThan(0.9999);
    }
  }

  @Test
  void a_text_is_read_to_its_end() throws IOException {
    String long300 = "word ".repeat(300);
    List<float[]> vectors = vectors(request(Duration.ofSeconds(60), "", long300 + "zebra", long300 + "a cup of flour and two eggs, beaten", "word ".repeat(500)));
    assertThat(cosine(vectors.get(0), vectors.get(1))).isLessThan(0.999);
  }

  @Test
  void what_it_cannot_do_is_a_400_that_says_so() throws IOException {
    assertRefused(request(Duration.ofSeconds(60), ",'dimensions':128", "a"), "dimensions", "384");
    assertRefused(request(Duration.ofSeconds(60), "", "a", "word ".repeat(600)), "input", "input[1]");
    assertRefused(request(Duration.ofSeconds(60), "", "x".repeat(3_000_000)), "input", "509");
    EmbeddingRequest tokens = new EmbeddingRequest("r", (ObjectNode) Json.read("{\"model\":\"m\",\"input\":[1,2]}"), Map.of(), Instant.now(), Instant.now().plusSeconds(9), () -> false);
    assertRefused(tokens, "input", "token numbers");
  }

  private void assertRefused(EmbeddingRequest request, String param, String words) {
    Attempt attempt = attempt();
    assertThatThrownBy(() -> miniLm.embed(request, candidate("all-minilm-l6-v2"), attempt)).isInstanceOfSatisfying(Problem.class, problem -> {
      assertThat(problem.status()).isEqualTo(400);
      assertThat(problem.param()).isEqualTo(param);
    }).hasMessageContaining(words);
    assertThat(attempt.outcome().status()).isEqualTo(Attempt.Status.FAILED);
  }

  @Test
  void a_request_whose_time_is_up_is_not_computed_to_the_end() throws IOException {
    String[] texts = new String[500];
    Arrays.fill(texts, "the quick brown fox jumps over the lazy dog ".repeat(20));
    Attempt attempt = attempt();
    EmbeddingRequest hasty = request(Duration.ofMillis(20), "", texts);
    assertThatThrownBy(() -> miniLm.embed(hasty, candidate("all-minilm-l6-v2"), attempt)).isInstanceOfSatisfying(ProviderFailure.class,
        failure -> assertThat(failure.kind()).isEqualTo(ProviderFailure.Kind.TIMEOUT));
    assertThat(attempt.outcome().failure()).isEqualTo("timeout");
  }

  @Test
  void a_vector_that_is_not_there_in_time_is_done_without() {
    // on a busy machine whoever asks may sleep so long that a vector is there at once
    await().atMost(Duration.ofSeconds(20)).until(() -> miniLm.vector("A question that waits for nobody", Duration.ofNanos(1)) == null);
    assertThat(miniLm.vector("The same, with time enough", Duration.ofSeconds(60))).hasSize(384);
    miniLm.close();
    assertThat(miniLm.vector("After its end", Duration.ofSeconds(1))).isNull();
  }

  @Test
  void it_can_be_left_off_the_class_path() throws Exception {
    ClassLoader without = new ClassLoader(MiniLmTest.class.getClassLoader()) {
      @Override
      protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (name.startsWith("dev.langchain4j")) {
          throw new ClassNotFoundException(name);
        }
        if (name.startsWith("io.dromedary.provider.local.")) {
          try (InputStream in = getResourceAsStream(name.replace('.', '/') + ".class")) {
            byte[] bytes = in.readAllBytes();
            Class<?> loaded = findLoadedClass(name);
            return loaded == null ? defineClass(name, bytes, 0, bytes.length) : loaded;
          } catch (IOException e) {
            throw new ClassNotFoundException(name, e);
          }
        }
        return super.loadClass(name, resolve);
      }
    };
    Class<?> type = Class.forName("io.dromedary.provider.local.MiniLm", true, without);
    assertThat(type.getMethod("present").invoke(null)).isEqualTo(false);
    assertThat(type.getDeclaredMethods()).isNotEmpty();
    AutoCloseable idle = (AutoCloseable) type.getConstructor(int.class, Path.class).newInstance(1, dir);
    idle.close();
    assertThat(MiniLm.present()).isTrue();
  }
}
