package io.dromedary.chat;

/** A place from 0 up to 1 for a name: the same on every node and after every restart, evenly spread, and unlike the place of the same name under another salt. FNV-1a, finished as in SplitMix64. */
public final class StableHash {
  private StableHash() {}

  public static double place(String salt, String name) {
    long hash = fnv(fnv(0xcbf29ce484222325L, salt) * 0x100000001b3L, name);
    hash = (hash ^ hash >>> 30) * 0xbf58476d1ce4e5b9L;
    hash = (hash ^ hash >>> 27) * 0x94d049bb133111ebL;
    return ((hash ^ hash >>> 31) >>> 11) * 0x1.0p-53;
  }

  private static long fnv(long hash, String text) {
    for (int i = 0; i < text.length(); i++) {
      hash = (hash ^ text.charAt(i)) * 0x100000001b3L;
    }
    return hash;
  }
}
