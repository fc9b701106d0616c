package io.dromedary.features;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.dromedary.cascade.CascadePolicy;
import io.dromedary.catalog.ConfigError;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.complexity.OnnxSettings;
import io.dromedary.domain.TopicPolicy;
import io.dromedary.experiment.Experiments;
import io.dromedary.ranking.RoutingPolicy;
import io.dromedary.shadow.ShadowPolicy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Every number, switch and key of the files about routing: whatever is wrong with it, the file is refused, naming itself, the key and what is allowed. */
@Tag("F9")
class ConfigFaultsTest {
  private static final YAMLMapper YAML = new YAMLMapper();
  private static final Set<String> SCORERS = Set.of("keywords", "learned", "length", "random");
  /** No number of ours is one of these. */
  private static final List<String> NEVER = List.of("-1", ".nan", ".inf", "-.inf", "1e300", "-1e300", "abc", "[]", "{}", "true", "9223372036854775808", "'1; drop'");
  /** Where whole numbers are wanted. */
  private static final List<String> NOR = List.of("1.5", "'7'");

  private static final String HERE = "put it here";

  private static ModelCatalog catalogue() {
    try {
      return ModelCatalog.read(Files.readAllBytes(Path.of("config/models.yaml")), "models.yaml");
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static final ModelCatalog MODELS = catalogue();

  /** All who read the file, as at a start or a reload. */
  private static void routing(byte[] yaml) {
    RoutingPolicy.read(yaml, "routing.yaml", MODELS, SCORERS);
    TopicPolicy topics = TopicPolicy.read(yaml, "routing.yaml", Set.of("cost", "quality", "speed", "balanced"));
    CascadePolicy.read(yaml, "routing.yaml", MODELS, path -> Files.readAllBytes(Path.of(path)));
    ShadowPolicy.read(yaml, "routing.yaml", MODELS, topics.names());
    OnnxSettings.read(yaml, "routing.yaml", new OnnxSettings.Files() {
      @Override
      public byte[] read(String path) throws IOException {
        return Files.readAllBytes(Path.of(path));
      }

      @Override
      public void beforeLoading() {
        // Nothing is loaded here.
      }
    });
  }

  private static String full() throws IOException {
    return Files.readString(Path.of("config/routing.yaml")).replace("domains:\n  medical: {}", "domains:\n  medical: {threshold: 0.4, min-quality: 0.3}").replace("\nprojects: {}", "\nprojects:\n  a: {min-quality: 0.2}")
        .replace("  weak: openai/gpt-4o-mini\n", "  weak: openai/gpt-4o-mini\n  causal: {model: openai/gpt-4o-mini, timeout-ms: 5000}\n")
        .replace("accept: {refusal: true", "accept: {judge: {model: openai/gpt-4o, min-score: 0.7, timeout-ms: 1000}, refusal: true")
        .replace("shadows: {share: 0, model: \"\", domains: {}, projects: {}", "shadows: {share: 5, model: openai/gpt-4o, domains: {legal: {share: 2}}, projects: {a: {share: 3}}");
  }

  @Test
  void a_wrong_number_in_routing_is_refused_by_its_file_key_and_what_is_allowed() throws IOException {
    everyNumber(full(), ConfigFaultsTest::routing, "routing.yaml", List.of());
  }

  @Test
  void a_wrong_number_in_experiments_is_refused_by_its_file_key_and_what_is_allowed() {
    everyNumber("""
        experiments:
        - id: one
          traffic: 50
          arms:
          - {id: a, share: 50}
          - {id: b, share: 50, weights: {cost: 1, quality: 2, speed: 0.5}}
        """, yaml -> Experiments.Plan.read(yaml, "experiments.yaml", SCORERS), "experiments.yaml", List.of());
  }

  @Test
  void a_wrong_number_in_the_catalogue_is_refused_by_its_file_key_and_what_is_allowed() {
    everyNumber("""
        models:
        - id: openai/x
          context: 1000
          max_output: 100
          prices:
          - {in: 1, out: 2, cache_read: 0.1, cache_write: 1.2, source: here, from: 2026-01-01, above: [{tokens: 500, in: 2, out: 3}]}
          quality: 0.5
          latency_ms: 300
          traits: {default_max_tokens: 100, num_ctx: 1000}
        """, yaml -> ModelCatalog.read(yaml, "models.yaml"), "models.yaml", List.of("traits"));
  }

  @Test
  void a_judge_without_time_or_model_is_none() throws IOException {
    String file = full();
    for (String causal : List.of("{model: openai/gpt-4o-mini, timeout-ms: 0}", "{timeout-ms: 5000}", "{}", "{model: nobody/x}", "{model: openai/gpt-4o-mini, time: 1}")) {
      refused(file.replace("causal: {model: openai/gpt-4o-mini, timeout-ms: 5000}", "causal: " + causal), ConfigFaultsTest::routing, "routing.yaml", "causal", causal);
    }
  }

  @Test
  void a_key_that_nobody_reads_is_refused_wherever_it_stands() throws IOException {
    JsonNode file = YAML.readTree(full());
    List<ObjectNode> maps = new ArrayList<>();
    maps(file, maps);
    assertThat(maps).hasSizeGreaterThan(25);
    for (ObjectNode map : maps) {
      map.put("mispelt", 1);
      refused(YAML.writeValueAsString(file), ConfigFaultsTest::routing, "routing.yaml", "mispelt", map.toString());
      map.remove("mispelt");
    }
  }

  @Test
  void a_share_without_a_model_is_refused() throws IOException {
    String file = full();
    String shadows = file.lines().filter(line -> line.startsWith("shadows:")).findFirst().orElseThrow();
    for (String wrong : List.of("{share: 5}", "{projects: {a: {share: 5}}}", "{domains: {legal: {share: 1}}}", "{share: 5, model: nobody/x}", "{share: 5, model: local/all-minilm-l6-v2}", "{share: 101, model: openai/gpt-4o}", "{measure: best}",
        "{domains: {poetry: {share: 1, model: openai/gpt-4o}}}", "{timeout-ms: 0}", "5")) {
      refused(file.replace(shadows, "shadows: " + wrong), ConfigFaultsTest::routing, "routing.yaml", "shadows", wrong);
    }
  }

  private static void maps(JsonNode node, List<ObjectNode> maps) {
    if (node instanceof ObjectNode map) {
      maps.add(map);
    }
    node.forEach(child -> maps(child, maps));
  }

  /** Puts each wrong value in the place of each number, one at a time. */
  private static void everyNumber(String yaml, Consumer<byte[]> reader, String file, List<String> except) {
    assertThatCode(() -> reader.accept(yaml.getBytes(UTF_8))).doesNotThrowAnyException();
    try {
      JsonNode root = YAML.readTree(yaml);
      int places = walk(root, root, "", "", reader, file, except);
      assertThat(places).isGreaterThan(4);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static int walk(JsonNode root, JsonNode node, String path, String key, Consumer<byte[]> reader, String file, List<String> except) throws IOException {
    int places = 0;
    if (node instanceof ObjectNode map) {
      for (String name : (Iterable<String>) map::fieldNames) {
        JsonNode child = map.get(name);
        if (child.isNumber() && !except.contains(key)) {
          places++;
          for (String wrong : wrongFor(child)) {
            map.put(name, HERE);
            refused(YAML.writeValueAsString(root).replace('"' + HERE + '"', wrong), reader, file, name, path + "." + name + ": " + wrong);
          }
          map.set(name, child);
        } else {
          places += walk(root, child, path + "." + name, name, reader, file, except);
        }
      }
    } else if (node instanceof ArrayNode list) {
      for (int i = 0; i < list.size(); i++) {
        JsonNode child = list.get(i);
        if (child.isNumber()) {
          places++;
          for (String wrong : NEVER) {
            list.set(i, HERE);
            refused(YAML.writeValueAsString(root).replace('"' + HERE + '"', wrong), reader, file, key, path + "[" + i + "]: " + wrong);
          }
          list.set(i, child);
        } else {
          places += walk(root, child, path + "[" + i + "]", key, reader, file, except);
        }
      }
    }
    return places;
  }

  private static List<String> wrongFor(JsonNode number) {
    List<String> wrong = new ArrayList<>(NEVER);
    if (number.isIntegralNumber() && number.longValue() >= 64) {
      wrong.addAll(NOR);
    }
    return wrong;
  }

  private static void refused(String yaml, Consumer<byte[]> reader, String file, String key, String what) {
    ConfigError error = error(yaml, reader);
    assertThat(error).as(what).isNotNull();
    assertThat(error).as(what).hasMessageStartingWith(file).hasMessageContaining(key);
  }

  private static @Nullable ConfigError error(String yaml, Consumer<byte[]> reader) {
    try {
      reader.accept(yaml.getBytes(UTF_8));
      return null;
    } catch (ConfigError error) {
      return error;
    }
  }
}
