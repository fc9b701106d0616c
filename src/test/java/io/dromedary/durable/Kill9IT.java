package io.dromedary.durable;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Json;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Mood;
import java.io.IOException;
import java.math.BigDecimal;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The real jar, killed at random moments under load: what it asked providers and what it answered are in its ledger, exactly once. */
@Tag("M1")
@Tag("F6")
class Kill9IT {
  private static final int KILLS = 3;
  private static final int CLIENTS = 8;
  private static final String KEY = "the-key";
  private static final String KEY_SHA256 = "ad44dc8e51cfbfa55e81ddbb626b466241069045066846e7e4cd096131505290";
  private static final String MODEL = "openai/gpt-4o-mini";

  @TempDir
  Path home;

  private final Map<String, BigDecimal> answered = new ConcurrentHashMap<>();
  private final AtomicInteger prompts = new AtomicInteger();

  @Test
  void every_provider_call_has_a_row_and_every_answer_its_exact_cost_however_often_it_is_killed() throws Exception {
    callers();
    long seed = System.nanoTime();
    Random random = new Random(seed);
    try (FakeProvider openai = FakeProvider.openai().says(6).mood(Mood.DRIPS).every(Duration.ofMillis(4)).mood("gpt-4o", Mood.HANGS)) {
      Map<String, String> environment = Map.of("OPENAI_API_KEY", "sk-test-0123456789abcdef", "OPENAI_BASE_URL", openai.url());
      for (int i = 0; i < KILLS; i++) {
        try (AppProcess app = AppProcess.start(home, environment)) {
          List<Thread> clients = new ArrayList<>();
          for (int client = 0; client < CLIENTS; client++) {
            boolean streams = client % 2 == 0;
            clients.add(start(() -> ask(app, streams)));
          }
          Thread keyed = start(() -> app.chat(Gateway.request("openai/gpt-4o", "hangs until it is killed"), "Idempotency-Key", "killed-first", "x-api-key", KEY));
          int before = answered.size();
          long until = System.nanoTime() + Duration.ofSeconds(30).toNanos();
          while (answered.size() < before + 40 && System.nanoTime() < until) {
            Thread.sleep(5);
          }
          Thread.sleep(random.nextInt(300));
          app.kill();
          for (Thread client : clients) {
            client.join(20_000);
          }
          keyed.join(20_000);
        }
      }
      openai.mood("gpt-4o", Mood.WELL);
      int killedCalls = openai.calls();
      try (AppProcess app = AppProcess.start(home, environment)) {
        HttpResponse<String> again = app.chat(Gateway.request("openai/gpt-4o", "hangs until it is killed"), "Idempotency-Key", "killed-first", "x-api-key", KEY);
        assertThat(again.statusCode()).as("the killed request's key is free: %s", again.body()).isEqualTo(200);
        for (Map.Entry<String, BigDecimal> answer : answered.entrySet()) {
          JsonNode page = app.json("/v1/requests/" + answer.getKey(), "x-api-key", KEY);
          assertThat(page.path("status").asText()).as("seed %d: %s", seed, page).isEqualTo("ok");
          assertThat(new BigDecimal(page.path("cost_usd").asText())).as("seed %d: %s", seed, page).isEqualByComparingTo(answer.getValue());
          assertThat(page.path("attempts")).hasSize(1);
        }
        app.terminate();
        app.exit(Duration.ofSeconds(60));
      }
      assertThat(answered.size()).isGreaterThanOrEqualTo(KILLS * 40);
      Map<String, Long> callsByPrompt = openai.requests().stream().map(call -> call.json().at("/messages/0/content").asText()).filter(prompt -> prompt.startsWith("p-"))
          .collect(Collectors.groupingBy(prompt -> prompt, Collectors.counting()));
      assertThat(callsByPrompt.values()).as("seed %d: no prompt reached the provider twice", seed).allMatch(calls -> calls == 1);
      try (LedgerFile ledger = new LedgerFile(home.resolve("data"))) {
        assertThat(ledger.number("SELECT COUNT(*) FROM dromedary_attempts")).as("seed %d: every call has a row", seed).isGreaterThanOrEqualTo(openai.calls());
        assertThat(ledger.number("SELECT COUNT(*) FROM dromedary_attempts WHERE status = 'STARTED'")).as("none is left open").isZero();
        assertThat(ledger.number("SELECT COUNT(*) FROM dromedary_attempts WHERE status = 'UNKNOWN'")).as("seed %d: something was cut by %d kills", seed, KILLS).isPositive();
        assertThat(ledger.number("SELECT COUNT(*) FROM dromedary_attempts WHERE status = 'UNKNOWN' AND (cost_nanos <> reserved_nanos OR cost_nanos = 0)")).as("charged at the bound").isZero();
        assertThat(ledger.number("SELECT COUNT(*) FROM (SELECT request_id, number FROM dromedary_attempts GROUP BY request_id, number HAVING COUNT(*) > 1) t")).as("none twice").isZero();
        assertThat(ledger.number("SELECT COUNT(*) FROM dromedary_attempts a WHERE NOT EXISTS (SELECT 1 FROM dromedary_requests r WHERE r.request_id = a.request_id)")).as("each under its request").isZero();
        assertThat(ledger.number("SELECT SUM(cost_nanos) FROM dromedary_attempts")).isEqualTo(ledger.number("SELECT SUM(cost_nanos) FROM dromedary_requests"));
        long spent = ledger.number("SELECT SUM(cost_nanos) FROM dromedary_attempts");
        assertThat(ledger.number("SELECT used_nanos FROM dromedary_purses WHERE name = 'team-a/total'")).as("seed %d: the budget is what the ledger says", seed).isEqualTo(spent);
        assertThat(ledger.number("SELECT used_nanos FROM dromedary_purses WHERE name = 'team-a/day-key'")).isEqualTo(spent);
        assertThat(ledger.number("SELECT SUM(reserved_nanos) FROM dromedary_purses")).as("nothing is held for the killed").isZero();
        // a row that is settled as asked was one call; a call without an answer is a row that is unknown
        assertThat(ledger.number("SELECT COUNT(*) FROM dromedary_attempts WHERE status = 'SETTLED'")).isLessThanOrEqualTo(openai.calls());
        System.out.println("Kill9IT: " + KILLS + " kills, " + killedCalls + " calls, " + answered.size() + " answered, " + ledger.number("SELECT COUNT(*) FROM dromedary_attempts WHERE status = 'UNKNOWN'") + " unknown");
      }
    }
  }

  private void callers() throws IOException {
    Files.createDirectories(home.resolve("config"));
    Files.writeString(home.resolve("config/callers.yaml"), "projects: [{id: team-a, keys: [{id: ci, sha256: " + KEY_SHA256 + "}], budgets: [{per: total, usd: 1000}, {per: day, usd: 1000, for: key}]}]\n");
  }

  private interface Asking {
    void ask() throws IOException, InterruptedException;
  }

  private static Thread start(Asking asking) {
    Thread thread = new Thread(() -> {
      try {
        asking.ask();
      } catch (IOException killed) {
        // that is what this test does
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    });
    thread.setDaemon(true);
    thread.start();
    return thread;
  }

  /** Until the gateway is gone. */
  private void ask(AppProcess app, boolean streams) throws IOException, InterruptedException {
    while (app.alive()) {
      var request = Gateway.request(MODEL, "p-" + prompts.incrementAndGet());
      if (!streams) {
        HttpResponse<String> answer = app.chat(request, "x-dromedary-cache", "no-store", "x-api-key", KEY);
        if (answer.statusCode() == 200) {
          answered.put(answer.headers().firstValue("x-request-id").orElseThrow(), new BigDecimal(answer.headers().firstValue("x-dromedary-cost-usd").orElseThrow()));
        }
        continue;
      }
      try (AppProcess.Lines lines = app.stream(request, "x-dromedary-cache", "no-store", "x-api-key", KEY)) {
        String cost = "";
        for (String data = lines.next(); data != null; data = lines.next()) {
          if (data.equals("[DONE]")) {
            answered.put(lines.header("x-request-id"), new BigDecimal(cost));
          } else {
            JsonNode usage = Json.read(data.getBytes(StandardCharsets.UTF_8)).path("usage");
            cost = usage.has("cost") ? usage.path("cost").asText() : cost;
          }
        }
      }
    }
  }
}
