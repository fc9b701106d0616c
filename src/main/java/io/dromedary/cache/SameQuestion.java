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
 * <p>The score is the cosine less what does not fit: what one text says and the other does not, and each failed check. A failed check also refuses the hit, whatever the score.
 */
final class SameQuestion {
  /** Words whose own vectors are at least this close may stand for each other. */
  private static final double SAME_MEANING = 0.76;
  /** Where words themselves are asked about, no word stands for another. */
  private static final Set<String> OF_WORDS = Set.of("word", "term", "spell", "spelling", "pronounc", "plural", "synonym", "antonym", "definition", "rhym", "translat");
  private static final String[][] OPPOSITES = {{"over", "under"}, {"pre", "post"}, {"inter", "intra"}, {"hyper", "hypo"}, {"macro", "micro"}, {"up", "down"}, {"in", "out"}, {"im", "ex"}, {"in", "ex"}, {"en", "de"}, {"endo", "exo"},
      {"homo", "hetero"}, {"mono", "poly"}, {"uni", "multi"}};

  private static final int MOST_OF_A_NAME = 4;
  private static final Set<String> JOINING = Set.of("and", "or", "vs", "versus", "plus", "times", "und", "oder", "et", "ou", "y", "ed");
  private static final Set<String> ARTICLES = Set.of("the", "a", "an", "my", "der", "die", "das", "le", "la", "les", "el", "los", "las");
  private static final List<List<Set<String>>> SMALL_WORDS = List.of(
      List.of(Set.of("my", "our", "mine", "ours"), Set.of("your", "yours"), Set.of("his"), Set.of("her", "hers"), Set.of("their", "theirs"), Set.of("its")),
      List.of(Set.of("to", "into", "towards"), Set.of("from")), List.of(Set.of("by"), Set.of("for", "about", "on")), List.of(Set.of("from"), Set.of("about", "for")), List.of(Set.of("in", "into"), Set.of("out")),
      List.of(Set.of("all", "every", "each"), Set.of("some", "any", "several"), Set.of("most"), Set.of("few")), List.of(Set.of("last", "previous"), Set.of("this", "current"), Set.of("next", "following")));
  private static final List<List<Set<String>>> MODALS = List.of(List.of(Set.of("can", "could", "may", "might"), Set.of("should", "shall"), Set.of("must"), Set.of("will", "would"), Set.of("did", "was", "were", "had")),
      List.of(Set.of("my", "our"), Set.of("your"), Set.of("his"), Set.of("her"), Set.of("their")), List.of(Set.of("all", "every", "each"), Set.of("some", "any", "several"), Set.of("most"), Set.of("few")));

  /**
   * What is thought of a pair.
   *
   * @param similarity the cosine of their vectors
   * @param score the similarity less what does not fit
   * @param refusedBy the check that refuses it, null when none does
   */
  record Verdict(double similarity, double score, @Nullable String refusedBy) {
    boolean same(double threshold) {
      return refusedBy == null && score >= threshold;
    }
  }

  private final ToDoubleBiFunction<String, String> alike;

  /** @param alike cosine of two single words' vectors; asked rarely */
  SameQuestion(ToDoubleBiFunction<String, String> alike) {
    this.alike = alike;
  }

  Verdict judge(double similarity, Wording a, Wording b) {
    double score = similarity;
    List<String> failed = new ArrayList<>(2);
    if (!sameNumbers(a, b)) {
      failed.add("numbers");
      score -= 0.25;
    }
    if (!a.quoted().isEmpty() && !b.quoted().isEmpty() && !a.quoted().equals(b.quoted())) {
      failed.add("quotation");
      score -= 0.15;
    }
    if (strangers(a, b) + strangers(b, a) > 0) {
      failed.add("names");
      score -= Math.min(0.2, 0.1 * (strangers(a, b) + strangers(b, a)));
    }
    if (a.denials() % 2 != b.denials() % 2 || a.denials() == 0 != (b.denials() == 0) || prefixDenies(a, b) || prefixDenies(b, a)) {
      failed.add("negation");
      score -= 0.12;
    }
    int contrasts = contrasts(a, b);
    if (contrasts > 0) {
      failed.add("contrast");
      score -= Math.min(0.25, 0.15 * contrasts);
    }
    if (turned(a, b) || swapped(a.plain(), b.plain())) {
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
    boolean ofWords = a.words().stream().anyMatch(OF_WORDS::contains) && b.words().stream().anyMatch(OF_WORDS::contains);
    if (!ofWords) {
      match(onlyA, onlyB);
    }
    double total = Math.max(1, a.words().size() + b.words().size());
    score -= 0.10 * Math.min(onlyA.size(), onlyB.size()) * 2 / total + 0.06 * Math.abs(onlyA.size() - onlyB.size()) / total;
    int shared = Math.min(a.words().size() - onlyA.size(), b.words().size() - onlyB.size());
    boolean one = onlyA.size() == 1 && onlyB.size() == 1 && shared >= 1;
    if (failed.isEmpty() && (one || !onlyA.isEmpty() && !onlyB.isEmpty() && exchanged(a.plain(), b.plain()))) {
      failed.add("word");
      score -= 0.08;
    }
    if (failed.isEmpty() && exchanged(a.plain(), b.plain()) && tense(a.plain()) != tense(b.plain())) {
      failed.add("tense");
      score -= 0.06;
    }
    return new Verdict(similarity, score, failed.isEmpty() ? null : failed.get(0));
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
  private static int strangers(Wording a, Wording b) {
    int strangers = 0;
    for (String name : a.names()) {
      if (!b.allWords().contains(name) && !b.words().contains(Wording.stem(name))) {
        // One that is a contrasting word is judged with its synonyms: USA and America.
        strangers += Contrasts.of(name).stream().anyMatch(meaning -> Contrasts.strict(meaning.set())) ? 0 : 1;
      }
    }
    return strangers;
  }

  /** {@code legal} here, {@code illegal} there. */
  private static boolean prefixDenies(Wording a, Wording b) {
    for (String word : a.words()) {
      for (String prefix : List.of("un", "in", "im", "ir", "il", "dis", "non", "non-", "mis", "de", "anti", "anti-")) {
        if (word.length() >= 3 && b.words().contains(prefix + word) && !b.words().contains(word)) {
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

  /** {@code x M y} here and {@code y M x} there, all else the same: who does what to whom. Not where {@code M} joins equals, as in {@code x and y}. */
  private static boolean swapped(List<String> a, List<String> b) {
    if (a.size() != b.size()) {
      return false;
    }
    int from = 0;
    int to = a.size();
    while (from < to && one(a.get(from)).equals(one(b.get(from)))) {
      from++;
    }
    while (to > from && one(a.get(to - 1)).equals(one(b.get(to - 1)))) {
      to--;
    }
    int size = to - from;
    for (int x = 1; x <= MOST_OF_A_NAME && x < size; x++) {
      for (int y = 1; y <= MOST_OF_A_NAME && x + y < size; y++) {
        if (same(a, from, b, to - x, x) && same(a, to - y, b, from, y) && same(a, from + x, b, from + y, size - x - y)) {
          List<String> between = a.subList(from + x, to - y);
          return between.stream().noneMatch(JOINING::contains) || !between.stream().allMatch(word -> JOINING.contains(word) || ARTICLES.contains(word));
        }
      }
    }
    return false;
  }

  private static boolean same(List<String> a, int inA, List<String> b, int inB, int length) {
    for (int i = 0; i < length; i++) {
      if (!one(a.get(inA + i)).equals(one(b.get(inB + i)))) {
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
    return front + back >= 3 && Math.max(a.size(), b.size()) - front - back <= 3;
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
    boolean loose = loose(a) || loose(b);
    return loose ? 0.02 : 0.12;
  }

  /** {@code what} and {@code is it} and no question at all can ask for anything. */
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
    if (onlyA.size() == 1 && onlyB.size() == 1 && alike.applyAsDouble(onlyA.get(0), onlyB.get(0)) >= SAME_MEANING) {
      onlyA.clear();
      onlyB.clear();
    }
  }

  private static boolean synonyms(String a, String b) {
    int shorter = Math.min(a.length(), b.length());
    if (shorter >= 5 && a.regionMatches(0, b, 0, Math.max(5, shorter - 2))) {
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
