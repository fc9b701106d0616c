package io.dromedary.features;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.camel.EndpointModels;
import io.dromedary.catalog.ConfigError;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.chat.Json;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Gateway.Answer;
import io.github.resilience4j.circuitbreaker.CircuitBreakerRegistry;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.camel.CamelContext;
import org.apache.camel.ConsumerTemplate;
import org.apache.camel.Exchange;
import org.apache.camel.model.ModelCamelContext;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Camel endpoints that are asked as models: rules, a database, a person, an agent. */
class EndpointModelsTest {
  @TempDir static Path config;
  private static FakeProvider openai;
  private static Gateway gateway;

  /** A host's own bean with a database behind it. */
  public static final class Orders {
    private static final String URL = "jdbc:h2:mem:orders;DB_CLOSE_DELAY=-1";

    public Orders() throws SQLException {
      try (Connection connection = DriverManager.getConnection(URL)) {
        connection.createStatement().execute("create table if not exists orders (id varchar primary key, status varchar)");
        connection.createStatement().execute("merge into orders key (id) values ('A-17', 'shipped')");
      }
    }

    public Map<String, String> find(String question) throws SQLException {
      try (Connection connection = DriverManager.getConnection(URL); PreparedStatement select = connection.prepareStatement("select status from orders where id = ?")) {
        select.setString(1, question.replaceAll(".*(A-\\d+).*", "$1"));
        ResultSet rows = select.executeQuery();
        return rows.next() ? Map.of("order", "A-17", "status", rows.getString(1)) : Map.of("status", "unknown");
      }
    }
  }

  @BeforeAll
  static void start() throws IOException {
    openai = FakeProvider.openai();
    Files.writeString(config.resolve("models.yaml"), Files.readString(Path.of("config/models.yaml")) + Files.readString(Path.of("src/test/resources/endpoints/models.yaml")));
    Files.writeString(config.resolve("routing.yaml"), Files.readString(Path.of("config/routing.yaml")).replaceAll("(  (?:TRIVIAL|SIMPLE):\\s+models: \\[)", "$1camel/broken, camel/refunds, "));
    gateway = Gateway.with("openai", openai).set("dromedary.config.dir", config).set("dromedary.bundle.routes", "file:routes/*.camel.yaml,file:src/test/resources/endpoints/*.camel.yaml").start();
  }

  @AfterAll
  static void stop() {
    gateway.close();
    openai.close();
  }

  @Test
  void a_rules_route_answers_as_a_model_and_its_price_is_by_the_request_and_by_the_token() {
    Answer answer = gateway.chat("camel/refunds", "My kettle is broken");

    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    assertThat(answer.content()).isEqualTo("A broken item is refunded at once.");
    assertThat(answer.json().path("model").asText()).isEqualTo("camel/refunds");
    long in = answer.json().at("/usage/prompt_tokens").asLong();
    long out = answer.json().at("/usage/completion_tokens").asLong();
    assertThat(in).isPositive();
    assertThat(out).isPositive();
    JsonNode row = gateway.get("/v1/requests/" + answer.requestId()).json();
    assertThat(row.path("provider").asText()).isEqualTo("camel");
    assertThat(new BigDecimal(row.path("cost_usd").asText())).as("0.01 a request, 1 and 2 dollars per million tokens").isEqualByComparingTo(new BigDecimal(10_000_000 + in * 1_000 + out * 2_000).movePointLeft(9));
  }

  @Test
  void it_is_streamed_to_whoever_asks_for_a_stream() {
    Gateway.Streamed streamed = gateway.stream(Gateway.request("camel/refunds", "When may I give it back?"));
    assertThat(streamed.content()).isEqualTo("Within 30 days of purchase, default.");
    assertThat(streamed.done()).isTrue();
    assertThat(streamed.finish()).isEqualTo("stop");
  }

  @Test
  void it_is_cached_like_any_model() {
    assertThat(gateway.chat("camel/refunds", "a broken jug").header("x-dromedary-cache")).isEqualTo("miss");
    assertThat(gateway.chat("camel/refunds", "a broken jug").header("x-dromedary-cache")).isEqualTo("hit");
  }

  @Test
  void it_is_ranked_in_a_chain_and_one_that_fails_is_failed_over_to_the_next_endpoint() {
    Answer answer = gateway.chat("auto", "Hello, what is broken?");
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    assertThat(answer.header("x-dromedary-model")).isEqualTo("camel/refunds");
    assertThat(answer.header("x-dromedary-attempts")).isEqualTo("2");
    JsonNode attempts = gateway.get("/v1/requests/" + answer.requestId()).json().path("attempts");
    assertThat(attempts.path(0).path("model").asText()).isEqualTo("camel/broken");
    assertThat(attempts.path(0).path("failure").asText()).isEqualTo("down");
  }

  @Test
  void a_database_look_up_tells_its_rows_as_json() {
    Answer answer = gateway.chat("camel/order-status", "Where is order A-17?");
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    JsonNode told = parsed(answer.content());
    assertThat(told.path("status").asText()).isEqualTo("shipped");
  }

  private static JsonNode parsed(String text) {
    try {
      return Json.read(text);
    } catch (IOException e) {
      throw new AssertionError(text, e);
    }
  }

  @Test
  void a_person_answers_from_a_queue_and_the_request_waits() throws Exception {
    try (ConsumerTemplate person = gateway.bean(CamelContext.class).createConsumerTemplate()) {
      CompletableFuture<Answer> asked = gateway.chatLater(Gateway.request("camel/ask-a-person", "May I spend 900 euros?"));
      Exchange question = person.receive("seda:approvals", 5_000);
      assertThat(question).isNotNull();
      assertThat(question.getMessage().getBody(String.class)).isEqualTo("May I spend 900 euros?");
      question.getMessage().setBody("Yes, but not more.");
      person.doneUoW(question);
      Answer answer = asked.get(10, TimeUnit.SECONDS);
      assertThat(answer.content()).isEqualTo("Yes, but not more.");
      assertThat(answer.header("x-dromedary-cost-usd")).startsWith("2.5");
    }
  }

  @Test
  void a_person_who_does_not_answer_in_time_is_passed_over() {
    Answer alone = gateway.chat("camel/ask-a-person", "Is anybody there?");
    assertThat(alone.status()).as(alone.text()).isEqualTo(504);
    Answer answer = gateway.chat(Gateway.request("camel/ask-a-person", "Is anybody there now?", "{'models': ['camel/ask-a-person', 'openai/gpt-4o-mini']}"));
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    assertThat(answer.header("x-dromedary-model")).isEqualTo("openai/gpt-4o-mini");
    assertThat(gateway.get("/v1/requests/" + answer.requestId()).json().at("/attempts/0/failure").asText()).isEqualTo("timeout");
  }

  @Test
  void an_endpoint_has_places_and_who_finds_none_is_not_kept_waiting() throws Exception {
    List<CompletableFuture<Answer>> asked = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      asked.add(gateway.chatLater(Gateway.request("camel/ask-a-person", "Question " + i)));
    }
    List<Integer> statuses = new ArrayList<>();
    for (CompletableFuture<Answer> one : asked) {
      statuses.add(one.get(10, TimeUnit.SECONDS).status());
    }
    assertThat(statuses).as("two wait for the person in vain, the others are told at once").containsOnly(503, 504).contains(503, 504);
  }

  @Test
  void an_agent_route_asks_the_gateway_itself_and_each_call_is_on_its_own_bill() {
    Answer answer = gateway.chat("camel/our-agent", "What is new?", "x-dromedary-project", "agents");
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    assertThat(answer.json().path("model").asText()).isEqualTo("camel/our-agent");
    assertThat(answer.content()).isNotEmpty();
    assertThat(openai.requests()).anySatisfy(call -> assertThat(call.json().toString()).contains("What is new?").doesNotContain("camel/our-agent"));
    await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> assertThat(gateway.get("/v1/usage?group_by=model", "x-dromedary-project", "agents").text()).contains("openai/gpt-4o-mini", "camel/our-agent"));
  }

  @Test
  void what_validation_refuses_is_the_requests_fault_and_nobody_else_is_asked() {
    Answer answer = gateway.chat(Gateway.request("camel/choosy", "Sing!", "{'models': ['camel/choosy', 'openai/gpt-4o-mini']}"));
    assertThat(answer.status()).as(answer.text()).isEqualTo(400);
    assertThat(answer.json().at("/error/message").asText()).contains("camel/choosy");
  }

  @Tag("X7")
  @Test
  void what_an_endpoint_threw_is_not_told_to_the_caller() {
    Answer answer = gateway.chat("camel/broken", "Hello");
    assertThat(answer.status()).isEqualTo(503);
    assertThat(answer.text()).contains("camel/broken").doesNotContain("secret of the host");
  }

  @Tag("X1")
  @Test
  void an_endpoint_sees_the_request_and_no_header_of_the_clients() {
    Answer answer = gateway.chat(Gateway.request("camel/mirror", "Hello", "{'temperature': 0, 'routing': {'session_id': 's'}, 'stream': false}"), "CamelHttpUri", "http://evil", "x-other", "1");
    assertThat(answer.content()).contains("\"temperature\":0", "x-dromedary-project=default").doesNotContain("evil", "x-other", "session_id", "stream");
  }

  @Tag("X3")
  @Test
  void only_what_the_catalogue_names_is_asked() {
    for (String model : List.of("camel/direct:refund-rules", "camel/refund-rules", "camel/log:x", "camel/chat", "camel/seda:approvals")) {
      Answer answer = gateway.chat(model, "Hello");
      assertThat(answer.status()).as(model + answer.text()).isEqualTo(404);
    }
  }

  @Test
  void the_list_of_models_shows_them_with_their_price() {
    JsonNode models = gateway.get("/v1/models").json().path("data");
    List<String> ids = new ArrayList<>();
    models.forEach(model -> ids.add(model.path("id").asText()));
    assertThat(ids).contains("camel/refunds", "camel/our-agent");
    JsonNode one = gateway.get("/v1/models/camel/refunds").json();
    assertThat(one.at("/pricing/request").decimalValue()).isEqualByComparingTo("0.01");
    assertThat(one.toString()).as("where it is stays inside").doesNotContain("refund-rules");
  }

  @Test
  void an_endpoint_that_is_not_there_is_found_at_the_start() throws IOException {
    for (String missing : List.of("{id: camel/lost, endpoint: 'direct:nowhere'}", "{id: camel/lost, endpoint: 'nosuchcomponent:x'}", "{id: camel/no-such-route}")) {
      ModelCatalog catalog = ModelCatalog.read(("models:\n- " + missing + "\n").getBytes(UTF_8), "config/models.yaml");
      try (EndpointModels endpoints = new EndpointModels(gateway.bean(CamelContext.class), CircuitBreakerRegistry.ofDefaults(), () -> catalog)) {
        assertThatThrownBy(() -> endpoints.check(gateway.bean(ModelCamelContext.class))).isInstanceOf(ConfigError.class).hasMessageContaining("config/models.yaml: models[" + catalog.all().iterator().next().id() + "].endpoint");
      }
    }
  }
}
