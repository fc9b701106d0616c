package io.dromedary.ranking;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.catalog.Capability;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import org.jspecify.annotations.Nullable;

/**
 * What a request needs of a model.
 *
 * @param inputTokens estimated, four characters a token, 1,000 an image
 * @param maxOutputTokens what the request asks for, 0 if it does not say
 * @param choices {@code n}, at least 1
 */
record Needs(long inputTokens, long maxOutputTokens, long choices, boolean tools, boolean vision, boolean pdf, boolean audio, boolean jsonSchema, JsonNode json) {
  private static final int CHARS_PER_TOKEN = 4;
  private static final int PER_IMAGE = 1_000;
  private static final int PER_MESSAGE = 4;

  static Needs of(ChatRequest request) {
    long chars = 0;
    long images = 0;
    boolean pdf = false;
    boolean audio = false;
    for (JsonNode message : request.messages()) {
      JsonNode content = message.path("content");
      if (content.isTextual()) {
        chars += content.textValue().length();
      } else {
        for (JsonNode part : content) {
          switch (part.path("type").asText()) {
            case "image_url" -> images++;
            case "file" -> pdf = true;
            case "input_audio" -> audio = true;
            default -> chars += part.path("text").asText().length();
          }
        }
      }
      for (JsonNode call : message.path("tool_calls")) {
        chars += call.path("function").path("name").asText().length() + call.path("function").path("arguments").asText().length();
      }
    }
    boolean tools = request.hasTools();
    if (tools) {
      chars += size(request.json().path("tools")) + size(request.json().path("functions"));
    }
    long tokens = chars / CHARS_PER_TOKEN + 1 + images * PER_IMAGE + (long) PER_MESSAGE * request.messages().size();
    return new Needs(tokens, request.maxOutputTokens().orElse(0), Math.max(1, request.json().path("n").asLong(1)), tools, images > 0, pdf, audio,
        "json_schema".equals(request.json().path("response_format").path("type").asText()), request.json());
  }

  /** Tokens of the answer to expect where the tier expects {@code byTier} a choice. */
  long expectedOutput(long byTier) {
    long each = maxOutputTokens > 0 ? Math.min(maxOutputTokens, byTier) : byTier;
    return each * choices;
  }

  boolean given(String field) {
    JsonNode value = json.get(field);
    return value != null && !value.isNull();
  }

  /** A parameter that this model is known not to take, null if there is none. Only asked with {@code require_parameters}. */
  @Nullable String parameterNotTaken(Model model) {
    if (given("tool_choice") && !model.can(Capability.TOOL_CHOICE)) {
      return "tool_choice";
    }
    if (given("parallel_tool_calls") && !model.can(Capability.PARALLEL_TOOLS)) {
      return "parallel_tool_calls";
    }
    if ((given("reasoning_effort") || given("reasoning")) && !model.can(Capability.REASONING)) {
      return "reasoning_effort";
    }
    if (given("web_search_options") && !model.can(Capability.WEB_SEARCH)) {
      return "web_search_options";
    }
    String sampling = model.traits().getOrDefault("sampling", "free");
    if (sampling.equals("none") && (given("temperature") || given("top_p"))) {
      return given("temperature") ? "temperature" : "top_p";
    }
    if (sampling.equals("exclusive") && given("temperature") && given("top_p")) {
      return "top_p";
    }
    return null;
  }

  private static long size(JsonNode node) {
    if (node.isValueNode()) {
      return node.isTextual() ? node.textValue().length() + 2 : 4;
    }
    long size = 2;
    if (node.isObject()) {
      for (var field : node.properties()) {
        size += field.getKey().length() + 4 + size(field.getValue());
      }
    } else {
      for (JsonNode element : node) {
        size += size(element) + 1;
      }
    }
    return size;
  }
}
