package io.dromedary.provider;

import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The permits of one account's calls, and what makes them fewer.
 *
 * <p>What is left of the provider's own limits is in its answers' headers. An account that is nearly spent is passed over while others remain, until its limit is whole again, and its permits shrink with what is left, so that its last
 * requests go to those who have no other choice.
 *
 * <p>By latency: the Gradient2 algorithm of Netflix's concurrency-limits (Eran Landau, William Thurston, Tim Bozarth, 2018). The permits follow the ratio of usual to present latency, smoothed, plus a small allowance for a queue; a
 * call that failed for load takes a tenth. Whole answers and first tokens have each a usual latency of their own.
 */
final class AccountPace {
  private static final Duration LONGEST = Duration.ofMinutes(1);
  private static final double SCARCE = 0.2;
  private static final double SMOOTHING = 0.2;
  private static final int USUAL_OVER = 600;
  private static final int WARM_UP = 10;
  private static final String[] OPENAI = {"requests", "tokens"};
  private static final String[] ANTHROPIC = {"requests", "tokens", "input-tokens", "output-tokens"};

  /** A semaphore that can be made smaller than what is taken of it. */
  private static final class Permits extends Semaphore {
    Permits(int permits) {
      super(permits);
    }

    void shrink(int by) {
      reducePermits(by);
    }
  }

  private final int most;
  private final Pacing pacing;
  private final Permits permits;
  private final double[] usual = new double[2];
  private final int[] samples = new int[2];
  private double byLatency;
  private double byQuota = 1;
  private int now;
  private volatile boolean nearlySpent;
  private volatile long wholeAgainNanos;

  AccountPace(int most, Pacing pacing) {
    this.most = most;
    this.pacing = pacing;
    this.permits = new Permits(most);
    this.byLatency = most;
    this.now = most;
  }

  boolean enter(long waitNanos) throws InterruptedException {
    return permits.tryAcquire() || permits.tryAcquire(waitNanos, TimeUnit.NANOSECONDS);
  }

  void leave() {
    permits.release();
  }

  synchronized int inFlight() {
    return now - permits.availablePermits();
  }

  /** How many calls it may have at once now. */
  synchronized int limit() {
    return now;
  }

  /** Is it better to ask another? */
  boolean nearlySpent() {
    if (nearlySpent && System.nanoTime() - wholeAgainNanos >= 0) {
      whole();
    }
    return nearlySpent;
  }

  private synchronized void whole() {
    nearlySpent = false;
    byQuota = 1;
    resize();
  }

  /** Reads what an answer's headers tell of the account's limits. @param header by name in lower case, null when there is none */
  void heard(UnaryOperator<@Nullable String> header) {
    if (pacing.nearlySpent() == 0) {
      return;
    }
    double least = 1;
    Duration wholeAgain = null;
    boolean told = false;
    boolean anthropic = header.apply("anthropic-ratelimit-requests-limit") != null;
    for (String what : anthropic ? ANTHROPIC : OPENAI) {
      String limit = header.apply(anthropic ? "anthropic-ratelimit-" + what + "-limit" : "x-ratelimit-limit-" + what);
      String left = limit == null ? null : header.apply(anthropic ? "anthropic-ratelimit-" + what + "-remaining" : "x-ratelimit-remaining-" + what);
      double share = share(left, limit);
      if (share >= 0) {
        told = true;
        if (share < least) {
          least = share;
          wholeAgain = wait(header.apply(anthropic ? "anthropic-ratelimit-" + what + "-reset" : "x-ratelimit-reset-" + what));
        }
      }
    }
    if (told) {
      quota(least, wholeAgain == null ? Duration.ofSeconds(1) : wholeAgain.compareTo(LONGEST) > 0 ? LONGEST : wholeAgain);
    }
  }

  private synchronized void quota(double share, Duration wholeAgain) {
    wholeAgainNanos = System.nanoTime() + wholeAgain.toNanos();
    nearlySpent = share < pacing.nearlySpent();
    byQuota = nearlySpent ? Math.min(1, share / SCARCE) : 1;
    resize();
  }

  /** A call was answered after so long. @param kind 0 for a whole answer, 1 for a first token */
  void took(int kind, long nanos) {
    if (!pacing.byLatency()) {
      return;
    }
    synchronized (this) {
      samples[kind]++;
      double before = usual[kind];
      usual[kind] = before == 0 ? nanos : before + (nanos - before) / Math.min(USUAL_OVER, samples[kind]);
      if (samples[kind] <= WARM_UP || inFlight() * 2 < now) {
        // Too little is known, or so little is under way that latency says nothing of load.
        return;
      }
      double gradient = Math.max(0.5, Math.min(1, pacing.tolerance() * usual[kind] / nanos));
      double wanted = byLatency * gradient + Math.sqrt(byLatency);
      byLatency = Math.max(pacing.least(), Math.min(most, byLatency * (1 - SMOOTHING) + wanted * SMOOTHING));
      resize();
    }
  }

  /** A call failed for load: refused as too many, or not answered in time. */
  void overloaded() {
    if (pacing.byLatency()) {
      synchronized (this) {
        byLatency = Math.max(pacing.least(), byLatency * 0.9);
        resize();
      }
    }
  }

  private void resize() {
    int wanted = Math.max(Math.min(most, pacing.least()), (int) Math.round(byLatency * byQuota));
    if (wanted > now) {
      permits.release(wanted - now);
    } else if (wanted < now) {
      permits.shrink(now - wanted);
    }
    now = wanted;
  }

  private static double share(@Nullable String left, @Nullable String limit) {
    if (left == null || limit == null) {
      return -1;
    }
    try {
      double all = Double.parseDouble(limit.strip());
      double rest = Double.parseDouble(left.strip());
      return all > 0 && rest >= 0 ? Math.min(1, rest / all) : -1;
    } catch (NumberFormatException notANumber) {
      return -1;
    }
  }

  /** OpenAI's {@code 6m0s}, {@code 8.64s}, {@code 20ms}, Anthropic's instant, or plain seconds; null for anything else. */
  static @Nullable Duration wait(@Nullable String reset) {
    if (reset == null || reset.isBlank() || reset.length() > 40) {
      return null;
    }
    String text = reset.strip();
    try {
      if (text.indexOf('T') > 0) {
        Duration until = Duration.between(Instant.now(), Instant.parse(text));
        return until.isNegative() ? Duration.ZERO : until;
      }
      if (text.endsWith("ms")) {
        return Refusals.duration(text.substring(0, text.length() - 2), 1);
      }
      if (Character.isDigit(text.charAt(text.length() - 1))) {
        return Refusals.duration(text, 1_000);
      }
      int days = text.indexOf('d');
      Duration whole = days < 0 ? Duration.ZERO : Duration.ofDays(Long.parseLong(text.substring(0, days)));
      return whole.plus(days == text.length() - 1 ? Duration.ZERO : Duration.parse("PT" + text.substring(days + 1)));
    } catch (DateTimeException | NumberFormatException | ArithmeticException odd) {
      return null;
    }
  }
}
