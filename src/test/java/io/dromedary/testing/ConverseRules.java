package io.dromedary.testing;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What Bedrock's Converse refuses with a ValidationException, as far as a request alone shows it. */
public final class ConverseRules {
  private ConverseRules() {}

  /** @return what is wrong, null if nothing is */
  public static @Nullable String complaint(JsonNode request) {
    String expected = "user";
    boolean toolBlocks = false;
    List<String> calls = List.of();
    JsonNode messages = request.path("messages");
    if (messages.isEmpty()) {
      return "messages must not be empty";
    }
    for (JsonNode message : messages) {
      if (!expected.equals(message.path("role").asText())) {
        return "A conversation must start with a user message and alternate; found " + message.path("role").asText();
      }
      expected = expected.equals("user") ? "assistant" : "user";
      List<String> made = new ArrayList<>();
      List<String> answered = new ArrayList<>();
      if (message.path("content").isEmpty()) {
        return "content must not be empty";
      }
      for (JsonNode block : message.path("content")) {
        if (block.size() != 1) {
          return "a content block has one member: " + block;
        }
        if (!Set.of("text", "image", "document", "toolUse", "toolResult", "reasoningContent", "cachePoint").contains(block.fieldNames().next())) {
          return "unknown content block " + block;
        }
        if (block.has("toolUse") && !block.path("toolUse").path("name").asText().matches("[a-zA-Z0-9_-]{1,64}")) {
          return "toolUse.name failed to satisfy constraint: " + block;
        }
        if (block.has("text") && block.path("text").asText().isBlank()) {
          return "The text field in the ContentBlock object is blank";
        }
        if (block.has("toolUse")) {
          made.add(block.path("toolUse").path("toolUseId").asText());
          if (!block.path("toolUse").path("input").isObject()) {
            return "toolUse.input must be an object";
          }
        }
        if (block.has("toolResult")) {
          answered.add(block.path("toolResult").path("toolUseId").asText());
          for (JsonNode part : block.path("toolResult").path("content")) {
            if (part.has("text") && part.path("text").asText().isBlank() || part.has("json") && !part.path("json").isObject()) {
              return "a tool result is blank or no object";
            }
          }
        }
      }
      for (String id : made) {
        if (!id.matches("[a-zA-Z0-9_.:-]{1,64}")) {
          return "toolUseId failed to satisfy constraint: " + id;
        }
      }
      if (new HashSet<>(made).size() < made.size()) {
        return "toolUseIds must be unique";
      }
      if (!Set.copyOf(answered).equals(Set.copyOf(calls))) {
        return "Expected toolResult blocks for the following Ids: " + calls + ", found " + answered;
      }
      calls = made;
      toolBlocks |= !made.isEmpty() || !answered.isEmpty();
    }
    for (JsonNode block : request.path("system")) {
      if (block.has("text") && block.path("text").asText().isBlank()) {
        return "The text field in the SystemContentBlock object is blank";
      }
    }
    if (toolBlocks && request.path("toolConfig").path("tools").isEmpty()) {
      return "The toolConfig field must be defined when using toolUse and toolResult content blocks.";
    }
    for (java.util.Iterator<String> fields = request.fieldNames(); fields.hasNext();) {
      String field = fields.next();
      if (!Speech.BEDROCK.fields().contains(field)) {
        return field + " is not a member of the request";
      }
    }
    for (JsonNode stop : request.path("inferenceConfig").path("stopSequences")) {
      if (stop.asText().isBlank()) {
        return "stop sequences must contain non-whitespace";
      }
    }
    String thought = thinking(request, messages);
    if (thought != null) {
      return thought;
    }
    Set<String> names = new HashSet<>();
    for (JsonNode tool : request.path("toolConfig").path("tools")) {
      if (tool.has("toolSpec") && !(tool.at("/toolSpec/name").asText().matches("[a-zA-Z0-9_-]{1,64}") && names.add(tool.at("/toolSpec/name").asText()))) {
        return "tool names must be unique and match a pattern: " + tool;
      }
      JsonNode spec = tool.path("toolSpec");
      if (tool.has("toolSpec") && (!"object".equals(spec.at("/inputSchema/json/type").asText()) || spec.has("description") && spec.path("description").asText().isEmpty())) {
        return "toolSpec has no object schema or an empty description";
      }
    }
    JsonNode temperature = request.path("inferenceConfig").path("temperature");
    return temperature.isNumber() && (temperature.asDouble() < 0 || temperature.asDouble() > 1) ? "temperature must be 0..1" : null;
  }

  private static @Nullable String thinking(JsonNode request, JsonNode messages) {
    JsonNode thinking = request.path("additionalModelRequestFields").path("thinking");
    if (thinking.isMissingNode() || thinking.path("type").asText().equals("disabled")) {
      return null;
    }
    JsonNode choice = request.path("toolConfig").path("toolChoice");
    if (choice.has("any") || choice.has("tool")) {
      return "Thinking may not be enabled when tool_choice forces tool use.";
    }
    if (request.path("inferenceConfig").path("temperature").asDouble(1) != 1) {
      return "`temperature` may only be set to 1 when thinking is enabled";
    }
    if (!thinking.path("type").asText().equals("enabled")) {
      return null;
    }
    long budget = thinking.path("budget_tokens").asLong();
    if (budget < 1_024 || budget >= request.path("inferenceConfig").path("maxTokens").asLong()) {
      return "budget_tokens must be at least 1024 and below maxTokens";
    }
    JsonNode last = messages.path(messages.size() - 1);
    boolean inLoop = last.path("content").path(last.path("content").size() - 1).has("toolResult");
    JsonNode calling = messages.path(messages.size() - 2).path("content").path(0);
    if (last.path("role").asText().equals("assistant") || inLoop && !calling.has("reasoningContent")) {
      return "Expected `thinking` or `redacted_thinking`, but found `tool_use`.";
    }
    return null;
  }
}
