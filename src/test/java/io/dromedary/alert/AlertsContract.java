package io.dromedary.alert;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.catalog.Bill;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import io.dromedary.spend.CostEvent;
import io.dromedary.spend.Outbox;
import io.dromedary.spend.Store;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What alerts promise on every store, with two nodes on it. */
abstract class AlertsContract {
  private static final String SINK = "alerts to ops";

  /** Moves only when it is told to. */
  private static final class Hand extends Clock {
    volatile Instant now = Instant.parse("2026-11-27T12:00:00Z");

    @Override
    public Instant instant() {
      return now;
    }

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      return this;
    }

    void turn(Duration by) {
      now = now.plus(by);
    }
  }

  @TempDir Path dir;
  private final Hand clock = new Hand();
  private final List<ProviderState> providers = new ArrayList<>();
  private volatile long paidIn = 5_000;
  private Store store;
  private Outbox outbox;
  private AlertRules rules;
  private Alerts one;
  private Alerts other;

  /** A fresh database's URL, "" for H2. */
  abstract String freshUrl() throws Exception;

  @BeforeEach
  void open() throws Exception {
    store = Store.open(dir.resolve("data"), freshUrl());
    outbox = new Outbox(store, List.of(), List.of(SINK, "alerts to chat"), clock);
    rules("""
        rules:
        - {id: errors, on: error_rate, per: project, above: 0.5, at-least: 4, to: [ops], again-every: 1h, resolve-after: 2m}
        - {id: spend, on: spend_rate, above: 1, over: 10m, to: [ops]}
        - {id: slow, on: latency_p95, per: model, above: 1000, at-least: 4, to: [chat]}
        - {id: cold, on: cache_hit_rate, below: 0.3, at-least: 4}
        - {id: breaker, on: breaker_open, to: [ops], severity: critical}
        - {id: keys, on: credentials_refused, to: [ops]}
        - {id: credit, on: credit_low, projects: [team-*], to: [ops]}
        - {id: budget, on: budget_spent, to: [ops]}
        """);
    one = node();
    other = node();
  }

  @AfterEach
  void close() {
    store.close();
  }

  private void rules(String yaml) {
    rules = AlertRules.read(yaml.getBytes(UTF_8), "alerts.yaml", Set.of("ops", "chat"));
  }

  private Alerts node() {
    List<AlertSink> sinks = List.of(new AlertSink("ops", SINK, AlertSink.Format.JSON), new AlertSink("chat", "alerts to chat", AlertSink.Format.SLACK));
    return new Alerts(() -> rules, store.dataSource(), sinks, outbox::leave, outbox::written, () -> List.copyOf(providers), project -> paidIn, clock);
  }

  private static Bill bill(String project, String status, int http, String cache, Usd cost, Duration took) {
    return new Bill("r", project, "k", Set.of(), "http", "auto", "openai/gpt-4o", "openai", "", 0, "", "", status, http, false, cache, Usage.NONE, cost, Usd.ZERO, Usd.ZERO, "", List.of(), Instant.now(), null, took, Duration.ZERO, "", "a secret prompt",
        "a secret answer", null);
  }

  private void requests(Alerts node, int times, String project, String status, int http) {
    for (int i = 0; i < times; i++) {
      node.count(bill(project, status, http, "hit", Usd.ZERO, Duration.ofMillis(20)));
    }
  }

  private List<JsonNode> told() throws Exception {
    return told(SINK);
  }

  private List<JsonNode> told(String sink) throws Exception {
    List<JsonNode> told = new ArrayList<>();
    List<CostEvent> events = outbox.next(100, sink);
    for (CostEvent event : events) {
      told.add(Json.read(event.payload()));
    }
    outbox.delivered(events.stream().map(CostEvent::id).toList());
    return told;
  }

  private void look() {
    one.evaluate();
    other.evaluate();
  }

  @Test
  void an_alert_is_told_once_by_two_nodes_again_while_it_lasts_and_when_it_is_over() throws Exception {
    requests(one, 2, "team-a", "error", 502);
    requests(other, 3, "team-a", "error", 502);
    requests(other, 9, "team-b", "ok", 200);
    look();
    look();
    List<JsonNode> first = told();
    assertThat(first).hasSize(1);
    assertThat(first.get(0).path("state").asText()).isEqualTo("firing");
    assertThat(first.get(0).path("subject").asText()).isEqualTo("project:team-a");
    assertThat(first.get(0).path("summary").asText()).isEqualTo("100 % of 5 requests of project `team-a` failed over 5m, above 50 %");
    assertThat(first.get(0).toString()).as("X7").doesNotContain("secret");
    assertThat(one.open()).isEqualTo(1);

    for (int i = 0; i < 4; i++) {
      clock.turn(Duration.ofMinutes(15));
      requests(one, 5, "team-a", "error", 502);
      look();
    }
    List<JsonNode> again = told();
    assertThat(again).hasSize(1);
    assertThat(again.get(0).path("state").asText()).isEqualTo("still_firing");
    assertThat(again.get(0).path("alert_id")).isEqualTo(first.get(0).path("alert_id"));
    assertThat(again.get(0).path("event_id")).isNotEqualTo(first.get(0).path("event_id"));

    clock.turn(Duration.ofMinutes(6));
    look();
    clock.turn(Duration.ofMinutes(3));
    look();
    look();
    List<JsonNode> over = told();
    assertThat(over).hasSize(1);
    assertThat(over.get(0).path("state").asText()).isEqualTo("resolved");
    assertThat(one.open()).isZero();

    requests(other, 5, "team-a", "error", 502);
    look();
    assertThat(told()).as("it may come back").hasSize(1);
    assertThat(new AlertPages(one).history(get("/admin/alerts/history", Map.of("rule", "errors"))).path("data")).hasSize(2);
  }

  @Test
  void nodes_that_look_at_once_tell_once() throws Exception {
    providers.add(new ProviderState("openai", false, "OPEN", "server_error 503", 0));
    List<Thread> nodes = new ArrayList<>();
    CountDownLatch go = new CountDownLatch(1);
    for (int i = 0; i < 6; i++) {
      Alerts node = node();
      Thread thread = new Thread(() -> {
        try {
          go.await();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        }
        node.evaluate();
      });
      nodes.add(thread);
      thread.start();
    }
    go.countDown();
    for (Thread node : nodes) {
      node.join();
    }
    List<JsonNode> told = told();
    assertThat(told).hasSize(1);
    assertThat(told.get(0).path("summary").asText()).startsWith("the breaker of provider `openai` is open");
    assertThat(told.get(0).path("severity").asText()).isEqualTo("critical");
  }

  @Test
  void an_acknowledged_alert_is_not_told_again_but_its_end_is() throws Exception {
    providers.add(new ProviderState("groq", true, "CLOSED", "credentials 401", clock.millis()));
    look();
    String id = told().get(0).path("alert_id").asText();
    AlertPages pages = new AlertPages(other);
    JsonNode acked = pages.acknowledge(post("/admin/alerts/" + id + "/ack", "{\"note\":\"Ada is on it\"}"));
    assertThat(acked.path("note").asText()).isEqualTo("Ada is on it");
    assertThat(pages.acknowledge(post("/admin/alerts/" + id + "/ack", "{\"note\":\"twice\"}")).path("note").asText()).isEqualTo("Ada is on it");
    for (int i = 0; i < 30; i++) {
      clock.turn(Duration.ofMinutes(10));
      providers.set(0, new ProviderState("groq", true, "CLOSED", "credentials 401", clock.millis()));
      look();
    }
    assertThat(told()).isEmpty();
    providers.clear();
    clock.turn(Duration.ofMinutes(3));
    look();
    assertThat(told()).extracting(message -> message.path("state").asText()).containsExactly("resolved");
    assertThat(problem(() -> pages.acknowledge(post("/admin/alerts/nobody/ack", "{}"))).status()).isEqualTo(404);
    assertThat(problem(() -> pages.acknowledge(post("/admin/alerts/" + id + "/ack", "{\"nota\":1}"))).param()).isEqualTo("nota");
  }

  @Test
  void spending_latency_and_cache_are_measured_over_their_time() throws Exception {
    for (int i = 0; i < 5; i++) {
      one.count(bill("team-a", "ok", 200, "miss", Usd.of("0.04"), Duration.ofMillis(1_500)));
    }
    look();
    assertThat(told()).extracting(message -> message.path("summary").asText()).containsExactly("the gateway spends 1.2 USD an hour over 10m, above 1");
    assertThat(told("alerts to chat").get(0).path("text").asText()).startsWith("[WARNING] the 95th percentile of model `openai/gpt-4o` is 1").contains(" ms over 5m, above 1000 (rule slow, alert ");
    assertThat(new AlertPages(one).open(get("/admin/alerts", Map.of())).path("data")).extracting(alert -> alert.path("rule").asText()).containsExactlyInAnyOrder("spend", "slow", "cold");
    clock.turn(Duration.ofMinutes(11));
    look();
    clock.turn(Duration.ofMinutes(3));
    look();
    assertThat(one.open()).isZero();
  }

  @Test
  void credit_is_low_until_it_is_topped_up_and_a_budget_is_spent_until_its_period_ends() throws Exception {
    one.signal("credit_low", "team-a@prepaid", "team-a", "credit `team-a` is low: 4 of 5", 5_000, 0);
    other.signal("credit_low", "team-a@prepaid", "team-a", "credit `team-a` is low: 4.1 of 5", 5_000, 0);
    one.signal("credit_low", "else@prepaid", "else", "no rule is for this project", 5_000, 0);
    one.signal("budget_spent", "team-a/day@2026-11-27", "team-a", "budget `team-a/day` is spent", 0, Instant.parse("2026-11-28T00:00:00Z").toEpochMilli());
    look();
    assertThat(told()).hasSize(2);
    clock.turn(Duration.ofHours(3));
    look();
    assertThat(one.open()).isEqualTo(2);
    paidIn = 9_000;
    look();
    assertThat(told()).extracting(message -> message.path("on").asText() + " " + message.path("state").asText()).containsExactly("credit_low resolved");
    clock.turn(Duration.ofHours(10));
    look();
    assertThat(told()).extracting(message -> message.path("on").asText() + " " + message.path("state").asText()).containsExactly("budget_spent resolved");
  }

  @Test
  void what_is_heard_of_a_period_after_it_ended_is_not_told() throws Exception {
    one.signal("budget_spent", "team-a/day@2026-11-27", "team-a", "budget `team-a/day` is spent", 0, clock.millis() + 1_000);
    clock.turn(Duration.ofSeconds(1));
    look();
    assertThat(told()).isEmpty();
  }

  @Test
  void a_rule_that_is_gone_ends_its_alerts_without_a_word() throws Exception {
    providers.add(new ProviderState("openai", false, "OPEN", null, 0));
    look();
    assertThat(told()).hasSize(1);
    rules("rules: []");
    look();
    assertThat(told()).isEmpty();
    assertThat(one.open()).isZero();
  }

  @Test
  void a_try_of_a_sink_is_sent_and_an_unknown_one_is_named() throws Exception {
    AlertPages pages = new AlertPages(one);
    pages.test(post("/admin/alerts/test", "{\"to\":\"ops\"}"));
    assertThat(told().get(0).path("state").asText()).isEqualTo("test");
    assertThat(problem(() -> pages.test(post("/admin/alerts/test", "{\"to\":\"pager\"}")))).hasMessageContaining("there are chat, ops");
    assertThat(problem(() -> pages.open(get("/admin/alerts", Map.of("limit", "0")))).param()).isEqualTo("limit");
    assertThat(problem(() -> pages.open(get("/admin/alerts", Map.of("rules", "x")))).param()).isEqualTo("rules");
  }

  @Test
  @Tag("F5")
  void what_is_signalled_while_the_store_is_away_is_told_later() throws Exception {
    Alerts cut = new Alerts(() -> rules, awayOnce(store.dataSource()), List.of(new AlertSink("ops", SINK, AlertSink.Format.JSON)), outbox::leave, outbox::written, List::of, project -> paidIn, clock);
    cut.signal("budget_spent", "team-a/day@x", "team-a", "spent", 0, clock.millis() + 1_000);
    cut.evaluate();
    assertThat(told()).isEmpty();
    cut.evaluate();
    assertThat(told()).hasSize(1);
  }

  /** Fails the first time it is asked for a connection. */
  private static DataSource awayOnce(DataSource store) {
    boolean[] asked = new boolean[1];
    return (DataSource) Proxy.newProxyInstance(DataSource.class.getClassLoader(), new Class<?>[] {DataSource.class}, (proxy, method, arguments) -> {
      if (!asked[0]) {
        asked[0] = true;
        throw new SQLException("away", "08001");
      }
      return method.invoke(store, arguments);
    });
  }

  private static Problem problem(org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
    Problem[] caught = new Problem[1];
    assertThatThrownBy(call).isInstanceOfSatisfying(Problem.class, problem -> caught[0] = problem);
    return caught[0];
  }

  private static Inbound get(String path, Map<String, String> query) {
    return new Inbound("req", "http", "GET", path, query, Map.of(), new byte[0], Instant.now());
  }

  private static Inbound post(String path, String body) {
    return new Inbound("req", "http", "POST", path, Map.of(), Map.of(), body.getBytes(UTF_8), Instant.now());
  }
}
