package io.dromedary.spend;

/** Lines of comma-separated values as RFC 4180 has them. A text that a spreadsheet would take for a formula is made a text by an apostrophe before it; numbers are as they are. */
final class Csv {
  private final StringBuilder out = new StringBuilder(4_096);
  private boolean begun;

  Csv text(String value) {
    String safe = !value.isEmpty() && "=+-@\t\r\n".indexOf(value.charAt(0)) >= 0 ? "'" + value : value;
    next();
    if (safe.indexOf(',') >= 0 || safe.indexOf('"') >= 0 || safe.indexOf('\n') >= 0 || safe.indexOf('\r') >= 0) {
      out.append('"').append(safe.replace("\"", "\"\"")).append('"');
    } else {
      out.append(safe);
    }
    return this;
  }

  /** Digits, a point and a minus only. */
  Csv number(Object value) {
    next();
    out.append(value);
    return this;
  }

  private void next() {
    if (begun) {
      out.append(',');
    }
    begun = true;
  }

  Csv end() {
    out.append("\r\n");
    begun = false;
    return this;
  }

  @Override
  public String toString() {
    return out.toString();
  }
}
