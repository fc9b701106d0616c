package io.dromedary.bench;

import io.dromedary.access.ApiKey;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * What limits cost, and what they are worth: {@code limits} asks a gateway whose callers have neither limits nor budgets and one whose callers have all of them, by turns; {@code flood} has one project ask far more than it may and
 * looks at how long another one waits (behaviour F8).
 */
final class LimitsBench {
  private static final String ADMIN = "da-bench-0123456789abcdefghijklmnopqrstuv";
  private static final String KEY = "bench-key-0123456789abcdef";
  private static final String FLOOD = "bench-flood-0123456789abcdef";
  private static final int ROUNDS = 5;

  private final Options options;
  private final Child mock;
  private final Report report;

  LimitsBench(Options options, Child mock, Report report) {
    this.options = options;
    this.mock = mock;
    this.report = report;
  }

  void run(Path parent, Set<String> scenarios) throws IOException, InterruptedException {
    if (scenarios.contains("limits")) {
      limits(parent);
    }
    if (scenarios.contains("flood")) {
      flood(parent);
    }
  }

  private void limits(Path parent) throws IOException, InterruptedException {
    Bench.manner(mock, "delay=0&gap=0");
    String all = "    limits:\n      in-flight: 2000\n      windows:\n"
        + "        - {per: second, requests: 1000000}\n        - {per: minute, requests: 10000000, burst: 1000000}\n        - {per: minute, tokens: 10000000000}\n        - {per: hour, requests: 100000000}\n"
        + "        - {per: day, requests: 1000000000, for: user}\n        - {per: minute, requests: 10000000, for: key}\n        - {per: minute, requests: 10000000, for: model}\n        - {concurrent: 2000}\n"
        + "    budgets:\n      - {per: day, usd: 1000000}\n      - {per: month, usd: 1000000, soft: 0.9, on_soft: cheaper}\n      - {per: total, usd: 1000000, for: key}\n      - {per: day, usd: 1000000, for: user}\n"
        + "      - {per: week, usd: 1000000, for: model}\n    credit: {low_usd: 10, critical_usd: 1}\n";
    try (Child without = start(Files.createTempDirectory(parent, "free-"), project("bench", KEY, "    limits: {in-flight: 2000}\n"));
        Child with = start(Files.createTempDirectory(parent, "limited-"), project("bench", KEY, all))) {
      topUp(with);
      Target free = Target.of("no limits", without.baseUrl, options.text("model"), without.view);
      Target limited = Target.of("all limits", with.baseUrl, options.text("model"), with.view);
      Shape shape = Shape.whole(options.number("prompt-chars")).by(KEY);
      int connections = options.number("connections");
      for (Target each : List.of(free, limited)) {
        LoadClient.closedLoop(each, shape, connections, options.decimal("warmup") / 2);
      }
      Result[] results = {new Result(), new Result()};
      double[] ratios = new double[ROUNDS];
      ProcessView.Reading[] before = {without.view.read(), with.view.read()};
      for (int round = 0; round < ROUNDS; round++) {
        Result one = LoadClient.closedLoop(free, shape, connections, options.decimal("seconds") / 2);
        Result two = LoadClient.closedLoop(limited, shape, connections, options.decimal("seconds") / 2);
        ratios[round] = two.perSecond() / one.perSecond();
        results[0].add(one);
        results[1].add(two);
      }
      Arrays.sort(ratios);
      Report.header();
      report.add(row("pass-through x" + connections, free, results[0], before[0]));
      report.add(row("pass-through x" + connections, limited, results[1], before[1]));
      boolean sound = results[0].failed() * 100 <= results[0].ok && results[1].failed() * 100 <= results[1].ok;
      report.figure("throughput with all limits, of that without (median of rounds)", sound ? 100 * ratios[ROUNDS / 2] : Double.NaN, "%", 80, 80, true);
    }
  }

  private void flood(Path parent) throws IOException, InterruptedException {
    // a provider that takes its time, so that what a flood does to others is the gateway's doing and not that of two processors for four processes
    Bench.manner(mock, "delay=100&gap=0");
    Path state = Files.createTempDirectory(parent, "flood-");
    try (Child gateway = start(state, project("quiet", KEY, "") + project("flood", FLOOD, ""))) {
      Target target = Target.of("quiet project", gateway.baseUrl, options.text("model"), gateway.view);
      Target flooded = Target.of("its flooder", gateway.baseUrl, options.text("model"), gateway.view);
      Shape quiet = Shape.whole(options.number("prompt-chars")).by(KEY);
      Shape flood = Shape.whole(options.number("prompt-chars")).by(FLOOD);
      double rate = options.decimal("stream-rate");
      double seconds = options.decimal("seconds");
      LoadClient.openLoop(List.of(target), quiet, rate * 4, 256, options.decimal("warmup") / 2);
      LoadClient.openLoop(List.of(flooded), flood, options.decimal("flood-rate") / 2, 512, options.decimal("warmup") / 4);
      Result[] results = {new Result(), new Result(), new Result()};
      double[] ratios = new double[ROUNDS];
      ProcessView.Reading before = gateway.view.read();
      for (int round = 0; round < ROUNDS; round++) {
        Result alone = LoadClient.openLoop(List.of(target), quiet, rate, 256, seconds).results().get(0);
        CompletableFuture<Result> beside = CompletableFuture.supplyAsync(() -> {
          try {
            return LoadClient.openLoop(List.of(flooded), flood, options.decimal("flood-rate"), 1_024, seconds + 2).results().get(0);
          } catch (IOException e) {
            throw new IllegalStateException(e);
          }
        });
        Thread.sleep(1_000);
        Result during = LoadClient.openLoop(List.of(target), quiet, rate, 256, seconds).results().get(0);
        results[2].add(beside.join());
        ratios[round] = during.latency.millis(0.99) / alone.latency.millis(0.99);
        results[0].add(alone);
        results[1].add(during);
      }
      Arrays.sort(ratios);
      Report.header();
      report.add(row("alone at " + (int) rate + "/s", target, results[0], before));
      report.add(row("beside a flood", target, results[1], before));
      report.add(row("the flood at " + options.text("flood-rate") + "/s", flooded, results[2], before));
      report.figure("a flooding project, p99 of another over its p99 alone (median of rounds)", ratios[ROUNDS / 2], "x", 2, 2, false);
      report.figure("a flooding project, failed requests of another", results[0].failed() + results[1].failed(), "requests", 0, 0, false);
    }
  }

  private Report.Row row(String scenario, Target target, Result result, ProcessView.Reading before) {
    ProcessView view = target.process();
    ProcessView.Reading reading = view == null ? new ProcessView.Reading(0, 0, 0, 0, 0) : view.read();
    double cpu = scenario.startsWith("pass-through") ? (reading.cpuMillis() - before.cpuMillis()) / Math.max(1, result.ok + result.failed()) : Double.NaN;
    return new Report.Row(scenario, target.name(), result.perSecond(), result.latency.millis(0.5), result.latency.millis(0.99), result.latency.millis(0.999), result.ok, result.failed(), cpu, false, reading.rssMib(), reading.threads(), -1,
        result.firstError);
  }

  private static String project(String id, String key, String more) {
    return "  - id: " + id + "\n    keys: [{id: k, sha256: " + ApiKey.sha256Hex(key) + "}]\n" + more;
  }

  private Child start(Path state, String projects) throws IOException, InterruptedException {
    Path config = Files.createDirectories(state.resolve("config"));
    Files.writeString(config.resolve("callers.yaml"), "projects:\n" + projects);
    Map<String, String> environment = new HashMap<>(Bench.environment(mock, state));
    environment.put("DROMEDARY_CONFIG_DIR", config.toString());
    environment.put("DROMEDARY_ADMIN_TOKEN", ADMIN);
    Child gateway = Child.gateway(options, Child.freePort(), environment);
    try {
      gateway.awaitReady("/health/readiness", Duration.ofSeconds(60));
    } catch (IOException | InterruptedException e) {
      gateway.close();
      throw e;
    }
    return gateway;
  }

  private static void topUp(Child gateway) throws IOException, InterruptedException {
    HttpResponse<String> answer = HttpClient.newHttpClient().send(HttpRequest.newBuilder(URI.create(gateway.root() + "/admin/credits/bench/top-up")).header("Authorization", "Bearer " + ADMIN)
        .header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofString("{\"usd\": 100000, \"reference\": \"bench\"}")).build(), HttpResponse.BodyHandlers.ofString());
    if (answer.statusCode() != 200) {
      throw new IllegalStateException("the credit was not paid in: " + answer.body());
    }
  }
}
