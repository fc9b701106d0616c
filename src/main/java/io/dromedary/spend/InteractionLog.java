package io.dromedary.spend;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.Set;
import java.util.function.Supplier;

/** Who asked what, with or without text; written by the ledger, forgotten here. */
public final class InteractionLog {
  private final Store store;
  private final Clock clock;
  private final Duration retention;
  private final Supplier<Set<String>> others;

  /** The same for every project. @param retention how long an interaction is kept */
  public InteractionLog(Store store, Duration retention, Clock clock) {
    this(store, retention, Set::of, clock);
  }

  /**
   * @param retention how long an interaction is kept
   * @param others projects that have a retention of their own, which somebody else sees to
   */
  public InteractionLog(Store store, Duration retention, Supplier<Set<String>> others, Clock clock) {
    this.others = others;
    this.store = store;
    this.retention = retention;
    this.clock = clock;
  }

  /** Forgets what is older than the retention. Bills stay. @return how many interactions that were */
  public int sweep() {
    return purgeBefore(clock.millis() - retention.toMillis());
  }

  /** Forgets all of a project. @return how many interactions that were */
  public int purge(String project) {
    try (Connection connection = store.dataSource().getConnection(); PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_interaction_log WHERE project = ?")) {
      delete.setString(1, project);
      return delete.executeUpdate();
    } catch (SQLException e) {
      throw new IllegalStateException("could not purge the interaction log: " + e.getMessage(), e);
    }
  }

  /** A span of time is a span of keys: no index on the time is needed. A request's key is taken when it begins, its row written when it ends. */
  private int purgeBefore(long epochMs) {
    Set<String> except = others.get();
    try (Connection connection = store.dataSource().getConnection();
        PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_interaction_log WHERE seq < ? AND created_at_ms < ?" + " AND project <> ?".repeat(except.size()))) {
      delete.setLong(1, Sequence.at(epochMs));
      delete.setLong(2, epochMs);
      int index = 3;
      for (String project : except) {
        delete.setString(index++, project);
      }
      return delete.executeUpdate();
    } catch (SQLException e) {
      throw new IllegalStateException("could not purge the interaction log: " + e.getMessage(), e);
    }
  }
}
