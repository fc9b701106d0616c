package io.dromedary.limit;

import io.github.bucket4j.Bandwidth;
import io.github.bucket4j.BucketConfiguration;
import java.time.Duration;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * One count with a limit: requests or tokens of a period, the most of them in one burst, or requests at once.
 *
 * @param id names it within its book, such as {@code requests/minute}
 * @param limit the most it may count; of a burst, its size
 * @param config Bucket4j's bucket, null for what counts at once: nothing refills there
 */
record Gauge(String id, Unit unit, @Nullable Period per, boolean burst, long limit, @Nullable BucketConfiguration config) {
  /** The id of what counts at once. */
  static final String PLACES = "at-once";

  /** What is counted. */
  enum Unit {
    REQUESTS,
    TOKENS,
    /** Requests under way. */
    AT_ONCE
  }

  /** What it is counted in. */
  enum Period {
    SECOND(Duration.ofSeconds(1)),
    MINUTE(Duration.ofMinutes(1)),
    HOUR(Duration.ofHours(1)),
    DAY(Duration.ofDays(1));

    private final Duration length;

    Period(Duration length) {
      this.length = length;
    }

    String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** So many in each period: a window that opens with the first request and is full again, at once, when it is over. */
  static Gauge window(Unit unit, Period per, long limit) {
    return new Gauge(word(unit) + "/" + per.word(), unit, per, false, limit, bucket(Bandwidth.builder().capacity(limit).refillIntervally(limit, per.length).build()));
  }

  /** So many in one go, refilled evenly over the period. */
  static Gauge burst(Unit unit, Period per, long limit, long burst) {
    return new Gauge(word(unit) + "/" + per.word() + "/burst", unit, per, true, burst, bucket(Bandwidth.builder().capacity(burst).refillGreedy(limit, per.length).build()));
  }

  static Gauge atOnce(long limit) {
    return new Gauge(PLACES, Unit.AT_ONCE, null, false, limit, null);
  }

  private static BucketConfiguration bucket(Bandwidth bandwidth) {
    return BucketConfiguration.builder().addLimit(bandwidth).build();
  }

  private static String word(Unit unit) {
    return unit.name().toLowerCase(Locale.ROOT);
  }

  /** As in {@code 600 requests a minute}. */
  String words(long amount) {
    return unit == Unit.AT_ONCE ? amount + " requests at once" : amount + " " + word(unit) + (burst ? " in one burst" : (per == Period.HOUR ? " an " : " a ") + per.word());
  }
}
