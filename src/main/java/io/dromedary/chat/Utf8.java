package io.dromedary.chat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** Checks that bytes are JSON in UTF-8; Jackson alone lets some broken sequences pass, and guesses at UTF-16 and UTF-32, in which one of the first two bytes is zero. */
final class Utf8 {
  private Utf8() {}

  static void check(byte[] bytes) throws IOException {
    if (bytes.length > 1 && (bytes[0] == 0 || bytes[1] == 0)) {
      throw new IOException("it is not UTF-8, but UTF-16 or UTF-32");
    }
    for (byte b : bytes) {
      if (b < 0) {
        decode(bytes);
        return;
      }
    }
  }

  private static void decode(byte[] bytes) throws IOException {
    try {
      StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
    } catch (CharacterCodingException e) {
      throw new IOException("it is not valid UTF-8");
    }
  }
}
