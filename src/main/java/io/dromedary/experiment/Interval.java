package io.dromedary.experiment;

/** An estimate with its 95 % interval. Requests are taken to be independent of each other. */
record Interval(double value, double low, double high) {
  private static final double Z = 1.959964;

  /** A share of successes, after Wilson (1927): right also near 0 and 1 and for few requests. */
  static Interval share(long successes, long of) {
    if (of == 0) {
      return new Interval(Double.NaN, 0, 1);
    }
    double p = (double) successes / of;
    double z2 = Z * Z;
    double centre = (p + z2 / (2 * of)) / (1 + z2 / of);
    double half = Z / (1 + z2 / of) * Math.sqrt(p * (1 - p) / of + z2 / (4.0 * of * of));
    return new Interval(p, Math.max(0, centre - half), Math.min(1, centre + half));
  }

  /** A mean, by the normal distribution; of fewer than two values nothing is known. */
  static Interval mean(double mean, double deviation, long of) {
    double half = of < 2 ? Double.POSITIVE_INFINITY : Z * deviation / Math.sqrt(of);
    return new Interval(of == 0 ? Double.NaN : mean, mean - half, mean + half);
  }

  /** How much more than another; the intervals' halves add up as the sides of a right angle. */
  Interval minus(Interval other) {
    double difference = value - other.value;
    double low = Math.hypot(value - this.low, other.high - other.value);
    double high = Math.hypot(this.high - value, other.value - other.low);
    return new Interval(difference, difference - low, difference + high);
  }
}
