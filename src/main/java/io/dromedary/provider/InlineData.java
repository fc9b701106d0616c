package io.dromedary.provider;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The content of a {@code data:} URL, still in base64.
 *
 * @param mediaType what the bytes are, by their magic number; what the URL says where that is unknown, "" if it says nothing
 * @param base64 the payload, unchanged
 */
public record InlineData(String mediaType, String base64) {
  /** Characters of base64 that hold the longest magic number, twelve bytes. */
  private static final int MAGIC_CHARS = 16;

  /** Reads a {@code data:...;base64,...} URL; null if it is none or holds nothing. */
  public static @Nullable InlineData ofUrl(String url) {
    if (!url.regionMatches(true, 0, "data:", 0, 5)) {
      return null;
    }
    int comma = url.indexOf(',');
    if (comma < 12 || comma == url.length() - 1 || !url.regionMatches(true, comma - 7, ";base64", 0, 7)) {
      return null;
    }
    int end = url.indexOf(';');
    return of(url.substring(5, end).trim(), url.substring(comma + 1));
  }

  /** Base64 with a claimed type, which the bytes may correct. */
  public static InlineData of(String claimedType, String base64) {
    String sniffed = sniff(base64);
    if (sniffed == null) {
      sniffed = claimedType.toLowerCase(Locale.ROOT);
      if (sniffed.equals("image/jpg")) {
        sniffed = "image/jpeg";
      }
    }
    return new InlineData(sniffed, base64);
  }

  private static @Nullable String sniff(String base64) {
    byte[] head;
    try {
      int length = Math.min(MAGIC_CHARS, base64.length()) / 4 * 4;
      head = Base64.getDecoder().decode(base64.substring(0, length).getBytes(StandardCharsets.ISO_8859_1));
    } catch (IllegalArgumentException notBase64) {
      return null;
    }
    if (starts(head, 0, "\u0089PNG")) {
      return "image/png";
    }
    if (starts(head, 0, "\u00ff\u00d8\u00ff")) {
      return "image/jpeg";
    }
    if (starts(head, 0, "GIF8")) {
      return "image/gif";
    }
    if (starts(head, 0, "RIFF") && starts(head, 8, "WEBP")) {
      return "image/webp";
    }
    return starts(head, 0, "%PDF") ? "application/pdf" : null;
  }

  private static boolean starts(byte[] bytes, int at, String magic) {
    if (bytes.length < at + magic.length()) {
      return false;
    }
    for (int i = 0; i < magic.length(); i++) {
      if ((bytes[at + i] & 0xff) != magic.charAt(i)) {
        return false;
      }
    }
    return true;
  }
}
