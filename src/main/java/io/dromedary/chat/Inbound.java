package io.dromedary.chat;

import java.time.Instant;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * What came in at a door, after the ingress: bytes under the size cap and the few words of metadata that we read. Nothing else of the entry's headers, query or properties goes on.
 *
 * @param requestId our id for it, unique
 * @param entry {@code http}, {@code direct}, {@code kafka}, {@code jms} or {@code file}
 * @param method the HTTP method, "" elsewhere
 * @param path the HTTP path, "" elsewhere
 * @param query the HTTP query, first value per name
 * @param metadata allow-listed headers, names in lower case
 * @param body the bytes as they came, never null
 * @param receivedAt when the first byte was seen
 * @param callerGone tells whether the caller hung up; asked from other threads while a provider works
 */
public record Inbound(String requestId, String entry, String method, String path, Map<String, String> query, Map<String, String> metadata, byte[] body, Instant receivedAt, BooleanSupplier callerGone) {
  /** For entries that cannot tell whether their caller is still there. */
  public Inbound(String requestId, String entry, String method, String path, Map<String, String> query, Map<String, String> metadata, byte[] body, Instant receivedAt) {
    this(requestId, entry, method, path, query, metadata, body, receivedAt, () -> false);
  }

  /** The last part of the path: what a page such as {@code /v1/requests/{id}} is asked for. Taken as it came: ids need no escapes. */
  public String name() {
    return path.substring(path.lastIndexOf('/') + 1);
  }

  public @Nullable String header(String name) {
    return metadata.get(name);
  }
}
