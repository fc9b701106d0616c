package io.dromedary.chat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A Chat Completions request: a typed view over the client's own JSON, in which unknown fields survive. Never mutated; {@link #withModel} and {@link #forProvider} copy.
 *
 * @param id the gateway's request id, {@code x-request-id}
 * @param json the client's body, checked by {@code chatRequestReader}
 * @param hints the {@code x-dromedary-*} headers and {@code idempotency-key}, names in lower case
 * @param receivedAt when it came in
 * @param deadline when the gateway gives up
 * @param callerGone tells whether the caller hung up; asked from other threads
 * @param policy which models may answer its caller
 * @param call what was asked of an agent, if this is what became of it; null for a request to a model
 */
public record ChatRequest(String id, ObjectNode json, Map<String, String> hints, Instant receivedAt, Instant deadline, BooleanSupplier callerGone, Policy policy, @Nullable AgentCall call)
    implements ModelRequest {
  public ChatRequest(String id, ObjectNode json, Map<String, String> hints, Instant receivedAt, Instant deadline, BooleanSupplier callerGone) {
    this(id, json, hints, receivedAt, deadline, callerGone, Policy.OPEN, null);
  }

  public ChatRequest(String id, ObjectNode json, Map<String, String> hints, Instant receivedAt, Instant deadline, BooleanSupplier callerGone, Policy policy) {
    this(id, json, hints, receivedAt, deadline, callerGone, policy, null);
  }

  public ChatRequest(String id, ObjectNode json, Map<String, String> hints, Instant receivedAt, Instant deadline) {
    this(id, json, hints, receivedAt, deadline, () -> false);
  }

  /** Fields that are ours, not the providers'. */
  private static final List<String> OWN_FIELDS = List.of("routing", "models", "provider");

  @Override
  public String model() {
    return json.path("model").asText("auto");
  }

  public ArrayNode messages() {
    return (ArrayNode) json.get("messages");
  }

  @Override
  public boolean stream() {
    return json.path("stream").asBoolean(false);
  }

  /** Did the client ask for the usage chunk at the end of its stream? */
  public boolean wantsUsage() {
    return json.path("stream_options").path("include_usage").asBoolean(false);
  }

  /** {@code max_completion_tokens}, else {@code max_tokens}. */
  public OptionalLong maxOutputTokens() {
    JsonNode limit = json.path("max_completion_tokens");
    if (!limit.isNumber()) {
      limit = json.path("max_tokens");
    }
    return limit.isNumber() ? OptionalLong.of(limit.longValue()) : OptionalLong.empty();
  }

  /** OpenRouter's {@code provider} preferences, a missing node when there are none. */
  public JsonNode providerPreferences() {
    JsonNode preferences = json.path("provider");
    return preferences.isObject() ? preferences : MissingNode.getInstance();
  }

  /** The same, routed by another model's name: what the client named is remembered. */
  public ChatRequest withModel(String model) {
    ObjectNode copy = json.deepCopy();
    copy.put("model", model);
    Map<String, String> told = new HashMap<>(hints);
    told.put(REQUESTED_MODEL, requestedModel());
    return new ChatRequest(id, copy, Map.copyOf(told), receivedAt, deadline, callerGone, policy, call);
  }

  /** The same request under its caller's policy. */
  public ChatRequest under(Policy policy) {
    return policy.equals(this.policy) ? this : new ChatRequest(id, json, hints, receivedAt, deadline, callerGone, policy, call);
  }

  /** The same with another body, for steps that change what is asked. */
  public ChatRequest with(ObjectNode body) {
    return new ChatRequest(id, body, hints, receivedAt, deadline, callerGone, policy, call);
  }

  /** What an agent makes of it. */
  public ChatRequest calling(AgentCall call, ObjectNode json, Map<String, String> hints) {
    return new ChatRequest(id, json, hints, receivedAt, deadline, callerGone, policy, call);
  }

  @Override
  public ObjectNode asked() {
    return call == null ? json : call.body();
  }

  /** Is an agent asked, that has yet to make its request of it? */
  public boolean toAgent() {
    return call == null && json.path("model").asText("").startsWith("agent/");
  }

  /** A shallow copy of the body without our extension fields, for a wire format to change at its top level; nested nodes are shared and must not be touched. */
  public ObjectNode forProvider() {
    ObjectNode copy = Json.object();
    copy.setAll(json);
    copy.remove(OWN_FIELDS);
    return copy;
  }

  /** A shallow copy of the body for one that is asked for a whole answer, whatever the client asked for. */
  public ObjectNode wholeBody() {
    ObjectNode copy = Json.object();
    copy.setAll(json);
    copy.remove(List.of("stream", "stream_options"));
    return copy;
  }

  /** All text that the model reads, joined by newlines: for counting, scoring and never for logs. */
  public String text() {
    StringBuilder text = new StringBuilder(256);
    for (JsonNode message : messages()) {
      appendContent(text, message.path("content"));
      for (JsonNode call : message.path("tool_calls")) {
        text.append(call.path("function").path("name").asText()).append(' ').append(call.path("function").path("arguments").asText()).append('\n');
      }
    }
    return text.toString();
  }

  /** The text of the last user message, "" when there is none. */
  public String lastUserText() {
    ArrayNode messages = messages();
    for (int i = messages.size() - 1; i >= 0; i--) {
      if ("user".equals(messages.get(i).path("role").asText())) {
        StringBuilder text = new StringBuilder(128);
        appendContent(text, messages.get(i).path("content"));
        return text.toString().strip();
      }
    }
    return "";
  }

  private static void appendContent(StringBuilder text, JsonNode content) {
    if (content.isTextual()) {
      text.append(content.textValue()).append('\n');
    } else {
      for (JsonNode part : content) {
        if (part.path("text").isTextual()) {
          text.append(part.path("text").textValue()).append('\n');
        }
      }
    }
  }

  public boolean hasImages() {
    for (JsonNode message : messages()) {
      for (JsonNode part : message.path("content")) {
        if ("image_url".equals(part.path("type").asText())) {
          return true;
        }
      }
    }
    return false;
  }

  public boolean hasTools() {
    return json.path("tools").size() > 0 || json.path("functions").size() > 0;
  }
}
