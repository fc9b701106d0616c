package io.dromedary.bench;

import io.dromedary.chat.Caller;
import io.dromedary.spend.LedgerRows;
import io.dromedary.spend.Rollups;
import io.dromedary.spend.Store;
import io.dromedary.spend.UsageReports;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;

/** How fast reports are over a large ledger, on H2 and on PostgreSQL: made-up requests of 30 days, 20 projects, 60 keys, 1,000 users, 8 models; the first call and the median of nine. */
final class ReportBench {
  private static final Caller ADMIN = new Caller("admin", "", true, Set.of());

  private ReportBench() {}

  public static void main(String[] args) throws Exception {
    int size = args.length > 0 ? Integer.parseInt(args[0]) : 1_000_000;
    Path dir = Files.createTempDirectory("report-bench");
    String only = args.length > 1 ? args[1] : "";
    if (!only.equals("postgres")) {
      try (Store store = Store.open(dir.resolve("h2"), null)) {
        measure("H2", store, size);
      }
    }
    if (!only.equals("h2")) {
      try (EmbeddedPostgres postgres = EmbeddedPostgres.builder().start(); Store store = Store.open(dir.resolve("postgres"), "postgres://postgres:postgres@localhost:" + postgres.getPort() + "/postgres?sslmode=disable")) {
        measure("PostgreSQL", store, size);
      }
    }
  }

  private static void measure(String name, Store store, int size) throws Exception {
    System.out.printf("%s, %,d requests%n", name, size);
    if (name.equals("H2")) {
      // the same question twice would be answered from the last answer
      try (var connection = store.dataSource().getConnection(); var statement = connection.createStatement()) {
        statement.execute("SET OPTIMIZE_REUSE_RESULTS 0");
      }
    }
    timed("  made", () -> {
      try (LedgerRows.Writer writer = new LedgerRows.Writer(store.dataSource())) {
        LedgerRows.make(7, size, System.currentTimeMillis() - 60_000, 30, 20, writer::write);
      }
      return null;
    });
    Rollups rollups = new Rollups(store, Clock.systemUTC());
    timed("  summed up for the first time", () -> rollups.fold());
    try (var connection = store.dataSource().getConnection(); var select = connection.prepareStatement("SELECT kind, COUNT(*) FROM dromedary_rollups GROUP BY kind ORDER BY kind"); var row = select.executeQuery()) {
      while (row.next()) {
        System.out.printf("  sums of kind %d: %,d%n", row.getInt(1), row.getLong(2));
      }
    }
    UsageReports reports = new UsageReports(store, rollups, Clock.systemUTC());
    Map<String, Callable<?>> pages = new LinkedHashMap<>();
    for (String by : new String[] {"", "model", "project", "day", "project,model", "key", "user,project", "agent", "tier", "task,domain", "tag", "day,model", "week,provider", "hour", "project,key,agent,model,tier,task"}) {
      pages.put("usage by " + (by.isEmpty() ? "nothing" : by), () -> reports.usage(Map.of("group_by", by), ADMIN));
    }
    pages.put("usage by model of one project", () -> reports.usage(Map.of("group_by", "model", "project", "project-3"), ADMIN));
    pages.put("usage of the project's own", () -> reports.usage(Map.of("group_by", "model,day"), new Caller("project-3", "key-1", false, Set.of())));
    pages.put("usage, from an odd minute", () -> reports.usage(Map.of("group_by", "model", "from", java.time.Instant.now().minusSeconds(20 * 86_400 + 4_321).toString()), ADMIN));
    pages.put("usage compared and projected", () -> reports.usage(Map.of("group_by", "model", "compare", "previous", "period_days", "14", "projection", "month"), ADMIN));
    pages.put("savings", () -> reports.savings(Map.of(), ADMIN));
    pages.put("savings by project", () -> reports.savings(Map.of("group_by", "project"), ADMIN));
    pages.put("lines by day, project, model", () -> {
      reports.lines(Map.of("group_by", "day,project,model"), ADMIN).write(OutputStream.nullOutputStream());
      return null;
    });
    for (Map.Entry<String, Callable<?>> page : pages.entrySet()) {
      double[] ms = new double[10];
      long cpu = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
      String note = "";
      for (int i = 0; i < ms.length; i++) {
        long start = System.nanoTime();
        try {
          page.getValue().call();
        } catch (io.dromedary.chat.Problem refused) {
          note = "  (refused: " + refused.getMessage() + ")";
        }
        ms[i] = (System.nanoTime() - start) / 1e6;
      }
      double first = ms[0];
      double[] rest = Arrays.copyOfRange(ms, 1, ms.length);
      Arrays.sort(rest);
      System.out.printf("  %-48s first %7.1f ms, median %7.1f ms, this thread's CPU %6.1f ms%s%n", page.getKey(), first, rest[rest.length / 2], (ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - cpu) / 1e6 / ms.length, note);
    }
    sweep(reports);
  }

  /** Every group, every pair and many sets of groups, with every filter in turn, over all and over odd spans of time: how many took longer than 200 ms. */
  private static void sweep(UsageReports reports) {
    List<String> groups = List.of("project", "key", "user", "agent", "model", "provider", "tier", "task", "domain", "tag", "tags", "hour", "day", "week", "month");
    List<Map.Entry<String, String>> filters = List.of(Map.entry("project", "project-3"), Map.entry("key", "key-1"), Map.entry("user", "user-3-7"), Map.entry("agent", "agent-1"), Map.entry("model", "provider-1/model-1"),
        Map.entry("provider", "provider-1"), Map.entry("tier", "tier-1"), Map.entry("task", "task-2"), Map.entry("domain", "domain-2"), Map.entry("tag", "web"));
    Random random = new Random(5);
    List<Map<String, String>> queries = new ArrayList<>();
    for (int i = 0; i < groups.size(); i++) {
      for (int j = i; j < groups.size(); j++) {
        String by = groups.get(i) + (i == j ? "" : "," + groups.get(j));
        queries.add(Map.of("group_by", by));
        Map.Entry<String, String> filter = filters.get(queries.size() / 2 % filters.size());
        queries.add(Map.of("group_by", by, filter.getKey(), filter.getValue()));
        queries.add(Map.of("group_by", by, "from", java.time.Instant.now().minusSeconds(60 * (1_000 + random.nextInt(40_000))).toString()));
      }
    }
    for (int i = 0; i < 60; i++) {
      List<String> some = new ArrayList<>(groups);
      java.util.Collections.shuffle(some, random);
      Map.Entry<String, String> filter = filters.get(random.nextInt(filters.size()));
      queries.add(Map.of("group_by", String.join(",", some.subList(0, 3 + random.nextInt(3))), filter.getKey(), filter.getValue()));
    }
    queries.removeIf(query -> query.get("group_by").contains("tag,") && query.get("group_by").contains("tags"));
    int slow = 0;
    int refused = 0;
    double[] all = new double[queries.size()];
    double[] cpus = new double[all.length];
    for (int i = 0; i < all.length; i++) {
      double best = Double.MAX_VALUE;
      double bestCpu = Double.MAX_VALUE;
      String note = "";
      for (int again = 0; again < 2; again++) {
        long start = System.nanoTime();
        long cpu = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
        try {
          reports.usage(queries.get(i), ADMIN);
        } catch (io.dromedary.chat.Problem problem) {
          note = "  (" + problem.getMessage() + ")";
        }
        best = Math.min(best, (System.nanoTime() - start) / 1e6);
        bestCpu = Math.min(bestCpu, (ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - cpu) / 1e6);
      }
      refused += note.isEmpty() ? 0 : 1;
      all[i] = best;
      cpus[i] = bestCpu;
      if (best > 200) {
        slow++;
        System.out.printf("  over 200 ms: %-70s %7.1f ms, this thread's CPU %6.1f ms%s%n", queries.get(i), best, bestCpu, note);
      }
    }
    Arrays.sort(all);
    Arrays.sort(cpus);
    System.out.printf("  %d queries, this thread's CPU: median %.1f ms, slowest %.1f ms%n", cpus.length, cpus[cpus.length / 2], cpus[cpus.length - 1]);
    System.out.printf("  %d queries: median %.1f ms, 95th percentile %.1f ms, slowest %.1f ms, %d over 200 ms; %d have too many groups%n", all.length, all[all.length / 2], all[all.length * 95 / 100], all[all.length - 1], slow, refused);
  }

  private static void timed(String what, Callable<?> work) throws Exception {
    long start = System.nanoTime();
    Object result = work.call();
    System.out.printf("%s in %.1f s%s%n", what, (System.nanoTime() - start) / 1e9, result == null ? "" : " (" + result + ")");
  }
}
