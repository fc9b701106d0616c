package io.dromedary.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Hangs the sink of cost events and asks whether requests notice and events survive (behaviour F4): the same load on a gateway without a sink and on one whose sink accepts connections
 * and never answers; then that gateway's state behind a file sink, until the file names every answered request.
 */
final class SinkBench {
  private static final Duration RECOVERY = Duration.ofSeconds(60);

  private final Options options;
  private final Child mock;
  private final Report report;

  SinkBench(Options options, Child mock, Report report) {
    this.options = options;
    this.mock = mock;
    this.report = report;
  }

  void run(Path parent) throws IOException, InterruptedException {
    Bench.manner(mock, "delay=0&gap=0");
    String hung = options.text("hung-sink").isEmpty() ? "kafka:llm.cost-events?brokers=" + mock.hungUrl : options.text("hung-sink");
    System.out.println("\nhung sink: " + hung);
    Set<String> requestIds = new HashSet<>();
    Path state = Files.createTempDirectory(parent, "sink-");
    Result without = load(Files.createTempDirectory(parent, "nosink-"), "", new HashSet<>(), "no sink");
    Result with = load(state, hung, requestIds, "hung sink");
    report.figure("hung sink, p99 over p99 without a sink", with.latency.millis(0.99) / without.latency.millis(0.99), "x", 1.5, 1.5, false);
    report.figure("hung sink, failed requests", with.failed(), "requests", 0, 0, false);

    Path events = Files.createDirectories(parent.resolve("events"));
    try (Child gateway = start(state, "file:" + events.toAbsolutePath() + "?fileName=events.jsonl&fileExist=Append&appendChars=\\n")) {
      long end = System.nanoTime() + RECOVERY.toNanos();
      int lost = requestIds.size();
      while (lost > 0 && System.nanoTime() < end) {
        Thread.sleep(1000);
        lost = missing(events.resolve("events.jsonl"), requestIds);
      }
      System.out.println("  after recovery " + (requestIds.size() - lost) + " of " + requestIds.size() + " requests are in the events (" + gateway.root() + ")");
      report.figure("hung sink, events lost after recovery", lost, "events", 0, 0, false);
    }
  }

  private Result load(Path state, String sink, Set<String> requestIds, String name) throws IOException, InterruptedException {
    try (Child gateway = start(state, sink)) {
      Target target = Target.of("gateway", gateway.baseUrl, options.text("model"), gateway.view);
      double rate = options.decimal("rate");
      LoadClient.Listener listener = (number, requestId, problem) -> {
        if (problem.isEmpty()) {
          requestIds.add(requestId);
        }
      };
      LoadClient.openLoop(List.of(target), Shape.whole(240), rate, 256, options.decimal("warmup"), listener);
      Result result = LoadClient.openLoop(List.of(target), Shape.whole(240), rate, 256, options.number("sink-requests") / rate, listener).results().get(0);
      ProcessView.Reading reading = gateway.view.read();
      report.add(new Report.Row(name, "gateway", result.perSecond(), result.latency.millis(0.5), result.latency.millis(0.99), result.latency.millis(0.999), result.ok, result.failed(), Double.NaN, false,
          reading.rssMib(), reading.threads(), -1, result.firstError));
      return result;
    }
  }

  private Child start(Path state, String sink) throws IOException, InterruptedException {
    Map<String, String> environment = new HashMap<>(Bench.environment(mock, state));
    if (!sink.isEmpty()) {
      environment.put("DROMEDARY_COST_SINK", sink);
    }
    Child gateway = Child.gateway(options, Child.freePort(), environment);
    try {
      gateway.awaitReady("/health/readiness", Duration.ofSeconds(60));
    } catch (IOException | InterruptedException e) {
      gateway.close();
      throw e;
    }
    return gateway;
  }

  private static int missing(Path events, Set<String> requestIds) throws IOException {
    if (!Files.exists(events)) {
      return requestIds.size();
    }
    String text = Files.readString(events);
    int missing = 0;
    Set<String> seen = new HashSet<>();
    for (String word : text.split("[\"]")) {
      seen.add(word);
    }
    for (String requestId : requestIds) {
      if (!seen.contains(requestId)) {
        missing++;
      }
    }
    return missing;
  }
}
