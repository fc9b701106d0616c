package io.dromedary.complexity;

import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.Tier;
import io.dromedary.chat.ChatRequest;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The classic rules of content-based routing, in this order: a greeting of at most three words is TRIVIAL; expert words EXPERT; making and judging words COMPLEX; more than 100 words COMPLEX; question
 * words SIMPLE; more than 20 words MEDIUM; all else SIMPLE. Whole words, in any case.
 *
 * <p>The score lies in the tier's fifth of 0..1 and grows within it with the length: {@code tier/5 + 0.02 + 0.16 * words / (words + 50)}, so that {@link Tier#of} gives the tier back.
 */
public final class KeywordScorer implements ComplexityScorer {
  private static final int GREETING_WORDS = 3;
  private static final int MEDIUM_WORDS = 20;
  private static final int LONG_WORDS = 100;

  private static final String[][] GREETINGS = byLength("hi", "hello", "hey", "howdy", "greetings", "thanks", "thank", "bye", "goodbye", "welcome", "hallo", "hola", "bonjour", "salut", "ciao", "servus", "merci",
      "danke", "gracias");
  private static final String[][] DAYTIMES = byLength("morning", "afternoon", "evening", "night", "day");
  private static final String[][] EXPERT = byLength("expert", "experts", "expertise", "advanced", "critical", "critically", "specialist", "rigorous", "rigorously", "sophisticated");
  private static final String[][] COMPLEX = byLength("analyze", "analyse", "compare", "evaluate", "design", "create", "write");
  private static final String[][] SIMPLE = byLength("what", "when", "where", "who", "price");

  @Override
  public String kind() {
    return "keywords";
  }

  @Override
  public Complexity score(ChatRequest request) {
    Turn turn = Turn.of(request);
    return score(turn.text(), turn.earlier());
  }

  Complexity score(String text, boolean earlier) {
    String expert = null;
    String complex = null;
    String simple = null;
    boolean afterHow = false;
    Words words = new Words(text);
    while (words.next()) {
      if (expert == null) {
        expert = match(words, EXPERT);
      }
      if (complex == null) {
        complex = match(words, COMPLEX);
      }
      if (simple == null) {
        simple = afterHow && words.isPiece("much") ? "how much" : match(words, SIMPLE);
        afterHow = words.isPiece("how");
      }
    }
    int count = words.count();
    if (count <= GREETING_WORDS && greets(text)) {
      return complexity(Tier.TRIVIAL, count, "greeting", null, earlier);
    }
    if (expert != null) {
      return complexity(Tier.EXPERT, count, "expert word", expert, earlier);
    }
    if (complex != null) {
      return complexity(Tier.COMPLEX, count, "complex word", complex, earlier);
    }
    if (count > LONG_WORDS) {
      return complexity(Tier.COMPLEX, count, "more than 100 words", null, earlier);
    }
    if (simple != null) {
      return complexity(Tier.SIMPLE, count, "question word", simple, earlier);
    }
    if (count > MEDIUM_WORDS) {
      return complexity(Tier.MEDIUM, count, "more than 20 words", null, earlier);
    }
    return complexity(Tier.SIMPLE, count, "none", null, earlier);
  }

  /** Does it open like a greeting? "good" only counts before a time of day. */
  static boolean greets(String text) {
    Words words = new Words(text);
    if (!words.next()) {
      return false;
    }
    return match(words, GREETINGS) != null || words.isPiece("good") && words.next() && match(words, DAYTIMES) != null;
  }

  private static Complexity complexity(Tier tier, int words, String rule, @Nullable String keyword, boolean earlier) {
    Map<String, Object> signals = new LinkedHashMap<>(8);
    signals.put("words", words);
    signals.put("rule", rule);
    if (keyword != null) {
      signals.put("keyword", keyword);
    }
    if (earlier) {
      signals.put("scored_message", "the one before a short follow-up");
    }
    return new Complexity(tier.ordinal() / 5.0 + 0.02 + 0.16 * words / (words + 50.0), tier, "keywords", signals);
  }

  private static @Nullable String match(Words words, String[][] table) {
    int length = words.pieceLength();
    if (length < table.length) {
      for (String candidate : table[length]) {
        if (words.isPiece(candidate)) {
          return candidate;
        }
      }
    }
    return null;
  }

  private static String[][] byLength(String... words) {
    int longest = 0;
    for (String word : words) {
      longest = Math.max(longest, word.length());
    }
    String[][] table = new String[longest + 1][];
    for (int length = 0; length <= longest; length++) {
      int of = length;
      table[length] = Arrays.stream(words).filter(word -> word.length() == of).toArray(String[]::new);
    }
    return table;
  }
}
