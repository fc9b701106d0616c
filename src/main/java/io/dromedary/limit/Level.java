package io.dromedary.limit;

/**
 * How a gauge stands after a claim, granted or not.
 *
 * @param remaining what is left of what is allowed; below zero when more was used than was thought
 * @param resetNanos until it is whole again
 * @param waitNanos until the claim would be granted: 0 if it was, {@link #NEVER} if it is larger than the limit
 * @param until of what was taken, when giving it back would be in vain: the window's end in the book's own time
 * @param own it was taken of this node's own share, while the store that all nodes share was away
 */
record Level(Claim claim, long remaining, long resetNanos, long waitNanos, long until, boolean own) {
  static final long NEVER = Long.MAX_VALUE;

  Level(Claim claim, long remaining, long resetNanos, long waitNanos, long until) {
    this(claim, remaining, resetNanos, waitNanos, until, false);
  }

  Level asOwn() {
    return new Level(claim, remaining, resetNanos, waitNanos, until, true);
  }

  boolean denied() {
    return waitNanos > 0;
  }

  /** What is to be given back of it (below zero: taken in addition). */
  Return back(long amount) {
    return new Return(claim.book(), claim.gauge(), amount, until, own);
  }

  /** What is used of what is allowed. */
  long used() {
    return Math.max(0, claim.allowed() - remaining);
  }

  /** What is left, never below zero. */
  long left() {
    return Math.max(0, remaining);
  }
}
