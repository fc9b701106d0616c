package io.dromedary.spend;

import org.jspecify.annotations.Nullable;

/**
 * What came of an idempotency key's first request.
 *
 * @param contentType of {@code body}
 * @param body what is given again; null when the key is free again
 */
record Ending(String project, String key, String requestId, int status, String contentType, byte @Nullable [] body) {
  static Ending free(String project, String key, String requestId) {
    return new Ending(project, key, requestId, 0, "", null);
  }
}
