package io.dromedary.budget;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** The purses' rows as pages read them, the limits set at run time, and what was paid in. */
final class BudgetStore {
  /** A purse's row. */
  record Row(String key, String project, String name, String subject, String period, long endsAtMs, long granted, long used, long reserved) {}

  /** One payment. */
  record TopUp(String reference, long amount, long balance, String note, long createdAtMs) {}

  private final DataSource dataSource;

  BudgetStore(DataSource dataSource) {
    this.dataSource = dataSource;
  }

  /** When the newest purse was opened, 0 if there is none: time does not go back before it. */
  long newest() throws SQLException {
    try (Connection connection = dataSource.getConnection(); PreparedStatement select = connection.prepareStatement("SELECT MAX(opened_at_ms) FROM dromedary_purses"); ResultSet row = select.executeQuery()) {
      row.next();
      return row.getLong(1);
    }
  }

  /** The project's purses that are open at that moment. */
  List<Row> open(String project, long nowMs, int most) throws SQLException {
    try (Connection connection = dataSource.getConnection();
        PreparedStatement select = connection.prepareStatement("SELECT purse_key, project, name, subject, period, ends_at_ms, granted_nanos, used_nanos, reserved_nanos FROM dromedary_purses"
            + " WHERE project = ? AND (ends_at_ms = 0 OR ends_at_ms > ?) ORDER BY name, subject, period")) {
      select.setString(1, project);
      select.setLong(2, nowMs);
      select.setMaxRows(most);
      return rows(select);
    }
  }

  @Nullable Row find(String key) throws SQLException {
    try (Connection connection = dataSource.getConnection()) {
      return find(connection, key, "");
    }
  }

  private static @Nullable Row find(Connection connection, String key, String lock) throws SQLException {
    try (PreparedStatement select = connection.prepareStatement("SELECT purse_key, project, name, subject, period, ends_at_ms, granted_nanos, used_nanos, reserved_nanos FROM dromedary_purses WHERE purse_key = ?" + lock)) {
      select.setString(1, key);
      List<Row> found = rows(select);
      return found.isEmpty() ? null : found.get(0);
    }
  }

  private static List<Row> rows(PreparedStatement select) throws SQLException {
    List<Row> found = new ArrayList<>();
    try (ResultSet row = select.executeQuery()) {
      while (row.next()) {
        found.add(new Row(row.getString(1), row.getString(2), row.getString(3), row.getString(4), row.getString(5), row.getLong(6), row.getLong(7), row.getLong(8), row.getLong(9)));
      }
    }
    return found;
  }

  Map<String, Long> limits() throws SQLException {
    Map<String, Long> limits = new HashMap<>();
    try (Connection connection = dataSource.getConnection(); PreparedStatement select = connection.prepareStatement("SELECT budget, limit_nanos FROM dromedary_budget_limits"); ResultSet row = select.executeQuery()) {
      while (row.next()) {
        limits.put(row.getString(1), row.getLong(2));
      }
    }
    return limits;
  }

  /** @param nanos null to go back to the file's */
  void limit(String budget, @Nullable Long nanos, long nowMs) throws SQLException {
    try (Connection connection = dataSource.getConnection()) {
      connection.setAutoCommit(false);
      try (PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_budget_limits WHERE budget = ?")) {
        delete.setString(1, budget);
        delete.executeUpdate();
        if (nanos != null) {
          try (PreparedStatement insert = connection.prepareStatement("INSERT INTO dromedary_budget_limits (budget, limit_nanos, set_at_ms) VALUES (?, ?, ?)")) {
            insert.setString(1, budget);
            insert.setLong(2, nanos);
            insert.setLong(3, nowMs);
            insert.executeUpdate();
          }
        }
        connection.commit();
      } catch (SQLException e) {
        connection.rollback();
        throw e;
      }
    }
  }

  /**
   * Pays in, once per reference.
   *
   * @param mostBalance what may be paid in together at most
   * @return the payment as it was booked, now or before; null if it would go beyond {@code mostBalance}
   */
  @Nullable TopUp topUp(io.dromedary.catalog.Purse purse, String reference, long amount, String note, long mostBalance, long nowMs) throws SQLException {
    for (int tries = 0;; tries++) {
      try (Connection connection = dataSource.getConnection()) {
        connection.setAutoCommit(false);
        try {
          Row row = find(connection, purse.key(), " FOR UPDATE");
          if (row == null) {
            open(connection, purse, nowMs);
            row = find(connection, purse.key(), " FOR UPDATE");
          }
          TopUp before = topUp(connection, purse.key(), reference);
          if (before != null || row == null || amount > mostBalance - row.granted()) {
            connection.commit();
            return before;
          }
          TopUp paid = new TopUp(reference, amount, row.granted() + amount - row.used() - row.reserved(), note, nowMs);
          try (PreparedStatement insert = connection.prepareStatement("INSERT INTO dromedary_top_ups (purse_key, reference, amount_nanos, balance_nanos, note, created_at_ms) VALUES (?, ?, ?, ?, ?, ?)")) {
            insert.setString(1, purse.key());
            insert.setString(2, reference);
            insert.setLong(3, amount);
            insert.setLong(4, paid.balance());
            insert.setString(5, note);
            insert.setLong(6, nowMs);
            insert.executeUpdate();
          }
          try (PreparedStatement update = connection.prepareStatement("UPDATE dromedary_purses SET granted_nanos = granted_nanos + ? WHERE purse_key = ?")) {
            update.setLong(1, amount);
            update.setString(2, purse.key());
            update.executeUpdate();
          }
          connection.commit();
          return paid;
        } catch (SQLException e) {
          connection.rollback();
          boolean race = e.getSQLState() != null && (e.getSQLState().startsWith("23") || e.getSQLState().startsWith("40") || e.getSQLState().equals("HYT00"));
          if (!race || tries >= 5) {
            throw e;
          }
        }
      }
    }
  }

  private static void open(Connection connection, io.dromedary.catalog.Purse purse, long nowMs) throws SQLException {
    io.dromedary.catalog.Purse.Facts facts = purse.facts();
    try (PreparedStatement insert = connection.prepareStatement("INSERT INTO dromedary_purses (purse_key, project, name, subject, period, ends_at_ms, granted_nanos, used_nanos, reserved_nanos, opened_at_ms)"
        + " VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, ?)")) {
      insert.setString(1, purse.key());
      insert.setString(2, facts.project());
      insert.setString(3, facts.name());
      insert.setString(4, facts.subject());
      insert.setString(5, facts.period());
      insert.setLong(6, facts.endsAtMs());
      insert.setLong(7, nowMs);
      insert.executeUpdate();
    }
  }

  private static @Nullable TopUp topUp(Connection connection, String key, String reference) throws SQLException {
    try (PreparedStatement select = connection.prepareStatement("SELECT reference, amount_nanos, balance_nanos, note, created_at_ms FROM dromedary_top_ups WHERE purse_key = ? AND reference = ?")) {
      select.setString(1, key);
      select.setString(2, reference);
      List<TopUp> found = topUps(select);
      return found.isEmpty() ? null : found.get(0);
    }
  }

  /** The newest payments first. */
  List<TopUp> topUps(String key, int most) throws SQLException {
    try (Connection connection = dataSource.getConnection();
        PreparedStatement select = connection.prepareStatement("SELECT reference, amount_nanos, balance_nanos, note, created_at_ms FROM dromedary_top_ups WHERE purse_key = ? ORDER BY created_at_ms DESC, reference")) {
      select.setString(1, key);
      select.setMaxRows(most);
      return topUps(select);
    }
  }

  private static List<TopUp> topUps(PreparedStatement select) throws SQLException {
    List<TopUp> found = new ArrayList<>();
    try (ResultSet row = select.executeQuery()) {
      while (row.next()) {
        found.add(new TopUp(row.getString(1), row.getLong(2), row.getLong(3), row.getString(4), row.getLong(5)));
      }
    }
    return found;
  }

  /** Deletes purses that closed before that moment and hold nothing. @return how many */
  int forget(long endedBeforeMs) throws SQLException {
    try (Connection connection = dataSource.getConnection(); PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_purses WHERE ends_at_ms > 0 AND ends_at_ms < ? AND reserved_nanos = 0")) {
      delete.setLong(1, endedBeforeMs);
      return delete.executeUpdate();
    }
  }
}
