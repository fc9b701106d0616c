package io.dromedary.batch;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import org.jspecify.annotations.Nullable;

/**
 * A file of a project.
 *
 * @param purpose {@code batch} for one that was uploaded, {@code batch_output} for what a batch made
 * @param ready false while it is still being written
 * @param batchId whose lines it shows, null for one with content of its own
 */
record BatchFile(String id, String project, String filename, String purpose, long bytes, boolean ready, @Nullable String batchId, long createdAtMs) {
  static final String INPUT = "batch";
  static final String OUTPUT = "batch_output";

  /** As OpenAI shows it. */
  ObjectNode json() {
    return Json.object().put("id", id).put("object", "file").put("bytes", bytes).put("created_at", createdAtMs / 1_000).put("filename", filename).put("purpose", purpose).put("status", "processed");
  }
}
