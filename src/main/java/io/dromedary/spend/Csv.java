package io.dromedary.spend;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/** Lines of comma-separated values as RFC 4180 has them, written as they are made. A text that a spreadsheet would take for a formula is made a text by an apostrophe before it; numbers are as they are. */
final class Csv {
  private static final int CHARS = 8_192;

  private final OutputStream out;
  private final StringBuilder waiting = new StringBuilder(CHARS * 2);
  private boolean begun;

  Csv(OutputStream out) {
    this.out = out;
  }

  Csv text(String value) {
    String safe = !value.isEmpty() && "=+-@\t\r\n".indexOf(value.charAt(0)) >= 0 ? "'" + value : value;
    next();
    if (safe.indexOf(',') >= 0 || safe.indexOf('"') >= 0 || safe.indexOf('\n') >= 0 || safe.indexOf('\r') >= 0) {
      waiting.append('"').append(safe.replace("\"", "\"\"")).append('"');
    } else {
      waiting.append(safe);
    }
    return this;
  }

  /** Digits, a point and a minus only. */
  Csv number(Object value) {
    next();
    waiting.append(value);
    return this;
  }

  private void next() {
    if (begun) {
      waiting.append(',');
    }
    begun = true;
  }

  void end() throws IOException {
    waiting.append("\r\n");
    begun = false;
    if (waiting.length() >= CHARS) {
      flush();
    }
  }

  void flush() throws IOException {
    out.write(waiting.toString().getBytes(StandardCharsets.UTF_8));
    waiting.setLength(0);
  }
}
