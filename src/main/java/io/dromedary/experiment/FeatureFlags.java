package io.dromedary.experiment;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.chat.StableHash;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import java.util.function.Supplier;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Parts of the gateway that can be switched while it runs, for all or for a share of the projects. What was set is kept in the ledger's database and seen by all nodes within seconds; what was not is as configured.
 *
 * <p>Other rooms get {@link #everywhere} or {@link #forProject} as a plain function: to ask is to read a map in memory.
 */
public final class FeatureFlags {
  private static final Logger LOG = LoggerFactory.getLogger(FeatureFlags.class);
  private static final List<String> FIELDS = List.of("name", "enabled", "percentage", "reset");
  private static final String DOMAIN = "domain.";
  private static final String EXPERIMENT = "experiment.";

  /**
   * A flag that exists.
   *
   * @param enabled where nobody has set it
   * @param percentage of projects it is on for, where nobody has set it
   * @param shared whether it may be on for a share of projects; else it is on or off for all
   * @param what it switches, for people
   */
  public record Known(String name, boolean enabled, int percentage, boolean shared, String what) {}

  private record Setting(boolean enabled, int percentage, long atMs) {}

  private final DataSource dataSource;
  private final Map<String, Known> known = new LinkedHashMap<>();
  private final Supplier<List<String>> domains;
  private final Clock clock;
  private volatile Map<String, Setting> set = Map.of();
  private boolean failing;

  /**
   * Reads what was set.
   *
   * @param domains the domains that there are: each has a flag {@code domain.<name>}
   * @throws IllegalStateException if the store cannot be read
   */
  public FeatureFlags(DataSource dataSource, List<Known> known, Supplier<List<String>> domains, Clock clock) {
    this.dataSource = dataSource;
    this.domains = domains;
    this.clock = clock;
    known.forEach(flag -> this.known.put(flag.name(), flag));
    try {
      set = read();
    } catch (SQLException e) {
      throw new IllegalStateException("the feature flags cannot be read: " + e.getMessage(), e);
    }
  }

  /** Whether this is on for everyone. @throws IllegalArgumentException if there is no such flag */
  public BooleanSupplier everywhere(String name) {
    Known flag = flag(name);
    return () -> {
      Setting now = set.get(name);
      return now == null ? flag.enabled() : now.enabled();
    };
  }

  /** Whether this is on for a project. @throws IllegalArgumentException if there is no such flag */
  public Predicate<String> forProject(String name) {
    Known flag = flag(name);
    return project -> {
      Setting now = set.get(name);
      boolean enabled = now == null ? flag.enabled() : now.enabled();
      int percentage = now == null ? flag.percentage() : now.percentage();
      return enabled && (percentage >= 100 || StableHash.place("flag/" + name, project) * 100 < percentage);
    };
  }

  /** Whether requests are routed by a domain. */
  public Predicate<String> forDomain() {
    return domain -> {
      Map<String, Setting> now = set;
      Setting said = now.isEmpty() ? null : now.get(DOMAIN + domain);
      return said == null || said.enabled();
    };
  }

  private @Nullable Known find(String name) {
    boolean domain = name.startsWith(DOMAIN) && domains.get().contains(name.substring(DOMAIN.length()));
    return domain ? new Known(name, true, 100, false, "routing by the domain " + name.substring(DOMAIN.length())) : known.get(name);
  }

  private List<String> names() {
    List<String> names = new ArrayList<>(known.keySet());
    domains.get().forEach(domain -> names.add(DOMAIN + domain));
    return names;
  }

  private Known flag(String name) {
    Known flag = find(name);
    if (flag == null) {
      throw new IllegalArgumentException("there is no flag `" + name + "`");
    }
    return flag;
  }

  /** What was said at run time of an experiment, null if nothing. */
  @Nullable Boolean running(String experiment) {
    Setting now = set.get(EXPERIMENT + experiment);
    return now == null ? null : now.enabled();
  }

  /** Starts or stops an experiment, on all nodes. */
  void running(String experiment, boolean running) {
    keep(EXPERIMENT + experiment, new Setting(running, 100, clock.millis()));
  }

  /** {@code GET /admin/flags}. */
  public ObjectNode show() {
    ObjectNode page = Json.object().put("object", "flags");
    ArrayNode flags = page.putArray("flags");
    names().forEach(name -> flags.add(one(name)));
    return page;
  }

  private ObjectNode one(String name) {
    Known flag = flag(name);
    Setting now = set.get(name);
    ObjectNode node = Json.object().put("name", name).put("enabled", now == null ? flag.enabled() : now.enabled());
    if (flag.shared()) {
      node.put("percentage", now == null ? flag.percentage() : now.percentage());
    }
    node.put("default", flag.enabled()).put("set_at", now == null ? null : Instant.ofEpochMilli(now.atMs()).toString()).put("what", flag.what());
    return node;
  }

  /**
   * {@code POST /admin/flags} with {@code {"name", "enabled", "percentage"?}}, or {@code {"name", "reset": true}} for as configured.
   *
   * @throws Problem 400 naming the field and what is allowed; 503 if it cannot be kept
   */
  public ObjectNode change(Inbound in) {
    ObjectNode json = Json.readStrictly(in.body());
    json.fieldNames().forEachRemaining(field -> {
      if (!FIELDS.contains(field)) {
        throw Problem.badField(Problem.clip(field), "`" + Problem.clip(field) + "` is not one of " + String.join(", ", FIELDS));
      }
    });
    Known flag = find(json.path("name").asText(""));
    if (flag == null) {
      throw Problem.badField("name", "there is no flag `" + Problem.clip(json.path("name").asText("")) + "`; there are " + String.join(", ", names()));
    }
    JsonNode enabled = json.path("enabled");
    JsonNode percentage = json.path("percentage");
    JsonNode reset = json.path("reset");
    if (!reset.isMissingNode()) {
      if (!reset.isBoolean() || !reset.booleanValue() || json.size() != 2) {
        throw Problem.badField("reset", "`reset` must be true, beside nothing but `name`");
      }
      keep(flag.name(), null);
      return one(flag.name());
    }
    if (!enabled.isBoolean()) {
      throw Problem.badField("enabled", "`enabled` must be true or false");
    }
    if (!percentage.isMissingNode() && !(percentage.isIntegralNumber() && percentage.canConvertToInt() && percentage.intValue() >= 0 && percentage.intValue() <= 100)) {
      throw Problem.badField("percentage", "`percentage` must be a whole number from 0 to 100: the share of projects it is on for");
    }
    if (!percentage.isMissingNode() && percentage.intValue() != 100 && !flag.shared()) {
      throw Problem.badField("percentage", "`" + flag.name() + "` is on or off for all; leave `percentage` out");
    }
    keep(flag.name(), new Setting(enabled.booleanValue(), percentage.isMissingNode() ? 100 : percentage.intValue(), clock.millis()));
    return one(flag.name());
  }

  /** @param value null for as configured */
  private synchronized void keep(String name, @Nullable Setting value) {
    try (Connection connection = dataSource.getConnection()) {
      connection.setAutoCommit(false);
      try (PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_flags WHERE name = ?");
          PreparedStatement insert = connection.prepareStatement("INSERT INTO dromedary_flags (name, enabled, percentage, changed_at_ms) VALUES (?, ?, ?, ?)")) {
        delete.setString(1, name);
        delete.executeUpdate();
        if (value != null) {
          insert.setString(1, name);
          insert.setBoolean(2, value.enabled());
          insert.setInt(3, value.percentage());
          insert.setLong(4, value.atMs());
          insert.executeUpdate();
        }
        connection.commit();
      } catch (SQLException e) {
        connection.rollback();
        throw e;
      } finally {
        connection.setAutoCommit(true);
      }
      set = read();
      LOG.info("flag {} is {}", name, value == null ? "as configured" : (value.enabled() ? "on" : "off") + (value.percentage() == 100 ? "" : " for " + value.percentage() + " % of projects"));
    } catch (SQLException e) {
      throw unavailable();
    }
  }

  /** Reads what other nodes have set. A store that fails leaves all as it was and is told once. */
  public synchronized void sync() {
    try {
      set = read();
      failing = false;
    } catch (SQLException e) {
      if (!failing) {
        failing = true;
        LOG.warn("the feature flags cannot be read just now and stay as they are: SQL state {}, code {}", e.getSQLState(), e.getErrorCode());
      }
    }
  }

  private Map<String, Setting> read() throws SQLException {
    Map<String, Setting> found = new TreeMap<>();
    try (Connection connection = dataSource.getConnection(); PreparedStatement select = connection.prepareStatement("SELECT name, enabled, percentage, changed_at_ms FROM dromedary_flags");
        ResultSet row = select.executeQuery()) {
      while (row.next()) {
        found.put(row.getString(1), new Setting(row.getBoolean(2), row.getInt(3), row.getLong(4)));
      }
    }
    return Map.copyOf(found);
  }

  static Problem unavailable() {
    return new Problem(503, "service_unavailable_error", "the store cannot be used just now; try again shortly").code("ledger_unavailable").retryAfter(Duration.ofSeconds(2));
  }
}
