package io.dromedary.provider.ollama;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usage;
import io.dromedary.provider.StreamDecoder;
import io.dromedary.provider.openai.OpenAiErrors;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One stream of Ollama's lines made canonical chunks. */
final class OllamaStream implements StreamDecoder {
  private final ChatRequest request;
  private final Model model;
  private boolean begun;
  private int calls;
  private boolean done;
  private @Nullable Usage usage;

  OllamaStream(ChatRequest request, Model model) {
    this.request = request;
    this.model = model;
  }

  @Override
  public List<ObjectNode> accept(@Nullable String event, byte[] data) throws IOException {
    if (done) {
      return List.of();
    }
    if (!(Json.read(data) instanceof ObjectNode line)) {
      throw new IOException("provider `" + model.provider() + "` streamed something that is no JSON object");
    }
    if (line.hasNonNull("error")) {
      throw OpenAiErrors.inside200(model.provider(), line);
    }
    boolean last = line.path("done").asBoolean(false);
    if (!last && !line.path("message").isObject()) {
      throw new IOException("provider `" + model.provider() + "` streamed JSON without `message`");
    }
    List<ObjectNode> chunks = new ArrayList<>(2);
    ObjectNode delta = delta(line.path("message"));
    if (!delta.isEmpty() || !begun) {
      if (!begun) {
        begun = true;
        ObjectNode first = Json.object().put("role", "assistant");
        first.setAll(delta);
        delta = first;
      }
      chunks.add(chunk(delta, OllamaChat.logprobs(line), null));
    }
    if (last) {
      done = true;
      usage = OllamaChat.usage(line);
      chunks.add(chunk(Json.object(), Json.object().nullNode(), OllamaChat.finishReason(line, calls > 0)));
    }
    return chunks;
  }

  private ObjectNode delta(JsonNode message) {
    ObjectNode delta = Json.object();
    String thinking = message.path("thinking").asText("");
    if (!thinking.isEmpty()) {
      delta.put("reasoning_content", thinking);
    }
    String text = message.path("content").asText("");
    if (!text.isEmpty()) {
      delta.put("content", text);
    }
    ArrayNode toolCalls = OllamaChat.toolCalls(message.path("tool_calls"), request.id(), calls);
    if (toolCalls != null) {
      calls += toolCalls.size();
      delta.set("tool_calls", toolCalls);
    }
    return delta;
  }

  private ObjectNode chunk(ObjectNode delta, JsonNode logprobs, @Nullable String finish) {
    ObjectNode chunk = Json.object();
    chunk.put("id", "chatcmpl-" + request.id());
    chunk.put("object", "chat.completion.chunk");
    chunk.put("created", request.receivedAt().getEpochSecond());
    chunk.put("model", model.id());
    ObjectNode choice = chunk.putArray("choices").addObject();
    choice.put("index", 0);
    choice.set("delta", delta);
    choice.set("logprobs", logprobs);
    choice.put("finish_reason", finish);
    return chunk;
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
