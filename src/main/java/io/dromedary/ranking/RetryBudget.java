package io.dromedary.ranking;

/**
 * How many retries a provider's recent calls allow: a fifth of them, and three in any case, per ten seconds. Under a total outage a provider so sees 1.2 times the requests and not a multiple (the idea: Finagle's RetryBudget; Google SRE
 * book, ch. 21 "Handling Overload").
 */
final class RetryBudget {
  private static final long WINDOW_NANOS = 10_000_000_000L;
  private static final int MIN = 3;
  private static final int CALLS_PER_RETRY = 5;

  private long windowStart = System.nanoTime();
  private int calls;
  private int retries;

  synchronized void called() {
    roll();
    calls++;
  }

  synchronized boolean takeRetry() {
    roll();
    if (retries >= Math.max(MIN, calls / CALLS_PER_RETRY)) {
      return false;
    }
    retries++;
    return true;
  }

  private void roll() {
    long now = System.nanoTime();
    if (now - windowStart > WINDOW_NANOS) {
      windowStart = now;
      calls = 0;
      retries = 0;
    }
  }
}
