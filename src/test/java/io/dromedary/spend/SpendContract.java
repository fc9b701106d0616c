package io.dromedary.spend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Bill;
import io.dromedary.catalog.Draw;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.Price;
import io.dromedary.catalog.Purse;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import io.dromedary.spend.SpendSamples.Till;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the ledger, its outbox, its idempotency keys and its reports promise on every store. */
abstract class SpendContract {
  static final Caller ADMIN = new Caller("admin", "", true, Set.of());
  static final Caller TEAM = new Caller("default", "key_1", false, Set.of());

  @TempDir Path dir;
  String url;
  final Ticking clock = new Ticking();
  Store store;
  Outbox outbox;
  Ledger ledger;

  /** The system's clock, and then some. */
  static final class Ticking extends Clock {
    volatile Duration ahead = Duration.ZERO;

    @Override
    public Instant instant() {
      return Instant.now().plus(ahead);
    }

    @Override
    public long millis() {
      return instant().toEpochMilli();
    }

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      return this;
    }
  }

  /** A fresh database's URL, "" for H2. */
  abstract String freshUrl() throws Exception;

  @BeforeEach
  void open() throws Exception {
    url = freshUrl();
    store = Store.open(dir.resolve("data"), url);
    start(List.of("a", "b"));
  }

  @AfterEach
  void close() {
    ledger.close();
    store.close();
  }

  void start(List<String> sinks) {
    outbox = new Outbox(store, sinks, clock);
    ledger = new Ledger(store, outbox, clock);
  }

  /** As after kill -9: nothing is signed off, a new process opens what is there. */
  void restart() {
    ledger.close();
    store.close();
    store = Store.open(dir.resolve("data"), url);
    start(List.of("a", "b"));
  }

  UsageReports reports() {
    return new UsageReports(store, new Rollups(store, clock), clock);
  }

  /** @param query names and values by turns */
  JsonNode usage(Caller caller, String... query) {
    return reports().usage(query(query), caller);
  }

  static Map<String, String> query(String... query) {
    Map<String, String> named = new java.util.HashMap<>();
    for (int i = 0; i < query.length; i += 2) {
      named.put(query[i], query[i + 1]);
    }
    return named;
  }

  long number(String sql) {
    try (Connection connection = store.dataSource().getConnection(); Statement statement = connection.createStatement(); ResultSet row = statement.executeQuery(sql)) {
      row.next();
      return row.getLong(1);
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  void execute(String sql) {
    try (Connection connection = store.dataSource().getConnection(); Statement statement = connection.createStatement()) {
      statement.execute(sql);
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  void book(Bill bill) {
    for (Attempt attempt : bill.attempts()) {
      ledger.begin(attempt, bill.requestId(), bill.project());
    }
    ledger.settle(bill);
  }

  static <T> List<Future<T>> concurrently(int n, int threads, Callable<T> task) throws InterruptedException {
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    try {
      List<Callable<T>> tasks = new ArrayList<>();
      for (int i = 0; i < n; i++) {
        tasks.add(task);
      }
      return pool.invokeAll(tasks);
    } finally {
      pool.shutdown();
    }
  }

  @Test
  @Tag("M1")
  void a_begun_attempt_is_in_the_store_when_begin_returns() {
    ledger.begin(SpendSamples.started("r1", 1), "r1", "default");
    assertThat(number("SELECT COUNT(*) FROM dromedary_attempts WHERE request_id = 'r1' AND number = 1 AND status = 'STARTED' AND reserved_nanos = 12300000")).isEqualTo(1);
  }

  @Test
  @Tag("M1")
  @Tag("M6")
  void a_settled_bill_has_every_attempt_at_its_own_cost_under_one_request() {
    Attempt busy = SpendSamples.started("r1", 1);
    busy.ended(Attempt.Status.FAILED, Usage.NONE, "busy", 429, null, Duration.ofMillis(20));
    Attempt cut = SpendSamples.started("r1", 2);
    cut.ended(Attempt.Status.CUT, Usage.counted(100, 7), "timeout", 200, Duration.ofMillis(5), Duration.ofMillis(90));
    Bill bill = SpendSamples.bill("r1", "default", List.of(busy, cut, SpendSamples.answered("r1", 3)));
    book(bill);
    JsonNode request = new Reports(store).request("r1", TEAM);
    assertThat(request.path("attempts")).hasSize(3);
    assertThat(request.path("attempts").path(0).path("cost_nanos").longValue()).isZero();
    assertThat(request.path("attempts").path(0).path("failure").asText()).isEqualTo("busy");
    assertThat(request.path("attempts").path(1).path("cost_nanos").longValue()).isEqualTo(100 * 150 + 7 * 600);
    assertThat(request.path("attempts").path(1).path("outcome").asText()).isEqualTo("cut");
    assertThat(request.path("cost_nanos").longValue()).isEqualTo(bill.cost().nanos());
    assertThat(request.path("cost_usd").asText()).isEqualTo(bill.cost().toString());
    assertThat(number("SELECT COUNT(*) FROM dromedary_attempts WHERE status = 'STARTED'")).isZero();
    assertThat(number("SELECT COUNT(*) FROM dromedary_interaction_log WHERE request_id = 'r1' AND NOT cached")).isEqualTo(1);
  }

  @Test
  void who_has_an_answer_from_the_cache_finds_its_page_at_once() {
    for (int i = 0; i < 200; i++) {
      ledger.note(SpendSamples.hit("hit" + i));
      ledger.catchUp();
      assertThat(new Reports(store).request("hit" + i, TEAM).path("cache").asText()).isEqualTo("hit");
    }
  }

  @Test
  @Tag("M1")
  void settling_twice_changes_nothing() {
    Bill bill = SpendSamples.bill("r1", 2);
    book(bill);
    ledger.settle(bill);
    assertThat(number("SELECT COUNT(*) FROM dromedary_requests")).isEqualTo(1);
    assertThat(number("SELECT SUM(cost_nanos) FROM dromedary_attempts")).isEqualTo(bill.cost().nanos());
    assertThat(number("SELECT COUNT(*) FROM dromedary_outbox WHERE sink = 'a'")).isEqualTo(2);
    assertThat(ledger.rejected()).isZero();
  }

  @Test
  @Tag("M1")
  void what_a_stopped_process_left_open_is_charged_at_its_upper_bound_and_flagged() {
    ledger.begin(SpendSamples.started("lost", 1), "lost", "default");
    ledger.begin(SpendSamples.started("lost", 2), "lost", "default");
    book(SpendSamples.bill("done", 1));
    restart();
    assertThat(ledger.recovered()).isEqualTo(2);
    JsonNode request = new Reports(store).request("lost", TEAM);
    assertThat(request.path("status").asText()).isEqualTo("unknown");
    assertThat(request.path("cost_nanos").longValue()).isEqualTo(2 * 12_300_000);
    assertThat(request.path("attempts").path(1).path("state").asText()).isEqualTo("UNKNOWN");
    assertThat(outbox.next(10, "a")).extracting(CostEvent::eventId).containsExactlyInAnyOrder("lost.1", "lost.2", "done.1");
    restart();
    assertThat(ledger.recovered()).as("once only").isZero();
    assertThat(number("SELECT COUNT(*) FROM dromedary_nodes")).as("one node lives").isEqualTo(1);
  }

  @Test
  @Tag("M1")
  void concurrent_requests_share_commits_and_lose_none() throws Exception {
    Random ids = new Random(7);
    List<Future<Bill>> bills = concurrently(2_000, 64, () -> {
      Bill bill = SpendSamples.bill(Long.toHexString(ids.nextLong()), 1);
      book(bill);
      return bill;
    });
    long cost = 0;
    for (Future<Bill> bill : bills) {
      cost += bill.get().cost().nanos();
    }
    assertThat(number("SELECT COUNT(*) FROM dromedary_attempts WHERE status = 'SETTLED'")).isEqualTo(2_000);
    assertThat(number("SELECT SUM(cost_nanos) FROM dromedary_requests")).isEqualTo(cost);
    assertThat(ledger.transactions()).as("4,000 waits").isLessThan(2_000);
  }

  @Test
  @Tag("M9")
  @Tag("M11")
  void money_adds_up_exactly_over_ten_thousand_random_prices() throws Exception {
    Random random = new Random(42);
    long cost = 0;
    long cacheSaved = 0;
    long routingSaved = 0;
    Set<String> versions = new HashSet<>();
    Till purse = new Till("total", "1000000");
    for (int i = 0; i < 10_000; i++) {
      String id = "r" + i;
      Usd saved = Usd.ofNanos(random.nextLong(2_000_000) - 1_000_000);
      Bill bill;
      if (i % 10 == 9) {
        Bill hit = SpendSamples.hit(id);
        bill = money(hit, hit.cost(), Usd.ofNanos(random.nextInt(5_000_000)), Usd.ZERO);
      } else {
        int model = random.nextInt(20);
        Random rates = new Random(model);
        Price price = new Price("m" + model + "@2026-01-01", LocalDate.of(2026, 1, 1), "test", new Price.Rates(rates.nextLong(1L << 36), rates.nextLong(1L << 36), rates.nextLong(1L << 34),
            rates.nextLong(1L << 36)), List.of());
        versions.add(price.version());
        Model m = new Model("p/m" + model, "p", "m" + model, "chat", List.of(price), 0, 0, Set.of(), 0.5, 1, Set.of(), List.of(), Map.of(), true);
        Attempt attempt = new Attempt(id + ".1", 1, SpendSamples.attempt(id, 1, m, price, Usd.of("1"), Instant.now()).candidate(), price, Usd.of("1"), Instant.now(), Attempt.Purpose.ANSWER, List.of(new Draw(purse)));
        attempt.ended(Attempt.Status.ANSWERED, new Usage(random.nextInt(100_000), random.nextInt(9_000), random.nextInt(9_000), random.nextInt(20_000), 0, false), "", 200, null, Duration.ofMillis(1));
        Bill plain = SpendSamples.bill(id, "default", List.of(attempt));
        bill = money(plain, plain.cost(), Usd.ZERO, saved);
      }
      cost += bill.cost().nanos();
      cacheSaved += bill.cacheSaved().nanos();
      routingSaved += bill.routingSaved().nanos();
      ledger.note(bill);
    }
    await().atMost(Duration.ofSeconds(60)).until(() -> ledger.waiting() == 0 && number("SELECT COUNT(*) FROM dromedary_requests") == 10_000);
    JsonNode usage = usage(TEAM, "group_by", "model");
    assertThat(usage.path("total").path("cost_nanos").longValue()).isEqualTo(cost);
    long byModel = 0;
    for (JsonNode group : usage.path("data")) {
      byModel += group.path("cost_nanos").longValue();
    }
    assertThat(byModel).isEqualTo(cost);
    assertThat(used("total")).as("the budget's row").isEqualTo(cost);
    assertThat(number("SELECT SUM(cost_nanos) FROM dromedary_attempts")).isEqualTo(cost);
    JsonNode savings = reports().savings(Map.of("period_days", "1"), TEAM);
    assertThat(savings.path("cache").path("saved_nanos").longValue()).isEqualTo(cacheSaved);
    assertThat(savings.path("routing").path("saved_nanos").longValue()).isEqualTo(routingSaved);
    assertThat(savings.path("saved_nanos").longValue()).isEqualTo(cacheSaved + routingSaved);
    long events = 0;
    long eventCost = 0;
    Set<String> seen = new HashSet<>();
    for (List<CostEvent> some = outbox.next(1_000, "a"); !some.isEmpty(); some = outbox.next(1_000, "a")) {
      for (CostEvent event : some) {
        seen.add(event.eventId());
        eventCost += Json.read(event.payload()).path("cost_nanos").longValue();
        events++;
      }
      outbox.delivered(some.stream().map(CostEvent::id).toList());
    }
    assertThat(events).isEqualTo(10_000).isEqualTo(seen.size());
    assertThat(eventCost).isEqualTo(cost);
    assertThat(number("SELECT COUNT(DISTINCT price_version) FROM dromedary_attempts a JOIN dromedary_price_versions p ON p.version = a.price_version")).isEqualTo(versions.size());
  }

  long used(String purse) {
    return number("SELECT used_nanos FROM dromedary_purses WHERE purse_key = '" + purse + "'");
  }

  long reserved(String purse) {
    return number("SELECT reserved_nanos FROM dromedary_purses WHERE purse_key = '" + purse + "'");
  }

  /** Asks once, holding {@code reserved} and costing {@code tokens}. @return whether it was let through */
  static boolean spend(Ledger ledger, String id, Usd reserved, long tokens, Purse... purses) {
    Attempt attempt = SpendSamples.drawing(id, 1, reserved, purses);
    try {
      ledger.begin(attempt, id, "default", List.of());
    } catch (Problem refused) {
      assertThat(refused.status()).isEqualTo(429);
      return false;
    }
    ledger.settle(SpendSamples.bill(id, "default", List.of(SpendSamples.ended(attempt, Attempt.Status.ANSWERED, tokens))));
    return true;
  }

  static int count(List<Future<Boolean>> all) throws Exception {
    int passed = 0;
    for (Future<Boolean> one : all) {
      passed += one.get() ? 1 : 0;
    }
    return passed;
  }

  @Test
  @Tag("M2")
  void a_thousand_at_once_spend_a_budget_to_its_last_and_not_beyond() throws Exception {
    Till till = new Till("t", "0.10002");
    AtomicInteger ids = new AtomicInteger();
    // 0.001002 each: 99 fit, since 99.8 would
    assertThat(count(concurrently(1_000, 64, () -> spend(ledger, "r" + ids.incrementAndGet(), Usd.of("0.001002"), 1_670, till)))).isEqualTo(99);
    assertThat(used("t")).isEqualTo(99 * 1_002_000L).isEqualTo(number("SELECT SUM(cost_nanos) FROM dromedary_attempts"));
    assertThat(reserved("t")).isZero();
    assertThat(till.seen.used()).isEqualTo(99 * 1_002_000L);
  }

  @Test
  @Tag("M2")
  void two_thousand_far_below_their_limits_are_all_let_through() throws Exception {
    Till day = new Till("day", "1000");
    Till month = new Till("month", "1000");
    AtomicInteger ids = new AtomicInteger();
    assertThat(count(concurrently(2_000, 64, () -> spend(ledger, "r" + ids.incrementAndGet(), Usd.of("0.01"), 100, day, month)))).isEqualTo(2_000);
    assertThat(used("day")).isEqualTo(2_000 * 60_000L).isEqualTo(used("month"));
    assertThat(reserved("day")).isZero();
    assertThat(ledger.transactions()).as("budgets ride on the ledger's commits").isLessThan(2_000);
  }

  @Test
  @Tag("M3")
  void budgets_are_held_together_or_not_at_all() {
    Till wide = new Till("wide", "1");
    Till narrow = new Till("narrow", "0.01");
    assertThatThrownBy(() -> ledger.begin(SpendSamples.drawing("r1", 1, Usd.of("0.02"), wide, narrow), "r1", "default")).isInstanceOfSatisfying(Problem.class, p -> assertThat(p.code()).isEqualTo("budget_exceeded"));
    assertThat(reserved("wide")).isZero();
    assertThat(number("SELECT COUNT(*) FROM dromedary_attempts")).as("what was refused left no row").isZero();
    assertThat(ledger.rejected()).isZero();
  }

  @Test
  @Tag("M2")
  void a_chain_holds_its_failed_attempts_at_their_cost_and_the_running_one_at_its_bound() {
    Till till = new Till("t", "0.01");
    Attempt first = SpendSamples.drawing("r1", 1, Usd.of("0.009"), till);
    ledger.begin(first, "r1", "default");
    assertThat(reserved("t")).isEqualTo(9_000_000);
    SpendSamples.ended(first, Attempt.Status.FAILED, 1_000);
    Attempt second = SpendSamples.drawing("r1", 2, Usd.of("0.009"), till);
    ledger.begin(second, "r1", "default", List.of(first));
    assertThat(reserved("t")).isEqualTo(9_000_000 + 600_000);
    assertThat(spend(ledger, "r2", Usd.of("0.001"), 1, till)).isFalse();
    ledger.settle(SpendSamples.bill("r1", "default", List.of(first, SpendSamples.ended(second, Attempt.Status.ANSWERED, 2_000))));
    assertThat(used("t")).isEqualTo(1_800_000);
    assertThat(reserved("t")).isZero();
  }

  @Test
  @Tag("M1")
  @Tag("M2")
  void what_a_stopped_process_held_is_used_at_its_upper_bound_and_nothing_is_held_on() {
    Till till = new Till("t", "1");
    Attempt first = SpendSamples.drawing("r1", 1, Usd.of("0.009"), till);
    ledger.begin(first, "r1", "default");
    SpendSamples.ended(first, Attempt.Status.FAILED, 0);
    ledger.begin(SpendSamples.drawing("r1", 2, Usd.of("0.02"), till), "r1", "default", List.of(first));
    spend(ledger, "r2", Usd.of("0.02"), 5, till);
    restart();
    assertThat(used("t")).isEqualTo(20_000_000 + 3_000).isEqualTo(number("SELECT SUM(cost_nanos) FROM dromedary_requests"));
    assertThat(reserved("t")).isZero();
    restart();
    assertThat(used("t")).isEqualTo(20_003_000);
  }

  @Test
  @Tag("F5")
  @Tag("M2")
  void what_was_held_by_a_start_in_doubt_is_given_back() {
    ledger.close();
    FaultyDataSource faulty = new FaultyDataSource(store.dataSource());
    ledger = new Ledger(new Store(faulty, store.postgres(), store.node(), null), outbox, clock);
    Till till = new Till("t", "1");
    Attempt first = SpendSamples.drawing("r0", 1, Usd.of("0.01"), till);
    ledger.begin(first, "r0", "default");
    faulty.loseNextCommit = true;
    assertThatThrownBy(() -> ledger.begin(SpendSamples.drawing("r1", 1, Usd.of("0.02"), till), "r1", "default")).isInstanceOf(Problem.class);
    assertThat(reserved("t")).isEqualTo(30_000_000);
    faulty.down = false;
    await().until(ledger::available);
    assertThat(reserved("t")).isEqualTo(10_000_000);
    // a shrinking that was done, though its answer was lost, is not done twice
    SpendSamples.ended(first, Attempt.Status.FAILED, 10);
    faulty.loseNextCommit = true;
    assertThatThrownBy(() -> ledger.begin(SpendSamples.drawing("r0", 2, Usd.of("0.02"), till), "r0", "default", List.of(first))).isInstanceOf(Problem.class);
    faulty.down = false;
    await().until(ledger::available);
    assertThat(reserved("t")).isEqualTo(6_000);
    ledger.settle(SpendSamples.bill("r0", "default", List.of(first)));
    assertThat(reserved("t")).isZero();
    assertThat(used("t")).isEqualTo(6_000);
  }

  static Bill money(Bill b, Usd cost, Usd cacheSaved, Usd routingSaved) {
    return new Bill(b.requestId(), b.project(), b.keyId(), b.tags(), b.entry(), b.requestedModel(), b.servedModel(), b.provider(), b.tier(), b.score(), b.strategy(), b.reason(), b.status(),
        b.httpStatus(), b.stream(), b.cache(), b.usage(), cost, cacheSaved, routingSaved, b.baselineModel(), b.attempts(), b.receivedAt(), b.firstToken(), b.total(), b.overhead(), b.promptHash(),
        b.prompt(), b.answer(), b.decision());
  }

  static Bill texts(Bill b, String reason, String prompt, String answer, String decision) {
    return new Bill(b.requestId(), b.project(), b.keyId(), b.tags(), b.entry(), b.requestedModel(), b.servedModel(), b.provider(), b.tier(), b.score(), b.strategy(), reason, b.status(),
        b.httpStatus(), b.stream(), b.cache(), b.usage(), b.cost(), b.cacheSaved(), b.routingSaved(), b.baselineModel(), b.attempts(), b.receivedAt(), b.firstToken(), b.total(), b.overhead(),
        b.promptHash(), prompt, answer, decision);
  }

  @Test
  @Tag("M1")
  void a_row_the_store_will_not_take_fails_alone() throws Exception {
    execute("ALTER TABLE dromedary_attempts ADD CONSTRAINT no_poison CHECK (project <> 'poison')");
    List<Future<Boolean>> all = concurrently(64, 64, new Callable<>() {
      int n;

      @Override
      public Boolean call() {
        int i;
        synchronized (this) {
          i = n++;
        }
        String id = "r" + i;
        try {
          ledger.begin(SpendSamples.started(id, 1), id, i % 16 == 3 ? "poison" : "default");
          return true;
        } catch (Problem e) {
          assertThat(e.status()).isEqualTo(503);
          return false;
        }
      }
    });
    int taken = 0;
    for (Future<Boolean> one : all) {
      taken += one.get() ? 1 : 0;
    }
    assertThat(taken).isEqualTo(60);
    assertThat(number("SELECT COUNT(*) FROM dromedary_attempts")).isEqualTo(60);
    assertThat(ledger.rejected()).isEqualTo(4);
    assertThat(ledger.available()).isTrue();
  }

  @Test
  @Tag("F5")
  void while_the_store_is_down_nothing_begins_and_settlements_are_kept_until_it_is_back() {
    ledger.close();
    FaultyDataSource faulty = new FaultyDataSource(store.dataSource());
    Store shaky = new Store(faulty, store.postgres(), store.node(), null);
    outbox = new Outbox(shaky, List.of("a"), clock);
    ledger = new Ledger(shaky, outbox, clock);
    Bill bill = SpendSamples.bill("r1", 1);
    ledger.begin(bill.attempts().get(0), "r1", "default");
    faulty.down = true;
    assertThatThrownBy(() -> ledger.settle(bill)).isInstanceOfSatisfying(Problem.class, p -> assertThat(p.code()).isEqualTo("ledger_unavailable"));
    assertThatThrownBy(() -> ledger.begin(SpendSamples.started("r2", 1), "r2", "default")).isInstanceOfSatisfying(Problem.class, p -> {
      assertThat(p.status()).isEqualTo(503);
      assertThat(p.retryAfter()).isPositive();
    });
    ledger.note(SpendSamples.hit("h1"));
    assertThat(ledger.available()).isFalse();
    faulty.down = false;
    await().until(ledger::available);
    ledger.begin(SpendSamples.started("r3", 1), "r3", "default");
    assertThat(number("SELECT COUNT(*) FROM dromedary_requests WHERE request_id IN ('r1', 'h1')")).isEqualTo(2);
    assertThat(number("SELECT COUNT(*) FROM dromedary_attempts WHERE request_id = 'r1' AND status = 'SETTLED'")).isEqualTo(1);
    assertThat(number("SELECT COUNT(*) FROM dromedary_attempts WHERE request_id = 'r2'")).isZero();
  }

  @Test
  @Tag("F5")
  @Tag("M1")
  void a_start_that_was_refused_but_committed_is_taken_back() {
    ledger.close();
    FaultyDataSource faulty = new FaultyDataSource(store.dataSource());
    ledger = new Ledger(new Store(faulty, store.postgres(), store.node(), null), outbox, clock);
    ledger.begin(SpendSamples.started("r0", 1), "r0", "default");
    faulty.loseNextCommit = true;
    assertThatThrownBy(() -> ledger.begin(SpendSamples.started("r1", 1), "r1", "default")).isInstanceOf(Problem.class);
    assertThat(number("SELECT COUNT(*) FROM dromedary_attempts WHERE request_id = 'r1'")).isEqualTo(1);
    faulty.down = false;
    await().until(ledger::available);
    assertThat(number("SELECT COUNT(*) FROM dromedary_attempts WHERE request_id = 'r1'")).isZero();
    assertThat(number("SELECT COUNT(*) FROM dromedary_attempts WHERE request_id = 'r0'")).isEqualTo(1);
  }

  @Test
  @Tag("M1")
  void hostile_and_oversized_text_is_booked_all_the_same() {
    String nasty = "a\u0000b\uD800c'; DROP TABLE dromedary_requests; --\uD83D\uDC2A".repeat(200);
    Bill bill = texts(SpendSamples.bill("r1", 1), nasty, nasty.repeat(50), nasty, "{\"a\":[1,2]}");
    book(bill);
    JsonNode request = new Reports(store).request("r1", TEAM);
    assertThat(request.path("reason").asText()).hasSizeLessThanOrEqualTo(1_024).startsWith("a\uFFFDb\uFFFDc'; DROP");
    assertThat(request.path("decision").path("a").path(1).intValue()).isEqualTo(2);
    assertThat(ledger.rejected()).isZero();
  }

  @Test
  @Tag("M1")
  void an_attempt_that_begins_twice_is_refused_and_still_settled_once() {
    Bill bill = SpendSamples.bill("r1", 1);
    ledger.begin(bill.attempts().get(0), "r1", "default");
    assertThatThrownBy(() -> ledger.begin(bill.attempts().get(0), "r1", "default")).isInstanceOf(Problem.class);
    ledger.settle(bill);
    assertThat(number("SELECT COUNT(*) FROM dromedary_attempts WHERE status = 'SETTLED'")).isEqualTo(1);
    assertThat(number("SELECT SUM(cost_nanos) FROM dromedary_requests")).isEqualTo(bill.cost().nanos());
  }

  @Test
  @Tag("F5")
  void a_cancelled_thread_does_not_break_the_store() throws Exception {
    Thread cancelled = new Thread(() -> {
      for (int i = 0; i < 20; i++) {
        Thread.currentThread().interrupt();
        try {
          new Idempotency(store, ledger, clock).claim("p", "k" + i, "h", "r" + i);
        } catch (Problem refused) {
          assertThat(refused.status()).isEqualTo(503);
        }
      }
    });
    cancelled.start();
    cancelled.join();
    book(SpendSamples.bill("r1", 1));
    assertThat(number("SELECT COUNT(*) FROM dromedary_requests")).isEqualTo(1);
  }

  @Test
  @Tag("F4")
  void a_sink_that_fails_holds_up_no_other_and_gets_its_event_later() {
    book(SpendSamples.bill("r1", 1));
    CostEvent toA = outbox.next(10, "a").get(0);
    outbox.failed(toA.id(), "connection refused");
    assertThat(outbox.next(10, "a")).as("backing off").isEmpty();
    CostEvent toB = outbox.next(10, "b").get(0);
    assertThat(toB.eventId()).isEqualTo(toA.eventId()).isEqualTo("r1.1");
    outbox.delivered(List.of(toB.id()));
    assertThat(outbox.pending()).isEqualTo(1);
    for (int tries = 1; tries < 15; tries++) {
      clock.ahead = clock.ahead.plus(Outbox.LONGEST_WAIT).plusSeconds(1);
      List<CostEvent> again = outbox.next(10, "a");
      assertThat(again).extracting(CostEvent::tries).containsExactly(tries);
      outbox.failed(again.get(0).id(), "still refused");
    }
    assertThat(outbox.pending()).isEqualTo(1);
  }

  @Test
  @Tag("F4")
  void an_event_whose_relay_died_is_handed_out_again_after_the_lease() {
    book(SpendSamples.bill("r1", 1));
    assertThat(outbox.next(10, "a")).hasSize(1);
    assertThat(outbox.next(10, "a")).isEmpty();
    clock.ahead = Outbox.LEASE.plusSeconds(1);
    assertThat(outbox.next(10, "a")).hasSize(1);
  }

  @Test
  @Tag("F4")
  void two_relays_never_hold_the_same_event_and_leave_none() throws Exception {
    for (int i = 0; i < 500; i++) {
      ledger.note(SpendSamples.hit("h" + i));
    }
    await().until(() -> number("SELECT COUNT(*) FROM dromedary_requests") == 500);
    Outbox other = new Outbox(store, List.of("a", "b"), clock);
    Set<String> seen = new HashSet<>();
    List<String> all = new ArrayList<>();
    List<Future<Void>> relays = concurrently(4, 4, new Callable<>() {
      int n;

      @Override
      public Void call() {
        Outbox mine;
        synchronized (this) {
          mine = n++ % 2 == 0 ? outbox : other;
        }
        int empty = 0;
        while (empty < 3) {
          List<CostEvent> some = mine.next(17, "a");
          empty = some.isEmpty() ? empty + 1 : 0;
          synchronized (all) {
            some.forEach(event -> all.add(event.eventId()));
            seen.addAll(all);
          }
          mine.delivered(some.stream().map(CostEvent::id).toList());
        }
        return null;
      }
    });
    for (Future<Void> relay : relays) {
      relay.get();
    }
    assertThat(seen).hasSize(500);
    assertThat(all).hasSize(500);
    assertThat(outbox.next(10, "b")).hasSize(10);
  }

  @Test
  @Tag("X7")
  void a_cost_event_tells_the_money_in_open_telemetry_names_and_no_text() throws Exception {
    book(texts(SpendSamples.bill("r1", 1), "why", "SECRET PROMPT", "SECRET ANSWER", null));
    String payload = outbox.next(1, "a").get(0).payload();
    JsonNode event = Json.read(payload);
    assertThat(payload).doesNotContain("SECRET");
    assertThat(event.path("gen_ai.provider.name").asText()).isEqualTo("openai");
    assertThat(event.path("gen_ai.usage.input_tokens").longValue()).isEqualTo(912);
    assertThat(event.path("gen_ai.usage.output_tokens").longValue()).isEqualTo(240);
    assertThat(event.path("cost_usd").asText()).isEqualTo(SpendSamples.bill("x", 1).cost().toString());
    assertThat(event.path("saved_usd").asText()).isEqualTo("0.002");
    assertThat(event.path("price_version").asText()).isEqualTo(SpendSamples.PRICE.version());
    assertThat(event.path("tags").path(0).asText()).isEqualTo("team-a");
  }

  @Test
  @Tag("M10")
  void of_fifty_concurrent_duplicates_one_is_fresh_and_the_others_get_its_answer() throws Exception {
    Idempotency idempotency = new Idempotency(store, ledger, clock);
    byte[] answer = "{\"ok\":true}".getBytes(StandardCharsets.UTF_8);
    List<Future<String>> all = concurrently(50, 50, new Callable<>() {
      int n;

      @Override
      public String call() throws Exception {
        String id;
        synchronized (this) {
          id = "r" + n++;
        }
        Claim claim = idempotency.claim("default", "key", "hash", id);
        if (claim instanceof Claim.Fresh) {
          Thread.sleep(150);
          idempotency.complete("default", "key", id, 200, "application/json", answer);
          return "fresh";
        }
        claim = idempotency.await("default", "key", "hash", id, Duration.ofSeconds(20));
        assertThat(((Claim.Replay) claim).body()).isEqualTo(answer);
        return "replay";
      }
    });
    int fresh = 0;
    for (Future<String> one : all) {
      fresh += one.get().equals("fresh") ? 1 : 0;
    }
    assertThat(fresh).isEqualTo(1);
  }

  @Test
  @Tag("M10")
  void a_key_is_the_projects_own_means_one_body_and_lives_a_day() {
    Idempotency keys = new Idempotency(store, ledger, clock);
    byte[] large = new byte[3 << 20];
    large[large.length - 1] = 7;
    assertThat(keys.claim("p", "k", "h1", "r1")).isInstanceOf(Claim.Fresh.class);
    assertThat(keys.claim("p", "k", "h1", "r2")).isEqualTo(new Claim.InProgress("r1"));
    assertThat(keys.claim("p", "k", "h2", "r2")).isInstanceOf(Claim.Mismatch.class);
    assertThat(keys.claim("q", "k", "h2", "r2")).isInstanceOf(Claim.Fresh.class);
    keys.complete("p", "k", "r1", 200, "text/event-stream", large);
    restart();
    Idempotency after = new Idempotency(store, ledger, clock);
    Claim.Replay replay = (Claim.Replay) after.claim("p", "k", "h1", "r3");
    assertThat(replay.body()).isEqualTo(large);
    assertThat(replay.contentType()).isEqualTo("text/event-stream");
    assertThat(after.claim("q", "k", "h2", "r4")).as("its process is gone").isInstanceOf(Claim.Fresh.class);
    after.release("q", "k", "r4");
    assertThat(after.claim("q", "k", "other", "r5")).as("it failed").isInstanceOf(Claim.Fresh.class);
    clock.ahead = Duration.ofHours(24).plusSeconds(1);
    assertThat(after.claim("p", "k", "h9", "r6")).isInstanceOf(Claim.Fresh.class);
    assertThat(after.sweep()).isEqualTo(1);
    assertThatThrownBy(() -> after.claim("p", "k".repeat(256), "h", "r")).isInstanceOfSatisfying(Problem.class, p -> assertThat(p.status()).isEqualTo(400));
  }

  @Test
  @Tag("M10")
  @Tag("F5")
  void what_is_paid_and_what_is_kept_for_its_key_are_one_transaction_also_when_the_store_was_away() {
    ledger.close();
    FaultyDataSource faulty = new FaultyDataSource(store.dataSource());
    ledger = new Ledger(new Store(faulty, store.postgres(), store.node(), null), outbox, clock);
    Idempotency keys = new Idempotency(store, ledger, clock);
    byte[] answer = "{}".getBytes(StandardCharsets.UTF_8);
    for (String id : new String[] {"r1", "r2"}) {
      assertThat(keys.claim("p", id, "h", id)).isInstanceOf(Claim.Fresh.class);
      ledger.begin(SpendSamples.bill(id, 1).attempts().get(0), id, "p");
    }
    long before = ledger.transactions();
    ledger.settle(SpendSamples.bill("r1", 1), new Ending("p", "r1", "r1", 200, "application/json", answer));
    assertThat(ledger.transactions()).isEqualTo(before + 1);
    assertThat(number("SELECT COUNT(*) FROM dromedary_idempotency WHERE state = 'DONE'")).isEqualTo(1);
    faulty.down = true;
    Ending second = new Ending("p", "r2", "r2", 200, "application/json", answer);
    assertThatThrownBy(() -> ledger.settle(SpendSamples.bill("r2", 1), second)).isInstanceOf(Problem.class);
    keys.over(second);
    assertThatThrownBy(() -> keys.claim("p", "r3", "h", "r3")).isInstanceOfSatisfying(Problem.class, p -> assertThat(p.code()).isEqualTo("ledger_unavailable"));
    faulty.down = false;
    await().until(ledger::available);
    assertThat(keys.claim("p", "r2", "h", "r4")).as("its answer was paid").isInstanceOf(Claim.Replay.class);
    faulty.loseNextCommit = true;
    assertThatThrownBy(() -> keys.claim("p", "r5", "h", "r5")).isInstanceOf(Problem.class);
    faulty.down = false;
    await().until(ledger::available);
    assertThat(keys.claim("p", "r5", "h", "r6")).as("taken, but refused to its request").isInstanceOf(Claim.Fresh.class);
  }

  @Test
  @Tag("X6")
  void another_projects_request_is_told_like_an_unknown_one() {
    book(SpendSamples.bill("theirs", "other", List.of(SpendSamples.answered("theirs", 1))));
    Reports reports = new Reports(store);
    assertThat(reports.request("theirs", ADMIN).path("project").asText()).isEqualTo("other");
    Problem hidden = notFound(reports, "theirs");
    Problem unknown = notFound(reports, "nobody");
    assertThat(hidden.getMessage().replace("theirs", "nobody")).isEqualTo(unknown.getMessage());
    assertThat(hidden.status()).isEqualTo(unknown.status()).isEqualTo(404);
    assertThat(usage(TEAM).path("total").path("requests").longValue()).isZero();
    assertThat(usage(ADMIN, "group_by", "project").path("data").path(0).path("project").asText()).isEqualTo("other");
  }

  private static Problem notFound(Reports reports, String id) {
    try {
      reports.request(id, TEAM);
    } catch (Problem e) {
      return e;
    }
    throw new AssertionError("found " + id);
  }

  @Test
  @Tag("M12")
  void usage_is_told_by_any_group_and_hits_bill_no_tokens() {
    book(SpendSamples.bill("r1", 1));
    book(SpendSamples.bill("r2", 2));
    ledger.note(SpendSamples.hit("h1"));
    await().until(() -> number("SELECT COUNT(*) FROM dromedary_requests") == 3);
    JsonNode usage = usage(TEAM, "group_by", "model,provider,project,day,tag,tier,task,domain");
    assertThat(usage.path("data")).hasSize(1);
    JsonNode group = usage.path("data").path(0);
    assertThat(group.path("day").asText()).isEqualTo(LocalDate.now(ZoneOffset.UTC).toString());
    assertThat(group.path("tag").asText()).isEqualTo("team-a");
    assertThat(group.path("requests").longValue()).isEqualTo(3);
    assertThat(group.path("cached_requests").longValue()).isEqualTo(1);
    assertThat(group.path("input_tokens").longValue()).isEqualTo(2 * 912);
    assertThat(usage.path("total").path("success_rate").decimalValue()).isEqualByComparingTo("1");
    assertThat(usage.path("total").path("latency_ms").path("p95").decimalValue()).isBetween(BigDecimal.valueOf(1_500), BigDecimal.valueOf(2_000));
  }

  @Test
  void wrong_report_parameters_are_named() {
    assertParam("from", () -> usage(TEAM, "from", "yesterday"));
    assertParam("to", () -> usage(TEAM, "to", "2026-13-01"));
    assertParam("from", () -> usage(TEAM, "from", "2026-02-01", "to", "2026-01-01"));
    assertParam("from", () -> usage(TEAM, "from", "1971-01-01"));
    assertParam("group_by", () -> usage(TEAM, "group_by", "model,colour"));
    assertParam("group_by", () -> usage(TEAM, "group_by", "tag,tags"));
    assertParam("compare", () -> usage(TEAM, "compare", "last"));
    assertParam("modell", () -> usage(TEAM, "modell", "openai/gpt-4o"));
    assertParam("period_days", () -> usage(TEAM, "period_days", "0"));
    assertParam("period_days", () -> usage(TEAM, "period_days", "many"));
    assertParam("period_days", () -> usage(TEAM, "period_days", "7", "from", "2026-01-01"));
  }

  private static void assertParam(String param, Runnable call) {
    assertThatThrownBy(call::run).isInstanceOfSatisfying(Problem.class, p -> {
      assertThat(p.status()).isEqualTo(400);
      assertThat(p.param()).isEqualTo(param);
    });
  }

  @Test
  @Tag("X7")
  void interactions_are_forgotten_after_their_retention_and_bills_stay() {
    book(texts(SpendSamples.bill("old", 1), "why", "prompt", "answer", null));
    clock.ahead = Duration.ofDays(31);
    book(SpendSamples.bill("new", 1));
    InteractionLog log = new InteractionLog(store, Duration.ofDays(30), clock);
    assertThat(log.sweep()).isEqualTo(1);
    assertThat(number("SELECT COUNT(*) FROM dromedary_interaction_log WHERE request_id = 'new'")).isEqualTo(1);
    assertThat(log.purge("default")).isEqualTo(1);
    assertThat(number("SELECT COUNT(*) FROM dromedary_requests")).isEqualTo(2);
  }
}
