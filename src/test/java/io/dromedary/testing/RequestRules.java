package io.dromedary.testing;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What each provider's API refuses with a 400 or 422, as far as a request's body alone shows it. From the providers' specifications, state of 2026-11-20. */
public final class RequestRules {
  private static final String NAME = "[a-zA-Z0-9_-]{1,64}";
  private static final Set<String> OPENAI_FIELDS = Speech.OPENAI.fields();
  private static final Set<String> MISTRAL_FIELDS = Set.of("model", "messages", "temperature", "top_p", "max_tokens", "stream", "stop", "random_seed", "metadata", "response_format", "tools", "tool_choice",
      "presence_penalty", "frequency_penalty", "n", "prediction", "parallel_tool_calls", "prompt_mode", "reasoning_effort", "guardrails", "prompt_cache_key", "safe_prompt");

  private RequestRules() {}

  /** The top-level fields that a provider knows. */
  static Set<String> fields(String provider) {
    return switch (provider) {
      case "anthropic" -> Speech.ANTHROPIC.fields();
      case "bedrock" -> Speech.BEDROCK.fields();
      case "gemini" -> Speech.GEMINI.fields();
      case "ollama" -> Speech.OLLAMA.fields();
      case "mistral" -> MISTRAL_FIELDS;
      default -> OPENAI_FIELDS;
    };
  }

  /** @return what is wrong, null if nothing is */
  public static @Nullable String complaint(String provider, String model, JsonNode request) {
    try {
      switch (provider) {
        case "anthropic" -> anthropic(request);
        case "bedrock" -> fail(ConverseRules.complaint(request));
        case "gemini" -> gemini(model, request);
        case "ollama" -> ollama(request);
        case "openai", "azure" -> openai(request);
        case "mistral" -> mistral(request);
        case "groq" -> groq(request);
        case "deepseek" -> deepseek(request);
        default -> chat(request);
      }
      return null;
    } catch (Refused refused) {
      return refused.getMessage();
    }
  }

  private static final class Refused extends RuntimeException {
    Refused(String why) {
      super(why, null, false, false);
    }
  }

  private static void fail(@Nullable String why) {
    if (why != null) {
      throw new Refused(why);
    }
  }

  private static void must(boolean holds, String otherwise) {
    if (!holds) {
      throw new Refused(otherwise);
    }
  }

  private static void only(JsonNode object, String where, String... fields) {
    Set<String> known = Set.of(fields);
    object.fieldNames().forEachRemaining(name -> must(known.contains(name), where + "." + name + ": Extra inputs are not permitted"));
  }

  private static boolean blank(JsonNode text) {
    return !text.isTextual() || text.textValue().isBlank();
  }

  // ---- Anthropic ------------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  private static void anthropic(JsonNode request) {
    request.fieldNames().forEachRemaining(name -> must(Speech.ANTHROPIC.fields().contains(name), name + ": Extra inputs are not permitted"));
    must(request.path("max_tokens").isIntegralNumber(), "max_tokens: Field required");
    long maxTokens = request.path("max_tokens").asLong();
    JsonNode thinking = request.path("thinking");
    boolean enabled = thinking.path("type").asText().equals("enabled");
    JsonNode messages = request.path("messages");
    must(!messages.isEmpty() && messages.path(0).path("role").asText().equals("user"), "messages: first message must use the \"user\" role");
    for (JsonNode block : request.path("system")) {
      must(!block.isObject() || !blank(block.path("text")), "system: text content blocks must be non-empty");
    }
    Set<String> ids = new HashSet<>();
    boolean toolBlocks = false;
    List<String> open = List.of();
    boolean userText = true;
    for (int i = 0; i < messages.size(); i++) {
      JsonNode message = messages.path(i);
      only(message, "messages." + i, "role", "content");
      String role = message.path("role").asText();
      must(role.equals("user") || role.equals("assistant") || role.equals("system") && i > 0 && messages.path(i - 1).path("role").asText().equals("user"), "messages." + i + ": unexpected role " + role);
      must(message.path("content").isTextual() ? !blank(message.path("content")) : !message.path("content").isEmpty(), "messages." + i + ": content must not be empty");
      List<String> made = new ArrayList<>();
      List<String> answered = new ArrayList<>();
      boolean other = false;
      for (int j = 0; j < message.path("content").size(); j++) {
        JsonNode block = message.path("content").path(j);
        String where = "messages." + i + ".content." + j;
        switch (block.path("type").asText()) {
          case "text" -> {
            only(block, where, "type", "text", "cache_control", "citations");
            must(!blank(block.path("text")), where + ": text content blocks must contain non-whitespace text");
            other = true;
          }
          case "image", "document" -> {
            only(block, where, "type", "source", "cache_control", "title", "context", "citations");
            source(block.path("source"), where);
            other = true;
          }
          case "tool_use" -> {
            only(block, where, "type", "id", "name", "input", "cache_control");
            must(block.path("id").asText().matches("[a-zA-Z0-9_-]+"), where + ".id: String should match pattern '^[a-zA-Z0-9_-]+$'");
            must(block.path("name").asText().matches("[a-zA-Z0-9_-]{1,128}"), where + ".name: String should match pattern");
            must(block.path("input").isObject() && role.equals("assistant"), where + ".input: Input should be a valid dictionary");
            must(ids.add(block.path("id").asText()), where + ": `tool_use` ids must be unique");
            made.add(block.path("id").asText());
          }
          case "tool_result" -> {
            only(block, where, "type", "tool_use_id", "content", "is_error", "cache_control");
            must(role.equals("user") && !other, where + ": tool_result blocks come first, in a user turn");
            for (JsonNode part : block.path("content")) {
              must(!part.path("type").asText().equals("text") || !blank(part.path("text")), where + ": text content blocks must be non-empty");
            }
            answered.add(block.path("tool_use_id").asText());
          }
          case "thinking" -> {
            only(block, where, "type", "thinking", "signature");
            must(role.equals("assistant") && !blank(block.path("signature")), where + ".signature: Field required");
          }
          case "redacted_thinking" -> only(block, where, "type", "data");
          default -> throw new Refused(where + ": Input tag does not match any of the expected tags: " + block.path("type"));
        }
      }
      must(Set.copyOf(open).equals(Set.copyOf(answered)), "messages." + i + ": `tool_use` ids were found without `tool_result` blocks immediately after: " + open + " / " + answered);
      toolBlocks |= !made.isEmpty();
      open = made;
      if (role.equals("user")) {
        userText = other || message.path("content").isTextual();
      }
      boolean inLoop = role.equals("assistant") && !made.isEmpty() && !laterText(messages, i);
      must(!(enabled && inLoop) || message.path("content").path(0).path("type").asText().endsWith("thinking"),
          "messages." + i + ".content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` is enabled, a final `assistant` message must start with a thinking block");
    }
    must(open.isEmpty(), "messages: `tool_use` ids were found without `tool_result` blocks: " + open);
    JsonNode last = messages.path(messages.size() - 1);
    if (last.path("role").asText().equals("assistant")) {
      must(!enabled, "a prefilled answer cannot go with thinking");
      JsonNode end = last.path("content").isTextual() ? last.path("content") : last.path("content").path(last.path("content").size() - 1).path("text");
      must(!end.asText().endsWith(" ") && !end.asText().endsWith("\n"), "final assistant content cannot end with trailing whitespace");
    }
    must(!toolBlocks || !request.path("tools").isEmpty(), "Requests which include `tool_use` or `tool_result` blocks must define tools");
    Set<String> names = new HashSet<>();
    for (JsonNode tool : request.path("tools")) {
      only(tool, "tools", "name", "description", "input_schema", "strict", "cache_control");
      must(tool.path("name").asText().matches("[a-zA-Z0-9_-]{1,128}") && names.add(tool.path("name").asText()), "tools: Tool names must be unique and match a pattern");
      JsonNode schema = tool.path("input_schema");
      must(schema.path("type").asText().equals("object"), "tools.input_schema.type: Field required");
      must(!schema.has("oneOf") && !schema.has("anyOf") && !schema.has("allOf"), "tools.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level");
      must(!tool.path("strict").asBoolean() || closed(schema), "tools.input_schema: strict tools need closed objects without limits");
    }
    must(!request.has("tool_choice") || !request.path("tools").isEmpty(), "tool_choice: may only be specified while providing tools");
    String choice = request.path("tool_choice").path("type").asText("");
    must(choice.isEmpty() || Set.of("auto", "any", "none", "tool").contains(choice), "tool_choice.type");
    must(!choice.equals("tool") || names.contains(request.path("tool_choice").path("name").asText()), "tool_choice: Tool not found in provided tools");
    must(!choice.equals("none") || !request.path("tool_choice").has("disable_parallel_tool_use"), "tool_choice.none.disable_parallel_tool_use: Extra inputs are not permitted");
    for (JsonNode stop : request.path("stop_sequences")) {
      must(!blank(stop), "stop_sequences: each stop sequence must contain non-whitespace");
    }
    if (thinking.isObject()) {
      if (enabled) {
        long budget = thinking.path("budget_tokens").asLong();
        must(budget >= 1_024, "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024");
        must(budget < maxTokens, "`max_tokens` must be greater than `thinking.budget_tokens`");
      }
      boolean on = !thinking.path("type").asText().equals("disabled");
      must(!on || !choice.equals("tool") && !choice.equals("any"), "Thinking may not be enabled when tool_choice forces tool use.");
      must(!on || !request.has("temperature") || request.path("temperature").asDouble() == 1, "`temperature` may only be set to 1 when thinking is enabled");
      must(!on || !request.has("top_k"), "`top_k` must be unset when thinking is enabled");
    }
    must(!request.has("temperature") || request.path("temperature").asDouble() >= 0 && request.path("temperature").asDouble() <= 1, "temperature: range: 0..1");
    must(request.path("output_config").path("format").isMissingNode() || closed(request.path("output_config").path("format").path("schema")), "output_config.format.schema: objects must be closed and without limits");
    only(request.path("metadata"), "metadata", "user_id");
    must(count(request, "cache_control") <= 4, "A maximum of 4 blocks with cache_control may be provided.");
  }

  private static boolean laterText(JsonNode messages, int from) {
    for (int i = from + 1; i < messages.size(); i++) {
      for (JsonNode block : messages.path(i).path("content")) {
        if (messages.path(i).path("role").asText().equals("user") && !block.path("type").asText().equals("tool_result")) {
          return true;
        }
      }
    }
    return false;
  }

  private static void source(JsonNode source, String where) {
    if (source.path("type").asText().equals("base64")) {
      String type = source.path("media_type").asText();
      must(Set.of("image/jpeg", "image/png", "image/gif", "image/webp", "application/pdf").contains(type), where + ".source.media_type");
      must(type.equals(magic(source.path("data").asText(), type)), where + ".source: The image was specified using the " + type + " media type, but it is another");
    } else {
      must(source.path("type").asText().equals("url") && source.path("url").asText().startsWith("https://"), where + ".source.url: Only HTTPS URLs are supported.");
    }
  }

  private static String magic(String base64, String otherwise) {
    byte[] bytes = Base64.getDecoder().decode(base64);
    String head = new String(bytes, java.nio.charset.StandardCharsets.ISO_8859_1);
    return head.startsWith("\u0089PNG") ? "image/png" : head.startsWith("\u00ff\u00d8\u00ff") ? "image/jpeg" : head.startsWith("GIF8") ? "image/gif" : head.startsWith("%PDF") ? "application/pdf" : otherwise;
  }

  private static boolean closed(JsonNode schema) {
    if (schema.isObject()) {
      for (String limit : List.of("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems", "oneOf")) {
        if (schema.has(limit) && !schema.path(limit).isObject()) {
          return false;
        }
      }
      if (schema.path("type").asText().equals("object") && !(schema.path("additionalProperties").isBoolean() && !schema.path("additionalProperties").booleanValue())) {
        return false;
      }
    }
    for (Map.Entry<String, JsonNode> entry : schema.properties()) {
      if (!entry.getKey().equals("enum") && !entry.getKey().equals("const") && !closed(entry.getValue())) {
        return false;
      }
    }
    if (schema.isArray()) {
      for (JsonNode each : schema) {
        if (!closed(each)) {
          return false;
        }
      }
    }
    return true;
  }

  private static int count(JsonNode node, String field) {
    int found = node.isObject() && node.has(field) ? 1 : 0;
    for (JsonNode child : node) {
      found += count(child, field);
    }
    return found;
  }

  // ---- Gemini ---------------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  private static void gemini(String model, JsonNode request) {
    request.fieldNames().forEachRemaining(name -> must(Speech.GEMINI.fields().contains(name), "Unknown name \"" + name + "\": Cannot find field."));
    JsonNode contents = request.path("contents");
    must(!contents.isEmpty(), "contents is not specified");
    must(contents.path(0).path("role").asText().equals("user"), "function call turns come immediately after a user turn or after a function response turn; the first turn is the user's");
    List<String> open = List.of();
    int lastText = 0;
    for (int i = 0; i < contents.size(); i++) {
      for (JsonNode part : contents.path(i).path("parts")) {
        if (contents.path(i).path("role").asText().equals("user") && !part.has("functionResponse")) {
          lastText = i;
        }
      }
    }
    for (int i = 0; i < contents.size(); i++) {
      JsonNode turn = contents.path(i);
      only(turn, "contents[" + i + "]", "role", "parts");
      must(turn.path("role").asText().matches("user|model"), "Please use a valid role: user, model.");
      must(!turn.path("parts").isEmpty(), "contents[" + i + "].parts must not be empty");
      List<String> calls = new ArrayList<>();
      List<String> responses = new ArrayList<>();
      int others = 0;
      for (JsonNode part : turn.path("parts")) {
        only(part, "parts", "text", "inlineData", "functionCall", "functionResponse", "thought", "thoughtSignature");
        int data = (part.has("text") ? 1 : 0) + (part.has("inlineData") ? 1 : 0) + (part.has("functionCall") ? 1 : 0) + (part.has("functionResponse") ? 1 : 0);
        must(data == 1, "contents[" + i + "].parts: oneof field 'data' must have one initialized field: " + part);
        must(!part.has("text") || !part.path("text").asText().isEmpty(), "Unable to submit request because it has an empty text parameter");
        if (part.has("functionCall")) {
          JsonNode call = part.path("functionCall");
          must(call.path("name").asText().matches("[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}") && call.path("args").isObject(), "functionCall: invalid name or args");
          must(!(model.startsWith("gemini-3") && i > lastText && calls.isEmpty()) || !part.path("thoughtSignature").asText().isEmpty(), "Function call is missing a thought_signature in functionCall parts");
          calls.add(call.path("name").asText());
        } else if (part.has("functionResponse")) {
          JsonNode response = part.path("functionResponse");
          must(response.path("response").isObject(), "functionResponse.response must be an object");
          responses.add(response.path("name").asText());
        } else {
          others++;
        }
      }
      must(responses.isEmpty() || others == 0, "a turn of function responses has nothing else");
      must(open.equals(responses), "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn: " + open + " / " + responses);
      open = calls;
    }
    must(open.isEmpty(), "function calls without responses");
    for (JsonNode part : request.path("systemInstruction").path("parts")) {
      must(!part.path("text").asText().isEmpty(), "empty system instruction");
    }
    Set<String> names = new HashSet<>();
    for (JsonNode function : request.at("/tools/0/functionDeclarations")) {
      only(function, "functionDeclarations", "name", "description", "parameters", "parametersJsonSchema", "response", "behavior");
      must(function.path("name").asText().matches("[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}") && names.add(function.path("name").asText()), "Invalid function name: " + function.path("name"));
    }
    JsonNode config = request.path("generationConfig");
    only(config, "generationConfig", "temperature", "topP", "topK", "maxOutputTokens", "stopSequences", "candidateCount", "seed", "presencePenalty", "frequencyPenalty", "responseMimeType", "responseJsonSchema",
        "responseLogprobs", "logprobs", "thinkingConfig");
    must(config.path("stopSequences").size() <= 5 && config.path("candidateCount").asInt(1) <= 8, "generationConfig: too many");
    must(!config.has("logprobs") || config.path("responseLogprobs").asBoolean(), "logprobs needs responseLogprobs");
    must(!config.has("responseJsonSchema") || config.has("responseMimeType"), "responseJsonSchema needs responseMimeType");
    must(!config.has("responseMimeType") || names.isEmpty() || model.startsWith("gemini-3"), "Function calling with a response mime type: 'application/json' is unsupported");
    JsonNode calling = request.path("toolConfig").path("functionCallingConfig");
    must(!calling.has("allowedFunctionNames") || calling.path("mode").asText().matches("ANY|VALIDATED"), "allowed_function_names only with ANY");
    for (JsonNode allowed : calling.path("allowedFunctionNames")) {
      must(names.contains(allowed.asText()), "allowed function is not declared: " + allowed);
    }
    must(!config.path("thinkingConfig").has("thinkingBudget") || !config.path("thinkingConfig").has("thinkingLevel"), "thinkingBudget and thinkingLevel");
  }

  // ---- Ollama ---------------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  private static void ollama(JsonNode request) {
    request.fieldNames().forEachRemaining(name -> must(Speech.OLLAMA.fields().contains(name), name + " would have no effect"));
    must(request.has("stream"), "stream defaults to true");
    for (JsonNode message : request.path("messages")) {
      only(message, "messages", "role", "content", "images", "thinking", "tool_calls", "tool_name", "tool_call_id");
      must(message.path("role").asText().matches("system|user|assistant|tool"), "invalid role " + message.path("role"));
      must(message.path("content").isTextual(), "json: cannot unmarshal into Go struct field .messages.content of type string");
      for (JsonNode image : message.path("images")) {
        must(!image.asText().startsWith("data:"), "illegal base64 data at input byte 4");
      }
      for (JsonNode call : message.path("tool_calls")) {
        must(call.path("function").path("arguments").isObject(), "json: cannot unmarshal string into Go struct field .arguments of type api.ToolCallFunctionArguments");
      }
    }
    must(!request.path("options").has("stop") || request.path("options").path("stop").isArray(), "option \"stop\" must be of type array");
  }

  // ---- OpenAI and its dialects ----------------------------------------------------------------------------------------------------------------------------------------------------------------

  /** What all of them want. */
  private static void chat(JsonNode request) {
    List<String> open = new ArrayList<>();
    for (JsonNode message : request.path("messages")) {
      String role = message.path("role").asText();
      must(open.isEmpty() || role.equals("tool"), "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'");
      for (JsonNode call : message.path("tool_calls")) {
        must(call.path("function").path("arguments").isTextual() && call.path("type").asText().equals("function"), "tool_calls.function.arguments must be a string: " + call);
        open.add(call.path("id").asText());
      }
      must(!role.equals("tool") || open.remove(message.path("tool_call_id").asText()), "messages with role 'tool' must be a response to a preceding message with 'tool_calls'");
    }
    must(!request.has("tool_choice") || request.path("tools").size() > 0, "'tool_choice' is only allowed when 'tools' are specified.");
    must(!request.has("stream_options") || request.path("stream").asBoolean(), "'stream_options' is only allowed when 'stream' is enabled.");
    must(!request.has("max_tokens") || !request.has("max_completion_tokens"), "'max_tokens' and 'max_completion_tokens' are mutually exclusive");
  }

  private static void plain(JsonNode request) {
    for (JsonNode message : request.path("messages")) {
      for (JsonNode part : message.path("content")) {
        if (part.isObject()) {
          must(part.path("type").asText().matches("text|image_url|input_audio|file|refusal|document_url"), "unknown content part " + part);
          must(!part.path("type").asText().equals("text") || part.size() == 2, "unknown field in a text part " + part);
        }
      }
      for (JsonNode call : message.path("tool_calls")) {
        only(call, "messages.tool_calls", "id", "type", "function");
        only(call.path("function"), "messages.tool_calls.function", "name", "arguments");
        must(call.path("function").path("name").asText().matches(NAME), "messages.tool_calls.function.name: string does not match pattern");
      }
    }
    for (JsonNode tool : request.path("tools")) {
      only(tool, "tools", "type", "function");
      only(tool.path("function"), "tools.function", "name", "description", "parameters", "strict");
    }
  }

  private static void openai(JsonNode request) {
    chat(request);
    plain(request);
    // fields that nobody knows yet pass through (T7); these are other providers'
    for (String foreign : List.of("top_k", "thinking", "provider", "routing", "models", "system")) {
      must(!request.has(foreign), "Unknown parameter: '" + foreign + "'.");
    }
    for (JsonNode message : request.path("messages")) {
      switch (message.path("role").asText()) {
        case "assistant" -> {
          only(message, "messages", "role", "content", "refusal", "name", "audio", "tool_calls", "function_call", "annotations");
          must(message.path("tool_calls").isMissingNode() || message.path("tool_calls").isNull() || message.path("tool_calls").size() > 0, "[] is too short - 'messages.tool_calls'");
        }
        case "tool" -> only(message, "messages", "role", "content", "tool_call_id", "name");
        default -> only(message, "messages", "role", "content", "name");
      }
      for (JsonNode call : message.path("tool_calls")) {
        must(call.path("id").asText().length() <= 40, "string too long. Expected a string with maximum length 40");
        only(call.path("function"), "messages.tool_calls.function", "name", "arguments");
      }
    }
  }

  private static void mistral(JsonNode request) {
    chat(request);
    plain(request);
    request.fieldNames().forEachRemaining(name -> must(MISTRAL_FIELDS.contains(name), "body." + name + ": Extra inputs are not permitted"));
    JsonNode messages = request.path("messages");
    String before = "";
    int calls = 0;
    for (JsonNode message : messages) {
      String role = message.path("role").asText();
      switch (role) {
        case "system", "user" -> only(message, "messages", "role", "content");
        case "assistant" -> {
          only(message, "messages", "role", "content", "tool_calls", "prefix");
          must(message.path("tool_calls").size() > 0 || message.path("content").size() > 0 || !message.path("content").asText("").isEmpty(), "Assistant message must have either content or tool_calls, but not none.");
        }
        case "tool" -> only(message, "messages", "role", "content", "tool_call_id", "name");
        default -> throw new Refused("unknown role " + role);
      }
      must(!(role.equals("user") && before.equals("tool")), "Unexpected role 'user' after role 'tool'");
      for (JsonNode call : message.path("tool_calls")) {
        must(call.path("id").asText().matches("[a-zA-Z0-9]{9}"), "Tool call id was " + call.path("id") + " but must be a-z, A-Z, 0-9, with a length of 9.");
      }
      before = role;
    }
    must(before.matches("user|tool") || before.equals("assistant") && messages.path(messages.size() - 1).path("prefix").asBoolean(), "Expected last role User or Tool (or Assistant with prefix True) for serving but got " + before);
    must(request.path("temperature").asDouble(0) <= 1.5, "temperature: at most 1.5");
  }

  private static void groq(JsonNode request) {
    chat(request);
    plain(request);
    for (String refused : List.of("logprobs", "top_logprobs", "logit_bias", "store", "web_search_options", "prediction")) {
      must(!request.has(refused), "property '" + refused + "' is unsupported");
    }
    must(request.path("n").asInt(1) == 1, "n must be 1");
    for (JsonNode message : request.path("messages")) {
      switch (message.path("role").asText()) {
        case "assistant" -> {
          only(message, "messages", "role", "content", "tool_calls", "function_call");
          must(message.path("tool_calls").size() > 0 || message.has("function_call") || message.path("content").isTextual() || message.path("content").isArray(), "'content' must be a string");
        }
        case "tool" -> only(message, "messages", "role", "content", "tool_call_id");
        case "function" -> only(message, "messages", "role", "content", "name");
        default -> only(message, "messages", "role", "content");
      }
    }
    boolean schema = request.path("response_format").path("type").asText().equals("json_schema");
    must(!schema || !request.path("stream").asBoolean() && request.path("tools").isEmpty(), "response format `json_schema` does not support streaming or tools");
  }

  private static void deepseek(JsonNode request) {
    chat(request);
    for (JsonNode message : request.path("messages")) {
      must(message.path("role").asText().matches("system|user|assistant|tool"), "unknown variant `" + message.path("role").asText() + "`, expected one of `system`, `user`, `assistant`, `tool`");
      must(!message.path("role").asText().equals("assistant") || message.path("tool_calls").size() > 0 || message.path("content").isTextual(), "Invalid assistant message: content or tool_calls must be set");
    }
    must(!request.path("response_format").path("type").asText().equals("json_schema"), "This response_format type is unavailable now");
  }
}
