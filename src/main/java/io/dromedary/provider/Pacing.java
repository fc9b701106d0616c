package io.dromedary.provider;

/**
 * When an account is asked less, before it refuses.
 *
 * @param nearlySpent the share of its own limit, as its answers tell it, below which an account is asked last until that limit is whole again; 0 for never
 * @param byLatency whether its calls at once are fitted to its latency
 * @param least calls at once that are left to it in any case
 * @param tolerance how many times its usual latency is taken for usual
 */
public record Pacing(double nearlySpent, boolean byLatency, int least, double tolerance) {
  public static final Pacing OFF = new Pacing(0, false, 1, 2);

  public Pacing {
    if (!(nearlySpent >= 0 && nearlySpent <= 1)) {
      throw new IllegalArgumentException("dromedary.pacing.nearly-spent = " + nearlySpent + ": must be from 0 to 1");
    }
    if (least < 1) {
      throw new IllegalArgumentException("dromedary.pacing.least = " + least + ": must be at least 1");
    }
    if (!(tolerance >= 1 && tolerance <= 10)) {
      throw new IllegalArgumentException("dromedary.pacing.tolerance = " + tolerance + ": must be from 1 to 10");
    }
  }
}
