package io.dromedary.features;

import static io.dromedary.testing.Gateway.request;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.access.ApiKey;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usd;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Gateway.Answer;
import io.dromedary.testing.Mood;
import java.math.BigDecimal;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Budgets and prepaid credit, as callers and operators meet them. gpt-4o costs 2.50 and 10 USD per million tokens here, gpt-4o-mini 0.15 and 0.60. */
class BudgetsTest {
  private static final String MINI = "openai/gpt-4o-mini";
  private static final String LARGE = "openai/gpt-4o";
  private static FakeProvider openai;
  private static Gateway gateway;

  @BeforeAll
  static void start() {
    openai = FakeProvider.openai();
    gateway = Gateway.with("openai", openai).set("dromedary.limits.in-flight", 3_000).set("dromedary.limits.in-flight-per-project", 3_000).set("dromedary.provider-defaults.max-concurrent", 3_000).set("dromedary.provider-defaults.permit-wait", "20s")
        .set("dromedary.provider-defaults.first-token-timeout", "110s").set("dromedary.provider-defaults.answer-timeout", "110s")
        .set("dromedary.sandbox", true).set("dromedary.breaker.min-calls", 100_000).set("dromedary.breaker.window", 100_000)
        .callers("projects:\n" + project("tight", "budgets: [{per: month, usd: 0.10}]")
            + project("wide", "budgets: [{per: day, usd: 1000}, {per: total, usd: 1000}]")
            + project("gone", "budgets: [{per: day, usd: 1000}]")
            + project("two", "budgets: [{per: month, usd: 0.001}]")
            + project("shares", "budgets: [{per: day, usd: 0.001, for: user}, {per: week, usd: 0.003, for: tag, tags: [eu]}]")
            + project("single", "budgets: [{per: request, usd: 0.0005}]")
            + project("soft", "budgets: [{per: total, usd: 1, soft: 0.5, on_soft: cheaper}]")
            + project("prepaid", "credit: {low_usd: 0.5, critical_usd: 0.1, unlimited_models: [" + MINI + "], high_cost_models: {'" + LARGE + "': 0.2}}")
            + project("adjusted", "budgets: [{per: day, usd: 0.0001}]")
            + project("summed", "budgets: [{per: month, usd: 1000}, {per: total, usd: 1000, for: key}, {per: week, usd: 1000, for: model}]\n    credit: {}")
            + project("free", "")).start();
    assertThat(admin("/admin/credits/summed/top-up", "{'usd': 1000, 'reference': 'all'}").path("status").asInt()).isEqualTo(200);
  }

  private static String project(String id, String more) {
    return "  - id: " + id + "\n    limits: {in-flight: 3000}\n    keys: [{id: k, sha256: " + ApiKey.sha256Hex("key-" + id) + "}]\n" + (more.isEmpty() ? "" : "    " + more + "\n");
  }

  @AfterAll
  static void stop() {
    gateway.close();
    openai.close();
  }

  @AfterEach
  void recover() {
    openai.mood(Mood.WELL).usage(9, -1).delay(Duration.ZERO).reset();
  }

  private static String[] as(String project, String... more) {
    List<String> headers = new ArrayList<>(List.of("x-api-key", "key-" + project, "x-dromedary-cache", "no-store"));
    headers.addAll(List.of(more));
    return headers.toArray(String[]::new);
  }

  private static Answer ask(String project, String model, long maxTokens, String... more) {
    return gateway.chat(request(model, "budget " + System.nanoTime(), more).put("max_tokens", maxTokens), as(project));
  }

  /** The project's first budget as {@code GET /v1/limits} shows it. */
  private static JsonNode budget(String project) {
    return gateway.get("/v1/limits", as(project)).json().at("/budgets/0");
  }

  private static long nanos(JsonNode usd) {
    return Usd.of(usd.asText()).nanos();
  }

  private static void isSpent(Answer answer) {
    assertThat(answer.status()).as(answer.text()).isEqualTo(429);
    assertThat(answer.json().at("/error/type").asText()).isEqualTo("insufficient_quota");
    assertThat(answer.json().at("/error/code").asText()).isEqualTo("budget_exceeded");
    assertThat(answer.header("x-should-retry")).isEqualTo("false");
  }

  private static JsonNode admin(String path, String body, String... headers) {
    List<String> all = new ArrayList<>(List.of("authorization", "Bearer " + gateway.adminToken()));
    all.addAll(List.of(headers));
    Answer answer = body.isEmpty() ? gateway.get(path, all.toArray(String[]::new)) : gateway.post(path, body.replace('\'', '"'), all.toArray(String[]::new));
    return ((ObjectNode) answer.json()).put("status", answer.status());
  }

  @Test
  @Tag("M2")
  void a_thousand_concurrent_requests_spend_a_budget_and_not_a_nano_dollar_more() {
    openai.usage(20, 95);
    List<CompletableFuture<Answer>> asked = new ArrayList<>();
    for (int i = 0; i < 1_000; i++) {
      asked.add(gateway.chatLater(request(LARGE, "q" + i).put("max_tokens", 95), as("tight")));
    }
    long told = 0;
    int accepted = 0;
    for (CompletableFuture<Answer> one : asked) {
      Answer answer = one.join();
      if (answer.status() == 200) {
        accepted++;
        told += Usd.of(answer.header("x-dromedary-cost-usd")).nanos();
      } else {
        isSpent(answer);
      }
    }
    assertThat(accepted).isBetween(90, 100).isEqualTo(openai.calls());
    assertThat(told).isEqualTo(accepted * 1_000_000L).isLessThanOrEqualTo(100_000_000);
    JsonNode month = budget("tight");
    assertThat(nanos(month.path("used_usd"))).isEqualTo(told);
    assertThat(month.path("reserved_usd").asText()).isEqualTo("0");
    assertThat(month.path("resets_at").asText()).endsWith("-01T00:00:00Z");
    assertThat(ask("tight", LARGE, 5_000).json().at("/error/message").asText()).startsWith("budget `tight/month` is ").contains(" of 0.10 USD").contains("it resets 20");
  }

  @Test
  @Tag("M2")
  void a_decision_names_the_candidates_that_money_would_refuse_and_holds_nothing() {
    ObjectNode pair = request(LARGE, "rehearsal", "{'models':['" + MINI + "'],'max_tokens':400}");
    JsonNode single = gateway.post("/v1/route", pair, as("single")).json();
    assertThat(single.at("/candidates/0/refused/code").asText()).as(single.toString()).isEqualTo("budget_exceeded");
    assertThat(single.at("/candidates/0/refused/message").asText()).contains("budget `single/request` allows 0.0005 USD for one request");
    assertThat(single.at("/candidates/1").has("refused")).isFalse();
    assertThat(single.path("model").asText()).as("who would be asked").isEqualTo(MINI).isEqualTo(gateway.chat(pair, as("single")).header("x-dromedary-model"));
    assertThat(single.has("refused")).isFalse();
    JsonNode estimate = single.path("estimate");
    assertThat(estimate.path("model").asText()).as("it is told of who would be asked").isEqualTo(MINI);
    assertThat(estimate.path("at_most_usd").decimalValue()).isLessThan(new BigDecimal("0.0005"));

    ObjectNode dear = request(LARGE, "rehearsal", "{'max_tokens':4000}");
    int calls = openai.calls();
    JsonNode nobody = gateway.post("/v1/route", dear, as("two")).json();
    Answer asked = gateway.chat(dear, as("two"));
    isSpent(asked);
    assertThat(nobody.at("/refused/message").asText()).as("as the request itself hears it").isEqualTo(asked.json().at("/error/message").asText());
    assertThat(nobody.path("model").isNull()).isTrue();
    assertThat(nobody.at("/estimate/cost_usd").isNull()).isTrue();
    ObjectNode dry = dear.deepCopy();
    dry.putObject("routing").put("dry_run", true);
    assertThat(gateway.chat(dry, as("two")).json().at("/refused/status").asInt()).isEqualTo(429);
    assertThat(gateway.post("/v1/route", request("openai/nobody-priced-it", "x"), as("two")).json().at("/candidates/0/refused/message").asText()).contains("has no price");
    assertThat(gateway.post("/v1/route", dear, as("free")).json().at("/candidates/0").has("refused")).isFalse();
    JsonNode task = gateway.post("/v1/route", Json.object().put("task", "Summarize it").put("budget_usd", 1).put("max_tokens", 9_000_000), as("two")).json();
    assertThat(task.path("models")).as(task.toString()).allMatch(each -> each.has("refused") || each.path("expected_cost_usd").asText().equals("0"));
    assertThat(openai.calls()).isEqualTo(calls);
    assertThat(budget("two").path("reserved_usd").asText()).isEqualTo("0");
  }

  @Test
  @Tag("M2")
  void requests_far_below_their_limits_are_never_turned_away() {
    for (int round = 0; round < 10; round++) {
      List<CompletableFuture<Answer>> asked = new ArrayList<>();
      for (int i = 0; i < 200; i++) {
        asked.add(gateway.chatLater(request(MINI, "w" + round + "-" + i).put("max_tokens", 100), as("wide")));
      }
      assertThat(asked).allSatisfy(one -> assertThat(one.join().status()).as(one.join().text()).isEqualTo(200));
    }
    JsonNode page = gateway.get("/v1/limits", as("wide")).json();
    assertThat(page.at("/budgets/0/used_usd")).isEqualTo(page.at("/budgets/1/used_usd"));
    assertThat(nanos(page.at("/budgets/0/used_usd"))).isPositive();
    assertThat(page.at("/budgets/1/reserved_usd").asText()).isEqualTo("0");
    assertThat(page.at("/budgets/1/resets_at").isNull()).isTrue();
  }

  @Test
  @Tag("M2")
  @Tag("S5")
  void what_five_hundred_callers_that_hung_up_had_held_is_free_again() throws Exception {
    openai.mood(Mood.HANGS);
    List<Socket> sockets = new ArrayList<>();
    for (int i = 0; i < 500; i++) {
      Socket socket = gateway.socket();
      sockets.add(socket);
      Gateway.write(socket, request(MINI, "gone " + i, i % 2 == 0 ? "{'stream':true}" : "{}").put("max_tokens", 1_000), as("gone"));
    }
    await().atMost(Duration.ofSeconds(90)).until(() -> openai.calls() == 500 && nanos(budget("gone").path("reserved_usd")) > 500 * 600_000L);
    for (Socket socket : sockets) {
      socket.close();
    }
    await().atMost(Duration.ofSeconds(60)).until(() -> budget("gone").path("reserved_usd").asText().equals("0"));
    JsonNode day = budget("gone");
    assertThat(nanos(day.path("remaining_usd"))).isEqualTo(nanos(day.path("limit_usd")) - nanos(day.path("used_usd")));
    assertThat(nanos(day.path("used_usd"))).as("the project's ledger").isEqualTo(gateway.get("/v1/usage", as("gone")).json().at("/total/cost_nanos").asLong());
  }

  @Test
  @Tag("M2")
  void a_model_that_a_budget_cannot_bear_is_passed_over_for_one_that_it_can() {
    Answer answer = ask("two", LARGE, 500, "{'models':['" + MINI + "']}");
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    assertThat(answer.header("x-dromedary-model")).isEqualTo(MINI);
    assertThat(answer.header("x-dromedary-attempts")).isEqualTo("1");
    assertThat(openai.calls(LARGE)).isZero();

    Answer tooDear = ask("two", LARGE, 500);
    isSpent(tooDear);
    assertThat(tooDear.json().at("/error/message").asText()).startsWith("budget `two/month` is too low for this request: 0.00").contains("lower `max_tokens` or ask a cheaper model");

    assertThat(ask("two", LARGE, 50_000, "{'models':['sandbox/echo']}").header("x-dromedary-model")).as("what costs nothing is served all the same").isEqualTo("sandbox/echo");
  }

  @Test
  @Tag("M9")
  @Tag("M4")
  void an_unpriced_model_is_asked_without_a_budget_only() {
    assertThat(ask("free", "openai/gpt-next", 10).status()).isEqualTo(200);
    Answer refused = ask("two", "openai/gpt-next", 10);
    assertThat(refused.status()).isEqualTo(422);
    assertThat(refused.json().at("/error/code").asText()).isEqualTo("no_eligible_model");
    assertThat(refused.json().at("/error/message").asText()).contains("`openai/gpt-next` has no price", "`two` has a budget");
    assertThat(ask("two", "openai/gpt-next", 10, "{'models':['" + MINI + "']}").header("x-dromedary-model")).isEqualTo(MINI);
  }

  @Test
  @Tag("M2")
  void each_user_and_each_tag_has_a_share_of_its_own() {
    assertThat(ask("shares", LARGE, 80, "{'user':'ann'}").status()).isEqualTo(200);
    openai.usage(20, 80);
    assertThat(ask("shares", LARGE, 80, "{'user':'ben'}").status()).isEqualTo(200);
    Answer again = ask("shares", LARGE, 80, "{'user':'ben'}");
    isSpent(again);
    assertThat(again.json().at("/error/message").asText()).startsWith("budget `shares/day-user` of `ben` is too low");
    ObjectNode tagged = request(LARGE, "tagged", "{'user':'cid'}").put("max_tokens", 50);
    for (int i = 0; i < 3; i++) {
      tagged.put("user", "user" + i);
      assertThat(gateway.chat(tagged, as("shares", "x-dromedary-tags", "eu, lab")).status()).isEqualTo(200);
    }
    tagged.put("user", "last");
    Answer tag = gateway.chat(tagged, as("shares", "x-dromedary-tags", "eu"));
    isSpent(tag);
    assertThat(tag.json().at("/error/message").asText()).contains("`shares/week-tag{eu}` of `eu`");
    assertThat(gateway.chat(tagged, as("shares")).status()).isEqualTo(200);
  }

  @Test
  @Tag("M2")
  void a_request_has_a_budget_of_its_own() {
    assertThat(ask("single", LARGE, 20).status()).isEqualTo(200);
    Answer refused = ask("single", LARGE, 100);
    isSpent(refused);
    assertThat(refused.json().at("/error/message").asText()).startsWith("budget `single/request` allows 0.0005 USD for one request, and this one may cost up to 0.00");
  }

  @Test
  @Tag("M2")
  void over_its_soft_threshold_a_project_is_routed_by_cost() {
    openai.usage(200_000, 1_000);
    assertThat(gateway.chat(request("auto", "hello"), as("soft")).header("x-dromedary-reason")).doesNotContain("by cost");
    assertThat(ask("soft", LARGE, 1_000).status()).isEqualTo(200);
    assertThat(budget("soft").path("low").asBoolean()).isTrue();
    Answer cheaper = gateway.chat(request("auto", "hello", "{'routing':{'weights':{'quality':1}},'max_tokens':10}"), as("soft"));
    assertThat(cheaper.status()).as(cheaper.text()).isEqualTo(200);
    assertThat(cheaper.header("x-dromedary-reason")).contains("by cost");
    JsonNode page = Row.of(gateway, cheaper.requestId()).page();
    assertThat(page.path("requested_model").asText()).as("what was asked").isEqualTo("auto");
    assertThat(page.at("/decision/routed_as").asText()).as("what became of it").isEqualTo("auto:cost");
    assertThat(gateway.metric("dromedary_budget_routed_cheaper_total")).isPositive();
  }

  @Test
  @Tag("M2")
  void prepaid_credit_is_topped_up_once_per_reference_and_drawn_to_its_end() {
    isSpent(ask("prepaid", "openai/gpt-4.1-mini", 10));
    assertThat(ask("prepaid", MINI, 10).status()).as("an unlimited model draws nothing").isEqualTo(200);
    JsonNode first = admin("/admin/credits/prepaid/top-up", "{'usd': 0.25, 'reference': 'inv-1', 'note': 'trial'}");
    assertThat(first.path("remaining_usd").asText()).as(first.toString()).isEqualTo("0.25");
    assertThat(first.path("state").asText()).isEqualTo("low");
    assertThat(admin("/admin/credits/prepaid/top-up", "{'usd': 0.25}", "idempotency-key", "inv-1").path("remaining_usd").asText()).isEqualTo("0.25");
    assertThat(admin("/admin/credits/prepaid/top-up", "{'usd': 1}", "idempotency-key", "inv-1").path("status").asInt()).isEqualTo(422);
    openai.usage(10_000, 4_000);
    assertThat(ask("prepaid", LARGE, 4_000).status()).isEqualTo(200);
    Answer high = ask("prepaid", LARGE, 1);
    isSpent(high);
    assertThat(high.json().at("/error/message").asText()).as("a high-cost model wants 0.20").isEqualTo("the credit of `prepaid` is too low for this request: 0.185 USD are left, and the call needs 0.20 USD; top it up, lower"
        + " `max_tokens` or ask a cheaper model");
    assertThat(ask("prepaid", "openai/gpt-4.1-mini", 10).status()).isEqualTo(200);
    JsonNode page = admin("/admin/credits/prepaid", "");
    assertThat(page.path("top_ups")).hasSize(1);
    assertThat(page.at("/top_ups/0/note").asText()).isEqualTo("trial");
    assertThat(gateway.get("/v1/limits", as("prepaid")).json().at("/credit/0/paid_in_usd").asText()).isEqualTo("0.25");
  }

  @Test
  @Tag("M4")
  void a_limit_is_raised_at_run_time_and_bad_amounts_are_refused() {
    isSpent(ask("adjusted", LARGE, 100));
    for (String bad : List.of("{'budget':'adjusted/day','usd':-1}", "{'budget':'adjusted/day','usd':1e30}", "{'budget':'adjusted/day','usd':'5'}", "{'budget':'adjusted/day'}", "{'budget':'adjusted/day','usd':0.0000000001}",
        "{'budget':'adjusted/day','usd':1,'much':2}", "{'budget':'adjusted/day','subject':'x','usd':1}")) {
      assertThat(admin("/admin/budgets", bad).path("status").asInt()).as(bad).isEqualTo(400);
    }
    assertThat(admin("/admin/budgets", "{'budget':'nobody/day','usd':1}").path("status").asInt()).isEqualTo(404);
    for (String bad : List.of("{'usd':-5,'reference':'a'}", "{'usd':0,'reference':'a'}", "{'usd':1e12,'reference':'a'}", "{'usd':5}")) {
      assertThat(admin("/admin/credits/prepaid/top-up", bad).path("status").asInt()).as(bad).isEqualTo(400);
    }
    assertThat(admin("/admin/budgets", "{'budget':'adjusted/day','usd':1}").at("/budgets/0/limit_usd").asText()).isEqualTo("1");
    assertThat(ask("adjusted", LARGE, 100).status()).isEqualTo(200);
    assertThat(admin("/admin/budgets", "{'budget':'adjusted/day','usd':null}").at("/budgets/0/limit_usd").asText()).isEqualTo("0.0001");
    isSpent(ask("adjusted", LARGE, 100));
  }

  @Test
  @Tag("X6")
  void callers_see_their_own_budgets_and_operators_all() {
    assertThat(gateway.get("/v1/limits", as("free")).json().path("budgets")).isEmpty();
    assertThat(gateway.get("/admin/budgets", as("tight")).status()).isEqualTo(401);
    JsonNode all = admin("/admin/budgets", "");
    assertThat(all.path("budgets").findValuesAsText("budget")).contains("tight/month", "wide/day", "single/request");
    assertThat(admin("/admin/budgets?project=wide", "").path("budgets").findValuesAsText("budget")).containsExactly("wide/day", "wide/total");
  }

  @Test
  @Tag("M9")
  void over_random_calls_with_faults_budgets_rows_and_the_project_agree_to_the_nano_dollar() {
    Random random = new Random(11);
    List<Mood> moods = List.of(Mood.WELL, Mood.WELL, Mood.WELL, Mood.DOWN, Mood.BUSY, Mood.HANGS_UP, Mood.JUNK, Mood.ERROR_IN_STREAM_FIRST, Mood.DIES_MID_STREAM, Mood.TRUNCATED);
    List<String> models = List.of(MINI, LARGE, "openai/gpt-4.1", "openai/gpt-4.1-mini");
    long sum = 0;
    for (int i = 0; i < 200; i++) {
      openai.mood(moods.get(random.nextInt(moods.size()))).retryAfter(0).usage(random.nextInt(100_000), random.nextInt(5_000));
      ObjectNode request = request(models.get(random.nextInt(models.size())), "sum " + random.nextInt(100), "{'models':['" + models.get(random.nextInt(models.size())) + "'],'stream':" + random.nextBoolean() + "}");
      Answer answer = gateway.chat(request, "x-api-key", "key-summed");
      JsonNode row = gateway.get("/v1/requests/" + answer.requestId(), as("summed")).json();
      sum += row.path("cost_nanos").asLong();
    }
    long total = sum;
    JsonNode page = gateway.get("/v1/limits", as("summed")).json();
    assertThat(page.path("budgets")).hasSize(2 + models.size()).allSatisfy(budget -> assertThat(budget.path("reserved_usd").asText()).isEqualTo("0"));
    assertThat(nanos(page.at("/budgets/0/used_usd"))).isPositive().isEqualTo(total);
    assertThat(nanos(page.at("/credit/0/used_usd"))).isEqualTo(total);
    assertThat(gateway.get("/v1/usage", as("summed")).json().at("/total/cost_nanos").asLong()).isEqualTo(total);
    long shares = 0;
    for (JsonNode budget : page.path("budgets")) {
      shares += budget.path("for").asText().equals("model") ? nanos(budget.path("used_usd")) : 0;
    }
    assertThat(shares).as("the models' shares").isEqualTo(total);
  }

  @Test
  @Tag("M5")
  void embeddings_and_streams_draw_and_cache_hits_do_not() {
    long before = nanos(budget("wide").path("used_usd"));
    ObjectNode embed = Json.object().put("model", "openai/text-embedding-3-small").put("input", "metered " + System.nanoTime());
    assertThat(gateway.post("/v1/embeddings", embed, as("wide")).status()).isEqualTo(200);
    long embedded = nanos(budget("wide").path("used_usd"));
    assertThat(embedded).isGreaterThan(before);
    ObjectNode asked = request(MINI, "kept " + System.nanoTime(), "{'stream_options':{'include_usage':true}}").put("max_tokens", 50);
    BigDecimal cost = gateway.stream(asked, "x-api-key", "key-wide").usage().path("cost").decimalValue();
    assertThat(nanos(budget("wide").path("used_usd"))).isEqualTo(embedded + Usd.of(cost).nanos());
    assertThat(gateway.chat(asked.without("stream_options"), "x-api-key", "key-wide").header("x-dromedary-cache")).isEqualTo("hit");
    assertThat(nanos(budget("wide").path("used_usd"))).isEqualTo(embedded + Usd.of(cost).nanos());
  }
}
