package io.dromedary.budget;

import java.time.DayOfWeek;
import java.time.LocalDate;
import java.time.ZoneId;
import java.time.temporal.IsoFields;
import java.time.temporal.TemporalAdjusters;
import java.util.Locale;

/** How long a budget lasts until it begins anew. */
enum Period {
  REQUEST, DAY, WEEK, MONTH, TOTAL;

  String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** One day, week or month of a budget, or all time. The end of time is no reset. */
  record Span(String label, long endMs) {
    boolean isOver(long nowMs) {
      return nowMs >= endMs;
    }

    /** 0 for never. */
    long resetsAtMs() {
      return endMs == Long.MAX_VALUE ? 0 : endMs;
    }
  }

  /** The span that the moment lies in. */
  Span at(long nowMs, ZoneId zone) {
    LocalDate day = java.time.Instant.ofEpochMilli(nowMs).atZone(zone).toLocalDate();
    return switch (this) {
      case DAY -> new Span(day.toString(), start(day.plusDays(1), zone));
      case WEEK -> new Span(String.format(Locale.ROOT, "%d-W%02d", day.get(IsoFields.WEEK_BASED_YEAR), day.get(IsoFields.WEEK_OF_WEEK_BASED_YEAR)),
          start(day.with(TemporalAdjusters.next(DayOfWeek.MONDAY)), zone));
      case MONTH -> new Span(String.format(Locale.ROOT, "%d-%02d", day.getYear(), day.getMonthValue()), start(day.withDayOfMonth(1).plusMonths(1), zone));
      case TOTAL, REQUEST -> new Span(label(), Long.MAX_VALUE);
    };
  }

  private static long start(LocalDate day, ZoneId zone) {
    return day.atStartOfDay(zone).toInstant().toEpochMilli();
  }
}
