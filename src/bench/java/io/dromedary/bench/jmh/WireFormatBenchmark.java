package io.dromedary.bench.jmh;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.provider.StreamDecoder;
import io.dromedary.provider.WireFormat;
import io.dromedary.provider.anthropic.AnthropicMessages;
import io.dromedary.provider.gemini.GeminiGenerateContent;
import io.dromedary.provider.ollama.OllamaChat;
import io.dromedary.provider.openai.OpenAiChat;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** What translation costs each provider: a 2 KB request out, an answer of 400 characters in, one content chunk of a running stream. Microseconds each. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class WireFormatBenchmark {
  private static final String SAID = "The caravans carried salt, gold and cloth over 1,500 km. ".repeat(7);
  private static final String OPENAI = "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion%s\",\"created\":1795218701,\"model\":\"m\",\"system_fingerprint\":\"fp_1\",\"choices\":[{\"index\":0,%s,\"logprobs\":null,\"finish_reason\":%s}]%s}";

  /** One of each provider's language; groq and the like speak openai's. */
  @Param({"openai", "anthropic", "gemini", "ollama"})
  public String provider = "";

  private final ChatRequest request = KernelBenchmark.SampleRequests.request(2048);
  private Model model = Model.unlisted("openai", "m");
  private WireFormat format = new OpenAiChat();
  private byte[] answer = new byte[0];
  private byte[] chunk = new byte[0];
  private StreamDecoder decoder = format.decoder(request, model);

  /** @throws IOException never: the samples are right */
  @Setup
  public void prepare() throws IOException {
    model = Model.unlisted(provider, "m");
    String opening = "";
    switch (provider) {
      case "anthropic" -> {
        format = new AnthropicMessages();
        answer = utf8("{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[{\"type\":\"text\",\"text\":\"" + SAID
            + "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":500,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":100}}");
        opening = "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"usage\":{\"input_tokens\":500,\"output_tokens\":1}}}";
        chunk = utf8("{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" caravans\"}}");
      }
      case "gemini" -> {
        format = new GeminiGenerateContent();
        String candidate = "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"%s\"}],\"role\":\"model\"}%s,\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":500,\"candidatesTokenCount\":100,\"totalTokenCount\":600},"
            + "\"modelVersion\":\"m\",\"responseId\":\"r-1\"}";
        answer = utf8(String.format(candidate, SAID, ",\"finishReason\":\"STOP\""));
        chunk = utf8(String.format(candidate, " caravans", ""));
      }
      case "ollama" -> {
        format = new OllamaChat();
        answer = utf8("{\"model\":\"m\",\"created_at\":\"2026-11-20T10:00:00Z\",\"message\":{\"role\":\"assistant\",\"content\":\"" + SAID
            + "\"},\"done\":true,\"done_reason\":\"stop\",\"total_duration\":1,\"prompt_eval_count\":500,\"eval_count\":100}");
        chunk = utf8("{\"model\":\"m\",\"created_at\":\"2026-11-20T10:00:00Z\",\"message\":{\"role\":\"assistant\",\"content\":\" caravans\"},\"done\":false}");
      }
      default -> {
        format = new OpenAiChat();
        answer = utf8(String.format(OPENAI, "", "\"message\":{\"role\":\"assistant\",\"content\":\"" + SAID + "\",\"refusal\":null}", "\"stop\"",
            ",\"usage\":{\"prompt_tokens\":500,\"completion_tokens\":100,\"total_tokens\":600,\"prompt_tokens_details\":{\"cached_tokens\":0}}"));
        chunk = utf8(String.format(OPENAI, ".chunk", "\"delta\":{\"content\":\" caravans\"}", "null", ",\"usage\":null,\"obfuscation\":\"aX9\""));
      }
    }
    decoder = format.decoder(request, model);
    if (!opening.isEmpty()) {
      decoder.accept(null, utf8(opening));
    }
    decoder.accept(null, chunk);
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** @return the provider's body */
  @Benchmark
  public WireFormat.Outgoing write() {
    return format.write(request, model);
  }

  /**
   * @return the canonical answer
   * @throws IOException never: the sample is right
   */
  @Benchmark
  public ChatResponse read() throws IOException {
    return format.read(request, model, answer);
  }

  /**
   * @return the canonical chunk
   * @throws IOException never: the sample is right
   */
  @Benchmark
  public List<ObjectNode> decodeChunk() throws IOException {
    return decoder.accept(null, chunk);
  }
}
