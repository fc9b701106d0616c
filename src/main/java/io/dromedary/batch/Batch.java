package io.dromedary.batch;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A batch of requests, as it stands in the store.
 *
 * @param entry {@code batch} when it came by the API, {@code file} when by the inbox
 * @param metadata the caller's own, as JSON text
 * @param errors what is wrong with its file, as JSON text, null if nothing is
 * @param times when it reached each of its states, in milliseconds, by the name of the state's column
 * @param outboxName the name of its results in the outbox, null for one of the API
 */
record Batch(String id, String project, String keyId, String entry, String endpoint, String inputFileId, String completionWindow, @Nullable String metadata, String status, int total, int completed, int failed,
    @Nullable String errors, @Nullable String outputFileId, @Nullable String errorFileId, long createdAtMs, long expiresAtMs, Map<String, Long> times, @Nullable String outboxName) {
  static final String VALIDATING = "validating";
  static final String IN_PROGRESS = "in_progress";
  static final String FINALIZING = "finalizing";
  static final String CANCELLING = "cancelling";
  static final String COMPLETED = "completed";
  static final String FAILED = "failed";
  static final String EXPIRED = "expired";
  static final String CANCELLED = "cancelled";

  /** Those that are worked on. */
  static final Set<String> OPEN = Set.of(VALIDATING, IN_PROGRESS, FINALIZING, CANCELLING);

  boolean open() {
    return OPEN.contains(status);
  }

  /** Does its metadata say this? */
  boolean says(String key, String value) {
    try {
      return metadata != null && Json.read(metadata).path(key).asText().equals(value);
    } catch (IOException e) {
      throw new UncheckedIOException("batch " + id + " cannot be read", e);
    }
  }

  /** As OpenAI shows it. */
  ObjectNode json() {
    ObjectNode json = Json.object().put("id", id).put("object", "batch").put("endpoint", endpoint);
    try {
      json.set("errors", errors == null ? null : Json.read(errors));
      json.put("input_file_id", inputFileId).put("completion_window", completionWindow).put("status", status).put("output_file_id", outputFileId).put("error_file_id", errorFileId);
      json.put("created_at", createdAtMs / 1_000).put("expires_at", expiresAtMs / 1_000);
      for (String state : BatchStore.STATES) {
        Long at = times.get(state);
        json.put(state, at == null ? null : Long.valueOf(at / 1_000));
      }
      json.putObject("request_counts").put("total", total).put("completed", completed).put("failed", failed);
      json.set("metadata", metadata == null ? null : Json.read(metadata));
    } catch (IOException e) {
      throw new UncheckedIOException("batch " + id + " cannot be read", e);
    }
    return json;
  }
}
