package io.dromedary.provider;

/** A text as a short id of letters and digits: the same for the same text, today and tomorrow. */
public final class ShortId {
  private static final String ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

  private ShortId() {}

  /** True if the text has that length, and letters and digits only. */
  public static boolean is(String text, int length) {
    boolean fits = text.length() == length;
    for (int i = 0; fits && i < length; i++) {
      fits = ALPHABET.indexOf(text.charAt(i)) >= 0;
    }
    return fits;
  }

  /** FNV-1a, 64 bits, in base 62; ten characters hold nearly all of it. */
  public static String of(String text, int length) {
    long hash = 0xcbf29ce484222325L;
    for (int i = 0; i < text.length(); i++) {
      hash = (hash ^ text.charAt(i)) * 0x100000001b3L;
    }
    char[] id = new char[length];
    for (int i = 0; i < length; i++) {
      id[i] = ALPHABET.charAt((int) Long.remainderUnsigned(hash, 62));
      hash = Long.divideUnsigned(hash, 62);
    }
    return new String(id);
  }
}
