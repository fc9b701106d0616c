package io.dromedary.client.chatcompletions;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Problem;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The rules of {@code messages}: roles, content by role, and tool calls, each of which is answered by a tool message before any other role speaks. */
final class MessageRules {
  private static final int MAX_TOOL_CALLS = 128;
  private static final int MAX_ID_CHARS = 1_024;

  private final int maxMessages;

  MessageRules(int maxMessages) {
    this.maxMessages = maxMessages;
  }

  void check(@Nullable JsonNode messages) {
    if (messages == null || messages.isNull()) {
      throw Fields.missing("messages");
    }
    Fields.array(messages, "messages", maxMessages);
    List<String> unanswered = List.of();
    for (int i = 0; i < messages.size(); i++) {
      JsonNode message = messages.get(i);
      if (!message.isObject()) {
        throw Fields.type(at(i), "an object", message);
      }
      JsonNode role = message.get("role");
      if (role == null || role.isNull()) {
        throw Fields.missing(at(i) + ".role");
      }
      if (!role.isTextual()) {
        throw Fields.type(at(i) + ".role", "a string", role);
      }
      String name = role.textValue();
      if (!unanswered.isEmpty() && !name.equals("tool")) {
        throw unanswered(at(i) + ".role", unanswered);
      }
      JsonNode speaker = message.get("name");
      if (speaker != null && !speaker.isNull()) {
        if (!speaker.isTextual()) {
          throw Fields.type(at(i) + ".name", "a string", speaker);
        }
      }
      JsonNode content = message.get("content");
      switch (name) {
        case "user" -> required(content, i, true);
        case "system", "developer" -> required(content, i, false);
        case "assistant" -> unanswered = assistant(message, content, i);
        case "tool" -> tool(message, content, i, unanswered);
        case "function" -> function(message, content, i);
        default -> throw Fields.unknownValue(at(i) + ".role", name, "`developer`, `system`, `user`, `assistant`, `tool`, `function`");
      }
    }
    if (!unanswered.isEmpty()) {
      throw unanswered("messages", unanswered);
    }
  }

  private static String at(int i) {
    return "messages[" + i + "]";
  }

  private static Problem unanswered(String path, List<String> ids) {
    return Fields.invalid(path, "an assistant message with `tool_calls` must be followed by a `tool` message for each `tool_call_id`; unanswered: `" + Problem.clip(String.join("`, `", ids)) + "`");
  }

  private static void required(@Nullable JsonNode content, int i, boolean media) {
    if (content == null) {
      throw Fields.missing(at(i) + ".content");
    }
    if (content.isTextual()) {
      return;
    }
    if (!content.isArray()) {
      throw Fields.type(at(i) + ".content", "a string or an array of parts", content);
    }
    parts(content, i, media ? Parts.USER : Parts.TEXT);
  }

  /** Which parts a role may say. */
  private enum Parts {
    TEXT("`text`"), USER("`text`, `image_url`, `input_audio`, `file`"), ASSISTANT("`text`, `refusal`, `thinking`, `redacted_thinking`");

    final String allowed;

    Parts(String allowed) {
      this.allowed = allowed;
    }
  }

  private static void parts(JsonNode content, int i, Parts allowed) {
    if (content.isEmpty()) {
      throw Problem.badRequest("`" + at(i) + ".content` must have at least one part").param(at(i) + ".content").code("empty_array");
    }
    for (int j = 0; j < content.size(); j++) {
      JsonNode part = content.get(j);
      if (!part.isObject()) {
        throw Fields.type(at(i, j), "an object", part);
      }
      JsonNode type = part.get("type");
      if (type == null || type.isNull()) {
        throw Fields.missing(at(i, j) + ".type");
      }
      if (!type.isTextual()) {
        throw Fields.type(at(i, j) + ".type", "a string", type);
      }
      part(part, type.textValue(), i, j, allowed);
    }
  }

  private static String at(int i, int j) {
    return "messages[" + i + "].content[" + j + "]";
  }

  private static void part(JsonNode part, String type, int i, int j, Parts allowed) {
    if (type.equals("text")) {
      text(part, "text", i, j);
      return;
    }
    if (allowed == Parts.USER) {
      switch (type) {
        case "image_url" -> {
          image(part, i, j);
          return;
        }
        case "input_audio" -> {
          String path = at(i, j) + ".input_audio";
          JsonNode audio = Fields.object(Fields.required(part, "input_audio", at(i, j)), path);
          Fields.string(Fields.required(audio, "data", path), path + ".data");
          Fields.string(Fields.required(audio, "format", path), path + ".format");
          return;
        }
        case "file" -> {
          Fields.object(Fields.required(part, "file", at(i, j)), at(i, j) + ".file");
          return;
        }
        default -> { }
      }
    } else if (allowed == Parts.ASSISTANT) {
      switch (type) {
        case "refusal" -> {
          text(part, "refusal", i, j);
          return;
        }
        case "thinking", "redacted_thinking" -> {
          return;
        }
        default -> { }
      }
    }
    throw Fields.unknownValue(at(i, j) + ".type", type, allowed.allowed);
  }

  private static void text(JsonNode part, String field, int i, int j) {
    JsonNode text = part.get(field);
    if (text == null || text.isNull()) {
      throw Fields.missing(at(i, j) + "." + field);
    }
    if (!text.isTextual()) {
      throw Fields.type(at(i, j) + "." + field, "a string", text);
    }
  }

  private static void image(JsonNode part, int i, int j) {
    String path = at(i, j) + ".image_url";
    JsonNode image = Fields.object(Fields.required(part, "image_url", at(i, j)), path);
    String url = Fields.string(Fields.required(image, "url", path), path + ".url");
    if (!hasScheme(url, "https:") && !hasScheme(url, "http:") && !hasScheme(url, "data:")) {
      throw Fields.invalid(path + ".url", "`" + path + ".url` must be an http(s) or data URL");
    }
    JsonNode detail = image.get("detail");
    if (detail != null && !detail.isNull()) {
      Fields.string(detail, path + ".detail");
    }
  }

  private static boolean hasScheme(String url, String scheme) {
    return url.length() > scheme.length() && url.regionMatches(true, 0, scheme, 0, scheme.length());
  }

  private static List<String> assistant(JsonNode message, @Nullable JsonNode content, int i) {
    JsonNode refusal = message.get("refusal");
    if (refusal != null && !refusal.isNull() && !refusal.isTextual()) {
      throw Fields.type(at(i) + ".refusal", "a string", refusal);
    }
    JsonNode call = message.get("function_call");
    if (call != null && !call.isNull()) {
      function(call, at(i) + ".function_call");
    }
    JsonNode audio = message.get("audio");
    if (audio != null && !audio.isNull()) {
      Fields.object(audio, at(i) + ".audio");
    }
    JsonNode calls = message.get("tool_calls");
    boolean hasCalls = calls != null && !calls.isNull();
    if (content == null) {
      if (!hasCalls && !isSet(refusal) && !isSet(call) && !isSet(audio)) {
        throw Fields.missing(at(i) + ".content");
      }
    } else if (content.isArray()) {
      parts(content, i, Parts.ASSISTANT);
    } else if (!content.isTextual() && !content.isNull()) {
      throw Fields.type(at(i) + ".content", "a string, an array of parts or null", content);
    }
    return hasCalls ? toolCalls(calls, i) : List.of();
  }

  private static boolean isSet(@Nullable JsonNode node) {
    return node != null && !node.isNull();
  }

  private static List<String> toolCalls(JsonNode calls, int i) {
    String path = at(i) + ".tool_calls";
    Fields.array(calls, path, MAX_TOOL_CALLS);
    List<String> ids = new ArrayList<>(calls.size());
    for (int j = 0; j < calls.size(); j++) {
      JsonNode call = calls.get(j);
      String where = path + "[" + j + "]";
      Fields.object(call, where);
      String id = Fields.string(Fields.required(call, "id", where), where + ".id");
      if (id.isEmpty() || id.length() > MAX_ID_CHARS) {
        throw Fields.invalid(where + ".id", "`" + where + ".id` must have 1 to " + MAX_ID_CHARS + " characters");
      }
      if (ids.contains(id)) {
        throw Fields.invalid(where + ".id", "`" + where + ".id` is there twice: `" + Problem.clip(id) + "`");
      }
      ids.add(id);
      String type = Fields.string(Fields.required(call, "type", where), where + ".type");
      switch (type) {
        case "function" -> function(Fields.required(call, "function", where), where + ".function");
        case "custom" -> {
          JsonNode custom = Fields.object(Fields.required(call, "custom", where), where + ".custom");
          Fields.string(Fields.required(custom, "name", where + ".custom"), where + ".custom.name");
          Fields.string(Fields.required(custom, "input", where + ".custom"), where + ".custom.input");
        }
        default -> throw Fields.unknownValue(where + ".type", type, "`function`, `custom`");
      }
    }
    return ids;
  }

  private static void function(JsonNode function, String path) {
    Fields.object(function, path);
    String name = Fields.string(Fields.required(function, "name", path), path + ".name");
    if (name.isEmpty() || name.length() > 128) {
      throw Fields.invalid(path + ".name", "`" + path + ".name` must have 1 to 128 characters");
    }
    Fields.string(Fields.required(function, "arguments", path), path + ".arguments");
  }

  private static void tool(JsonNode message, @Nullable JsonNode content, int i, List<String> unanswered) {
    String id = Fields.string(Fields.required(message, "tool_call_id", at(i)), at(i) + ".tool_call_id");
    required(content, i, false);
    if (unanswered.isEmpty() || !unanswered.remove(id)) {
      throw Fields.invalid(at(i) + ".tool_call_id", "`" + at(i) + ".tool_call_id` is `" + Problem.clip(id) + "`, which no open tool call of the assistant message before it has");
    }
  }

  private static void function(JsonNode message, @Nullable JsonNode content, int i) {
    Fields.string(Fields.required(message, "name", at(i)), at(i) + ".name");
    if (content == null) {
      throw Fields.missing(at(i) + ".content");
    }
    if (!content.isTextual() && !content.isNull()) {
      throw Fields.type(at(i) + ".content", "a string or null", content);
    }
  }
}
