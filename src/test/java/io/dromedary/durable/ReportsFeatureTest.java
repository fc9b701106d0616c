package io.dromedary.durable;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.spend.Ledger;
import io.dromedary.spend.Store;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Mood;
import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("M12")
class ReportsFeatureTest {
  private static FakeProvider openai;
  private static FakeProvider groq;
  private static Gateway gateway;

  @BeforeAll
  static void start() {
    openai = FakeProvider.openai();
    groq = FakeProvider.openai();
    gateway = Gateway.with("openai", openai).and("groq", groq).set("dromedary.interaction-log.text", true).start();
  }

  @AfterAll
  static void stop() {
    gateway.close();
    groq.close();
    openai.close();
  }

  @BeforeEach
  void afresh() {
    openai.reset();
    groq.reset();
  }

  @Test
  void a_request_page_tells_attempts_usage_exact_cost_price_version_savings_and_why() {
    groq.mood(Mood.DOWN);
    Gateway.Answer answer = gateway.chat("auto", "Please explain to me in a few sentences how the tides of the sea come about and why there are two of them on each day and night", "x-dromedary-project", "page");
    JsonNode page = gateway.get("/v1/requests/" + answer.requestId(), "x-dromedary-project", "page").json();

    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    assertThat(page.path("id").asText()).isEqualTo(answer.requestId());
    assertThat(page.path("requested_model").asText()).isEqualTo("auto");
    assertThat(page.path("model").asText()).isEqualTo(answer.header("x-dromedary-model"));
    assertThat(page.path("cost_usd").asText()).isEqualTo(answer.header("x-dromedary-cost-usd"));
    assertThat(new BigDecimal(page.path("cost_usd").asText())).isPositive();
    assertThat(page.at("/savings/baseline_model").asText()).isNotEmpty();
    assertThat(page.path("attempts").size()).isEqualTo(Integer.parseInt(answer.header("x-dromedary-attempts"))).isGreaterThan(1);
    assertThat(page.at("/attempts/0/failure").asText()).isNotEmpty();
    assertThat(page.path("attempts").findValuesAsText("price_version")).as("M11").hasSize(page.path("attempts").size()).doesNotContain("null", "");
    JsonNode decision = page.path("decision");
    assertThat(decision.path("tier").asText()).isEqualTo(answer.header("x-dromedary-tier")).isEqualTo(page.path("tier").asText());
    assertThat(decision.path("score").isNumber()).isTrue();
    assertThat(decision.path("signals").isObject()).isTrue();
    assertThat(decision.path("candidates").size()).isGreaterThan(1);
    assertThat(decision.at("/candidates/0/reason").asText()).isNotEmpty();
    assertThat(decision.path("reason").asText()).isNotEmpty();
  }

  @Test
  void a_request_that_named_its_model_has_no_decision_to_show() {
    Gateway.Answer answer = gateway.chat("openai/gpt-4o-mini", "named");
    assertThat(gateway.get("/v1/requests/" + answer.requestId()).json().path("decision").isNull()).isTrue();
  }

  @Test
  @Tag("X6")
  void another_projects_request_is_answered_like_an_unknown_one() {
    Gateway.Answer answer = gateway.chat("openai/gpt-4o-mini", "mine", "x-dromedary-project", "owner");
    Gateway.Answer foreign = gateway.get("/v1/requests/" + answer.requestId(), "x-dromedary-project", "other");
    Gateway.Answer unknown = gateway.get("/v1/requests/req-unknown", "x-dromedary-project", "other");

    assertThat(foreign.status()).isEqualTo(404);
    assertThat(foreign.text().replace(answer.requestId(), "*")).isEqualTo(unknown.text().replace("req-unknown", "*"));
    assertThat(unknown.status()).isEqualTo(404);
  }

  @Test
  void usage_is_summed_by_group_and_to_the_nano_dollar() {
    BigDecimal sum = BigDecimal.ZERO;
    for (String model : new String[] {"openai/gpt-4o", "openai/gpt-4o-mini", "openai/gpt-4o-mini"}) {
      Gateway.Answer answer = gateway.chat(Gateway.request(model, "usage"), "x-dromedary-project", "sums", "x-dromedary-cache", "no-store");
      sum = sum.add(new BigDecimal(answer.header("x-dromedary-cost-usd")));
    }
    JsonNode usage = gateway.get("/v1/usage?group_by=model,provider", "x-dromedary-project", "sums").json();

    assertThat(usage.path("data")).hasSize(2);
    assertThat(usage.at("/total/requests").asInt()).isEqualTo(3);
    assertThat(new BigDecimal(usage.at("/total/cost_usd").asText())).isEqualByComparingTo(sum);
    assertThat(gateway.get("/v1/usage?from=2020-01-01&to=2020-01-02", "x-dromedary-project", "sums").json().at("/total/requests").asInt()).isZero();
  }

  @Test
  @Tag("M9")
  void a_requests_own_tags_are_counted_in_the_ledger_and_in_reports() {
    Gateway.Answer answer = gateway.chat(Gateway.request("openai/gpt-4o-mini", "tagged"), "x-dromedary-project", "tags", "x-dromedary-tags", "lab, =1+1,," + "x".repeat(48));
    assertThat(gateway.get("/v1/requests/" + answer.requestId(), "x-dromedary-project", "tags").json().path("tags").toString()).isEqualTo("[\"=1+1\",\"lab\",\"" + "x".repeat(48) + "\"]");
    JsonNode usage = gateway.get("/v1/usage?group_by=tag&tag=lab", "x-dromedary-project", "tags").json();
    assertThat(usage.path("data")).hasSize(1);
    assertThat(usage.at("/data/0/cost_usd").asText()).isEqualTo(answer.header("x-dromedary-cost-usd"));
    assertThat(gateway.get("/v1/costs/export?group_by=tag", "x-dromedary-project", "tags").text()).contains("\r\n'=1+1,1,").contains("\r\nlab,1,");
  }

  @Test
  @Tag("X6")
  void the_admin_token_reads_all_projects_and_is_audited_and_a_key_its_own() {
    String id = gateway.chat(Gateway.request("openai/gpt-4o-mini", "of one"), "x-dromedary-project", "one").requestId();
    gateway.chat(Gateway.request("openai/gpt-4o-mini", "of two"), "x-dromedary-project", "two");
    assertThat(gateway.admin("/v1/usage?group_by=project").json().path("data").findValuesAsText("project")).contains("one", "two");
    assertThat(gateway.admin("/v1/savings?group_by=project").json().path("data").findValuesAsText("project")).contains("one", "two");
    assertThat(gateway.admin("/v1/costs/export?group_by=project").text()).contains("\r\none,1,", "\r\ntwo,1,");
    assertThat(gateway.admin("/v1/requests/" + id).json().path("project").asText()).isEqualTo("one");
    assertThat(gateway.get("/v1/usage?group_by=project", "x-dromedary-project", "two").json().path("data").findValuesAsText("project")).containsExactly("two");
    assertThat(gateway.admin("/admin/audit").json().path("data").findValuesAsText("path")).contains("/v1/costs/export");
  }

  @Test
  void savings_are_told_with_their_counterfactual() {
    gateway.chat(Gateway.request("openai/gpt-4o-mini", "saved?"), "x-dromedary-project", "saver");
    Gateway.Answer hit = gateway.chat(Gateway.request("openai/gpt-4o-mini", "saved?"), "x-dromedary-project", "saver");
    assertThat(hit.header("x-dromedary-cache")).isEqualTo("hit");
    org.awaitility.Awaitility.await().atMost(java.time.Duration.ofSeconds(20))
        .until(() -> gateway.get("/v1/savings?period_days=7", "x-dromedary-project", "saver").json().at("/cache/requests").asInt() == 1);
    JsonNode savings = gateway.get("/v1/savings?period_days=7", "x-dromedary-project", "saver").json();

    assertThat(savings.path("period_days").asInt()).isEqualTo(7);
    assertThat(new BigDecimal(savings.at("/cache/saved_usd").asText())).isEqualByComparingTo(hit.header("x-dromedary-saved-usd")).isPositive();
    assertThat(savings.at("/cache/counterfactual").asText()).isNotEmpty();
    assertThat(savings.at("/routing/baselines/0/baseline_model").asText()).isNotEmpty();
  }

  @Test
  void a_parameter_that_is_wrong_is_named() {
    for (String[] wrong : new String[][] {{"/v1/usage?group_by=colour", "group_by"}, {"/v1/usage?from=yesterday", "from"}, {"/v1/savings?period_days=-1", "period_days"}, {"/v1/usage?from=$%7Bbody%7D", "from"}}) {
      Gateway.Answer refused = gateway.get(wrong[0]);
      assertThat(refused.status()).as(wrong[0] + refused.text()).isEqualTo(400);
      assertThat(refused.json().at("/error/param").asText()).as(wrong[0]).isEqualTo(wrong[1]);
    }
  }

  @Test
  @Tag("X7")
  void prompts_and_answers_are_kept_when_the_setting_says_so() throws Exception {
    openai.says("a kept answer");
    Gateway.Answer answer = gateway.chat("openai/gpt-4o-mini", "a kept prompt");
    try (Connection connection = gateway.bean(Store.class).dataSource().getConnection(); Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("SELECT prompt, answer, cached FROM dromedary_interaction_log WHERE request_id = '" + answer.requestId() + "'")) {
      assertThat(row.next()).isTrue();
      assertThat(row.getString(1)).contains("a kept prompt");
      assertThat(row.getString(2)).contains("a kept answer");
      assertThat(row.getBoolean(3)).isFalse();
    }
  }

  @Test
  @Tag("F7")
  void readiness_says_no_when_the_ledger_cannot_be_written_and_requests_are_told_to_come_back() {
    assertThat(gateway.get("/health/readiness").status()).isEqualTo(200);
    gateway.bean(io.dromedary.server.Readiness.class).watch("test", () -> false);
    try {
      Gateway.Answer down = gateway.get("/health/readiness");
      assertThat(down.status()).isEqualTo(503);
      assertThat(down.json().path("state").asText()).isEqualTo("failing: [test]");
      assertThat(gateway.get("/v1/models").status()).as("what needs no ledger is served").isEqualTo(200);
    } finally {
      gateway.bean(io.dromedary.server.Readiness.class).watch("test", () -> true);
    }
    assertThat(gateway.bean(Ledger.class).available()).isTrue();
  }
}
