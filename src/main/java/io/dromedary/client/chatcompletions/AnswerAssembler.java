package io.dromedary.client.chatcompletions;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usage;
import io.dromedary.chat.UsageJson;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Joins the chunks of a stream to the whole answer, for the cache, idempotency and doors that answer whole. Whatever the chunking, the joined answer is the same. One per stream, one thread; it never changes a chunk.
 */
public final class AnswerAssembler {
  private final long maxChars;
  private final Map<Integer, Choice> choices = new TreeMap<>();
  private @Nullable ObjectNode first;
  private long chars;

  public AnswerAssembler() {
    this(Long.MAX_VALUE);
  }

  /** @param maxChars more text than this is let go of, and {@link #finished} stays false */
  public AnswerAssembler(long maxChars) {
    this.maxChars = maxChars;
  }

  public void accept(ObjectNode chunk) {
    if (tooLong()) {
      return;
    }
    if (first == null) {
      first = chunk;
    }
    for (JsonNode part : chunk.path("choices")) {
      choices.computeIfAbsent(part.path("index").asInt(0), index -> new Choice()).accept(part);
    }
    if (tooLong()) {
      choices.clear();
    }
  }

  private boolean tooLong() {
    return chars > maxChars;
  }

  /** Have all choices seen so far ended with a finish reason, within the limit? */
  public boolean finished() {
    if (tooLong() || choices.isEmpty()) {
      return false;
    }
    for (Choice choice : choices.values()) {
      if (choice.finish == null) {
        return false;
      }
    }
    return true;
  }

  /**
   * The whole answer, as far as it has come.
   *
   * @param usage goes into it as {@code usage}
   * @throws IllegalStateException if no chunk has come, or more than the limit
   */
  public ChatResponse response(Usage usage) {
    ObjectNode opening = first;
    if (opening == null || tooLong()) {
      throw new IllegalStateException(opening == null ? "no chunk has come" : "the answer is longer than " + maxChars + " characters");
    }
    ObjectNode json = Json.object();
    json.set("id", opening.path("id"));
    json.put("object", "chat.completion");
    json.set("created", opening.path("created"));
    json.set("model", opening.path("model"));
    ArrayNode list = json.putArray("choices");
    choices.forEach((index, choice) -> list.add(choice.json(index)));
    json.set("usage", UsageJson.write(usage));
    for (String field : new String[] {"service_tier", "system_fingerprint"}) {
      JsonNode value = opening.get(field);
      if (value != null && !value.isNull()) {
        json.set(field, value);
      }
    }
    return new ChatResponse(json, usage);
  }

  /** One choice as it grows. */
  private final class Choice {
    private String role = "assistant";
    private @Nullable StringBuilder content;
    private @Nullable StringBuilder refusal;
    private final Map<String, StringBuilder> texts = new LinkedHashMap<>(4);
    private final Map<Integer, Call> calls = new TreeMap<>();
    private final ObjectNode others = Json.object();
    private @Nullable ObjectNode logprobs;
    private @Nullable String finish;
    private int lastCall = -1;

    void accept(JsonNode part) {
      for (Map.Entry<String, JsonNode> field : part.path("delta").properties()) {
        JsonNode value = field.getValue();
        if (!value.isNull()) {
          take(field.getKey(), value);
        }
      }
      if (part.path("logprobs") instanceof ObjectNode some) {
        if (logprobs == null) {
          logprobs = Json.object().putNull("content").putNull("refusal"); // both are required by the schema
        }
        merge(logprobs, some);
      }
      JsonNode reason = part.path("finish_reason");
      if (reason.isTextual()) {
        finish = reason.textValue();
      }
    }

    private void take(String name, JsonNode value) {
      switch (name) {
        case "role" -> role = value.asText(role);
        case "content" -> content = append(content, value);
        case "refusal" -> refusal = append(refusal, value);
        case "tool_calls" -> {
          for (JsonNode call : value) {
            call(call);
          }
        }
        default -> {
          if (value.isTextual()) {
            texts.put(name, append(texts.get(name), value));
          } else {
            mergeField(others, name, value);
          }
        }
      }
    }

    private StringBuilder append(@Nullable StringBuilder text, JsonNode value) {
      String more = value.asText("");
      chars += more.length();
      return (text == null ? new StringBuilder(Math.max(64, more.length())) : text).append(more);
    }

    private void call(JsonNode piece) {
      int index = piece.path("index").isInt() ? piece.path("index").intValue() : piece.has("id") ? lastCall + 1 : Math.max(0, lastCall);
      lastCall = index;
      Call call = calls.computeIfAbsent(index, i -> new Call());
      for (Map.Entry<String, JsonNode> field : piece.properties()) {
        JsonNode value = field.getValue();
        if (value.isNull()) {
          continue;
        }
        switch (field.getKey()) {
          case "index" -> { }
          case "function", "custom" -> {
            call.body = field.getKey();
            for (Map.Entry<String, JsonNode> inner : value.properties()) {
              switch (inner.getKey()) {
                case "arguments", "input" -> {
                  call.textField = inner.getKey();
                  append(call.text, inner.getValue());
                }
                default -> call.inner.set(inner.getKey(), inner.getValue());
              }
            }
          }
          default -> mergeField(call.outer, field.getKey(), value);
        }
      }
    }

    ObjectNode json(int index) {
      ObjectNode choice = Json.object().put("index", index);
      ObjectNode message = choice.putObject("message").put("role", role);
      boolean silent = content == null || content.isEmpty() && (!calls.isEmpty() || refusal != null && !refusal.isEmpty());
      message.put("content", silent ? null : content.toString());
      message.put("refusal", refusal == null || refusal.isEmpty() ? null : refusal.toString());
      texts.forEach((name, text) -> message.put(name, text.toString()));
      if (!calls.isEmpty()) {
        ArrayNode list = message.putArray("tool_calls");
        calls.values().forEach(call -> list.add(call.json()));
      }
      message.setAll(others);
      choice.set("logprobs", logprobs == null ? Json.mapper().nullNode() : logprobs);
      choice.put("finish_reason", finish == null ? "stop" : finish);
      return choice;
    }
  }

  /** One tool call as it grows. */
  private static final class Call {
    private String body = "function";
    private String textField = "arguments";
    private final StringBuilder text = new StringBuilder(64);
    private final ObjectNode outer = Json.object();
    private final ObjectNode inner = Json.object();

    ObjectNode json() {
      ObjectNode json = Json.object();
      json.set("id", outer.path("id").isTextual() ? outer.path("id") : Json.mapper().getNodeFactory().textNode(""));
      json.put("type", outer.path("type").asText("function"));
      ObjectNode function = json.putObject(body);
      function.setAll(inner);
      function.put(textField, text.toString());
      for (Map.Entry<String, JsonNode> field : outer.properties()) {
        if (!json.has(field.getKey())) {
          json.set(field.getKey(), field.getValue());
        }
      }
      return json;
    }
  }

  private static void merge(ObjectNode into, JsonNode more) {
    for (Map.Entry<String, JsonNode> field : more.properties()) {
      if (!field.getValue().isNull()) {
        mergeField(into, field.getKey(), field.getValue());
      }
    }
  }

  /** Lists grow, everything else is replaced. */
  private static void mergeField(ObjectNode into, String name, JsonNode value) {
    if (value.isArray()) {
      ArrayNode list = into.get(name) instanceof ArrayNode grown ? grown : into.putArray(name);
      value.forEach(list::add);
    } else {
      into.set(name, value);
    }
  }
}
