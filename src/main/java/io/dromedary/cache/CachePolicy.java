package io.dromedary.cache;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.ModelRequest;
import io.dromedary.chat.Problem;
import org.jspecify.annotations.Nullable;

/** What a request allows the cache to do, by {@code x-dromedary-cache}, and which answers are good enough to keep. */
public final class CachePolicy {
  /** The header that says what the cache may do. */
  public static final String HEADER = "x-dromedary-cache";

  /** What the cache may do for one request. */
  public enum Mode {
    /** No header: recall, else ask and keep. */
    USE(true, true),
    /** {@code no-store}: neither recall nor keep, nor wait for another's answer. */
    NO_STORE(false, false),
    /** {@code refresh}: ask again and keep the new answer. */
    REFRESH(false, true),
    /** {@code only}: recall; no provider is asked. */
    ONLY(true, false);

    private final boolean reads;
    private final boolean stores;

    Mode(boolean reads, boolean stores) {
      this.reads = reads;
      this.stores = stores;
    }

    public boolean reads() {
      return reads;
    }

    public boolean stores() {
      return stores;
    }

    /** May this request share one provider call with equal ones? Only who would take a kept answer and let its own be kept. */
    public boolean coalesces() {
      return reads && stores;
    }
  }

  private final double maxTemperature;
  private final int maxBytes;

  /** Keeps answers at any temperature, up to 8 MiB each. */
  public CachePolicy() {
    this(2, 8 << 20);
  }

  /**
   * @param maxTemperature requests above it bypass the cache: they ask for variety
   * @param maxBytes answers longer than this are not kept
   */
  public CachePolicy(double maxTemperature, int maxBytes) {
    this.maxTemperature = maxTemperature;
    this.maxBytes = maxBytes;
  }

  /** @throws Problem 400 naming the header and its values */
  public Mode mode(ModelRequest request) {
    Mode mode = mode(request.hint(HEADER));
    boolean tooWarm = request.json().path("temperature").asDouble(0) > maxTemperature;
    return mode == Mode.USE && tooWarm ? Mode.NO_STORE : mode;
  }

  private static Mode mode(@Nullable String header) {
    if (header == null) {
      return Mode.USE;
    }
    return switch (header.strip()) {
      case "no-store" -> Mode.NO_STORE;
      case "refresh" -> Mode.REFRESH;
      case "only" -> Mode.ONLY;
      default -> throw Problem.badField(HEADER, "the header `" + HEADER + "` must be `no-store`, `refresh` or `only`, not `" + Problem.clip(header) + "`");
    };
  }

  /** For {@code only}, when nothing is kept: 404 {@code not_in_cache}. */
  public Problem notInCache() {
    return Problem.notFound("no answer to this request is in the cache, and `" + HEADER + ": only` forbids asking a model").code("not_in_cache").shouldRetry(false);
  }

  /** Is the answer whole: every choice ended by itself or with tool calls, says something and refuses nothing? Errors and cut streams never get here. */
  public boolean keeps(ChatResponse answer) {
    JsonNode choices = answer.json().path("choices");
    if (choices.isEmpty()) {
      return false;
    }
    for (JsonNode choice : choices) {
      String finish = choice.path("finish_reason").asText("");
      boolean ended = finish.equals("stop") || finish.equals("tool_calls") || finish.equals("function_call");
      JsonNode message = choice.path("message");
      boolean silent = message.path("content").asText("").isEmpty() && message.path("tool_calls").isEmpty() && message.path("function_call").isEmpty();
      boolean refused = message.path("refusal").isTextual() && !message.path("refusal").textValue().isEmpty();
      if (!ended || silent || refused) {
        return false;
      }
    }
    return true;
  }

  /** Is it short enough? */
  public boolean keeps(CachedAnswer answer) {
    return answer.body().length <= maxBytes;
  }
}
