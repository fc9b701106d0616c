package io.dromedary.provider;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** Tool call ids of one conversation as Claude's hosts take them: 1 to 64 letters, digits, underscores and dashes (Bedrock: dots and colons, too), each used once; the same conversation always gets the same ids. */
public final class CallIds {
  private static final int LONGEST = 64;

  private final String moreLetters;
  private final Map<String, String> latest = new HashMap<>();
  private final Set<String> taken = new HashSet<>();

  /** @param moreLetters what this host takes beside letters, digits, underscores and dashes */
  public CallIds(String moreLetters) {
    this.moreLetters = moreLetters;
  }

  /** The id for a call; one that came before (some providers count anew in every turn) gets a number. */
  public String ofCall(String id) {
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
  public String ofResult(String id) {
    String known = latest.get(id);
    return known == null ? clean(id) : known;
  }

  private String clean(String id) {
    boolean fits = !id.isEmpty() && id.length() <= LONGEST;
    for (int i = 0; fits && i < id.length(); i++) {
      char c = id.charAt(i);
      fits = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || moreLetters.indexOf(c) >= 0;
    }
    return fits ? id : "call_" + ShortId.of(id, 10);
  }
}
