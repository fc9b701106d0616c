package io.dromedary.batch;

import java.security.SecureRandom;

/** Ids that cannot be guessed. */
final class Ids {
  private static final String SIGNS = "0123456789abcdefghijklmnopqrstuvwxyz";
  private static final SecureRandom RANDOM = new SecureRandom();

  private Ids() {}

  static String file() {
    return "file-" + random();
  }

  static String batch() {
    return "batch_" + random();
  }

  static String lot() {
    return "lot_" + random();
  }

  private static String random() {
    StringBuilder id = new StringBuilder(24);
    RANDOM.ints(24, 0, SIGNS.length()).forEach(i -> id.append(SIGNS.charAt(i)));
    return id.toString();
  }
}
