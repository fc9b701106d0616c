package io.dromedary.bench.jmh;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.cache.CacheKey;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.client.chatcompletions.ChatRequestReader;
import io.dromedary.client.chatcompletions.ChunkWriter;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
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

/** What the client's side costs: reading and checking a 2 KB request, its cache key, writing one chunk of a stream. Microseconds each. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class DoorBenchmark {
  private final ChatRequestReader reader = new ChatRequestReader(Duration.ofMinutes(2));
  private final Inbound inbound = new Inbound("req_bench", "http", "POST", "/v1/chat/completions", Map.of(), Map.of("content-type", "application/json"), KernelBenchmark.SampleRequests.body(2048), Instant.now());
  private final ChatRequest request = KernelBenchmark.SampleRequests.request(2048);
  private final ChunkWriter writer = new ChunkWriter(true);
  private final ObjectNode chunk = chunk();

  private static ObjectNode chunk() {
    ObjectNode chunk = Json.object().put("id", "chatcmpl-1").put("object", "chat.completion.chunk").put("created", 1_795_218_701L).put("model", "openai/gpt-4o-mini");
    ObjectNode choice = chunk.putArray("choices").addObject().put("index", 0);
    choice.putObject("delta").put("content", " caravans");
    choice.putNull("logprobs").putNull("finish_reason");
    return chunk;
  }

  /** @return the checked request */
  @Benchmark
  public ChatRequest readRequest() {
    return reader.read(inbound);
  }

  /** @return what equal requests share */
  @Benchmark
  public String cacheKey() {
    return CacheKey.of("team-a", request);
  }

  /** @return the event's bytes */
  @Benchmark
  public byte[] writeChunk() {
    return writer.chunk(chunk);
  }
}
