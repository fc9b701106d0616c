package io.dromedary.provider.anthropic;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Capability;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Usage;
import io.dromedary.provider.CanonicalAnswer;
import io.dromedary.provider.JsonText;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Reads Anthropic's whole answers, and the facts that they share with streams. */
final class AnthropicAnswer {
  private static final System.Logger LOG = System.getLogger(AnthropicAnswer.class.getName());

  private AnthropicAnswer() {}

  static ChatResponse read(ChatRequest request, Model model, byte[] body) throws IOException {
    JsonNode answer = Json.read(body);
    if (answer != null && answer.path("error").isObject()) {
      JsonNode error = answer.path("error");
      throw AnthropicMessages.failure(model.provider(), AnthropicMessages.statusOf(error.path("type").asText()), error, null);
    }
    if (answer == null || !answer.path("content").isArray()) {
      throw new IOException(model.provider() + " sent no message");
    }
    StringBuilder text = new StringBuilder();
    StringBuilder reasoning = new StringBuilder();
    ArrayNode calls = Json.array();
    ArrayNode thinkingBlocks = Json.array();
    for (JsonNode block : answer.path("content")) {
      switch (block.path("type").asText()) {
        case "text" -> text.append(block.path("text").asText(""));
        case "tool_use" -> calls.add(CanonicalAnswer.toolCall(block.path("id").asText(""), block.path("name").asText(""), block.path("input").isObject() ? Json.text(block.path("input")) : "{}"));
        case "thinking" -> {
          reasoning.append(block.path("thinking").asText(""));
          thinkingBlocks.add(block);
        }
        case "redacted_thinking" -> thinkingBlocks.add(block);
        default -> { }
      }
    }
    String content = text.isEmpty() && !calls.isEmpty() ? null : wantsBareJson(request, model) ? JsonText.unfenced(text.toString()) : text.toString();
    CanonicalAnswer canonical = new CanonicalAnswer(answer.path("id").asText(""), model.id(), request);
    String reason = finishReason(answer.path("stop_reason").asText(""), !calls.isEmpty());
    ObjectNode message = canonical.choice(0, content, refusal(answer.path("stop_details")), reasoning, calls, null, reason);
    if (!thinkingBlocks.isEmpty()) {
      message.set("thinking_blocks", thinkingBlocks);
    }
    return canonical.with(usage(answer.path("usage")));
  }

  /** True where JSON was asked for by words, so that the model may have put a fence around it. */
  static boolean wantsBareJson(ChatRequest request, Model model) {
    String format = request.json().path("response_format").path("type").asText();
    return format.equals("json_object") || format.equals("json_schema") && !model.can(Capability.JSON_SCHEMA);
  }

  private static @Nullable Usage usage(JsonNode usage) {
    if (!usage.path("output_tokens").isNumber()) {
      return null;
    }
    return new Usage(usage.path("input_tokens").asLong(), usage.path("cache_read_input_tokens").asLong(), usage.path("cache_creation_input_tokens").asLong(), usage.path("output_tokens").asLong(),
        usage.path("output_tokens_details").path("thinking_tokens").asLong(), false);
  }

  /** What the model says about its refusal, null if it does not refuse or says nothing. */
  static @Nullable String refusal(JsonNode stopDetails) {
    String explanation = "refusal".equals(stopDetails.path("type").asText()) ? stopDetails.path("explanation").asText("") : "";
    return explanation.isEmpty() || stopDetails.path("explanation").isNull() ? null : explanation;
  }

  /** A cut or refused answer stays one although it holds calls: those may be incomplete. */
  static String finishReason(String stopReason, boolean calls) {
    return switch (stopReason) {
      case "max_tokens", "model_context_window_exceeded" -> "length";
      case "refusal" -> "content_filter";
      case "tool_use", "end_turn", "stop_sequence", "pause_turn" -> calls ? "tool_calls" : "stop";
      default -> {
        if (!stopReason.isEmpty()) {
          LOG.log(System.Logger.Level.WARNING, "unknown stop_reason of Anthropic: {0}", Problem.clip(stopReason));
        }
        yield calls ? "tool_calls" : "stop";
      }
    };
  }
}
