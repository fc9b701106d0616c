package io.dromedary.feedback;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps what was learned in the ledger's database: each node writes its own sums and reads those of the others, every few seconds. What a crash loses is the implicit outcomes of those seconds; callers' feedback is durable by itself.
 */
public final class LearningStore implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LearningStore.class);
  private static final int HALF_LIVES_KEPT = 10;

  private final DataSource dataSource;
  private final String node;
  private final QualityEstimates quality;
  private final LatencyEstimates latency;
  private final long keptMs;
  private final Clock clock;
  private final Map<String, Long> resets = new HashMap<>();
  private long written;
  private long writtenUntilMs;
  private boolean failing;

  /** Reads what is known. @throws IllegalStateException if the store cannot be read */
  public LearningStore(DataSource dataSource, String node, QualityEstimates quality, LatencyEstimates latency, LearningRules rules, Clock clock) {
    this.dataSource = dataSource;
    this.node = node;
    this.quality = quality;
    this.latency = latency;
    this.keptMs = rules.halfLife().toMillis() * HALF_LIVES_KEPT;
    this.clock = clock;
    try (Connection connection = dataSource.getConnection()) {
      try (PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_learning WHERE at_ms < ?")) {
        delete.setLong(1, clock.millis() - keptMs);
        delete.executeUpdate();
      }
      resets.putAll(resets(connection));
      Map<QualityEstimates.Key, Tally> mine = new HashMap<>();
      rows(connection, "node = ?").forEach(row -> mine.put(row.getKey(), row.getValue()));
      quality.restore(mine);
      quality.others(rows(connection, "node <> ?"));
    } catch (SQLException e) {
      throw new IllegalStateException("what was learned cannot be read: " + e.getMessage(), e);
    }
    written = quality.changes();
    writtenUntilMs = clock.millis();
  }

  /** Writes this node's share, reads the others'. A store that fails is told once and tried again next time. */
  public synchronized void sync() {
    try (Connection connection = dataSource.getConnection()) {
      Map<String, Long> now = resets(connection);
      for (Map.Entry<String, Long> reset : now.entrySet()) {
        if (reset.getValue() > resets.getOrDefault(reset.getKey(), Long.MIN_VALUE)) {
          forgotten(connection, reset.getKey());
        }
      }
      resets.putAll(now);
      write(connection);
      quality.others(rows(connection, "node <> ?"));
      failing = false;
    } catch (SQLException e) {
      if (!failing) {
        failing = true;
        LOG.warn("what was learned cannot be kept just now: SQL state {}, code {}", e.getSQLState(), e.getErrorCode());
      }
    }
  }

  private void write(Connection connection) throws SQLException {
    long changes = quality.changes();
    if (changes == written) {
      return;
    }
    long until = clock.millis();
    List<Map.Entry<QualityEstimates.Key, Tally>> changed = quality.own().entrySet().stream().filter(entry -> entry.getValue().atMs() >= writtenUntilMs).toList();
    connection.setAutoCommit(false);
    try (PreparedStatement update = connection.prepareStatement("UPDATE dromedary_learning SET good = ?, told = ?, sound = ?, unsound = ?, at_ms = ? WHERE node = ? AND model = ? AND task = ? AND tier = ?");
        PreparedStatement insert = connection.prepareStatement("INSERT INTO dromedary_learning (good, told, sound, unsound, at_ms, node, model, task, tier) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")) {
      for (Map.Entry<QualityEstimates.Key, Tally> entry : changed) {
        bind(update, entry);
        if (update.executeUpdate() == 0) {
          bind(insert, entry);
          insert.executeUpdate();
        }
      }
      connection.commit();
      written = changes;
      writtenUntilMs = until;
    } catch (SQLException e) {
      connection.rollback();
      throw e;
    } finally {
      connection.setAutoCommit(true);
    }
  }

  private void bind(PreparedStatement statement, Map.Entry<QualityEstimates.Key, Tally> entry) throws SQLException {
    Tally tally = entry.getValue();
    statement.setDouble(1, tally.good());
    statement.setDouble(2, tally.told());
    statement.setDouble(3, tally.sound());
    statement.setDouble(4, tally.unsound());
    statement.setLong(5, tally.atMs());
    statement.setString(6, node);
    statement.setString(7, entry.getKey().model());
    statement.setString(8, entry.getKey().task());
    statement.setString(9, entry.getKey().tier());
  }

  /**
   * Forgets what was learned, on all nodes.
   *
   * @param model "" for all
   */
  synchronized void forget(String model) {
    try (Connection connection = dataSource.getConnection()) {
      long now = Math.max(clock.millis(), resets.getOrDefault(model, 0L) + 1);
      try (PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_learning" + (model.isEmpty() ? "" : " WHERE model = ?"))) {
        if (!model.isEmpty()) {
          delete.setString(1, model);
        }
        delete.executeUpdate();
      }
      try (PreparedStatement update = connection.prepareStatement("UPDATE dromedary_learning_resets SET at_ms = ? WHERE model = ?")) {
        update.setLong(1, now);
        update.setString(2, model);
        if (update.executeUpdate() == 0) {
          try (PreparedStatement insert = connection.prepareStatement("INSERT INTO dromedary_learning_resets (model, at_ms) VALUES (?, ?)")) {
            insert.setString(1, model);
            insert.setLong(2, now);
            insert.executeUpdate();
          }
        }
      }
      resets.put(model, now);
      quality.forget(model);
      latency.forget(model);
    } catch (SQLException e) {
      throw Feedback.unavailable();
    }
  }

  /** Another node has forgotten: so does this one, in memory and in its rows. */
  private void forgotten(Connection connection, String model) throws SQLException {
    quality.forget(model);
    latency.forget(model);
    try (PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_learning WHERE node = ?" + (model.isEmpty() ? "" : " AND model = ?"))) {
      delete.setString(1, node);
      if (!model.isEmpty()) {
        delete.setString(2, model);
      }
      delete.executeUpdate();
    }
  }

  private static Map<String, Long> resets(Connection connection) throws SQLException {
    Map<String, Long> resets = new HashMap<>();
    try (PreparedStatement select = connection.prepareStatement("SELECT model, at_ms FROM dromedary_learning_resets"); ResultSet rows = select.executeQuery()) {
      while (rows.next()) {
        resets.put(rows.getString(1), rows.getLong(2));
      }
    }
    return resets;
  }

  private List<Map.Entry<QualityEstimates.Key, Tally>> rows(Connection connection, String which) throws SQLException {
    List<Map.Entry<QualityEstimates.Key, Tally>> found = new ArrayList<>();
    try (PreparedStatement select = connection.prepareStatement("SELECT model, task, tier, good, told, sound, unsound, at_ms FROM dromedary_learning WHERE " + which)) {
      select.setString(1, node);
      try (ResultSet row = select.executeQuery()) {
        while (row.next()) {
          found.add(Map.entry(new QualityEstimates.Key(row.getString(1), row.getString(2), row.getString(3)),
              new Tally(row.getDouble(4), row.getDouble(5), row.getDouble(6), row.getDouble(7), row.getLong(8))));
        }
      }
    }
    return found;
  }

  /** Keeps what was learned last. */
  @Override
  public void close() {
    sync();
  }
}
