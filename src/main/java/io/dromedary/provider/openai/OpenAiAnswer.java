package io.dromedary.provider.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.Usage;
import io.dromedary.chat.UsageJson;
import io.dromedary.provider.CanonicalAnswer;
import io.dromedary.provider.JsonText;
import io.dromedary.provider.Spoken;
import io.dromedary.provider.openai.Dialect.Quirk;
import java.io.IOException;
import java.util.List;

/** Makes a whole answer canonical, and knows what whole answers and chunks have in common. */
final class OpenAiAnswer {
  /** Provider extras that are nobody's business downstream; all other unknown fields survive. */
  static final List<String> ANSWER_EXTRAS = List.of("x_groq", "obfuscation", "prompt_filter_results", "provider", "usage_breakdown");
  static final List<String> CHOICE_EXTRAS = List.of("content_filter_results", "content_filter_result", "content_filter_offsets", "native_finish_reason");

  private OpenAiAnswer() {}

  static ChatResponse read(Dialect dialect, ChatRequest request, Model model, byte[] body) throws IOException {
    // some send blank lines while the request is queued: white space to the parser
    if (!(Json.read(body) instanceof ObjectNode json)) {
      throw new IOException("provider `" + model.provider() + "` answered something that is no JSON object");
    }
    if (json.path("error").isObject() || json.path("error").isTextual()) {
      throw OpenAiErrors.inside200(model.provider(), json);
    }
    JsonNode choices = json.path("choices");
    if (!choices.isArray() || choices.isEmpty()) {
      throw new IOException("provider `" + model.provider() + "` answered JSON without `choices`");
    }
    String servedBy = servedBy(dialect, model, json);
    json.put("object", "chat.completion");
    json.put("model", servedBy);
    if (json.path("id").asText("").isEmpty()) {
      json.put("id", "chatcmpl-" + request.id());
    }
    json.put("created", created(json, request));
    Usage usage = OpenAiUsage.read(json.path("usage"));
    if (usage == null) {
      usage = OpenAiUsage.read(json.path("x_groq").path("usage"));
    }
    json.remove(ANSWER_EXTRAS);
    boolean bareJson = OpenAiChat.wantsBareJson(dialect, request);
    for (int i = 0; i < choices.size(); i++) {
      if (!(choices.get(i) instanceof ObjectNode choice)) {
        throw new IOException("provider `" + model.provider() + "` answered a choice that is no object");
      }
      choice(model, choice, i, request);
      if (bareJson && choice.path("message").path("content").isTextual()) {
        ((ObjectNode) choice.get("message")).put("content", JsonText.unfenced(choice.path("message").path("content").textValue()));
      }
    }
    if (usage == null) {
      usage = Spoken.usage(request, choices);
    }
    json.set("usage", UsageJson.write(usage));
    return new ChatResponse(json, usage);
  }

  /** The provider's date in epoch seconds, or when we were asked if it gave none that can be. */
  static long created(JsonNode answer, ChatRequest request) {
    long created = answer.path("created").longValue();
    return created > 0 ? created : request.receivedAt().getEpochSecond();
  }

  private static void choice(Model model, ObjectNode choice, int position, ChatRequest request) throws IOException {
    if (choice.path("error").isObject()) {
      throw OpenAiErrors.inside200(model.provider(), choice);
    }
    if (!(choice.get("message") instanceof ObjectNode message)) {
      throw new IOException("provider `" + model.provider() + "` answered a choice without `message`");
    }
    choice.remove(CHOICE_EXTRAS);
    if (!choice.path("index").isInt()) {
      choice.put("index", position);
    }
    message.put("role", "assistant");
    flattenContent(message);
    renameReasoning(message);
    if (!message.has("content")) {
      message.putNull("content");
    }
    if (!message.has("refusal")) {
      message.putNull("refusal");
    }
    boolean calls = toolCalls(message, position, request);
    String reason = finishReason(model, choice.path("finish_reason").asText(""));
    choice.put("finish_reason", calls && "stop".equals(reason) ? "tool_calls" : reason);
    if (!choice.has("logprobs")) {
      choice.putNull("logprobs");
    }
  }

  private static boolean toolCalls(ObjectNode message, int position, ChatRequest request) {
    JsonNode calls = message.path("tool_calls");
    if (calls.isEmpty()) {
      message.remove("tool_calls");
      return false;
    }
    for (int i = 0; i < calls.size(); i++) {
      if (calls.get(i) instanceof ObjectNode call) {
        call.remove("index");
        if (call.path("id").asText("").isEmpty()) {
          call.put("id", CanonicalAnswer.toolCallId(request, position, i));
        }
        if (call.path("type").asText("").isEmpty()) {
          call.put("type", "function");
        }
        if (call.get("function") instanceof ObjectNode function) {
          argumentsAsText(function, "{}");
        }
      }
    }
    return true;
  }

  /** OpenAI's arguments are JSON in a string; some send the object itself. */
  static void argumentsAsText(ObjectNode function, String whenAbsent) {
    JsonNode arguments = function.get("arguments");
    if (arguments == null || arguments.isNull() || arguments.isTextual() && arguments.textValue().isBlank() && !whenAbsent.isEmpty()) {
      function.put("arguments", whenAbsent);
    } else if (!arguments.isTextual()) {
      function.put("arguments", Json.text(arguments));
    }
  }

  /** Mistral's reasoning models answer a list of {@code thinking} and {@code text} parts. */
  static void flattenContent(ObjectNode message) {
    if (!(message.get("content") instanceof ArrayNode parts)) {
      return;
    }
    StringBuilder text = new StringBuilder();
    StringBuilder thinking = new StringBuilder();
    boolean spoke = false;
    for (JsonNode part : parts) {
      if (part.isTextual()) {
        text.append(part.textValue());
        spoke = true;
      } else if ("thinking".equals(part.path("type").asText())) {
        if (part.path("thinking").isTextual()) {
          thinking.append(part.path("thinking").textValue());
        }
        for (JsonNode thought : part.path("thinking")) {
          thinking.append(thought.path("text").asText(""));
        }
      } else if (part.path("text").isTextual()) {
        text.append(part.path("text").textValue());
        spoke = true;
      }
    }
    if (spoke) {
      message.put("content", text.toString());
    } else {
      message.putNull("content");
    }
    if (!thinking.isEmpty()) {
      message.put("reasoning_content", thinking.toString());
    }
  }

  /** {@code reasoning} (Groq, OpenRouter, vLLM) and {@code reasoning_content} (DeepSeek) are one: the latter. */
  static void renameReasoning(ObjectNode message) {
    JsonNode reasoning = message.get("reasoning");
    if (reasoning != null && (reasoning.isTextual() || reasoning.isNull())) {
      message.remove("reasoning");
      if (reasoning.isTextual() && !message.path("reasoning_content").isTextual()) {
        message.set("reasoning_content", reasoning);
      }
    }
    if (message.get("reasoning_content") instanceof NullNode) {
      message.remove("reasoning_content");
    }
  }

  /** @throws ProviderFailure if the reason is a failure */
  static String finishReason(Model model, String reason) {
    return switch (reason) {
      case "stop", "length", "tool_calls", "content_filter", "function_call" -> reason;
      case "model_length", "max_tokens" -> "length";
      case "error", "insufficient_system_resource" ->
          throw ProviderFailure.of(ProviderFailure.Kind.DOWN, model.provider(), "provider `" + model.provider() + "` broke off with finish reason `" + reason + "`");
      case "tool_use", "tool_call" -> "tool_calls";
      case "safety", "refusal" -> "content_filter";
      default -> "stop";
    };
  }

  /** {@code provider/name}; where the model asked is itself a router, the name that the answer gives. */
  static String servedBy(Dialect dialect, Model model, JsonNode answer) {
    if (!dialect.has(Quirk.ROUTES) || !("route-llm".equals(model.name()) || "openrouter/auto".equals(model.name()))) {
      return model.id();
    }
    String name = answer.path("model").asText("");
    return name.isEmpty() || name.equals(model.name()) ? model.id() : model.provider() + "/" + name;
  }
}
