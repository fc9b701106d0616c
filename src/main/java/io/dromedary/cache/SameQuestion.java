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
    if (turned(a, b)) {
      failed.add("direction");
      score -= 0.2;
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
