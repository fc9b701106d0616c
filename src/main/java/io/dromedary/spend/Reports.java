package io.dromedary.spend;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Usd;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the ledger tells: one request, usage over time, savings. A caller sees its own project, the admin all of them. Money is exact: decimal dollars as text, and whole nano-dollars.
 *
 * <p>Usage is told by request: the tokens and cost of failed attempts count for the model and provider that served in the end.
 */
public final class Reports {
  private static final int MAX_GROUPS = 10_000;
  private static final int MAX_DAYS = 3_660;
  private static final long DAY_MS = 86_400_000;
  /** What to group by, and its column. */
  private static final Map<String, String> GROUPS = groups();
  private static final String BILLED = "CASE WHEN cache IN ('hit', 'semantic') THEN 0 ELSE ";

  /** What capacity costs that is paid for by the hour. */
  public interface Commitments {
    /** By model, in the order to be shown; empty for none. */
    Map<String, Usd> between(Instant from, Instant to);
  }

  private final Store store;
  private final Clock clock;
  private final Commitments commitments;

  public Reports(Store store, Clock clock) {
    this(store, clock, (from, to) -> Map.of());
  }

  public Reports(Store store, Clock clock, Commitments commitments) {
    this.store = store;
    this.clock = clock;
    this.commitments = commitments;
  }

  private static Map<String, String> groups() {
    Map<String, String> groups = new LinkedHashMap<>();
    groups.put("model", "served_model");
    groups.put("provider", "provider");
    groups.put("project", "project");
    groups.put("day", "received_at_ms / " + DAY_MS);
    groups.put("tag", "tags");
    groups.put("tier", "tier");
    groups.put("task", "task");
    groups.put("domain", "domain");
    return groups;
  }

  /**
   * One request's account: usage, cost, savings, decision and every attempt.
   *
   * @throws Problem 404 for an unknown id and for another project's, in the same words; a request is known when it is settled
   */
  public JsonNode request(String requestId, Caller caller) {
    if (requestId.isEmpty() || !Rows.clip(requestId, 128).equals(requestId)) {
      throw unknown(requestId);
    }
    try (Connection connection = store.dataSource().getConnection();
        PreparedStatement select = connection.prepareStatement("SELECT * FROM dromedary_requests WHERE request_id = ?")) {
      select.setString(1, requestId);
      try (ResultSet row = select.executeQuery()) {
        if (!row.next() || !caller.admin() && !row.getString("project").equals(caller.project())) {
          throw unknown(requestId);
        }
        ObjectNode json = request(row);
        ArrayNode attempts = attempts(connection, row.getLong("seq"));
        money(json, "judge_cost", judgeCost(attempts));
        json.set("attempts", attempts);
        return json;
      }
    } catch (SQLException e) {
      throw unreadable();
    }
  }

  private static Problem unknown(String requestId) {
    return Problem.notFound("no request `" + Problem.clip(requestId) + "` is known here");
  }

  private static ObjectNode request(ResultSet row) throws SQLException {
    ObjectNode json = Json.object();
    json.put("id", row.getString("request_id")).put("object", "request").put("project", row.getString("project")).put("key_id", row.getString("key_id")).put("user", row.getString("user_id")).put("agent", row.getString("agent"));
    ArrayNode tags = json.putArray("tags");
    for (String tag : tags(row.getString("tags"))) {
      if (!tag.isEmpty()) {
        tags.add(tag);
      }
    }
    json.put("entry", row.getString("entry")).put("requested_model", row.getString("requested_model")).put("model", row.getString("served_model")).put("provider", row.getString("provider"))
        .put("tier", row.getString("tier")).put("task", row.getString("task")).put("domain", row.getString("domain")).put("score", row.getDouble("score"))
        .put("strategy", row.getString("strategy")).put("reason", row.getString("reason")).put("status", row.getString("status")).put("http_status", row.getInt("http_status"))
        .put("stream", row.getBoolean("streamed")).put("cache", row.getString("cache"));
    usage(json.putObject("usage"), row);
    money(json, "cost", row.getLong("cost_nanos"));
    ObjectNode savings = json.putObject("savings");
    money(savings, "cache", row.getLong("cache_saved_nanos"));
    money(savings, "routing", row.getLong("routing_saved_nanos"));
    savings.put("baseline_model", row.getString("baseline_model"));
    json.put("received_at", Instant.ofEpochMilli(row.getLong("received_at_ms")).toString()).put("settled_at", Instant.ofEpochMilli(row.getLong("settled_at_ms")).toString());
    millis(json, "first_token_ms", row, "first_token_us");
    millis(json, "total_ms", row, "total_us");
    millis(json, "overhead_ms", row, "overhead_us");
    json.put("prompt_hash", row.getString("prompt_hash"));
    json.set("decision", decision(row.getString("decision")));
    return json;
  }

  private static JsonNode decision(@Nullable String text) {
    if (text == null) {
      return Json.mapper().nullNode();
    }
    try {
      return Json.read(text);
    } catch (IOException cutOrPlainText) {
      return Json.mapper().getNodeFactory().textNode(text);
    }
  }

  private static ArrayNode attempts(Connection connection, long seq) throws SQLException {
    ArrayNode attempts = Json.array();
    try (PreparedStatement select = connection.prepareStatement("SELECT * FROM dromedary_attempts WHERE seq > ? AND seq <= ? ORDER BY seq")) {
      select.setLong(1, seq);
      select.setLong(2, seq + Sequence.MAX_ATTEMPT);
      try (ResultSet row = select.executeQuery()) {
        while (row.next()) {
          ObjectNode json = attempts.addObject();
          json.put("id", row.getString("request_id") + "." + row.getInt("number")).put("number", row.getInt("number")).put("provider", row.getString("provider"))
              .put("model", row.getString("model")).put("purpose", row.getString("purpose")).put("price_version", row.getString("price_version")).put("state", row.getString("status")).put("outcome", row.getString("outcome"))
              .put("failure", row.getString("failure")).put("provider_status", row.getInt("provider_status"));
          usage(json.putObject("usage"), row);
          money(json, "reserved", row.getLong("reserved_nanos"));
          money(json, "cost", row.getLong("cost_nanos"));
          long listed = row.getLong("list_nanos");
          if (!row.wasNull()) {
            money(json, "list_cost", listed);
          }
          json.put("started_at", Instant.ofEpochMilli(row.getLong("started_at_ms")).toString());
          millis(json, "first_token_ms", row, "first_token_us");
          millis(json, "total_ms", row, "total_us");
        }
      }
    }
    return attempts;
  }

  /** What the router's own calls cost; part of the request's cost. */
  private static long judgeCost(ArrayNode attempts) {
    long nanos = 0;
    for (JsonNode attempt : attempts) {
      nanos += "judge".equals(attempt.path("purpose").asText()) ? attempt.path("cost_nanos").asLong() : 0;
    }
    return nanos;
  }

  private static void usage(ObjectNode json, ResultSet row) throws SQLException {
    long uncached = row.getLong("uncached_input");
    long read = row.getLong("cache_read");
    long write = row.getLong("cache_write");
    json.put("input_tokens", uncached + read + write).put("uncached_input_tokens", uncached).put("cache_read_tokens", read).put("cache_write_tokens", write)
        .put("output_tokens", row.getLong("output")).put("reasoning_tokens", row.getLong("reasoning")).put("counted", row.getBoolean("counted"));
  }

  private static void money(ObjectNode json, String name, long nanos) {
    json.put(name + "_usd", Usd.ofNanos(nanos).toString()).put(name + "_nanos", nanos);
  }

  private static void millis(ObjectNode json, String name, ResultSet row, String column) throws SQLException {
    long micros = row.getLong(column);
    if (!row.wasNull()) {
      json.put(name, BigDecimal.valueOf(micros, 3));
    }
  }

  /**
   * Requests, billed tokens, cost, latency and success by group.
   *
   * @param from ISO date or instant, inclusive; null for 30 days before {@code to}
   * @param to ISO date or instant, exclusive; null for now
   * @param groupBy any of model, provider, project, day, tag, tier, task, domain, by comma; null or empty for one total
   * @throws Problem 400 naming the parameter that is wrong
   */
  public JsonNode usage(@Nullable String from, @Nullable String to, @Nullable String groupBy, Caller caller) {
    Instant end = to == null || to.isBlank() ? clock.instant().plusMillis(1) : instant("to", to);
    Instant start = from == null || from.isBlank() ? end.minus(Duration.ofDays(30)) : instant("from", from);
    if (!start.isBefore(end)) {
      throw Problem.badField("from", "`from` (" + start + ") must be before `to` (" + end + ")");
    }
    if (Duration.between(start, end).toDays() > MAX_DAYS) {
      throw Problem.badField("from", "`from` and `to` may be " + MAX_DAYS + " days apart, not " + Duration.between(start, end).toDays());
    }
    List<String> by = groupBy(groupBy);
    try (Connection connection = store.dataSource().getConnection()) {
      ObjectNode json = Json.object();
      json.put("object", "usage").put("from", start.toString()).put("to", end.toString());
      ArrayNode names = json.putArray("group_by");
      by.forEach(names::add);
      ArrayNode data = Json.array();
      for (Sums sums : sums(connection, start, end, by, caller)) {
        ObjectNode group = data.addObject();
        for (int i = 0; i < by.size(); i++) {
          group.put(by.get(i), sums.group.get(i));
        }
        sums.write(group);
      }
      List<Sums> total = by.isEmpty() ? List.of() : sums(connection, start, end, List.of(), caller);
      json.set("data", data);
      ObjectNode all = json.putObject("total");
      if (by.isEmpty()) {
        all.setAll((ObjectNode) data.get(0).deepCopy());
      } else {
        total.get(0).write(all);
      }
      return json;
    } catch (SQLException e) {
      throw unreadable();
    }
  }

  private static List<String> groupBy(@Nullable String text) {
    Set<String> by = new LinkedHashSet<>();
    if (text != null && !text.isBlank()) {
      for (String name : text.split(",")) {
        if (!GROUPS.containsKey(name.strip())) {
          throw Problem.badField("group_by", "`group_by` takes " + String.join(", ", GROUPS.keySet()) + ", not `" + Problem.clip(name.strip()) + "`");
        }
        by.add(name.strip());
      }
    }
    return List.copyOf(by);
  }

  private static Instant instant(String field, String text) {
    String value = text.strip();
    try {
      Instant instant = value.length() == 10 ? LocalDate.parse(value).atStartOfDay(ZoneOffset.UTC).toInstant() : OffsetDateTime.parse(value).toInstant();
      if (instant.isBefore(Instant.EPOCH) || instant.isAfter(Instant.parse("2200-01-01T00:00:00Z"))) {
        throw Problem.badField(field, "`" + field + "` must lie between 1970 and 2200");
      }
      return instant;
    } catch (DateTimeException e) {
      throw Problem.badField(field, "`" + field + "` must be a date such as 2026-11-01 or a time such as 2026-11-01T12:00:00Z, not `" + Problem.clip(value) + "`");
    }
  }

  /** Sums of one group. */
  private static final class Sums {
    final List<String> group;
    long requests;
    long succeeded;
    long hits;
    BigDecimal input = BigDecimal.ZERO;
    BigDecimal cacheRead = BigDecimal.ZERO;
    BigDecimal cacheWrite = BigDecimal.ZERO;
    BigDecimal output = BigDecimal.ZERO;
    BigDecimal reasoning = BigDecimal.ZERO;
    BigDecimal cost = BigDecimal.ZERO;
    BigDecimal saved = BigDecimal.ZERO;
    BigDecimal micros = BigDecimal.ZERO;
    /** Null where groups were joined: percentiles do not add up. */
    @Nullable Long p50;
    @Nullable Long p95;

    Sums(List<String> group) {
      this.group = group;
    }

    void add(ResultSet row, int column, boolean whole) throws SQLException {
      requests += row.getLong(column);
      succeeded += row.getLong(column + 1);
      hits += row.getLong(column + 2);
      input = input.add(decimal(row, column + 3));
      cacheRead = cacheRead.add(decimal(row, column + 4));
      cacheWrite = cacheWrite.add(decimal(row, column + 5));
      output = output.add(decimal(row, column + 6));
      reasoning = reasoning.add(decimal(row, column + 7));
      cost = cost.add(decimal(row, column + 8));
      saved = saved.add(decimal(row, column + 9));
      micros = micros.add(decimal(row, column + 10));
      if (whole && requests > 0) {
        p50 = row.getLong(column + 11);
        p95 = row.getLong(column + 12);
      }
    }

    private static BigDecimal decimal(ResultSet row, int column) throws SQLException {
      BigDecimal value = row.getBigDecimal(column);
      return value == null ? BigDecimal.ZERO : value;
    }

    void write(ObjectNode json) {
      json.put("requests", requests).put("cached_requests", hits);
      json.put("input_tokens", input.toBigInteger()).put("cache_read_tokens", cacheRead.toBigInteger()).put("cache_write_tokens", cacheWrite.toBigInteger())
          .put("output_tokens", output.toBigInteger()).put("reasoning_tokens", reasoning.toBigInteger());
      money(json, "cost", cost.longValueExact());
      money(json, "saved", saved.longValueExact());
      if (requests > 0) {
        json.put("success_rate", BigDecimal.valueOf(succeeded).divide(BigDecimal.valueOf(requests), 6, RoundingMode.HALF_UP));
        ObjectNode latency = json.putObject("latency_ms");
        latency.put("avg", micros.movePointLeft(3).divide(BigDecimal.valueOf(requests), 3, RoundingMode.HALF_UP));
        if (p50 != null && p95 != null) {
          latency.put("p50", BigDecimal.valueOf(p50, 3)).put("p95", BigDecimal.valueOf(p95, 3));
        }
      }
    }
  }

  private static List<Sums> sums(Connection connection, Instant from, Instant to, List<String> by, Caller caller) throws SQLException {
    StringBuilder sql = new StringBuilder("SELECT ");
    for (String name : by) {
      sql.append(GROUPS.get(name)).append(", ");
    }
    sql.append("COUNT(*), SUM(CASE WHEN status = 'ok' THEN 1 ELSE 0 END), SUM(CASE WHEN cache IN ('hit', 'semantic') THEN 1 ELSE 0 END), SUM(").append(BILLED)
        .append("uncached_input + cache_read + cache_write END), SUM(").append(BILLED).append("cache_read END), SUM(").append(BILLED).append("cache_write END), SUM(").append(BILLED)
        .append("output END), SUM(").append(BILLED).append("reasoning END), SUM(cost_nanos), SUM(cache_saved_nanos + routing_saved_nanos), SUM(total_us),"
            + " PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY total_us), PERCENTILE_DISC(0.95) WITHIN GROUP (ORDER BY total_us) FROM dromedary_requests WHERE ").append(where(caller));
    if (!by.isEmpty()) {
      StringBuilder positions = new StringBuilder();
      for (String name : by) {
        positions.append(positions.isEmpty() ? "" : ", ").append(GROUPS.get(name));
      }
      sql.append(" GROUP BY ").append(positions).append(" ORDER BY ").append(positions).append(" LIMIT ").append(MAX_GROUPS + 1);
    }
    int tag = by.indexOf("tag");
    int day = by.indexOf("day");
    Map<List<String>, Sums> groups = new LinkedHashMap<>();
    try (PreparedStatement select = connection.prepareStatement(sql.toString())) {
      bind(select, from, to, caller);
      try (ResultSet row = select.executeQuery()) {
        int read = 0;
        while (row.next()) {
          if (++read > MAX_GROUPS) {
            throw Problem.badField("group_by", "more than " + MAX_GROUPS + " groups: choose a shorter time or fewer `group_by`");
          }
          List<String> key = new ArrayList<>(by.size());
          for (int i = 0; i < by.size(); i++) {
            key.add(i == day ? LocalDate.ofEpochDay(row.getLong(i + 1)).toString() : row.getString(i + 1));
          }
          // a request counts for each of its tags
          for (String one : tag < 0 ? new String[] {""} : tags(key.get(tag))) {
            List<String> group = key;
            if (tag >= 0) {
              group = new ArrayList<>(key);
              group.set(tag, one);
            }
            groups.computeIfAbsent(List.copyOf(group), Sums::new).add(row, by.size() + 1, tag < 0);
          }
        }
      }
    }
    return List.copyOf(groups.values());
  }

  private static String[] tags(String joined) {
    return joined.split(",");
  }

  /*
   * By key, so that only the span's rows are read, and by the time of receipt, which is the exact meaning. A request's key is taken after its receipt, at most two days later.
   */
  private static String where(Caller caller) {
    return "seq >= ? AND seq < ? AND received_at_ms >= ? AND received_at_ms < ?" + (caller.admin() ? "" : " AND project = ?");
  }

  private static void bind(PreparedStatement select, Instant from, Instant to, Caller caller) throws SQLException {
    select.setLong(1, Sequence.at(from.toEpochMilli() - DAY_MS));
    select.setLong(2, Sequence.at(to.toEpochMilli() + 2 * DAY_MS));
    select.setLong(3, from.toEpochMilli());
    select.setLong(4, to.toEpochMilli());
    if (!caller.admin()) {
      select.setString(5, caller.project());
    }
  }

  /**
   * What was saved, each with its counterfactual.
   *
   * @param periodDays how many days back, 1..3660; null for 30
   * @throws Problem 400 if {@code period_days} is none
   */
  public JsonNode savings(@Nullable String periodDays, Caller caller) {
    int days = 30;
    if (periodDays != null && !periodDays.isBlank()) {
      try {
        days = Integer.parseInt(periodDays.strip());
      } catch (NumberFormatException e) {
        days = 0;
      }
      if (days < 1 || days > MAX_DAYS) {
        throw Problem.badField("period_days", "`period_days` must be a whole number from 1 to " + MAX_DAYS + ", not `" + Problem.clip(periodDays) + "`");
      }
    }
    Instant to = clock.instant().plusMillis(1);
    Instant from = to.minus(Duration.ofDays(days));
    try (Connection connection = store.dataSource().getConnection()) {
      ObjectNode json = Json.object();
      json.put("object", "savings").put("period_days", days).put("from", from.toString()).put("to", to.toString());
      long cache = 0;
      ObjectNode cached = json.putObject("cache");
      try (PreparedStatement select = connection.prepareStatement("SELECT COUNT(*), SUM(cache_saved_nanos) FROM dromedary_requests WHERE " + where(caller) + " AND cache IN ('hit', 'semantic')")) {
        bind(select, from, to, caller);
        try (ResultSet row = select.executeQuery()) {
          row.next();
          cache = Sums.decimal(row, 2).longValueExact();
          cached.put("requests", row.getLong(1));
          money(cached, "saved", cache);
          cached.put("counterfactual", "the same answer bought from the model that gave it first, at its price when it was asked for again");
        }
      }
      long routing = 0;
      ObjectNode routed = json.putObject("routing");
      ArrayNode baselines = Json.array();
      try (PreparedStatement select = connection.prepareStatement("SELECT baseline_model, COUNT(*), SUM(cost_nanos), SUM(routing_saved_nanos) FROM dromedary_requests WHERE " + where(caller)
          + " AND baseline_model <> '' AND cache NOT IN ('hit', 'semantic') GROUP BY baseline_model ORDER BY baseline_model")) {
        bind(select, from, to, caller);
        try (ResultSet row = select.executeQuery()) {
          while (row.next()) {
            long cost = Sums.decimal(row, 3).longValueExact();
            long saved = Sums.decimal(row, 4).longValueExact();
            routing = Math.addExact(routing, saved);
            ObjectNode baseline = baselines.addObject().put("baseline_model", row.getString(1)).put("requests", row.getLong(2));
            money(baseline, "cost", cost);
            money(baseline, "baseline_cost", Math.addExact(cost, saved));
            money(baseline, "saved", saved);
          }
        }
      }
      money(routed, "saved", routing);
      routed.put("counterfactual", "the same tokens at the price of the configured baseline model, minus what was paid; negative where routing cost more");
      routed.set("baselines", baselines);
      long provisioned = provisioned(json.putObject("provisioned"), connection, from, to, caller);
      money(json, "saved", Math.addExact(Math.addExact(cache, routing), provisioned));
      return json;
    } catch (SQLException e) {
      throw unreadable();
    }
  }

  /** Savings of capacity that is paid for by the hour: the same tokens at their list price, minus, where the whole gateway is looked at, what the capacity cost. @return what it saved */
  private long provisioned(ObjectNode json, Connection connection, Instant from, Instant to, Caller caller) throws SQLException {
    Map<String, Usd> costs = commitments.between(from, to);
    if (costs.isEmpty()) {
      money(json, "saved", 0);
      json.put("counterfactual", "no provisioned capacity is configured");
      return 0;
    }
    Map<String, Long> calls = new LinkedHashMap<>();
    Map<String, Long> spared = new LinkedHashMap<>();
    try (PreparedStatement select = connection.prepareStatement("SELECT model, COUNT(*), SUM(list_nanos) FROM dromedary_attempts WHERE seq >= ? AND seq < ? AND list_nanos IS NOT NULL"
        + (caller.admin() ? "" : " AND project = ?") + " GROUP BY model")) {
      select.setLong(1, Sequence.at(from.toEpochMilli()));
      select.setLong(2, Sequence.at(to.toEpochMilli()));
      if (!caller.admin()) {
        select.setString(3, caller.project());
      }
      try (ResultSet row = select.executeQuery()) {
        while (row.next()) {
          calls.put(row.getString(1), row.getLong(2));
          spared.put(row.getString(1), Sums.decimal(row, 3).longValueExact());
        }
      }
    }
    long list = 0;
    long paid = 0;
    ArrayNode models = Json.array();
    for (Map.Entry<String, Usd> commitment : costs.entrySet()) {
      String model = commitment.getKey();
      ObjectNode node = models.addObject().put("model", model).put("calls", calls.getOrDefault(model, 0L));
      list = Math.addExact(list, spared.getOrDefault(model, 0L));
      paid = Math.addExact(paid, commitment.getValue().nanos());
      money(node, "list_cost", spared.getOrDefault(model, 0L));
      if (caller.admin()) {
        money(node, "commitment", commitment.getValue().nanos());
        money(node, "saved", spared.getOrDefault(model, 0L) - commitment.getValue().nanos());
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

  private static Problem unreadable() {
    return new Problem(503, "service_unavailable_error", "the ledger cannot be read just now; try again shortly").code("ledger_unavailable").retryAfter(Duration.ofSeconds(2));
  }
}
