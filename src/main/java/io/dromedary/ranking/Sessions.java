package io.dromedary.ranking;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Expiry;
import io.dromedary.catalog.Tier;
import io.dromedary.chat.ChatRequest;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Which model each conversation is with, by project: by its session id where the request names one, else by a hash of its turns up to the assistant's last one. In memory, bounded, forgotten when a conversation rests longer than
 * providers keep a prompt.
 */
public final class Sessions {
  private static final String HEADER = "x-dromedary-session-id";
  /** Of a longer conversation only the first turns name it: the rest would cost more than it tells apart. */
  private static final int LONGEST_ID = 200;

  private final Supplier<RoutingPolicy> policy;
  private final Cache<String, Stay> stays;

  /** The bound is that of the policy at the start, the TTL that of the policy in force when a turn ends. */
  public Sessions(Supplier<RoutingPolicy> policy) {
    this.policy = policy;
    Choosing.Keeping keeping = policy.get().choosing().sessions();
    this.stays = Caffeine.newBuilder().maximumSize(Math.max(1, keeping.max())).expireAfter(new Expiry<String, Stay>() {
      @Override
      public long expireAfterCreate(String conversation, Stay stay, long now) {
        return policy.get().choosing().sessions().ttl().toNanos();
      }

      @Override
      public long expireAfterUpdate(String conversation, Stay stay, long now, long left) {
        return expireAfterCreate(conversation, stay, now);
      }

      @Override
      public long expireAfterRead(String conversation, Stay stay, long now, long left) {
        return left;
      }
    }).build();
  }

  boolean on() {
    return policy.get().choosing().sessions().enabled();
  }

  /** The conversation of a request, as a key; "" if nothing names it. */
  static String named(String project, ChatRequest request) {
    JsonNode id = request.routing().path("session_id");
    String hint = request.hint(HEADER);
    String name = id.isTextual() ? id.textValue() : hint == null ? "" : hint.strip();
    return name.isEmpty() || name.length() > LONGEST_ID ? "" : project + "\n=" + name;
  }

  /** The conversation that goes on in a request: its turns before the assistant's last one; "" for an opening turn. */
  static String continued(String project, ChatRequest request) {
    ArrayNode messages = request.messages();
    for (int i = messages.size() - 2; i > 0; i--) {
      if ("assistant".equals(messages.get(i).path("role").asText())) {
        return project + "\n" + hash(messages, i);
      }
    }
    return "";
  }

  /** What the next turn of this conversation will begin with. */
  static String whole(String project, ChatRequest request) {
    return project + "\n" + hash(request.messages(), request.messages().size());
  }

  @Nullable Stay find(String key) {
    return stays.getIfPresent(key);
  }

  void keep(String key, Stay stay) {
    stays.put(key, stay);
  }

  /** How many conversations are remembered. */
  public long size() {
    stays.cleanUp();
    return stays.estimatedSize();
  }

  /** Two runs of 64 bits over roles and texts; a false match only means that a conversation stays with a model that another began with. */
  private static String hash(ArrayNode messages, int count) {
    long a = 1125899906842597L;
    long b = count;
    for (int i = 0; i < count; i++) {
      JsonNode message = messages.get(i);
      JsonNode content = message.path("content");
      int text = content.isTextual() ? content.textValue().hashCode() : content.hashCode();
      int length = content.isTextual() ? content.textValue().length() : content.size();
      a = a * 1_000_003 + (message.path("role").asText().hashCode() * 31L ^ text);
      b = (b + text) * 0x9e3779b97f4a7c15L + length;
    }
    return Long.toHexString(a) + Long.toHexString(b);
  }

  static Tier harder(Tier a, Tier b) {
    return a.compareTo(b) >= 0 ? a : b;
  }
}
