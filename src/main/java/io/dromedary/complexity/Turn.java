package io.dromedary.complexity;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.dromedary.chat.ChatRequest;

/**
 * The text of a request that is scored.
 *
 * @param text never null, "" when the user said nothing in words
 * @param earlier true when it is the user message before a follow-up too short to judge
 */
record Turn(String text, boolean earlier) {
  private static final int FOLLOW_UP_WORDS = 3;

  static Turn of(ChatRequest request) {
    String last = request.lastUserText();
    if (request.messages().size() < 2 || Words.count(last) > FOLLOW_UP_WORDS || KeywordScorer.greets(last)) {
      return new Turn(last, false);
    }
    String before = userTextBeforeLast(request.messages());
    return before.isEmpty() ? new Turn(last, false) : new Turn(before, true);
  }

  private static String userTextBeforeLast(ArrayNode messages) {
    boolean lastSeen = false;
    for (int i = messages.size() - 1; i >= 0; i--) {
      if ("user".equals(messages.get(i).path("role").asText())) {
        if (lastSeen) {
          return text(messages.get(i).path("content"));
        }
        lastSeen = true;
      }
    }
    return "";
  }

  private static String text(JsonNode content) {
    if (content.isTextual()) {
      return content.textValue().strip();
    }
    StringBuilder text = new StringBuilder(128);
    for (JsonNode part : content) {
      if (part.path("text").isTextual()) {
        text.append(part.path("text").textValue()).append('\n');
      }
    }
    return text.toString().strip();
  }
}
