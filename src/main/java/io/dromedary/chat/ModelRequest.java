package io.dromedary.chat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** What is asked of a model, whatever it makes: the part of a request that limits, cache, failover and ledger need to know. */
public sealed interface ModelRequest permits ChatRequest, EmbeddingRequest {
  /** Of a user's name; what is longer is cut. */
  int LONGEST_USER = 128;
  /** A request's own tags, with its caller's; what is more is left out. */
  int MOST_TAGS = 20;
  /** A hint of ours, which no client can give: the model that was named before another took its place. */
  String REQUESTED_MODEL = "dromedary.requested-model";
  /** Names a request's own tags, separated by commas. */
  String TAGS_HEADER = "x-dromedary-tags";

  /** The gateway's request id, {@code x-request-id}. */
  String id();

  /** What a model is asked: the client's own body, or what an agent made of it; never changed. */
  ObjectNode json();

  /** The client's own body, whatever became of it. */
  default ObjectNode asked() {
    return json();
  }

  /** The {@code x-dromedary-*} headers and {@code idempotency-key}, names in lower case. */
  Map<String, String> hints();

  Instant receivedAt();

  /** When the gateway gives up. */
  Instant deadline();

  /** Tells whether the caller hung up; asked from other threads. */
  BooleanSupplier callerGone();

  /** Which models may answer its caller. */
  Policy policy();

  /** The model that the client names. */
  String model();

  /** The model that the client named, whatever became of it since. */
  default String requestedModel() {
    String first = hint(REQUESTED_MODEL);
    return first == null ? asked().path("model").asText(model()) : first;
  }

  boolean stream();

  default @Nullable String hint(String name) {
    return hints().get(name);
  }

  /** The {@code routing} extension, a missing node when there is none. */
  default JsonNode routing() {
    return json().path("routing");
  }

  /** The person it is made for: the one that the key is for, else the body's {@code user} (OpenAI's field), else "" . Kept as it was given: reports and budgets name it, and an erasure takes it away. */
  default String user(Caller caller) {
    if (!caller.user().isEmpty()) {
      return caller.user();
    }
    JsonNode user = json().path("user");
    return user.isTextual() ? user.textValue().length() <= LONGEST_USER ? user.textValue() : user.textValue().substring(0, LONGEST_USER) : "";
  }

  /** What it is counted under in reports and budgets: its project's and key's tags, and those that it says itself in {@link #TAGS_HEADER}. */
  default Set<String> tags(Caller caller) {
    String own = hint(TAGS_HEADER);
    if (own == null) {
      return caller.tags();
    }
    Set<String> tags = new TreeSet<>(caller.tags());
    for (String tag : own.split(",", MOST_TAGS + 1)) {
      String name = tag.strip();
      if (!name.isEmpty() && tags.size() < MOST_TAGS) {
        tags.add(name);
      }
    }
    return tags;
  }

  default Duration remaining(Instant now) {
    Duration left = Duration.between(now, deadline());
    return left.isNegative() ? Duration.ZERO : left;
  }
}
