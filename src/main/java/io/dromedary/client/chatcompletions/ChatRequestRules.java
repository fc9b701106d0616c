package io.dromedary.client.chatcompletions;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Problem;
import java.util.Map;

/**
 * The rules of OpenAI's {@code CreateChatCompletionRequest} for every top-level field (openai-openapi 2.3.0), and light ones for our own {@code routing}, {@code models}, {@code provider}. A null counts as left out,
 * as at OpenAI.
 */
final class ChatRequestRules {
  private static final int MAX_MODEL_CHARS = 200;
  private static final int MAX_LIST = 20;
  private static final int MAX_TOOLS = 128;
  private static final int MAX_STOPS = 4;
  /** More than any model writes; keeps arithmetic on prices far from overflow. */
  private static final long MAX_TOKENS = 10_000_000;

  private final MessageRules messages;
  private final int maxN;

  ChatRequestRules(int maxMessages, int maxN) {
    this.messages = new MessageRules(maxMessages);
    this.maxN = maxN;
  }

  void check(ObjectNode json) {
    JsonNode model = json.get("model");
    if (model != null && !model.isNull()) {
      model(model, "model");
    } else if (json.path("models").isEmpty()) {
      throw Fields.missing("model");
    }
    messages.check(json.get("messages"));
    // one walk over the fields that are there, instead of forty look-ups of fields that are not
    for (Map.Entry<String, JsonNode> field : json.properties()) {
      JsonNode value = field.getValue();
      if (!value.isNull()) {
        check(json, field.getKey(), value);
      }
    }
  }

  private void check(ObjectNode json, String name, JsonNode value) {
    switch (name) {
      case "temperature" -> Fields.number(value, name, 0, 2);
      case "top_p" -> Fields.number(value, name, 0, 1);
      case "frequency_penalty", "presence_penalty" -> Fields.number(value, name, -2, 2);
      case "n" -> Fields.integer(value, name, 1, maxN);
      case "max_tokens", "max_completion_tokens" -> Fields.integer(value, name, 1, MAX_TOKENS);
      case "seed" -> Fields.integer(value, name, Long.MIN_VALUE, Long.MAX_VALUE);
      case "stream", "logprobs", "store" -> Fields.bool(value, name);
      case "top_logprobs" -> topLogprobs(json, value);
      case "stream_options" -> streamOptions(json, value);
      case "stop" -> stop(value);
      case "tools" -> tools(value);
      case "functions" -> functions(value);
      case "tool_choice" -> toolChoice(json, value);
      case "function_call" -> functionCall(json, value);
      case "parallel_tool_calls" -> {
        Fields.bool(value, name);
        needsTools(json, name);
      }
      case "response_format" -> responseFormat(value);
      case "metadata" -> metadata(value);
      case "logit_bias" -> logitBias(value);
      case "modalities" -> Fields.strings(value, name, MAX_LIST);
      case "user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "service_tier", "reasoning_effort", "verbosity" -> Fields.string(value, name);
      case "audio", "prediction", "web_search_options", "prompt_cache_options", "routing", "provider" -> Fields.object(value, name);
      case "models" -> models(value);
      default -> { } // unknown fields survive
    }
  }

  static void model(JsonNode value, String path) {
    String name = Fields.string(value, path);
    if (!isModelName(name)) {
      throw Fields.invalid(path, "`" + path + "` must be 1 to " + MAX_MODEL_CHARS + " letters, digits or . _ : / @ + - , such as `openai/gpt-4o-mini` or `auto`, not `" + Problem.clip(name) + "`");
    }
  }

  /** The strict pattern: begins with a letter or digit, no {@code ..}, no {@code //}, nothing that means something in a URL, a header or a Camel URI. */
  static boolean isModelName(String name) {
    int length = name.length();
    if (length == 0 || length > MAX_MODEL_CHARS) {
      return false;
    }
    char before = '/';
    for (int i = 0; i < length; i++) {
      char c = name.charAt(i);
      boolean word = c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z';
      if (!word) {
        boolean mark = c == '.' || c == '_' || c == ':' || c == '/' || c == '@' || c == '+' || c == '-';
        boolean dots = c == '.' && before == '.';
        boolean startsSegment = before == '/';
        if (!mark || dots || startsSegment) {
          return false;
        }
      }
      before = c;
    }
    return before != '/';
  }

  private static void models(JsonNode value) {
    Fields.strings(value, "models", MAX_LIST);
    for (int i = 0; i < value.size(); i++) {
      model(value.get(i), "models[" + i + "]");
    }
  }

  private static void topLogprobs(ObjectNode json, JsonNode value) {
    Fields.integer(value, "top_logprobs", 0, 20);
    if (!json.path("logprobs").asBoolean(false)) {
      throw Fields.invalid("top_logprobs", "`top_logprobs` needs `logprobs` to be true");
    }
  }

  private static void streamOptions(ObjectNode json, JsonNode value) {
    Fields.object(value, "stream_options");
    if (!json.path("stream").asBoolean(false)) {
      throw Fields.invalid("stream_options", "`stream_options` is allowed only when `stream` is true");
    }
    Fields.optionalBool(value, "include_usage", "stream_options.include_usage");
    Fields.optionalBool(value, "include_obfuscation", "stream_options.include_obfuscation");
  }

  private static void stop(JsonNode value) {
    if (value.isTextual()) {
      return;
    }
    if (!value.isArray()) {
      throw Fields.type("stop", "a string or an array of strings", value);
    }
    Fields.strings(value, "stop", MAX_STOPS);
  }

  private static void tools(JsonNode value) {
    Fields.array(value, "tools", MAX_TOOLS);
    for (int i = 0; i < value.size(); i++) {
      JsonNode tool = value.get(i);
      String path = "tools[" + i + "]";
      Fields.object(tool, path);
      String type = Fields.string(Fields.required(tool, "type", path), path + ".type");
      switch (type) {
        case "function" -> function(Fields.required(tool, "function", path), path + ".function");
        case "custom" -> name(Fields.required(Fields.object(Fields.required(tool, "custom", path), path + ".custom"), "name", path + ".custom"), path + ".custom.name");
        default -> throw Fields.unknownValue(path + ".type", type, "`function`, `custom`");
      }
    }
  }

  private static void functions(JsonNode value) {
    Fields.array(value, "functions", MAX_TOOLS);
    for (int i = 0; i < value.size(); i++) {
      function(value.get(i), "functions[" + i + "]");
    }
  }

  private static void function(JsonNode function, String path) {
    Fields.object(function, path);
    name(Fields.required(function, "name", path), path + ".name");
    JsonNode description = function.path("description");
    if (!description.isMissingNode() && !description.isNull()) {
      Fields.string(description, path + ".description");
    }
    JsonNode parameters = function.path("parameters");
    if (!parameters.isMissingNode() && !parameters.isNull()) {
      Fields.object(parameters, path + ".parameters");
    }
    Fields.optionalBool(function, "strict", path + ".strict");
  }

  private static void name(JsonNode value, String path) {
    String name = Fields.string(value, path);
    if (!Fields.isToolName(name)) {
      throw Fields.invalid(path, "`" + path + "` must be 1 to 64 letters, digits, _ or -, not `" + Problem.clip(name) + "`");
    }
  }

  private static void needsTools(ObjectNode json, String name) {
    if (json.path("tools").isEmpty() && json.path("functions").isEmpty()) {
      throw Fields.invalid(name, "`" + name + "` is allowed only when `tools` are given");
    }
  }

  private static void toolChoice(ObjectNode json, JsonNode value) {
    if (value.isTextual()) {
      switch (value.textValue()) {
        case "none", "auto", "required" -> { }
        default -> throw Fields.unknownValue("tool_choice", value.textValue(), "`none`, `auto`, `required`, or an object");
      }
    } else if (!value.isObject()) {
      throw Fields.type("tool_choice", "a string or an object", value);
    }
    needsTools(json, "tool_choice");
    if (value.isObject()) {
      namedChoice(json, value);
    }
  }

  private static void namedChoice(ObjectNode json, JsonNode value) {
    String type = Fields.string(Fields.required(value, "type", "tool_choice"), "tool_choice.type");
    switch (type) {
      case "function", "custom" -> {
        String path = "tool_choice." + type;
        String name = Fields.string(Fields.required(Fields.object(Fields.required(value, type, "tool_choice"), path), "name", path), path + ".name");
        for (JsonNode tool : json.path("tools")) {
          if (name.equals(tool.path(type).path("name").textValue())) {
            return;
          }
        }
        throw Fields.invalid(path + ".name", "`" + path + ".name` names `" + Problem.clip(name) + "`, which is not among `tools`");
      }
      case "allowed_tools" -> {
        JsonNode allowed = Fields.object(Fields.required(value, "allowed_tools", "tool_choice"), "tool_choice.allowed_tools");
        String mode = Fields.string(Fields.required(allowed, "mode", "tool_choice.allowed_tools"), "tool_choice.allowed_tools.mode");
        if (!mode.equals("auto") && !mode.equals("required")) {
          throw Fields.unknownValue("tool_choice.allowed_tools.mode", mode, "`auto`, `required`");
        }
        Fields.array(Fields.required(allowed, "tools", "tool_choice.allowed_tools"), "tool_choice.allowed_tools.tools", MAX_TOOLS);
      }
      default -> throw Fields.unknownValue("tool_choice.type", type, "`function`, `custom`, `allowed_tools`");
    }
  }

  private static void functionCall(ObjectNode json, JsonNode value) {
    if (value.isObject()) {
      Fields.string(Fields.required(value, "name", "function_call"), "function_call.name");
    } else {
      String choice = Fields.string(value, "function_call");
      if (!choice.equals("none") && !choice.equals("auto")) {
        throw Fields.unknownValue("function_call", choice, "`none`, `auto`, or an object");
      }
    }
    if (json.path("functions").isEmpty()) {
      throw Fields.invalid("function_call", "`function_call` is allowed only when `functions` are given");
    }
  }

  private static void responseFormat(JsonNode value) {
    Fields.object(value, "response_format");
    String type = Fields.string(Fields.required(value, "type", "response_format"), "response_format.type");
    switch (type) {
      case "text", "json_object" -> { }
      case "json_schema" -> {
        String path = "response_format.json_schema";
        JsonNode format = Fields.object(Fields.required(value, "json_schema", "response_format"), path);
        name(Fields.required(format, "name", path), path + ".name");
        JsonNode schema = format.path("schema");
        if (!schema.isMissingNode() && !schema.isNull()) {
          Fields.object(schema, path + ".schema");
        }
        Fields.optionalBool(format, "strict", path + ".strict");
      }
      default -> throw Fields.unknownValue("response_format.type", type, "`text`, `json_object`, `json_schema`");
    }
  }

  private static void metadata(JsonNode value) {
    Fields.object(value, "metadata");
    for (Map.Entry<String, JsonNode> entry : value.properties()) {
      if (!entry.getValue().isTextual()) {
        throw Fields.type("metadata." + Problem.clip(entry.getKey()), "a string", entry.getValue());
      }
    }
  }

  private static void logitBias(JsonNode value) {
    Fields.object(value, "logit_bias");
    for (Map.Entry<String, JsonNode> entry : value.properties()) {
      Fields.number(entry.getValue(), "logit_bias." + Problem.clip(entry.getKey()), -100, 100);
    }
  }
}
