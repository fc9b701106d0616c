package io.dromedary.batch;

import io.dromedary.chat.Inbound;
import io.dromedary.chat.Problem;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * The {@code Idempotency-Key} of a request that makes a file or a batch: a second one with it is told what the first one made (M10).
 *
 * @param hash of what is asked for, SHA-256, hex
 */
record Once(String key, String hash) {
  static final Duration KEPT = Duration.ofHours(24);
  private static final String HEADER = "idempotency-key";
  private static final int LONGEST = 255;

  /** What a key has made. */
  record Made(String hash, String objectId) {}

  /** @return null for a request without a key. @throws Problem 400 for one that is no key */
  static @Nullable String key(Inbound in) {
    String key = in.header(HEADER);
    if (key == null) {
      return null;
    }
    if (key.isEmpty() || key.length() > LONGEST || !key.chars().allMatch(c -> c > 32 && c < 127)) {
      throw Problem.badField(HEADER, "the header `Idempotency-Key` must be 1 to " + LONGEST + " visible ASCII characters");
    }
    return key;
  }

  static MessageDigest digest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  static Once of(String key, byte[] hash) {
    return new Once(key, HexFormat.of().formatHex(hash));
  }

  /** @throws Problem 422 when the key came with another request */
  void check(Made made) {
    if (!made.hash().equals(hash)) {
      throw new Problem(422, "invalid_request_error", "the `Idempotency-Key` `" + Problem.clip(key) + "` was used with another request in the last " + KEPT.toHours() + " hours; take a new key for a new request")
          .code("idempotency_key_reused").param(HEADER).shouldRetry(false);
    }
  }
}
