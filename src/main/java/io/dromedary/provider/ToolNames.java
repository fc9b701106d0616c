package io.dromedary.provider;

/** Names of functions that a conversation says were called: another provider's model may have made them up in letters that this one refuses. */
public final class ToolNames {
  private static final int LONGEST = 64;

  private ToolNames() {}

  /** The name in letters, digits, underscores and dashes, 64 at the most; itself if it is so already. */
  public static String clean(String name) {
    StringBuilder clean = null;
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      if (!(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-')) {
        clean = clean == null ? new StringBuilder(name) : clean;
        clean.setCharAt(i, '_');
      }
    }
    String letters = clean == null ? name : clean.toString();
    return letters.length() <= LONGEST ? letters : letters.substring(0, LONGEST);
  }
}
