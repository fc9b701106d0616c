package com.example.claims;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.apache.camel.CamelContext;
import org.apache.camel.CamelExecutionException;
import org.apache.camel.ConsumerTemplate;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.Route;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.SpringBootTest.WebEnvironment;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.context.ApplicationContext;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;

/** The application with Dromedary in it: it can ask direct:chat, and all that was there before is as it was. */
@SpringBootTest(webEnvironment = WebEnvironment.RANDOM_PORT)
class DroppedInTest {
  private static final List<String> OWN = List.of("chat", "account", "housekeeping", "costs");

  @TempDir static Path state;
  @Autowired CamelContext camel;
  @Autowired ProducerTemplate template;
  @Autowired ConsumerTemplate consumer;
  @Autowired ObjectMapper mapper;
  @Autowired List<DataSource> dataSources;
  @Autowired JdbcTemplate jdbc;
  @Autowired ApplicationContext beans;
  @LocalServerPort int port;
  private final HttpClient http = HttpClient.newHttpClient();

  @DynamicPropertySource
  static void settings(DynamicPropertyRegistry settings) {
    settings.add("dromedary.state-dir", state::toString);
    settings.add("dromedary.config.dir", () -> "src/test/resources/llm");
    settings.add("dromedary.providers.ollama.base-url", () -> "http://127.0.0.1:9");
  }

  private HttpResponse<String> send(String method, String path, String body, String... headers) throws Exception {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path)).method(method, HttpRequest.BodyPublishers.ofString(body));
    for (int i = 0; i < headers.length; i += 2) {
      request.header(headers[i], headers[i + 1]);
    }
    return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  private static String clerk() {
    return "Basic " + Base64.getEncoder().encodeToString("clerk:clerk".getBytes());
  }

  private HttpResponse<String> sort(String model, String... more) throws Exception {
    return send("POST", "/claims/sort", "hail on the roof", Stream.concat(Stream.of("Authorization", clerk(), "Content-Type", "text/plain", "model", model), Stream.of(more)).toArray(String[]::new));
  }

  private int page(String requestId, String key) throws Exception {
    return send("GET", "/llm/v1/requests/" + requestId, "", "Authorization", "Bearer " + key).statusCode();
  }

  @Test
  void its_own_door_asks_direct_chat() throws Exception {
    HttpResponse<String> sorted = sort("sandbox");
    assertThat(sorted.statusCode()).as(sorted.body()).isEqualTo(200);
    assertThat(sorted.body()).contains("chat.completion", "You said: hail on the roof");
    assertThat(sorted.headers().firstValue("sorted-by")).contains("claims");
    assertThat(consumer.receiveBody("seda:costs", 20_000, String.class)).as("a cost event at a route of its own").contains("\"project\":\"claims\"");
  }

  @Test
  void what_is_refused_goes_to_its_own_error_handling() throws Exception {
    HttpResponse<String> refused = sort("no-such-model");
    assertThat(refused.statusCode()).as(refused.body()).isEqualTo(418);
    assertThat(refused.body()).startsWith("a clerk must look at this: ").contains("no-such-model");
    assertThatThrownBy(() -> template.sendBody("direct:account", "x")).isInstanceOf(CamelExecutionException.class).hasRootCauseMessage("the application's own mistake");
  }

  @Test
  void only_its_routes_say_who_asks() throws Exception {
    String ours = sort("sandbox", "x-dromedary-project", "motor", "dromedary.project", "motor", "CamelDromedary.project", "motor").headers().firstValue("x-request-id").orElseThrow();
    assertThat(page(ours, "dk-claims-0123456789abcdef")).isEqualTo(200);
    assertThat(page(ours, "dk-motor-0123456789abcdef")).as("no header of a client's changes whose it is").isEqualTo(404);
    String motor = sort("sandbox", "tenant", "motor").headers().firstValue("x-request-id").orElseThrow();
    assertThat(page(motor, "dk-motor-0123456789abcdef")).as("its route said so by an exchange property").isEqualTo(200);
    assertThat(page(motor, "dk-claims-0123456789abcdef")).isEqualTo(404);
    assertThat(send("POST", "/llm/v1/chat/completions", "{\"model\":\"sandbox\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}", "Content-Type", "application/json", "dromedary.project", "claims").statusCode())
        .as("by HTTP a key says it").isEqualTo(401);
  }

  @Test
  void our_doors_stand_under_their_prefix_and_nowhere_else() throws Exception {
    String key = "Bearer dk-claims-0123456789abcdef";
    HttpResponse<String> answer = send("POST", "/llm/v1/chat/completions", "{\"model\":\"sandbox\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}", "Content-Type", "application/json", "Authorization", key);
    assertThat(answer.body()).contains("You said: Hi");
    HttpResponse<String> stream = send("POST", "/llm/v1/chat/completions", "{\"model\":\"sandbox\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}", "Content-Type", "application/json", "Authorization", key);
    assertThat(stream.body()).endsWith("data: [DONE]\n\n");
    assertThat(send("GET", "/llm/v1/models/sandbox/echo", "", "Authorization", key).body()).contains("\"id\":\"sandbox/echo\"");
    assertThat(send("GET", "/llm/health/readiness", "").statusCode()).isEqualTo(200);
    assertThat(send("GET", "/llm/admin/config", "", "Authorization", key).statusCode()).as("closed").isEqualTo(404);
    assertThat(send("GET", "/llm/metrics", "").statusCode()).as("closed").isEqualTo(404);
    assertThat(send("GET", "/llm/v1/batches", "", "Authorization", key).statusCode()).as("its routes are left out").isEqualTo(404);
    assertThat(send("GET", "/v1/models", "", "Authorization", clerk()).statusCode()).isEqualTo(404);
    assertThat(send("GET", "/health/readiness", "", "Authorization", clerk()).statusCode()).isEqualTo(404);
  }

  @Test
  void its_own_pages_security_health_and_errors_are_as_they_were() throws Exception {
    assertThat(send("GET", "/pages/open", "").statusCode()).isEqualTo(401);
    assertThat(send("GET", "/pages/open", "", "Authorization", clerk()).body()).isEqualTo("{\"open_claims\":\"none\"}");
    assertThat(send("GET", "/pages/none", "", "Authorization", clerk()).body()).as("Spring's own page").contains("\"status\":404", "timestamp");
    HttpResponse<String> health = send("GET", "/actuator/health", "");
    assertThat(health.statusCode()).as(health.body()).isEqualTo(200);
    assertThat(health.body()).contains("\"status\":\"UP\"").doesNotContain("DOWN");
  }

  @Test
  void its_own_beans_database_and_settings_are_as_they_were() throws Exception {
    assertThat(mapper.writeValueAsString(new Pages.Page("x"))).isEqualTo("{\"open_claims\":\"x\"}");
    assertThat(dataSources).hasSize(1);
    assertThat(jdbc.queryForList("SELECT table_name FROM information_schema.tables WHERE table_schema = 'PUBLIC'", String.class)).containsExactly("CLAIM");
    assertThat(camel.getName()).isEqualTo("claims");
    assertThat(camel.isStreamCaching()).as("Camel's default").isTrue();
    assertThat(camel.getRestConfiguration().getComponent()).isNull();
    assertThat(beans.getBeansOfType(Executor.class)).as("Spring Boot's own").containsOnlyKeys("applicationTaskExecutor");
    assertThat(beans.getBean("pages")).as("a name that we use too").isInstanceOf(Pages.class);
  }

  @Test
  void our_ids_have_the_prefix_and_what_is_switched_off_is_not_there() {
    List<String> ids = camel.getRoutes().stream().filter(route -> !route.isCreatedByKamelet()).map(Route::getRouteId).toList();
    assertThat(ids).filteredOn(id -> !OWN.contains(id)).isNotEmpty().allSatisfy(id -> assertThat(id).startsWith("llm-"));
    assertThat(ids).containsAll(OWN).contains("llm-chat", "llm-housekeeping").doesNotContain("llm-create-batch", "llm-replay-dead-letters", "llm-list-experiments");
    assertThat(consumer.receive("seda:housekept", 20_000)).as("its own timer of a name that we use too").isNotNull();
  }
}
