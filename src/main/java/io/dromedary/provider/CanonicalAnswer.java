package io.dromedary.provider;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usage;
import io.dromedary.chat.UsageJson;
import org.jspecify.annotations.Nullable;

/** Builds a whole {@code chat.completion} from parts of another language, with every field that OpenAI's schema requires. */
public final class CanonicalAnswer {
  private final ObjectNode json = Json.object();
  private final ArrayNode choices;
  private final ChatRequest request;

  /** @param id the provider's own id; "" makes one up from the request's */
  public CanonicalAnswer(String id, String model, ChatRequest request) {
    this.request = request;
    json.put("id", idOr(id, request)).put("object", "chat.completion").put("created", request.receivedAt().getEpochSecond()).put("model", model);
    choices = json.putArray("choices");
  }

  /**
   * Adds a choice.
   *
   * @param text null when there is none (with tool calls); otherwise "" at least
   * @param reasoning left out when empty
   * @param toolCalls left out when empty
   * @return the message, for extension fields
   */
  public ObjectNode choice(int index, @Nullable String text, @Nullable String refusal, CharSequence reasoning, ArrayNode toolCalls, @Nullable ObjectNode logprobs, String finishReason) {
    ObjectNode choice = choices.addObject().put("index", index);
    ObjectNode message = choice.putObject("message").put("role", "assistant").put("content", text).put("refusal", refusal);
    if (reasoning.length() > 0) {
      message.put("reasoning_content", reasoning.toString());
    }
    if (!toolCalls.isEmpty()) {
      message.set("tool_calls", toolCalls);
    }
    choice.set("logprobs", logprobs == null ? JsonNodeFactory.instance.nullNode() : logprobs);
    choice.put("finish_reason", finishReason);
    return message;
  }

  /** Ends the answer with what the provider counted; null has what was said counted. */
  public ChatResponse with(@Nullable Usage reported) {
    Usage usage = reported == null ? Spoken.usage(request, choices) : reported;
    json.set("usage", UsageJson.write(usage));
    return new ChatResponse(json, usage);
  }

  static String idOr(String id, ChatRequest request) {
    return id.isEmpty() ? "chatcmpl-" + request.id() : id;
  }

  /** A tool call, without an index. */
  public static ObjectNode toolCall(String id, String name, String arguments) {
    ObjectNode call = Json.object().put("id", id).put("type", "function");
    call.putObject("function").put("name", name).put("arguments", arguments);
    return call;
  }

  /** The id of a tool call whose provider gave it none: the same however often the answer is read, whole or in chunks, and no other in the conversation. */
  public static String toolCallId(ChatRequest request, int choice, int call) {
    return "call_" + ShortId.of(request.id() + "/" + choice + "/" + call, 9);
  }
}
