package io.dromedary.provider.bedrock;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usage;
import io.dromedary.provider.BareJsonStream;
import io.dromedary.provider.CanonicalAnswer;
import io.dromedary.provider.CanonicalChunks;
import io.dromedary.provider.StreamDecoder;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Decodes ConverseStream's events. The usage comes last, after the stop.
 *
 * <p>Where a JSON Schema is asked for, the arguments of its tool flow as content; words beside it are held back, and are the answer only if the tool was not called. Thinking flows as {@code reasoning_content}; when
 * its block ends, the block follows whole in {@code thinking_blocks}, signature included, because only that can be sent back.
 */
final class BedrockStream implements StreamDecoder {
  private static final String EXCEPTION = "exception:";

  private final ChatRequest request;
  private final String provider;
  private final CanonicalChunks chunks;
  private final @Nullable String answerTool;
  private final @Nullable BareJsonStream bareJson;
  private final StringBuilder held = new StringBuilder(0);
  private final Map<Integer, Block> open = new HashMap<>(4);
  private int calls;
  private boolean answered;
  private boolean ended;
  private @Nullable Usage usage;

  /** A content block between its start and its stop. */
  private static final class Block {
    /** Its number among the calls, -1 if it is none. */
    final int call;
    final boolean answer;
    final StringBuilder thinking = new StringBuilder(0);
    final StringBuilder signature = new StringBuilder(0);
    String redacted = "";
    boolean argumentsSent;

    Block(int call, boolean answer) {
      this.call = call;
      this.answer = answer;
    }
  }

  BedrockStream(ChatRequest request, Model model) {
    this.request = request;
    provider = model.provider();
    chunks = new CanonicalChunks(model.id(), request);
    answerTool = BedrockRequest.answerTool(request, model);
    bareJson = BedrockRequest.wantsBareJson(request, model) ? new BareJsonStream() : null;
  }

  @Override
  public List<ObjectNode> accept(@Nullable String event, byte[] data) throws IOException {
    if (complete()) {
      return List.of();
    }
    JsonNode frame = Json.read(data);
    String type = event == null ? "" : event;
    if (type.startsWith(EXCEPTION)) {
      throw BedrockErrors.inStream(provider, type.substring(EXCEPTION.length()), frame == null ? Json.object() : frame);
    }
    if (frame == null || !frame.isObject()) {
      throw new IOException(provider + " sent an event that is no JSON object");
    }
    if (type.equals("metadata")) {
      Usage reported = BedrockAnswer.usage(frame.path("usage"));
      usage = reported == null ? usage : reported;
      ended = true;
      return List.of();
    }
    if (chunks.isFinished(0)) {
      return List.of();
    }
    int index = frame.path("contentBlockIndex").asInt();
    return switch (type) {
      case "messageStart" -> chunks.isOpen(0) ? List.of() : List.of(chunks.opening(0));
      case "contentBlockStart" -> blockStart(index, frame.path("start").path("toolUse"));
      case "contentBlockDelta" -> blockDelta(index, frame.path("delta"));
      case "contentBlockStop" -> blockStop(index);
      case "messageStop" -> stop(frame.path("stopReason").asText(""));
      default -> List.of();
    };
  }

  private List<ObjectNode> blockStart(int index, JsonNode use) {
    if (!use.isObject()) {
      return List.of();
    }
    String name = use.path("name").asText("");
    if (name.equals(answerTool)) {
      // a second answer is none
      open.put(index, new Block(-1, !answered));
      answered = true;
      return List.of();
    }
    Block block = new Block(calls++, false);
    open.put(index, block);
    String id = use.path("toolUseId").asText("");
    CanonicalChunks.Chunk chunk = chunks.chunk(0);
    chunk.delta().putArray("tool_calls").add(CanonicalChunks.indexed(block.call, CanonicalAnswer.toolCall(id.isEmpty() ? CanonicalAnswer.toolCallId(request, 0, block.call) : id, name, "")));
    return List.of(chunk.json());
  }

  private List<ObjectNode> blockDelta(int index, JsonNode delta) {
    if (delta.path("text").isTextual()) {
      String words = delta.path("text").textValue();
      if (answerTool != null) {
        held.append(words);
        return List.of();
      }
      return text("content", bareJson == null ? words : bareJson.next(words));
    }
    if (delta.path("toolUse").isObject()) {
      Block block = open.get(index);
      String partial = delta.path("toolUse").path("input").asText("");
      if (block == null || partial.isEmpty()) {
        return List.of();
      }
      block.argumentsSent = true;
      return block.answer ? text("content", partial) : block.call < 0 ? List.of() : arguments(block.call, partial);
    }
    JsonNode thought = delta.path("reasoningContent");
    if (thought.isObject()) {
      Block block = open.computeIfAbsent(index, i -> new Block(-1, false));
      String words = thought.path("text").asText("");
      block.thinking.append(words);
      block.signature.append(thought.path("signature").asText(""));
      block.redacted = thought.path("redactedContent").asText(block.redacted);
      return text("reasoning_content", words);
    }
    return List.of();
  }

  private List<ObjectNode> blockStop(int index) {
    Block block = open.remove(index);
    if (block == null) {
      return List.of();
    }
    if (!block.argumentsSent && (block.call >= 0 || block.answer)) {
      return block.answer ? text("content", "{}") : arguments(block.call, "{}");
    }
    ObjectNode thinking = BedrockAnswer.thinkingBlock(block.thinking.toString(), block.signature.toString(), block.redacted);
    if (thinking == null) {
      return List.of();
    }
    CanonicalChunks.Chunk chunk = chunks.chunk(0);
    chunk.delta().putArray("thinking_blocks").add(thinking);
    return List.of(chunk.json());
  }

  private List<ObjectNode> stop(String stopReason) {
    String reason = BedrockAnswer.finishReason(provider, stopReason, calls > 0);
    List<ObjectNode> last = new ArrayList<>(2);
    if (!chunks.isOpen(0)) {
      last.add(chunks.opening(0));
    }
    if (!answered) {
      last.addAll(text("content", held.toString()));
    }
    if (bareJson != null) {
      last.addAll(text("content", bareJson.rest()));
    }
    last.add(chunks.finish(0, reason));
    return last;
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

  @Override
  public boolean complete() {
    return ended && chunks.isFinished(0);
  }

  @Override
  public boolean wholeAtEnd() {
    return chunks.isWhole();
  }

  @Override
  public @Nullable Usage usage() {
    return usage;
  }
}
