package io.dromedary.bench.jmh;

import io.dromedary.TrainedQuality;
import io.dromedary.catalog.Candidates;
import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Tariff;
import io.dromedary.catalog.Tier;
import io.dromedary.catalog.Topic;
import io.dromedary.chat.ChatRequest;
import io.dromedary.complexity.ComplexityScorers;
import io.dromedary.complexity.LearnedScorer;
import io.dromedary.domain.TopicPolicy;
import io.dromedary.domain.Topics;
import io.dromedary.ranking.CandidateRanking;
import io.dromedary.ranking.ExpectedLatency;
import io.dromedary.ranking.ProviderStates;
import io.dromedary.ranking.RoutingPolicy;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** What the choice of a model costs: scoring 500 characters, ranking a tier's chain or, where none of its providers takes part, stand-ins from the whole catalogue. Microseconds each. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class RoutingBenchmark {
  private static final Set<String> SCORERS = Set.of("keywords", "learned", "length", "random");
  private final ChatRequest request = KernelBenchmark.SampleRequests.request(500);
  private final ComplexityScorers keywords = new ComplexityScorers(List.of(), () -> "keywords");
  private final ComplexityScorers length = new ComplexityScorers(List.of(), () -> "length");
  private final Complexity expert = new Complexity(0.9, Tier.EXPERT, "keywords", Map.of("words", 80));
  private @Nullable CandidateRanking usual;
  private @Nullable CandidateRanking elsewhere;
  private @Nullable CandidateRanking wide;
  private @Nullable CandidateRanking served;
  private @Nullable Topics topics;
  private final LearnedScorer trained = LearnedScorer.load();
  private final ComplexityScorers learned = new ComplexityScorers(List.of(trained), () -> "learned");
  private final ChatRequest balanced = request.withModel("auto:balanced");

  /** @throws IOException if the shipped settings cannot be read: run it from the project's root */
  @Setup
  public void prepare() throws IOException {
    ModelCatalog catalogue = ModelCatalog.read(Files.readAllBytes(Path.of("config/models.yaml")), "config/models.yaml");
    RoutingPolicy policy = RoutingPolicy.read(Files.readAllBytes(Path.of("config/routing.yaml")), "config/routing.yaml", catalogue, SCORERS);
    usual = new CandidateRanking(() -> catalogue, () -> policy, only(Set.of("openai", "anthropic", "gemini", "groq", "ollama")), ExpectedLatency.PRIOR);
    List<String> hundred = catalogue.all().stream().filter(model -> model.mode().equals("chat")).map(Model::id).limit(100).toList();
    String widest = Files.readString(Path.of("config/routing.yaml")).replaceFirst("models: \\[anthropic/claude-opus-5, openai/gpt-4o, anthropic/claude-sonnet-5\\]", "models: " + hundred);
    RoutingPolicy hundredWide = RoutingPolicy.read(widest.getBytes(StandardCharsets.UTF_8), "config/routing.yaml", catalogue, SCORERS);
    if (hundred.size() != 100 || !widest.contains(hundred.toString())) {
      throw new IllegalStateException("the EXPERT chain is not as it was");
    }
    wide = new CandidateRanking(() -> catalogue, () -> hundredWide, only(Set.copyOf(catalogue.providers())), ExpectedLatency.PRIOR);
    served = new CandidateRanking(() -> catalogue, () -> hundredWide, only(Set.copyOf(catalogue.providers())), ExpectedLatency.PRIOR, new TrainedQuality(trained), Tariff.LISTED);
    TopicPolicy words = TopicPolicy.read(Files.readAllBytes(Path.of("config/routing.yaml")), "config/routing.yaml", Set.of());
    topics = new Topics(() -> words);
    elsewhere = new CandidateRanking(() -> catalogue, () -> policy, only(Set.of("mistral", "deepseek", "openrouter")), ExpectedLatency.PRIOR);
  }

  private static ProviderStates only(Set<String> providers) {
    return new ProviderStates() {
      @Override
      public boolean active(String provider) {
        return providers.contains(provider);
      }

      @Override
      public boolean available(String provider) {
        return true;
      }
    };
  }

  /** @return the keywords' score */
  @Benchmark
  public Complexity scoreByKeywords() {
    return keywords.score(request);
  }

  /** @return the length's score */
  @Benchmark
  public Complexity scoreByLength() {
    return length.score(request);
  }

  /** @return a chain of four */
  @Benchmark
  public Candidates rankChain() {
    return Objects.requireNonNull(usual).byTier(request, expert);
  }

  /** @return the best of three whole providers */
  @Benchmark
  public Candidates rankStandIns() {
    return Objects.requireNonNull(elsewhere).byTier(request, expert);
  }

  /** @return the best of a hundred candidates, weighed by cost, quality and speed */
  @Benchmark
  public Candidates rankHundred() {
    return Objects.requireNonNull(wide).byTier(balanced, expert);
  }

  /** @return the score alone of a request that wants a balance: what {@link #decideAmongHundred} takes beyond it is the ranking */
  @Benchmark
  public Complexity scoreBalanced() {
    return learned.score(balanced);
  }

  /** @return the best of a hundred candidates as {@code auto:balanced} is served: scored, each candidate's quality expected for these very words, then weighed */
  @Benchmark
  public Candidates decideAmongHundred() {
    return Objects.requireNonNull(served).byTier(balanced, learned.score(balanced), "EXPERT");
  }

  /** @return domain and task of 500 characters */
  @Benchmark
  public Topic tellTopic() {
    return Objects.requireNonNull(topics).of(request);
  }
}
