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
        "choose chose chosen", "break broke broken", "grow grew grown", "spend spent", "wear wore worn", "drive drove driven", "fly flew flown", "speak spoke spoken", "draw drew drawn", "hold held", "keep kept", "eat ate eaten",
        // further everyday words
        "coworker colleague", "couch sofa settee", "photo picture pic image", "harmful bad harm", "salary wage pay earn income", "recipe make cook prepare", "boil boiling", "freeze frozen froze", "rise risen rose", "run ran", "see saw seen", "know knew known", "think thought", "bring brought", "leave left",
        "tell told", "say said", "write written", "forget forgot forgotten", "steal stole stolen", "swim swam swum", "sing sang sung", "drink drank drunk", "ring rang rung", "wake woke woken", "catch caught", "fight fought", "feel felt", "meet met", "mean meant", "sleep slept",
        "recover restore retrieve", "fear afraid scared fright anxiety", "overcome conquer defeat", "concentrate focus", "point purpose meaning", "opinion view think thought", "unlock open", "vanish disappear", "quit stop cease", "choose pick select", "allow permit let", "require need", "wish want",
        "ok okay fine safe", "film movie", "faucet tap", "autumn fall", "holiday vacation", "flat apartment", "lift elevator", "rubbish garbage trash waste", "pavement sidewalk", "lorry truck", "queue line", "biscuit cookie", "jumper sweater", "colour color", "tip advice trick hint", "boss manager supervisor",
        "invoice bill", "mild minor small slight", "tv television", "bike bicycle", "fridge refrigerator", "ad advert advertisement", "exam examination test", "uni university college", "info information", "dict dictionary", "func function", "repo repository", "param parameter argument", "db database",
        "docs documentation", "config configuration settings", "sci-fi science-fiction", "job position post role", "remote home", "second-hand used", "wash clean", "healthy good health", "deceive lie", "glad happy", "sad unhappy", "angry mad", "smart clever intelligent", "stupid dumb foolish", "pretty beautiful handsome",
        "hop jump leap", "shut close", "hurt injure harm damage", "assist help aid", "obtain get acquire receive", "possess own have", "depart leave", "attempt try", "permit licence license", "reply respond answer", "demonstrate show", "gather collect", "finish complete end", "inform tell notify", "select choose",
        "world earth globe", "inhabit live", "height tall high", "length long", "depth deep", "width wide", "weight heavy weigh", "hace hago hacer haga", "fait faire fais font", "mache machen macht", "kündige kündigen", "voy ir va", "aller va vais"};
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
