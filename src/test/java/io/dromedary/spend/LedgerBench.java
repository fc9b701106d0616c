package io.dromedary.spend;

import io.dromedary.catalog.Bill;
import io.dromedary.testing.Postgres;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/** Measures the ledger: requests (begin + settle) a second and CPU each. Arguments: callers, seconds, sinks, {@code h2}, {@code postgres} or a PostgreSQL URL. Not run by the build. */
public final class LedgerBench {
  public static void main(String[] args) throws Exception {
    int callers = args.length > 0 ? Integer.parseInt(args[0]) : 64;
    int seconds = args.length > 1 ? Integer.parseInt(args[1]) : 8;
    List<String> sinks = args.length > 2 && Integer.parseInt(args[2]) > 0 ? List.of("bench") : List.of();
    String where = args.length > 3 ? args[3] : "h2";
    String url = where.equals("h2") ? "" : where.equals("postgres") ? Postgres.freshUrl() : where;
    Path dir = Files.createTempDirectory("ledger-bench");
    try (Store store = Store.open(dir.resolve("data"), url)) {
      Outbox outbox = new Outbox(store, sinks, Clock.systemUTC());
      try (Ledger ledger = new Ledger(store, outbox, Clock.systemUTC())) {
        run(ledger, "warm-up", callers, 4, false, 0);
        run(ledger, "begin+settle", callers, seconds, false, 0);
        purses = new io.dromedary.catalog.Purse[] {new SpendSamples.Till("day", "1000000"), new SpendSamples.Till("month", "1000000")};
        run(ledger, "two budgets", callers, seconds, false, 0);
        run(ledger, "one, budgets", 1, Math.min(seconds, 4), false, 0);
        purses = new io.dromedary.catalog.Purse[] {};
        run(ledger, "paced 8 ms", callers, seconds, false, 8);
        run(ledger, "paced 64 ms", callers, Math.min(seconds, 4), false, 64);
        run(ledger, "note (hits)", callers, Math.min(seconds, 4), true, 0);
        run(ledger, "one caller", 1, Math.min(seconds, 4), false, 0);
      }
      try (var files = Files.walk(dir)) {
        System.out.printf("store %,d KiB%n", files.filter(Files::isRegularFile).mapToLong(file -> file.toFile().length()).sum() / 1024);
      }
    }
  }

  /** Two budgets that all requests share, far from their limits; null for runs without. */
  private static io.dromedary.catalog.Purse[] purses = {};

  private static final AtomicInteger IDS = new AtomicInteger();

  private static void run(Ledger ledger, String name, int callers, int seconds, boolean hits, long pauseMs) throws Exception {
    AtomicLong done = new AtomicLong();
    AtomicLong waited = new AtomicLong();
    long cpu = cpu();
    long rows = ledger.rows();
    long transactions = ledger.transactions();
    long start = System.nanoTime();
    long end = start + seconds * 1_000_000_000L;
    Thread[] threads = new Thread[callers];
    for (int i = 0; i < callers; i++) {
      threads[i] = new Thread(() -> {
        while (System.nanoTime() < end) {
          String id = "req_" + Long.toHexString(System.currentTimeMillis()) + IDS.incrementAndGet();
          Bill bill = hits ? SpendSamples.hit(id) : purses.length == 0 ? SpendSamples.bill(id, 1)
              : SpendSamples.bill(id, "default", List.of(SpendSamples.ended(SpendSamples.drawing(id, 1, io.dromedary.chat.Usd.of("0.0123"), purses), io.dromedary.catalog.Attempt.Status.ANSWERED, 240)));
          long t = System.nanoTime();
          if (hits) {
            ledger.note(bill);
          } else {
            ledger.begin(bill.attempts().get(0), id, "default");
            if (pauseMs > 0) {
              long pause = System.nanoTime();
              LockSupport.parkNanos(pauseMs * 1_000_000);
              t += System.nanoTime() - pause;
            }
            ledger.settle(bill);
          }
          waited.addAndGet(System.nanoTime() - t);
          done.incrementAndGet();
        }
      });
      threads[i].start();
    }
    for (Thread thread : threads) {
      thread.join();
    }
    while (ledger.waiting() > 0) {
      Thread.sleep(1);
    }
    double took = (System.nanoTime() - start) / 1e9;
    long n = done.get();
    System.out.printf("%-14s %d callers: %,.0f requests/s, CPU %.1f us a request, %.2f ms waited each, %.1f rows a commit, %,.0f commits/s%n", name, callers, n / took,
        (cpu() - cpu) / 1e3 / n, waited.get() / 1e6 / n, (double) (ledger.rows() - rows) / (ledger.transactions() - transactions), (ledger.transactions() - transactions) / took);
  }

  private static long cpu() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
  }
}
