package io.dromedary.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Half an hour of steady mixed load: new questions, repeated ones, streams. After each minute the live heap (after a full collection), threads and open files; what grows from the middle third of the run to its last is a leak. */
final class SoakBench {
  private static final Pattern USED = Pattern.compile("used (\\d+)K");
  private static final int SLICE_SECONDS = 20;

  private final Options options;
  private final Child mock;
  private final Report report;

  SoakBench(Options options, Child mock, Report report) {
    this.options = options;
    this.mock = mock;
    this.report = report;
  }

  /** A minute's end. */
  private record Mark(double heapMib, double rssMib, int threads, int files) {}

  void run(Path parent) throws IOException, InterruptedException {
    Bench.manner(mock, "delay=5&gap=2&chunks=20");
    Map<String, String> environment = new HashMap<>(Bench.environment(mock, Files.createTempDirectory(parent, "soak-")));
    // full after some minutes, so that a cache that still fills is not taken for a leak
    environment.put("DROMEDARY_CACHE_MAXBYTES", "33554432");
    try (Child gateway = Child.gateway(options, Child.freePort(), environment)) {
      gateway.awaitReady("/health/readiness", Duration.ofSeconds(60));
      Target target = Target.of("gateway", gateway.baseUrl, options.text("model"), gateway.view);
      List<Shape> shapes = List.of(Shape.whole(options.number("prompt-chars")), Shape.same(options.number("prompt-chars")), Shape.stream(20, options.number("prompt-chars")));
      List<Mark> marks = new ArrayList<>();
      long ok = 0;
      long failed = 0;
      for (int minute = 1; minute <= options.number("soak-minutes"); minute++) {
        for (Shape shape : shapes) {
          Result result = LoadClient.openLoop(List.of(target), shape, options.decimal("rate"), 256, SLICE_SECONDS).results().get(0);
          ok += result.ok;
          failed += result.failed();
        }
        Mark mark = mark(gateway);
        marks.add(mark);
        System.out.printf("minute %d: %d ok, %d failed; live heap %.1f MiB, RSS %.0f MiB, %d threads, %d files%n", minute, ok, failed, mark.heapMib, mark.rssMib, mark.threads, mark.files);
      }
      // idle threads and connections come and go, so that one minute says little
      Mark middle = most(marks.subList(marks.size() / 3, (2 * marks.size() + 2) / 3));
      Mark last = most(marks.subList(2 * marks.size() / 3, marks.size()));
      report.figure("soak: requests that failed", failed, "of " + (ok + failed), 0, 0, false);
      report.figure("soak: live heap, last third against middle", 100 * (last.heapMib / middle.heapMib - 1), "%", 10, 5, false);
      report.figure("soak: threads, last third against middle", last.threads - middle.threads, "", 10, 0, false);
      report.figure("soak: open files, last third against middle", last.files - middle.files, "", 10, 0, false);
    }
  }

  private static Mark most(List<Mark> marks) {
    return new Mark(marks.stream().mapToDouble(Mark::heapMib).max().orElse(0), marks.stream().mapToDouble(Mark::rssMib).max().orElse(0), marks.stream().mapToInt(Mark::threads).max().orElse(0),
        marks.stream().mapToInt(Mark::files).max().orElse(0));
  }

  private Mark mark(Child gateway) throws IOException, InterruptedException {
    gateway.tell("GC.run");
    Matcher used = USED.matcher(gateway.tell("GC.heap_info"));
    double heap = used.find() ? Long.parseLong(used.group(1)) / 1024.0 : Double.NaN;
    ProcessView.Reading reading = gateway.view.read();
    return new Mark(heap, reading.rssMib(), reading.threads(), reading.files());
  }
}
