package io.dromedary.complexity;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What the learned scorer sees of a prompt: traits that a person can read, and the hash buckets of its words, word pairs and runs of 3 to 5 characters within a word.
 *
 * <p>Traits are counted over the first {@value Words#READ_CHARS} characters, buckets over the first {@value #GRAM_CHARS}. Hashing needs no dictionary, so a misspelt or foreign word is no special case; two
 * words that share a bucket share a weight (feature hashing, Weinberger et al. 2009). One instance is one prompt's reading; it is not shared between threads.
 */
public final class PromptReading {
  static final int GRAM_CHARS = 4_096;
  static final int WORD_BUCKETS = 1 << 14;
  static final int PAIR_BUCKETS = 1 << 15;
  static final int CHAR_BUCKETS = 1 << 15;
  /** Words first, then character runs, then pairs. */
  static final int CHAR_START = WORD_BUCKETS;
  static final int PAIR_START = WORD_BUCKETS + CHAR_BUCKETS;
  static final int BUCKETS = WORD_BUCKETS + CHAR_BUCKETS + PAIR_BUCKETS;

  private static final List<String> COUNTED = List.of("log_chars", "log_words", "words", "log_question_words", "log_option_words", "lettered_options", "log_sentences", "log_numbers", "numbers", "digit_share",
      "maths_symbol_share", "word_length", "long_word_share", "question_mark", "ends_with_question", "blank_to_fill", "lines", "capital_share", "non_ascii_share", "percent", "currency", "word_variety", "code_marks",
      "fraction", "capitalised_words", "largest_number", "option_digit_share", "option_length_spread", "numbered_statements", "brackets");
  private static final String[][] LISTS = {
      {"negation", "not", "except", "never", "cannot", "incorrect", "false", "least", "without", "neither", "nor"},
      {"which", "which", "following"},
      {"what", "what", "who", "when", "where"},
      {"how_many", "many", "much"},
      {"reasons", "why", "because", "explain", "reason", "therefore", "likely", "best"},
      {"multiples", "twice", "half", "times", "double", "triple", "thrice", "third", "quarter", "dozen"},
      {"rates", "each", "every", "per", "average", "daily", "hour", "week"},
      {"comparisons", "more", "less", "fewer", "than", "greater", "older", "larger", "smaller"},
      {"rest", "left", "remain", "remaining", "rest", "total", "altogether", "remains"},
      {"number_words", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve"},
      {"tasks", "write", "create", "design", "compose", "implement", "prove", "compare", "analyze", "analyse", "evaluate", "summarize", "describe", "draft", "plan"},
      {"constraints", "must", "only", "exactly", "should", "shall", "always", "limit", "required", "ensure"},
      {"law", "court", "defendant", "plaintiff", "statute", "contract", "jurisdiction", "constitutional", "attorney", "state", "law", "liable", "property"},
      {"maths", "function", "equation", "integer", "polynomial", "matrix", "probability", "group", "ring", "field", "theorem", "graph", "vector", "prime", "log", "sum", "value", "degree", "let", "if"},
      {"medicine", "patient", "disease", "pain", "blood", "treatment", "symptoms", "clinical", "physician", "examination", "cells", "muscle", "year"},
      {"morals", "moral", "morally", "wrong", "ethical", "scenario", "scenarios", "argument", "ought", "virtue"},
      {"physics", "energy", "mass", "force", "velocity", "electron", "charge", "temperature", "pressure", "reaction", "acid", "molecule", "magnetic", "wavelength", "current"},
      {"computing", "algorithm", "program", "code", "memory", "network", "bit", "software", "array", "class", "string", "return", "learning"},
      {"economics", "price", "cost", "demand", "market", "interest", "tax", "inflation", "company", "income", "rate", "bank"},
      {"people", "he", "she", "his", "her", "they", "him"},
      {"refers_to_all", "above", "both", "none", "all", "statement", "statements", "i", "ii", "iii", "true"}};
  /** Marks of how a prompt is laid out, which tell kinds of task apart: what {@link QualityModel} sees beside the place. */
  static final List<String> FORM = List.of("starts_small", "starts_with_break", "ends_without_mark", "commas", "quotes", "double_spaces", "notation", "maths", "code", "quantity", "task", "word_problem");
  private static final int NUMBER = 1;
  private static final int QUANTITY = 2;
  private static final int HOW = 4;
  private static final int MUCH = 8;
  private static final int CODE = 16;
  private static final int MATHS = 32;
  private static final int TASK = 64;
  /** Words that tell of what kind an open question is; one may be a cue of several kinds. */
  private static final Map<Integer, List<String>> CUES = Map.of(
      NUMBER, List.of("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "twenty", "thirty", "half", "twice", "double", "triple", "third", "quarter", "dozen", "once", "thrice"),
      QUANTITY, List.of("total", "average", "difference", "sum", "percent", "percentage", "fraction", "ratio", "altogether", "calculate", "combined"),
      HOW, List.of("how"),
      MUCH, List.of("many", "much", "far", "long", "old", "tall", "fast", "often", "big"),
      CODE, List.of("python", "java", "javascript", "typescript", "html", "css", "sql", "regex", "algorithm", "code", "program", "programs", "function", "functions", "implement", "compile", "api", "script", "array", "arrays", "def"),
      MATHS, List.of("equation", "equations", "polynomial", "integer", "integers", "triangle", "remainder", "probability", "matrix", "theorem", "inequality", "vertices", "divisible", "divided", "prime", "angle", "radius",
          "perimeter", "solve", "calculate", "hypotenuse", "logarithm", "quadratic", "derivative", "integral", "modulo", "coefficient", "sqrt", "frac"),
      TASK, List.of("write", "explain", "describe", "compose", "implement", "draft", "summarize", "rewrite", "translate", "create", "generate", "function", "program", "passage", "equation", "polynomial", "integer", "integers",
          "triangle", "remainder", "python"));
  private static final int PROBLEM_WORDS = 200;
  private static final int USUAL_WORD = 6;
  private static final int TABLE = 1024;
  private static final int[] LIST_HASH = new int[TABLE];
  /** The list of a word, -1 for none; {@link #FREE} where the slot holds no word. */
  private static final byte[] LIST_OF = new byte[TABLE];
  private static final byte[] CUE_OF = new byte[TABLE];
  private static final byte FREE = -2;
  /** Names of the traits, in the order of {@link #traits}. */
  public static final List<String> TRAITS;

  static {
    String[] names = Arrays.copyOf(COUNTED.toArray(new String[0]), COUNTED.size() + LISTS.length);
    Arrays.fill(LIST_OF, FREE);
    for (int list = 0; list < LISTS.length; list++) {
      names[COUNTED.size() + list] = LISTS[list][0];
      for (int word = 1; word < LISTS[list].length; word++) {
        int hash = hash(LISTS[list][word]);
        int slot = slot(hash);
        if (LIST_OF[slot] == FREE) {
          LIST_HASH[slot] = hash;
          LIST_OF[slot] = (byte) list;
        }
      }
    }
    CUES.forEach((cue, words) -> {
      for (String word : words) {
        int slot = slot(hash(word));
        if (LIST_OF[slot] == FREE) {
          LIST_HASH[slot] = hash(word);
          LIST_OF[slot] = -1;
        }
        CUE_OF[slot] |= (byte) (int) cue;
      }
    });
    TRAITS = List.of(names);
  }

  /** One value, 0 to 1, per name in {@link #FORM}. */
  final float[] form = new float[FORM.size()];
  private final String text;
  private final int length;
  /** One value per name in {@link #TRAITS}; finite. */
  final float[] traits = new float[TRAITS.size()];
  /** Buckets of words, in the order of the text; {@link #wordAt} tells where each begins. */
  int[] words;
  int[] wordAt;
  int wordCount;
  /** Buckets of character runs. */
  int[] runs;
  int runCount;
  /** Buckets of word pairs: one less than words. */
  int[] pairs;
  int pairCount;
  /** Whether it asks to pick one of several lettered answers. */
  boolean closed;
  /** Logarithm of the count of words as spaces part them, of all the text. */
  float openLength;
  /** Whether it is an open question like those of school: a short story with two numbers or more and a question for a quantity, without notation, code, or a task to write. */
  boolean wordProblem;
  /** Whether an open question wants code, maths or the answer to a word problem. */
  boolean workedOut;

  /** Reads any text, also an empty one or one of broken surrogates. */
  public PromptReading(String text) {
    this.text = text;
    this.length = Math.min(text.length(), Words.READ_CHARS);
    int grams = Math.min(length, GRAM_CHARS);
    words = new int[grams / 2 + 8];
    wordAt = new int[words.length];
    pairs = new int[words.length];
    runs = new int[grams * 3 + 16];
    read();
  }

  private void read() {
    int options = options();
    closed = options >= 0;
    int stem = closed ? options : length;
    int[] listed = new int[LISTS.length];
    long[] seen = new long[16];
    int digits = 0, symbols = 0, capitals = 0, nonAscii = 0, sentences = 0, numbers = 0, questionMarks = 0, blanks = 0, lines = 0, percents = 0, currencies = 0, code = 0, fractions = 0, brackets = 0;
    int count = 0, stemWords = 0, letters = 0, longWords = 0, capitalised = 0, optionDigits = 0, shortest = Integer.MAX_VALUE, longest = 0, lineStart = 0, unspaced = 0;
    int commas = 0, quotes = 0, doubleSpaces = 0;
    int spaced = 0, quantities = 0, cues = 0, lastCue = 0;
    boolean notation = false;
    double largest = 0;
    int last = 0;
    int at = 0;
    char before = ' ';
    char lastInk = ' ';
    while (at < length) {
      char c = text.charAt(at);
      if (c > ' ' && (at == 0 || text.charAt(at - 1) <= ' ')) {
        spaced++;
      }
      if (c < 128 ? c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' : Character.isLetterOrDigit(c) || Character.isSurrogate(c)) {
        int start = at;
        int hash = SEED;
        boolean number = c >= '0' && c <= '9';
        double value = 0;
        boolean unspacedHere = c >= 0x0E00 && (c <= 0x0E7F || c >= 0x3040 && c <= 0x30FF || c >= 0x3400 && c <= 0x9FFF);
        if (c < 128 ? c >= 'A' && c <= 'Z' : Character.isUpperCase(c)) {
          capitalised++;
        }
        while (at < length) {
          c = text.charAt(at);
          if (c < 128) {
            if (c >= '0' && c <= '9') {
              if (!number) {
                break;
              }
              value = Math.min(1e15, value * 10 + (c - '0'));
              digits++;
              if (start >= stem) {
                optionDigits++;
              }
            } else if (number) {
              break;
            } else if (c >= 'A' && c <= 'Z') {
              capitals++;
              c += 32;
            } else if (c < 'a' || c > 'z') {
              break;
            }
          } else {
            if (number || !Character.isLetterOrDigit(c) && !Character.isSurrogate(c) && Character.getType(c) != Character.NON_SPACING_MARK) {
              break;
            }
            nonAscii++;
            c = Character.toLowerCase(c);
          }
          hash = (hash ^ c) * PRIME;
          at++;
        }
        if (at == start) {
          at++; // cannot happen, but an endless loop would be worse than a skipped character
        }
        hash = mix(hash);
        int size = at - start;
        if (unspacedHere) {
          unspaced += size;
        }
        count++;
        letters += size;
        if (start < stem) {
          stemWords++;
          if (number) {
            numbers++;
            largest = Math.max(largest, value);
            if (before == '/') {
              fractions++;
            }
          }
        }
        if (size > 8) {
          longWords++;
        }
        seen[(hash >>> 6) & 15] |= 1L << (hash & 63);
        int slot = slot(hash);
        int cue = CUE_OF[slot];
        if (LIST_OF[slot] >= 0) {
          listed[LIST_OF[slot]]++;
        }
        if (number || (cue & NUMBER) != 0) {
          quantities++;
        }
        if ((lastCue & HOW) != 0 && (cue & MUCH) != 0) {
          cues |= QUANTITY;
        }
        cues |= cue;
        lastCue = cue;
        if (start < GRAM_CHARS && wordCount < words.length) {
          words[wordCount] = hash >>> 7 & WORD_BUCKETS - 1;
          wordAt[wordCount++] = start;
          if (count > 1 && pairCount < pairs.length) {
            pairs[pairCount++] = PAIR_START + (mix(last * 31 + hash) >>> 5 & PAIR_BUCKETS - 1);
          }
          runs(start, at);
        }
        last = hash;
        before = text.charAt(at - 1);
        lastInk = before;
        continue;
      }
      if (c > ' ') {
        lastInk = c;
      }
      switch (c) {
        case ',' -> commas++;
        case '"', '\'' -> quotes++;
        case ' ' -> doubleSpaces += before == ' ' && at > 0 ? 1 : 0;
        case '\n' -> {
          lines++;
          if (at > stem) {
            int size = at - lineStart;
            shortest = Math.min(shortest, size);
            longest = Math.max(longest, size);
          }
          lineStart = at + 1;
        }
        case '.', '!', '?' -> {
          if (at < stem) {
            if (at + 1 >= length || text.charAt(at + 1) <= ' ') {
              sentences++;
            }
            if (c == '?') {
              questionMarks++;
            }
          }
        }
        case '_' -> {
          if (before == '_') {
            blanks++;
          }
          symbols++;
        }
        case '^', '\\' -> {
          symbols++;
          notation = true;
          if (c == '\\' && at + 1 < length && Character.isLetter(text.charAt(at + 1))) {
            cues |= MATHS;
          }
        }
        case '+', '*', '=', '<', '>', '|', '/', '-' -> symbols++;
        case '(', ')', '[', ']' -> brackets++;
        case '{', '}', '`' -> {
          code++;
          notation = true;
        }
        case ';' -> code++;
        case '%' -> percents++;
        case '$', '\u20ac', '\u00a3' -> currencies++;
        default -> {
          if (c >= 128) {
            nonAscii++;
            if (c >= 0x2200 && c <= 0x22FF) {
              symbols++;
            }
          }
        }
      }
      before = c;
      at++;
    }
    openLength = log(spaced + unspaced / 2 + (text.length() - length) / USUAL_WORD);
    wordProblem = !closed && quantities >= 2 && (cues & QUANTITY) != 0 && (cues & TASK) == 0 && questionMarks > 0 && !notation && spaced <= PROBLEM_WORDS;
    workedOut = !closed && (wordProblem || (cues & (CODE | MATHS)) != 0);
    float words = Math.max(1, spaced);
    form[0] = length > 0 && Character.isLowerCase(text.charAt(0)) ? 1 : 0;
    form[1] = length > 0 && text.charAt(0) == '\n' ? 1 : 0;
    form[2] = Character.isLetterOrDigit(lastInk) ? 1 : 0;
    form[3] = Math.min(1, commas / words);
    form[4] = Math.min(1, quotes / words);
    form[5] = Math.min(1, 2 * doubleSpaces / words);
    form[6] = notation ? 1 : 0;
    form[7] = (cues & MATHS) != 0 ? 1 : 0;
    form[8] = (cues & CODE) != 0 ? 1 : 0;
    form[9] = (cues & QUANTITY) != 0 ? 1 : 0;
    form[10] = (cues & TASK) != 0 ? 1 : 0;
    form[11] = wordProblem ? 1 : 0;
    int spoken = count + unspaced / 2;
    int stemSpoken = Math.min(spoken, stemWords + unspaced / 2);
    int distinct = 0;
    for (long bits : seen) {
      distinct += Long.bitCount(bits);
    }
    double chars = Math.max(1, length);
    double each = Math.max(1, count);
    int i = 0;
    traits[i++] = log(length);
    traits[i++] = log(spoken);
    traits[i++] = (float) (spoken / (spoken + 100.0));
    traits[i++] = log(stemSpoken);
    traits[i++] = log(spoken - stemSpoken);
    traits[i++] = closed ? 1 : 0;
    traits[i++] = log(sentences);
    traits[i++] = log(numbers);
    traits[i++] = numbers / (numbers + 4f);
    traits[i++] = (float) Math.sqrt(digits / chars);
    traits[i++] = (float) Math.sqrt(symbols / chars);
    traits[i++] = (float) Math.min(20, letters / each);
    traits[i++] = (float) (longWords / each);
    traits[i++] = questionMarks > 0 ? 1 : 0;
    traits[i++] = endsWithQuestion(stem) ? 1 : 0;
    traits[i++] = blanks > 0 ? 1 : 0;
    traits[i++] = log(lines);
    traits[i++] = (float) Math.sqrt(capitals / chars);
    traits[i++] = (float) Math.sqrt(nonAscii / chars);
    traits[i++] = percents > 0 ? 1 : 0;
    traits[i++] = currencies > 0 ? 1 : 0;
    traits[i++] = (float) Math.min(1, distinct / each);
    traits[i++] = log(code);
    traits[i++] = fractions > 0 ? 1 : 0;
    traits[i++] = (float) (capitalised / each);
    traits[i++] = (float) Math.log10(1 + largest);
    traits[i++] = (float) Math.sqrt(optionDigits / Math.max(1.0, length - stem));
    traits[i++] = longest > 0 ? (float) Math.log((longest + 4.0) / (shortest + 4.0)) : 0;
    traits[i++] = closed && (text.startsWith("Statement 1") || listed[LISTS.length - 1] > 2) ? 1 : 0;
    traits[i++] = log(brackets);
    for (int list : listed) {
      traits[i++] = log(list);
    }
  }

  private boolean endsWithQuestion(int stem) {
    int end = Math.min(stem, length) - 1;
    while (end >= 0 && text.charAt(end) <= ' ') {
      end--;
    }
    return end >= 0 && text.charAt(end) == '?';
  }

  /** Where lettered answers begin ("A. " and "B. " at the starts of lines, also with ) or :), or -1. */
  private int options() {
    int first = -1;
    char wanted = 'A';
    for (int line = 0; line >= 0 && line + 2 < length; ) {
      int letter = text.charAt(line) == '(' ? line + 1 : line;
      if (text.charAt(letter) == wanted) {
        char mark = text.charAt(letter + 1);
        if (mark == '.' || mark == ')' || mark == ':') {
          if (wanted == 'A') {
            first = line;
            wanted = 'B';
          } else {
            return first;
          }
        }
      }
      line = text.indexOf('\n', line) + 1;
      if (line == 0) {
        return -1;
      }
    }
    return -1;
  }

  /** Runs of 3 to 5 characters of a word, with its edges marked. */
  private void runs(int start, int end) {
    for (int from = start - 1; from < end; from++) {
      int hash = SEED;
      int most = Math.min(end + 1, from + 5);
      for (int to = from; to < most; to++) {
        int c = to < start || to == end ? '_' : text.charAt(to);
        if (c < 128) {
          if (c >= 'A' && c <= 'Z') {
            c += 32;
          }
        } else {
          c = Character.toLowerCase((char) c);
        }
        hash = (hash ^ c) * PRIME;
        if (to - from >= 2 && runCount < runs.length) {
          runs[runCount++] = CHAR_START + (mix(hash) >>> 9 & CHAR_BUCKETS - 1);
        }
      }
    }
  }

  /** The word in lower case that began at one of {@link #wordAt}. */
  String word(int start) {
    int end = start;
    while (end < length && Character.isLetterOrDigit(text.charAt(end)) && end - start < 40) {
      end++;
    }
    return text.substring(start, end).toLowerCase(Locale.ROOT);
  }

  private static final int SEED = 0x811C9DC5;
  private static final int PRIME = 0x01000193;

  /** Of a word in lower case, as {@link #read} counts it. */
  static int hash(String word) {
    int hash = SEED;
    for (int i = 0; i < word.length(); i++) {
      hash = (hash ^ word.charAt(i)) * PRIME;
    }
    return mix(hash);
  }

  private static int mix(int hash) {
    int mixed = (hash ^ hash >>> 16) * 0x85EBCA6B;
    mixed = (mixed ^ mixed >>> 13) * 0xC2B2AE35;
    return mixed ^ mixed >>> 16;
  }

  /** Where a word of that hash is, or a free slot. */
  private static int slot(int hash) {
    int slot = hash & TABLE - 1;
    while (LIST_OF[slot] != FREE && LIST_HASH[slot] != hash) {
      slot = slot + 1 & TABLE - 1;
    }
    return slot;
  }

  private static float log(int count) {
    return (float) Math.log1p(Math.max(0, count));
  }
}
