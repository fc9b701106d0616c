package io.dromedary.complexity;

/**
 * Walks over the words of a text in any language without copying: runs of letters, digits and marks; an apostrophe within a word starts a new piece of the same word ("what's": one word, pieces "what" and "s").
 * Han, Kana and Thai have no spaces between words and count one word per two characters. Reads the first {@value #READ_CHARS} characters.
 */
final class Words {
  static final int READ_CHARS = 16_384;

  private final String text;
  private final int length;
  private int at;
  private int start;
  private int end;
  private int words;
  private int unspaced;

  Words(String text) {
    this.text = text;
    this.length = Math.min(text.length(), READ_CHARS);
  }

  /** How many words a text has. */
  static int count(String text) {
    Words words = new Words(text);
    while (words.next()) {
      // each step counts
    }
    return words.count();
  }

  /** Goes to the next piece; false at the end. Pieces of unspaced scripts are counted and passed over. */
  boolean next() {
    while (at < length) {
      char c = text.charAt(at);
      if (unspaced(c)) {
        unspaced++;
        at++;
      } else if (inWord(c)) {
        boolean sameWord = at >= 2 && apostrophe(text.charAt(at - 1)) && inWord(text.charAt(at - 2));
        start = at;
        while (at < length && inWord(c = text.charAt(at)) && !unspaced(c)) {
          at++;
        }
        end = at;
        if (!sameWord) {
          words++;
        }
        return true;
      } else {
        at++;
      }
    }
    return false;
  }

  /** Words so far. */
  int count() {
    return words + (unspaced + 1) / 2;
  }

  int pieceLength() {
    return end - start;
  }

  boolean isPiece(String lowerCase) {
    return lowerCase.length() == end - start && text.regionMatches(true, start, lowerCase, 0, lowerCase.length());
  }

  private static boolean inWord(char c) {
    return c < 128 ? c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
        : Character.isLetterOrDigit(c) || Character.getType(c) == Character.NON_SPACING_MARK || Character.getType(c) == Character.COMBINING_SPACING_MARK;
  }

  private static boolean unspaced(char c) {
    return c >= 0x0E00 && (c <= 0x0E7F || c >= 0x3040 && c <= 0x30FF || c >= 0x3400 && c <= 0x4DBF || c >= 0x4E00 && c <= 0x9FFF || c >= 0xF900 && c <= 0xFAFF || c >= 0xD840 && c <= 0xD88F);
  }

  private static boolean apostrophe(char c) {
    return c == '\'' || c == '\u2019';
  }
}
