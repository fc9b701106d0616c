package io.dromedary.queue;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * Says whose a dead letter was without its key: HMAC-SHA256, under a secret of the gateway's own, of the caller, the idempotency key and the body. Who may write to a topic can neither make one nor move it to another message.
 */
public final class Seal {
  private final SecretKeySpec secret;

  /** @param secret the same on all nodes that share queues */
  public Seal(byte[] secret) {
    try {
      // not the secret itself: what is signed elsewhere with it must not fit here
      this.secret = new SecretKeySpec(mac(new SecretKeySpec(secret, "HmacSHA256")).doFinal("dromedary dead letters".getBytes(StandardCharsets.US_ASCII)), "HmacSHA256");
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every Java has HmacSHA256", e);
    }
  }

  private static Mac mac(SecretKeySpec key) throws GeneralSecurityException {
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(key);
    return mac;
  }

  String of(String caller, String idempotencyKey, byte[] body) {
    try {
      Mac mac = mac(secret);
      mac.update((caller.length() + ":" + caller + idempotencyKey.length() + ":" + idempotencyKey).getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(mac.doFinal(body));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every Java has HmacSHA256", e);
    }
  }

  boolean fits(@Nullable String seal, String caller, String idempotencyKey, byte[] body) {
    return seal != null && MessageDigest.isEqual(seal.getBytes(StandardCharsets.UTF_8), of(caller, idempotencyKey, body).getBytes(StandardCharsets.UTF_8));
  }
}
