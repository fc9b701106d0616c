package io.dromedary.features;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.dromedary.camel.SemanticStoreEndpoint;
import io.dromedary.chat.Json;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.support.PluginHelper;
import org.apache.camel.support.ResourceHelper;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The packed route for Qdrant against a stand-in for its REST interface: filters by {@code match} (of any element, where a value is an array) and {@code range}. */
@Tag("C2")
class QdrantStoreTest {
  private final Map<String, JsonNode> points = new LinkedHashMap<>();
  private final DefaultCamelContext camel = new DefaultCamelContext();
  private HttpServer qdrant;
  private SemanticStoreEndpoint store;
  private String key = "";

  @BeforeEach
  void start() throws Exception {
    qdrant = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    qdrant.createContext("/collections/dromedary", this::answer);
    qdrant.start();
    Properties properties = new Properties();
    properties.put("dromedary.cache.semantic.store-url", "http://127.0.0.1:" + qdrant.getAddress().getPort());
    properties.put("dromedary.cache.semantic.store-api-key", "s3cret");
    camel.getPropertiesComponent().setInitialProperties(properties);
    PluginHelper.getRoutesLoader(camel).loadRoutes(ResourceHelper.fromBytes("store.camel.yaml", Files.readAllBytes(Path.of("config/stores/semantic-store-qdrant.camel.yaml"))));
    camel.start();
    store = new SemanticStoreEndpoint(camel, "direct:semantic-store-qdrant", CircuitBreaker.ofDefaults("qdrant"));
  }

  @AfterEach
  void stop() throws IOException {
    store.close();
    camel.close();
    qdrant.stop(0);
  }

  private void answer(HttpExchange call) throws IOException {
    key = String.valueOf(call.getRequestHeaders().getFirst("api-key"));
    JsonNode body = Json.read(new String(call.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
    String what = call.getRequestMethod() + call.getRequestURI().getPath().substring("/collections/dromedary".length());
    JsonNode must = body.at("/filter/must");
    String said = "{\"result\": true}";
    int status = 200;
    switch (what) {
      case "PUT" -> status = body.at("/vectors/size").asInt() == 384 ? 409 : 400;
      case "PUT/points" -> body.path("points").forEach(point -> points.put(point.path("id").asText(), point));
      case "POST/points/delete" -> points.values().removeIf(point -> matches(point, must));
      case "POST/points/query" -> {
        StringBuilder found = new StringBuilder();
        points.values().stream().filter(point -> matches(point, must)).forEach(point -> found.append(found.length() == 0 ? "" : ",").append("{\"score\": 0.9, \"payload\": {\"entry\": ").append(point.at("/payload/entry")).append("}}"));
        said = body.path("query").isArray() && body.path("limit").isInt() ? "{\"result\": {\"points\": [" + found + "]}}" : "{}";
      }
      default -> status = 404;
    }
    byte[] bytes = said.getBytes(StandardCharsets.UTF_8);
    call.sendResponseHeaders(status, bytes.length);
    call.getResponseBody().write(bytes);
    call.close();
  }

  private static boolean matches(JsonNode point, JsonNode must) {
    for (JsonNode condition : must) {
      JsonNode value = point.path("payload").path(condition.path("key").asText());
      boolean holds = condition.has("range")
          ? condition.path("range").has("lt") ? value.asLong() < condition.at("/range/lt").asLong() : value.asLong() > condition.at("/range/gt").asLong()
          : value.equals(condition.at("/match/value")) || value.isArray() && value.toString().contains(condition.at("/match/value").toString());
      if (!holds) {
        return false;
      }
    }
    return true;
  }

  private Object call(Object... fields) {
    Map<String, Object> operation = new LinkedHashMap<>();
    for (int i = 0; i < fields.length; i += 2) {
      operation.put(fields[i].toString(), fields[i + 1]);
    }
    return store.call(operation, Duration.ofSeconds(10));
  }

  private void keep(String key, String partition, String project) {
    call("operation", "keep", "key", key, "id", key, "partition", partition, "project", project, "model", "openai/gpt-4o", "stored_at", 1_000L, "expires_at", 9_000L, "vector", "[0.1,-0.2]", "sketch", "10", "entry", "of-" + key);
  }

  private String look(String partition, String project, long now) {
    return String.valueOf(call("operation", "look", "partition", partition, "project", project, "threshold", 0.8, "limit", 16, "now", now, "vector", "[0.1,-0.2]", "sketch", "10"));
  }

  private void purge(String project, String model, String key, long before) {
    call("operation", "purge", "project", project, "model", model, "key", key, "before", before);
  }

  @Test
  void it_opens_what_is_there_already_keeps_finds_by_partition_project_and_age_and_purges_by_any_condition() {
    call("operation", "open", "dimensions", 384);
    assertThat(key).isEqualTo("s3cret");
    keep("a", "one", "p");
    keep("b", "one", "q");
    keep("c", "two", "p");
    assertThat(look("one", "p", 5_000)).contains("\"of-a\"").doesNotContain("of-b", "of-c");
    assertThat(look("one", "p", 9_500)).doesNotContain("of-");
    purge("", "", "", 500);
    assertThat(points).hasSize(3);
    purge("q", "", "", 5_000);
    assertThat(points.keySet()).containsExactly("a", "c");
    purge("", "openai/gpt-4o", "a", 5_000);
    assertThat(points.keySet()).containsExactly("c");
    purge("", "", "", 5_000);
    assertThat(points).isEmpty();
  }
}
