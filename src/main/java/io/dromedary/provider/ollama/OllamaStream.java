package io.dromedary.provider.ollama;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usage;
import io.dromedary.provider.CanonicalChunks;
import io.dromedary.provider.StreamDecoder;
import io.dromedary.provider.openai.OpenAiErrors;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One stream of Ollama's lines made canonical chunks. */
final class OllamaStream implements StreamDecoder {
  private final ChatRequest request;
  private final String provider;
  private final CanonicalChunks chunks;
  private int calls;
  private boolean done;
  private @Nullable Usage usage;

  OllamaStream(ChatRequest request, Model model) {
    this.request = request;
    provider = model.provider();
    chunks = new CanonicalChunks(model.id(), request);
  }

  @Override
  public List<ObjectNode> accept(@Nullable String event, byte[] data) throws IOException {
    if (done) {
      return List.of();
    }
    if (!(Json.read(data) instanceof ObjectNode line)) {
      throw new IOException("provider `" + provider + "` streamed something that is no JSON object");
    }
    if (line.hasNonNull("error")) {
      throw OpenAiErrors.inside200(provider, line);
    }
    boolean last = line.path("done").asBoolean(false);
    if (!last && !line.path("message").isObject()) {
      throw new IOException("provider `" + provider + "` streamed JSON without `message`");
    }
    List<ObjectNode> made = new ArrayList<>(2);
    said(made, line);
    if (last) {
      done = true;
      usage = OllamaChat.usage(line);
      made.add(chunks.finish(0, OllamaChat.finishReason(line, calls > 0)));
    }
    return made;
  }

  private void said(List<ObjectNode> made, ObjectNode line) {
    JsonNode message = line.path("message");
    String thinking = message.path("thinking").asText("");
    String text = message.path("content").asText("");
    ArrayNode toolCalls = OllamaChat.toolCalls(message.path("tool_calls"), request, calls);
    if (thinking.isEmpty() && text.isEmpty() && toolCalls.isEmpty() && chunks.isOpen(0)) {
      return;
    }
    CanonicalChunks.Chunk chunk = chunks.chunk(0);
    if (!thinking.isEmpty()) {
      chunk.delta().put("reasoning_content", thinking);
    }
    if (!text.isEmpty()) {
      chunk.delta().put("content", text);
    }
    for (JsonNode call : toolCalls) {
      chunk.delta().withArray("tool_calls").add(CanonicalChunks.indexed(calls++, call));
    }
    ObjectNode logprobs = OllamaChat.logprobs(line);
    if (logprobs != null) {
      chunk.choice().set("logprobs", logprobs);
    }
    made.add(chunk.json());
  }

  @Override
  public boolean complete() {
    return done;
  }

  @Override
  public @Nullable Usage usage() {
    return usage;
  }
}
