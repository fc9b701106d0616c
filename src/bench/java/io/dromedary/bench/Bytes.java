package io.dromedary.bench;

import java.nio.charset.StandardCharsets;

/** Searches in byte arrays, for HTTP heads and small bodies. */
final class Bytes {
  static final byte[] HEAD_END = ascii("\r\n\r\n");
  static final byte[] LINE_END = ascii("\r\n");
  static final byte[] CHUNKED = ascii("ransfer-encoding: chunked");
  static final byte[] CHUNKED_CAPITAL = ascii("ransfer-Encoding: chunked");

  private Bytes() {}

  static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  /** The index of {@code needle} in {@code [from, to)}, or -1. */
  static int find(byte[] in, int from, int to, byte[] needle) {
    byte first = needle[0];
    outer:
    for (int i = from, last = to - needle.length; i <= last; i++) {
      if (in[i] == first) {
        for (int j = 1; j < needle.length; j++) {
          if (in[i + j] != needle[j]) {
            continue outer;
          }
        }
        return i;
      }
    }
    return -1;
  }

  /** The value of a head's Content-Length, 0 when it has none. */
  static long contentLength(byte[] head, int headEnd) {
    int value = header(head, headEnd, "content-length");
    if (value < 0) {
      return 0;
    }
    long length = 0;
    for (int i = value; i < headEnd && head[i] >= '0' && head[i] <= '9'; i++) {
      length = length * 10 + head[i] - '0';
    }
    return length;
  }

  /** Where the value of the header {@code lowerName} begins, or -1. */
  static int header(byte[] head, int headEnd, String lowerName) {
    int nameLength = lowerName.length();
    int line = find(head, 0, headEnd + 2, LINE_END) + 2;
    while (line < headEnd) {
      if (line + nameLength < headEnd && head[line + nameLength] == ':') {
        int i = 0;
        while (i < nameLength && (head[line + i] | 0x20) == (lowerName.charAt(i) | 0x20)) {
          i++;
        }
        if (i == nameLength) {
          int value = line + nameLength + 1;
          while (value < headEnd && head[value] == ' ') {
            value++;
          }
          return value;
        }
      }
      int next = find(head, line, headEnd + 2, LINE_END);
      if (next < 0) {
        break;
      }
      line = next + 2;
    }
    return -1;
  }

  /** A header's value as text, "" when it is missing. */
  static String headerText(byte[] head, int headEnd, String lowerName) {
    int value = header(head, headEnd, lowerName);
    if (value < 0) {
      return "";
    }
    int end = find(head, value, headEnd + 2, LINE_END);
    return new String(head, value, (end < 0 ? headEnd : end) - value, StandardCharsets.ISO_8859_1);
  }
}
