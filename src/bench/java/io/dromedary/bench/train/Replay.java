package io.dromedary.bench.train;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.TrainedQuality;
import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Tariff;
import io.dromedary.catalog.Tier;
import io.dromedary.chat.ChatRequest;
import io.dromedary.ranking.CandidateRanking;
import io.dromedary.ranking.ExpectedLatency;
import io.dromedary.ranking.ProviderStates;
import io.dromedary.ranking.RoutingPolicy;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * {@code src/bench/run replay --in=prompts.jsonl[.gz] --out=scores.csv} ({@code --out=-} for the standard output): sends prompts (a line each: {@code id}, {@code prompt}) through the beans that serve requests, into {@code id,score}. With
 * {@code --models=FILE}, a catalogue, into {@code id,setting,model}: which of its models each position of the cost/quality knob chooses.
 */
public final class Replay {
  /** Positions of the knob: how much cost weighs, quality weighing the rest. */
  static final double[] KNOB = {0, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.045, 0.05, 0.055, 0.06, 0.065, 0.07, 0.075, 0.08, 0.085, 0.09, 0.095, 0.1, 0.105, 0.11, 0.115, 0.12, 0.13, 0.14, 0.15, 0.16, 0.17, 0.18, 0.19, 0.2, 0.225, 0.25,
      0.275, 0.3, 0.35, 0.4, 0.5, 0.6, 0.75, 1};
  private static final String ALLOWED = "--in=prompts.jsonl --out=scores.csv (or --out=-) [--scorer=learned|keywords|length|random] [--minilm] [--router=FILE] [--models=models.yaml [--settings=0,0.1,1]]";

  private Replay() {}

  /** @throws IOException if a file cannot be read or written, naming the line that is wrong */
  public static void main(String[] args) throws IOException {
    String in = "";
    String out = "";
    String kind = "learned";
    String router = "";
    String models = "";
    double[] knob = KNOB;
    boolean minilm = false;
    for (int i = 0; i < args.length; i++) {
      String name = args[i].contains("=") ? args[i].substring(0, args[i].indexOf('=')) : args[i];
      String value = args[i].contains("=") ? args[i].substring(args[i].indexOf('=') + 1) : name.equals("--minilm") ? "true" : i + 1 < args.length ? args[++i] : "";
      switch (name) {
        case "--in" -> in = value;
        case "--out" -> out = value;
        case "--scorer" -> kind = value;
        case "--router" -> router = value;
        case "--models" -> models = value;
        case "--minilm" -> minilm = Boolean.parseBoolean(value);
        case "--settings" -> knob = Rows.shares("--settings", value);
        default -> throw new IllegalArgumentException(name + " is not known; wanted: " + ALLOWED);
      }
    }
    if (in.isEmpty() || out.isEmpty()) {
      throw new IllegalArgumentException("wanted: " + ALLOWED);
    }
    long start = System.nanoTime();
    boolean shown = out.equals("-");
    // a file appears when it is whole: half of one would be taken for the result
    Path part = Path.of(out + ".part");
    int count;
    try (Scoring scoring = new Scoring(kind, minilm, router); BufferedWriter lines = shown ? new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8)) : Files.newBufferedWriter(part)) {
      count = models.isEmpty() ? scores(Path.of(in), scoring, lines) : choices(Path.of(in), scoring, Path.of(models), knob, lines);
      if (count == 0) {
        throw new IOException(in + " has no prompts");
      }
    } catch (IOException | RuntimeException e) {
      if (!shown) {
        Files.deleteIfExists(part);
      }
      throw e;
    }
    if (!shown) {
      Files.move(part, Path.of(out), StandardCopyOption.REPLACE_EXISTING);
    }
    (shown ? System.err : System.out).printf(Locale.ROOT, "%d prompts through %s in %.1f s, into %s%n", count, kind, (System.nanoTime() - start) / 1e9, shown ? "the standard output" : out);
  }

  private static int scores(Path in, Scoring scoring, BufferedWriter lines) throws IOException {
    Set<String> ids = new HashSet<>();
    lines.write("id,score\n");
    return Rows.read(in, row -> {
      String id = Rows.id(row, ids);
      lines.write(Rows.csv(id) + ',' + scoring.score(Scoring.request(id, Rows.text(row, "prompt"))).score() + '\n');
    });
  }

  private static int choices(Path in, Scoring scoring, Path models, double[] knob, BufferedWriter lines) throws IOException {
    ModelCatalog catalogue = ModelCatalog.read(Files.readAllBytes(models), models.toString());
    RoutingPolicy policy = policy(catalogue);
    ProviderStates all = new ProviderStates() {
      @Override
      public boolean active(String provider) {
        return catalogue.providers().contains(provider) && !provider.equals("sandbox");
      }

      @Override
      public boolean available(String provider) {
        return true;
      }
    };
    CandidateRanking ranking = new CandidateRanking(() -> catalogue, () -> policy, all, ExpectedLatency.PRIOR, new TrainedQuality(scoring.learned), Tariff.LISTED);
    Set<String> ids = new HashSet<>();
    lines.write("id,setting,model\n");
    return Rows.read(in, row -> {
      String id = Rows.id(row, ids);
      String prompt = Rows.text(row, "prompt");
      Complexity complexity = scoring.score(Scoring.request(id, prompt));
      for (double cost : knob) {
        ObjectNode json = Scoring.json(prompt);
        json.putObject("routing").putObject("weights").put("cost", cost).put("quality", 1 - cost).put("speed", 0);
        Model chosen = ranking.byTier(new ChatRequest("replay_" + id, json, Map.of(), Instant.now(), Instant.EPOCH), complexity).ranked().get(0).model();
        lines.write(Rows.csv(id) + ',' + cost + ',' + Rows.csv(chosen.name()) + '\n');
      }
    });
  }

  /** Every tier may choose among all chat models; what it costs and is worth decides. */
  private static RoutingPolicy policy(ModelCatalog catalogue) {
    List<String> ids = new ArrayList<>(catalogue.all().stream().filter(model -> model.mode().equals("chat") && !model.provider().equals("sandbox")).map(Model::id).toList());
    String chain = ids.stream().map(id -> '"' + id + '"').collect(Collectors.joining(", ", "[", "]"));
    StringBuilder yaml = new StringBuilder("scorer: learned\nmax-candidates: 20\ntiers:\n");
    for (Tier tier : Tier.values()) {
      yaml.append("  ").append(tier).append(":\n    models: ").append(chain).append('\n');
    }
    yaml.append("preferences:\n");
    for (String name : List.of("cost", "quality", "speed", "balanced")) {
      yaml.append("  ").append(name).append(": {cost: 1, quality: 1, speed: 1}\n");
    }
    yaml.append("routers:\n  strong: \"").append(ids.get(0)).append("\"\n  weak: \"").append(ids.get(ids.size() - 1)).append("\"\n");
    return RoutingPolicy.read(yaml.toString().getBytes(StandardCharsets.UTF_8), "the replay's own policy", catalogue, Set.of("learned", "keywords", "length", "random"));
  }
}
