package io.dromedary.feedback;

/**
 * What was seen of a model at one kind of request: sums that fade, as of a moment.
 *
 * @param good sum of the scores that callers gave, 0..1 each
 * @param told how many scores that were
 * @param sound answers that nothing was wrong with, as far as the gateway saw
 * @param unsound errors, junk, escalations, answers that were asked for again
 * @param atMs the moment, epoch milliseconds
 */
record Tally(double good, double told, double sound, double unsound, long atMs) {
  static final Tally NONE = new Tally(0, 0, 0, 0, 0);

  /** As it counts at a later moment. */
  Tally at(long nowMs, double halfLifeMs) {
    if (nowMs <= atMs) {
      return this;
    }
    double left = Math.pow(0.5, (nowMs - atMs) / halfLifeMs);
    return new Tally(good * left, told * left, sound * left, unsound * left, nowMs);
  }

  Tally plus(double moreGood, double moreTold, double moreSound, double moreUnsound) {
    return new Tally(good + moreGood, told + moreTold, sound + moreSound, unsound + moreUnsound, atMs);
  }

  /** Both, which must be of one moment. */
  Tally plus(Tally other) {
    return new Tally(good + other.good, told + other.told, sound + other.sound, unsound + other.unsound, Math.max(atMs, other.atMs));
  }

  /** What is not in {@code part}; never below nothing, whatever was rounded. */
  Tally without(Tally part) {
    return new Tally(Math.max(0, good - part.good), Math.max(0, told - part.told), Math.max(0, sound - part.sound), Math.max(0, unsound - part.unsound), atMs);
  }

  /** Old observations make room for new ones, so that a model that changed is seen to have changed: no more than {@code most} of each kind are remembered. */
  Tally atMost(double most) {
    double scores = told > most ? most / told : 1;
    double signs = sound + unsound > most ? most / (sound + unsound) : 1;
    return scores == 1 && signs == 1 ? this : new Tally(good * scores, told * scores, sound * signs, unsound * signs, atMs);
  }

  double signs() {
    return sound + unsound;
  }
}
