package io.dromedary.bench.jmh;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Price;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.TokenCounter;
import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.util.List;
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

/** What every request pays in the kernel: reading 2 KB of JSON strictly, counting its tokens, pricing its usage. Microseconds each. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class KernelBenchmark {
  private final byte[] body = SampleRequests.body(2048);
  private final ChatRequest request = SampleRequests.request(2048);
  private final Price price = new Price("gpt-4o-mini@2024-07-18", LocalDate.of(2024, 7, 18), "a sample",
      new Price.Rates(usd("0.15"), usd("0.60"), usd("0.075"), usd("0.15")), List.of());
  private final Usage usage = Usage.ofPrompt(1200, 1024, 0, 340, 0);

  private static long usd(String perMillion) {
    return Price.perMillion(new BigDecimal(perMillion));
  }

  /** @return the strictly read body, as the door does it */
  @Benchmark
  public ChatRequest readStrictly() {
    ObjectNode json = Json.readStrictly(body);
    return new ChatRequest("req_bench", json, Map.of(), Instant.EPOCH, Instant.EPOCH);
  }

  /** @return input tokens, for the reservation */
  @Benchmark
  public long countInputTokens() {
    return TokenCounter.input(request);
  }

  /** @return the price of one answer */
  @Benchmark
  public Usd priceUsage() {
    return price.cost(usage);
  }

  /** Requests of a chosen size; new benchmarks take theirs from here. */
  static final class SampleRequests {
    private SampleRequests() {}

    static byte[] body(int promptChars) {
      String sentence = "Compare the trade routes that crossed the Sahara in 1325 with today's: goods, distances in km, dangers & costs. ";
      StringBuilder prompt = new StringBuilder(promptChars + sentence.length());
      while (prompt.length() < promptChars) {
        prompt.append(sentence);
      }
      prompt.setLength(promptChars);
      return ("{\"model\":\"openai/gpt-4o-mini\",\"messages\":[{\"role\":\"system\",\"content\":\"You are a helpful assistant.\"},{\"role\":\"user\",\"content\":\"" + prompt
          + "\"}],\"temperature\":0.7,\"max_tokens\":500,\"user\":\"u-17\"}").getBytes(StandardCharsets.UTF_8);
    }

    static ChatRequest asking(String prompt) {
      ObjectNode json = Json.object().put("model", "auto");
      json.putArray("messages").addObject().put("role", "user").put("content", prompt);
      return new ChatRequest("req_bench", json, Map.of(), Instant.EPOCH, Instant.EPOCH);
    }

    static ChatRequest request(int promptChars) {
      return new ChatRequest("req_bench", Json.readStrictly(body(promptChars)), Map.of(), Instant.EPOCH, Instant.EPOCH);
    }
  }
}
