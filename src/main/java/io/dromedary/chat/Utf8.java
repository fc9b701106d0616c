package io.dromedary.chat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** Checks that bytes are UTF-8; Jackson alone lets some broken sequences pass. */
final class Utf8 {
  private Utf8() {}

  static void check(byte[] bytes) throws IOException {
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
