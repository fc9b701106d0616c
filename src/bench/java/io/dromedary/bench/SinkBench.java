package io.dromedary.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Hangs the sink of cost events and asks whether requests notice and events survive (behaviour F4): a gateway without a sink and one whose sink accepts
 * connections and never answers, asked by turns on one timetable; then the latter's state behind a file sink, until the file names every answered request.
 */
final class SinkBench {
  private static final Duration RECOVERY = Duration.ofSeconds(60);

  private static final int ROUNDS = 5;

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
    try (Child plain = start(Files.createTempDirectory(parent, "nosink-"), ""); Child hanging = start(state, hung)) {
      Target without = Target.of("no sink", plain.baseUrl, options.text("model"), plain.view);
      Target with = Target.of("hung sink", hanging.baseUrl, options.text("model"), hanging.view);
      LoadClient.Listener listener = (target, number, requestId, problem) -> {
        if (problem.isEmpty() && target == with) {
          requestIds.add(requestId);
        }
      };
      double rate = options.decimal("rate");
      LoadClient.openLoop(List.of(without, with), Shape.whole(240), rate, 256, options.decimal("warmup"), listener);
      List<Result> results = List.of(new Result(), new Result());
      double[] ratios = new double[ROUNDS];
      for (int round = 0; round < ROUNDS; round++) {
        List<Result> found = LoadClient.openLoop(List.of(without, with), Shape.whole(240), rate, 256, options.number("sink-requests") / rate / ROUNDS, listener).results();
        ratios[round] = found.get(1).latency.millis(0.99) / found.get(0).latency.millis(0.99);
        results.get(0).add(found.get(0));
        results.get(1).add(found.get(1));
      }
      Arrays.sort(ratios);
      Report.header();
      report.add(row(without, results.get(0)));
      report.add(row(with, results.get(1)));
      report.figure("hung sink, p99 over p99 without a sink (median of rounds)", ratios[ROUNDS / 2], "x", 1.5, 1.5, false);
      report.figure("hung sink, failed requests", results.get(1).failed(), "requests", 0, 0, false);
    }

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

  private Report.Row row(Target target, Result result) {
    ProcessView view = target.process();
    ProcessView.Reading reading = view == null ? new ProcessView.Reading(0, 0, 0, 0, 0) : view.read();
    return new Report.Row("sink at " + options.text("rate") + "/s", target.name(), result.perSecond(), result.latency.millis(0.5), result.latency.millis(0.99), result.latency.millis(0.999), result.ok,
        result.failed(), Double.NaN, false, reading.rssMib(), reading.threads(), -1, result.firstError);
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
