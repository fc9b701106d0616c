package io.dromedary.spend;

import java.time.Clock;

/**
 * Hands out the ledger's keys: numbers that grow with time, are unique among nodes, and leave room for a request's attempts.
 *
 * <p>From the top: 40 bits of milliseconds since 2025, 8 bits of the node's slot, 9 bits of a counter, 6 bits of the attempt's number (0 is the request itself). Keys that grow keep the
 * stores' trees append-only, which is what makes a write cheap; and a span of time is a span of keys, so that reports and purges need no index of their own. Used by one thread.
 */
final class Sequence {
  /** The highest number an attempt may have. */
  static final int MAX_ATTEMPT = 63;
  /** Slots that nodes may take. */
  static final int SLOTS = 256;
  private static final long START_MS = 1_735_689_600_000L;

  private final Clock clock;
  private final int slot;
  private long lastMs;
  private int counter;

  Sequence(Clock clock, int slot, long highestKnown) {
    this.clock = clock;
    this.slot = slot;
    this.lastMs = Math.max(clock.millis() - START_MS, (highestKnown >>> 23) + 1);
  }

  int slot() {
    return slot;
  }

  /** A new request's key. Never goes back, even if the clock does. */
  long next() {
    long now = clock.millis() - START_MS;
    if (now > lastMs) {
      lastMs = now;
      counter = 0;
    } else if (++counter == 512) {
      lastMs++;
      counter = 0;
    }
    return lastMs << 23 | (long) slot << 15 | (long) counter << 6;
  }

  /** No later key is lower than this one. */
  long floor() {
    return lastMs << 23;
  }

  /** The lowest key of that moment. */
  static long at(long epochMs) {
    return Math.max(0, epochMs - START_MS) << 23;
  }

  /** The moment of a key. */
  static long millis(long seq) {
    return (seq >>> 23) + START_MS;
  }

  /** The key of the request that the attempt's key belongs to. */
  static long request(long seq) {
    return seq & ~(long) MAX_ATTEMPT;
  }
}
