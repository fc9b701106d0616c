package io.dromedary.bench.semantic;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.cache.SemanticRehearsal;
import io.dromedary.cache.SemanticRehearsal.Judgement;
import io.dromedary.provider.local.MiniLm;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * {@code src/bench/run semantic}, through the code that serves:
 * <ul>
 *   <li>{@code FILE}: says of each pair how similar it is, whether it would be served and which check refuses it, a line each; then as {@code --pairs}
 *   <li>{@code --pairs=FILE} of {@code {"a", "b", "label": 1 if they ask the same}} in lines, or of these columns with tabs between: average precision of the similarity and of the bare cosine, precision and recall of hits. The usual
 *       names of public pairs will do too (question1, sentence1, text1 ..., is_duplicate); columns without a first line of names are a, b and label. Without labels nothing is counted
 *   <li>{@code --retrieval=file.jsonl} of {@code {"stored", "asked"}}: all are stored, each is asked; precision where 90 % are found, and of hits. A line may leave out {@code asked} (a distractor) or {@code stored} (nothing is right)
 *   <li>{@code --speed=100000}: look-ups among so many stored prompts, vectors included
 * </ul>
 * {@code --out=scores.jsonl} writes every score, {@code --threshold=0.80} is the serving one.
 */
public final class SemanticBench {
  private static final ObjectMapper JSON = new ObjectMapper();

  private SemanticBench() {}

  private static final List<String> FIRST = List.of("a", "question1", "sentence1", "text1", "stored", "original", "prompt1");
  private static final List<String> SECOND = List.of("b", "question2", "sentence2", "text2", "asked", "paraphrase", "prompt2");
  private static final List<String> LABEL = List.of("label", "is_duplicate", "same");

  private record Scored(double score, boolean right) {}

  /** @throws IOException if a file cannot be read or written */
  public static void main(String[] args) throws IOException {
    Map<String, String> options = new HashMap<>(Map.of("threshold", "0.80"));
    for (String arg : args) {
      if (!arg.startsWith("--")) {
        options.put("pairs", arg);
        options.put("each", "yes");
        continue;
      }
      int equals = arg.indexOf('=');
      if (equals < 0 || !List.of("pairs", "retrieval", "speed", "out", "threshold").contains(arg.substring(2, equals))) {
        throw new IllegalArgumentException(arg + ": wanted a file, --pairs=, --retrieval= or --speed=, and --out=, --threshold=");
      }
      options.put(arg.substring(2, equals), arg.substring(equals + 1));
    }
    Path nativeDir = Files.createTempDirectory("minilm");
    try (MiniLm model = new MiniLm(1, nativeDir); SemanticRehearsal cache = new SemanticRehearsal(model::wholeVector, Double.parseDouble(options.get("threshold")));
        PrintWriter out = options.containsKey("out") ? new PrintWriter(Files.newBufferedWriter(Path.of(options.get("out")))) : new PrintWriter(PrintWriter.nullWriter())) {
      if (options.containsKey("pairs")) {
        pairs(lines(options.get("pairs")), cache, out, options.containsKey("each"));
      }
      if (options.containsKey("retrieval")) {
        retrieval(lines(options.get("retrieval")), cache, out);
      }
      if (options.containsKey("speed")) {
        speed(Integer.parseInt(options.get("speed")), cache);
      }
    }
  }

  private static List<JsonNode> lines(String file) throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    List<String> columns = List.of("a", "b", "label");
    for (String line : Files.readAllLines(Path.of(file), StandardCharsets.UTF_8)) {
      if (line.isBlank()) {
        continue;
      }
      if (line.startsWith("{")) {
        lines.add(JSON.readTree(line));
        continue;
      }
      String[] cells = line.split("\t", -1);
      if (lines.isEmpty() && Arrays.stream(cells).anyMatch(FIRST::contains)) {
        columns = List.of(cells);
        continue;
      }
      ObjectNode row = JSON.createObjectNode();
      for (int i = 0; i < Math.min(cells.length, columns.size()); i++) {
        row.put(columns.get(i), cells[i]);
      }
      lines.add(row);
    }
    return lines;
  }

  /** What stands under one of these names. */
  private static String of(JsonNode line, List<String> names) {
    for (String name : names) {
      if (line.hasNonNull(name)) {
        return line.path(name).asText();
      }
    }
    throw new IllegalArgumentException("no " + String.join(", ", names) + " in " + line);
  }

  private static void print(String format, Object... values) {
    System.out.println(String.format(Locale.ROOT, format, values));
  }

  private static void pairs(List<JsonNode> lines, SemanticRehearsal cache, PrintWriter out, boolean aloud) {
    List<Scored> scores = new ArrayList<>();
    List<Scored> cosines = new ArrayList<>();
    List<Scored> hits = new ArrayList<>();
    Map<String, int[]> refusals = new HashMap<>();
    for (JsonNode line : lines) {
      String a = of(line, FIRST);
      String b = of(line, SECOND);
      boolean labelled = LABEL.stream().anyMatch(line::hasNonNull);
      boolean same = labelled && Double.parseDouble(of(line, LABEL)) > 0.5;
      Judgement judged = cache.judge(a, b);
      if (aloud) {
        print("%.4f\t%s\t%s\t%s\t%s", judged.similarity(), judged.hit() ? "hit" : "miss", judged.hit() ? "-" : judged.refusedBy() == null ? "threshold" : judged.refusedBy(), a, b);
      }
      ObjectNode told = JSON.createObjectNode().put("a", a).put("b", b).put("cosine", judged.cosine()).put("similarity", judged.similarity()).put("refused_by", judged.refusedBy()).put("hit", judged.hit());
      if (!labelled) {
        out.println(told);
        continue;
      }
      scores.add(new Scored(judged.similarity(), same));
      cosines.add(new Scored(judged.cosine(), same));
      hits.add(new Scored(judged.hit() ? 1 : 0, same));
      if (judged.refusedBy() != null) {
        refusals.computeIfAbsent(judged.refusedBy(), check -> new int[2])[same ? 1 : 0]++;
      }
      out.println(told.put("label", same ? 1 : 0));
    }
    if (scores.isEmpty()) {
      return;
    }
    long same = scores.stream().filter(Scored::right).count();
    long hit = hits.stream().filter(each -> each.score() > 0).count();
    long good = hits.stream().filter(each -> each.score() > 0 && each.right()).count();
    print("pairs %d, same %d: average precision %.4f (cosine alone %.4f); hits %d, precision %.4f, recall %.4f", scores.size(), same, averagePrecision(scores), averagePrecision(cosines), hit, hit == 0 ? 1.0 : (double) good / hit,
        same == 0 ? 0.0 : (double) good / same);
    refusals.forEach((check, counts) -> print("  refused by %s: %d different, %d same", check, counts[0], counts[1]));
  }

  private static double averagePrecision(List<Scored> scored) {
    List<Scored> order = new ArrayList<>(scored);
    order.sort((a, b) -> Double.compare(b.score(), a.score()));
    double sum = 0;
    int right = 0;
    for (int i = 0; i < order.size(); i++) {
      if (order.get(i).right()) {
        right++;
        sum += (double) right / (i + 1);
      }
    }
    return right == 0 ? 0 : sum / right;
  }

  private static void retrieval(List<JsonNode> lines, SemanticRehearsal cache, PrintWriter out) {
    lines.stream().filter(line -> line.hasNonNull("stored")).forEach(line -> cache.store(line.path("stored").asText()));
    List<Scored> found = new ArrayList<>();
    int asked = 0;
    int answerable = 0;
    int hits = 0;
    int good = 0;
    for (JsonNode line : lines) {
      if (!line.hasNonNull("asked")) {
        continue;
      }
      asked++;
      answerable += line.hasNonNull("stored") ? 1 : 0;
      Judgement judged = cache.ask(line.path("asked").asText());
      if (judged == null) {
        continue;
      }
      boolean right = judged.stored().equals(line.path("stored").asText(null) == null ? null : line.path("stored").asText().strip());
      found.add(new Scored(judged.similarity(), right));
      hits += judged.hit() ? 1 : 0;
      good += judged.hit() && right ? 1 : 0;
      out.println(JSON.createObjectNode().put("asked", line.path("asked").asText()).put("found", judged.stored()).put("right", right).put("cosine", judged.cosine()).put("similarity", judged.similarity())
          .put("refused_by", judged.refusedBy()).put("hit", judged.hit()));
    }
    found.sort((a, b) -> Double.compare(b.score(), a.score()));
    int right = 0;
    String at90 = "never found";
    for (int i = 0; i < found.size(); i++) {
      right += found.get(i).right() ? 1 : 0;
      if (right >= 0.9 * answerable) {
        at90 = String.format(Locale.ROOT, "%.4f at score %.4f", (double) right / (i + 1), found.get(i).score());
        break;
      }
    }
    print("retrieval: asked %d, answerable %d: precision at recall 0.90: %s; hits %d, precision %.4f, recall %.4f", asked, answerable, at90, hits, hits == 0 ? 1.0 : (double) good / hits,
        answerable == 0 ? 0.0 : (double) good / answerable);
  }

  /** Prompts made of few words, so that many are near each other: the hard case for an index. */
  private static void speed(int entries, SemanticRehearsal cache) {
    SplittableRandom random = new SplittableRandom(7);
    String[] verbs = {"fix", "paint", "sell", "move", "describe", "compare", "design", "clean", "measure", "import"};
    String[] things = {"garden", "invoice", "bicycle", "database", "letter", "kitchen", "contract", "engine", "lesson", "recipe", "wall", "camera"};
    String[] places = {"office", "school", "factory", "hospital", "museum", "farm", "airport", "library"};
    long begun = System.nanoTime();
    for (int i = 0; i < entries; i++) {
      cache.store("How do I " + verbs[random.nextInt(verbs.length)] + " a " + things[random.nextInt(things.length)] + " number " + i + " in the " + places[random.nextInt(places.length)] + "?");
    }
    print("stored %d in %.0f s", entries, (System.nanoTime() - begun) / 1e9);
    long[] times = new long[2_000];
    // the vector is made on a thread of the model's
    long[] cpu = new long[times.length];
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    long[] at = Thread.getAllStackTraces().keySet().stream().filter(thread -> thread == Thread.currentThread() || thread.getName().startsWith("dromedary-minilm")).mapToLong(Thread::getId).toArray();
    for (int i = -500; i < times.length; i++) {
      String prompt = "What is the best way to " + verbs[random.nextInt(verbs.length)] + " the " + things[random.nextInt(things.length)] + " " + random.nextInt(entries) + " at the " + places[random.nextInt(places.length)];
      long used = cpuTime(threads, at);
      long start = System.nanoTime();
      cache.ask(prompt);
      if (i >= 0) {
        times[i] = System.nanoTime() - start;
        cpu[i] = cpuTime(threads, at) - used;
      }
    }
    Arrays.sort(times);
    Arrays.sort(cpu);
    print("look-up among %d, vector included: p50 %.2f ms, p99 %.2f ms, most %.2f ms", entries, times[times.length / 2] / 1e6, times[times.length * 99 / 100] / 1e6, times[times.length - 1] / 1e6);
    print("  CPU time of it: p50 %.2f ms, p99 %.2f ms", cpu[cpu.length / 2] / 1e6, cpu[cpu.length * 99 / 100] / 1e6);
  }

  private static long cpuTime(ThreadMXBean threads, long[] at) {
    long sum = 0;
    for (long id : at) {
      sum += threads.getThreadCpuTime(id);
    }
    return sum;
  }
}
