package io.dromedary.provider.anthropic;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** Tool call ids of one conversation in the letters that Anthropic takes, each used once; the same conversation always gets the same ids. */
final class ToolIds {
  private final Map<String, String> latest = new HashMap<>();
  private final Set<String> taken = new HashSet<>();

  /** The id for a call; one that came before (some providers count anew in every turn) gets a number. */
  String ofCall(String id) {
    String clean = clean(id);
    String unique = clean;
    for (int n = 2; !taken.add(unique); n++) {
      unique = clean + "_" + n;
    }
    latest.put(id, unique);
    return unique;
  }

  /** The id of the latest call of that name. */
  String ofResult(String id) {
    String known = latest.get(id);
    return known == null ? clean(id) : known;
  }

  private static String clean(String id) {
    if (id.isEmpty()) {
      return "call";
    }
    StringBuilder clean = null;
    for (int i = 0; i < id.length(); i++) {
      char c = id.charAt(i);
      if (!(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-')) {
        if (clean == null) {
          clean = new StringBuilder(id);
        }
        clean.setCharAt(i, '_');
      }
    }
    // the hash keeps "a.b" and "a:b" apart
    return clean == null ? id : clean.append('_').append(Integer.toHexString(id.hashCode())).toString();
  }
}
