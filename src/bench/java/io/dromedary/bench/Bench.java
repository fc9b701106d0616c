package io.dromedary.bench;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Measures a gateway between a load generator and a mock upstream, all on loopback: the command behind {@code src/bench/run}. */
public final class Bench {
  private static final int CHUNKS = 20;
  private static final int ROUNDS = 5;

  private final Options options;
  private final Report report = new Report();
  private final Child mock;
  private final Target direct;
  private @Nullable Child gateway;
  private Target target;
  private @Nullable Target nginx;

  private Bench(Options options, Child mock) {
    this.options = options;
    this.mock = mock;
    this.direct = Target.of("direct", mock.baseUrl, "gpt-4o-mini", mock.view);
    this.target = direct;
  }

  /** Exits 0 when it measured, 1 when it could not, 2 on a bad option. */
  public static void main(String[] args) throws Exception {
    Options options;
    try {
      options = new Options(args);
    } catch (IllegalArgumentException e) {
      System.err.println(e.getMessage());
      System.exit(2);
      return;
    }
    Path out = Files.createDirectories(Path.of(options.text("out")));
    Files.deleteIfExists(out.resolve("gateway.log"));
    try (Child mock = Child.mock(options)) {
      Bench bench = new Bench(options, mock);
      bench.run(out);
    } catch (IOException | IllegalStateException e) {
      System.err.println("bench: " + e.getMessage());
      System.exit(1);
    }
    System.exit(0);
  }

  private void run(Path out) throws Exception {
    Set<String> scenarios = options.scenarios();
    String machine = machine();
    System.out.println(machine);
    Path state = Files.createTempDirectory(out.toAbsolutePath(), "state-");
    Child proxy = null;
    try {
      if (!options.text("nginx").equals("false") && installed("nginx")) {
        proxy = Child.nginx(options, mock.baseUrl);
        nginx = Target.of("nginx", proxy.baseUrl, "gpt-4o-mini", proxy.view);
      }
      if (Stream.of("passthrough", "cached", "latency", "routing", "streaming", "first-chunk", "open-streams").anyMatch(scenarios::contains)) {
        startGateway(state);
        Report.header();
        if (scenarios.contains("open-streams")) {
          openStreams();
        }
        if (scenarios.contains("passthrough")) {
          passthrough();
        }
        if (scenarios.contains("cached")) {
          cached();
        }
        if (scenarios.contains("latency")) {
          latency();
        }
        if (scenarios.contains("routing")) {
          routing();
        }
        if (scenarios.contains("streaming")) {
          streaming();
        }
        if (scenarios.contains("first-chunk")) {
          firstChunk();
        }
        if (gateway != null) {
          gateway.close();
        }
      }
      if (scenarios.contains("sink")) {
        new SinkBench(options, mock, report).run(state);
      }
      if (scenarios.contains("redis")) {
        new RedisBench(options, mock, report).run(state);
      }
      if (scenarios.contains("queue")) {
        new QueueBench(options, mock, report).run(state);
      }
      if (scenarios.contains("limits") || scenarios.contains("flood")) {
        new LimitsBench(options, mock, report).run(state, scenarios);
      }
      if (scenarios.contains("soak")) {
        new SoakBench(options, mock, report).run(state);
      }
      if (scenarios.contains("kill")) {
        new KillBench(options, mock, report).run(state);
      }
    } finally {
      if (gateway != null) {
        gateway.close();
      }
      if (proxy != null) {
        proxy.close();
      }
      delete(state);
    }
    report.print();
    Path file = out.resolve("bench.json");
    report.write(file, options, machine);
    System.out.println("\nwritten: " + file + "; the gateway's log: " + out.resolve("gateway.log"));
  }

  private void startGateway(Path state) throws IOException, InterruptedException {
    if (options.flag("stand-in")) {
      gateway = Child.mock(options);
      target = Target.of("stand-in", gateway.baseUrl, options.text("model"), gateway.view);
    } else if (!options.text("gateway-url").isEmpty()) {
      String pid = options.text("gateway-pid");
      target = Target.of("gateway", options.text("gateway-url"), options.text("model"), pid.isEmpty() ? null : new ProcessView(Long.parseLong(pid)));
    } else {
      long start = System.nanoTime();
      Child started = Child.gateway(options, Child.freePort(), environment(mock, state));
      gateway = started;
      started.awaitReady("/health/readiness", Duration.ofSeconds(180));
      double ready = (System.nanoTime() - start) / 1e9;
      Thread.sleep(3000);
      double idle = started.view.read().rssMib();
      report.figure("start to ready", ready, "s", 8, 5, false);
      report.figure("idle RSS", idle, "MiB", 400, 300, false);
      target = Target.of("gateway", started.baseUrl, options.text("model"), started.view);
    }
    for (boolean stream : new boolean[] {false, true}) {
      manner("delay=0&gap=0&chunks=" + CHUNKS);
      Result first = LoadClient.closedLoop(target, stream ? Shape.stream(CHUNKS, 240) : Shape.whole(240), 1, 30, 1, null);
      if (first.ok != 1) {
        throw new IllegalStateException(target.name() + " does not answer " + (stream ? "a stream" : "a request") + ": " + first.firstError);
      }
    }
  }

  static Map<String, String> environment(Child mock, Path state) {
    return Map.of("OPENAI_API_KEY", "bench", "OPENAI_BASE_URL", mock.baseUrl, "DROMEDARY_STATE_DIR", state.toString());
  }

  private void passthrough() throws IOException, InterruptedException {
    manner("delay=0&gap=0");
    Shape shape = Shape.whole(options.number("prompt-chars"));
    int connections = options.number("connections");
    for (Target each : targets()) {
      LoadClient.closedLoop(each, shape, connections, each == target ? options.decimal("warmup") : Math.min(3, options.decimal("warmup")));
      Report.Row row = measure("pass-through x" + connections, each, false, () -> LoadClient.closedLoop(each, shape, connections, options.decimal("seconds")));
      if (each == target) {
        report.figure("pass-through, " + connections + " connections", sound(row, row.perSecond()), "req/s", 4000, 7000, true);
        report.figure("pass-through, CPU of the gateway", sound(row, row.cpu()), "ms/req", 0.35, 0.20, false);
      }
    }
    if (options.flag("wrk") && installed("wrk")) {
      wrk(connections);
    }
  }

  private void cached() throws IOException, InterruptedException {
    Shape shape = Shape.same(options.number("prompt-chars"));
    int connections = options.number("connections");
    LoadClient.closedLoop(target, shape, connections, options.decimal("warmup") / 2);
    Result[] found = new Result[1];
    Report.Row row = measure("cached x" + connections, target, false, () -> found[0] = LoadClient.closedLoop(target, shape, connections, options.decimal("seconds")));
    double hits = found[0].cacheHits / (double) Math.max(1, found[0].ok);
    report.figure("cached answers, " + connections + " connections", ownJar() && hits < 0.95 ? Double.NaN : sound(row, row.perSecond()), "req/s", 15_000, 30_000, true);
  }

  /** Direct and gateway by turns on one timetable, so that both meet the same machine. */
  private void latency() throws IOException, InterruptedException {
    manner("delay=0&gap=0");
    Shape shape = Shape.whole(options.number("prompt-chars"));
    double rate = options.decimal("rate");
    LoadClient.openLoop(List.of(direct, target), shape, rate, 256, options.decimal("warmup") / 2);
    double[] added = both("at " + options.text("rate") + "/s", direct, target, shape, rate, 2 * options.decimal("seconds"), false);
    report.figure("added latency at " + options.text("rate") + "/s, p50", added[0], "ms", 1, 1, false);
    report.figure("added latency at " + options.text("rate") + "/s, p99", added[1], "ms", 5, 5, false);
  }

  /** A named model and {@code auto} by turns at the same gateway: what the choice of a model adds to a request. Few prompts are alike, and the length is that of the speed goals. */
  private void routing() throws IOException, InterruptedException {
    manner("delay=0&gap=0");
    Target named = target.asking("named", options.text("model"));
    Target auto = target.asking("auto", options.text("auto-model"));
    Shape shape = Shape.whole(Math.max(500, options.number("prompt-chars")));
    double rate = options.decimal("rate");
    LoadClient.openLoop(List.of(named, auto), shape, rate, 256, options.decimal("warmup") / 2);
    double[] added = both("routed, at " + options.text("rate") + "/s", named, auto, shape, rate, 2 * options.decimal("seconds"), false);
    report.figure("added by " + options.text("auto-model") + " at " + options.text("rate") + "/s, p50", added[0], "ms", 1, 0.5, false);
    report.figure("added by " + options.text("auto-model") + " at " + options.text("rate") + "/s, p99", added[1], "ms", 10, 5, false);
  }

  private void streaming() throws IOException, InterruptedException {
    Shape shape = Shape.stream(CHUNKS, options.number("prompt-chars"));
    for (String gap : List.of("0", "10")) {
      manner("delay=0&chunks=" + CHUNKS + "&gap=" + gap);
      String name = gap.equals("0") ? "stream, one burst" : "stream, " + gap + " ms gaps";
      int connections = gap.equals("0") ? 16 : options.number("connections");
      for (Target each : targets()) {
        LoadClient.closedLoop(each, shape, connections, options.decimal("warmup") / (each == target ? 2 : 5));
        Report.Row row = measure(name, each, true, () -> LoadClient.closedLoop(each, shape, connections, options.decimal("seconds")));
        if (each == target) {
          report.figure("streaming, CPU of the gateway, " + (gap.equals("0") ? "burst" : gap + " ms gaps"), sound(row, row.cpu()), "ms/1k ch", 150, 90, false);
        }
      }
    }
    manner("gap=0");
  }

  private void firstChunk() throws IOException, InterruptedException {
    manner("delay=20&gap=5&chunks=" + CHUNKS);
    Shape shape = Shape.stream(CHUNKS, options.number("prompt-chars"));
    double rate = options.decimal("stream-rate");
    LoadClient.openLoop(List.of(direct, target), shape, rate, 512, options.decimal("warmup") / 2);
    double[] added = both("first chunk at " + options.text("stream-rate") + "/s", direct, target, shape, rate, 2 * options.decimal("seconds"), true);
    report.figure("first chunk later than direct, p50", added[0], "ms", 2, 2, false);
    report.figure("first chunk later than direct, p99", added[1], "ms", Double.NaN, Double.NaN, false);
    manner("delay=0&gap=0");
  }

  /**
   * Rounds of two targets, such as direct and gateway, by turns; rows over all of them. Returns what the second adds to p50 and to p99: the median of the rounds' differences, so that one stall of a shared
   * machine does not decide.
   */
  private double[] both(String name, Target one, Target other, Shape shape, double rate, double seconds, boolean first) throws IOException {
    ProcessView.Reading[] before = {reading(one), reading(other)};
    int gcs = gcs();
    Result[] all = {new Result(), new Result()};
    Result.Samples lateness = new Result.Samples();
    double[] addedMedian = new double[ROUNDS];
    double[] addedTail = new double[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
      LoadClient.OpenLoop run = LoadClient.openLoop(List.of(one, other), shape, rate, 512, seconds / ROUNDS);
      Result.Samples base = first ? run.results().get(0).firstChunk : run.results().get(0).latency;
      Result.Samples over = first ? run.results().get(1).firstChunk : run.results().get(1).latency;
      addedMedian[round] = over.millis(0.5) - base.millis(0.5);
      addedTail[round] = over.millis(0.99) - base.millis(0.99);
      all[0].add(run.results().get(0));
      all[1].add(run.results().get(1));
      lateness.addAll(run.lateness());
    }
    for (int i = 0; i < 2; i++) {
      Target each = i == 0 ? one : other;
      String note = (first ? "ms to the first chunk; " : "") + "sender late p99 " + Math.round(lateness.millis(0.99) * 1000) + " us";
      report.add(row(name, each, all[i], first ? all[i].firstChunk : all[i].latency, first, before[i], i == 0 ? -1 : gcs, note));
    }
    java.util.Arrays.sort(addedMedian);
    java.util.Arrays.sort(addedTail);
    boolean sound = all[1].failed() * 100 <= all[1].ok + all[1].failed();
    return new double[] {sound ? addedMedian[ROUNDS / 2] : Double.NaN, sound ? addedTail[ROUNDS / 2] : Double.NaN};
  }

  /** All open at once for some 15 s; the peak of memory and threads is read every 250 ms. */
  private void openStreams() throws IOException, InterruptedException {
    int streams = options.number("streams");
    manner("delay=0&gap=1000&chunks=" + CHUNKS);
    AtomicBoolean over = new AtomicBoolean();
    double[] peak = new double[4];
    Child started = gateway;
    Child upstream = options.flag("stand-in") && started != null ? started : mock;
    Thread sampler = new Thread(() -> {
      while (!over.get()) {
        ProcessView.Reading reading = reading(target);
        peak[0] = Math.max(peak[0], reading.rssMib());
        peak[1] = Math.max(peak[1], reading.threads());
        peak[3] = Math.max(peak[3], reading.files());
        try {
          peak[2] = Math.max(peak[2], stats(upstream).path("open").asInt());
          Thread.sleep(250);
        } catch (IOException | InterruptedException e) {
          return;
        }
      }
    }, "sampler");
    sampler.start();
    ProcessView.Reading before = reading(target);
    int gcs = gcs();
    LoadClient.OpenLoop run = LoadClient.openLoop(List.of(target), Shape.stream(CHUNKS, options.number("prompt-chars")), streams / 5.0, streams, 5);
    over.set(true);
    sampler.join();
    Result result = run.results().get(0);
    Report.Row row = row(streams + " open streams", target, result, result.firstChunk, true, before, gcs, "ms to the first chunk; upstream saw " + (long) peak[2] + " connections at once, files " + (long) peak[3]);
    report.add(new Report.Row(row.scenario(), row.target(), row.perSecond(), row.p50(), row.p99(), row.p999(), row.ok(), row.failed(), row.cpu(), true, peak[0], (int) peak[1], row.gcs(), row.note()));
    report.figure(streams + " open streams, peak RSS", target.process() == null ? Double.NaN : peak[0], "MiB", 600, 600, false);
    report.figure(streams + " open streams, complete", result.ok, "streams", streams, streams, true);
    manner("gap=0");
  }

  /** The same by wrk, as a check on our own generator. */
  private void wrk(int connections) throws IOException, InterruptedException {
    Path script = Path.of(options.text("out"), "wrk.lua");
    Files.writeString(script, """
        local n = 0
        request = function()
          n = n + 1
          local body = '{"model":"%s","messages":[{"role":"user","content":"wrk %s ' .. n .. '"}],"max_tokens":100}'
          return wrk.format("POST", "%s/chat/completions", {["Content-Type"]="application/json", ["Authorization"]="Bearer bench"}, body)
        end
        """.formatted(target.model(), Shape.mark(0), target.prefix()));
    Process wrk = new ProcessBuilder("wrk", "-t1", "-c" + connections, "-d" + options.number("seconds") + "s", "--latency", "-s", script.toString(), "http://" + target.authority())
        .redirectErrorStream(true).start();
    String text = new String(wrk.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
    wrk.waitFor();
    text.lines().filter(line -> line.contains("Requests/sec") || line.contains("50%") || line.contains("99%") || line.contains("Non-2xx")).forEach(line -> System.out.println("  wrk: " + line.strip()));
  }

  /** The figure, or NaN when over 1 % of the requests failed: refusals are cheap and would flatter it. */
  private static double sound(Report.Row row, double value) {
    return row.failed() * 100 > row.ok() + row.failed() ? Double.NaN : value;
  }

  private boolean ownJar() {
    return !options.flag("stand-in") && options.text("gateway-url").isEmpty();
  }

  private List<Target> targets() {
    Target proxy = nginx;
    return proxy == null ? List.of(direct, target) : List.of(direct, proxy, target);
  }

  private interface Load {
    Result run() throws IOException;
  }

  private Report.Row measure(String scenario, Target each, boolean perChunks, Load load) throws IOException {
    ProcessView.Reading before = reading(each);
    int gcs = each == target ? gcs() : -1;
    Result result = load.run();
    String hits = each == target && result.cacheHits > 0 ? Math.round(100.0 * result.cacheHits / Math.max(1, result.ok)) + " % cache hits" : "";
    Report.Row row = row(scenario, each, result, result.latency, perChunks, before, gcs, hits);
    report.add(row);
    return row;
  }

  private Report.Row row(String scenario, Target each, Result result, Result.Samples times, boolean perChunks, ProcessView.Reading before, int gcsBefore, String note) {
    ProcessView.Reading after = reading(each);
    double units = perChunks ? result.chunks / 1000.0 : result.ok + result.failed();
    double cpu = each.process() == null || units == 0 ? Double.NaN : (after.cpuMillis() - before.cpuMillis()) / units;
    String errors = result.failed() == 0 ? "" : (note.isEmpty() ? "" : "; ") + result.errors + " first: " + result.firstError;
    return new Report.Row(scenario, each.name(), result.perSecond(), times.millis(0.5), times.millis(0.99), times.millis(0.999), result.ok, result.failed(), cpu, perChunks,
        each.process() == null ? Double.NaN : after.rssMib(), after.threads(), gcsBefore < 0 ? -1 : gcs() - gcsBefore, note + errors);
  }

  private static ProcessView.Reading reading(Target each) {
    ProcessView view = each.process();
    return view == null ? new ProcessView.Reading(0, 0, 0, 0, 0) : view.read();
  }

  /** Pauses in the gateway's GC log so far, -1 without a log. */
  private int gcs() {
    Path log = Path.of(options.text("out"), "gateway-gc.log");
    if (target == direct || gateway == null || options.flag("stand-in") || !Files.exists(log)) {
      return -1;
    }
    try (Stream<String> lines = Files.lines(log)) {
      return (int) lines.filter(line -> line.contains("Pause")).count();
    } catch (IOException e) {
      return -1;
    }
  }

  private void manner(String query) throws IOException, InterruptedException {
    manner(mock, query);
    if (options.flag("stand-in") && gateway != null) {
      manner(gateway, query);
    }
  }

  static void manner(Child mock, String query) throws IOException, InterruptedException {
    Child.get(mock.root() + "/control?" + query);
  }

  static JsonNode stats(Child mock) throws IOException, InterruptedException {
    return Json.read(Child.get(mock.root() + "/control/stats").body());
  }

  private static boolean installed(String program) {
    return Stream.of(System.getenv().getOrDefault("PATH", "").split(":")).anyMatch(folder -> Files.isExecutable(Path.of(folder, program)));
  }

  private static String machine() {
    String load;
    try {
      load = Files.readString(Path.of("/proc/loadavg")).split(" ")[0];
    } catch (IOException e) {
      load = "?";
    }
    return Runtime.getRuntime().availableProcessors() + " processors, load " + load + " before the run, harness on Java " + System.getProperty("java.version");
  }

  static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    }
  }
}
