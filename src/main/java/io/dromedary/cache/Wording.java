package io.dromedary.cache;

import java.math.BigDecimal;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a text says in ways that vectors blur: its numbers with what they count, its names, whether it denies, what kind of answer it wants, which of {@link Contrasts mutually exclusive words} it uses, and its other words by their
 * stems. For English; of other languages it knows numbers, names by their capitals, and words.
 *
 * @param numbers canonical numbers, spelled and Roman ones too, in order
 * @param names words that their writing marks as names or identifiers, in lower case
 * @param literals code and commands, as they are written: options, escapes, pointers, calls with what they are given, identifiers in camelCase
 * @param denials how often it denies
 * @param nearDenials words that may stand for a denial: {@code decline} for {@code say no}, {@code deficiency} for {@code lack}
 * @param form what kind of answer it wants
 * @param contrasts for each set of exclusive words that it uses, the meanings it uses
 * @param words stems of what is left without stop words, in order
 * @param allWords every word in lower case, for looking names up that the other text does not capitalise
 * @param towards what stands behind a preposition of direction, as {@code preposition word}
 * @param quoted what stands in quotation marks or back-ticks
 * @param plain all words in lower case, in order
 * @param unread does it use a script that the checks do not read and the vectors know little of?
 */
record Wording(List<String> numbers, Set<String> names, Set<String> literals, int denials, int nearDenials, Form form, Map<Integer, Set<Integer>> contrasts, List<String> words, Set<String> allWords, Set<String> towards, Set<String> quoted, List<String> plain, boolean unread) {
  enum Form { WHO, WHEN, WHERE, WHY, HOW_MANY, HOW, WHAT, YES_NO, TOLD }

  private static final Pattern TOKEN = Pattern.compile("[-−]?\\d+(?:[.,:/-]\\d+)*(?:(?:st|nd|rd|th)(?!\\p{L}))?|[\\p{L}_][\\p{L}\\p{N}_'.+#-]*|[-+/]=|[$€£¥%°<>=≤≥!^*&|]+|(?<=\\d\\s{0,2})[-−+/×÷](?=\\s{0,2}\\d)"
      + "|(?<=[\\p{L}\\p{N})]\\s)[+×÷](?=\\s[\\p{L}\\p{N}(])|(?<=(?:^|[^\\p{L}\\p{N}])[\\p{L}\\p{N}]\\s)[-−/](?=\\s[\\p{L}\\p{N}])");
  private static final Pattern LITERAL = Pattern.compile("(?<=\\s)--?[A-Za-z][\\w-]*|\\\\\\w|(?<=^|[\\s(])[&*!~]+(?=[\\p{L}_]\\w*(?![\\w*]))|\\b[\\p{L}_][\\w.]*\\((?!e?s\\))[^()]{1,80}\\)|\\b[a-z]{2}\\w*[A-Z]\\w*(?<!OS)"
      // an element, which a compound of two is not; and what is named
      + "|\\b(?:Co|Cs|Hf|Ni|Sc|Si|Pb|Po)\\b|(?<=\\b(?:variable|function|method|class|constant|field|column|parameter)\\s)[A-Z]\\w*");
  private static final Pattern ADDRESS = Pattern.compile("(?:https?://|www\\.)\\S+|[\\w.+-]+@[\\w-]+\\.[\\w.-]+");
  /** With a span of time behind it, a word of these is a date. */
  private static final Map<String, String> WHICH = Map.of("last", "last", "previous", "last", "past", "last", "this", "this", "current", "this", "next", "next", "coming", "next");
  private static final Set<String> SPANS = Set.of("year", "month", "week", "weekend", "quarter", "decade", "century", "night", "morning", "evening", "afternoon", "summer", "winter", "spring", "autumn", "fall", "season", "semester",
      "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "christmas", "easter");
  private static final Pattern QUOTED = Pattern.compile("[\"“]([^\"”]{1,200})[\"”]|`([^`]{1,200})`|(?<![\\p{L}\\p{N}])'([^']{2,200})'(?!\\p{L})");
  private static final Pattern COUNTRIES = Pattern.compile("(?i:\\b(united states(?: of america)?)\\b|\\bunited kingdom\\b)|\\b(US|U\\.S\\.A?)(?![A-Za-z])");
  private static final Pattern ROMAN = Pattern.compile("(?=[IVX]{2,})X{0,3}(?:IX|IV|V?I{0,3})");
  private static final Set<String> DENYING = Set.of("not", "no", "never", "none", "nobody", "nothing", "neither", "nor", "without", "cannot", "cant", "dont", "wont", "isnt", "doesnt", "didnt", "shouldnt", "couldnt", "wouldnt", "arent",
      "wasnt", "werent", "hasnt", "havent", "hadnt", "aint", "mustnt", "except", "excluding", "unless", "unable", "lack", "lacks", "lacking", "non", "instead", "hardly", "barely", "rarely", "seldom",
      "nicht", "kein", "keine", "keinen", "nie", "niemals", "ohne", "pas", "jamais", "sans", "aucun", "aucune", "nunca", "sin", "não", "sem", "niet", "geen", "senza", "mai");
  private static final Set<String> NEARLY_DENYING = Set.of("decline", "refuse", "reject", "deny", "avoid", "prevent", "deficiency", "deficient", "shortage", "absence", "substitute", "replacement", "alternative", "alternatives", "free");
  private static final Set<String> STOP = Set.of("a", "an", "the", "is", "are", "was", "were", "be", "been", "being", "am", "do", "does", "did", "doing", "have", "has", "had", "having", "i", "me", "my", "mine", "myself", "you", "your", "yours", "we",
      "us", "our", "ours", "he", "him", "his", "she", "her", "it", "its", "they", "them", "their", "this", "that", "these", "those", "of", "in", "on", "at", "to", "for", "from", "by", "with", "about",
      "as", "into", "and", "or", "but", "if", "then", "than", "so", "what", "which", "who", "whom", "whose", "when", "where", "why", "how", "can", "could", "will", "would", "shall", "should", "may",
      "might", "must", "please", "tell", "explain", "there", "here", "some", "any", "one", "just", "also", "too", "very", "really", "much", "many", "way", "ways", "thing", "things", "kind", "sort_of",
      "get", "got", "know", "let", "like", "want", "need", "help", "give", "show", "use", "using", "used", "mean", "meaning", "exactly", "actually", "possible", "someone", "somebody", "people",
      "person", "anyone", "best", "good", "describe", "define", "between", "through", "while", "during", "within", "up", "out", "over", "pls", "plz", "kindly", "thanks", "thank", "hey", "dear", "basically", "simply", "properly", "proper", "correctly", "explained", "explanation", "see", "located", "situated", "considered", "s", "t", "don", "re", "ve", "ll", "d", "m");
  private static final Set<String> OF_FORM = Set.of("year", "date", "time", "place", "location", "number", "amount", "reason", "reasons", "method", "steps", "makes", "make", "causes", "kind", "type");
  private static final Set<String> ASKING = Set.of("list", "name", "suggest", "recommend", "calculate", "compute", "state", "provide");
  /** German, French, Spanish and Italian words that matter as little. */
  private static final Set<String> FOREIGN_STOP = Set.of("der", "das", "den", "dem", "des", "ein", "eine", "einen", "einem", "einer", "ich", "du", "wir", "ihr", "mein", "meine", "meinen", "mir", "mich", "ist", "sind", "kann", "können", "möchte", "wie", "bitte", "zu", "le", "la", "les", "un", "une", "de", "je", "il", "nous", "vous", "mon", "ma", "mes", "est", "sont", "puis-je", "peut-on", "peux-tu", "est-ce", "que", "qu", "comment", "quel", "quelle", "el", "los", "las", "una", "yo", "se", "mi", "mis", "puedo", "puede", "cómo", "como", "qué", "cuál", "lo", "gli", "uno", "mio", "mia", "sono", "posso", "che", "di");
  private static final Set<String> NO_NAMES = Set.of("i", "ok", "faq", "tv", "asap", "please", "hi", "hello");
  private static final Set<String> DIRECTIONS = Set.of("to", "into", "from", "than", "before", "after", "by", "over", "under", "towards", "onto", "versus", "behind", "beside", "above", "below");
  private static final Map<String, Integer> SMALL = spelled("zero", 0, "two", 2, "three", 3, "four", 4, "five", 5, "six", 6, "seven", 7, "eight", 8, "nine", 9, "ten", 10, "eleven", 11, "twelve", 12, "thirteen", 13, "fourteen", 14, "fifteen", 15,
      "sixteen", 16, "seventeen", 17, "eighteen", 18, "nineteen", 19, "twenty", 20, "thirty", 30, "forty", 40, "fifty", 50, "sixty", 60, "seventy", 70, "eighty", 80, "ninety", 90, "dozen", 12);
  private static final Map<String, Integer> SCALES = spelled("hundred", 100, "thousand", 1_000, "million", 1_000_000, "billion", 1_000_000_000);
  private static final Map<String, Integer> ORDINALS = spelled("second", 2, "third", 3, "fourth", 4, "fifth", 5, "sixth", 6, "seventh", 7, "eighth", 8, "ninth", 9, "tenth", 10, "twelfth", 12, "half", -2, "twice", -3, "double", -3, "triple", -4, "quarter", -5);
  private static final int MONTHS = Contrasts.of("january").get(0).set();
  /** Letters that are units only behind a number, as exclusive as the rest. */
  private static final Set<String> SHORT_UNITS = Set.of("g", "m", "l", "s", "h", "d", "w", "v", "b", "k", "c", "f", "j", "n", "a", "y", "am", "pm", "x", "bc", "ad", "p", "i", "ms", "min", "mi", "in", "ft", "st", "gb", "tb", "mb", "kb", "pt");

  private static Map<String, Integer> spelled(Object... pairs) {
    Map<String, Integer> map = new HashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      map.put((String) pairs[i], (Integer) pairs[i + 1]);
    }
    return Map.copyOf(map);
  }

  static Wording of(String raw) {
    String text = Normalizer.normalize(raw, Normalizer.Form.NFKC).replace('’', '\'').replace('‘', '\'');
    Reader reader = new Reader();
    for (Matcher address = ADDRESS.matcher(text); address.find();) {
      // as it is written: paths tell capitals from small letters
      String whole = address.group().replaceAll("[.,;:!?)\\]}>'\"]+$", "");
      reader.names.add(whole);
      reader.all.add(whole);
    }
    Set<String> literals = new HashSet<>();
    for (Matcher literal = LITERAL.matcher(text); literal.find();) {
      literals.add(literal.group().replace(" ", ""));
    }
    reader.read(COUNTRIES.matcher(text).replaceAll(found -> found.group(1) == null && found.group(2) == null ? "UK" : "USA"));
    Set<String> quoted = new HashSet<>();
    for (Matcher quotes = QUOTED.matcher(text); quotes.find();) {
      String inside = quotes.group(1) != null ? quotes.group(1) : quotes.group(2) != null ? quotes.group(2) : quotes.group(3);
      // back-ticks hold code
      quoted.add(quotes.group(2) != null ? inside.strip() : inside.strip().toLowerCase(Locale.ROOT));
    }
    if (reader.contrasts.containsKey(MONTHS)) {
      // the third of May is May 3
      reader.numbers.replaceAll(number -> number.startsWith("#") && Character.isDigit(number.charAt(1)) ? number.substring(1) : number);
    }
    return new Wording(List.copyOf(reader.numbers), Set.copyOf(reader.names), Set.copyOf(literals), reader.denials, reader.nearDenials, form(reader.plain), reader.contrasts, List.copyOf(reader.words), Set.copyOf(reader.all), Set.copyOf(reader.towards), Set.copyOf(quoted), List.copyOf(reader.plain), unread(text));
  }

  private static boolean unread(String text) {
    return text.codePoints().anyMatch(c -> {
      if (c < 0x250 || !Character.isLetter(c)) {
        return false;
      }
      Character.UnicodeScript script = Character.UnicodeScript.of(c);
      // a Greek letter is a sign of mathematics
      return script != Character.UnicodeScript.LATIN && script != Character.UnicodeScript.GREEK && script != Character.UnicodeScript.COMMON && script != Character.UnicodeScript.INHERITED;
    });
  }

  private static final class Reader {
    final List<String> numbers = new ArrayList<>();
    final Set<String> names = new LinkedHashSet<>();
    final Map<Integer, Set<Integer>> contrasts = new TreeMap<>();
    final List<String> words = new ArrayList<>();
    final List<String> plain = new ArrayList<>();
    final Set<String> all = new HashSet<>();
    final Set<String> towards = new HashSet<>();
    int denials;
    int nearDenials;
    private long pending = -1;
    private String direction = "";

    void read(String text) {
      List<String> tokens = new ArrayList<>();
      List<Boolean> first = new ArrayList<>();
      boolean start = true;
      int last = 0;
      for (Matcher token = TOKEN.matcher(text); token.find();) {
        String between = text.substring(last, token.start());
        start |= between.indexOf('.') >= 0 || between.indexOf('?') >= 0 || between.indexOf('!') >= 0 || between.indexOf(':') >= 0 || between.indexOf('\n') >= 0;
        String found = token.group();
        boolean ends = found.length() > 1 && (found.endsWith(".") || found.endsWith("!"));
        tokens.add(stripped(found));
        first.add(start);
        start = ends;
        last = token.end();
      }
      long letters = tokens.stream().filter(token -> Character.isLetter(token.isEmpty() ? '0' : token.charAt(0))).count();
      long capitals = tokens.stream().filter(token -> !token.isEmpty() && Character.isUpperCase(token.charAt(0))).count();
      boolean titled = false;
      boolean small = false;
      for (int i = 0; i < tokens.size(); i++) {
        String token = tokens.get(i);
        if (!first.get(i) && token.length() > 1 && STOP.contains(token.toLowerCase(Locale.ROOT))) {
          titled |= Character.isUpperCase(token.charAt(0)) && Character.isLowerCase(token.charAt(1));
          small |= Character.isLowerCase(token.charAt(0));
        }
      }
      boolean capitalsMean = letters < 3 || !titled && (small || capitals * 2 <= letters);
      for (int i = 0; i < tokens.size(); i++) {
        if (!tokens.get(i).isEmpty()) {
          token(tokens.get(i), first.get(i), capitalsMean, i > 0 && !tokens.get(i - 1).isEmpty() && Character.isDigit(tokens.get(i - 1).charAt(tokens.get(i - 1).length() - 1)), i + 1 < tokens.size() ? tokens.get(i + 1) : "");
        }
      }
      flush();
    }

    private static String stripped(String token) {
      int end = token.length();
      while (end > 0 && (token.charAt(end - 1) == '.' || token.charAt(end - 1) == '\'' || token.charAt(end - 1) == '-' || end > 1 && token.charAt(end - 1) == '!')) {
        end--;
      }
      return token.substring(0, end);
    }

    private void token(String token, boolean firstOfSentence, boolean capitalsMean, boolean behindNumber, String next) {
      char c = token.charAt(0);
      if (Character.isDigit(c) || token.length() > 1 && (c == '-' || c == '−') && Character.isDigit(token.charAt(1))) {
        flush();
        number(token);
        return;
      }
      if (!Character.isLetter(c) && c != '_') {
        flush();
        boolean calculates = token.length() == 1 && "*^".indexOf(c) >= 0 && behindNumber && !next.isEmpty() && (Character.isDigit(next.charAt(0)) || next.length() > 1 && Character.isDigit(next.charAt(1)));
        if (token.equals("&")) {
          plain.add("and");
        } else if (calculates || token.length() == 1 && "-−+/×÷".indexOf(c) >= 0) {
          numbers.add("o:" + token);
        } else {
          symbol(token);
        }
        return;
      }
      String lower = token.toLowerCase(Locale.ROOT);
      if (lower.endsWith("'s")) {
        lower = lower.substring(0, lower.length() - 2);
        token = token.substring(0, token.length() - 2);
      }
      boolean denies = lower.endsWith("n't") || DENYING.contains(lower.replace("'", ""));
      if (denies) {
        denials++;
        lower = lower.endsWith("n't") ? lower.substring(0, lower.length() - 3) : lower;
        plain.add(lower);
        return;
      }
      int apostrophe = lower.indexOf('\'');
      if (apostrophe > 0) {
        lower = lower.substring(0, apostrophe);
      }
      nearDenials += NEARLY_DENYING.contains(lower) ? 1 : 0;
      lower = switch (lower) {
        case "whats" -> "what";
        case "hows" -> "how";
        case "wheres" -> "where";
        case "whos" -> "who";
        default -> lower;
      };
      if (spelledOut(lower, next)) {
        plain.add(lower);
        return;
      }
      flush();
      if (ROMAN.matcher(token).matches()) {
        numbers.add(Integer.toString(roman(token)));
        plain.add(lower);
        return;
      }
      plain.add(lower);
      all.add(lower);
      if (lower.indexOf('-') > 0) {
        for (String part : lower.split("-")) {
          all.add(part);
        }
      }
      if (behindNumber && SHORT_UNITS.contains(lower)) {
        numbers.add("u:" + unit(token, lower));
        return;
      }
      boolean marked = identifier(token) || capitalsMean && Character.isUpperCase(c) && (!firstOfSentence || token.length() > 1 && token.equals(token.toUpperCase(Locale.ROOT))) && !NO_NAMES.contains(lower);
      if (marked) {
        names.add(lower);
      }
      String which = WHICH.get(lower);
      if (which != null && SPANS.contains(next.toLowerCase(Locale.ROOT))) {
        numbers.add("t:" + which);
      }
      contrast(lower);
      String stem = stem(lower);
      if (DIRECTIONS.contains(lower)) {
        direction = lower.equals("into") || lower.equals("towards") || lower.equals("onto") ? "to" : lower;
      } else if (!STOP.contains(lower) && !FOREIGN_STOP.contains(lower) && !ofForm(lower)) {
        words.add(stem);
        if (!direction.isEmpty()) {
          towards.add(direction + ' ' + stem);
        }
        direction = "";
      }
    }

    /** Says what kind of answer is wanted, and no more: {@code in what year}, {@code what makes}. */
    private boolean ofForm(String lower) {
      String before = plain.size() < 2 ? "" : plain.get(plain.size() - 2);
      return switch (before) {
        case "what", "which" -> OF_FORM.contains(lower);
        case "", "you", "please" -> ASKING.contains(lower);
        default -> false;
      };
    }

    private static String unit(String token, String lower) {
      boolean bits = token.length() == 2 && lower.endsWith("b") && token.charAt(1) == 'b' && Character.isUpperCase(token.charAt(0));
      return bits ? lower + "it" : lower.equals("min") ? "minute" : lower;
    }

    /** Mixed case, digits, underscores or dots within: code, versions, models. */
    private static boolean identifier(String token) {
      for (int i = 1; i < token.length(); i++) {
        char c = token.charAt(i);
        if (Character.isDigit(c) || c == '_' || c == '#' || c == '+' || c == '.' && i + 1 < token.length() || Character.isUpperCase(c) && Character.isLowerCase(token.charAt(i - 1))) {
          return true;
        }
      }
      return token.charAt(0) == '_';
    }

    private void symbol(String token) {
      if (token.equals("?") || token.startsWith("!") && token.length() == 1 || token.startsWith("*")) {
        return;
      }
      if (!contrast(token)) {
        numbers.add("s:" + token);
      }
    }

    private boolean contrast(String word) {
      List<Contrasts.Meaning> meanings = Contrasts.of(word);
      for (Contrasts.Meaning meaning : meanings) {
        contrasts.computeIfAbsent(meaning.set(), set -> new HashSet<>()).add(meaning.part());
      }
      return !meanings.isEmpty();
    }

    private void number(String token) {
      if (!plain.isEmpty() && plain.get(plain.size() - 1).matches("about|around")) {
        contrast("approximately");
      }
      String plainNumber = token.replace('−', '-');
      if (Character.isLetter(token.charAt(token.length() - 1))) {
        String ordinal = token.substring(0, token.length() - 2);
        plain.add(token);
        if (ordinal.equals("1")) {
          contrast("first");
        } else {
          numbers.add("#" + ordinal);
        }
        direction = "";
        return;
      }
      if (plainNumber.matches("-?\\d{1,3}(,\\d{3})+(\\.\\d+)?")) {
        plainNumber = plainNumber.replace(",", "");
      }
      if (plainNumber.matches("-?\\d+(\\.\\d+)?") && plainNumber.length() < 40) {
        plainNumber = new BigDecimal(plainNumber).stripTrailingZeros().toPlainString();
        if (plainNumber.matches("\\d{1,9}")) {
          pendingDigits = Integer.parseInt(plainNumber);
        }
      }
      numbers.add(plainNumber);
      all.add(plainNumber);
      direction = "";
    }

    private int pendingDigits = -1;

    /** {@code two hundred}, {@code twenty-five}, {@code 3 million}, {@code second}. */
    private boolean spelledOut(String lower, String next) {
      String[] parts = lower.split("-");
      if (parts.length > 1 && SMALL.containsKey(parts[0])) {
        pending = Math.max(0, pending) + SMALL.get(parts[0]);
        Integer ordinal = parts[1].equals("first") ? Integer.valueOf(1) : ordinal(parts[1]);
        if (ordinal != null && ordinal > 0) {
          numbers.add("#" + (pending + ordinal));
          pending = -1;
        } else if (SMALL.containsKey(parts[1]) || parts[1].equals("one")) {
          pending += parts[1].equals("one") ? 1 : SMALL.get(parts[1]);
        } else {
          // two-factor, five-year-old
          flush();
          for (String part : List.of(parts).subList(1, parts.length)) {
            token(part, false, false, false, "");
          }
        }
        return true;
      }
      if (SMALL.containsKey(lower)) {
        pending = Math.max(0, pending) + SMALL.get(lower);
        return true;
      }
      if (lower.equals("one") && (SCALES.containsKey(next.toLowerCase(Locale.ROOT)) || pending > 0)) {
        pending = Math.max(0, pending) + 1;
        return true;
      }
      if (SCALES.containsKey(lower)) {
        if (pending < 0 && pendingDigits >= 0 && !numbers.isEmpty() && numbers.get(numbers.size() - 1).equals(Integer.toString(pendingDigits))) {
          numbers.remove(numbers.size() - 1);
          pending = pendingDigits;
        }
        pending = Math.max(1, pending) * SCALES.get(lower);
        pendingDigits = -1;
        return true;
      }
      Integer ordinal = lower.equals("second") && next.equals("hand") ? null : ordinal(lower);
      if (ordinal != null) {
        // twenty first, two thirds
        long tens = pending >= 20 && pending % 10 == 0 && ordinal > 0 && ordinal < 10 ? pending : 0;
        if (tens > 0) {
          pending = -1;
        }
        flush();
        numbers.add("#" + (tens + ordinal));
        return true;
      }
      return false;
    }

    private static @Nullable Integer ordinal(String lower) {
      Integer listed = ORDINALS.get(lower);
      if (listed != null || !lower.endsWith("th")) {
        return listed;
      }
      return SMALL.get(lower.endsWith("ieth") ? lower.substring(0, lower.length() - 4) + "y" : lower.substring(0, lower.length() - 2));
    }

    private void flush() {
      if (pending >= 0) {
        numbers.add(Long.toString(pending));
        pending = -1;
      }
    }
  }

  private static int roman(String token) {
    int sum = 0;
    for (int i = 0; i < token.length(); i++) {
      int value = value(token.charAt(i));
      sum += i + 1 < token.length() && value < value(token.charAt(i + 1)) ? -value : value;
    }
    return sum;
  }

  private static int value(char c) {
    return c == 'I' ? 1 : c == 'V' ? 5 : 10;
  }

  private static Form form(List<String> words) {
    for (int i = 0; i < Math.min(words.size(), 12); i++) {
      String next = i + 1 < words.size() ? words.get(i + 1) : "";
      switch (words.get(i)) {
        case "who", "whom", "whose":
          return Form.WHO;
        case "when":
          return i == 0 || words.get(i - 1).matches("tell|me|know|and|so") ? Form.WHEN : form(words.subList(i + 1, words.size()));
        case "where":
          return Form.WHERE;
        case "why":
          return Form.WHY;
        case "how":
          return switch (next) {
            case "many", "much", "long", "far", "old", "often", "tall", "big", "large", "high", "deep", "fast", "heavy" -> Form.HOW_MANY;
            case "come" -> Form.WHY;
            default -> Form.HOW;
          };
        case "what", "which":
          for (String word : words.subList(i + 1, Math.min(words.size(), i + 7))) {
            switch (word) {
              case "way", "ways", "steps", "method" -> {
                return Form.HOW;
              }
              case "reason", "reasons", "causes", "caused", "makes", "made" -> {
                return Form.WHY;
              }
              case "year", "date", "time", "day" -> {
                return Form.WHEN;
              }
              case "place", "location" -> {
                return Form.WHERE;
              }
              case "number", "amount" -> {
                return Form.HOW_MANY;
              }
              default -> { }
            }
          }
          return Form.WHAT;
        case "is", "are", "was", "were", "does", "do", "did", "can", "could", "should", "will", "would", "has", "have":
          if (i == 0) {
            return Form.YES_NO;
          }
          break;
        default:
      }
    }
    return Form.TOLD;
  }

  /** Without the endings of number, time and degree. Cruder than Porter's: only equality matters. */
  static String stem(String word) {
    if (word.length() < 4 || !word.chars().allMatch(Character::isLetter)) {
      return word;
    }
    String w = word;
    for (String ending : List.of("ingly", "edly", "ing", "ied", "ies", "ed", "es", "ly", "s")) {
      if (w.endsWith(ending) && w.length() - ending.length() >= 3 && !w.endsWith("ss") && !w.endsWith("us") && !w.endsWith("is")) {
        w = w.substring(0, w.length() - ending.length()) + (ending.startsWith("ie") ? "y" : "");
        break;
      }
    }
    if (w.length() > 3 && w.charAt(w.length() - 1) == w.charAt(w.length() - 2) && "bdgmnprt".indexOf(w.charAt(w.length() - 1)) >= 0) {
      w = w.substring(0, w.length() - 1);
    }
    return w.length() > 3 && w.endsWith("e") ? w.substring(0, w.length() - 1) : w;
  }
}
