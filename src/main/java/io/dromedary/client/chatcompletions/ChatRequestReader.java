package io.dromedary.client.chatcompletions;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads a Chat Completions request: strict JSON, every known field checked, unknown ones kept. What comes out can be trusted by all later steps.
 */
public final class ChatRequestReader {
  /** Names the wait a client allows, in whole milliseconds. */
  public static final String TIMEOUT_HEADER = "x-dromedary-timeout-ms";

  private static final List<String> NOT_IN_MESSAGES = List.of("stream", "stream_options");
  private static final String HINT_PREFIX = "x-dromedary-";
  private static final String IDEMPOTENCY_KEY = "idempotency-key";
  private static final long MAX_TIMEOUT_MS = 600_000;

  private final Duration defaultTimeout;
  private final ChatRequestRules rules;

  /** With the house's limits: 2,000 messages, {@code n} up to 8. @param defaultTimeout the deadline of a request that names none, usually 120 s */
  public ChatRequestReader(Duration defaultTimeout) {
    this(defaultTimeout, 2_000, 8);
  }

  public ChatRequestReader(Duration defaultTimeout, int maxMessages, int maxN) {
    this.defaultTimeout = defaultTimeout;
    this.rules = new ChatRequestRules(maxMessages, maxN);
  }

  /** Under the policy of who asks. @throws Problem as {@link #read(Inbound)} */
  public ChatRequest read(Inbound in, Caller caller) {
    return read(in).under(caller.policy());
  }

  /** @throws Problem 400 with {@code param} and {@code code} that say which field is wrong, and how */
  public ChatRequest read(Inbound in) {
    return read(in, Json.readStrictly(in.body()));
  }

  /** For doors that have made the canonical JSON themselves. @throws Problem as {@link #read(Inbound)} */
  public ChatRequest read(Inbound in, ObjectNode json) {
    if (!in.entry().equals("http")) {
      // Only HTTP can stream; elsewhere the answer is one message.
      json.remove(NOT_IN_MESSAGES);
    }
    rules.check(json);
    Instant deadline = in.receivedAt().plus(timeout(in.header(TIMEOUT_HEADER), defaultTimeout));
    return new ChatRequest(in.requestId(), json, hints(in.metadata()), in.receivedAt(), deadline, in.callerGone());
  }

  static Duration timeout(@Nullable String header, Duration defaultTimeout) {
    if (header == null) {
      return defaultTimeout;
    }
    long millis = 0;
    String digits = header.strip();
    boolean number = !digits.isEmpty() && digits.length() <= 6;
    for (int i = 0; number && i < digits.length(); i++) {
      char c = digits.charAt(i);
      number = c >= '0' && c <= '9';
      millis = millis * 10 + (c - '0');
    }
    if (!number || millis < 1 || millis > MAX_TIMEOUT_MS) {
      throw Problem.badField(TIMEOUT_HEADER, "the header `" + TIMEOUT_HEADER + "` must be a whole number of milliseconds from 1 to " + MAX_TIMEOUT_MS + ", not `" + Problem.clip(header) + "`");
    }
    return Duration.ofMillis(millis);
  }

  static Map<String, String> hints(Map<String, String> metadata) {
    Map<String, String> hints = null;
    for (Map.Entry<String, String> header : metadata.entrySet()) {
      String name = header.getKey();
      if (name.startsWith(HINT_PREFIX) || name.equals(IDEMPOTENCY_KEY)) {
        if (hints == null) {
          hints = new HashMap<>(8);
        }
        hints.put(name, header.getValue());
      }
    }
    return hints == null ? Map.of() : Map.copyOf(hints);
  }
}
