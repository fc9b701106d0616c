package io.dromedary.bench.jmh;

import io.dromedary.bench.jmh.KernelBenchmark.SampleRequests;
import io.dromedary.catalog.Complexity;
import io.dromedary.chat.ChatRequest;
import io.dromedary.complexity.LearnedScorer;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** What the learned scorer takes for a prompt of 500 characters; wanted are at most 50 microseconds at p50 and 250 at p99. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 3, time = 2)
public class LearnedScorerBenchmark {
  private static final String LETTERED = "A 45-year-old man comes to the physician because of a 3-month history of fatigue, abdominal pain and weight loss. Physical examination shows pale conjunctivae and a mass in the right lower quadrant of the"
      + " abdomen. Laboratory studies show a hemoglobin concentration of 9.2 g/dL and a mean corpuscular volume of 72. Which of the following is the most likely diagnosis for this patient?\nA. Adenocarcinoma of the cecum\nB. Crohn disease"
      + " of the ileum\nC. Acute appendicitis with abscess\nD. Diverticulitis";
  private final LearnedScorer scorer = LearnedScorer.load();
  private final ChatRequest request = SampleRequests.request(500);

  private final ChatRequest lettered = SampleRequests.asking(LETTERED);

  /** @return score, tier and signals */
  @Benchmark
  public Complexity score500Characters() {
    return scorer.score(request);
  }

  /** @return the same of a question with lettered answers, which three members vote on: the slowest kind */
  @Benchmark
  public Complexity scoreLettered500Characters() {
    return scorer.score(lettered);
  }
}
