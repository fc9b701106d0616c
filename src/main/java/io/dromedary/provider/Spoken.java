package io.dromedary.provider;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.TokenCounter;
import io.dromedary.chat.Usage;

/** What a model has said, for counting where the provider did not: the same words make the same count, whole or in chunks (M8). Not thread-safe. */
public final class Spoken {
  private final StringBuilder content = new StringBuilder();
  private final StringBuilder reasoning = new StringBuilder();
  private final StringBuilder calls = new StringBuilder(0);

  /** Takes a canonical message, or the delta of a chunk. */
  public void add(JsonNode message) {
    append(content, message.path("content"));
    append(reasoning, message.path("reasoning_content"));
    for (JsonNode call : message.path("tool_calls")) {
      append(calls, call.path("function").path("name"));
      append(calls, call.path("function").path("arguments"));
    }
  }

  private static void append(StringBuilder said, JsonNode text) {
    if (text.isTextual()) {
      said.append(text.textValue());
    }
  }

  String content() {
    return content.toString();
  }

  String reasoning() {
    return reasoning.toString();
  }

  /** Output tokens, counted. */
  public long tokens() {
    return TokenCounter.count(content.toString()) + TokenCounter.count(reasoning.toString()) + TokenCounter.count(calls.toString());
  }

  /** The counted usage of a whole answer, whose canonical choices these are. */
  public static Usage usage(ChatRequest request, JsonNode choices) {
    Spoken spoken = new Spoken();
    for (JsonNode choice : choices) {
      spoken.add(choice.path("message"));
    }
    return Usage.counted(TokenCounter.input(request), spoken.tokens());
  }
}
