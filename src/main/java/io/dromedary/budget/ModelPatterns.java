package io.dromedary.budget;

import java.util.List;

/** Names of models as budgets and credit use them: {@code provider/name}, or the start of one before a {@code *}. */
record ModelPatterns(List<String> patterns) {
  static final ModelPatterns NONE = new ModelPatterns(List.of());

  boolean isEmpty() {
    return patterns.isEmpty();
  }

  boolean match(String model) {
    for (String pattern : patterns) {
      if (matches(pattern, model)) {
        return true;
      }
    }
    return false;
  }

  static boolean matches(String pattern, String model) {
    return pattern.endsWith("*") ? model.startsWith(pattern.substring(0, pattern.length() - 1)) : model.equals(pattern);
  }
}
