package io.dromedary.features;

import static io.dromedary.testing.Gateway.request;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpServer;
import io.dromedary.access.ApiKey;
import io.dromedary.alert.Alerts;
import io.dromedary.chat.Json;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Gateway.Answer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.camel.CamelContext;
import org.apache.camel.builder.RouteBuilder;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Alerts as they reach people: a webhook, Slack, a route of one's own; one sink hangs all the while. */
class AlertsFeatureTest {
  private static final ApiKey KEY = ApiKey.generate();
  private static final String PAYING = "dk-of-team-c-0123456789abcdefghij";
  private static final String BEARER = "Bearer " + KEY.key().value();

  /** What a webhook got. */
  private record Post(String type, JsonNode body) {}

  @TempDir static Path config;
  private static final Queue<Post> HOOK = new ConcurrentLinkedQueue<>();
  private static final Queue<Post> SLACK = new ConcurrentLinkedQueue<>();
  private static final Queue<String> ROUTE = new ConcurrentLinkedQueue<>();
  private static volatile int refusals = 1;
  private static HttpServer server;
  private static ServerSocket hung;
  private static FakeProvider openai;
  private static Gateway gateway;
  private static String admin;

  @BeforeAll
  static void start() throws Exception {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", exchange -> {
      Post post = new Post(exchange.getRequestMethod() + " " + exchange.getRequestHeaders().getFirst("Content-Type"), Json.read(exchange.getRequestBody().readAllBytes()));
      boolean refuse = exchange.getRequestURI().getPath().equals("/hook") && refusals-- > 0;
      if (!refuse) {
        (exchange.getRequestURI().getPath().equals("/hook") ? HOOK : SLACK).add(post);
      }
      exchange.sendResponseHeaders(refuse ? 500 : 200, -1);
      exchange.close();
    });
    server.start();
    hung = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    Files.writeString(config.resolve("alerts.yaml"), """
        rules:
        - {id: spent, on: budget_spent, to: [hook, slack, route, hung, mute]}
        - {id: low, on: credit_low, to: [hook]}
        - {id: spend, on: spend_rate, above: 0, per: project, to: [hook]}
        """);
    String url = "http://127.0.0.1:" + server.getAddress().getPort();
    openai = FakeProvider.speaking("openai", 0);
    gateway = Gateway.with("openai", openai).callers("projects:\n- {id: team-a, keys: [{id: k, sha256: " + KEY.sha256() + "}], budgets: [{per: day, usd: 0.000001}]}\n- {id: team-b, keys: []}\n- {id: team-c, keys: [{id: k, sha256: " + ApiKey.sha256Hex(PAYING) + ", credit: {low_usd: 1}}], credit: {}}\n")
        .set("dromedary.config.dir", config).set("dromedary.config.watch-every-ms", 200).set("dromedary.alerts.every-ms", 1_000).set("dromedary.cache.enabled", false)
        .set("dromedary.alerts.sinks.hook.uri", url + "/hook?token=s3cret").set("dromedary.alerts.sinks.slack.uri", url + "/slack").set("dromedary.alerts.sinks.slack.format", "slack")
        .set("dromedary.alerts.sinks.route.uri", "direct:my-alerts").set("dromedary.alerts.sinks.hung.uri", "http://127.0.0.1:" + hung.getLocalPort() + "/").set("dromedary.alerts.sinks.mute.uri", "").set("camel.component.http.response-timeout", 1_000).start();
    gateway.bean(CamelContext.class).addRoutes(new RouteBuilder() {
      @Override
      public void configure() {
        from("direct:my-alerts").process(exchange -> ROUTE.add(exchange.getMessage().getBody(String.class)));
      }
    });
    admin = "Bearer " + gateway.adminToken();
  }

  @AfterAll
  static void stop() throws Exception {
    gateway.close();
    openai.close();
    server.stop(0);
    hung.close();
  }

  private static JsonNode admin(String path) {
    return gateway.get(path, "Authorization", admin).json();
  }

  @Test
  @Tag("F4")
  @Tag("X7")
  void a_spent_budget_reaches_every_sink_that_lives_once() {
    Answer refused = gateway.chat(request("openai/gpt-4o", "a secret prompt"), "Authorization", BEARER);
    assertThat(refused.status()).as(refused.text()).isEqualTo(429);
    assertThat(refused.json().at("/error/code").asText()).isEqualTo("budget_exceeded");

    await().atMost(Duration.ofSeconds(30)).untilAsserted(() -> assertThat(List.of(spent(HOOK), (long) SLACK.size(), (long) ROUTE.size())).containsExactly(1L, 1L, 1L));
    Post post = HOOK.stream().filter(each -> each.body().path("rule").asText().equals("spent")).findFirst().orElseThrow();
    assertThat(post.type()).isEqualTo("POST application/json");
    assertThat(post.body().path("project").asText()).isEqualTo("team-a");
    assertThat(post.body().path("summary").asText()).startsWith("budget `team-a/day`").contains("is spent", "it resets ");
    assertThat(SLACK.peek().body().path("text").asText()).startsWith("[WARNING] budget `team-a/day`");
    assertThat(SLACK.peek().body()).hasSize(1);
    assertThat(List.of(post.body().toString(), SLACK.peek().body().toString(), ROUTE.peek())).noneMatch(text -> text.contains("secret") || text.contains(KEY.key().value()));

    JsonNode alert = alert("/admin/alerts", "spent");
    assertThat(alert.path("state").asText()).isEqualTo("firing");
    String id = alert.path("id").asText();
    Answer acked = gateway.post("/admin/alerts/" + id + "/ack", "{\"note\":\"seen\"}", "Authorization", admin);
    assertThat(acked.status()).as(acked.text()).isEqualTo(200);
    assertThat(alert("/admin/alerts/history?rule=spent", "spent").path("note").asText()).isEqualTo("seen");
    assertThat(spent(HOOK)).isEqualTo(1);
    String metrics = gateway.get("/metrics").text();
    assertThat(metrics).contains("dromedary_alerts_open").doesNotContain("s3cret");
  }

  private static long spent(Queue<Post> posts) {
    return posts.stream().filter(post -> post.body().path("rule").asText().equals("spent")).count();
  }

  @Test
  void a_keys_credit_is_low_until_it_is_topped_up_itself_whatever_its_project_has() {
    payIn("team-c", 100);
    payIn("team-c:k", 0.5);
    assertThat(gateway.chat(request("openai/gpt-4o", "hello", "{'max_tokens': 5}"), "Authorization", "Bearer " + PAYING).status()).isEqualTo(200);
    Alerts alerts = gateway.bean(Alerts.class);
    await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> assertThat(admin("/admin/alerts").toString()).contains("team-c:k@prepaid"));
    alerts.evaluate();
    assertThat(alert("/admin/alerts", "low").path("state").asText()).isEqualTo("firing");
    payIn("team-c:k", 5);
    alerts.evaluate();
    assertThat(alert("/admin/alerts/history?rule=low", "low").path("state").asText()).isEqualTo("resolved");
  }

  private static void payIn(String credit, double usd) {
    Answer answer = gateway.post("/admin/credits/" + credit + "/top-up", "{\"usd\": " + usd + ", \"reference\": \"" + usd + "\"}", "Authorization", admin);
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
  }

  private static JsonNode alert(String path, String rule) {
    for (JsonNode alert : admin(path).path("data")) {
      if (alert.path("rule").asText().equals(rule)) {
        return alert;
      }
    }
    throw new AssertionError("no alert of " + rule + " in " + admin(path));
  }

  @Test
  @Tag("F9")
  void rules_change_while_it_runs_and_a_mistake_changes_nothing() throws Exception {
    String rules = Files.readString(config.resolve("alerts.yaml"));
    Files.writeString(config.resolve("alerts.yaml"), rules + "- {id: wrong, on: budget_low, to: [pager]}\n");
    Answer refused = gateway.post("/admin/reload", "", "Authorization", admin);
    assertThat(refused.status()).isEqualTo(422);
    assertThat(refused.json().at("/error/message").asText()).contains("`pager` is no sink; dromedary.alerts.sinks has hook, hung, mute, route, slack").doesNotContain("s3cret");
    Files.writeString(config.resolve("alerts.yaml"), rules + "- {id: right, on: budget_low, to: [hook]}\n");
    assertThat(gateway.post("/admin/reload", "", "Authorization", admin).status()).isEqualTo(200);
    assertThat(admin("/admin/config").toString()).contains("config/alerts.yaml");
  }

  @Test
  @Tag("X6")
  void a_projects_key_sees_no_alerts() {
    for (String path : new String[] {"/admin/alerts", "/admin/alerts/history"}) {
      assertThat(gateway.get(path, "Authorization", BEARER).status()).as(path).isEqualTo(401);
    }
    assertThat(gateway.post("/admin/alerts/test", "{\"to\":\"hook\"}", "Authorization", BEARER).status()).isEqualTo(401);
  }
}
