package io.dromedary.provider.gemini;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usage;
import io.dromedary.provider.BareJsonStream;
import io.dromedary.provider.CanonicalChunks;
import io.dromedary.provider.StreamDecoder;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Decodes Gemini's frames, each an answer of its own. The stream has no last event: it is complete when every candidate has its finish reason, or the prompt is blocked. */
final class GeminiStream implements StreamDecoder {
  private final ChatRequest request;
  private final Model model;
  private final CanonicalChunks chunks;
  private final GeminiUsage usage = new GeminiUsage();
  private final int[] calls;
  /** One for each choice, none where JSON comes bare by itself. */
  private final BareJsonStream[] bareJson;
  private boolean complete;

  GeminiStream(ChatRequest request, Model model) {
    this.request = request;
    this.model = model;
    chunks = new CanonicalChunks(model.id(), request);
    calls = new int[Math.max(1, Math.min(8, request.json().path("n").asInt(1)))];
    bareJson = new BareJsonStream[GeminiAnswer.wantsBareJson(request, model) ? calls.length : 0];
    Arrays.setAll(bareJson, choice -> new BareJsonStream());
  }

  @Override
  public List<ObjectNode> accept(@Nullable String event, byte[] data) throws IOException {
    if (complete) {
      return List.of();
    }
    JsonNode frame = GeminiAnswer.frame(model.provider(), Json.read(data));
    chunks.id(frame.path("responseId").asText(""));
    usage.set(frame.path("usageMetadata"));
    List<ObjectNode> made = new ArrayList<>(2);
    for (JsonNode candidate : frame.path("candidates")) {
      candidate(made, candidate);
    }
    if (GeminiAnswer.isBlocked(frame)) {
      for (int choice = 0; choice < calls.length; choice++) {
        if (!chunks.isFinished(choice)) {
          finish(made, choice, "content_filter");
        }
      }
    }
    complete = chunks.finishedChoices() == calls.length;
    return made;
  }

  private void candidate(List<ObjectNode> made, JsonNode candidate) throws IOException {
    int index = candidate.path("index").asInt(0);
    if (index < 0 || index >= calls.length) {
      throw new IOException(model.provider() + " sent candidate " + index + " of " + calls.length);
    }
    if (chunks.isFinished(index)) {
      return;
    }
    JsonNode logprobs = GeminiAnswer.logprobs(candidate.path("logprobsResult"));
    for (JsonNode part : candidate.path("content").path("parts")) {
      CanonicalChunks.Chunk chunk = part(part, index);
      if (chunk != null) {
        if (logprobs != null && chunk.delta().has("content")) {
          chunk.choice().set("logprobs", logprobs);
          logprobs = null;
        }
        made.add(chunk.json());
      }
    }
    String reason = candidate.path("finishReason").asText("");
    if (!reason.isEmpty()) {
      finish(made, index, GeminiAnswer.finishReason(reason, calls[index] > 0, model, candidate));
    }
  }

  private CanonicalChunks.@Nullable Chunk part(JsonNode part, int index) {
    if (part.path("functionCall").isObject()) {
      CanonicalChunks.Chunk chunk = chunks.chunk(index);
      ObjectNode call = GeminiAnswer.toolCall(part, request, index, calls[index]);
      chunk.delta().putArray("tool_calls").add(CanonicalChunks.indexed(calls[index]++, call));
      return chunk;
    }
    String text = part.path("text").asText("");
    boolean thought = part.path("thought").asBoolean(false);
    if (bareJson.length > 0 && !thought) {
      text = bareJson[index].next(text);
    }
    String signature = part.path("thoughtSignature").asText("");
    if (text.isEmpty() && signature.isEmpty()) {
      return null;
    }
    CanonicalChunks.Chunk chunk = chunks.chunk(index);
    if (!text.isEmpty()) {
      chunk.delta().put(thought ? "reasoning_content" : "content", text);
    }
    if (!signature.isEmpty()) {
      GeminiAnswer.signature(chunk.delta(), signature);
    }
    return chunk;
  }

  private void finish(List<ObjectNode> made, int index, String reason) {
    if (!chunks.isOpen(index)) {
      made.add(chunks.opening(index));
    }
    String rest = bareJson.length > 0 ? bareJson[index].rest() : "";
    if (!rest.isEmpty()) {
      CanonicalChunks.Chunk chunk = chunks.chunk(index);
      chunk.delta().put("content", rest);
      made.add(chunk.json());
    }
    made.add(chunks.finish(index, reason));
  }

  @Override
  public boolean complete() {
    return complete;
  }

  @Override
  public boolean wholeAtEnd() {
    return chunks.isWhole();
  }

  @Override
  public @Nullable Usage usage() {
    return usage.toUsage();
  }
}
