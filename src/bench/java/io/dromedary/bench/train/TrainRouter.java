package io.dromedary.bench.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.complexity.ComplexityScorer;
import io.dromedary.complexity.KeywordScorer;
import io.dromedary.complexity.LearnedModel;
import io.dromedary.complexity.LearnedScorer;
import io.dromedary.complexity.RouterTraining;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import java.util.zip.GZIPInputStream;

/**
 * {@code src/bench/run train [data directory]}: trains the learned scorer on the pairs, writes its file and prints what it is worth on questions that it did not see. {@code --seed=N}, {@code --out=FILE},
 * {@code --scores=FILE} (out-of-fold scores for {@code score_routing.py}).
 */
public final class TrainRouter {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String WEAK = "mistral-7b-instruct-v0.3";
  private static final String STRONG = "llama-3.1-nemotron-51b-instruct";

  private TrainRouter() {}

  private record Row(String id, String benchmark, int fold, String prompt, double gain) {}

  /** @throws IOException if a file cannot be read or written */
  public static void main(String[] args) throws IOException {
    Path data = Path.of("../shared/data/routing");
    Path out = Path.of("src/main/resources" + LearnedModel.RESOURCE);
    Path scores = Path.of("target/bench/out-of-fold.csv");
    long seed = 20260801;
    for (String arg : args) {
      if (arg.startsWith("--seed=")) {
        seed = Long.parseLong(arg.substring(7));
      } else if (arg.startsWith("--out=")) {
        out = Path.of(arg.substring(6));
      } else if (arg.startsWith("--scores=")) {
        scores = Path.of(arg.substring(9));
      } else if (arg.startsWith("--")) {
        throw new IllegalArgumentException(arg + ": allowed are --seed=, --out=, --scores= and the data directory");
      } else {
        data = Path.of(arg);
      }
    }
    List<Row> rows = read(data.resolve("pairs_dev.jsonl.gz"), node -> node.path("strong").asDouble() - node.path("weak").asDouble());
    long start = System.nanoTime();
    // Only prompt, outcome and fold: never the benchmark's or the subject's name.
    RouterTraining.Trained trained = RouterTraining.train(rows.stream().map(row -> new RouterTraining.Example(row.prompt, row.gain, row.fold)).toList(), seed);
    byte[] bytes = trained.model().bytes();
    Files.createDirectories(out.toAbsolutePath().getParent());
    Files.write(out, bytes);
    Files.createDirectories(scores.toAbsolutePath().getParent());
    StringBuilder csv = new StringBuilder("id,score\n");
    for (int i = 0; i < rows.size(); i++) {
      csv.append(rows.get(i).id).append(',').append(trained.outOfFold()[i]).append('\n');
    }
    Files.writeString(scores, csv);
    System.out.printf(Locale.ROOT, "trained on %d pairs with seed %d in %d s; %s has %d bytes%n%n", rows.size(), seed, (System.nanoTime() - start) / 1_000_000_000, out, bytes.length);

    double[] words = rows.stream().mapToDouble(row -> row.prompt.strip().split("\\s+").length).toArray();
    double[] keywords = rows.stream().mapToDouble(row -> score(new KeywordScorer(), row.prompt)).toArray();
    System.out.println("APGR out of 5 folds      MMLU    GSM8K");
    line("learned", rows, trained.outOfFold());
    line("word count", rows, words);
    line("keywords", rows, keywords);
    System.out.printf("%-22s %7s %8s%n", "RouteLLM, published", "0.603", "0.622");
    System.out.println("\nby fold (learned)");
    for (int fold = 0; fold < 5; fold++) {
      System.out.printf(Locale.ROOT, "%-22d %7.4f %8.4f%n", fold, apgr(rows, trained.outOfFold(), "mmlu", fold), apgr(rows, trained.outOfFold(), "gsm8k", fold));
    }
    System.out.println("\ncalibration, out of fold (chance that weak fails where strong succeeds)");
    for (String benchmark : List.of("mmlu", "gsm8k")) {
      calibration(benchmark, rows, trained.outOfFold());
    }
    if (Files.exists(data.resolve("multi_llmrouter_dev.jsonl.gz"))) {
      guard(read(data.resolve("multi_llmrouter_dev.jsonl.gz"), node -> node.path("score").path(STRONG).asDouble() - node.path("score").path(WEAK).asDouble()), trained.model());
    }
  }

  private static List<Row> read(Path file, ToDoubleFunction<JsonNode> gain) throws IOException {
    List<Row> rows = new ArrayList<>();
    try (BufferedReader lines = new BufferedReader(new InputStreamReader(new GZIPInputStream(Files.newInputStream(file)), StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        JsonNode node = JSON.readTree(line);
        rows.add(new Row(node.path("id").asText(), node.path("benchmark").asText(), node.path("fold").asInt(), node.path("prompt").asText(), gain.applyAsDouble(node)));
      }
    }
    return rows;
  }

  static double score(ComplexityScorer scorer, String prompt) {
    var json = Json.object();
    json.putArray("messages").addObject().put("role", "user").put("content", prompt);
    return scorer.score(new ChatRequest("req_train", json.put("model", "auto"), Map.of(), Instant.EPOCH, Instant.EPOCH)).score();
  }

  private static void line(String name, List<Row> rows, double[] scores) {
    System.out.printf(Locale.ROOT, "%-22s %7.4f %8.4f%n", name, apgr(rows, scores, "mmlu", -1), apgr(rows, scores, "gsm8k", -1));
  }

  private static double apgr(List<Row> rows, double[] scores, String benchmark, int fold) {
    int[] of = IntStream.range(0, rows.size()).filter(i -> rows.get(i).benchmark.equals(benchmark) && (fold < 0 || rows.get(i).fold == fold)).toArray();
    return Apgr.of(IntStream.of(of).mapToDouble(i -> scores[i]).toArray(), IntStream.of(of).mapToDouble(i -> rows.get(i).gain).toArray());
  }

  private static void calibration(String benchmark, List<Row> rows, double[] scores) {
    int[] of = IntStream.range(0, rows.size()).filter(i -> rows.get(i).benchmark.equals(benchmark)).boxed().sorted((a, b) -> Double.compare(scores[a], scores[b])).mapToInt(Integer::intValue).toArray();
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
  private static void guard(List<Row> rows, LearnedModel model) {
    LearnedScorer scorer = LearnedScorer.of(model);
    Map<String, List<Row>> byTask = new LinkedHashMap<>();
    rows.forEach(row -> byTask.computeIfAbsent(row.benchmark, task -> new ArrayList<>()).add(row));
    byTask.put("all open tasks", rows);
    System.out.println("\nguard: open tasks, nothing trained on them (" + WEAK + " against " + STRONG + ")");
    System.out.println("task                     n    gain   learned  word count");
    byTask.forEach((task, of) -> {
      double[] gains = of.stream().mapToDouble(Row::gain).toArray();
      double mean = Arrays.stream(gains).average().orElse(0);
      if (of.size() >= 80 && mean > 0.03) {
        System.out.printf(Locale.ROOT, "%-22s %4d  %6.3f   %.4f   %.4f%n", task, of.size(), mean, Apgr.of(of.stream().mapToDouble(row -> scorer.score(row.prompt)).toArray(), gains),
            Apgr.of(of.stream().mapToDouble(row -> row.prompt.strip().split("\\s+").length).toArray(), gains));
      }
    });
  }
}
