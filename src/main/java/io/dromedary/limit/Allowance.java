package io.dromedary.limit;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** So many requests and tokens a minute that belong to nobody in particular, such as capacity that was bought: counted where all limits are, in Redis for all nodes or in this process. */
public final class Allowance {
  private static final String BOOK = "all";

  /** What one call took. */
  public final class Grant {
    private final List<Level> levels;
    private final AtomicLong atMost;

    private Grant(List<Level> levels, long atMost) {
      this.levels = levels;
      this.atMost = new AtomicLong(atMost);
    }

    /** Gives back the tokens that were not needed, once. */
    public void used(long needed) {
      long taken = atMost.getAndSet(-1);
      if (taken >= 0 && taken != needed) {
        levels.stream().filter(level -> level.claim().gauge().unit() == Gauge.Unit.TOKENS).forEach(level -> books.give(lane, List.of(level.back(level.claim().amount() - needed))));
        seenFullUntil = 0;
      }
    }
  }

  private final Books books;
  private final String lane;
  private final List<Gauge> gauges = new ArrayList<>(2);
  /** As this node saw it last, so that those who only ask need no round trip; in the time of {@link System#nanoTime}, 0 for never. */
  private volatile long seenFullUntil;

  Allowance(Books books, String name, long requestsPerMinute, long tokensPerMinute) {
    this.books = books;
    this.lane = "allowance:" + name;
    if (requestsPerMinute > 0) {
      gauges.add(Gauge.window(Gauge.Unit.REQUESTS, Gauge.Period.MINUTE, requestsPerMinute));
    }
    if (tokensPerMinute > 0) {
      gauges.add(Gauge.window(Gauge.Unit.TOKENS, Gauge.Period.MINUTE, tokensPerMinute));
    }
  }

  private List<Claim> claims(long tokens) {
    return gauges.stream().map(gauge -> new Claim(BOOK, Scope.ACCOUNT, gauge, gauge.unit() == Gauge.Unit.TOKENS ? Math.max(1, tokens) : 1, gauge.limit())).toList();
  }

  /** Takes one request with so many tokens; null when not so much is left, and then nothing is taken. */
  public @Nullable Grant take(long tokensAtMost) {
    Verdict verdict = books.take(lane, claims(tokensAtMost));
    long full = 0;
    for (Level level : verdict.levels()) {
      full = level.left() == 0 ? Math.max(full, level.resetNanos()) : full;
    }
    seenFullUntil = full == 0 ? 0 : System.nanoTime() + full;
    return verdict.denied() == null ? new Grant(verdict.levels(), Math.max(1, tokensAtMost)) : null;
  }

  /** Was something left when this node last took of it? */
  public boolean isFree() {
    long until = seenFullUntil;
    return until == 0 || System.nanoTime() - until >= 0;
  }

  private List<Level> look() {
    return books.look(lane, claims(1));
  }

  /** The part of the fuller count that is used, 0..1 and above. */
  public double utilisation() {
    return look().stream().mapToDouble(level -> (double) level.used() / level.claim().allowed()).max().orElse(0);
  }

  /** Seconds until all of it is free again, one at the least. */
  public long secondsToNext() {
    return look().stream().mapToLong(level -> (level.resetNanos() + 999_999_999) / 1_000_000_000).map(seconds -> Math.max(1, seconds)).max().orElse(1);
  }
}
