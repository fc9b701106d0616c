package io.dromedary.capacity;

import io.dromedary.chat.Usd;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;

/**
 * Capacity that was bought.
 *
 * @param model {@code provider/name}
 * @param perHour what it costs, used or not
 * @param requestsPerMinute what may be used of it, 0 for no limit of this kind; likewise tokens
 * @param buysMore true when calls beyond it are bought at the list price, false when they go to the next candidate
 * @param since the first day it is paid for, UTC
 */
public record Commitment(String model, Usd perHour, long requestsPerMinute, long tokensPerMinute, boolean buysMore, LocalDate since) {
  /** What it costs between two moments, by the second. */
  public Usd cost(Instant from, Instant to) {
    Instant begun = since.atStartOfDay(ZoneOffset.UTC).toInstant();
    Instant start = begun.isAfter(from) ? begun : from;
    long seconds = start.isBefore(to) ? Duration.between(start, to).toSeconds() : 0;
    return Usd.of(perHour.dollars().multiply(java.math.BigDecimal.valueOf(seconds)).divide(java.math.BigDecimal.valueOf(3_600), 9, java.math.RoundingMode.HALF_UP));
  }
}
