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

  /** A mean, after Student: wider than the normal distribution has it where values are few. Of fewer than two nothing is known. */
  static Interval mean(double mean, double deviation, long of) {
    double half = of < 2 ? Double.POSITIVE_INFINITY : student(of - 1) * deviation / Math.sqrt(of);
    return new Interval(of == 0 ? Double.NaN : mean, mean - half, mean + half);
  }

  /** The 97.5 % point of Student's distribution: Fisher's series in 1/n (Abramowitz and Stegun 26.7.5), which is short by less than 0.004 from three degrees of freedom on; the first two are known. */
  private static double student(long freedom) {
    if (freedom < 3) {
      return freedom == 1 ? 12.706205 : 4.302653;
    }
    double z2 = Z * Z;
    double n = freedom;
    return Z + Z * (z2 + 1) / (4 * n) + Z * ((5 * z2 + 16) * z2 + 3) / (96 * n * n) + Z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / (384 * n * n * n)
        + Z * ((((79 * z2 + 776) * z2 + 1482) * z2 - 1920) * z2 - 945) / (92160 * n * n * n * n);
  }

  /** The same, where nothing beyond can be. */
  Interval within(double least, double most) {
    return new Interval(value, Math.max(least, low), Math.min(most, high));
  }

  /** How much more than another; the intervals' halves add up as the sides of a right angle. */
  Interval minus(Interval other) {
    double difference = value - other.value;
    double low = Math.hypot(value - this.low, other.high - other.value);
    double high = Math.hypot(this.high - value, other.value - other.low);
    return new Interval(difference, difference - low, difference + high);
  }
}
