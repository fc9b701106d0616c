package io.dromedary.provider.anthropic;

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
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Decodes Anthropic's events.
 *
 * <p>Thinking flows as {@code reasoning_content}; when its block ends, the block follows whole in {@code thinking_blocks}, signature included, because only that can be sent back.
 */
final class AnthropicStream implements StreamDecoder {
  private final String provider;
  private final CanonicalChunks chunks;
  private final Map<Integer, Block> open = new HashMap<>(4);
  private final @Nullable BareJsonStream bareJson;
  private int calls;
  private boolean complete;
  private boolean usageSeen;
  private long input;
  private long cacheRead;
  private long cacheWrite;
  private long output;
  private long reasoning;

  /** A content block between its start and its stop. */
  private static final class Block {
    final String type;
    final int call;
    final StringBuilder thinking = new StringBuilder();
    final StringBuilder signature = new StringBuilder();
    String arguments = "{}";
    boolean argumentsSent;

    Block(String type, int call) {
      this.type = type;
      this.call = call;
    }
  }

  AnthropicStream(ChatRequest request, Model model) {
    provider = model.provider();
    chunks = new CanonicalChunks(model.id(), request);
    bareJson = AnthropicAnswer.wantsBareJson(request, model) ? new BareJsonStream() : null;
  }

  @Override
  public List<ObjectNode> accept(@Nullable String event, byte[] data) throws IOException {
    if (complete) {
      return List.of();
    }
    JsonNode frame = Json.read(data);
    if (frame == null || !frame.isObject()) {
      throw new IOException(provider + " sent an event that is no JSON object");
    }
    return switch (frame.path("type").asText("")) {
      case "message_start" -> start(frame.path("message"));
      case "content_block_start" -> blockStart(frame.path("index").asInt(), frame.path("content_block"));
      case "content_block_delta" -> blockDelta(frame.path("index").asInt(), frame.path("delta"));
      case "content_block_stop" -> blockStop(frame.path("index").asInt());
      case "message_delta" -> messageDelta(frame);
      case "message_stop" -> stop();
      case "error" -> throw AnthropicMessages.failure(provider, AnthropicMessages.statusOf(frame.path("error").path("type").asText()), frame.path("error"), null);
      default -> List.of();
    };
  }

  private List<ObjectNode> start(JsonNode message) {
    chunks.id(message.path("id").asText(""));
    usage(message.path("usage"));
    return chunks.isOpen(0) ? List.of() : List.of(chunks.opening(0));
  }

  private List<ObjectNode> blockStart(int index, JsonNode content) {
    String type = content.path("type").asText("");
    boolean call = type.equals("tool_use");
    Block block = new Block(type, call ? calls++ : -1);
    open.put(index, block);
    switch (type) {
      case "tool_use" -> {
        CanonicalChunks.Chunk chunk = chunks.chunk(0);
        ObjectNode opening = chunk.delta().putArray("tool_calls").addObject().put("index", block.call).put("id", content.path("id").asText("")).put("type", "function");
        opening.putObject("function").put("name", content.path("name").asText("")).put("arguments", "");
        if (content.path("input").size() > 0) {
          block.arguments = Json.text(content.path("input"));
        }
        return List.of(chunk.json());
      }
      case "text" -> {
        return answer(content.path("text").asText(""));
      }
      case "thinking" -> {
        block.thinking.append(content.path("thinking").asText(""));
        block.signature.append(content.path("signature").asText(""));
        return text("reasoning_content", block.thinking.toString());
      }
      case "redacted_thinking" -> {
        return thinkingBlock(content);
      }
      default -> {
        return List.of();
      }
    }
  }

  private List<ObjectNode> blockDelta(int index, JsonNode delta) {
    Block block = open.get(index);
    switch (delta.path("type").asText("")) {
      case "text_delta" -> {
        return answer(delta.path("text").asText(""));
      }
      case "input_json_delta" -> {
        String partial = delta.path("partial_json").asText("");
        if (block == null || block.call < 0 || partial.isEmpty()) {
          return List.of();
        }
        block.argumentsSent = true;
        return arguments(block.call, partial);
      }
      case "thinking_delta" -> {
        String thinking = delta.path("thinking").asText("");
        if (block != null) {
          block.thinking.append(thinking);
        }
        return text("reasoning_content", thinking);
      }
      case "signature_delta" -> {
        if (block != null) {
          block.signature.append(delta.path("signature").asText(""));
        }
        return List.of();
      }
      default -> {
        return List.of();
      }
    }
  }

  private List<ObjectNode> blockStop(int index) {
    Block block = open.remove(index);
    if (block == null) {
      return List.of();
    }
    if (block.call >= 0 && !block.argumentsSent) {
      return arguments(block.call, block.arguments);
    }
    if (block.type.equals("thinking") && !block.signature.isEmpty()) {
      return thinkingBlock(Json.object().put("type", "thinking").put("thinking", block.thinking.toString()).put("signature", block.signature.toString()));
    }
    return List.of();
  }

  private List<ObjectNode> messageDelta(JsonNode frame) {
    usage(frame.path("usage"));
    String reason = frame.path("delta").path("stop_reason").asText("");
    if (reason.isEmpty() || frame.path("delta").path("stop_reason").isNull() || chunks.isFinished(0)) {
      return List.of();
    }
    JsonNode details = frame.path("delta").has("stop_details") ? frame.path("delta").path("stop_details") : frame.path("stop_details");
    return finish(AnthropicAnswer.finishReason(reason, calls > 0), AnthropicAnswer.refusal(details));
  }

  private List<ObjectNode> stop() {
    complete = true;
    return chunks.isFinished(0) ? List.of() : finish(calls > 0 ? "tool_calls" : "stop", null);
  }

  private List<ObjectNode> finish(String reason, @Nullable String refusal) {
    List<ObjectNode> last = new ArrayList<>(2);
    if (!chunks.isOpen(0)) {
      last.add(chunks.opening(0));
    }
    if (bareJson != null) {
      last.addAll(text("content", bareJson.rest()));
    }
    if (refusal != null) {
      last.addAll(text("refusal", refusal));
    }
    last.add(chunks.finish(0, reason));
    return last;
  }

  private List<ObjectNode> answer(String text) {
    return text("content", bareJson == null ? text : bareJson.next(text));
  }

  private List<ObjectNode> text(String field, String text) {
    if (text.isEmpty()) {
      return List.of();
    }
    CanonicalChunks.Chunk chunk = chunks.chunk(0);
    chunk.delta().put(field, text);
    return List.of(chunk.json());
  }

  private List<ObjectNode> arguments(int call, String partial) {
    CanonicalChunks.Chunk chunk = chunks.chunk(0);
    chunk.delta().putArray("tool_calls").addObject().put("index", call).putObject("function").put("arguments", partial);
    return List.of(chunk.json());
  }

  private List<ObjectNode> thinkingBlock(JsonNode block) {
    CanonicalChunks.Chunk chunk = chunks.chunk(0);
    chunk.delta().putArray("thinking_blocks").add(block);
    return List.of(chunk.json());
  }

  /** Counts are cumulative: what comes replaces what was. */
  private void usage(JsonNode usage) {
    if (!usage.isObject()) {
      return;
    }
    usageSeen = true;
    input = usage.path("input_tokens").asLong(input);
    cacheRead = usage.path("cache_read_input_tokens").asLong(cacheRead);
    cacheWrite = usage.path("cache_creation_input_tokens").asLong(cacheWrite);
    output = usage.path("output_tokens").asLong(output);
    reasoning = usage.path("output_tokens_details").path("thinking_tokens").asLong(reasoning);
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
    return usageSeen ? new Usage(input, cacheRead, cacheWrite, output, reasoning, false) : null;
  }
}
