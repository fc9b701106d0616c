package io.dromedary.chat;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;

/** Text that must not be seen: a key or a token. It prints {@code ***}, is compared in constant time, and is never serialised. */
public final class Secret {
  private final transient String value;

  private Secret(String value) {
    this.value = value;
  }

  public static Secret of(String value) {
    return new Secret(value);
  }

  /** The text itself, for the one place that sends or checks it. */
  public String value() {
    return value;
  }

  public boolean isEmpty() {
    return value.isEmpty();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Secret secret && MessageDigest.isEqual(value.getBytes(StandardCharsets.UTF_8), secret.value.getBytes(StandardCharsets.UTF_8));
  }

  @Override
  public int hashCode() {
    return 0; // says nothing; secrets are no map keys
  }

  @Override
  public String toString() {
    return "***";
  }
}
