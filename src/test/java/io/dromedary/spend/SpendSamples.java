package io.dromedary.spend;

import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Bill;
import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Draw;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.Price;
import io.dromedary.catalog.Purse;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/** Bills and attempts for the ledger's tests. */
final class SpendSamples {
  static final String HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  static final Price PRICE = new Price("openai/gpt-4o-mini@2026-01-01", LocalDate.of(2026, 1, 1), "https://openai.com/api/pricing, read 2026-11-01",
      new Price.Rates(150_000_000, 600_000_000, 75_000_000, 150_000_000), List.of());
  static final Model MODEL = new Model("openai/gpt-4o-mini", "openai", "gpt-4o-mini", "chat", List.of(PRICE), 128_000, 16_384, Set.of(), 0.6, 400, Set.of(), List.of(), Map.of(), true);

  private SpendSamples() {}

  static Attempt attempt(String requestId, int number, Model model, Price price, Usd reserved, Instant startedAt) {
    return new Attempt(requestId + "." + number, number, new Candidate(model, reserved, 0.6, Duration.ofMillis(400), "first"), price, reserved, startedAt);
  }

  /** An attempt that holds so much in each of the purses. */
  static Attempt drawing(String requestId, int number, Usd reserved, Purse... purses) {
    return new Attempt(requestId + "." + number, number, new Candidate(MODEL, reserved, 0.6, Duration.ofMillis(400), "first"), PRICE, reserved, Instant.now(), Attempt.Purpose.ANSWER, Stream.of(purses).map(Draw::new).toList());
  }

  /** Ends an attempt at a cost of so many output tokens, each 600 nano-dollars. */
  static Attempt ended(Attempt attempt, Attempt.Status status, long outputTokens) {
    attempt.ended(status, new Usage(0, 0, 0, outputTokens, 0, false), status == Attempt.Status.ANSWERED ? "" : "down", 200, null, Duration.ofMillis(5));
    return attempt;
  }

  /** A purse with a limit, that remembers what it was told. */
  static final class Till implements Purse {
    final String key;
    volatile long limit;
    volatile Balance seen;

    Till(String key, String limitUsd) {
      this.key = key;
      this.limit = Usd.of(limitUsd).nanos();
    }

    @Override
    public String key() {
      return key;
    }

    @Override
    public Facts facts() {
      return new Facts("default", key, "", "total", 0);
    }

    @Override
    public long limitNanos() {
      return limit;
    }

    @Override
    public Problem refusal(Balance balance, long askedNanos) {
      return new Problem(429, "insufficient_quota", key + " is spent").code("budget_exceeded");
    }

    @Override
    public void changed(Balance balance) {
      seen = balance;
    }
  }

  static Attempt started(String requestId, int number) {
    return attempt(requestId, number, MODEL, PRICE, Usd.of("0.0123"), Instant.now());
  }

  static Attempt answered(String requestId, int number) {
    Attempt attempt = started(requestId, number);
    attempt.ended(Attempt.Status.ANSWERED, new Usage(812, 100, 0, 240, 12, false), "", 200, Duration.ofMillis(180), Duration.ofMillis(1_840));
    return attempt;
  }

  /** An answered request of so many attempts. */
  static Bill bill(String id, int attempts) {
    List<Attempt> all = new ArrayList<>(attempts);
    for (int number = 1; number <= attempts; number++) {
      all.add(answered(id, number));
    }
    return bill(id, "default", all);
  }

  static Bill bill(String id, String project, List<Attempt> attempts) {
    Usd cost = Usd.ZERO;
    for (Attempt attempt : attempts) {
      cost = cost.plus(Charged.of(attempt).cost());
    }
    Attempt last = attempts.get(attempts.size() - 1);
    return new Bill(id, project, "key_1", Set.of("team-a"), "http", "auto", last.candidate().model().id(), last.candidate().provider(), "SIMPLE", 0.25, "tier", "cheapest of tier SIMPLE", "ok", 200,
        false, "miss", Charged.of(last).usage(), cost, Usd.ZERO, Usd.of("0.002"), "openai/gpt-4o", attempts, Instant.now(), Duration.ofMillis(180), Duration.ofMillis(1_850), Duration.ofNanos(300_000),
        HASH, null, null, null);
  }

  static Bill hit(String id) {
    return new Bill(id, "default", "key_1", Set.of("team-a"), "http", "auto", "openai/gpt-4o-mini", "openai", "SIMPLE", 0.25, "tier", "cheapest of tier SIMPLE", "ok", 200, false, "hit",
        new Usage(812, 100, 0, 240, 12, false), Usd.ZERO, Usd.of("0.0003"), Usd.ZERO, "openai/gpt-4o", List.of(), Instant.now(), null, Duration.ofMillis(1), Duration.ofNanos(300_000), HASH, null,
        null, null);
  }
}
