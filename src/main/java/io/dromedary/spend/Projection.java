package io.dromedary.spend;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * What a month will have cost when it ends, from what whole days cost so far.
 *
 * <p>The mean of the days looked at goes on, without weekdays or trend: a month is four weeks, so that weekdays come out nearly even, and a trend from a few days errs more than it helps. The interval holds 80 of 100 such months by
 * bootstrap: a mean of days drawn with replacement, which tells how sure the mean is, plus for each day to come a residual drawn from the days, which tells how they scatter (Efron, 1979). The draws are the same ones each time, so that
 * the same ledger gives the same figure.
 *
 * @param expected nano-dollars in the whole month
 * @param low the lower end, never below what is spent
 * @param high the upper end
 * @param days how many whole days that rests on
 */
record Projection(long expected, long low, long high, int days) {
  static final int MIN_DAYS = 3;
  static final int MAX_DAYS = 28;
  private static final int DRAWS = 2_000;

  /**
   * Projects.
   *
   * @param days what each whole day cost, newest last
   * @param spent this month so far, today included
   * @param daysLeft whole days after today
   * @param todayLeft the part of today that is left, 0..1
   * @return null with fewer than {@link #MIN_DAYS} days
   */
  static @Nullable Projection of(long[] days, long spent, int daysLeft, double todayLeft) {
    if (days.length < MIN_DAYS) {
      return null;
    }
    double mean = Arrays.stream(days).asDoubleStream().average().orElse(0);
    double rest = daysLeft + todayLeft;
    SplittableRandom random = new SplittableRandom(1979);
    double[] sums = new double[DRAWS];
    for (int draw = 0; draw < DRAWS; draw++) {
      double drawn = 0;
      for (int i = 0; i < days.length; i++) {
        drawn += days[random.nextInt(days.length)];
      }
      double sum = drawn / days.length * rest;
      for (int i = 0; i < daysLeft; i++) {
        sum += days[random.nextInt(days.length)] - mean;
      }
      sum += (days[random.nextInt(days.length)] - mean) * todayLeft;
      sums[draw] = Math.max(0, sum);
    }
    Arrays.sort(sums);
    return new Projection(spent + Math.round(mean * rest), spent + Math.round(sums[DRAWS / 10]), spent + Math.round(sums[DRAWS - DRAWS / 10]), days.length);
  }
}
