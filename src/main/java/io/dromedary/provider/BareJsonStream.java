package io.dromedary.provider;

/** Takes the code fence off a streamed answer that was asked to be bare JSON; holds back only what may be a fence. */
public final class BareJsonStream {
  private enum State { OPENING, PLAIN, FENCED }

  private static final String FENCE = "```";

  private final StringBuilder held = new StringBuilder();
  private State state = State.OPENING;

  /** Takes a piece of text; returns what of it (and of earlier pieces) may go on, "" if nothing yet. */
  public String next(String text) {
    if (state == State.PLAIN) {
      return text;
    }
    held.append(text);
    if (state == State.OPENING && !open()) {
      return "";
    }
    return state == State.PLAIN ? rest() : allButClosing();
  }

  /** What was held back when the answer ends, without the closing fence. */
  public String rest() {
    String rest = held.toString();
    held.setLength(0);
    if (state == State.FENCED) {
      String stripped = rest.stripTrailing();
      return stripped.endsWith(FENCE) ? stripped.substring(0, stripped.length() - 3).stripTrailing() : rest;
    }
    return rest;
  }

  /** @return false while it may still become a fence */
  private boolean open() {
    int start = 0;
    while (start < held.length() && Character.isWhitespace(held.charAt(start))) {
      start++;
    }
    int seen = Math.min(3, held.length() - start);
    if (!FENCE.regionMatches(0, held.substring(start, start + seen), 0, seen)) {
      state = State.PLAIN;
      return true;
    }
    int lineEnd = held.indexOf("\n", start);
    if (seen < 3 || lineEnd < 0) {
      return false;
    }
    held.delete(0, lineEnd + 1);
    state = State.FENCED;
    return true;
  }

  private String allButClosing() {
    int end = held.length();
    while (end > 0 && (held.charAt(end - 1) == '`' || Character.isWhitespace(held.charAt(end - 1)))) {
      end--;
    }
    String ready = held.substring(0, end);
    held.delete(0, end);
    return ready;
  }
}
