package io.dromedary.chat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * A whole answer: a Chat Completions object with every field that the official schema requires, and its usage in the house's shape.
 *
 * @param json the {@code chat.completion} object, {@code usage} included
 * @param usage what it used
 */
public record ChatResponse(ObjectNode json, Usage usage) implements Answer {
  public String finishReason() {
    return json.path("choices").path(0).path("finish_reason").asText("");
  }

  /** The text of the first choice, "" when it has none. */
  public String text() {
    JsonNode content = json.path("choices").path(0).path("message").path("content");
    return content.isTextual() ? content.textValue() : "";
  }
}
