package io.dromedary.provider;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usage;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/** Builds a whole {@code chat.completion} from parts of another language, with every field that OpenAI's schema requires. */
public final class CanonicalAnswer {
  private static final String ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

  private final ObjectNode json = Json.object();
  private final ArrayNode choices;

  /** @param id the provider's own id; "" makes one up from the request's */
  public CanonicalAnswer(String id, String model, ChatRequest request) {
    json.put("id", idOr(id, request)).put("object", "chat.completion").put("created", System.currentTimeMillis() / 1000).put("model", model);
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

  public ChatResponse with(Usage usage) {
    json.set("usage", usage(usage));
    return new ChatResponse(json, usage);
  }

  /** Usage as OpenAI writes it; cached tokens are part of {@code prompt_tokens}, reasoning is part of {@code completion_tokens}. */
  public static ObjectNode usage(Usage usage) {
    ObjectNode node = Json.object().put("prompt_tokens", usage.input()).put("completion_tokens", usage.output()).put("total_tokens", usage.total());
    ObjectNode prompt = node.putObject("prompt_tokens_details").put("cached_tokens", usage.cacheRead());
    if (usage.cacheWrite() > 0) {
      prompt.put("cache_write_tokens", usage.cacheWrite());
    }
    node.putObject("completion_tokens_details").put("reasoning_tokens", usage.reasoning());
    return node;
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

  /** A made-up tool call id, for providers whose calls have none: unique enough for a conversation, not a secret. */
  public static String newToolCallId() {
    StringBuilder id = new StringBuilder(29).append("call_");
    ThreadLocalRandom random = ThreadLocalRandom.current();
    for (int i = 0; i < 24; i++) {
      id.append(ID_LETTERS.charAt(random.nextInt(ID_LETTERS.length())));
    }
    return id.toString();
  }
}
