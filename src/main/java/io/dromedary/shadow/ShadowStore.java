package io.dromedary.shadow;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Bill;
import io.dromedary.catalog.Erasable;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Usd;
import java.math.BigDecimal;
import java.math.MathContext;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** What came of shadows: figures alone, no words. Kept as long as interactions are; what they cost stays in the ledger, where each is a request of its own. */
public final class ShadowStore implements Erasable {
  private static final String INSERT = "INSERT INTO dromedary_shadows (request_id, shadow_id, project, served_model, shadow_model, outcome, agreement, measure, served_cost_nanos, shadow_cost_nanos, served_us, shadow_us, served_output,"
      + " shadow_output, created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
  /** Figures of both sides are of the same requests: those that the shadow answered. */
  private static final String PAIRS = "SELECT served_model, shadow_model, measure, COUNT(*), SUM(CASE WHEN outcome = 'answered' THEN 1 ELSE 0 END), COUNT(agreement), AVG(agreement), STDDEV_SAMP(agreement),"
      + both("served_cost_nanos") + both("shadow_cost_nanos") + both("served_us") + both("shadow_us") + both("served_output") + both("shadow_output")
      + " SUM(shadow_cost_nanos) FROM dromedary_shadows WHERE (? = '' OR project = ?) GROUP BY served_model, shadow_model, measure ORDER BY 4 DESC, 1, 2, 3";
  private static final double Z = 1.959964;
  private static final int LONGEST_PROJECT = 128;

  private final DataSource dataSource;
  private final Duration kept;
  private final Clock clock;

  /** @param kept how long, as with the interaction log */
  public ShadowStore(DataSource dataSource, Duration kept, Clock clock) {
    this.dataSource = dataSource;
    this.kept = kept;
    this.clock = clock;
  }

  private static String both(String column) {
    return " AVG(CASE WHEN outcome = 'answered' THEN CAST(" + column + " AS DOUBLE PRECISION) END),";
  }

  void keep(Shadow shadow, @Nullable Bill bill, String outcome, @Nullable Double agreement, String measure) {
    Bill served = shadow.served();
    try (Connection connection = dataSource.getConnection(); PreparedStatement insert = connection.prepareStatement(INSERT)) {
      insert.setString(1, served.requestId());
      insert.setString(2, bill == null ? "" : bill.requestId());
      insert.setString(3, served.project());
      insert.setString(4, served.servedModel());
      insert.setString(5, shadow.getModel());
      insert.setString(6, outcome);
      if (agreement == null) {
        insert.setNull(7, Types.DOUBLE);
      } else {
        insert.setDouble(7, agreement);
      }
      insert.setString(8, measure);
      insert.setLong(9, served.cost().nanos());
      insert.setLong(10, bill == null ? 0 : bill.cost().nanos());
      insert.setLong(11, micros(served));
      insert.setLong(12, bill == null ? 0 : micros(bill));
      insert.setLong(13, served.usage().output());
      insert.setLong(14, bill == null ? 0 : bill.usage().output());
      insert.setLong(15, clock.millis());
      insert.executeUpdate();
    } catch (SQLException e) {
      throw new IllegalStateException("SQL state " + e.getSQLState());
    }
  }

  /** The time of the call that answered: what was waited for in the gateway says nothing of a model. */
  private static long micros(Bill bill) {
    long micros = 0;
    for (Attempt attempt : bill.attempts()) {
      if (attempt.outcome() != null && attempt.candidate().model().id().equals(bill.servedModel())) {
        micros = attempt.outcome().total().toNanos() / 1_000;
      }
    }
    return micros;
  }

  ObjectNode onPage(ObjectNode page) {
    String id = page.path("id").asText();
    if (id.endsWith(Shadow.SUFFIX)) {
      return page.put("shadow_of", id.substring(0, id.length() - Shadow.SUFFIX.length()));
    }
    try (Connection connection = dataSource.getConnection(); PreparedStatement select = connection.prepareStatement("SELECT * FROM dromedary_shadows WHERE request_id = ?")) {
      select.setString(1, id);
      try (ResultSet row = select.executeQuery()) {
        if (row.next()) {
          ObjectNode shadow = page.putObject("shadow");
          shadow.put("id", row.getString("shadow_id")).put("model", row.getString("shadow_model")).put("outcome", row.getString("outcome"));
          double agreement = row.getDouble("agreement");
          shadow.put("agreement", row.wasNull() ? null : decimal(agreement)).put("measure", row.getString("measure"));
          money(shadow, "cost", row.getLong("shadow_cost_nanos"));
          shadow.put("total_ms", BigDecimal.valueOf(row.getLong("shadow_us"), 3)).put("served_total_ms", BigDecimal.valueOf(row.getLong("served_us"), 3));
          shadow.put("output_tokens", row.getLong("shadow_output")).put("served_output_tokens", row.getLong("served_output"));
        }
      }
      return page;
    } catch (SQLException e) {
      throw unreadable();
    }
  }

  ArrayNode pairs(@Nullable String project) {
    String only = project == null ? "" : project;
    ArrayNode pairs = Json.array();
    if (only.length() > LONGEST_PROJECT) {
      throw Problem.badField("project", "`project` may have " + LONGEST_PROJECT + " characters");
    }
    try (Connection connection = dataSource.getConnection(); PreparedStatement select = connection.prepareStatement(PAIRS)) {
      select.setString(1, only);
      select.setString(2, only);
      try (ResultSet row = select.executeQuery()) {
        while (row.next()) {
          ObjectNode pair = pairs.addObject().put("served_model", row.getString(1)).put("shadow_model", row.getString(2)).put("measure", row.getString(3)).put("shadows", row.getLong(4)).put("answered", row.getLong(5));
          agreement(pair.putObject("agreement"), row.getLong(6), row.getDouble(7), row.getDouble(8));
          both(pair.putObject("mean_cost_usd"), row, 9, 1e9);
          both(pair.putObject("mean_total_ms"), row, 11, 1e3);
          both(pair.putObject("mean_output_tokens"), row, 13, 1);
          money(pair, "shadows_cost", row.getLong(15));
        }
      }
      return pairs;
    } catch (SQLException e) {
      throw unreadable();
    }
  }

  /** With its 95 % interval, by the normal distribution; of fewer than two nothing is known. */
  private static void agreement(ObjectNode node, long of, double mean, double deviation) {
    double half = Z * deviation / Math.sqrt(of);
    node.put("value", of == 0 ? null : decimal(mean)).put("low", of < 2 ? null : decimal(Math.max(0, mean - half))).put("high", of < 2 ? null : decimal(Math.min(1, mean + half)));
  }

  private static void both(ObjectNode node, ResultSet row, int column, double unit) throws SQLException {
    node.put("served", number(row, column, unit));
    node.put("shadow", number(row, column + 1, unit));
  }

  private static @Nullable BigDecimal number(ResultSet row, int column, double unit) throws SQLException {
    double value = row.getDouble(column);
    return row.wasNull() ? null : decimal(value / unit);
  }

  private static BigDecimal decimal(double value) {
    return BigDecimal.valueOf(value).round(new MathContext(6));
  }

  private static void money(ObjectNode json, String name, long nanos) {
    json.put(name + "_usd", Usd.ofNanos(nanos).toString()).put(name + "_nanos", nanos);
  }

  private static Problem unreadable() {
    return new Problem(503, "service_unavailable_error", "the shadows cannot be read just now; try again shortly").code("ledger_unavailable").retryAfter(Duration.ofSeconds(2));
  }

  /** Forgets what is older than interactions are. @return how many shadows that were */
  public int sweep() {
    return erase(null, null, clock.instant().minus(kept));
  }

  @Override
  public String what() {
    return "shadows";
  }

  @Override
  public int erase(@Nullable String project, @Nullable String user, @Nullable Instant before) {
    String sql = "DELETE FROM dromedary_shadows WHERE 1 = 1" + (project == null ? "" : " AND project = ?") + (before == null ? "" : " AND created_at_ms < ?")
        + (user == null ? "" : " AND request_id IN (SELECT request_id FROM dromedary_requests WHERE user_id = ?)");
    try (Connection connection = dataSource.getConnection(); PreparedStatement delete = connection.prepareStatement(sql)) {
      int at = 1;
      if (project != null) {
        delete.setString(at++, project);
      }
      if (before != null) {
        delete.setLong(at++, before.toEpochMilli());
      }
      if (user != null) {
        delete.setString(at, user);
      }
      return delete.executeUpdate();
    } catch (SQLException e) {
      throw new IllegalStateException("shadows cannot be forgotten: SQL state " + e.getSQLState());
    }
  }
}
