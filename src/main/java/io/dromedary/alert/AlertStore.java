package io.dromedary.alert;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The alerts' rows. */
final class AlertStore {
  /**
   * One row.
   *
   * @param mark a figure to tell by whether it is over: what was paid in when a credit alert fired
   * @param lastsUntilMs it is over then, seen again or not; 0 for {@code resolve-after} the last sight
   */
  record Row(String id, String rule, String kind, String subject, String project, String severity, String summary, long mark, long startedAtMs, long seenAtMs, long lastsUntilMs, long toldAtMs, int timesTold, @Nullable Long resolvedAtMs,
      @Nullable Long ackedAtMs, @Nullable String note) {}

  private static final String COLUMNS = "id, rule, kind, subject, project, severity, summary, mark, started_at_ms, seen_at_ms, lasts_until_ms, told_at_ms, times_told, resolved_at_ms, acked_at_ms, note";

  private AlertStore() {}

  static @Nullable Row open(Connection connection, String rule, String subject) throws SQLException {
    try (PreparedStatement select = connection.prepareStatement("SELECT " + COLUMNS + " FROM dromedary_alerts WHERE rule = ? AND subject = ? AND open_key = '' FOR UPDATE")) {
      select.setString(1, rule);
      select.setString(2, subject);
      List<Row> rows = rows(select);
      return rows.isEmpty() ? null : rows.get(0);
    }
  }

  /** @throws SQLException of state 23 if another node was first */
  static void insert(Connection connection, Row row) throws SQLException {
    try (PreparedStatement insert = connection.prepareStatement("INSERT INTO dromedary_alerts (id, rule, kind, subject, project, open_key, severity, summary, mark, started_at_ms, seen_at_ms, lasts_until_ms, told_at_ms, times_told)"
        + " VALUES (?, ?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?, ?, ?)")) {
      int at = 1;
      for (String text : new String[] {row.id, row.rule, row.kind, row.subject, row.project, row.severity, row.summary}) {
        insert.setString(at++, text);
      }
      for (long number : new long[] {row.mark, row.startedAtMs, row.seenAtMs, row.lastsUntilMs, row.toldAtMs, row.timesTold}) {
        insert.setLong(at++, number);
      }
      insert.executeUpdate();
    }
  }

  static void seen(Connection connection, Row row, String summary, long mark, long now, long lastsUntilMs, long toldAtMs, int timesTold) throws SQLException {
    try (PreparedStatement update = connection.prepareStatement("UPDATE dromedary_alerts SET summary = ?, mark = ?, seen_at_ms = ?, lasts_until_ms = ?, told_at_ms = ?, times_told = ? WHERE id = ?")) {
      update.setString(1, summary);
      update.setLong(2, mark);
      update.setLong(3, now);
      update.setLong(4, lastsUntilMs);
      update.setLong(5, toldAtMs);
      update.setInt(6, timesTold);
      update.setString(7, row.id);
      update.executeUpdate();
    }
  }

  /** @return false if another node did */
  static boolean resolve(Connection connection, String id, long now) throws SQLException {
    try (PreparedStatement update = connection.prepareStatement("UPDATE dromedary_alerts SET open_key = id, resolved_at_ms = ? WHERE id = ? AND open_key = ''")) {
      update.setLong(1, now);
      update.setString(2, id);
      return update.executeUpdate() == 1;
    }
  }

  static List<Row> allOpen(Connection connection) throws SQLException {
    try (PreparedStatement select = connection.prepareStatement("SELECT " + COLUMNS + " FROM dromedary_alerts WHERE open_key = '' ORDER BY started_at_ms DESC")) {
      return rows(select);
    }
  }

  static List<Row> history(Connection connection, @Nullable String rule, @Nullable String project, int most) throws SQLException {
    try (PreparedStatement select = connection.prepareStatement("SELECT " + COLUMNS + " FROM dromedary_alerts WHERE 1 = 1" + (rule == null ? "" : " AND rule = ?") + (project == null ? "" : " AND project = ?") + " ORDER BY started_at_ms DESC LIMIT "
        + most)) {
      int at = 1;
      if (rule != null) {
        select.setString(at++, rule);
      }
      if (project != null) {
        select.setString(at, project);
      }
      return rows(select);
    }
  }

  static @Nullable Row find(Connection connection, String id) throws SQLException {
    try (PreparedStatement select = connection.prepareStatement("SELECT " + COLUMNS + " FROM dromedary_alerts WHERE id = ? FOR UPDATE")) {
      select.setString(1, id);
      List<Row> rows = rows(select);
      return rows.isEmpty() ? null : rows.get(0);
    }
  }

  static void acknowledge(Connection connection, String id, String note, long now) throws SQLException {
    try (PreparedStatement update = connection.prepareStatement("UPDATE dromedary_alerts SET acked_at_ms = ?, note = ? WHERE id = ? AND acked_at_ms IS NULL")) {
      update.setLong(1, now);
      update.setString(2, note);
      update.setString(3, id);
      update.executeUpdate();
    }
  }

  private static List<Row> rows(PreparedStatement select) throws SQLException {
    List<Row> rows = new ArrayList<>();
    try (ResultSet row = select.executeQuery()) {
      while (row.next()) {
        rows.add(new Row(row.getString(1), row.getString(2), row.getString(3), row.getString(4), row.getString(5), row.getString(6), row.getString(7), row.getLong(8), row.getLong(9), row.getLong(10), row.getLong(11), row.getLong(12),
            row.getInt(13), number(row, 14), number(row, 15), row.getString(16)));
      }
    }
    return rows;
  }

  private static @Nullable Long number(ResultSet row, int column) throws SQLException {
    long value = row.getLong(column);
    return row.wasNull() ? null : value;
  }
}
