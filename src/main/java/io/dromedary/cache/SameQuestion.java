package io.dromedary.cache;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.ToDoubleBiFunction;
import org.jspecify.annotations.Nullable;

/**
 * The second check of a semantic hit: do two texts that a vector model puts side by side ask the same? Numbers, names, denial, dates, units, direction and kind of question must agree, and a single word that was exchanged for another
 * must mean the same. Nothing here was trained: a check is a rule that can be told to a user.
 *
 * <p>The similarity is the cosine, raised where the texts use the same words that matter, less what does not fit: what one says and the other does not, and each failed check. A failed check also refuses the hit, and what is refused stays below
 * {@link #REFUSED}, so that who ranks by similarity finds all hits before.
 */
final class SameQuestion {
  /** What is refused is less similar than this. */
  static final double REFUSED = 0.75;
  private static final double PALE = 0.55;
  /** How much of what is missing in a cosine the same words make up for. */
  private static final double LIFT = 0.35;
  /** Words whose own vectors are at least this close may stand for each other. */
  private static final double SAME_MEANING = 0.76;
  /** Where words themselves are asked about, no word stands for another. */
  private static final Set<String> OF_WORDS = Set.of("word", "term", "spell", "spelling", "pronounc", "plural", "synonym", "antonym", "definition", "rhym", "translat");
  private static final String[][] OPPOSITES = {{"over", "under"}, {"pre", "post"}, {"inter", "intra"}, {"hyper", "hypo"}, {"macro", "micro"}, {"up", "down"}, {"in", "out"}, {"im", "ex"}, {"in", "ex"}, {"en", "de"}, {"endo", "exo"},
      {"homo", "hetero"}, {"mono", "poly"}, {"uni", "multi"}};

  private static final int MOST_OF_A_NAME = 4;
  private static final Set<String> JOINING = Set.of("and", "or", "vs", "versus", "plus", "times", "und", "oder", "et", "ou", "y", "ed");
  /** What may stand in front or behind without asking for something else. */
  private static final Set<String> ADJUNCTS = Set.of("in", "on", "at", "during", "for", "since", "from", "to", "with", "without", "after", "before", "if", "when", "while", "because", "although", "today", "tomorrow", "yesterday", "now", "later",
      "also", "then", "still", "already", "often", "usually", "again", "ever", "currently", "really", "just", "please");
  /** Endings of words of one family. Not those that tell relatives apart, as in nitrate and nitrite, employer and employee. */
  private static final Set<String> ENDINGS = Set.of("", "able", "al", "ally", "an", "ance", "ans", "ant", "ation", "ations", "cal", "e", "ean", "ed", "ement", "ements", "ence", "ent", "er", "ers", "est", "ful", "i", "ial", "ian", "ians", "ible", "ic", "ical", "ics", "ied", "ier", "ies", "iest", "ing", "ion", "ions", "is", "isation", "ise", "ish", "ism", "ist", "ity", "ive", "iz", "ization", "ize", "l", "le", "ly", "ment", "ments", "n", "ness", "or", "ors", "ous", "s", "sion", "th", "tion", "y");
  private static final Set<String> ARTICLES = Set.of("the", "a", "an", "my", "der", "die", "das", "le", "la", "les", "el", "los", "las");
  private static final Set<String> ASKING = Set.of("who", "what", "which");
  private static final Set<String> DOING = Set.of("do", "does", "did");
  private static final Set<String> HELPING = Set.of("do", "does", "did", "is", "are", "was", "were", "can", "could", "should", "would", "will", "has", "have");
  private static final Set<String> BARE_ARTICLES = Set.of("the", "a", "an");
  private static final List<List<Set<String>>> SMALL_WORDS = List.of(
      List.of(Set.of("my", "our", "mine", "ours"), Set.of("your", "yours"), Set.of("his"), Set.of("her", "hers"), Set.of("their", "theirs"), Set.of("its")),
      List.of(Set.of("i", "me", "you", "we", "us", "one"), Set.of("he", "him"), Set.of("she", "her"), Set.of("they", "them")),
      List.of(Set.of("to", "into", "towards"), Set.of("from")), List.of(Set.of("by"), Set.of("for", "about", "on")), List.of(Set.of("from"), Set.of("about", "for")), List.of(Set.of("in", "into", "inside", "within"), Set.of("out", "outside")),
      List.of(Set.of("all", "every", "each"), Set.of("some", "any", "several"), Set.of("most"), Set.of("few")), List.of(Set.of("last", "previous"), Set.of("this", "current"), Set.of("next", "following")),
      List.of(Set.of("have", "has"), Set.of("need", "needs"), Set.of("want", "wants"), Set.of("like", "likes"), Set.of("get", "gets"), Set.of("give", "gives"), Set.of("know", "knows"), Set.of("use", "uses"), Set.of("show", "shows"), Set.of("help", "helps")));
  private static final List<List<Set<String>>> MODALS = List.of(List.of(Set.of("can", "could", "may", "might"), Set.of("should", "shall"), Set.of("must"), Set.of("will", "would"), Set.of("did", "was", "were", "had")),
      List.of(Set.of("my", "our"), Set.of("your"), Set.of("his"), Set.of("her"), Set.of("their")), List.of(Set.of("all", "every", "each"), Set.of("some", "any", "several"), Set.of("most"), Set.of("few")));

  /**
   * What is thought of a pair.
   *
   * @param cosine of their vectors
   * @param similarity what is held against the threshold
   * @param refusedBy the check that refuses it, null when none does
   */
  record Verdict(double cosine, double similarity, @Nullable String refusedBy) {
    boolean same(double threshold) {
      return refusedBy == null && similarity >= threshold;
    }
  }

  private final ToDoubleBiFunction<String, String> alike;

  /** @param alike cosine of two single words' vectors; asked rarely */
  SameQuestion(ToDoubleBiFunction<String, String> alike) {
    this.alike = alike;
  }

  /** The least cosine that can be as similar as this. */
  static double least(double similarity) {
    return (similarity - LIFT) / (1 - LIFT);
  }

  /** The most similar that two with this cosine can be. */
  static double most(double cosine) {
    return cosine + LIFT * (1 - cosine);
  }

  Verdict judge(double cosine, Wording a, Wording b) {
    double score = cosine;
    List<String> failed = new ArrayList<>(2);
    if (!sameNumbers(a, b)) {
      failed.add("numbers");
      score -= 0.25;
    }
    if (!a.literals().equals(b.literals())) {
      failed.add("code");
      score -= 0.15;
    }
    if (!a.quoted().isEmpty() && !b.quoted().isEmpty() && !a.quoted().equals(b.quoted())) {
      failed.add("quotation");
      score -= 0.15;
    }
    Set<String> abbreviated = new HashSet<>();
    abbreviated(a, b, abbreviated);
    abbreviated(b, a, abbreviated);
    int strangers = strangers(a, b, abbreviated) + strangers(b, a, abbreviated);
    if (strangers > 0) {
      failed.add("names");
      score -= Math.min(0.2, 0.1 * strangers);
    }
    if (!denyAlike(a, b) || prefixDenies(a, b) || prefixDenies(b, a)) {
      failed.add("negation");
      score -= 0.12;
    }
    int contrasts = contrasts(a, b);
    if (contrasts > 0) {
      failed.add("contrast");
      score -= Math.min(0.25, 0.15 * contrasts);
    }
    boolean minimal = exchanged(a.plain(), b.plain());
    if (turned(a, b) || reordered(bare(a.plain()), bare(b.plain())) || otherPart(a, b) || otherPart(b, a)) {
      failed.add("direction");
      score -= 0.2;
    }
    if ((a.unread() || b.unread()) && !sorted(a.plain()).equals(sorted(b.plain()))) {
      failed.add("language");
      score -= 0.25;
    }
    if (smallWord(a, b)) {
      failed.add("word");
      score -= 0.08;
    }
    double form = form(a.form(), b.form());
    if (form >= 0.1) {
      failed.add("question");
    }
    score -= form;
    List<String> onlyA = without(a.words(), b.words());
    List<String> onlyB = without(b.words(), a.words());
    onlyA.removeAll(abbreviated);
    onlyB.removeAll(abbreviated);
    boolean ofWords = a.words().stream().anyMatch(OF_WORDS::contains) && b.words().stream().anyMatch(OF_WORDS::contains);
    if (!ofWords) {
      match(onlyA, onlyB);
    }
    double total = Math.max(1, a.words().size() + b.words().size());
    score -= 0.10 * Math.min(onlyA.size(), onlyB.size()) * 2 / total + 0.06 * Math.abs(onlyA.size() - onlyB.size()) / total;
    if (failed.isEmpty() && minimal && !(onlyA.isEmpty() && onlyB.isEmpty())) {
      failed.add("word");
      score -= 0.08;
    } else if (onlyA.size() == 1 && onlyB.size() == 1) {
      score -= 0.05;
    }
    if (failed.isEmpty() && minimal && tense(a.plain()) != tense(b.plain())) {
      failed.add("tense");
      score -= 0.06;
    }
    if (failed.isEmpty()) {
      score += LIFT * (1 - cosine) * Math.max(0, 1 - 2 * (onlyA.size() + onlyB.size()) / total);
      return new Verdict(cosine, score, null);
    }
    return new Verdict(cosine, score <= PALE ? score : PALE + (REFUSED - PALE) * (score - PALE) / (1 - PALE), failed.get(0));
  }

  private static boolean sameNumbers(Wording a, Wording b) {
    if (a.numbers().size() != b.numbers().size()) {
      return false;
    }
    List<String> left = new ArrayList<>(b.numbers());
    for (String number : a.numbers()) {
      if (!left.remove(number)) {
        return false;
      }
    }
    // Three or more in another order are rarely the same sum, version or range; two may be told either way round.
    return a.numbers().size() < 2 || a.numbers().equals(b.numbers()) || a.words().isEmpty() || !a.words().equals(b.words());
  }

  /** Names of one that the other does not say at all. */
  private static int strangers(Wording a, Wording b, Set<String> abbreviated) {
    int strangers = 0;
    for (String name : a.names()) {
      String stem = Wording.stem(name);
      if (!b.allWords().contains(name) && !abbreviated.contains(stem) && b.words().stream().noneMatch(word -> word.equals(stem) || family(word, stem))) {
        // One that is a contrasting word is judged with its synonyms: USA and America.
        strangers += Contrasts.of(name).stream().anyMatch(meaning -> Contrasts.strict(meaning.set())) ? 0 : 1;
      }
    }
    return strangers;
  }

  /** Short names in one for words in a row that the other spells out, as stems: ML and machine learning. */
  private static void abbreviated(Wording shorter, Wording longer, Set<String> found) {
    for (String name : shorter.names()) {
      int length = name.length();
      for (int from = 0; length > 1 && length < 6 && from + length <= longer.plain().size(); from++) {
        boolean spells = true;
        for (int i = 0; i < length; i++) {
          spells &= longer.plain().get(from + i).charAt(0) == name.charAt(i);
        }
        if (spells) {
          found.add(Wording.stem(name));
          longer.plain().subList(from, from + length).forEach(word -> found.add(Wording.stem(word)));
        }
      }
    }
  }

  private static boolean denyAlike(Wording a, Wording b) {
    int nearA = a.denials() + a.nearDenials();
    int nearB = b.denials() + b.nearDenials();
    return denyAlike(a.denials(), b.denials()) || nearA > 0 && nearB > 0 && denyAlike(nearA, nearB);
  }

  private static boolean denyAlike(int a, int b) {
    return a % 2 == b % 2 && a == 0 == (b == 0);
  }

  /** {@code legal} here, {@code illegal} there. */
  private static boolean prefixDenies(Wording a, Wording b) {
    for (String word : a.words()) {
      for (String prefix : List.of("un", "in", "im", "ir", "il", "dis", "non", "non-", "mis", "de", "anti", "anti-")) {
        if (word.length() >= 3 && b.words().contains(prefix + word) && !b.words().contains(word) && !a.words().contains(prefix + word)) {
          return true;
        }
      }
      if (word.endsWith("less") && b.words().stream().anyMatch(other -> !other.equals(word) && other.startsWith(word.substring(0, word.length() - 4)))) {
        return true;
      }
      for (String[] opposite : OPPOSITES) {
        for (int side = 0; side < 2; side++) {
          String rest = word.startsWith(opposite[side]) ? word.substring(opposite[side].length()) : "";
          if (rest.length() >= 3 && b.words().contains(opposite[1 - side] + rest) && !b.words().contains(word)) {
            return true;
          }
        }
      }
    }
    return false;
  }

  private static int contrasts(Wording a, Wording b) {
    int found = 0;
    Set<Integer> sets = new HashSet<>(a.contrasts().keySet());
    sets.addAll(b.contrasts().keySet());
    for (int set : sets) {
      Set<Integer> inA = a.contrasts().getOrDefault(set, Set.of());
      Set<Integer> inB = b.contrasts().getOrDefault(set, Set.of());
      boolean both = !inA.isEmpty() && !inB.isEmpty();
      found += inA.equals(inB) || !both && !Contrasts.strict(set) ? 0 : 1;
    }
    return found;
  }

  /** {@code from x to y} and {@code from y to x}, {@code x than y} and {@code y than x}; also the same words in another order around such a word. */
  private static boolean turned(Wording a, Wording b) {
    for (String towards : a.towards()) {
      int space = towards.indexOf(' ');
      String direction = towards.substring(0, space);
      String word = towards.substring(space + 1);
      if (!b.towards().contains(towards) && b.words().contains(word)) {
        for (String other : b.towards()) {
          String otherWord = other.substring(other.indexOf(' ') + 1);
          if (other.startsWith(direction + ' ') && !otherWord.equals(word) && a.words().contains(otherWord) && !a.towards().contains(other)) {
            return true;
          }
        }
      }
    }
    return false;
  }

  private static List<String> sorted(List<String> words) {
    List<String> sorted = new ArrayList<>(words);
    sorted.sort(null);
    return sorted;
  }

  /** As they are compared word by word: without articles, {@code he} for {@code him}. */
  private static List<String> bare(List<String> words) {
    List<String> bare = new ArrayList<>();
    for (int i = 0; i < words.size(); i++) {
      // "from a to b" has no article
      boolean letter = words.get(i).equals("a") && (i + 1 == words.size() || ADJUNCTS.contains(words.get(i + 1)) || JOINING.contains(words.get(i + 1)));
      if (letter || !BARE_ARTICLES.contains(words.get(i))) {
        bare.add(one(words.get(i)));
      }
    }
    return bare;
  }

  /** Who did it here, to whom it was done there: {@code who beat x} and {@code who did x beat}. */
  private static boolean otherPart(Wording doer, Wording other) {
    return doer.form() == other.form() && ASKING.contains(first(doer)) && first(doer).equals(first(other)) && doer.plain().stream().limit(4).noneMatch(HELPING::contains) && other.plain().stream().limit(4).anyMatch(DOING::contains)
        && sorted(doer.words()).equals(sorted(other.words()));
  }

  private static String first(Wording wording) {
    return wording.plain().isEmpty() ? "" : wording.plain().get(0);
  }

  /**
   * The same words in an order that says something else: {@code x M y} here and {@code y M x} there, that is who does what to whom, but not where {@code M} joins equals, as in {@code x and y}; or mixed otherwise, unless all that moved is a
   * phrase that may stand in front or behind.
   */
  private static boolean reordered(List<String> a, List<String> b) {
    if (a.size() != b.size()) {
      return false;
    }
    int from = 0;
    int to = a.size();
    while (from < to && a.get(from).equals(b.get(from))) {
      from++;
    }
    while (to > from && a.get(to - 1).equals(b.get(to - 1))) {
      to--;
    }
    int size = to - from;
    if (size == 0 || !sorted(a).equals(sorted(b))) {
      return false;
    }
    for (int x = 1; x <= MOST_OF_A_NAME && x < size; x++) {
      for (int y = 1; y <= MOST_OF_A_NAME && x + y < size; y++) {
        if (same(a, from, b, to - x, x) && same(a, to - y, b, from, y) && same(a, from + x, b, from + y, size - x - y)) {
          List<String> between = a.subList(from + x, to - y);
          String before = from > 0 ? a.get(from - 1) : "";
          return between.stream().noneMatch(JOINING::contains) || !between.stream().allMatch(word -> JOINING.contains(word) || ARTICLES.contains(word) || word.equals(before));
        }
      }
    }
    for (int x = 1; x < size; x++) {
      if (same(a, from, b, to - x, x) && same(a, from + x, b, from, size - x)) {
        return !ADJUNCTS.contains(a.get(from)) && !ADJUNCTS.contains(b.get(from));
      }
    }
    return true;
  }

  private static boolean same(List<String> a, int inA, List<String> b, int inB, int length) {
    for (int i = 0; i < length; i++) {
      if (!a.get(inA + i).equals(b.get(inB + i))) {
        return false;
      }
    }
    return true;
  }

  /** {@code he} and {@code him} are one. */
  private static String one(String word) {
    return switch (word) {
      case "him", "his" -> "he";
      case "her", "hers" -> "she";
      case "me", "my" -> "i";
      case "them", "their" -> "they";
      case "us", "our" -> "we";
      case "does" -> "do";
      default -> word;
    };
  }

  /** Is the one word that differs a small one that matters: whose, from or to, all or some, may or must? */
  private static boolean smallWord(Wording a, Wording b) {
    List<String> left = a.plain();
    List<String> right = b.plain();
    if (left.size() != right.size() || left.size() < 3) {
      return false;
    }
    int at = -1;
    for (int i = 0; i < left.size(); i++) {
      if (!left.get(i).equals(right.get(i))) {
        if (at >= 0) {
          return false;
        }
        at = i;
      }
    }
    if (at < 0) {
      return false;
    }
    String was = left.get(at);
    String is = right.get(at);
    for (List<Set<String>> kind : at == 0 ? MODALS : SMALL_WORDS) {
      for (Set<String> meaning : kind) {
        if (meaning.contains(was) && !meaning.contains(is) && kind.stream().anyMatch(other -> other.contains(is))) {
          return true;
        }
      }
    }
    return false;
  }

  /** Is one text the other with a few words in a row exchanged? Who says it in other words changes more than that. */
  private static boolean exchanged(List<String> a, List<String> b) {
    int shorter = Math.min(a.size(), b.size());
    int front = 0;
    while (front < shorter && a.get(front).equals(b.get(front))) {
      front++;
    }
    int back = 0;
    while (back < shorter - front && a.get(a.size() - 1 - back).equals(b.get(b.size() - 1 - back))) {
      back++;
    }
    int longer = Math.max(a.size(), b.size());
    return front + back >= Math.min(3, longer - 1) && longer - front - back <= 3;
  }

  private static int tense(List<String> words) {
    int tense = 0;
    for (String word : words) {
      tense |= switch (word) {
        case "was", "were", "did", "had" -> 1;
        case "will", "shall" -> 2;
        default -> 0;
      };
    }
    return tense;
  }

  private static double form(Wording.Form a, Wording.Form b) {
    if (a == b) {
      return 0;
    }
    boolean why = a == Wording.Form.WHY || b == Wording.Form.WHY;
    boolean loose = why ? a == Wording.Form.WHAT || b == Wording.Form.WHAT : loose(a) || loose(b);
    return loose ? 0.02 : 0.12;
  }

  /** {@code what} and {@code is it} and no question at all can ask for anything, but who asks why says so. */
  private static boolean loose(Wording.Form form) {
    return form == Wording.Form.WHAT || form == Wording.Form.TOLD || form == Wording.Form.YES_NO;
  }

  private static List<String> without(List<String> words, List<String> others) {
    List<String> left = new ArrayList<>();
    Set<String> there = new HashSet<>(others);
    for (String word : new LinkedHashSet<>(words)) {
      if (!there.contains(word)) {
        left.add(word);
      }
    }
    return left;
  }

  /** Takes out what means the same in both. */
  private void match(List<String> onlyA, List<String> onlyB) {
    onlyA.removeIf(word -> {
      for (String other : onlyB) {
        if (synonyms(word, other)) {
          onlyB.remove(other);
          return true;
        }
      }
      return false;
    });
    // Few are left when it matters; a longer list would cost more than it tells.
    if (onlyA.size() == 1 && onlyB.size() == 1 && !spelledAlike(onlyA.get(0), onlyB.get(0)) && alike.applyAsDouble(onlyA.get(0), onlyB.get(0)) >= SAME_MEANING) {
      onlyA.clear();
      onlyB.clear();
    }
  }

  /** Are they formed from one word: America and American, swim and swimmer? */
  private static boolean family(String a, String b) {
    int same = 0;
    while (same < Math.min(a.length(), b.length()) && a.charAt(same) == b.charAt(same)) {
      same++;
    }
    return same >= 4 && ENDINGS.contains(a.substring(same)) && ENDINGS.contains(b.substring(same));
  }

  /** Vectors of rare words tell their spelling rather than their meaning. */
  private static boolean spelledAlike(String a, String b) {
    return a.length() >= 5 && b.length() >= 5 && a.regionMatches(0, b, 0, 4);
  }

  private static boolean synonyms(String a, String b) {
    if (family(a, b)) {
      return true;
    }
    for (Contrasts.Meaning meaning : Contrasts.of(a)) {
      if (Contrasts.of(b).contains(meaning)) {
        return true;
      }
    }
    return Synonyms.same(a, b);
  }
}
