package io.dromedary.provider;

import java.util.ArrayList;
import java.util.List;

/** The names of request parameters that a provider does not take, fit for a response header whatever the client calls its fields: each once, short, in harmless letters, and not too many. */
public final class DroppedParams {
  private static final int MAX_NAMES = 24;
  private static final int MAX_LENGTH = 64;

  private final List<String> names = new ArrayList<>(4);

  public void add(String name) {
    String shown = isHarmless(name) ? name : "(other)";
    if (names.size() < MAX_NAMES && !names.contains(shown)) {
      names.add(shown);
    }
  }

  public List<String> names() {
    return names;
  }

  private static boolean isHarmless(String name) {
    if (name.isEmpty() || name.length() > MAX_LENGTH) {
      return false;
    }
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      if (!(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' || c == '[' || c == ']')) {
        return false;
      }
    }
    return true;
  }
}
