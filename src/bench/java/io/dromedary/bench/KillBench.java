package io.dromedary.bench;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Json;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;

/**
 * Kills the gateway with {@code kill -9} at random moments under load, whole answers and streams by turns, starts it again on the same state, and holds the ledger against what clients and the upstream saw (behaviour M1).
 *
 * <p>Checked: each answered request has its ledger entry with exactly one attempt and a cost above zero; the upstream saw no request twice; the ledger's count of requests is not below
 * the upstream's count of calls.
 */
final class KillBench {
  private static final int CONNECTIONS = 16;
  /** About as many kills as a run has. */
  private static final int KILLS = 20;

  private final Options options;
  private final Child mock;
  private final Report report;

  KillBench(Options options, Child mock, Report report) {
    this.options = options;
    this.mock = mock;
    this.report = report;
  }

  void run(Path parent) throws IOException, InterruptedException {
    Path state = Files.createTempDirectory(parent, "kill-");
    long wanted = options.number("kill-requests");
    long seed = System.nanoTime();
    SplittableRandom random = new SplittableRandom(seed);
    System.out.println("\nkill -9: " + wanted + " requests, seed " + seed);
    Bench.manner(mock, "delay=5&gap=1&chunks=20&record=1");
    int port = Child.freePort();
    Map<Long, String> answered = new LinkedHashMap<>();
    Map<String, Integer> refused = new TreeMap<>();
    long sent = 0;
    int kills = 0;
    double slowestStart = 0;
    while (sent < wanted) {
      long start = System.nanoTime();
      Child gateway = Child.gateway(options, port, Bench.environment(mock, state));
      try {
        gateway.awaitReady("/health/readiness", Duration.ofSeconds(60));
        slowestStart = Math.max(slowestStart, (System.nanoTime() - start) / 1e9);
        Target target = Target.of("gateway", gateway.baseUrl, options.text("model"), gateway.view);
        AtomicBoolean dead = new AtomicBoolean();
        CountDownLatch enough = new CountDownLatch(1);
        long[] done = {0};
        long killAfter = 1 + random.nextLong(2 * wanted / KILLS);
        long thenNanos = random.nextLong(5_000_000);
        Thread killer = new Thread(() -> {
          try {
            enough.await();
            LockSupport.parkNanos(thenNanos);
            gateway.kill();
            dead.set(true);
          } catch (InterruptedException ended) {
            Thread.currentThread().interrupt();
          }
        }, "killer");
        killer.start();
        Shape shape = kills % 2 == 0 ? Shape.whole(240) : Shape.stream(20, 240);
        Result result = LoadClient.closedLoop(target, shape, CONNECTIONS, 30, Long.MAX_VALUE, new LoadClient.Listener() {
          @Override
          public void finished(Target asked, long number, String requestId, String problem) {
            if (++done[0] >= killAfter) {
              enough.countDown();
            }
            if (problem.isEmpty()) {
              answered.put(number, requestId);
            } else if (problem.startsWith("status")) {
              refused.merge(problem, 1, Integer::sum);
            }
          }

          @Override
          public boolean stopped() {
            return dead.get();
          }
        });
        enough.countDown();
        killer.join();
        sent += result.ok + CONNECTIONS;
        kills++;
      } finally {
        gateway.close();
      }
    }
    try (Child gateway = Child.gateway(options, port, Bench.environment(mock, state))) {
      gateway.awaitReady("/health/readiness", Duration.ofSeconds(60));
      if (!refused.isEmpty()) {
        System.out.println("  refused: " + refused);
      }
      judge(gateway, sent, kills, answered);
    }
    report.figure("kill -9, slowest restart to ready", slowestStart, "s", 8, 5, false);
    Bench.manner(mock, "delay=0&gap=0&record=0");
  }

  private void judge(Child gateway, long sent, int kills, Map<Long, String> answered) throws IOException, InterruptedException {
    JsonNode calls = Json.read(Child.get(mock.root() + "/control/calls").body());
    long providerCalls = 0;
    long twice = 0;
    for (JsonNode count : calls) {
      providerCalls += count.asLong();
      twice += count.asLong() > 1 ? 1 : 0;
    }
    long missing = 0;
    long wrong = 0;
    String sample = "";
    for (String requestId : answered.values()) {
      HttpResponse<String> reply = Child.get(gateway.baseUrl + "/requests/" + requestId);
      if (reply.statusCode() != 200) {
        missing++;
        sample = sample.isEmpty() ? "missing " + requestId + ": " + reply.statusCode() : sample;
        continue;
      }
      JsonNode entry = Json.read(reply.body());
      if (entry.path("attempts").size() != 1 || cost(entry) <= 0) {
        wrong++;
        sample = sample.isEmpty() ? "odd " + reply.body() : sample;
      }
    }
    HttpResponse<String> usage = Child.get(gateway.baseUrl + "/usage?group_by=model");
    double ledgerRequests = usage.statusCode() == 200 ? sum(Json.read(usage.body()), "requests") : Double.NaN;
    System.out.println("  " + kills + " kills, " + sent + " requests, " + answered.size() + " answered, " + providerCalls + " provider calls, " + twice + " prompts called more than once, "
        + missing + " answers missing in the ledger, " + wrong + " with another number of attempts than one or no cost, ledger requests " + ledgerRequests);
    if (!sample.isEmpty()) {
      System.out.println("  first finding: " + sample.substring(0, Math.min(600, sample.length())));
    }
    report.figure("kill -9, kills", kills, "", Double.NaN, Double.NaN, true);
    report.figure("kill -9, answered but not in the ledger", missing, "requests", 0, 0, false);
    report.figure("kill -9, answered with a wrong entry", wrong, "requests", 0, 0, false);
    report.figure("kill -9, prompts sent upstream twice", twice, "requests", 0, 0, false);
    report.figure("kill -9, provider calls that the ledger lacks", Math.max(0, providerCalls - ledgerRequests), "calls", 0, 0, false);
  }

  private static double cost(JsonNode entry) {
    for (String name : new String[] {"cost_usd", "cost"}) {
      if (entry.hasNonNull(name)) {
        return entry.get(name).asDouble();
      }
    }
    return Double.NaN;
  }

  /** The sum of all {@code name} numbers in rows below the top; the top's own when it has no rows. */
  private static double sum(JsonNode node, String name) {
    for (String list : new String[] {"data", "rows", "groups"}) {
      if (node.path(list).isArray()) {
        double total = 0;
        for (JsonNode row : node.path(list)) {
          total += row.path(name).asDouble();
        }
        return total;
      }
    }
    return node.path(name).isNumber() ? node.path(name).asDouble() : Double.NaN;
  }
}
