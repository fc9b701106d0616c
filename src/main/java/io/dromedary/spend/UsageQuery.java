package io.dromedary.spend;

import io.dromedary.chat.Caller;
import io.dromedary.chat.Problem;
import java.time.Clock;
import java.time.DayOfWeek;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.Period;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.time.temporal.TemporalAdjusters;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What a report is asked for, checked.
 *
 * @param from inclusive
 * @param to exclusive; now where nobody said
 * @param open nobody said until when: what came in since is in it too
 * @param by what to group by, in that order
 * @param only the values that count, by dimension
 * @param compare tell the change against the equal period before
 * @param project tell what the month will have cost
 */
record UsageQuery(Instant from, Instant to, boolean open, List<String> by, Map<Dimension, String> only, boolean compare, boolean project) {
  static final int MAX_DAYS = 3_660;
  static final List<String> TIMES = List.of("hour", "day", "week", "month");
  /** All that {@code group_by} takes; {@code tags} is a request's whole set of them, {@code tag} each one. */
  static final List<String> GROUPS = List.of("project", "key", "user", "agent", "model", "provider", "tier", "task", "domain", "tag", "tags", "hour", "day", "week", "month");
  /** The same as {@code key}, of which a long value is refused at the door: it might be a key itself. */
  private static final String LONG_KEY = "key_id";
  static final List<String> FILTERS = List.of("project", "key", "user", "agent", "model", "provider", "tier", "task", "domain", "tag");

  /**
   * Checks a query.
   *
   * @param words names that this page takes beside the filters
   * @throws Problem 400 naming the parameter that is wrong and what is allowed
   */
  static UsageQuery of(Map<String, String> query, Set<String> words, List<String> groups, Caller caller, Clock clock) {
    query.keySet().forEach(name -> {
      if (!words.contains(name) && !FILTERS.contains(name) && !name.equals(LONG_KEY)) {
        throw Problem.badField(Problem.clip(name), "there is no parameter `" + Problem.clip(name) + "` here; there are " + String.join(", ", new java.util.TreeSet<>(words)) + ", and to narrow it down " + String.join(", ", FILTERS));
      }
    });
    String to = text(query, "to");
    String from = text(query, "from");
    Instant end = to == null ? clock.instant().plusMillis(1).truncatedTo(ChronoUnit.MILLIS) : instant("to", to);
    String days = text(query, "period_days");
    if (days != null && (from != null || to != null)) {
      throw Problem.badField("period_days", "give either `period_days` or `from` and `to`");
    }
    // a whole day to begin with: the period is at least as long as was asked for
    Instant start = from == null ? end.minus(Duration.ofDays(days == null ? 30 : days(days))).truncatedTo(ChronoUnit.DAYS) : instant("from", from);
    if (!start.isBefore(end)) {
      throw Problem.badField("from", "`from` (" + start + ") must be before `to` (" + end + ")");
    }
    if (Duration.between(start, end).toDays() > MAX_DAYS + 1) {
      throw Problem.badField("from", "`from` and `to` may be " + MAX_DAYS + " days apart, not " + Duration.between(start, end).toDays());
    }
    Map<Dimension, String> only = new EnumMap<>(Dimension.class);
    for (String filter : FILTERS) {
      String value = filter.equals("key") && query.containsKey(LONG_KEY) ? query.get(LONG_KEY) : query.get(filter);
      if (value != null) {
        if (value.length() > 1_024) {
          throw Problem.badField(filter, "`" + filter + "` may have 1024 characters, not " + value.length());
        }
        only.put(dimension(filter), value);
      }
    }
    return new UsageQuery(start, end, to == null, groups(query.get("group_by"), groups), only, flag(query, "compare", "previous"), flag(query, "projection", "month"));
  }

  static @Nullable Dimension dimension(String group) {
    return TIMES.contains(group) ? null : group.equals("tags") ? Dimension.TAG : Dimension.valueOf(group.toUpperCase(java.util.Locale.ROOT));
  }

  /** The times that groups tell apart: of several the finer one; of week and month, neither of which is part of the other, days. */
  static Rollups.Time time(List<String> by) {
    if (by.contains("hour")) {
      return Rollups.Time.HOUR;
    }
    if (by.contains("day") || by.contains("week") && by.contains("month")) {
      return Rollups.Time.DAY;
    }
    return by.contains("week") ? Rollups.Time.WEEK : by.contains("month") ? Rollups.Time.MONTH : Rollups.Time.NONE;
  }

  /** The ends of the parts that can be told one after the other, since no group is in two of them; the last is {@link #to}. */
  Iterable<Instant> steps() {
    boolean none = time(by) == Rollups.Time.NONE;
    // an hour's lines are few: those of a day go together
    Period step = by.contains("month") ? Period.ofMonths(1) : by.contains("week") ? Period.ofWeeks(1) : Period.ofDays(1);
    LocalDate day = LocalDate.ofInstant(from, ZoneOffset.UTC);
    LocalDate begun = by.contains("month") ? day.withDayOfMonth(1) : by.contains("week") ? day.with(TemporalAdjusters.previousOrSame(DayOfWeek.MONDAY)) : day;
    return () -> Stream.concat(none ? Stream.of() : Stream.iterate(begun.plus(step), next -> next.plus(step)).map(next -> next.atStartOfDay(ZoneOffset.UTC).toInstant()).takeWhile(end -> end.isBefore(to)), Stream.of(to)).iterator();
  }

  private static @Nullable String text(Map<String, String> query, String name) {
    String value = query.get(name);
    return value == null || value.isBlank() ? null : value.strip();
  }

  private static boolean flag(Map<String, String> query, String name, String value) {
    String given = text(query, name);
    if (given != null && !given.equals(value)) {
      throw Problem.badField(name, "`" + name + "` takes `" + value + "`, not `" + Problem.clip(given) + "`");
    }
    return given != null;
  }

  private static int days(String text) {
    int days;
    try {
      days = Integer.parseInt(text);
    } catch (NumberFormatException e) {
      days = 0;
    }
    if (days < 1 || days > MAX_DAYS) {
      throw Problem.badField("period_days", "`period_days` must be a whole number from 1 to " + MAX_DAYS + ", not `" + Problem.clip(text) + "`");
    }
    return days;
  }

  private static List<String> groups(@Nullable String text, List<String> absent) {
    if (text == null || text.isBlank()) {
      return absent;
    }
    Set<String> by = new LinkedHashSet<>();
    for (String name : text.split(",", GROUPS.size() * 2)) {
      if (!GROUPS.contains(name.strip())) {
        throw Problem.badField("group_by", "`group_by` takes " + String.join(", ", GROUPS) + ", not `" + Problem.clip(name.strip()) + "`");
      }
      by.add(name.strip());
    }
    if (by.contains("tag") && by.contains("tags")) {
      throw Problem.badField("group_by", "`group_by` takes either `tag`, where a request counts for each of its tags, or `tags`, where it counts once");
    }
    return List.copyOf(new ArrayList<>(by));
  }

  private static Instant instant(String field, String text) {
    try {
      Instant instant = text.length() == 10 ? LocalDate.parse(text).atStartOfDay(ZoneOffset.UTC).toInstant() : OffsetDateTime.parse(text).toInstant();
      if (instant.isBefore(Instant.EPOCH) || instant.isAfter(Instant.parse("2200-01-01T00:00:00Z"))) {
        throw Problem.badField(field, "`" + field + "` must lie between 1970 and 2200");
      }
      return instant.truncatedTo(ChronoUnit.MILLIS);
    } catch (DateTimeException e) {
      throw Problem.badField(field, "`" + field + "` must be a date such as 2026-11-01 or a time such as 2026-11-01T12:00:00Z, not `" + Problem.clip(text) + "`");
    }
  }
}
