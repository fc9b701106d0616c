package io.dromedary.cache;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * The prompts that may answer for each other, found by their vectors.
 *
 * <p>Exact but for one step: each vector has a sketch of one bit per dimension, its signs. The bits in which two sketches differ tell the angle between the vectors (Charikar, "Similarity Estimation Techniques from Rounding
 * Algorithms", STOC 2002), at six XORs a prompt, so a look-up reads all sketches in a row and computes the cosine for the nearest few alone. 100,000 prompts are 4.8 MB of sketches and a millisecond: within reach of a graph (HNSW),
 * and unlike one it deletes in place, is found by no approximation that depends on the order of insertion, and is cheap to fill.
 */
final class Partition {
  private static final int WORDS = 6;
  static final int DIMENSIONS = 64 * WORDS;
  /** Vectors computed exactly for each look-up. */
  private static final int SHORT_LIST = 48;

  /** A prompt that is near another. */
  record Near(SemanticEntry entry, double similarity) {}

  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private final Map<String, Integer> places = new HashMap<>();
  private long[] sketches = new long[WORDS * 16];
  private SemanticEntry[] entries = new SemanticEntry[16];
  private int size;

  static long[] sketch(float[] vector) {
    long[] sketch = new long[WORDS];
    for (int i = 0; i < DIMENSIONS; i++) {
      if (vector[i] > 0) {
        sketch[i >> 6] |= 1L << (i & 63);
      }
    }
    return sketch;
  }

  /** In the place of one with the same key, if there is one. */
  void put(SemanticEntry entry) {
    long[] sketch = sketch(entry.vector());
    lock.writeLock().lock();
    try {
      Integer known = places.get(entry.key());
      int place = known == null ? size++ : known;
      if (place == entries.length) {
        entries = Arrays.copyOf(entries, 2 * place);
        sketches = Arrays.copyOf(sketches, 2 * place * WORDS);
      }
      places.put(entry.key(), place);
      entries[place] = entry;
      System.arraycopy(sketch, 0, sketches, place * WORDS, WORDS);
    } finally {
      lock.writeLock().unlock();
    }
  }

  /** The last one takes its place. */
  void remove(SemanticEntry entry) {
    lock.writeLock().lock();
    try {
      Integer place = places.get(entry.key());
      if (place == null || entries[place] != entry) {
        return;
      }
      places.remove(entry.key());
      int last = --size;
      if (place != last) {
        entries[place] = entries[last];
        System.arraycopy(sketches, last * WORDS, sketches, place * WORDS, WORDS);
        places.put(entries[place].key(), place);
      }
      entries[last] = null;
    } finally {
      lock.writeLock().unlock();
    }
  }

  int size() {
    return size;
  }

  /** The nearest, nearest first. */
  List<Near> nearest(float[] vector, int most) {
    long[] wanted = sketch(vector);
    List<Near> near = new ArrayList<>();
    lock.readLock().lock();
    try {
      for (int place : shortList(wanted)) {
        near.add(new Near(entries[place], entries[place].cosine(vector)));
      }
    } finally {
      lock.readLock().unlock();
    }
    near.sort((a, b) -> Double.compare(b.similarity(), a.similarity()));
    return near.size() <= most ? near : near.subList(0, most);
  }

  /** Places of those whose sketches differ in the fewest bits. */
  private int[] shortList(long[] wanted) {
    int most = Math.min(SHORT_LIST, size);
    // distance and place in one number; kept sorted by insertion: almost all fail the first comparison
    long[] best = new long[most];
    int held = 0;
    int limit = Integer.MAX_VALUE;
    for (int place = 0, at = 0; place < size; place++, at += WORDS) {
      int distance = Long.bitCount(sketches[at] ^ wanted[0]) + Long.bitCount(sketches[at + 1] ^ wanted[1]) + Long.bitCount(sketches[at + 2] ^ wanted[2])
          + Long.bitCount(sketches[at + 3] ^ wanted[3]) + Long.bitCount(sketches[at + 4] ^ wanted[4]) + Long.bitCount(sketches[at + 5] ^ wanted[5]);
      if (distance >= limit) {
        continue;
      }
      int slot = held < most ? held++ : most - 1;
      while (slot > 0 && best[slot - 1] >> 32 > distance) {
        best[slot] = best[slot - 1];
        slot--;
      }
      best[slot] = (long) distance << 32 | place;
      limit = held < most ? Integer.MAX_VALUE : (int) (best[most - 1] >> 32);
    }
    int[] places = new int[held];
    for (int i = 0; i < held; i++) {
      places[i] = (int) best[i];
    }
    return places;
  }
}
