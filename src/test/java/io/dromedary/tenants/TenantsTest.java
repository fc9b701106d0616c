package io.dromedary.tenants;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.access.ApiKey;
import io.dromedary.spend.Store;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Projects and keys made by the admin, beside those of the file. */
@Tag("X5")
class TenantsTest {
  static final String FILE_KEY = "dk-file-0123456789abcdefghijklmnop";
  static final String OTHER_KEY = "dk-other-0123456789abcdefghijklmno";
  static FakeProvider openai;
  static FakeProvider groq;
  static Gateway gateway;

  @BeforeAll
  static void start() {
    openai = FakeProvider.openai();
    groq = FakeProvider.openai();
    gateway = Gateway.with("openai", openai).and("groq", groq).set("dromedary.cache.enabled", false).callers("""
        projects:
          - id: in-file
            keys:
              - {id: first, sha256: %s}
          - id: other
            keys: [{id: first, sha256: %s}]
        """.formatted(ApiKey.sha256Hex(FILE_KEY), ApiKey.sha256Hex(OTHER_KEY))).start();
  }

  @AfterAll
  static void stop() {
    gateway.close();
    openai.close();
    groq.close();
  }

  static String[] bearer(String key) {
    return new String[] {"authorization", "Bearer " + key};
  }

  static JsonNode made(String path, String body) {
    Gateway.Answer answer = gateway.admin(path, body);
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    return answer.json();
  }

  static String key(String project, String... more) {
    return made("/admin/keys", "{'project': '" + project + "'" + (more.length == 0 ? "" : ", " + more[0]) + "}").path("key").asText();
  }

  static int chat(String model, String key) {
    return gateway.chat(model, "hello", bearer(key)).status();
  }

  @Test
  void a_project_and_a_key_are_made_while_it_runs_and_the_key_is_shown_once() {
    JsonNode project = made("/admin/projects", "{'id': 'fresh', 'org': 'acme', 'tags': ['eu'], 'share_cache': true, 'retention': '30d'}");
    assertThat(project.path("source").asText()).isEqualTo("database");
    assertThat(project.path("share_cache").asBoolean()).isTrue();
    JsonNode key = made("/admin/keys", "{'project': 'fresh', 'id': 'ci', 'expires': '2099-01-01'}");
    String secret = key.path("key").asText();
    assertThat(secret).matches("dk-[A-Za-z0-9_-]{32}").endsWith(key.path("last4").asText());

    assertThat(chat("openai/gpt-4o-mini", secret)).isEqualTo(200);
    String shown = gateway.admin("/admin/projects/fresh").text() + gateway.admin("/admin/keys?project=fresh").text() + gateway.admin("/admin/keys").text() + gateway.admin("/admin/audit").text();
    assertThat(shown).contains("\"last4\":\"" + key.path("last4").asText() + "\"").doesNotContain(secret).doesNotContain(ApiKey.sha256Hex(secret));
  }

  @Test
  void two_keys_live_while_one_takes_the_others_place_and_a_revoked_one_is_refused_at_once() {
    made("/admin/projects", "{'id': 'rotating'}");
    String old = made("/admin/keys", "{'project': 'rotating', 'id': 'one', 'user': 'alice'}").path("key").asText();
    JsonNode next = made("/admin/keys/rotate", "{'project': 'rotating', 'id': 'one', 'new_id': 'two', 'overlap': '24h'}");
    assertThat(next.path("user").asText()).as("with the same rights").isEqualTo("alice");
    assertThat(chat("openai/gpt-4o-mini", old)).isEqualTo(200);
    assertThat(chat("openai/gpt-4o-mini", next.path("key").asText())).isEqualTo(200);
    assertThat(gateway.admin("/admin/keys?project=rotating").json().at("/data/0/expires").asText()).as("the old one ends after the overlap").isNotEmpty();

    assertThat(made("/admin/keys/revoke", "{'project': 'rotating', 'id': 'one'}").path("state").asText()).isEqualTo("revoked");
    Gateway.Answer refused = gateway.chat("openai/gpt-4o-mini", "hello", bearer(old));
    Gateway.Answer unknown = gateway.chat("openai/gpt-4o-mini", "hello", bearer("dk-never-made"));
    assertThat(refused.status()).isEqualTo(401);
    assertThat(refused.text()).as("like a key that never was").isEqualTo(unknown.text());
    assertThat(chat("openai/gpt-4o-mini", next.path("key").asText())).isEqualTo(200);
    assertThat(gateway.admin("/admin/keys/rotate", "{'project': 'rotating', 'id': 'one'}").status()).isEqualTo(409);
  }

  @Test
  void a_key_is_replaced_once_and_the_new_one_does_not_inherit_the_end_of_the_old_one() {
    made("/admin/projects", "{'id': 'twice'}");
    made("/admin/keys", "{'project': 'twice', 'id': 'one'}");
    JsonNode next = made("/admin/keys/rotate", "{'project': 'twice', 'id': 'one', 'new_id': 'two', 'overlap': '1h'}");
    assertThat(next.has("expires")).isFalse();
    Gateway.Answer again = gateway.admin("/admin/keys/rotate", "{'project': 'twice', 'id': 'one', 'overlap': '1h'}");
    assertThat(again.status()).as("it would end within the hour").isEqualTo(409);
    assertThat(again.json().at("/error/message").asText()).contains("replaced by `two` already");
    assertThat(gateway.admin("/admin/keys?project=twice").json().at("/data/0/replaced_by").asText()).isEqualTo("two");
    assertThat(made("/admin/keys/rotate", "{'project': 'twice', 'id': 'two', 'new_id': 'three'}").has("expires")).isFalse();
  }

  @Test
  void what_another_node_revokes_is_refused_here_within_five_seconds() throws Exception {
    made("/admin/projects", "{'id': 'far'}");
    String key = key("far", "'id': 'k'");
    assertThat(chat("openai/gpt-4o-mini", key)).isEqualTo(200);
    try (Connection connection = gateway.bean(Store.class).dataSource().getConnection(); Statement statement = connection.createStatement()) {
      // as the other node does it, in one transaction
      connection.setAutoCommit(false);
      statement.execute("UPDATE dromedary_access SET version = version + 1 WHERE id = 1");
      statement.execute("UPDATE dromedary_keys SET revoked_at_ms = 1 WHERE project = 'far'");
      connection.commit();
    }
    await().atMost(Duration.ofSeconds(5)).until(() -> chat("openai/gpt-4o-mini", key) == 401);
  }

  @Test
  void a_key_of_the_file_is_changed_there_but_can_be_revoked_here() {
    assertThat(gateway.admin("/admin/keys/rotate", "{'project': 'in-file', 'id': 'first'}").text()).contains("config/callers.yaml");
    String more = key("in-file", "'id': 'second'");
    assertThat(chat("openai/gpt-4o-mini", more)).isEqualTo(200);
    assertThat(chat("openai/gpt-4o-mini", FILE_KEY)).isEqualTo(200);
    made("/admin/keys/revoke", "{'project': 'in-file', 'id': 'first'}");
    assertThat(chat("openai/gpt-4o-mini", FILE_KEY)).isEqualTo(401);
    assertThat(chat("openai/gpt-4o-mini", more)).isEqualTo(200);
    assertThat(gateway.admin("/admin/projects", "{'id': 'in-file'}").status()).isEqualTo(409);
    assertThat(gateway.send("PUT", "/admin/projects/in-file", "{}", bearer(gateway.adminToken())).status()).isEqualTo(409);
    assertThat(gateway.send("DELETE", "/admin/projects/in-file", "", bearer(gateway.adminToken())).status()).isEqualTo(409);
  }

  @Test
  void no_model_outside_the_policy_answers_however_it_is_asked() {
    made("/admin/projects", "{'id': 'narrow', 'models': ['openai/*', '!openai/gpt-4o'], 'providers': ['openai']}");
    String key = key("narrow");
    int before = groq.calls();

    Gateway.Answer named = gateway.chat("groq/llama-3.3-70b-versatile", "hello", bearer(key));
    assertThat(named.status()).isEqualTo(422);
    assertThat(named.json().at("/error/message").asText()).contains("project `narrow`", "providers openai", "groq");
    assertThat(gateway.chat("openai/gpt-4o", "hello", bearer(key)).json().at("/error/message").asText()).contains("!openai/gpt-4o");
    assertThat(gateway.chat("groq/never-in-the-catalogue", "hello", bearer(key)).status()).isEqualTo(422);
    for (String prompt : List.of("hi", "What is the capital of France?", "Compare AES and RSA for encrypting backups", "Prove that the halting problem is undecidable, step by step, with a formal model")) {
      Gateway.Answer routed = gateway.chat("auto", prompt, bearer(key));
      assertThat(routed.status()).as(routed.text()).isEqualTo(200);
      assertThat(routed.header("x-dromedary-model")).startsWith("openai/").isNotEqualTo("openai/gpt-4o");
    }
    Gateway.Answer beside = gateway.chat(Gateway.request("openai/gpt-4o-mini", "hello", "{'models': ['groq/llama-3.3-70b-versatile']}"), bearer(key));
    assertThat(beside.status()).isEqualTo(200);
    JsonNode route = gateway.post("/v1/route", Gateway.request("auto", "hello"), bearer(key)).json();
    assertThat(route.path("candidates")).isNotEmpty().allSatisfy(candidate -> assertThat(candidate.path("provider").asText()).isEqualTo("openai"));
    assertThat(gateway.post("/v1/embeddings", "{\"model\":\"local/all-minilm-l6-v2\",\"input\":\"x\"}", bearer(key)).status()).isEqualTo(422);
    assertThat(groq.calls()).isEqualTo(before);

    List<String> listed = new ArrayList<>();
    gateway.get("/v1/models", bearer(key)).json().path("data").forEach(model -> listed.add(model.path("id").asText()));
    assertThat(listed).isNotEmpty().allMatch(id -> id.startsWith("openai/")).doesNotContain("openai/gpt-4o");
    Gateway.Answer forbidden = gateway.get("/v1/models/openai/gpt-4o", bearer(key));
    assertThat(forbidden.status()).isEqualTo(404);
    assertThat(forbidden.text().replace("openai/gpt-4o", "X")).isEqualTo(gateway.get("/v1/models/openai/none", bearer(key)).text().replace("openai/none", "X"));
  }

  @Test
  void a_key_has_its_models_and_endpoints_within_those_of_its_project() {
    made("/admin/projects", "{'id': 'scoped', 'models': ['openai/*']}");
    String key = key("scoped", "'models': ['gpt-4o-mini'], 'endpoints': ['chat/completions']");
    assertThat(chat("openai/gpt-4o-mini", key)).isEqualTo(200);
    assertThat(gateway.chat("openai/gpt-4o", "hello", bearer(key)).json().at("/error/message").asText()).contains("gpt-4o-mini");
    Gateway.Answer models = gateway.get("/v1/models", bearer(key));
    assertThat(models.status()).isEqualTo(403);
    assertThat(models.json().at("/error/code").asText()).isEqualTo("endpoint_not_allowed");
  }

  @Test
  void the_user_is_the_keys_else_the_requests_and_stands_in_the_ledger() {
    made("/admin/projects", "{'id': 'people'}");
    Gateway.Answer own = gateway.chat(Gateway.request("openai/gpt-4o-mini", "hello", "{'user': 'mallory'}"), bearer(key("people", "'user': 'alice'")));
    String anybody = key("people");
    Gateway.Answer said = gateway.chat(Gateway.request("openai/gpt-4o-mini", "hello", "{'user': 'bob'}"), bearer(anybody));
    assertThat(gateway.get("/v1/requests/" + own.requestId(), bearer(anybody)).json().path("user").asText()).isEqualTo("alice");
    assertThat(gateway.get("/v1/requests/" + said.requestId(), bearer(anybody)).json().path("user").asText()).isEqualTo("bob");
  }

  @Test
  @Tag("X6")
  void another_projects_request_answers_like_an_unknown_one() {
    made("/admin/projects", "{'id': 'mine'}");
    String id = gateway.chat("openai/gpt-4o-mini", "hello", bearer(key("mine"))).requestId();
    Gateway.Answer theirs = gateway.get("/v1/requests/" + id, bearer(OTHER_KEY));
    Gateway.Answer unknown = gateway.get("/v1/requests/req-none", bearer(OTHER_KEY));
    assertThat(theirs.status()).isEqualTo(404);
    assertThat(theirs.text().replace(id, "X")).isEqualTo(unknown.text().replace("req-none", "X"));
  }

  @ParameterizedTest
  @Tag("X6")
  @ValueSource(strings = {"GET /admin/projects", "POST /admin/projects", "GET /admin/projects/other", "PUT /admin/projects/other", "DELETE /admin/projects/other", "GET /admin/keys", "POST /admin/keys", "POST /admin/keys/rotate",
      "POST /admin/keys/revoke", "GET /admin/audit", "GET /admin/cache", "POST /admin/cache/purge", "POST /admin/erase", "GET /admin/doctor", "GET /admin/agents", "POST /admin/agents", "PUT /admin/agents/x", "DELETE /admin/agents/x"})
  void no_project_key_reaches_an_admin_route(String route) {
    String[] words = route.split(" ");
    String body = words[0].equals("GET") || words[0].equals("DELETE") ? "" : "{}";
    Set<String> answers = new HashSet<>();
    for (String[] headers : new String[][] {bearer(OTHER_KEY), bearer("dk-wrong"), new String[0], {"x-api-key", OTHER_KEY, "authorization", "Bearer " + gateway.adminToken()}}) {
      Gateway.Answer answer = gateway.send(words[0], words[1], body, headers);
      answers.add(answer.status() + answer.text());
    }
    assertThat(answers).hasSize(1).first().asString().startsWith("401");
  }

  @ParameterizedTest
  @ValueSource(strings = {"{'id': \\\"x'; DROP TABLE dromedary_projects; --\\\"}", "{'id': ''}", "{}", "{'id': 5.5}", "{'id': ['a']}", "{'id': 'a/b'}", "{'id': '../../etc'}", "[]", "{'id': 'a', 'models': 'openai/*'}", "{'id': 'a', 'models': []}",
      "{'id': 'a', 'retention': '-1d'}", "{'id': 'a', 'retention': 'NaN'}", "{'id': 'a', 'limits': {'in-flight': -1}}", "{'id': 'a', 'limits': {'in-flight': 1e99}}", "{'id': 'a', 'colour': 'red'}", "{'id': 'a', 'profile': 'fast'}",
      "{'id': 'a', 'keys': []}", "{'id': 'a', 'share_cache': true, 'share-cache': true}", "{'id': 'a', 'id': 'b'}"})
  void bad_projects_are_refused_and_change_nothing(String body) {
    String before = gateway.admin("/admin/projects").text();
    Gateway.Answer answer = gateway.send("POST", "/admin/projects", body.replace("\\\"", "~").replace('\'', '"').replace("~", "\""), bearer(gateway.adminToken()));
    assertThat(answer.status()).as(answer.text()).isEqualTo(400);
    assertThat(gateway.admin("/admin/projects").text()).isEqualTo(before);
  }

  @ParameterizedTest
  @ValueSource(strings = {"{'project': 'other', 'expires': 'tomorrow'}", "{'project': 'other', 'expires': '2001-01-01'}", "{'project': 'other', 'sha256': 'abc'}", "{'project': 'other', 'endpoints': []}", "{'project': 'other', 'user': ''}", "{}",
      "{'project': 7}", "{'project': 'other', 'id': 'a b'}", "{'project': 'other', 'models': [3]}"})
  void bad_keys_are_refused(String body) {
    assertThat(gateway.admin("/admin/keys", body).status()).isEqualTo(400);
    assertThat(gateway.admin("/admin/keys", "{'project': 'nobody'}").status()).isEqualTo(404);
  }

  @Test
  @Tag("M10")
  void an_admin_post_that_comes_twice_is_done_once_and_shows_no_key_again() {
    String body = "{\"project\": \"other\"}";
    String[] headers = {"authorization", "Bearer " + gateway.adminToken(), "Idempotency-Key", "make-a-key"};
    Gateway.Answer first = gateway.post("/admin/keys", body, headers);
    Gateway.Answer again = gateway.post("/admin/keys", body, headers);
    assertThat(first.status()).as(first.text()).isEqualTo(200);
    assertThat(again.status()).isEqualTo(200);
    assertThat(again.header("idempotent-replayed")).isEqualTo("true");
    assertThat(again.json().path("id")).isEqualTo(first.json().path("id"));
    assertThat(first.json().path("key").asText()).startsWith("dk-");
    assertThat(again.json().path("key").isNull()).isTrue();
    Gateway.Answer other = gateway.post("/admin/keys", "{\"project\": \"in-file\"}", headers);
    assertThat(other.status()).isEqualTo(422);
  }

  @ParameterizedTest
  @ValueSource(strings = {"/v1/models?api_key=dk-secret-0123456789abcdef", "/v1/models?key=AIzaSyD-0123456789abcdefghijklmno", "/admin/projects?token=x", "/v1/usage?from=sk-live-0123456789", "/v1/models?access_token=z",
      "/v1/models/dk-secret-0123456789abcdefghijkl"})
  void a_key_in_a_url_is_refused_and_not_repeated(String path) {
    Gateway.Answer answer = gateway.get(path, bearer(OTHER_KEY));
    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.json().at("/error/code").asText()).isEqualTo("key_in_url");
    assertThat(answer.text()).doesNotContain("secret", "AIza", "sk-live");
  }

  @ParameterizedTest
  @ValueSource(strings = {"/dk-secret-0123456789abcdefghijkl", "/v2/dk-secret-0123456789abcdefghijkl/models"})
  void nor_is_one_in_a_path_that_is_not_there(String path) {
    Gateway.Answer answer = gateway.get(path, bearer(OTHER_KEY));
    assertThat(answer.status()).isEqualTo(404);
    assertThat(answer.text()).contains("holds a key").doesNotContain("secret");
  }

  @Test
  @Tag("M2")
  void a_key_may_have_credit_of_its_own() {
    made("/admin/projects", "{'id': 'paying'}");
    String key = key("paying", "'id': 'ci', 'credit': {'low_usd': 1}");
    Gateway.Answer refused = gateway.chat("openai/gpt-4o-mini", "hello", bearer(key));
    assertThat(refused.status()).as(refused.text()).isEqualTo(429);
    assertThat(refused.json().at("/error/code").asText()).isEqualTo("budget_exceeded");
    assertThat(refused.json().at("/error/message").asText()).contains("the credit of `paying:ci` is spent");
    assertThat(gateway.admin("/admin/credits/paying:ci/top-up", "{'usd': 1, 'reference': 'r'}").status()).isEqualTo(200);
    assertThat(chat("openai/gpt-4o-mini", key)).isEqualTo(200);
    assertThat(gateway.get("/v1/limits", bearer(key)).json().at("/credit/0/credit").asText()).isEqualTo("paying:ci");
    assertThat(gateway.admin("/admin/keys", "{'project': 'paying', 'credit': {'low_usd': -1}}").json().at("/error/param").asText()).isEqualTo("credit.low_usd");
  }

  @Test
  void a_removed_project_is_gone_with_its_keys_and_the_ledger_stays() {
    made("/admin/projects", "{'id': 'leaving'}");
    String key = key("leaving");
    String id = gateway.chat("openai/gpt-4o-mini", "hello", bearer(key)).requestId();
    assertThat(gateway.send("DELETE", "/admin/projects/leaving", "", bearer(gateway.adminToken())).status()).isEqualTo(200);
    assertThat(chat("openai/gpt-4o-mini", key)).isEqualTo(401);
    assertThat(gateway.admin("/v1/requests/" + id).json().path("project").asText()).isEqualTo("leaving");
    assertThat(chat("openai/gpt-4o-mini", gateway.adminToken())).as("the admin token is no project's key").isEqualTo(401);
    assertThat(gateway.send("DELETE", "/admin/projects/leaving", "", bearer(gateway.adminToken())).status()).isEqualTo(404);
  }

  @Test
  @Tag("X7")
  void every_admin_request_and_the_use_of_keys_is_in_the_audit_log_which_holds_together() {
    made("/admin/projects", "{'id': 'watched'}");
    String key = key("watched", "'id': 'seen'");
    chat("openai/gpt-4o-mini", key);
    chat("openai/gpt-4o-mini", key);
    gateway.admin("/admin/projects", "{'id': 'watched'}");
    gateway.post("/admin/cache/purge", "{}", bearer(key));
    gateway.admin("/admin/cache");

    JsonNode page = gateway.admin("/admin/audit?limit=1000&verify=true").json();
    assertThat(page.at("/chain/whole").asBoolean()).as(page.path("chain").toString()).isTrue();
    List<String> lines = new ArrayList<>();
    page.path("data").forEach(line -> lines.add(line.path("kind").asText() + " " + line.path("actor").asText() + " " + line.path("method").asText() + " " + line.path("path").asText() + " " + line.path("status").asInt()));
    assertThat(lines).contains("asked admin-token POST /admin/projects 0", "done admin-token POST /admin/projects 200", "done admin-token POST /admin/projects 409", "looked admin-token GET /admin/cache 200",
        "refused watched/seen POST /admin/cache/purge 401", "key watched/seen POST /v1/chat/completions 0");
    assertThat(lines.stream().filter(line -> line.startsWith("key watched/seen"))).as("once an hour").hasSizeBetween(1, 2);
    assertThat(page.toString()).doesNotContain(key, gateway.adminToken());
  }
}
