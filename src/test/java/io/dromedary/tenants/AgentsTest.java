package io.dromedary.tenants;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.spend.Store;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Agents, their conversations, and what is forgotten of them. */
class AgentsTest {
  static final String SECRET = "You are Otto. The code word is sesame.";
  static FakeProvider openai;
  static Gateway gateway;
  static String mine;
  static String sister;
  static String foreign;

  @BeforeAll
  static void start() {
    openai = FakeProvider.openai();
    gateway = Gateway.with("openai", openai).set("dromedary.interaction-log.text", true).start();
    made("/admin/projects", "{'id': 'mine', 'org': 'acme'}");
    made("/admin/projects", "{'id': 'sister', 'org': 'acme'}");
    made("/admin/projects", "{'id': 'foreign', 'org': 'evil'}");
    mine = made("/admin/keys", "{'project': 'mine'}").path("key").asText();
    sister = made("/admin/keys", "{'project': 'sister'}").path("key").asText();
    foreign = made("/admin/keys", "{'project': 'foreign'}").path("key").asText();
    made("/admin/agents", "{'name': 'otto', 'org': 'acme', 'role': 'host', 'system': '" + SECRET + "', 'model': 'openai/gpt-4o-mini', 'temperature': 0.25, 'max_tokens': 77, 'tags': ['public'], 'description': 'Greets', 'history': {'turns': 3}}");
  }

  @AfterAll
  static void stop() {
    gateway.close();
    openai.close();
  }

  static String[] bearer(String key) {
    return new String[] {"authorization", "Bearer " + key};
  }

  static JsonNode made(String path, String body) {
    Gateway.Answer answer = gateway.admin(path, body);
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    return answer.json();
  }

  static List<String> asked() {
    List<String> texts = new ArrayList<>();
    last().path("messages").forEach(message -> texts.add(message.path("role").asText() + ": " + message.path("content").asText()));
    return texts;
  }

  static JsonNode last() {
    return openai.requests().get(openai.requests().size() - 1).json();
  }

  static long count(String table, String where) {
    try (Connection connection = gateway.bean(Store.class).dataSource().getConnection(); Statement statement = connection.createStatement(); ResultSet row = statement.executeQuery("SELECT COUNT(*) FROM " + table + " WHERE " + where)) {
      row.next();
      return row.getLong(1);
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void an_agent_is_a_model_with_a_prompt_and_settings_that_the_request_may_override() {
    Gateway.Answer answer = gateway.chat(Gateway.request("agent/otto", "hello you"), bearer(mine));
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    assertThat(asked()).containsExactly("system: Your role: host\n\n" + SECRET, "user: hello you");
    assertThat(last().path("model").asText()).isEqualTo("gpt-4o-mini");
    assertThat(last().path("temperature").asDouble()).isEqualTo(0.25);
    assertThat(last().path("max_tokens").asInt(last().path("max_completion_tokens").asInt())).isEqualTo(77);
    assertThat(answer.json().path("request_id").asText()).as("the interaction's id, in the body too").isEqualTo(answer.requestId());
    JsonNode row = gateway.get("/v1/requests/" + answer.requestId(), bearer(mine)).json();
    assertThat(row.path("agent").asText()).isEqualTo("otto");
    assertThat(row.path("requested_model").asText()).isEqualTo("agent/otto");

    gateway.chat(Gateway.request("agent/otto", "cooler", "{'temperature': 0, 'max_tokens': 5}"), bearer(mine));
    assertThat(last().path("temperature").asDouble()).isZero();
  }

  @Test
  @Tag("X6")
  void an_agent_of_another_organisation_answers_like_an_unknown_model_and_nobody_is_shown_a_prompt() {
    Gateway.Answer theirs = gateway.chat("agent/otto", "hello", bearer(foreign));
    Gateway.Answer unknown = gateway.chat("agent/nobody", "hello", bearer(foreign));
    assertThat(theirs.status()).isEqualTo(404);
    assertThat(theirs.text().replace("otto", "X")).isEqualTo(unknown.text().replace("nobody", "X"));
    assertThat(gateway.get("/v1/models", bearer(foreign)).text()).doesNotContain("agent/otto");
    assertThat(gateway.get("/v1/models/agent/otto", bearer(foreign)).status()).isEqualTo(404);
    assertThat(gateway.get("/v1/models", bearer(sister)).text()).as("its organisation's").contains("agent/otto", "Greets").doesNotContain("sesame");
    assertThat(gateway.get("/v1/models/agent/otto", bearer(mine)).text()).contains("Greets").doesNotContain("sesame");
    assertThat(gateway.post("/v1/route", Gateway.request("agent/otto", "hello"), bearer(mine)).text()).doesNotContain("sesame");
    assertThat(gateway.chat("agent/otto", "hello", bearer(sister)).status()).isEqualTo(200);
  }

  @Test
  @Tag("C1")
  void the_cache_knows_the_prompt_and_use_cache_leaves_it_out() {
    made("/admin/agents", "{'name': 'one', 'system': 'Be brief.', 'model': 'openai/gpt-4o-mini', 'temperature': 0}");
    made("/admin/agents", "{'name': 'two', 'system': 'Be long.', 'model': 'openai/gpt-4o-mini', 'temperature': 0}");
    gateway.chat("agent/one", "the same words", bearer(mine));
    assertThat(gateway.chat("agent/one", "the same words", bearer(mine)).header("x-dromedary-cache")).isEqualTo("hit");
    assertThat(gateway.chat("agent/two", "the same words", bearer(mine)).header("x-dromedary-cache")).isEqualTo("miss");
    assertThat(gateway.chat(Gateway.request("agent/one", "the same words", "{'use_cache': false}"), bearer(mine)).header("x-dromedary-cache")).isEqualTo("bypass");
    assertThat(last().has("use_cache")).isFalse();
    assertThat(gateway.chat(Gateway.request("agent/one", "x", "{'use_cache': 'no'}"), bearer(mine)).status()).isEqualTo(400);
  }

  @Test
  void a_conversation_is_remembered_durably_bounded_and_by_its_project_alone() {
    for (String word : List.of("first", "second", "third", "fourth")) {
      assertThat(gateway.chat(Gateway.request("agent/otto", word, "{'conversation_id': 'c1'}"), bearer(mine)).status()).isEqualTo(200);
    }
    assertThat(asked()).hasSize(8).contains("user: first", "user: second", "user: third", "user: fourth");
    assertThat(last().has("conversation_id")).isFalse();
    gateway.stream(Gateway.request("agent/otto", "fifth", "{'routing': {'session_id': 'c1'}}"), bearer(mine));
    assertThat(asked()).as("three turns back").hasSize(8).doesNotContain("user: first").contains("user: second", "user: fifth");
    gateway.chat(Gateway.request("agent/otto", "sixth"), "authorization", "Bearer " + mine, "x-dromedary-session-id", "c1");
    assertThat(asked()).as("streams too").contains("user: fifth", "user: sixth");
    assertThat(count("dromedary_turns", "project = 'mine' AND conversation = 'c1'")).isEqualTo(3);

    gateway.chat(Gateway.request("agent/otto", "who am I?", "{'conversation_id': 'c1'}"), bearer(sister));
    assertThat(asked()).as("another project's of the same name").hasSize(2);
    assertThat(gateway.chat(Gateway.request("agent/otto", "x", "{'conversation_id': 5}"), bearer(mine)).status()).isEqualTo(400);
    assertThat(gateway.chat(Gateway.request("agent/otto", "x", "{'conversation_id': 'a\\nb'}"), bearer(mine)).status()).isEqualTo(400);
    assertThat(gateway.chat(Gateway.request("agent/otto", "x", "{'conversation_id': '\uD83D\uDCA5'}"), bearer(mine)).status()).isEqualTo(200);
    assertThat(gateway.chat(Gateway.request("agent/otto", "x", "{'conversation_id': '" + "y".repeat(201) + "'}"), bearer(mine)).status()).isEqualTo(400);
  }

  @Test
  @Tag("M10")
  void a_request_that_comes_twice_is_the_same_though_the_conversation_went_on() {
    String[] headers = {"authorization", "Bearer " + mine, "Idempotency-Key", "agent-1"};
    Gateway.Answer first = gateway.chat(Gateway.request("agent/otto", "once", "{'conversation_id': 'c2'}"), headers);
    Gateway.Answer again = gateway.chat(Gateway.request("agent/otto", "once", "{'conversation_id': 'c2'}"), headers);
    assertThat(again.status()).as(again.text()).isEqualTo(200);
    assertThat(again.requestId()).isEqualTo(first.requestId());
    assertThat(count("dromedary_turns", "conversation = 'c2'")).isEqualTo(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"{'name': 'x; DROP TABLE dromedary_agents'}", "{}", "{'name': 'a', 'model': 'agent/otto'}", "{'name': 'a', 'temperature': 3}", "{'name': 'a', 'temperature': 'NaN'}", "{'name': 'a', 'org': 'x', 'project': 'y'}",
      "{'name': 'a', 'history': 5}", "{'name': 'a', 'history': {'turns': 0}}", "{'name': 'a', 'max_tokens': -1}", "{'name': 'a', 'colour': 'red'}", "{'name': 'a', 'system': ''}", "{'name': 'a', 'profile': 'fast'}"})
  void a_bad_agent_is_refused_and_changes_nothing(String body) {
    String before = gateway.admin("/admin/agents").text();
    assertThat(gateway.admin("/admin/agents", body).status()).isEqualTo(400);
    assertThat(gateway.admin("/admin/agents").text()).isEqualTo(before);
  }

  @Test
  void an_agent_is_changed_and_removed() {
    String[] admin = bearer(gateway.adminToken());
    made("/admin/agents", "{'name': 'brief', 'project': 'mine', 'system': 'Old.', 'model': 'openai/gpt-4o-mini'}");
    assertThat(gateway.admin("/admin/agents", "{'name': 'brief', 'project': 'mine'}").status()).isEqualTo(409);
    assertThat(gateway.send("PUT", "/admin/agents/brief?project=mine", "{\"system\": \"New.\", \"model\": \"openai/gpt-4o-mini\"}", admin).status()).isEqualTo(200);
    gateway.chat("agent/brief", "hello", bearer(mine));
    assertThat(asked()).first().isEqualTo("system: New.");
    assertThat(gateway.send("DELETE", "/admin/agents/brief", "", admin).status()).as("everybody's is another").isEqualTo(404);
    assertThat(gateway.send("DELETE", "/admin/agents/brief?project=mine", "", admin).status()).isEqualTo(200);
    assertThat(gateway.chat("agent/brief", "hello", bearer(mine)).status()).isEqualTo(404);
  }

  @Test
  @Tag("X7")
  void an_erasure_takes_the_words_of_a_user_and_leaves_the_amounts() {
    Gateway.Answer alice = gateway.chat(Gateway.request("agent/otto", "alice's secret", "{'user': 'alice', 'conversation_id': 'c3'}"), "authorization", "Bearer " + mine, "Idempotency-Key", "erase-a");
    Gateway.Answer bob = gateway.chat(Gateway.request("agent/otto", "bob's secret", "{'user': 'bob', 'conversation_id': 'c4'}"), "authorization", "Bearer " + mine, "Idempotency-Key", "erase-b");
    String cost = gateway.get("/v1/requests/" + alice.requestId(), bearer(mine)).json().path("cost_nanos").asText();
    assertThat(count("dromedary_interaction_log", "prompt LIKE '%alice''s secret%'")).isEqualTo(1);

    JsonNode erased = made("/admin/erase", "{'user': 'alice'}").path("erased");
    assertThat(erased.path("conversation_turns").asInt()).isEqualTo(1);
    assertThat(erased.path("interactions").asInt()).isEqualTo(1);
    assertThat(erased.path("idempotent_answers").asInt()).isEqualTo(1);
    assertThat(erased.path("request_rows").asInt()).isEqualTo(1);
    JsonNode row = gateway.get("/v1/requests/" + alice.requestId(), bearer(mine)).json();
    assertThat(row.path("cost_nanos").asText()).isEqualTo(cost);
    assertThat(row.path("user").asText()).isEmpty();
    assertThat(row.path("prompt_hash").asText()).isEmpty();
    assertThat(count("dromedary_interaction_log", "prompt LIKE '%alice''s%'")).isZero();
    assertThat(count("dromedary_interaction_log", "prompt LIKE '%bob''s%'")).isEqualTo(1);
    assertThat(count("dromedary_turns", "conversation = 'c4'")).isEqualTo(1);
    assertThat(gateway.get("/v1/requests/" + bob.requestId(), bearer(mine)).json().path("user").asText()).isEqualTo("bob");
    for (String bad : List.of("{}", "{'older_than_days': -1}", "{'older_than_days': 1e9}", "{'user': 5}", "{'project': ''}", "{'everything': true}", "{'user': null}")) {
      assertThat(gateway.admin("/admin/erase", bad).status()).as(bad).isEqualTo(400);
    }
  }

  @Test
  void a_projects_retention_is_kept_to() throws SQLException {
    made("/admin/projects", "{'id': 'short', 'retention': '1h'}");
    String key = made("/admin/keys", "{'project': 'short'}").path("key").asText();
    gateway.chat(Gateway.request("agent/one-of-short", "x"), bearer(key));
    made("/admin/agents", "{'name': 'forgetful', 'project': 'short', 'model': 'openai/gpt-4o-mini'}");
    gateway.chat(Gateway.request("agent/forgetful", "old words", "{'conversation_id': 'c'}"), bearer(key));
    gateway.chat(Gateway.request("agent/otto", "old words of others", "{'conversation_id': 'kept'}"), bearer(mine));
    await().atMost(Duration.ofSeconds(20)).until(() -> count("dromedary_interaction_log", "project = 'short'") == 1);
    long twoHours = Duration.ofHours(2).toMillis();
    try (Connection connection = gateway.bean(Store.class).dataSource().getConnection(); Statement statement = connection.createStatement()) {
      statement.execute("UPDATE dromedary_turns SET created_at_ms = created_at_ms - " + twoHours + " WHERE conversation IN ('c', 'kept')");
      statement.execute("UPDATE dromedary_interaction_log SET created_at_ms = created_at_ms - " + twoHours + ", seq = seq - " + (twoHours << 23) + " WHERE project = 'short'");
    }
    gateway.bean(org.apache.camel.CamelContext.class).createProducerTemplate().send("bean:erasure?method=sweep", exchange -> { });
    assertThat(count("dromedary_turns", "conversation = 'c'")).isZero();
    assertThat(count("dromedary_turns", "conversation = 'kept'")).isEqualTo(1);
    assertThat(count("dromedary_interaction_log", "project = 'short'")).isZero();
  }
}
