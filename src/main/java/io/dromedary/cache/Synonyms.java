package io.dromedary.cache;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** Words that ask for the same when they are exchanged. A short list of the commonest, ours; more is told by vectors of words. */
final class Synonyms {
  private static final Map<String, Set<Integer>> GROUPS = new HashMap<>();

  static {
    String[] groups = {
        "fix repair solve resolve correct debug troubleshoot", "create make build generate produce construct write compose develop", "remove delete erase eliminate rid drop clear", "find locate search look discover",
        "purchase buy acquire order", "learn study master", "big large huge", "quick fast rapid speed", "begin start commence", "difference differ distinguish compare comparison versus vs distinction",
        "change modify alter edit update adjust", "reason cause", "method approach technique manner procedure process step", "work function operate", "show display present illustrate", "job career occupation work position",
        "phone mobile smartphone cellphone", "movie film", "car automobile vehicle", "picture image photo photograph", "doctor physician", "kid child children", "error bug problem issue fault", "effective efficient", "important significant crucial essential",
        "happen occur", "improve enhance better boost", "lose shed", "earn make", "money cash", "country nation", "city town", "house home", "company firm business corporation", "sort order arrange", "list enumerate", "check verify test determine whether",
        "convert transform turn translate change", "calculate compute determine", "install setup set", "password passcode", "answer reply respond response", "summary summarise summarize summarization", "example instance sample",
        "prevent avoid stop", "cook prepare make", "trip travel journey visit", "cost price expensive charge fee", "inhabitants population", "capital", "invent inventor create", "author write writer wrote written", "discover discoverer", "found founder establish",
        "function method", "string text", "file document", "delay latency", "tip advice suggestion suggest recommend recommendation", "idea suggestion", "clean wash", "sick ill", "quit stop", "buy get", "handle manage deal cope", "increase raise improve",
        "begin learn", "teach instruct", "meaning definition define signify", "benefit advantage pro", "drawback disadvantage con downside", "safe secure", "email mail", "website site webpage", "computer pc laptop", "app application program", "code program script", "age old", "population inhabitant live", "far distance", "calculate formula compute",
        "each every", "tire tyre", "make made", "build built", "buy bought", "sell sold", "pay paid", "send sent", "teach taught", "take took taken", "give gave given", "get got", "find found", "lose lost", "win won", "begin began begun",
        "choose chose chosen", "break broke broken", "grow grew grown", "spend spent", "wear wore worn", "drive drove driven", "fly flew flown", "speak spoke spoken", "draw drew drawn", "hold held", "keep kept", "eat ate eaten"};
    for (int i = 0; i < groups.length; i++) {
      for (String word : groups[i].split(" ")) {
        GROUPS.computeIfAbsent(Wording.stem(word), w -> new HashSet<>()).add(i);
      }
    }
  }

  private Synonyms() {}

  static boolean same(String stemA, String stemB) {
    Set<Integer> a = GROUPS.get(stemA);
    Set<Integer> b = GROUPS.get(stemB);
    return a != null && b != null && a.stream().anyMatch(b::contains);
  }
}
