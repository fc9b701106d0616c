package io.dromedary.cache;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class CacheKeyTest {
  static final String BODY = """
      {"model":"auto","messages":[{"role":"system","content":"S"},{"role":"user","content":[{"type":"text","text":"hi"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}],
       "temperature":1,"top_p":0.5,"max_tokens":100,"seed":7,"n":1,"stop":["a","b"],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"x":{"type":"string"}}}}}],
       "tool_choice":"auto","response_format":{"type":"json_object"},"logit_bias":{"5":1,"6":2},"frobnicate":{"a":{"b":[1,2,{"c":null}]}},"models":["a","b"],"provider":{"order":["x"]},
       "routing":{"min_quality":0.5,"weights":{"cost":1}}}""";

  static String key(String json) {
    return key("p", json, Map.of());
  }

  static String key(String project, String json, Map<String, String> hints) {
    try {
      return CacheKey.of(project, new ChatRequest("r", (ObjectNode) Json.read(json), hints, Instant.EPOCH, Instant.EPOCH));
    } catch (IOException e) {
      throw new IllegalArgumentException(json, e);
    }
  }

  static ObjectNode body() {
    return Json.readStrictly(BODY.getBytes(java.nio.charset.StandardCharsets.UTF_8));
  }

  static String key(ObjectNode body) {
    return CacheKey.of("p", new ChatRequest("r", body, Map.of(), Instant.EPOCH, Instant.EPOCH));
  }

  static JsonNode shuffled(JsonNode node, Random random) {
    if (node instanceof ObjectNode object) {
      List<String> names = new ArrayList<>();
      object.fieldNames().forEachRemaining(names::add);
      Collections.shuffle(names, random);
      ObjectNode copy = Json.object();
      names.forEach(name -> copy.set(name, shuffled(object.get(name), random)));
      return copy;
    }
    if (node instanceof ArrayNode array) {
      ArrayNode copy = Json.array();
      array.forEach(element -> copy.add(shuffled(element, random)));
      return copy;
    }
    return node;
  }

  @Property(tries = 200)
  @net.jqwik.api.Tag("C1")
  void the_order_of_keys_does_not_matter(@ForAll long seed) {
    assertThat(key((ObjectNode) shuffled(body(), new Random(seed)))).isEqualTo(key(body()));
  }

  @Test
  @Tag("C1")
  void any_changed_field_at_any_depth_makes_another_key() {
    Set<String> keys = new HashSet<>(Set.of(key(body())));
    int changes = 0;
    for (List<Object> path : leaves(body(), new ArrayList<>(), new ArrayList<>())) {
      for (JsonNode value : new JsonNode[] {Json.object().put("v", 1), Json.mapper().getNodeFactory().textNode("changed"), Json.mapper().getNodeFactory().numberNode(12345)}) {
        ObjectNode changed = body();
        set(changed, path, value);
        assertThat(keys.add(key(changed))).as(path + " = " + value).isTrue();
        changes++;
      }
    }
    assertThat(changes).isGreaterThan(80);
  }

  static List<List<Object>> leaves(JsonNode node, List<Object> path, List<List<Object>> found) {
    if (node instanceof ObjectNode object) {
      object.properties().forEach(field -> leaves(field.getValue(), plus(path, field.getKey()), found));
    } else if (node.isArray()) {
      for (int i = 0; i < node.size(); i++) {
        leaves(node.get(i), plus(path, i), found);
      }
    } else {
      found.add(path);
    }
    return found;
  }

  static List<Object> plus(List<Object> path, Object step) {
    List<Object> longer = new ArrayList<>(path);
    longer.add(step);
    return longer;
  }

  static void set(JsonNode root, List<Object> path, JsonNode value) {
    JsonNode node = root;
    for (Object step : path.subList(0, path.size() - 1)) {
      node = step instanceof String name ? node.get(name) : node.get((Integer) step);
    }
    Object last = path.get(path.size() - 1);
    if (last instanceof String name) {
      ((ObjectNode) node).set(name, value);
    } else {
      ((ArrayNode) node).set((Integer) last, value);
    }
  }

  @Test
  @Tag("C1")
  void projects_share_nothing() {
    assertThat(key("a", BODY, Map.of())).isNotEqualTo(key("b", BODY, Map.of()));
    assertThat(key("p", BODY, Map.of("x-dromedary-preference", "cost"))).isNotEqualTo(key(BODY));
  }

  @Test
  @Tag("C1")
  void how_it_is_told_and_who_asks_does_not_matter() {
    ObjectNode body = body();
    body.put("stream", true).put("user", "u").put("store", true).putNull("presence_penalty").put("safety_identifier", "s");
    body.putObject("stream_options").put("include_usage", true);
    body.putObject("metadata").put("a", "b");
    ((ObjectNode) body.get("routing")).put("session_id", "s").put("baseline_model", "m");
    assertThat(key(body)).isEqualTo(key(BODY));
    assertThat(key("p", BODY, Map.of("x-dromedary-session-id", "s", "x-dromedary-cache", "refresh", "idempotency-key", "k"))).isEqualTo(key(BODY));
    assertThat(key("{\"model\":\"a\",\"messages\":[],\"routing\":{}}")).isEqualTo(key("{\"model\":\"a\",\"messages\":[]}"));
  }

  @Test
  @Tag("C1")
  void equal_numbers_are_one_number() {
    String one = key("{\"messages\":[],\"temperature\":1}");
    for (String same : List.of("1.0", "1e0", "10e-1", "0.1E1", "1.000")) {
      assertThat(key("{\"messages\":[],\"temperature\":" + same + "}")).as(same).isEqualTo(one);
    }
    assertThat(key("{\"x\":0}")).isEqualTo(key("{\"x\":-0.0}")).isEqualTo(key("{\"x\":0e7}"));
    assertThat(key("{\"x\":1000}")).isEqualTo(key("{\"x\":1e3}"));
    assertThat(key("{\"x\":100000000000000000000000}")).isEqualTo(key("{\"x\":1e23}"));
    assertThat(key("{\"x\":123456789012345678901234567890}")).isEqualTo(key("{\"x\":123456789012345678901234567890.0}"));
    Set<String> all = new HashSet<>();
    for (String value : List.of("1", "-1", "10", "0.1", "\"1\"", "true", "false", "[]", "{}", "[1]", "[[1]]", "1e30", "1e-30", "9223372036854775807", "9223372036854775808", "123456789012345678901234567891", "1e999999999")) {
      assertThat(all.add(key("{\"x\":" + value + "}"))).as(value).isTrue();
    }
  }

  @Test
  @Tag("C1")
  void text_cannot_pretend_to_be_structure() {
    assertThat(key("{\"m\":[\"a\",\"b\"]}")).isNotEqualTo(key("{\"m\":[\"a\\\",\\\"b\"]}"));
    assertThat(key("{\"m\":[\"ab\",\"c\"]}")).isNotEqualTo(key("{\"m\":[\"a\",\"bc\"]}"));
    assertThat(key("{\"m\":[[\"a\"],[]]}")).isNotEqualTo(key("{\"m\":[[],[\"a\"]]}"));
    assertThat(key("ab", "{\"a\":1}", Map.of())).isNotEqualTo(key("a", "{\"a\":1}", Map.of("x-dromedary-preference", "b")));
    assertThat(key("{\"m\":\"\\ud83d\\ude00\"}")).isNotEqualTo(key("{\"m\":\"\\ud83d\"}"));
    assertThat(key("{\"m\":\"\\ud83d\"}")).isNotEqualTo(key("{\"m\":\"?\"}"));
    assertThat(key("{\"routing\":{\"a\":1}}")).isNotEqualTo(key("{\"a\":1}"));
    assertThat(key("{\"m\":\"" + "x".repeat(5_000) + "\"}")).isNotEqualTo(key("{\"m\":\"" + "x".repeat(5_001) + "\"}"));
  }
}
