package io.dromedary.spend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Problem;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.time.temporal.IsoFields;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What reports promise on every store: sums and the ledger's tail together are the ledger. */
abstract class SumsContract extends SpendContract {
  private static final List<String> LABELS = List.of("project", "key", "user", "agent", "model", "provider", "tier", "task", "domain");

  private List<LedgerRows.Row> write(int size, int days) throws SQLException {
    List<LedgerRows.Row> rows = LedgerRows.list(7, size, System.currentTimeMillis() - 60_000, days, 6);
    try (LedgerRows.Writer writer = new LedgerRows.Writer(store.dataSource())) {
      rows.forEach(writer::write);
    }
    return rows;
  }

  private String csv(Map<String, String> query, Caller caller) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    reports().lines(query, caller).write(out);
    return out.toString(StandardCharsets.UTF_8);
  }

  private static String label(LedgerRows.Row row, String group) {
    var time = Instant.ofEpochMilli(row.receivedMs()).atZone(ZoneOffset.UTC);
    return switch (group) {
      case "hour" -> time.truncatedTo(ChronoUnit.HOURS).toInstant().toString();
      case "day" -> time.toLocalDate().toString();
      case "week" -> String.format("%d-W%02d", time.get(IsoFields.WEEK_BASED_YEAR), time.get(IsoFields.WEEK_OF_WEEK_BASED_YEAR));
      case "month" -> time.toLocalDate().toString().substring(0, 7);
      default -> row.labels().get(group);
    };
  }

  private static Map<List<String>, long[]> expected(List<LedgerRows.Row> rows, Instant from, Instant to, List<String> by, Map<String, String> only) {
    Map<List<String>, long[]> groups = new HashMap<>();
    for (LedgerRows.Row row : rows) {
      boolean counts = row.receivedMs() >= from.toEpochMilli() && row.receivedMs() < to.toEpochMilli();
      for (Map.Entry<String, String> one : only.entrySet()) {
        counts &= one.getKey().equals("tag") ? List.of(row.labels().get("tags").split(",")).contains(one.getValue()) : row.labels().get(one.getKey()).equals(one.getValue());
      }
      if (counts) {
        long[] sums = groups.computeIfAbsent(by.stream().map(group -> label(row, group)).toList(), key -> new long[6]);
        sums[0]++;
        sums[1] += row.hit() ? 1 : 0;
        sums[2] += row.cost();
        sums[3] += row.cacheSaved() + row.routingSaved();
        sums[4] += row.hit() ? 0 : row.uncached() + row.cacheRead() + row.cacheWrite();
        sums[5] += row.hit() ? 0 : row.output();
      }
    }
    return groups;
  }

  private static Map<List<String>, long[]> told(JsonNode usage, List<String> by) {
    Map<List<String>, long[]> groups = new LinkedHashMap<>();
    for (JsonNode group : usage.path("data")) {
      groups.put(by.stream().map(name -> group.path(name).asText()).toList(), new long[] {group.path("requests").longValue(), group.path("cached_requests").longValue(), group.path("cost_nanos").longValue(),
          group.path("saved_nanos").longValue(), group.path("input_tokens").longValue(), group.path("output_tokens").longValue()});
    }
    return groups;
  }

  @Test
  @Tag("M9")
  void reports_are_exact_wherever_the_sums_end_and_however_they_are_asked() throws Exception {
    List<LedgerRows.Row> rows = write(2_400, 40);
    Rollups rollups = new Rollups(store, clock);
    Random random = new Random(11);
    int checked = 0;
    for (int part = 0; part <= 3; part++) {
      if (part > 0) {
        for (int n = 1; n > 0;) {
          n = rollups.step(part == 3 ? Long.MAX_VALUE : rows.get(800 * part).seq());
        }
      }
      for (int i = 0; i < 40; i++) {
        List<String> by = new ArrayList<>(LABELS);
        by.addAll(List.of("hour", "day", "week", "month", "tags"));
        Collections.shuffle(by, random);
        by = by.subList(0, 1 + random.nextInt(3));
        Map<String, String> only = new HashMap<>();
        if (random.nextInt(3) == 0) {
          String filter = LABELS.get(random.nextInt(LABELS.size()));
          only.put(filter, rows.get(random.nextInt(rows.size())).labels().get(filter));
        } else if (random.nextInt(4) == 0) {
          only.put("tag", "web");
        }
        Instant from = Instant.now().minus(random.nextInt(42 * 24 * 60), ChronoUnit.MINUTES);
        Instant to = random.nextBoolean() ? Instant.now().plusSeconds(5) : from.plus(1 + random.nextInt(20 * 24 * 60), ChronoUnit.MINUTES);
        if (random.nextInt(3) == 0) {
          from = from.truncatedTo(ChronoUnit.DAYS);
        }
        Map<String, String> query = new HashMap<>(only);
        query.putAll(query("from", from.toString(), "to", to.toString(), "group_by", String.join(",", by)));
        Map<List<String>, long[]> expected = expected(rows, from.truncatedTo(ChronoUnit.MILLIS), to.truncatedTo(ChronoUnit.MILLIS), by, only);
        JsonNode usage = new UsageReports(store, rollups, clock).usage(query, ADMIN);
        assertThat(told(usage, by)).as("part %d: %s", part, query).hasSameSizeAs(expected).allSatisfy((key, sums) -> assertThat(sums).as("%s of %s", key, query).isEqualTo(expected.get(key)));
        assertThat(usage.path("total").path("cost_nanos").longValue()).isEqualTo(expected.values().stream().mapToLong(sums -> sums[2]).sum());
        checked += expected.size();
      }
    }
    assertThat(checked).isGreaterThan(1_000);
    assertThat(number("SELECT SUM(requests) FROM dromedary_rollups WHERE kind = 2")).isEqualTo(2_400);
  }

  @Test
  @Tag("M9")
  void what_no_sums_tell_apart_comes_from_columns_and_not_from_the_ledgers_rows() throws Exception {
    List<LedgerRows.Row> rows = write(3_000, 40);
    Rollups rollups = new Rollups(store, clock);
    for (int i = 1; i <= 60; i++) {
      while (rollups.step(i == 60 ? Long.MAX_VALUE : rows.get(50 * i - 1).seq() & ~0xFFFFL) > 0) {
        // on to the next span of keys
      }
    }
    assertThat(number("SELECT COUNT(*) FROM dromedary_columns")).as("small pieces are joined").isBetween(1L, 12L);
    assertThat(number("SELECT SUM(requests) FROM dromedary_columns")).isEqualTo(3_000);
    execute("DELETE FROM dromedary_requests");
    for (List<String> by : List.of(List.of("user", "model", "tier"), List.of("hour", "user"), List.of("week", "key", "task"), List.of("month", "agent", "domain"), List.of("week", "month", "user"), List.of("tags", "user"),
        List.of("project", "key", "user", "agent", "model", "provider", "tier", "task", "domain", "tags", "day"))) {
      for (Map<String, String> only : List.of(Map.<String, String>of(), Map.of("tag", "web"), Map.of("user", rows.get(7).labels().get("user"), "task", "task-1"), Map.of("user", "nobody"))) {
        Map<List<String>, long[]> expected = expected(rows, Instant.EPOCH, Instant.now(), by, only);
        Map<String, String> query = new HashMap<>(only);
        query.putAll(query("period_days", "60", "group_by", String.join(",", by)));
        Map<List<String>, long[]> told = told(reports().usage(query, ADMIN), by);
        assertThat(told).as("%s", query).hasSameSizeAs(expected).allSatisfy((key, sums) -> assertThat(sums).as("%s of %s", key, query).isEqualTo(expected.get(key)));
      }
    }
    try (Connection connection = store.dataSource().getConnection()) {
      Rollups.Scan greedy = new Rollups.Scan(0, Long.MAX_VALUE, Set.of(Dimension.USER, Dimension.TASK), Rollups.Time.NONE, Map.of(), 10_000, 2_999);
      assertThatThrownBy(() -> rollups.scan(connection, greedy, (start, dimensions, measures) -> { })).isInstanceOf(Rollups.TooMany.class).hasMessageContaining("more than 2999 requests");
    }
  }

  @Test
  @Tag("M12")
  void what_calls_on_capacity_would_have_cost_is_summed_up_by_hour_and_day() throws Exception {
    write(1, 1);
    Instant now = Instant.now();
    long expected = 0;
    for (int hours = 1; hours < 24 * 12; hours += 7) {
      Instant at = now.minus(hours, ChronoUnit.HOURS);
      for (int i = 1; i <= 2; i++) {
        execute("INSERT INTO dromedary_attempts (seq, request_id, number, slot, project, provider, model, reserved_nanos, status, started_at_ms, list_nanos) VALUES (" + (Sequence.at(at.toEpochMilli()) + i) + ", 'r" + hours + "', " + i
            + ", 0, 'project-" + i + "', 'azure', 'azure/m', 0, 'SETTLED', " + at.toEpochMilli() + ", " + 1_000 * hours + ")");
      }
      expected += 1_000L * hours;
    }
    Rollups rollups = new Rollups(store, clock);
    Instant from = now.minus(13, ChronoUnit.DAYS);
    try (Connection connection = store.dataSource().getConnection()) {
      for (int folded = 0; folded < 2; folded++) {
        assertThat(rollups.capacity(connection, from.toEpochMilli(), now.toEpochMilli(), null).get("azure/m").cost()).isEqualTo(2 * expected);
        Measures own = rollups.capacity(connection, from.toEpochMilli(), now.toEpochMilli(), "project-2").get("azure/m");
        assertThat(own.cost()).isEqualTo(expected);
        assertThat(own.requests()).isEqualTo(41);
        assertThat(rollups.capacity(connection, now.minus(30, ChronoUnit.HOURS).toEpochMilli(), now.minus(2, ChronoUnit.HOURS).toEpochMilli(), "project-1").get("azure/m").cost()).isEqualTo((8 + 15 + 22 + 29) * 1_000);
        write(1, 1);
        rollups.fold();
      }
    }
    assertThat(number("SELECT COUNT(*) FROM dromedary_rollups WHERE kind = 10")).isGreaterThan(20);
  }

  @Test
  @Tag("M9")
  void a_request_counts_for_each_of_its_tags_and_once_in_the_total() throws Exception {
    List<LedgerRows.Row> rows = write(500, 3);
    new Rollups(store, clock).fold();
    JsonNode usage = usage(ADMIN, "group_by", "tag");
    long web = rows.stream().filter(row -> row.labels().get("tags").endsWith("web")).count();
    assertThat(told(usage, List.of("tag")).get(List.of("web"))[0]).isEqualTo(web).isPositive();
    assertThat(usage.at("/total/requests").longValue()).isEqualTo(500);
    assertThat(told(usage(ADMIN, "group_by", "tag", "tag", "web"), List.of("tag"))).containsOnlyKeys(List.of("web"));
  }

  @Test
  @Tag("M9")
  void requests_that_are_still_open_are_not_passed_over() {
    Rollups rollups = new Rollups(store, clock);
    ledger.begin(SpendSamples.answered("slow", 1), "slow", "default");
    book(SpendSamples.bill("quick", 1));
    await().untilAsserted(() -> {
      rollups.fold();
      assertThat(usage(TEAM).at("/total/requests").longValue()).isEqualTo(1);
      assertThat(number("SELECT COUNT(*) FROM dromedary_nodes WHERE low_seq > 0")).isEqualTo(1);
    });
    ledger.settle(SpendSamples.bill("slow", 1));
    rollups.fold();
    assertThat(usage(TEAM).at("/total/requests").longValue()).isEqualTo(2);
    restart();
    clock.ahead = java.time.Duration.ofMinutes(2);
    book(SpendSamples.bill("last", 1));
    Rollups after = new Rollups(store, clock);
    await().atMost(java.time.Duration.ofSeconds(20)).untilAsserted(() -> {
      after.fold();
      assertThat(number("SELECT COALESCE(SUM(requests), 0) FROM dromedary_rollups WHERE kind = 1")).isGreaterThanOrEqualTo(2);
    });
    assertThat(usage(TEAM).at("/total/requests").longValue()).isEqualTo(3);
  }

  @Test
  @Tag("M9")
  void two_nodes_that_fold_at_once_count_nothing_twice() throws Exception {
    List<LedgerRows.Row> rows = write(6_000, 10);
    List<Thread> nodes = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      Thread node = new Thread(new Rollups(store, clock)::fold);
      nodes.add(node);
      node.start();
    }
    long cost = rows.stream().mapToLong(LedgerRows.Row::cost).sum();
    for (int i = 0; i < 10; i++) {
      assertThat(usage(ADMIN, "group_by", "project").at("/total/cost_nanos").longValue()).as("while it is being summed up").isEqualTo(cost);
    }
    for (Thread node : nodes) {
      node.join();
    }
    new Rollups(store, clock).fold();
    assertThat(number("SELECT SUM(cost_nanos) FROM dromedary_rollups WHERE kind = 5")).isEqualTo(cost);
    assertThat(usage(ADMIN).at("/total/cost_nanos").longValue()).isEqualTo(cost);
  }

  @Test
  @Tag("M9")
  void a_row_that_appears_below_the_mark_is_found_the_day_after() throws Exception {
    write(900, 9);
    Rollups rollups = new Rollups(store, clock);
    rollups.fold();
    execute("UPDATE dromedary_rollup_state SET folded_seq = " + Sequence.at(System.currentTimeMillis()));
    long twoDaysAgo = Instant.now().truncatedTo(ChronoUnit.DAYS).minus(2, ChronoUnit.DAYS).toEpochMilli();
    LedgerRows.Row late = LedgerRows.list(3, 1, twoDaysAgo + 86_400_000 + 3_600_000, 1, 1).get(0);
    try (LedgerRows.Writer writer = new LedgerRows.Writer(store.dataSource())) {
      writer.write(late);
    }
    assertThat(usage(ADMIN).at("/total/requests").longValue()).isEqualTo(900);
    assertThat(rollups.check()).isTrue();
    assertThat(usage(ADMIN).at("/total/requests").longValue()).isEqualTo(901);
    assertThat(usage(ADMIN, "group_by", "user,model").at("/total/requests").longValue()).isEqualTo(901);
    assertThat(rollups.check()).as("once a day").isFalse();
  }

  @Test
  @Tag("X7")
  void a_user_who_is_forgotten_is_nobody_in_the_sums_too() throws Exception {
    List<LedgerRows.Row> rows = write(600, 5);
    Rollups rollups = new Rollups(store, clock);
    rollups.fold();
    LedgerRows.Row one = rows.get(300);
    String user = one.labels().get("user");
    assertThat(new LedgerErasure(store).requests(one.labels().get("project"), user, null)).isPositive();
    JsonNode usage = usage(ADMIN, "group_by", "user");
    assertThat(told(usage, List.of("user"))).doesNotContainKey(List.of(user)).containsKey(List.of(""));
    assertThat(usage(ADMIN, "group_by", "user,task,model").path("data")).isNotEmpty().noneSatisfy(group -> assertThat(group.path("user").asText()).isEqualTo(user));
    assertThat(usage.at("/total/cost_nanos").longValue()).isEqualTo(rows.stream().mapToLong(LedgerRows.Row::cost).sum());
  }

  @Test
  @Tag("X6")
  void another_projects_usage_is_told_like_that_of_one_that_is_unknown() throws Exception {
    write(300, 3);
    Caller own = new Caller("project-0", "key-1", false, Set.of());
    JsonNode all = usage(own, "group_by", "project,user,day");
    assertThat(all.at("/total/requests").longValue()).isPositive();
    assertThat(all.path("data")).allSatisfy(group -> assertThat(group.path("project").asText()).isEqualTo("project-0"));
    JsonNode other = usage(own, "project", "project-1");
    JsonNode unknown = usage(own, "project", "project-9");
    assertThat(other.path("total")).isEqualTo(unknown.path("total"));
    assertThat(other.path("data")).isEqualTo(unknown.path("data"));
    assertThat(csv(query("project", "project-1"), own).lines()).hasSize(1);
  }

  @Test
  @Tag("M12")
  void savings_are_told_by_group_and_add_up() throws Exception {
    List<LedgerRows.Row> rows = write(2_000, 20);
    new Rollups(store, clock).fold();
    JsonNode savings = reports().savings(query("period_days", "25", "group_by", "task"), ADMIN);
    long cache = rows.stream().mapToLong(LedgerRows.Row::cacheSaved).sum();
    long routing = rows.stream().filter(row -> !row.baseline().isEmpty()).mapToLong(LedgerRows.Row::routingSaved).sum();
    assertThat(savings.at("/cache/saved_nanos").longValue()).isEqualTo(cache);
    assertThat(savings.at("/routing/saved_nanos").longValue()).isEqualTo(routing);
    assertThat(savings.at("/saved_nanos").longValue()).isEqualTo(cache + routing);
    long byTask = 0;
    for (JsonNode group : savings.path("data")) {
      byTask += group.path("cache_saved_nanos").longValue();
    }
    assertThat(byTask).isEqualTo(cache);
  }

  @Test
  void change_is_told_against_the_equal_period_before() throws Exception {
    List<LedgerRows.Row> rows = write(1_000, 10);
    new Rollups(store, clock).fold();
    Instant to = Instant.now().truncatedTo(ChronoUnit.DAYS);
    Instant from = to.minus(3, ChronoUnit.DAYS);
    JsonNode usage = usage(ADMIN, "from", from.toString(), "to", to.toString(), "group_by", "provider", "compare", "previous");
    Map<List<String>, long[]> before = expected(rows, from.minus(3, ChronoUnit.DAYS), from, List.of("provider"), Map.of());
    assertThat(usage.at("/data/0/change/cost_before_nanos").longValue()).isEqualTo(before.get(List.of(usage.at("/data/0/provider").asText()))[2]).isPositive();
    double ratio = usage.at("/data/0/cost_nanos").doubleValue() / usage.at("/data/0/change/cost_before_nanos").doubleValue() - 1;
    assertThat(usage.at("/data/0/change/cost_ratio").doubleValue()).isCloseTo(ratio, org.assertj.core.data.Offset.offset(1e-6));
    assertThat(usage.at("/total/change/requests_before").longValue()).isEqualTo(before.values().stream().mapToLong(sums -> sums[0]).sum());
  }

  @Test
  void the_months_end_is_projected_from_three_whole_days_on() throws Exception {
    book(SpendSamples.bill("r1", 1));
    JsonNode none = usage(TEAM, "projection", "month").path("projection");
    assertThat(none.path("available").booleanValue()).isFalse();
    assertThat(none.path("reason").asText()).isEqualTo("it takes 3 whole days, and there are 0");
    write(3_000, 20);
    JsonNode projection = usage(ADMIN, "projection", "month").path("projection");
    assertThat(projection.path("available").booleanValue()).isTrue();
    assertThat(projection.path("low_nanos").longValue()).isBetween(projection.path("spent_nanos").longValue(), projection.path("expected_nanos").longValue());
    assertThat(projection.path("high_nanos").longValue()).isGreaterThanOrEqualTo(projection.path("expected_nanos").longValue());
    assertThat(projection.path("method").asText()).contains("whole days");
  }

  @Test
  void ten_thousand_groups_are_too_many_and_the_way_out_is_told() throws Exception {
    List<LedgerRows.Row> rows = LedgerRows.list(7, 10_050, System.currentTimeMillis() - 60_000, 2, 6);
    try (LedgerRows.Writer writer = new LedgerRows.Writer(store.dataSource())) {
      for (LedgerRows.Row row : rows) {
        Map<String, String> labels = new HashMap<>(row.labels());
        labels.put("user", "user-" + row.seq());
        writer.write(new LedgerRows.Row(row.seq(), row.receivedMs(), labels, row.baseline(), row.status(), row.cache(), 0, 0, 0, 0, 0, row.cost(), 0, 0, row.totalUs()));
      }
    }
    for (int folded = 0; folded < 2; folded++) {
      assertThatThrownBy(() -> usage(ADMIN, "group_by", "user")).isInstanceOfSatisfying(Problem.class, problem -> {
        assertThat(problem.status()).isEqualTo(400);
        assertThat(problem.param()).isEqualTo("group_by");
        assertThat(problem.getMessage()).contains("more than 10000 groups", "shorter time");
      });
      new Rollups(store, clock).fold();
    }
    assertThat(usage(ADMIN, "group_by", "model").at("/total/requests").longValue()).isEqualTo(10_050);
  }

  @Test
  void lines_for_a_spreadsheet_hold_no_formula_and_exact_amounts() throws Exception {
    LedgerRows.Row row = write(1, 1).get(0);
    Map<String, String> labels = new HashMap<>(row.labels());
    labels.put("project", "=HYPERLINK(\"http://evil\")");
    labels.put("key", "a,\"b\"");
    labels.put("agent", "@sum");
    labels.put("tags", "+1,-2");
    LedgerRows.Row evil = new LedgerRows.Row(row.seq() + 64, row.receivedMs(), labels, "p/m", "ok", "miss", 1, 2, 3, 4, 0, 1_234_567, 0, -500, 1_000);
    try (LedgerRows.Writer writer = new LedgerRows.Writer(store.dataSource())) {
      writer.write(evil);
    }
    String csv = csv(query("project", labels.get("project")), ADMIN);
    String[] lines = csv.split("\r\n");
    assertThat(lines).hasSize(2);
    assertThat(lines[0]).startsWith("day,project,key,agent,tags,provider,model,tier,task,domain,requests,");
    assertThat(lines[1]).contains(",\"'=HYPERLINK(\"\"http://evil\"\")\",\"a,\"\"b\"\"\",'@sum,\"'+1,-2\",").endsWith(",1,1,0,6,2,3,4,0,0.001234567,0,-0.0000005");
    assertThat(csv).endsWith("\r\n");
  }

  @Test
  @Tag("M9")
  void an_export_is_written_in_the_order_of_time_and_adds_up() throws Exception {
    List<LedgerRows.Row> rows = write(1_500, 45);
    new Rollups(store, clock).fold();
    for (String by : List.of("day,user,model,task", "user,week", "month,tags,key", "hour,project", "week,month,user", "user")) {
      String[] lines = csv(query("group_by", by, "period_days", "60"), ADMIN).split("\r\n");
      int columns = by.split(",").length;
      long requests = 0;
      String before = "";
      for (int i = 1; i < lines.length; i++) {
        requests += Long.parseLong(lines[i].split("\"?,(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)")[columns]);
        String time = lines[i].split(",")[by.startsWith("user,") ? 1 : 0];
        assertThat(time).isGreaterThanOrEqualTo(before);
        before = time;
      }
      assertThat(requests).as(by).isEqualTo(1_500);
      assertThat(lines).as(by).hasSize(1 + expected(rows, Instant.EPOCH, Instant.now(), List.of(by.split(",")), Map.of()).size());
    }
    UsageReports.Lines broken = reports().lines(query("group_by", "day", "period_days", "60"), ADMIN);
    execute("ALTER TABLE dromedary_rollup_state RENAME TO gone");
    assertThatThrownBy(() -> broken.write(new ByteArrayOutputStream())).as("half a file is none").isInstanceOf(java.io.IOException.class);
    assertThatThrownBy(() -> reports().lines(query("group_by", "day"), ADMIN)).isInstanceOfSatisfying(Problem.class, problem -> assertThat(problem.status()).isEqualTo(503));
  }
}
