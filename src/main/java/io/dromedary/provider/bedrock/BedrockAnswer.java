package io.dromedary.provider.bedrock;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.ProviderFailure.Kind;
import io.dromedary.chat.Usage;
import io.dromedary.provider.CanonicalAnswer;
import io.dromedary.provider.JsonText;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Reads Converse's whole answers, and the facts that they share with streams. */
final class BedrockAnswer {
  private static final System.Logger LOG = System.getLogger(BedrockAnswer.class.getName());

  private BedrockAnswer() {}

  static ChatResponse read(ChatRequest request, Model model, byte[] body) throws IOException {
    JsonNode answer = Json.read(body);
    JsonNode content = answer == null ? Json.object() : answer.path("output").path("message").path("content");
    if (!content.isArray()) {
      throw new IOException(model.provider() + " sent no message");
    }
    String answerTool = BedrockRequest.answerTool(request, model);
    StringBuilder text = new StringBuilder();
    StringBuilder reasoning = new StringBuilder();
    String json = null;
    ArrayNode calls = Json.array();
    ArrayNode thinkingBlocks = Json.array();
    for (JsonNode block : content) {
      if (block.path("text").isTextual()) {
        text.append(block.path("text").textValue());
      }
      JsonNode use = block.path("toolUse");
      if (use.isObject()) {
        String input = use.path("input").isObject() ? Json.text(use.path("input")) : "{}";
        if (use.path("name").asText("").equals(answerTool)) {
          json = json == null ? input : json;
        } else {
          String id = use.path("toolUseId").asText("");
          calls.add(CanonicalAnswer.toolCall(id.isEmpty() ? CanonicalAnswer.toolCallId(request, 0, calls.size()) : id, use.path("name").asText(""), input));
        }
      }
      JsonNode thought = block.path("reasoningContent");
      if (thought.isObject()) {
        JsonNode said = thought.path("reasoningText");
        reasoning.append(said.path("text").asText(""));
        ObjectNode kept = thinkingBlock(said.path("text").asText(""), said.path("signature").asText(""), thought.path("redactedContent").asText(""));
        if (kept != null) {
          thinkingBlocks.add(kept);
        }
      }
    }
    String words = json != null ? json : BedrockRequest.wantsBareJson(request, model) ? JsonText.unfenced(text.toString()) : text.toString();
    String reason = finishReason(model.provider(), answer.path("stopReason").asText(""), !calls.isEmpty());
    CanonicalAnswer canonical = new CanonicalAnswer("", model.id(), request);
    ObjectNode message = canonical.choice(0, words.isEmpty() && !calls.isEmpty() ? null : words, null, reasoning, calls, null, reason);
    if (!thinkingBlocks.isEmpty()) {
      message.set("thinking_blocks", thinkingBlocks);
    }
    return canonical.with(usage(answer.path("usage")));
  }

  /** A thought that can be sent back, as Anthropic's clients know it; null for one without a signature. */
  static @Nullable ObjectNode thinkingBlock(String text, String signature, String redacted) {
    if (!signature.isEmpty()) {
      return Json.object().put("type", "thinking").put("thinking", text).put("signature", signature);
    }
    return redacted.isEmpty() ? null : Json.object().put("type", "redacted_thinking").put("data", redacted);
  }

  static @Nullable Usage usage(JsonNode usage) {
    if (!usage.path("outputTokens").isNumber() || usage.path("outputTokens").asLong() < 0 || usage.path("inputTokens").asLong() < 0) {
      return null;
    }
    return new Usage(usage.path("inputTokens").asLong(), usage.path("cacheReadInputTokens").asLong(), usage.path("cacheWriteInputTokens").asLong(), usage.path("outputTokens").asLong(), 0, false);
  }

  /**
   * A cut or blocked answer stays one although it holds calls: those may be incomplete.
   *
   * @throws ProviderFailure {@link Kind#JUNK} if the model wrote what Bedrock could not read
   */
  static String finishReason(String provider, String stopReason, boolean calls) {
    return switch (stopReason) {
      case "max_tokens", "model_context_window_exceeded" -> "length";
      case "guardrail_intervened", "content_filtered", "refusal" -> "content_filter";
      case "malformed_model_output", "malformed_tool_use" -> throw ProviderFailure.of(Kind.JUNK, provider, "the model's answer could not be read (" + stopReason + ")");
      case "tool_use", "end_turn", "stop_sequence" -> calls ? "tool_calls" : "stop";
      default -> {
        if (!stopReason.isEmpty()) {
          LOG.log(System.Logger.Level.WARNING, "unknown stopReason of Bedrock: {0}", Problem.clip(stopReason));
        }
        yield calls ? "tool_calls" : "stop";
      }
    };
  }
}
