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
  private final LearnedScorer scorer = LearnedScorer.load();
  private final ChatRequest request = SampleRequests.request(500);

  /** @return score, tier and signals */
  @Benchmark
  public Complexity score500Characters() {
    return scorer.score(request);
  }
}
