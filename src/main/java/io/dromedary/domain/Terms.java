package io.dromedary.domain;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Weighted terms by label, found in one pass over a text without copying a word of it.
 *
 * <p>Words are told apart by a 64-bit hash of their lower-case letters (FNV-1a), phrases by a mixture of their words' hashes, beginnings of words by the hash on the way through them; all three look into open-addressed tables of
 * longs. Two terms with one hash would be one term: with some thousand terms the odds are one in 10^12.
 */
final class Terms {
  /** Words of the longest phrase. */
  static final int LONGEST_PHRASE = 4;
  private static final int SHORTEST_STEM = 3;
  private static final long OFFSET = 0xcbf29ce484222325L;
  private static final long PRIME = 0x100000001b3L;
  /** A term said again counts less each time. */
  private static final double[] REPEATED = {1, 0.4, 0.2};
  /** What stands before a request's own first word: "could you please". */
  private static final long[] POLITE = hashes("please", "can", "could", "would", "will", "you", "i", "want", "need", "to", "help", "me", "kindly", "now", "then", "ok", "okay", "and", "also", "let", "us", "lets", "d", "like", "just", "quickly", "so",
      "your", "task", "is");
  private static final int MOST_POLITE = 8;

  private final long[] keys;
  private final int[] entries;
  private final long[] stemKeys;
  private final int[] stemEntries;
  private final long[] leadKeys;
  private final int[] leadEntries;
  private final int[] labels;
  private final double[] weights;

  /** What is known of one term. */
  record Term(String text, int label, double weight, boolean lead) {}

  Terms(List<Term> terms) {
    List<long[]> words = new ArrayList<>();
    List<long[]> stems = new ArrayList<>();
    List<long[]> leads = new ArrayList<>();
    labels = new int[terms.size()];
    weights = new double[terms.size()];
    for (int i = 0; i < terms.size(); i++) {
      Term term = terms.get(i);
      labels[i] = term.label();
      weights[i] = term.weight();
      boolean stem = term.text().endsWith("*");
      long key = key(stem ? term.text().substring(0, term.text().length() - 1) : term.text());
      (term.lead() ? leads : stem ? stems : words).add(new long[] {key, i});
    }
    keys = new long[size(words)];
    entries = new int[keys.length];
    fill(words, keys, entries);
    stemKeys = new long[size(stems)];
    stemEntries = new int[stemKeys.length];
    fill(stems, stemKeys, stemEntries);
    leadKeys = new long[size(leads)];
    leadEntries = new int[leadKeys.length];
    fill(leads, leadKeys, leadEntries);
  }

  /** How many words a term has as this class reads it; 0 for one that can never be found. */
  static int words(String term) {
    int words = 0;
    boolean inside = false;
    for (int i = 0; i < term.length(); i++) {
      boolean part = isPart(term, i, inside);
      if (part && !inside) {
        words++;
      }
      inside = part;
    }
    return words;
  }

  private static long key(String term) {
    long phrase = 0;
    long word = OFFSET;
    boolean inside = false;
    for (int i = 0; i <= term.length(); i++) {
      boolean part = i < term.length() && isPart(term, i, inside);
      if (part) {
        word = (word ^ lower(term.charAt(i))) * PRIME;
      } else if (inside) {
        phrase = phrase == 0 ? word : mix(phrase, word);
        word = OFFSET;
      }
      inside = part;
    }
    return phrase;
  }

  private static long[] hashes(String... words) {
    long[] hashes = new long[words.length];
    for (int i = 0; i < words.length; i++) {
      hashes[i] = key(words[i]);
    }
    Arrays.sort(hashes);
    return hashes;
  }

  private static int size(List<long[]> terms) {
    return Integer.highestOneBit(Math.max(8, terms.size() * 2)) * 2;
  }

  /** Several labels may have the same term: each has a place of its own in the run of equal keys. */
  private static void fill(List<long[]> terms, long[] keys, int[] entries) {
    for (long[] term : terms) {
      int at = slot(term[0], keys.length);
      while (keys[at] != 0) {
        at = at + 1 & keys.length - 1;
      }
      keys[at] = term[0];
      entries[at] = (int) term[1];
    }
  }

  private static int slot(long key, int length) {
    return (int) (key ^ key >>> 29 ^ key >>> 47) & length - 1;
  }

  private static long mix(long phrase, long word) {
    return (phrase * 31 + 0x9e3779b97f4a7c15L ^ word) * PRIME;
  }

  private static char lower(char c) {
    return c < 128 ? c >= 'A' && c <= 'Z' ? (char) (c + 32) : c : Character.toLowerCase(c);
  }

  private static boolean isPart(CharSequence text, int at, boolean inside) {
    char c = text.charAt(at);
    if (c < 128) {
      return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || inside && (c == '+' || c == '#');
    }
    return Character.isLetterOrDigit(c);
  }

  /** Sums by label, over several texts with weights of their own. One per request. */
  final class Count {
    private final double[] sums;
    private final byte[] seen = new byte[labels.length];
    int words;

    Count(int labelCount) {
      this.sums = new double[labelCount];
    }

    double[] sums() {
      return sums;
    }

    /**
     * Counts what is in a part of a text.
     *
     * @param times weight of the text
     * @param leads whether the terms that open a request count here
     */
    void text(String text, int from, int to, double times, boolean leads) {
      long word = OFFSET;
      long second = 0;
      long third = 0;
      long fourth = 0;
      boolean inside = false;
      int letters = 0;
      // a request may begin with any of its first words as long as those before are mere politeness
      long[] openings = leads ? new long[MOST_POLITE] : null;
      int begun = 0;
      int wordsSoFar = 0;
      boolean polite = leads;
      for (int i = from; i <= to; i++) {
        boolean part = i < to && isPart(text, i, inside);
        if (part) {
          word = (word ^ lower(text.charAt(i))) * PRIME;
          if (++letters >= SHORTEST_STEM) {
            found(stemKeys, stemEntries, word, times);
            if (second != 0) {
              found(stemKeys, stemEntries, mix(second, word), times);
            }
          }
        } else if (inside) {
          words++;
          found(keys, entries, word, times);
          long two = second == 0 ? 0 : mix(second, word);
          long three = third == 0 ? 0 : mix(third, word);
          long four = fourth == 0 ? 0 : mix(fourth, word);
          if (two != 0) {
            found(keys, entries, two, times);
          }
          if (three != 0) {
            found(keys, entries, three, times);
          }
          if (four != 0) {
            found(keys, entries, four, times);
          }
          if (openings != null) {
            if (polite && begun < MOST_POLITE) {
              openings[begun++] = 0;
              polite = Arrays.binarySearch(POLITE, word) >= 0;
            }
            wordsSoFar++;
            for (int o = Math.max(0, wordsSoFar - LONGEST_PHRASE); o < begun; o++) {
              openings[o] = openings[o] == 0 ? word : mix(openings[o], word);
              found(leadKeys, leadEntries, openings[o], times);
            }
            if (wordsSoFar >= MOST_POLITE + LONGEST_PHRASE) {
              openings = null;
            }
          }
          fourth = three;
          third = two;
          second = word;
          word = OFFSET;
          letters = 0;
        }
        inside = part;
      }
    }

    private void found(long[] table, int[] values, long key, double times) {
      int at = slot(key, table.length);
      while (table[at] != 0) {
        if (table[at] == key) {
          int term = values[at];
          int before = seen[term];
          if (before < REPEATED.length) {
            seen[term]++;
            sums[labels[term]] += weights[term] * REPEATED[before] * times;
          }
        }
        at = at + 1 & table.length - 1;
      }
    }
  }
}
