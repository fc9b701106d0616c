package io.dromedary.provider.gemini;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Capability;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure.Kind;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.provider.CanonicalAnswer;
import io.dromedary.provider.JsonText;
import io.dromedary.provider.Refusals;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** Reads Gemini's whole answers, and the facts that they share with streams. */
final class GeminiAnswer {
  private static final System.Logger LOG = System.getLogger(GeminiAnswer.class.getName());

  private GeminiAnswer() {}

  static ChatResponse read(ChatRequest request, Model model, byte[] body) throws IOException {
    JsonNode answer = frame(model.provider(), Json.read(body));
    JsonNode candidates = answer.path("candidates");
    CanonicalAnswer canonical = new CanonicalAnswer(answer.path("responseId").asText(""), model.id(), request);
    if (candidates.isEmpty()) {
      if (!isBlocked(answer)) {
        throw new IOException(model.provider() + " sent no candidate");
      }
      canonical.choice(0, "", null, "", Json.array(), null, "content_filter");
    }
    for (JsonNode candidate : candidates) {
      choice(canonical, candidate, request, model);
    }
    GeminiUsage usage = new GeminiUsage();
    usage.set(answer.path("usageMetadata"));
    return canonical.with(usage.toUsage());
  }

  private static void choice(CanonicalAnswer canonical, JsonNode candidate, ChatRequest request, Model model) {
    StringBuilder text = new StringBuilder();
    StringBuilder reasoning = new StringBuilder();
    ArrayNode calls = Json.array();
    String signature = "";
    for (JsonNode part : candidate.path("content").path("parts")) {
      if (part.path("functionCall").isObject()) {
        calls.add(toolCall(part, request, candidate.path("index").asInt(0), calls.size()));
        continue;
      }
      if (part.path("text").isTextual()) {
        (part.path("thought").asBoolean(false) ? reasoning : text).append(part.path("text").textValue());
      }
      signature = part.path("thoughtSignature").asText(signature);
    }
    String reason = finishReason(candidate.path("finishReason").asText("STOP"), !calls.isEmpty(), model, candidate);
    String content = text.isEmpty() && !calls.isEmpty() ? null : wantsBareJson(request, model) ? JsonText.unfenced(text.toString()) : text.toString();
    ObjectNode message = canonical.choice(candidate.path("index").asInt(0), content, null, reasoning, calls, logprobs(candidate.path("logprobsResult")), reason);
    if (!signature.isEmpty()) {
      signature(message, signature);
    }
  }

  /** The frame of an answer or a stream, out of the list that Gemini sometimes puts it in. */
  static JsonNode frame(String provider, @Nullable JsonNode read) throws IOException {
    JsonNode frame = read != null && read.isArray() ? read.path(0) : read;
    if (frame == null || !frame.isObject()) {
      throw new IOException(provider + " sent no JSON object");
    }
    if (frame.path("error").isObject()) {
      throw GeminiGenerateContent.failure(provider, 200, frame.path("error"), null);
    }
    return frame;
  }

  /** True where JSON was asked for by words, so that the model may have put a fence around it. */
  static boolean wantsBareJson(ChatRequest request, Model model) {
    String format = request.json().path("response_format").path("type").asText();
    return format.startsWith("json_") && (request.hasTools() && GeminiNames.generation(model) < 30 || format.equals("json_schema") && !model.can(Capability.JSON_SCHEMA));
  }

  static boolean isBlocked(JsonNode answer) {
    return answer.path("promptFeedback").hasNonNull("blockReason");
  }

  static ObjectNode toolCall(JsonNode part, ChatRequest request, int choice, int index) {
    JsonNode call = part.path("functionCall");
    String id = call.path("id").asText("");
    ObjectNode toolCall = CanonicalAnswer.toolCall(id.isEmpty() || id.length() > 40 ? CanonicalAnswer.toolCallId(request, choice, index) : id, GeminiNames.fromGemini(call.path("name").asText(""), request),
        call.path("args").isObject() ? Json.text(call.path("args")) : "{}");
    String signature = part.path("thoughtSignature").asText("");
    if (!signature.isEmpty()) {
      signature(toolCall, signature);
    }
    return toolCall;
  }

  static void signature(ObjectNode owner, String signature) {
    owner.putObject("extra_content").putObject("google").put("thought_signature", signature);
  }

  /**
   * A cut or blocked answer stays one although it holds calls: those may be incomplete.
   *
   * @throws ProviderFailure if the model's call was malformed: there is no answer, and another model may do better
   */
  static String finishReason(String reason, boolean calls, Model model, JsonNode candidate) {
    return switch (reason) {
      case "STOP", "OTHER", "FINISH_REASON_UNSPECIFIED" -> calls ? "tool_calls" : "stop";
      case "MAX_TOKENS" -> "length";
      case "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII" -> "content_filter";
      case "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE" -> {
        String words = candidate.path("finishMessage").asText("");
        throw ProviderFailure.of(Kind.JUNK, model.provider(), model.id() + " ended with " + reason + (words.isEmpty() ? "" : ": " + Refusals.safe(words)));
      }
      default -> {
        if (reason.startsWith("IMAGE_") || reason.equals("NO_IMAGE")) {
          yield "content_filter";
        }
        if (!reason.isEmpty()) {
          LOG.log(System.Logger.Level.WARNING, "unknown finishReason of Gemini: {0}", Problem.clip(reason));
        }
        yield calls ? "tool_calls" : "stop";
      }
    };
  }

  static @Nullable ObjectNode logprobs(JsonNode result) {
    JsonNode chosen = result.path("chosenCandidates");
    if (chosen.isEmpty()) {
      return null;
    }
    ObjectNode logprobs = Json.object();
    ArrayNode content = logprobs.putArray("content");
    for (int i = 0; i < chosen.size(); i++) {
      ObjectNode token = logprob(chosen.path(i));
      ArrayNode top = token.putArray("top_logprobs");
      for (JsonNode candidate : result.path("topCandidates").path(i).path("candidates")) {
        top.add(logprob(candidate));
      }
      content.add(token);
    }
    logprobs.putNull("refusal");
    return logprobs;
  }

  private static ObjectNode logprob(JsonNode candidate) {
    String token = candidate.path("token").asText("");
    ObjectNode node = Json.object().put("token", token);
    JsonNode logprob = candidate.path("logProbability");
    // OpenAI's own value for "very unlikely" stands for what is not told
    node.set("logprob", logprob.isNumber() ? logprob : IntNode.valueOf(-9999));
    ArrayNode bytes = node.putArray("bytes");
    for (byte b : token.getBytes(StandardCharsets.UTF_8)) {
      bytes.add(b & 0xff);
    }
    return node;
  }
}
