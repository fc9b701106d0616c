package io.dromedary.capacity;

import java.time.Clock;

/** How much of one commitment this node has used in the minute of the clock: all counted at the start of a call, what it did not need given back within the minute. */
final class Meter {
  private static final long MINUTE_MS = 60_000;

  private final Commitment commitment;
  private final Clock clock;
  private long minute;
  private long requests;
  private long tokens;
  private long taken;
  private long spilled;

  Meter(Commitment commitment, Clock clock) {
    this.commitment = commitment;
    this.clock = clock;
  }

  Commitment commitment() {
    return commitment;
  }

  private void turn() {
    long now = clock.millis() / MINUTE_MS;
    // a clock that goes back gives nothing again
    if (now > minute) {
      minute = now;
      requests = 0;
      tokens = 0;
    }
  }

  private boolean fits(long atMost) {
    return (commitment.requestsPerMinute() == 0 || requests < commitment.requestsPerMinute()) && (commitment.tokensPerMinute() == 0 || tokens + atMost <= commitment.tokensPerMinute());
  }

  synchronized boolean isFree() {
    turn();
    return fits(1);
  }

  /** @return the minute it was taken in, -1 if there is not so much left */
  synchronized long take(long atMost) {
    turn();
    if (!fits(atMost)) {
      spilled++;
      return -1;
    }
    requests++;
    tokens += atMost;
    taken++;
    return minute;
  }

  synchronized void used(long inMinute, long atMost, long needed) {
    if (inMinute == minute) {
      tokens = Math.max(0, tokens - atMost + needed);
    }
  }

  /** The part of this minute's capacity that is used, 0..1 and above. */
  synchronized double utilisation() {
    turn();
    double byRequests = commitment.requestsPerMinute() == 0 ? 0 : (double) requests / commitment.requestsPerMinute();
    double byTokens = commitment.tokensPerMinute() == 0 ? 0 : (double) tokens / commitment.tokensPerMinute();
    return Math.max(byRequests, byTokens);
  }

  synchronized long taken() {
    return taken;
  }

  synchronized long spilled() {
    return spilled;
  }

  long secondsToNext() {
    return (MINUTE_MS - clock.millis() % MINUTE_MS + 999) / 1_000;
  }
}
