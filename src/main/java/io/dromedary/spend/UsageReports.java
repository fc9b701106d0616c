package io.dromedary.spend;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Usd;
import java.io.IOException;
import java.io.OutputStream;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.YearMonth;
import java.time.ZoneOffset;
import java.time.temporal.IsoFields;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Usage and savings over time, grouped by anything, from the ledger's sums. A caller sees its own project, the admin all of them. Money is exact: decimal dollars as text, and whole nano-dollars.
 *
 * <p>Usage is told by request: the tokens and cost of failed attempts count for the model and provider that served in the end.
 */
public final class UsageReports {
  static final int MAX_GROUPS = 10_000;
  private static final int MAX_LINES = 100_000;
  private static final long DAY_MS = 86_400_000;
  private static final Set<String> USAGE_WORDS = Set.of("from", "to", "period_days", "group_by", "compare", "projection", "format");
  private static final Set<String> SAVINGS_WORDS = Set.of("from", "to", "period_days", "group_by");
  private static final Set<String> EXPORT_WORDS = Set.of("from", "to", "period_days", "group_by", "format");
  private static final List<String> EXPORT = List.of("day", "project", "key", "agent", "tags", "provider", "model", "tier", "task", "domain");

  /** What capacity costs that is paid for by the hour. */
  public interface Commitments {
    Commitments NONE = (from, to) -> Map.of();

    /** By model, in the order to be shown; empty for none. */
    Map<String, Usd> between(Instant from, Instant to);
  }

  private final Store store;
  private final Rollups rollups;
  private final Clock clock;
  private final Commitments commitments;

  public UsageReports(Store store, Rollups rollups, Clock clock, Commitments commitments) {
    this.store = store;
    this.rollups = rollups;
    this.clock = clock;
    this.commitments = commitments;
  }

  /** Without capacity that is paid for by the hour. */
  public UsageReports(Store store, Rollups rollups, Clock clock) {
    this(store, rollups, clock, Commitments.NONE);
  }

  private interface Page<T> {
    T of(Connection connection) throws SQLException;
  }

  private <T> T read(Page<T> page) {
    try (Connection connection = store.dataSource().getConnection()) {
      return page.of(connection);
    } catch (Rollups.TooMany e) {
      throw tooMany(String.valueOf(e.getMessage()));
    } catch (SQLException e) {
      throw new Problem(503, "service_unavailable_error", "the ledger cannot be read just now; try again shortly").code("ledger_unavailable").retryAfter(Duration.ofSeconds(2));
    }
  }

  private static Problem tooMany(String what) {
    return Problem.badField("group_by", what + ": choose a shorter time, fewer `group_by`, or one value by " + String.join("=, ", UsageQuery.FILTERS) + "=");
  }

  /**
   * Requests, billed tokens, cost, latency and success by group; on demand the change against the equal period before ({@code compare=previous}) and what the month will have cost ({@code projection=month}).
   *
   * @param query {@code from} (ISO date or instant, inclusive), {@code to} (exclusive), {@code period_days}, {@code group_by}, and values to narrow it down
   * @throws Problem 400 naming the parameter that is wrong and what is allowed
   */
  public JsonNode usage(Map<String, String> query, Caller caller) {
    UsageQuery asked = UsageQuery.of(query, USAGE_WORDS, List.of(), caller, clock);
    return read(connection -> {
      Groups now = groups(connection, asked, asked.from(), asked.open() ? null : asked.to(), asked.by(), caller, MAX_GROUPS);
      ObjectNode json = head("usage", asked);
      Groups before = null;
      if (asked.compare()) {
        Instant earlier = asked.from().minus(Duration.between(asked.from(), asked.to()));
        boolean times = asked.by().stream().anyMatch(UsageQuery.TIMES::contains);
        before = groups(connection, asked, earlier, asked.from(), times ? List.of() : asked.by(), caller, MAX_GROUPS);
        json.putObject("compared_with").put("from", earlier.toString()).put("to", asked.from().toString());
      }
      ArrayNode data = json.putArray("data");
      if (asked.by().isEmpty()) {
        write(data.addObject(), now.total);
      }
      for (Map.Entry<List<String>, Measures> group : now.groups.entrySet()) {
        ObjectNode node = data.addObject();
        for (int i = 0; i < asked.by().size(); i++) {
          node.put(asked.by().get(i), group.getKey().get(i));
        }
        write(node, group.getValue());
        if (before != null && !before.groups.isEmpty()) {
          change(node, group.getValue(), before.groups.getOrDefault(group.getKey(), new Measures()));
        }
      }
      ObjectNode total = json.putObject("total");
      write(total, now.total);
      if (before != null) {
        change(total, now.total, before.total);
      }
      if (asked.project()) {
        json.set("projection", projection(connection, asked, caller));
      }
      return json;
    });
  }

  /** Lines for a spreadsheet, made as they are written. */
  public interface Lines {
    /** Writes them all, once. @throws IOException when the reader left, or the ledger can no longer be read: what was written is not all then */
    void write(OutputStream out) throws IOException;
  }

  /**
   * The same as lines, for a spreadsheet; without {@code group_by} by all that costs are allocated to. In the order of time: where times are told apart, one after the other is read and written, so that a year needs no more memory
   * than a day.
   *
   * @throws Problem 400 naming the parameter that is wrong and what is allowed
   */
  public Lines lines(Map<String, String> query, Caller caller) {
    UsageQuery asked = UsageQuery.of(query, EXPORT_WORDS, EXPORT, caller, clock);
    Iterator<Instant> ends = asked.steps().iterator();
    Instant first = ends.next();
    // read before the first byte goes out, so that what is wrong can still be told
    Groups begun = lines(asked, asked.from(), first, !ends.hasNext(), caller);
    return out -> {
      Csv csv = new Csv(out);
      asked.by().forEach(csv::text);
      for (String name : List.of("requests", "succeeded", "cached_requests", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens", "cost_usd", "cache_saved_usd", "routing_saved_usd")) {
        csv.text(name);
      }
      csv.end();
      write(csv, begun);
      for (Instant from = first; ends.hasNext();) {
        Instant to = ends.next();
        Groups groups;
        try {
          groups = lines(asked, from, to, !ends.hasNext(), caller);
        } catch (Problem problem) {
          throw new IOException("the export ends before its time: " + problem.getMessage(), problem);
        }
        write(csv, groups);
        from = to;
      }
      csv.flush();
    };
  }

  private Groups lines(UsageQuery asked, Instant from, Instant to, boolean last, Caller caller) {
    return read(connection -> groups(connection, asked, from, last && asked.open() ? null : to, asked.by(), caller, MAX_LINES));
  }

  private static void write(Csv csv, Groups groups) throws IOException {
    for (Map.Entry<List<String>, Measures> group : groups.groups.entrySet()) {
      Measures sums = group.getValue();
      group.getKey().forEach(csv::text);
      csv.number(sums.requests()).number(sums.succeeded()).number(sums.hits()).number(sums.input()).number(sums.cacheRead()).number(sums.cacheWrite()).number(sums.output()).number(sums.reasoning())
          .number(Usd.ofNanos(sums.cost())).number(Usd.ofNanos(sums.cacheSaved())).number(Usd.ofNanos(sums.routingSaved())).end();
    }
    groups.groups.clear();
  }

  /**
   * What was saved, each with its counterfactual (M12); by group on demand.
   *
   * @param query as for {@link #usage}
   * @throws Problem 400 naming the parameter that is wrong and what is allowed
   */
  public JsonNode savings(Map<String, String> query, Caller caller) {
    UsageQuery asked = UsageQuery.of(query, SAVINGS_WORDS, List.of(), caller, clock);
    return read(connection -> {
      ObjectNode json = head("savings", asked);
      json.put("period_days", (Duration.between(asked.from(), asked.to()).toMillis() - 1) / DAY_MS);
      // by baseline, which is no group of its own: it is what savings are measured against
      long hits = 0;
      long cache = 0;
      long routing = 0;
      ArrayNode baselines = Json.array();
      Map<String, Measures> against = new TreeMap<>();
      scan(connection, asked, asked.from(), asked.open() ? null : asked.to(), EnumSet.of(Dimension.BASELINE), Rollups.Time.NONE, MAX_GROUPS, caller,
          (start, dimensions, sums) -> against.computeIfAbsent(dimensions[Dimension.BASELINE.ordinal()], key -> new Measures()).add(sums));
      for (Map.Entry<String, Measures> baseline : against.entrySet()) {
        Measures sums = baseline.getValue();
        hits += sums.hits();
        cache += sums.cacheSaved();
        if (!baseline.getKey().isEmpty() && sums.requests() > sums.hits()) {
          routing += sums.routingSaved();
          ObjectNode node = baselines.addObject().put("baseline_model", baseline.getKey()).put("requests", sums.requests() - sums.hits());
          money(node, "cost", sums.cost());
          money(node, "baseline_cost", sums.cost() + sums.routingSaved());
          money(node, "saved", sums.routingSaved());
        }
      }
      ObjectNode cached = json.putObject("cache").put("requests", hits);
      money(cached, "saved", cache);
      cached.put("counterfactual", "the same answer bought from the model that gave it first, at its price when it was asked for again");
      ObjectNode routed = json.putObject("routing");
      money(routed, "saved", routing);
      routed.put("counterfactual", "the same tokens at the price of the configured baseline model, minus what was paid; negative where routing cost more");
      routed.set("baselines", baselines);
      Map<String, Measures> below = rollups.capacity(connection, asked.from().toEpochMilli(), asked.to().toEpochMilli(), caller.admin() ? null : caller.project());
      Map<String, Usd> costs = commitments.between(asked.from(), asked.to());
      long capacity = provisioned(json.putObject("provisioned"), costs, below, caller);
      long batches = providerBatches(json.putObject("provider_batches"), costs.keySet(), below);
      money(json, "saved", cache + routing + capacity + batches);
      if (!asked.by().isEmpty()) {
        ArrayNode data = json.putArray("data");
        groups(connection, asked, asked.from(), asked.open() ? null : asked.to(), asked.by(), caller, MAX_GROUPS).groups.forEach((key, sums) -> {
          ObjectNode node = data.addObject();
          for (int i = 0; i < asked.by().size(); i++) {
            node.put(asked.by().get(i), key.get(i));
          }
          node.put("requests", sums.requests()).put("cached_requests", sums.hits());
          money(node, "cost", sums.cost());
          money(node, "cache_saved", sums.cacheSaved());
          money(node, "routing_saved", sums.routingSaved());
          money(node, "saved", sums.saved());
        });
      }
      return json;
    });
  }

  /** Savings of capacity that is paid for by the hour: the same tokens at their list price, minus, where the whole gateway is looked at, what the capacity cost. @return what it saved */
  private static long provisioned(ObjectNode json, Map<String, Usd> costs, Map<String, Measures> calls, Caller caller) {
    if (costs.isEmpty()) {
      money(json, "saved", 0);
      json.put("counterfactual", "no provisioned capacity is configured");
      return 0;
    }
    long list = 0;
    long paid = 0;
    ArrayNode models = Json.array();
    for (Map.Entry<String, Usd> commitment : costs.entrySet()) {
      String model = commitment.getKey();
      Measures sums = calls.getOrDefault(model, new Measures());
      ObjectNode node = models.addObject().put("model", model).put("calls", sums.requests());
      list = Math.addExact(list, sums.cost());
      paid = Math.addExact(paid, commitment.getValue().nanos());
      money(node, "list_cost", sums.cost());
      if (caller.admin()) {
        money(node, "commitment", commitment.getValue().nanos());
        money(node, "saved", sums.cost() - commitment.getValue().nanos());
      }
    }
    money(json, "list_cost", list);
    if (caller.admin()) {
      money(json, "commitment", paid);
    }
    long saved = caller.admin() ? list - paid : list;
    money(json, "saved", saved);
    json.put("counterfactual", caller.admin() ? "the same tokens at their list price, minus what the capacity cost in the period, used or not; negative where it was used too little"
        : "the same tokens at their list price; what the capacity costs by the hour is the operator's");
    json.set("models", models);
    return saved;
  }

  /** Savings of requests that waited in a provider's batch; models on provisioned capacity never do. @return what was saved */
  private static long providerBatches(ObjectNode json, Set<String> provisioned, Map<String, Measures> calls) {
    long saved = 0;
    ArrayNode models = Json.array();
    for (Map.Entry<String, Measures> call : new TreeMap<>(calls).entrySet()) {
      if (!provisioned.contains(call.getKey())) {
        saved = Math.addExact(saved, call.getValue().cost());
        money(models.addObject().put("model", call.getKey()).put("calls", call.getValue().requests()), "saved", call.getValue().cost());
      }
    }
    money(json, "saved", saved);
    json.put("counterfactual", "the same tokens at the model's list price, minus what they cost in its provider's batch");
    json.set("models", models);
    return saved;
  }

  private static ObjectNode head(String object, UsageQuery asked) {
    ObjectNode json = Json.object().put("object", object).put("from", asked.from().toString()).put("to", asked.to().toString());
    ArrayNode names = json.putArray("group_by");
    asked.by().forEach(names::add);
    if (!asked.only().isEmpty()) {
      ObjectNode only = json.putObject("only");
      asked.only().forEach((dimension, value) -> only.put(dimension.word(), value));
    }
    return json;
  }

  // Sums

  /** Groups in the order of their names, and the sum of all requests, each counted once. */
  private static final class Groups {
    final Map<List<String>, Measures> groups = new TreeMap<>(UsageReports::compare);
    final Measures total = new Measures();
  }

  private static int compare(List<String> a, List<String> b) {
    for (int i = 0; i < a.size(); i++) {
      int one = a.get(i).compareTo(b.get(i));
      if (one != 0) {
        return one;
      }
    }
    return 0;
  }

  private Groups groups(Connection connection, UsageQuery asked, Instant from, @Nullable Instant to, List<String> by, Caller caller, int most) throws SQLException {
    Groups all = new Groups();
    Set<Dimension> dimensions = EnumSet.noneOf(Dimension.class);
    for (String group : by) {
      Dimension dimension = UsageQuery.dimension(group);
      if (dimension != null) {
        dimensions.add(dimension);
      }
    }
    int tag = by.indexOf("tag");
    scan(connection, asked, from, to, dimensions, UsageQuery.time(by), most, caller, (start, values, sums) -> {
      all.total.add(sums);
      List<String> key = new ArrayList<>(by.size());
      for (String group : by) {
        Dimension dimension = UsageQuery.dimension(group);
        key.add(dimension == null ? time(group, start) : values[dimension.ordinal()]);
      }
      // a request counts for each of its tags
      for (String one : tag < 0 ? new String[] {""} : key.get(tag).split(",")) {
        if (tag >= 0) {
          if (asked.only().containsKey(Dimension.TAG) && !asked.only().get(Dimension.TAG).equals(one)) {
            continue;
          }
          key = new ArrayList<>(key);
          key.set(tag, one);
        }
        if (!by.isEmpty()) {
          all.groups.computeIfAbsent(List.copyOf(key), k -> new Measures()).add(sums);
        }
      }
      if (all.groups.size() > most) {
        throw Rollups.TooMany.groups(most);
      }
    });
    return all;
  }

  private void scan(Connection connection, UsageQuery asked, Instant from, @Nullable Instant to, Set<Dimension> dimensions, Rollups.Time time, int most, Caller caller, Rollups.Visitor visitor) throws SQLException {
    Map<Dimension, String> only = new EnumMap<>(Dimension.class);
    asked.only().forEach((dimension, value) -> only.put(dimension, Rows.clip(value, 1_024)));
    if (!caller.admin()) {
      String other = only.put(Dimension.PROJECT, caller.project());
      if (other != null && !other.equals(caller.project())) {
        // another project is as good as none
        return;
      }
    }
    rollups.scan(connection, new Rollups.Scan(from.toEpochMilli(), to == null ? Long.MAX_VALUE : to.toEpochMilli(), dimensions, time, only,
        dimensions.contains(Dimension.TAG) ? Rollups.MAX_ROWS : most, most == MAX_LINES ? Long.MAX_VALUE : Rollups.MOST_REQUESTS), visitor);
  }

  private static String time(String group, long startMs) {
    Instant start = Instant.ofEpochMilli(startMs);
    LocalDate day = LocalDate.ofInstant(start, ZoneOffset.UTC);
    return switch (group) {
      case "hour" -> Instant.ofEpochMilli(startMs).toString();
      case "week" -> String.format("%d-W%02d", day.get(IsoFields.WEEK_BASED_YEAR), day.get(IsoFields.WEEK_OF_WEEK_BASED_YEAR));
      case "month" -> YearMonth.from(day).toString();
      default -> day.toString();
    };
  }

  private static void money(ObjectNode json, String name, long nanos) {
    json.put(name + "_usd", Usd.ofNanos(nanos).toString()).put(name + "_nanos", nanos);
  }

  private static void write(ObjectNode json, Measures sums) {
    json.put("requests", sums.requests()).put("cached_requests", sums.hits());
    json.put("input_tokens", sums.input()).put("cache_read_tokens", sums.cacheRead()).put("cache_write_tokens", sums.cacheWrite()).put("output_tokens", sums.output()).put("reasoning_tokens", sums.reasoning());
    money(json, "cost", sums.cost());
    money(json, "saved", sums.saved());
    if (sums.requests() > 0) {
      json.put("success_rate", ratio(sums.succeeded(), sums.requests()));
      json.putObject("latency_ms").put("avg", BigDecimal.valueOf(sums.micros(), 3).divide(BigDecimal.valueOf(sums.requests()), 3, RoundingMode.HALF_UP)).put("p50", sums.latency(0.5)).put("p95", sums.latency(0.95));
    }
  }

  private static BigDecimal ratio(long part, long whole) {
    return BigDecimal.valueOf(part).divide(BigDecimal.valueOf(whole), 6, RoundingMode.HALF_UP);
  }

  /** Against the equal period before; a ratio of 0.25 is a quarter more, null where there was nothing before. */
  private static void change(ObjectNode json, Measures now, Measures before) {
    ObjectNode change = json.putObject("change");
    change.put("requests_before", before.requests()).put("requests_ratio", before.requests() == 0 ? null : ratio(now.requests() - before.requests(), before.requests()));
    money(change, "cost_before", before.cost());
    change.put("cost_ratio", before.cost() == 0 ? null : ratio(now.cost() - before.cost(), before.cost()));
  }

  // The month's end

  private ObjectNode projection(Connection connection, UsageQuery asked, Caller caller) throws SQLException {
    Instant now = clock.instant();
    LocalDate today = LocalDate.ofInstant(now, ZoneOffset.UTC);
    YearMonth month = YearMonth.from(today);
    Instant begin = month.atDay(1).atStartOfDay(ZoneOffset.UTC).toInstant();
    Instant end = month.plusMonths(1).atDay(1).atStartOfDay(ZoneOffset.UTC).toInstant();
    LocalDate first = today.minusDays(Projection.MAX_DAYS);
    LocalDate since = month.atDay(1).isBefore(first) ? month.atDay(1) : first;
    Map<LocalDate, Long> costs = new TreeMap<>();
    scan(connection, asked, since.atStartOfDay(ZoneOffset.UTC).toInstant(), null, Set.of(), Rollups.Time.DAY, MAX_GROUPS, caller,
        (start, dimensions, sums) -> costs.merge(LocalDate.ofInstant(Instant.ofEpochMilli(start), ZoneOffset.UTC), sums.cost(), Long::sum));
    long spent = 0;
    LocalDate oldest = today;
    for (Map.Entry<LocalDate, Long> day : costs.entrySet()) {
      spent += day.getKey().isBefore(month.atDay(1)) ? 0 : day.getValue();
      oldest = day.getKey().isBefore(oldest) && !day.getKey().isBefore(first) ? day.getKey() : oldest;
    }
    // from the first day with a request on; a day without any cost nothing
    long[] days = oldest.datesUntil(today).mapToLong(day -> costs.getOrDefault(day, 0L)).toArray();
    double todayLeft = 1 - (now.toEpochMilli() % DAY_MS) / (double) DAY_MS;
    Projection projection = Projection.of(days, spent, month.lengthOfMonth() - today.getDayOfMonth(), todayLeft);
    ObjectNode json = Json.object().put("month", month.toString());
    money(json, "spent", spent);
    long committed = 0;
    if (caller.admin() && asked.only().isEmpty()) {
      for (Usd commitment : commitments.between(begin, end).values()) {
        committed = Math.addExact(committed, commitment.nanos());
      }
    }
    if (committed != 0) {
      money(json, "committed", committed);
    }
    if (projection == null) {
      return json.put("available", false).put("reason", "it takes " + Projection.MIN_DAYS + " whole days, and there " + (days.length == 1 ? "is 1" : "are " + days.length));
    }
    json.put("available", true);
    money(json, "expected", projection.expected() + committed);
    money(json, "low", projection.low() + committed);
    money(json, "high", projection.high() + committed);
    return json.put("interval", "80 of 100").put("days", projection.days())
        .put("method", "what is spent, plus the mean of the last " + projection.days() + " whole days for the time left, without weekdays or trend; the interval is a bootstrap of the mean and of the days' scatter"
            + (committed != 0 ? "; `committed` is paid in any case and included" : ""));
  }
}
