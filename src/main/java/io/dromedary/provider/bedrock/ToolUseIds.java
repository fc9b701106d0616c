package io.dromedary.provider.bedrock;

import io.dromedary.provider.ShortId;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** Tool call ids of one conversation as Bedrock takes them, {@code [a-zA-Z0-9_.:-]{1,64}}, each used once; the same conversation always gets the same ids. */
final class ToolUseIds {
  private static final int LONGEST = 64;

  private final Map<String, String> latest = new HashMap<>();
  private final Set<String> taken = new HashSet<>();

  /** The id for a call; one that came before (some providers count anew in every turn) gets a number. */
  String ofCall(String id) {
    String clean = clean(id);
    String unique = clean;
    for (int n = 2; !taken.add(unique); n++) {
      String number = "_" + n;
      unique = clean.substring(0, Math.min(clean.length(), LONGEST - number.length())) + number;
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
    boolean fits = !id.isEmpty() && id.length() <= LONGEST;
    for (int i = 0; fits && i < id.length(); i++) {
      char c = id.charAt(i);
      fits = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' || c == ':';
    }
    return fits ? id : "call_" + ShortId.of(id, 10);
  }
}
