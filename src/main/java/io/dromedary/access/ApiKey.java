package io.dromedary.access;

import io.dromedary.chat.Secret;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.HexFormat;

/**
 * A new caller's key: {@code dk-} and 192 random bits. Shown once; what is kept is its SHA-256. (A slow hash would add nothing: there is no dictionary of 192-bit keys.)
 *
 * @param key to be shown once
 * @param sha256 64 hex digits for {@code callers.yaml}
 * @param last4 to recognise it by
 */
public record ApiKey(Secret key, String sha256, String last4) {
  private static final SecureRandom RANDOM = new SecureRandom();
  private static final int RANDOM_BYTES = 24;

  public static ApiKey generate() {
    String key = "dk-" + randomText();
    return new ApiKey(Secret.of(key), sha256Hex(key), key.substring(key.length() - 4));
  }

  static String randomText() {
    byte[] bytes = new byte[RANDOM_BYTES];
    RANDOM.nextBytes(bytes);
    return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
  }

  public static String sha256Hex(String key) {
    return HexFormat.of().formatHex(sha256(key));
  }

  static byte[] sha256(String key) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(key.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  /** {@code java -cp dromedary.jar io.dromedary.access.ApiKey}: prints a new key and the line for {@code callers.yaml}. */
  public static void main(String[] args) {
    ApiKey fresh = generate();
    System.out.println("key (shown once): " + fresh.key().value());
    System.out.println("callers.yaml:     {id: key-" + fresh.last4() + ", sha256: " + fresh.sha256() + "}");
  }
}
