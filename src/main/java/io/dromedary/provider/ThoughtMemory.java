package io.dromedary.provider;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What models thought, kept until the client comes back: signed thinking (Anthropic, Bedrock), thought signatures (Gemini) and the reasoning behind tool calls (DeepSeek) must be returned unchanged with the next
 * turn, but OpenAI's clients drop fields that OpenAI does not have.
 *
 * <p>An answer is found again by its project, its provider, the user's words before it, and the ids of its tool calls, or its text where it has none. Bounded by size and age, in memory, never told to anyone but the
 * provider that said it. What a client does send back is left as it is; what is forgotten is simply missing, and the wire formats know how to do without.
 */
public final class ThoughtMemory {
  /** Keeps nothing. */
  public static final ThoughtMemory NONE = new ThoughtMemory(0, Duration.ofMinutes(1));

  /** Fields of a message, and of a call in it, that come with an answer and that only its provider understands. */
  private static final List<String> SIGNED = List.of("thinking_blocks", "extra_content", "reasoning_details");
  private static final String REASONING = "reasoning_content";
  private static final String CALLS = "tool_calls";
  private static final int ENTRY_COST = 200;

  private final Cache<String, ObjectNode> kept;
  private final long maxBytes;

  /**
   * @param maxBytes about how much is kept, 0 for nothing; one answer's thoughts may take an eighth of it
   * @param timeToLive how long an answer may wait for its next turn
   */
  public ThoughtMemory(long maxBytes, Duration timeToLive) {
    this.maxBytes = maxBytes;
    this.kept = Caffeine.newBuilder().maximumWeight(maxBytes).weigher((String key, ObjectNode thoughts) -> (int) Math.min(Integer.MAX_VALUE, ENTRY_COST + size(thoughts))).expireAfterWrite(timeToLive).executor(Runnable::run).build();
  }

  // ---- keeping --------------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  /** The thoughts of one choice, gathered from a canonical message or from the deltas of its chunks. Not thread-safe. */
  static final class Heard {
    private final ObjectNode fields = Json.object();
    /** By index: id, name and what is signed of the call. */
    private final Map<Integer, ObjectNode> calls = new LinkedHashMap<>(4);

    void add(JsonNode delta) {
      gather(delta, fields);
      JsonNode toolCalls = delta.path(CALLS);
      for (int i = 0; i < toolCalls.size(); i++) {
        JsonNode call = toolCalls.path(i);
        ObjectNode known = calls.computeIfAbsent(call.path("index").asInt(i), index -> Json.object());
        if (call.path("id").isTextual()) {
          known.set("id", call.get("id"));
        }
        gather(call, known);
      }
    }

    private static void gather(JsonNode from, ObjectNode to) {
      for (String field : SIGNED) {
        JsonNode value = from.get(field);
        if (value instanceof ArrayNode list) {
          ((ArrayNode) to.withArray(field)).addAll(list);
        } else if (value != null && value.isObject()) {
          to.set(field, value);
        }
      }
    }
  }

  /** Has a chunk's delta anything that would be kept? */
  static boolean matters(JsonNode delta) {
    return delta.has(CALLS) || delta.has("thinking_blocks") || delta.has("extra_content") || delta.has("reasoning_details");
  }

  /** Keeps the thoughts of a choice, if there are any that must come back. */
  void keep(String project, String provider, ChatRequest request, Heard heard, String text, String reasoning) {
    ObjectNode thoughts = Json.object();
    thoughts.setAll(heard.fields);
    StringBuilder ids = new StringBuilder();
    if (!heard.calls.isEmpty()) {
      ObjectNode signed = Json.object();
      for (ObjectNode call : heard.calls.values()) {
        String id = call.path("id").asText("");
        ids.append(id).append('\n');
        ObjectNode fields = Json.object();
        fields.setAll(call);
        fields.remove("id");
        if (!fields.isEmpty()) {
          signed.set(id, fields);
        }
      }
      if (!signed.isEmpty()) {
        thoughts.set(CALLS, signed);
      }
      if (!reasoning.isEmpty() && !thoughts.has("thinking_blocks")) {
        thoughts.put(REASONING, reasoning);
      }
    }
    if (!thoughts.isEmpty() && size(thoughts) + ENTRY_COST <= maxBytes / 8) {
      kept.put(key(project, provider, digest(request.lastUserText()), ids.toString(), text), thoughts);
    }
  }

  /** The same for a whole answer's canonical JSON. */
  void keep(String project, String provider, ChatRequest request, JsonNode answer) {
    if (maxBytes == 0) {
      return;
    }
    for (JsonNode choice : answer.path("choices")) {
      JsonNode message = choice.path("message");
      if (matters(message)) {
        Heard heard = new Heard();
        heard.add(message);
        keep(project, provider, request, heard, words(message.path("content")), message.path(REASONING).asText(""));
      }
    }
  }

  // ---- giving back ----------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  /** The request with what its assistant messages lost; the request itself if they lost nothing that is known here. */
  ChatRequest giveBack(String project, String provider, ChatRequest request) {
    if (maxBytes == 0 || kept.estimatedSize() == 0) {
      return request;
    }
    ArrayNode given = request.messages();
    ArrayNode whole = null;
    JsonNode user = MissingNode.getInstance();
    String after = null;
    for (int i = 0; i < given.size(); i++) {
      JsonNode message = given.get(i);
      JsonNode own = message;
      switch (message.path("role").asText()) {
        case "user" -> {
          user = message;
          after = null;
        }
        case "assistant" -> {
          // a long prompt is read once, however many turns follow it
          after = after == null ? digest(words(user.path("content"))) : after;
          own = remembered(project, provider, after, message);
        }
        default -> { }
      }
      if (own != message && whole == null) {
        whole = Json.array();
        for (int j = 0; j < i; j++) {
          whole.add(given.get(j));
        }
      }
      if (whole != null) {
        whole.add(own);
      }
    }
    if (whole == null) {
      return request;
    }
    ObjectNode json = Json.object();
    json.setAll(request.json());
    json.set("messages", whole);
    return new ChatRequest(request.id(), json, request.hints(), request.receivedAt(), request.deadline(), request.callerGone(), request.policy());
  }

  private JsonNode remembered(String project, String provider, String after, JsonNode message) {
    if (!(message instanceof ObjectNode)) {
      return message;
    }
    StringBuilder ids = new StringBuilder();
    for (JsonNode call : message.path(CALLS)) {
      ids.append(call.path("id").asText("")).append('\n');
    }
    ObjectNode thoughts = kept.getIfPresent(key(project, provider, after, ids.toString(), words(message.path("content"))));
    return thoughts == null ? message : with((ObjectNode) message, thoughts);
  }

  private static ObjectNode with(ObjectNode message, ObjectNode thoughts) {
    ObjectNode own = Json.object();
    own.setAll(message);
    lend(thoughts, own);
    JsonNode signed = thoughts.path(CALLS);
    if (!signed.isEmpty()) {
      ArrayNode calls = Json.array();
      for (JsonNode call : message.path(CALLS)) {
        ObjectNode copy = Json.object();
        if (call instanceof ObjectNode object) {
          copy.setAll(object);
        }
        lend(signed.path(call.path("id").asText("")), copy);
        calls.add(copy);
      }
      own.set(CALLS, calls);
    }
    return own;
  }

  private static void lend(JsonNode thoughts, ObjectNode to) {
    for (Map.Entry<String, JsonNode> field : thoughts.properties()) {
      if (!field.getKey().equals(CALLS) && !to.hasNonNull(field.getKey())) {
        to.set(field.getKey(), field.getValue());
      }
    }
  }

  // ---- names ----------------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  /** As {@link ChatRequest#lastUserText} reads a message, so that both sides of a turn agree. */
  private static String words(JsonNode content) {
    if (content.isTextual()) {
      return content.textValue().strip();
    }
    StringBuilder text = new StringBuilder();
    for (JsonNode part : content) {
      if (part.path("text").isTextual()) {
        text.append(part.path("text").textValue()).append('\n');
      }
    }
    return text.toString().strip();
  }

  /** All of it, each part with its length: no text can pretend to be another project. The text counts only where no ids name the answer. */
  private static String key(String project, String provider, String after, String ids, String text) {
    return digest(project, provider, after, ids, ids.isEmpty() ? text.strip() : "");
  }

  private static String digest(String... parts) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (String part : parts) {
        byte[] bytes = part.getBytes(StandardCharsets.UTF_8);
        digest.update((bytes.length + ":").getBytes(StandardCharsets.US_ASCII));
        digest.update(bytes);
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  private static long size(JsonNode node) {
    if (node.isTextual()) {
      return 16L + node.textValue().length();
    }
    long size = 32;
    for (JsonNode child : node) {
      size += 16 + size(child);
    }
    return size;
  }
}
