package io.dromedary.chat;

import java.util.List;

/**
 * Patterns for names, in which {@code *} stands for any text: what is allowed, and what is not even so.
 *
 * @param allowed one of them must fit; none means all do
 * @param denied none of them may fit
 */
public record Globs(List<String> allowed, List<String> denied) {
  public static final Globs ALL = new Globs(List.of(), List.of());

  /** Those that begin with {@code !} deny. */
  public static Globs of(List<String> patterns) {
    return patterns.isEmpty() ? ALL : new Globs(patterns.stream().filter(pattern -> !pattern.startsWith("!")).toList(), patterns.stream().filter(pattern -> pattern.startsWith("!")).map(pattern -> pattern.substring(1)).toList());
  }

  public boolean isAll() {
    return allowed.isEmpty() && denied.isEmpty();
  }

  /** Does it fit by either of its names? */
  public boolean admit(String name, String otherName) {
    return (allowed.isEmpty() || any(allowed, name, otherName)) && !any(denied, name, otherName);
  }

  public boolean admit(String name) {
    return admit(name, name);
  }

  private static boolean any(List<String> patterns, String name, String otherName) {
    for (String pattern : patterns) {
      if (fits(pattern, name) || fits(pattern, otherName)) {
        return true;
      }
    }
    return false;
  }

  /** Greedy with one step back: linear in practice, never exponential. */
  static boolean fits(String pattern, String text) {
    int p = 0;
    int t = 0;
    int star = -1;
    int from = 0;
    while (t < text.length()) {
      if (p < pattern.length() && pattern.charAt(p) == '*') {
        star = p++;
        from = t;
      } else if (p < pattern.length() && pattern.charAt(p) == text.charAt(t)) {
        p++;
        t++;
      } else if (star >= 0) {
        p = star + 1;
        t = ++from;
      } else {
        return false;
      }
    }
    while (p < pattern.length() && pattern.charAt(p) == '*') {
      p++;
    }
    return p == pattern.length();
  }

  /** As it was written. */
  @Override
  public String toString() {
    return String.join(", ", allowed) + (denied.isEmpty() ? "" : (allowed.isEmpty() ? "" : ", ") + "!" + String.join(", !", denied));
  }
}
