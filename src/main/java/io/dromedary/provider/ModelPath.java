package io.dromedary.provider;

import java.nio.charset.StandardCharsets;

/** Puts a model's name into a URL path. */
public final class ModelPath {
  private static final char[] HEX = "0123456789ABCDEF".toCharArray();

  private ModelPath() {}

  /** Percent-encodes everything but RFC 3986's unreserved characters. */
  public static String segment(String name) {
    StringBuilder path = new StringBuilder(name.length() + 8);
    for (byte b : name.getBytes(StandardCharsets.UTF_8)) {
      char c = (char) (b & 0xff);
      if (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~') {
        path.append(c);
      } else {
        path.append('%').append(HEX[c >> 4]).append(HEX[c & 15]);
      }
    }
    return path.toString();
  }
}
