package io.dromedary.provider;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** JSON inside of texts: the arguments of tool calls, the results of tools, answers that were asked to be JSON. */
public final class JsonText {
  private static final String INSTRUCTION = "Answer with one valid JSON object and nothing else: no code fence, no words around it.";

  private JsonText() {}

  /** What asks a model for JSON that has no parameter for it; with a schema if {@code schema} is an object. */
  public static String instruction(JsonNode schema) {
    return schema.isObject() ? INSTRUCTION + " It must match this JSON Schema: " + Json.text(schema) : INSTRUCTION;
  }

  /** Arguments of a tool call as an object; what is empty, broken or no object is an empty one. */
  public static ObjectNode arguments(JsonNode arguments) {
    if (arguments instanceof ObjectNode object) {
      return object;
    }
    return arguments.isTextual() && container(arguments.textValue()) instanceof ObjectNode object ? object : Json.object();
  }

  /** The one object or array that the text is, null if it is anything else. */
  public static @Nullable JsonNode container(String text) {
    int start = 0;
    while (start < text.length() && text.charAt(start) <= ' ') {
      start++;
    }
    if (start == text.length() || text.charAt(start) != '{' && text.charAt(start) != '[') {
      return null;
    }
    try (JsonParser parser = Json.mapper().createParser(text)) {
      JsonNode node = parser.readValueAsTree();
      return parser.nextToken() == null ? node : null;
    } catch (IOException notJson) {
      return null;
    }
  }

  /** Takes the code fence off an answer that was asked to be bare JSON. */
  public static String unfenced(String text) {
    String bare = text.strip();
    if (!bare.startsWith("```") || !bare.endsWith("```") || bare.length() < 6) {
      return text;
    }
    int firstLineEnd = bare.indexOf('\n');
    return firstLineEnd < 0 || firstLineEnd > bare.length() - 3 ? text : bare.substring(firstLineEnd + 1, bare.length() - 3).strip();
  }

  /** Does a message, or a part of it, ask for the prompt to be cached up to here? */
  public static boolean isCacheMarked(JsonNode message) {
    boolean marked = message.has("cache_control");
    JsonNode content = message.path("content");
    for (int i = 0; !marked && content.isArray() && i < content.size(); i++) {
      marked = content.get(i).has("cache_control");
    }
    return marked;
  }

  /** The thoughts of an assistant's message that can be sent back: its own field, or parts of its content. */
  public static Iterable<JsonNode> thinkingBlocks(JsonNode message) {
    if (!message.path("thinking_blocks").isEmpty()) {
      return message.path("thinking_blocks");
    }
    List<JsonNode> parts = new ArrayList<>(0);
    for (JsonNode part : message.path("content")) {
      if (isThought(part)) {
        parts.add(part);
      }
    }
    return parts;
  }

  /** Is a part of a content a thought, which only some providers take back? */
  public static boolean isThought(JsonNode part) {
    String type = part.path("type").asText();
    return type.equals("thinking") || type.equals("redacted_thinking");
  }
}
