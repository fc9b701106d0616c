package io.dromedary.features;

import static io.dromedary.testing.Gateway.request;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.access.AdminToken;
import io.dromedary.access.ApiKey;
import io.dromedary.spend.Store;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Gateway.Answer;
import io.dromedary.testing.Gateway.Streamed;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Rate limits as a caller meets them. Each test has a project of its own in one gateway. */
@Tag("M3")
class RateLimitsFeatureTest {
  private static final Map<String, String> PROJECTS = new LinkedHashMap<>();
  private static FakeProvider openai;
  private static FakeProvider groq;
  private static FakeProvider mistral;
  private static Gateway gateway;

  @BeforeAll
  static void start() {
    PROJECTS.put("three", "{per: minute, requests: 3}, {per: hour, requests: 100}");
    PROJECTS.put("words", "{per: hour, requests: 50}, {per: hour, tokens: 1000}");
    PROJECTS.put("users", "{per: hour, requests: 50}, {per: hour, requests: 1, for: user}");
    PROJECTS.put("models", "{per: hour, requests: 1, for: model, models: [openai/gpt-4o]}, {per: hour, requests: 40}");
    PROJECTS.put("spent", "{per: hour, requests: 50}");
    PROJECTS.put("vectors", "{per: hour, requests: 1}");
    PROJECTS.put("prepaid", "{per: hour, requests: 100}");
    PROJECTS.put("rehearsed", "{per: hour, requests: 1, for: model, models: [openai/gpt-4o]}, {per: hour, requests: 2}");
    PROJECTS.put("free", "");
    openai = FakeProvider.openai();
    groq = FakeProvider.speaking("groq", 0);
    mistral = FakeProvider.speaking("mistral", 0);
    gateway = Gateway.with("openai", openai).and("groq", groq).and("mistral", mistral).callers(callers()).set("dromedary.cache.enabled", false)
        .set("dromedary.providers.groq.windows[0].per", "hour").set("dromedary.providers.groq.windows[0].requests", 2).start();
  }

  @AfterAll
  static void stop() {
    gateway.close();
    openai.close();
    groq.close();
    mistral.close();
  }

  private static String key(String project) {
    return "dk-of-" + project + "-0123456789abcdef";
  }

  private static String callers() {
    StringBuilder yaml = new StringBuilder("projects:\n");
    PROJECTS.forEach((id, windows) -> yaml.append("  - {id: ").append(id).append(", keys: [{id: k, sha256: ").append(ApiKey.sha256Hex(key(id))).append("}], limits: {windows: [").append(windows).append("]}").append(id.equals("prepaid") ? ", credit: {low_usd: 1}" : "").append("}\n"));
    return yaml.toString();
  }

  private static Answer chat(String project, String model, String... more) {
    return gateway.chat(request(model, "hello", more), "Authorization", "Bearer " + key(project));
  }

  private static JsonNode limits(String project) {
    return gateway.get("/v1/limits", "Authorization", "Bearer " + key(project)).json();
  }

  private static JsonNode window(String project, String unit) {
    for (JsonNode window : limits(project).path("windows")) {
      if (window.path("unit").asText().equals(unit)) {
        return window;
      }
    }
    throw new AssertionError("no window of " + unit);
  }

  @Test
  void a_decision_tells_who_would_be_passed_over_and_whether_the_request_itself_would_be_refused() {
    ObjectNode pair = request("openai/gpt-4o", "hello", "{'models':['openai/gpt-4o-mini']}");
    String[] key = {"Authorization", "Bearer " + key("rehearsed")};
    assertThat(gateway.post("/v1/route", pair, key).json().path("candidates")).noneMatch(candidate -> candidate.has("refused"));
    assertThat(gateway.chat(pair, key).header("x-dromedary-model")).as("looking has taken nothing").isEqualTo("openai/gpt-4o");
    JsonNode second = gateway.post("/v1/route", pair, key).json();
    assertThat(second.at("/candidates/0/refused/message").asText()).startsWith("model `openai/gpt-4o` has used 1 of 1 requests an hour");
    assertThat(second.path("model").asText()).isEqualTo("openai/gpt-4o-mini");
    assertThat(gateway.chat(pair, key).header("x-dromedary-model")).isEqualTo("openai/gpt-4o-mini");
    JsonNode third = gateway.post("/v1/route", pair, key).json();
    assertThat(third.at("/refused/code").asText()).as(third.toString()).isEqualTo("rate_limit_exceeded");
    assertThat(third.at("/refused/message").asText()).startsWith("project `rehearsed` has used 2 of 2 requests an hour");
    assertThat(third.path("model").isNull()).isTrue();
  }

  @Test
  void every_answer_tells_the_tightest_window_and_the_one_too_many_what_is_used_up() {
    Answer first = chat("three", "openai/gpt-4o");
    assertThat(first.status()).as(first.text()).isEqualTo(200);
    assertThat(first.header("x-ratelimit-limit-requests")).isEqualTo("3");
    assertThat(first.header("x-ratelimit-remaining-requests")).isEqualTo("2");
    assertThat(first.header("x-ratelimit-reset-requests")).matches("1m0s|[1-5]?\\d(\\.\\d+)?s");
    assertThat(first.header("x-ratelimit-limit-tokens")).isNull();
    Streamed second = gateway.stream(request("openai/gpt-4o", "hello"), "Authorization", "Bearer " + key("three"));
    assertThat(second.done()).isTrue();
    assertThat(second.header("x-ratelimit-remaining-requests")).isEqualTo("1");
    Answer wrong = chat("three", "openai/gpt-4o", "{'max_tokens':-1}");
    assertThat(wrong.status()).isEqualTo(400);
    Answer unknown = chat("three", "nobody/nothing");
    assertThat(unknown.status()).isEqualTo(404);
    assertThat(unknown.header("x-ratelimit-limit-requests")).isEqualTo("3");
    chat("three", "openai/gpt-4o");
    int asked = openai.calls();
    Answer refused = chat("three", "openai/gpt-4o");
    assertThat(refused.status()).isEqualTo(429);
    assertThat(refused.json().at("/error/code").asText()).isEqualTo("rate_limit_exceeded");
    assertThat(refused.json().at("/error/type").asText()).isEqualTo("requests");
    assertThat(refused.json().at("/error/message").asText()).startsWith("project `three` has used 3 of 3 requests a minute; wait ");
    assertThat(Integer.parseInt(refused.header("retry-after"))).isBetween(1, 60);
    assertThat(Long.parseLong(refused.header("retry-after-ms"))).isBetween(1L, 60_001L);
    assertThat(refused.header("x-ratelimit-remaining-requests")).isEqualTo("0");
    assertThat(openai.calls()).isEqualTo(asked);
    JsonNode hour = limits("three").at("/windows/1");
    assertThat(hour.path("used").asInt()).as("what was refused consumed nothing").isEqualTo(3);
  }

  @Test
  void tokens_are_put_right_by_what_was_used() {
    Answer answer = chat("words", "openai/gpt-4o", "{'max_tokens':800}");
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    assertThat(answer.header("x-ratelimit-limit-tokens")).isEqualTo("1000");
    assertThat(Integer.parseInt(answer.header("x-ratelimit-remaining-tokens"))).isLessThan(200);
    int used = answer.json().at("/usage/total_tokens").asInt();
    assertThat(window("words", "tokens").path("used").asInt()).isEqualTo(used);
    Streamed stream = gateway.stream(request("openai/gpt-4o", "hello", "{'max_tokens':800,'stream_options':{'include_usage':true}}"), "Authorization", "Bearer " + key("words"));
    used += stream.usage().path("total_tokens").asInt();
    assertThat(window("words", "tokens").path("used").asInt()).isEqualTo(used);
    Answer large = chat("words", "openai/gpt-4o", "{'max_tokens':2000}");
    assertThat(large.status()).isEqualTo(429);
    assertThat(large.json().at("/error/type").asText()).isEqualTo("tokens");
    assertThat(large.header("x-should-retry")).isEqualTo("false");
    assertThat(window("words", "requests").path("used").asInt()).isEqualTo(2);
  }

  @Test
  void users_are_limited_by_the_name_they_are_given() {
    assertThat(chat("users", "openai/gpt-4o", "{'user':'ada'}").status()).isEqualTo(200);
    assertThat(chat("users", "openai/gpt-4o", "{'user':'ada'}").status()).isEqualTo(429);
    assertThat(chat("users", "openai/gpt-4o", "{'safety_identifier':'grace'}").status()).isEqualTo(200);
    assertThat(window("users", "requests").path("used").asInt()).isEqualTo(2);
  }

  @Test
  void a_model_that_is_used_up_is_passed_over_and_429_when_none_is_left() {
    assertThat(chat("models", "openai/gpt-4o").status()).isEqualTo(200);
    Answer next = chat("models", "openai/gpt-4o", "{'models':['openai/gpt-4o-mini']}");
    assertThat(next.status()).as(next.text()).isEqualTo(200);
    assertThat(next.header("x-dromedary-model")).isEqualTo("openai/gpt-4o-mini");
    Answer none = chat("models", "openai/gpt-4o");
    assertThat(none.status()).isEqualTo(429);
    assertThat(none.json().at("/error/code").asText()).isEqualTo("rate_limit_exceeded");
    assertThat(none.json().at("/error/message").asText()).startsWith("model `openai/gpt-4o` has used 1 of 1 requests an hour; wait ");
    assertThat(Integer.parseInt(none.header("retry-after"))).isBetween(3_000, 3_601);
    assertThat(limits("models").at("/windows/0/used").asInt()).as("what was refused consumed nothing").isEqualTo(2);
  }

  @Test
  void an_account_has_limits_of_its_own_over_all_projects() {
    chat("free", "groq/llama-3.3-70b-versatile");
    chat("spent", "groq/llama-3.3-70b-versatile");
    Answer none = chat("free", "groq/llama-3.3-70b-versatile");
    assertThat(none.status()).as(none.text()).isEqualTo(429);
    assertThat(none.json().at("/error/message").asText()).startsWith("the account of provider `groq` has used 2 of 2 requests an hour");
    Answer other = chat("spent", "groq/llama-3.3-70b-versatile", "{'models':['openai/gpt-4o']}");
    assertThat(other.header("x-dromedary-provider")).isEqualTo("openai");
    assertThat(groq.calls()).isEqualTo(2);
  }

  @Test
  void embeddings_are_limited_like_chat() {
    String body = "{\"model\":\"openai/text-embedding-3-small\",\"input\":\"hello\"}";
    assertThat(gateway.post("/v1/embeddings", body, "Authorization", "Bearer " + key("vectors")).header("x-ratelimit-remaining-requests")).isEqualTo("0");
    assertThat(gateway.post("/v1/embeddings", body, "Authorization", "Bearer " + key("vectors")).status()).isEqualTo(429);
  }

  @Test
  void windows_narrow_as_credit_runs_low_and_are_wide_again_when_it_is_paid_in_here_or_at_another_node() throws Exception {
    payIn("0.5", "inv-1");
    assertThat(narrowed()).as("half of the low threshold is left").isBetween(45, 50);
    payIn("4.5", "inv-2");
    assertThat(narrowed()).isEqualTo(100);
    grant("used_nanos + 50000000");
    for (int i = 0; i < 12; i++) {
      chat("prepaid", "openai/gpt-4o", "{'max_tokens':10}");
    }
    assertThat(chat("prepaid", "openai/gpt-4o", "{'max_tokens':10}").status()).as("a tenth is used up").isEqualTo(429);
    grant("used_nanos + 5000000000");
    await().atMost(Duration.ofSeconds(20)).until(() -> chat("prepaid", "openai/gpt-4o", "{'max_tokens':10}").status() == 200);
    assertThat(narrowed()).isEqualTo(100);
  }

  private static void payIn(String usd, String reference) {
    String admin = "Bearer " + gateway.bean(AdminToken.class).value().value();
    assertThat(gateway.post("/admin/credits/prepaid/top-up", "{\"usd\": " + usd + ", \"reference\": \"" + reference + "\"}", "Authorization", admin).status()).isEqualTo(200);
  }

  private static int narrowed() {
    return Integer.parseInt(chat("prepaid", "openai/gpt-4o", "{'max_tokens':10}").header("x-ratelimit-limit-requests"));
  }

  /** As another node does it. */
  private static void grant(String nanos) throws Exception {
    try (Connection connection = gateway.bean(Store.class).dataSource().getConnection(); Statement statement = connection.createStatement()) {
      statement.execute("UPDATE dromedary_purses SET granted_nanos = " + nanos + " WHERE project = 'prepaid'");
    }
  }

  @Test
  void an_account_whose_own_limit_is_nearly_spent_is_asked_last() {
    String answer = "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"yes\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1,\"total_tokens\":4}}";
    mistral.by((call, wire) -> {
      wire.send(("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-ratelimit-limit-tokens: 1000\r\nx-ratelimit-remaining-tokens: 10\r\nx-ratelimit-reset-tokens: 45s\r\nContent-Length: " + answer.length() + "\r\n\r\n" + answer).getBytes(UTF_8));
      return true;
    });
    assertThat(chat("free", "mistral/mistral-small-latest", "{'models':['openai/gpt-4o']}").header("x-dromedary-provider")).isEqualTo("mistral");
    assertThat(chat("free", "mistral/mistral-small-latest", "{'models':['openai/gpt-4o']}").header("x-dromedary-provider")).isEqualTo("openai");
    assertThat(chat("free", "mistral/mistral-small-latest").header("x-dromedary-provider")).as("when there is no other").isEqualTo("mistral");
    for (JsonNode account : gateway.get("/health/providers").json().path("providers")) {
      assertThat(account.path("nearly_spent").asBoolean()).as(account.path("provider").asText()).isEqualTo(account.path("provider").asText().equals("mistral"));
    }
  }

  @Tag("X6")
  @Test
  void the_page_shows_the_callers_own_windows_and_nobody_elses() {
    JsonNode page = limits("free");
    assertThat(page.path("project").asText()).isEqualTo("free");
    assertThat(page.path("windows")).isEmpty();
    assertThat(gateway.get("/v1/limits").status()).isEqualTo(401);
    assertThat(gateway.get("/v1/limits?project=three", "Authorization", "Bearer " + key("free")).text()).doesNotContain("three");
    assertThat(chat("free", "openai/gpt-4o").headers().keySet()).noneMatch(name -> name.startsWith("x-ratelimit"));
  }

  @Tag("M4")
  @Test
  void a_mistake_in_a_limit_stops_the_start() {
    assertThatThrownBy(() -> Gateway.with("openai", openai).callers("projects: [{id: p, limits: {windows: [{per: minute, requests: -5}]}}]").start()).rootCause()
        .hasMessageContaining(".limits.windows[0].requests` = -5: must be a whole number from 1 to");
    assertThatThrownBy(() -> Gateway.with("openai", openai).set("dromedary.providers.openai.windows[0].per", "eon").set("dromedary.providers.openai.windows[0].requests", "3").start()).rootCause()
        .hasMessageContaining("dromedary.providers.openai.windows[0].per = eon: allowed: second, minute, hour, day");
  }
}
