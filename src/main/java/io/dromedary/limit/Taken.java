package io.dromedary.limit;

import io.dromedary.catalog.Candidate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** What one request took of the limits, until it is settled; tells the {@code x-ratelimit-*} headers. */
public final class Taken {
  /** What one attempt took at its model's and its account's gauges; no call came of it if money was lacking. */
  record Attempted(Candidate candidate, String projectLane, List<Level> model, String accountLane, List<Level> account) {}

  final String lane;
  final List<Level> levels;
  final LimitRules rules;
  final long estimate;
  final boolean promised;
  final double part;
  final List<Attempted> attempts = Collections.synchronizedList(new ArrayList<>(1));
  final AtomicBoolean settled = new AtomicBoolean();

  /**
   * @param estimate tokens, at the most
   * @param promised the caller set a limit to its output itself
   * @param part of its model's and account's windows that it may fill
   */
  Taken(String lane, List<Level> levels, LimitRules rules, long estimate, boolean promised, double part) {
    this.lane = lane;
    this.levels = levels;
    this.rules = rules;
    this.estimate = estimate;
    this.promised = promised;
    this.part = part;
  }

  /** {@code x-ratelimit-{limit,remaining,reset}-{requests,tokens}} of the tightest window of each; empty for a caller without limits. */
  public Map<String, String> headers() {
    List<Level> all = levels;
    if (!attempts.isEmpty() && !attempts.get(attempts.size() - 1).model().isEmpty()) {
      all = new ArrayList<>(levels);
      all.addAll(attempts.get(attempts.size() - 1).model());
    }
    return headers(all);
  }

  static Map<String, String> headers(List<Level> levels) {
    Map<String, String> headers = new LinkedHashMap<>(8);
    put(headers, "requests", tightest(levels, Gauge.Unit.REQUESTS));
    put(headers, "tokens", tightest(levels, Gauge.Unit.TOKENS));
    return headers;
  }

  private static @Nullable Level tightest(List<Level> levels, Gauge.Unit unit) {
    Level tightest = null;
    for (Level level : levels) {
      if (level.claim().gauge().unit() == unit && (tightest == null || level.remaining() < tightest.remaining())) {
        tightest = level;
      }
    }
    return tightest;
  }

  private static void put(Map<String, String> headers, String unit, @Nullable Level level) {
    if (level != null) {
      headers.put("x-ratelimit-limit-" + unit, Long.toString(level.claim().allowed()));
      headers.put("x-ratelimit-remaining-" + unit, Long.toString(level.left()));
      headers.put("x-ratelimit-reset-" + unit, duration(level.resetNanos()));
    }
  }

  /** As OpenAI writes it: {@code 6m0s}, {@code 1.5s}, {@code 20ms}; whole milliseconds, rounded up. */
  static String duration(long nanos) {
    long millis = (Math.max(0, nanos) + 999_999) / 1_000_000;
    if (millis < 1_000) {
      return millis + "ms";
    }
    StringBuilder text = new StringBuilder(12);
    long hours = millis / 3_600_000;
    long minutes = millis / 60_000 % 60;
    if (hours > 0) {
      text.append(hours).append('h');
    }
    if (hours > 0 || minutes > 0) {
      text.append(minutes).append('m');
    }
    text.append(millis / 1_000 % 60);
    if (millis % 1_000 > 0) {
      text.append('.').append(String.valueOf(1_000 + millis % 1_000).substring(1).replaceAll("0+$", ""));
    }
    return text.append('s').toString();
  }
}
