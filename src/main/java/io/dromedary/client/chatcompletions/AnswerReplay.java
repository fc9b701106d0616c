package io.dromedary.client.chatcompletions;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.ChatStream;
import io.dromedary.chat.Json;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.Usage;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A whole answer told as a stream, for those who asked for one: {@link AnswerAssembler} makes the same answer of it again. */
public final class AnswerReplay {
  /** How much text one chunk carries; enough that a long answer is few events. */
  private static final int PIECE_CHARS = 2_048;

  private AnswerReplay() {}

  /** The chunks of an answer: for each choice its role, reasoning, content, refusal, tool calls and finish. */
  public static List<ObjectNode> chunks(ChatResponse answer) {
    List<ObjectNode> chunks = new ArrayList<>(8);
    ObjectNode json = answer.json();
    int position = 0;
    for (JsonNode choice : json.path("choices")) {
      choice(json, choice, choice.path("index").asInt(position++), chunks);
    }
    return chunks;
  }

  /** The same as a stream that never fails. */
  public static ChatStream stream(ChatResponse answer) {
    return new Replayed(chunks(answer), answer.usage());
  }

  private static void choice(ObjectNode json, JsonNode choice, int index, List<ObjectNode> chunks) {
    JsonNode message = choice.path("message");
    JsonNode content = message.path("content");
    JsonNode logprobs = choice.path("logprobs");
    ObjectNode role = Json.object().put("role", message.path("role").asText("assistant"));
    if (content.isTextual()) {
      role.put("content", "");
    } else {
      role.putNull("content");
    }
    role.putNull("refusal");
    chunks.add(chunk(json, index, role, null, null));
    pieces(json, index, "reasoning_content", message.path("reasoning_content"), chunks);
    if (logprobs.isObject() && !logprobs.isEmpty()) {
      // log probabilities are by token, pieces are not: they go with the whole text
      chunks.add(chunk(json, index, content.isTextual() ? Json.object().put("content", content.textValue()) : Json.object(), logprobs, null));
    } else {
      pieces(json, index, "content", content, chunks);
    }
    pieces(json, index, "refusal", message.path("refusal"), chunks);
    int number = 0;
    for (JsonNode call : message.path("tool_calls")) {
      ObjectNode told = Json.object().put("index", number++);
      if (call instanceof ObjectNode fields) {
        told.setAll(fields);
        told.put("index", number - 1);
      }
      ObjectNode delta = Json.object();
      delta.putArray("tool_calls").add(told);
      chunks.add(chunk(json, index, delta, null, null));
    }
    ObjectNode others = Json.object();
    for (Map.Entry<String, JsonNode> field : message.properties()) {
      switch (field.getKey()) {
        case "role", "content", "refusal", "reasoning_content", "tool_calls" -> { }
        default -> {
          if (!field.getValue().isNull()) {
            others.set(field.getKey(), field.getValue());
          }
        }
      }
    }
    if (!others.isEmpty()) {
      chunks.add(chunk(json, index, others, null, null));
    }
    chunks.add(chunk(json, index, Json.object(), null, choice.path("finish_reason").asText("stop")));
  }

  private static void pieces(ObjectNode json, int index, String field, JsonNode text, List<ObjectNode> chunks) {
    String all = text.isTextual() ? text.textValue() : "";
    int from = 0;
    while (from < all.length()) {
      int to = Math.min(all.length(), from + PIECE_CHARS);
      if (to < all.length() && Character.isHighSurrogate(all.charAt(to - 1))) {
        to++;
      }
      chunks.add(chunk(json, index, Json.object().put(field, all.substring(from, to)), null, null));
      from = to;
    }
  }

  private static ObjectNode chunk(ObjectNode json, int index, ObjectNode delta, @Nullable JsonNode logprobs, @Nullable String finish) {
    ObjectNode chunk = Json.object();
    chunk.set("id", json.path("id"));
    chunk.put("object", "chat.completion.chunk");
    chunk.set("created", json.path("created"));
    chunk.set("model", json.path("model"));
    copy(json, chunk, "system_fingerprint");
    copy(json, chunk, "service_tier");
    ArrayNode choices = chunk.putArray("choices");
    ObjectNode choice = choices.addObject().put("index", index);
    choice.set("delta", delta);
    if (logprobs == null) {
      choice.putNull("logprobs");
    } else {
      choice.set("logprobs", logprobs);
    }
    choice.put("finish_reason", finish);
    return chunk;
  }

  private static void copy(ObjectNode from, ObjectNode to, String field) {
    JsonNode value = from.get(field);
    if (value != null && !value.isNull()) {
      to.set(field, value);
    }
  }

  /** A stream out of memory. */
  private static final class Replayed implements ChatStream {
    private final List<ObjectNode> chunks;
    private final Usage usage;
    private int next;
    private volatile @Nullable ProviderFailure aborted;

    Replayed(List<ObjectNode> chunks, Usage usage) {
      this.chunks = chunks;
      this.usage = usage;
    }

    @Override
    public @Nullable ObjectNode next() {
      ProviderFailure reason = aborted;
      if (reason != null) {
        throw reason;
      }
      return next < chunks.size() ? chunks.get(next++) : null;
    }

    @Override
    public boolean hasReady() {
      return true;
    }

    @Override
    public Usage usage() {
      return usage;
    }

    @Override
    public boolean complete() {
      return true;
    }

    @Override
    public void abort(ProviderFailure reason) {
      aborted = reason;
    }

    @Override
    public void close() {}
  }
}
