package io.dromedary.bench.train;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.complexity.ComplexityScorer;
import io.dromedary.complexity.KeywordScorer;
import io.dromedary.complexity.LearnedModel;
import io.dromedary.complexity.LearnedScorer;
import io.dromedary.complexity.RouterTraining;
import io.dromedary.complexity.RouterTraining.Example;
import io.dromedary.complexity.RouterTraining.Scored;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * {@code src/bench/run train [data directory]}: trains the learned router on public outcomes, writes its file and prints what it is worth on questions that it did not see. {@code --log=FILE} trains it on your own
 * outcomes instead: see {@code src/bench/README.md}.
 */
public final class TrainRouter {
  private static final String WEAK = "mistral-7b-instruct-v0.3";
  private static final String STRONG = "llama-3.1-nemotron-51b-instruct";
  private static final int FOLDS = 5;
  private static final int BOOT = 200;

  private TrainRouter() {}

  private record Row(String id, String benchmark, int fold, String prompt, double gain) {}

  private record Many(String id, String benchmark, int fold, String prompt, double[] scores, double[] costs) {}

  /** @throws IOException if a file cannot be read or written */
  public static void main(String[] args) throws IOException {
    Path data = Path.of("../shared/data/routing");
    Path out = null;
    Path scores = Path.of("target/bench/out-of-fold.csv");
    Path log = null;
    String weak = "";
    String strong = "";
    boolean minilm = true;
    Path cache = null;
    long seed = 20260801;
    for (String arg : args) {
      String value = arg.substring(arg.indexOf('=') + 1);
      if (arg.startsWith("--seed=")) {
        seed = seed(value);
      } else if (arg.startsWith("--out=")) {
        out = Path.of(value);
      } else if (arg.startsWith("--scores=")) {
        scores = Path.of(value);
      } else if (arg.startsWith("--log=")) {
        log = Path.of(value);
      } else if (arg.startsWith("--weak=")) {
        weak = value;
      } else if (arg.startsWith("--strong=")) {
        strong = value;
      } else if (arg.startsWith("--minilm=")) {
        minilm = Boolean.parseBoolean(value);
      } else if (arg.startsWith("--vectors-cache=")) {
        cache = Path.of(value);
      } else if (arg.startsWith("--")) {
        throw new IllegalArgumentException(arg + ": allowed are --seed=, --out=, --scores=, --minilm=, --vectors-cache=, --log=, --weak=, --strong= and the data directory");
      } else {
        data = Path.of(arg);
      }
    }
    if (log != null) {
      own(log, weak, strong, out == null ? Path.of("config/learned-router.bin") : out, minilm, cache, seed);
    } else {
      pub(data, out == null ? Path.of("src/main/resources" + LearnedModel.RESOURCE) : out, scores, minilm, cache, seed);
    }
  }

  private static long seed(String value) {
    try {
      return Long.parseLong(value);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("--seed=" + value + ": a whole number is wanted", e);
    }
  }

  private static void pub(Path data, Path out, Path scores, boolean minilm, @Nullable Path cache, long seed) throws IOException {
    List<Row> rows = new ArrayList<>();
    Path pairs = data.resolve("pairs_dev.jsonl.gz");
    if (!Files.isRegularFile(pairs)) {
      throw new IOException(data + " has no pairs_dev.jsonl.gz; wanted is the folder of the public routing data, or --log=FILE with outcomes of your own");
    }
    Set<String> ids = new HashSet<>();
    Rows.read(pairs, node -> rows.add(new Row(Rows.id(node, ids), Rows.text(node, "benchmark"), Rows.count(node, "fold"), Rows.text(node, "prompt"), Rows.share(node.path("strong"), "strong") - Rows.share(node.path("weak"), "weak"))));
    List<String> models = new ArrayList<>();
    List<Many> many = new ArrayList<>();
    Path multi = data.resolve("multi_llmrouter_dev.jsonl.gz");
    if (Files.exists(multi)) {
      Rows.read(multi, node -> {
        if (models.isEmpty()) {
          node.path("score").fieldNames().forEachRemaining(models::add);
        }
        many.add(new Many(Rows.id(node, ids), Rows.text(node, "benchmark"), Rows.count(node, "fold"), Rows.text(node, "prompt"), values(node, "score", models), values(node, "cost", models)));
      });
    }
    // Only prompt, outcome and fold: never the benchmark's or the subject's name.
    List<Example> examples = rows.stream().map(row -> new Example(row.prompt, row.gain, row.fold)).toList();
    List<float[]> vectors = minilm ? VectorCache.of(examples.stream().map(Example::prompt).toList(), cache) : List.of();
    long start = System.nanoTime();
    RouterTraining.Trained trained = RouterTraining.train(new RouterTraining.Data(examples, vectors, models, many.stream().map(row -> new Scored(row.prompt, row.scores, row.fold)).toList(), null), seed);
    byte[] bytes = write(trained.model(), out);
    Files.createDirectories(scores.toAbsolutePath().getParent());
    Files.writeString(scores, csv(rows, trained.outOfFold()));
    System.out.printf(Locale.ROOT, "trained on %d pairs and %d prompts of %d models with seed %d in %d s; %s has %d bytes%n%n", rows.size(), many.size(), models.size(), seed, (System.nanoTime() - start) / 1_000_000_000,
        out, bytes.length);

    double[] words = rows.stream().mapToDouble(row -> row.prompt.strip().split("\\s+").length).toArray();
    double[] keywords = rows.stream().mapToDouble(row -> score(new KeywordScorer(), row.prompt)).toArray();
    SplittableRandom random = new SplittableRandom(seed);
    System.out.println("APGR out of 5 folds, 95 % of " + BOOT + " bootstraps\n                       MMLU                    GSM8K");
    line("learned", rows, trained.outOfFold());
    if (minilm) {
      line("learned with MiniLM", rows, trained.semanticOutOfFold());
      Files.writeString(scores.resolveSibling(scores.getFileName().toString().replace(".csv", "-minilm.csv")), csv(rows, trained.semanticOutOfFold()));
    }
    line("word count", rows, words);
    line("keywords", rows, keywords);
    line("random", rows, rows.stream().mapToDouble(row -> random.nextDouble()).toArray());
    System.out.printf("%-22s %-23s %s%n", "RouteLLM, published", "0.603", "0.622");
    System.out.println("\nby fold (learned)");
    for (int fold = 0; fold < FOLDS; fold++) {
      System.out.printf(Locale.ROOT, "%-22d %.4f                  %.4f%n", fold, apgr(rows, trained.outOfFold(), "mmlu", fold), apgr(rows, trained.outOfFold(), "gsm8k", fold));
    }
    System.out.println("\ncalibration, out of fold (chance that weak fails where strong succeeds)");
    for (String benchmark : List.of("mmlu", "gsm8k")) {
      calibration(benchmark, rows, trained.outOfFold());
    }
    if (!many.isEmpty()) {
      guard(many, models, trained.scoredOutOfFold());
      multi(many, models, trained, scores.resolveSibling("multi-out-of-fold.csv"));
    }
  }

  /** Per model one number from 0 to 1. */
  private static double[] values(JsonNode row, String name, List<String> models) throws IOException {
    double[] values = new double[models.size()];
    for (int m = 0; m < values.length; m++) {
      values[m] = Rows.share(row.path(name).path(models.get(m)), name + "." + models.get(m));
    }
    return values;
  }

  private static byte[] write(LearnedModel model, Path out) throws IOException {
    byte[] bytes = model.bytes();
    Files.createDirectories(out.toAbsolutePath().getParent());
    Files.write(out, bytes);
    return bytes;
  }

  private static String csv(List<Row> rows, double[] scores) {
    StringBuilder csv = new StringBuilder("id,score\n");
    for (int i = 0; i < rows.size(); i++) {
      csv.append(rows.get(i).id).append(',').append(scores[i]).append('\n');
    }
    return csv.toString();
  }

  /** The customer's own outcomes: lines of {@code prompt, weak, strong} or of {@code prompt, model, score}. The shipped view of prompts is kept. */
  private static void own(Path log, String weakName, String strongName, Path out, boolean minilm, @Nullable Path cache, long seed) throws IOException {
    List<Example> examples = new ArrayList<>();
    Map<String, Map<String, double[]>> byPrompt = new LinkedHashMap<>();
    TreeMap<String, double[]> byModel = new TreeMap<>();
    Rows.read(log, row -> {
      String prompt = Rows.text(row, "prompt");
      if (row.has("model")) {
        String model = Rows.text(row, "model");
        double score = Rows.share(row.path("score"), "score");
        for (double[] sum : List.of(byPrompt.computeIfAbsent(prompt, p -> new TreeMap<>()).computeIfAbsent(model, m -> new double[2]), byModel.computeIfAbsent(model, m -> new double[2]))) {
          sum[0] += score;
          sum[1]++;
        }
      } else {
        examples.add(new Example(prompt, Rows.share(row.path("strong"), "strong") - Rows.share(row.path("weak"), "weak"), fold(prompt)));
      }
    });
    int skipped = 0;
    if (!byModel.isEmpty()) {
      List<String> order = byModel.keySet().stream().sorted((a, b) -> Double.compare(mean(byModel.get(a)), mean(byModel.get(b)))).toList();
      String weak = weakName.isEmpty() ? order.get(0) : weakName;
      String strong = strongName.isEmpty() ? order.get(order.size() - 1) : strongName;
      if (!byModel.containsKey(weak) || !byModel.containsKey(strong) || weak.equals(strong)) {
        throw new IOException(log + ": --weak=" + weak + " and --strong=" + strong + " must be two models that it has scores of: " + String.join(", ", byModel.keySet()));
      }
      for (Map.Entry<String, Map<String, double[]>> entry : byPrompt.entrySet()) {
        double[] ofWeak = entry.getValue().get(weak);
        double[] ofStrong = entry.getValue().get(strong);
        if (ofWeak == null && ofStrong == null) {
          skipped++;
        } else {
          // the one that was not asked is taken for what it usually scores
          examples.add(new Example(entry.getKey(), mean(ofStrong == null ? byModel.get(strong) : ofStrong) - mean(ofWeak == null ? byModel.get(weak) : ofWeak), fold(entry.getKey())));
        }
      }
      System.out.printf(Locale.ROOT, "weak %s scores %.3f, strong %s scores %.3f; %d prompts of neither left out%n", weak, mean(byModel.get(weak)), strong, mean(byModel.get(strong)), skipped);
    }
    LearnedModel shipped;
    try (InputStream file = LearnedModel.class.getResourceAsStream(LearnedModel.RESOURCE)) {
      shipped = LearnedModel.read(file);
    }
    RouterTraining.Trained trained = RouterTraining.train(new RouterTraining.Data(examples, minilm ? VectorCache.of(examples.stream().map(Example::prompt).toList(), cache) : List.of(), List.of(), List.of(), shipped), seed);
    byte[] bytes = write(trained.model(), out);
    double[] gains = examples.stream().mapToDouble(Example::gain).toArray();
    LearnedScorer before = LearnedScorer.of(shipped);
    System.out.printf(Locale.ROOT, "trained on %d prompts of %s with seed %d; %s has %d bytes%n%nAPGR out of %d folds on your prompts%n", examples.size(), log, seed, out, bytes.length, FOLDS);
    System.out.printf(Locale.ROOT, "%-22s %.4f%n", "trained on them", Apgr.of(trained.outOfFold(), gains));
    System.out.printf(Locale.ROOT, "%-22s %.4f%n", "as shipped", Apgr.of(examples.stream().mapToDouble(example -> before.score(example.prompt())).toArray(), gains));
    System.out.printf(Locale.ROOT, "%-22s %.4f%n", "word count", Apgr.of(examples.stream().mapToDouble(example -> example.prompt().strip().split("\\s+").length).toArray(), gains));
  }

  private static double mean(double[] sum) {
    return sum[0] / sum[1];
  }

  /** One prompt is always in one fold. */
  private static int fold(String prompt) {
    return Math.floorMod(prompt.strip().toLowerCase(Locale.ROOT).hashCode() * 0x9E3779B9 >>> 8, FOLDS);
  }

  static double score(ComplexityScorer scorer, String prompt) {
    var json = Json.object();
    json.putArray("messages").addObject().put("role", "user").put("content", prompt);
    return scorer.score(new ChatRequest("req_train", json.put("model", "auto"), Map.of(), Instant.EPOCH, Instant.EPOCH)).score();
  }

  private static void line(String name, List<Row> rows, double[] scores) {
    StringBuilder line = new StringBuilder(String.format("%-22s", name));
    for (String benchmark : List.of("mmlu", "gsm8k")) {
      int[] of = of(rows, benchmark, -1);
      SplittableRandom random = new SplittableRandom(1);
      double[] boots = IntStream.range(0, BOOT).mapToDouble(b -> apgr(rows, scores, IntStream.range(0, of.length).map(i -> of[random.nextInt(of.length)]).toArray())).sorted().toArray();
      line.append(String.format(Locale.ROOT, " %.4f [%.3f, %.3f]  ", apgr(rows, scores, of), boots[BOOT / 40], boots[BOOT - 1 - BOOT / 40]));
    }
    System.out.println(line.toString().stripTrailing());
  }

  private static int[] of(List<Row> rows, String benchmark, int fold) {
    return IntStream.range(0, rows.size()).filter(i -> rows.get(i).benchmark.equals(benchmark) && (fold < 0 || rows.get(i).fold == fold)).toArray();
  }

  private static double apgr(List<Row> rows, double[] scores, String benchmark, int fold) {
    return apgr(rows, scores, of(rows, benchmark, fold));
  }

  private static double apgr(List<Row> rows, double[] scores, int[] of) {
    return Apgr.of(IntStream.of(of).mapToDouble(i -> scores[i]).toArray(), IntStream.of(of).mapToDouble(i -> rows.get(i).gain).toArray());
  }

  private static void calibration(String benchmark, List<Row> rows, double[] scores) {
    int[] of = Arrays.stream(of(rows, benchmark, -1)).boxed().sorted((a, b) -> Double.compare(scores[a], scores[b])).mapToInt(Integer::intValue).toArray();
    double brier = 0;
    double error = 0;
    double base = IntStream.of(of).filter(i -> rows.get(i).gain > 0.5).count() / (double) of.length;
    for (int bin = 0; bin < 10; bin++) {
      double said = 0;
      double was = 0;
      int from = of.length * bin / 10;
      int to = of.length * (bin + 1) / 10;
      for (int k = from; k < to; k++) {
        double needs = rows.get(of[k]).gain > 0.5 ? 1 : 0;
        said += scores[of[k]];
        was += needs;
        brier += (scores[of[k]] - needs) * (scores[of[k]] - needs);
      }
      error += Math.abs(said - was) / of.length;
    }
    System.out.printf(Locale.ROOT, "%-8s ECE %.4f   Brier %.4f (always the mean: %.4f)   share that needs strong %.3f%n", benchmark, error, brier / of.length, base * (1 - base), base);
  }

  /** Open questions of other kinds than those trained on must not fall below word count. */
  private static void guard(List<Many> rows, List<String> models, double[] scores) {
    int weak = models.indexOf(WEAK);
    int strong = models.indexOf(STRONG);
    if (weak < 0 || strong < 0) {
      return;
    }
    Map<String, List<Integer>> byTask = new LinkedHashMap<>();
    IntStream.range(0, rows.size()).forEach(i -> byTask.computeIfAbsent(rows.get(i).benchmark, task -> new ArrayList<>()).add(i));
    byTask.put("all open tasks", IntStream.range(0, rows.size()).boxed().toList());
    System.out.println("\nguard: open tasks, out of fold (" + WEAK + " against " + STRONG + ")");
    System.out.println("task                     n    gain   learned  word count");
    byTask.forEach((task, of) -> {
      double[] gains = of.stream().mapToDouble(i -> rows.get(i).scores[strong] - rows.get(i).scores[weak]).toArray();
      double mean = Arrays.stream(gains).average().orElse(0);
      if (of.size() >= 80 && mean > 0.03) {
        System.out.printf(Locale.ROOT, "%-22s %4d  %6.3f   %.4f   %.4f%n", task, of.size(), mean, Apgr.of(of.stream().mapToDouble(i -> scores[i]).toArray(), gains),
            Apgr.of(of.stream().mapToDouble(i -> rows.get(i).prompt.strip().split("\\s+").length).toArray(), gains));
      }
    });
  }

  /** What choosing among the scored models by expected quality less cost is worth, out of fold; decisions for {@code score_routing.py multi}. */
  private static void multi(List<Many> rows, List<String> models, RouterTraining.Trained trained, Path decisions) throws IOException {
    int count = models.size();
    double[] quality = new double[count];
    double[] cost = new double[count];
    for (Many row : rows) {
      for (int m = 0; m < count; m++) {
        quality[m] += row.scores[m] / rows.size();
        cost[m] += row.costs[m] / rows.size();
      }
    }
    int best = IntStream.range(0, count).reduce((a, b) -> quality[b] > quality[a] ? b : a).orElse(0);
    StringBuilder csv = new StringBuilder("id,setting,model\n");
    List<double[]> points = new ArrayList<>();
    for (double weight : Replay.KNOB) {
      double[] point = new double[2];
      for (int i = 0; i < rows.size(); i++) {
        Many row = rows.get(i);
        double[] expected = trained.qualityOutOfFold()[i];
        double dearest = Arrays.stream(row.costs).max().orElse(1);
        int chosen = IntStream.range(0, count).boxed().max((a, b) -> Double.compare((1 - weight) * expected[a] - weight * row.costs[a] / dearest, (1 - weight) * expected[b] - weight * row.costs[b] / dearest)).orElse(0);
        point[0] += row.costs[chosen] / rows.size();
        point[1] += row.scores[chosen] / rows.size();
        csv.append(row.id).append(',').append(weight).append(',').append(models.get(chosen)).append('\n');
      }
      points.add(point);
    }
    Files.writeString(decisions, csv);
    System.out.printf(Locale.ROOT, "%nnine models, out of fold (%s; best single model %s: quality %.4f, cost %.6f)%n", decisions, models.get(best), quality[best], cost[best]);
    points.forEach(point -> System.out.printf(Locale.ROOT, "  quality %+.1f %%  cost %+.1f %%%n", 100 * (point[1] / quality[best] - 1), 100 * (point[0] / cost[best] - 1)));
    if (trained.easeLoss().length == 2) {
      System.out.printf(Locale.ROOT, "a model left out: log loss %.4f by its usual score, %.4f moved by the ease of the prompt%n", trained.easeLoss()[0], trained.easeLoss()[1]);
    }
  }
}
