package io.dromedary.spend;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Cost events on their way to the sinks: written with the settlement, claimed by a relay, deleted when delivered. Other rooms' messages, such as alerts, are left here for sinks of their own. At least once, never dropped; each sink has rows of its own, so that one
 * that hangs holds up no other.
 *
 * <p>A claim is a lease: if the relay dies, the event is handed out again after {@link #LEASE}. Asking an empty outbox costs nothing: it is not queried before something is written or due.
 */
public final class Outbox {
  /** How long a claimed event is left to its relay. */
  static final Duration LEASE = Duration.ofSeconds(60);
  /** Longest wait between two tries of an event. */
  static final Duration LONGEST_WAIT = Duration.ofMinutes(5);
  /** An empty outbox is looked at this often anyway, for events of a relay that died. */
  private static final long LOOK_AGAIN_MS = 30_000;

  private final Store store;
  private final List<String> sinks;
  private final Clock clock;
  private final Map<String, Sink> states;

  private static final class Sink {
    final ReentrantLock claiming = new ReentrantLock();
    /** Grows with each write; a look that began before the last one proves nothing. */
    final AtomicLong writes = new AtomicLong();
    volatile long seenWrites = -1;
    volatile long lookAtMs;
  }

  /** @param sinks names of the configured sinks, stable over restarts and free of secrets; empty for none: then no event is written */
  public Outbox(Store store, List<String> sinks, Clock clock) {
    this(store, sinks, List.of(), clock);
  }

  /** @param others sinks that get no cost events but what is left for them by name, see {@link #leave} */
  public Outbox(Store store, List<String> sinks, List<String> others, Clock clock) {
    this.store = store;
    this.sinks = List.copyOf(new LinkedHashSet<>(sinks));
    this.clock = clock;
    Map<String, Sink> all = new HashMap<>();
    List<String> named = new ArrayList<>(this.sinks);
    named.addAll(others);
    for (String sink : named) {
      if (sink.isEmpty() || sink.length() > 512) {
        throw new IllegalArgumentException("a sink's name has 1 to 512 characters, not " + sink.length());
      }
      all.put(sink, new Sink());
    }
    this.states = Map.copyOf(all);
  }

  public boolean hasSinks() {
    return !sinks.isEmpty();
  }

  public List<String> sinks() {
    return sinks;
  }

  /**
   * Leaves a message for one sink, in the caller's transaction; after its commit the caller says {@link #written}. Its id is below zero and grows with time: it can meet none of the ledger's.
   *
   * @throws SQLException if it cannot be left; the transaction is to be rolled back
   */
  public void leave(Connection connection, String eventId, String sink, String payload) throws SQLException {
    if (!states.containsKey(sink)) {
      throw new IllegalArgumentException("`" + sink + "` is not a configured sink");
    }
    long now = clock.millis();
    try (PreparedStatement insert = connection.prepareStatement(Rows.EVENT)) {
      insert.setLong(1, Long.MIN_VALUE + (Sequence.at(now) | ThreadLocalRandom.current().nextLong(1L << 23)));
      insert.setString(2, Rows.clip(eventId, 160));
      insert.setString(3, sink);
      insert.setString(4, Rows.clip(payload, 1_000_000));
      insert.setLong(5, now);
      insert.executeUpdate();
    }
  }

  /** New events are committed. */
  public void written() {
    for (Sink sink : states.values()) {
      sink.writes.incrementAndGet();
    }
  }

  /**
   * Claims the oldest events that are due, for {@link #LEASE}.
   *
   * @return at most {@code max} events, none if there is nothing to do
   * @throws IllegalStateException if the store cannot be reached; nothing is claimed then
   */
  public List<CostEvent> next(int max, String sink) {
    Sink state = states.get(sink);
    if (state == null) {
      throw new IllegalArgumentException("`" + sink + "` is not a configured sink");
    }
    if (state.seenWrites == state.writes.get() && clock.millis() < state.lookAtMs) {
      return List.of();
    }
    state.claiming.lock();
    try {
      return claim(max, sink, state);
    } catch (SQLException e) {
      throw failure("claim", e);
    } finally {
      state.claiming.unlock();
    }
  }

  private List<CostEvent> claim(int max, String sink, Sink state) throws SQLException {
    long writes = state.writes.get();
    long now = clock.millis();
    try (Connection connection = store.dataSource().getConnection()) {
      connection.setAutoCommit(false);
      List<CostEvent> events = new ArrayList<>();
      try (PreparedStatement select = connection.prepareStatement("SELECT id, event_id, payload, tries FROM dromedary_outbox WHERE sink = ? AND next_try_at_ms <= ? AND claimed_until_ms <= ?"
          + " ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED")) {
        select.setString(1, sink);
        select.setLong(2, now);
        select.setLong(3, now);
        select.setInt(4, max);
        try (ResultSet rows = select.executeQuery()) {
          while (rows.next()) {
            events.add(new CostEvent(rows.getLong(1), rows.getString(2), sink, rows.getString(3), rows.getInt(4)));
          }
        }
      }
      if (!events.isEmpty()) {
        try (PreparedStatement update = connection.prepareStatement("UPDATE dromedary_outbox SET claimed_until_ms = ? WHERE id = ?")) {
          for (CostEvent event : events) {
            update.setLong(1, now + LEASE.toMillis());
            update.setLong(2, event.id());
            update.addBatch();
          }
          update.executeBatch();
        }
      }
      if (events.size() < max) {
        state.lookAtMs = Math.min(now + LOOK_AGAIN_MS, dueAt(connection, sink, now));
        state.seenWrites = writes;
      }
      connection.commit();
      return events;
    }
  }

  /** When the next event that waits is due. */
  private static long dueAt(Connection connection, String sink, long now) throws SQLException {
    try (PreparedStatement select = connection.prepareStatement("SELECT MIN(CASE WHEN next_try_at_ms > claimed_until_ms THEN next_try_at_ms ELSE claimed_until_ms END) FROM dromedary_outbox"
        + " WHERE sink = ? AND (next_try_at_ms > ? OR claimed_until_ms > ?)")) {
      select.setString(1, sink);
      select.setLong(2, now);
      select.setLong(3, now);
      try (ResultSet row = select.executeQuery()) {
        row.next();
        long due = row.getLong(1);
        return row.wasNull() ? Long.MAX_VALUE : due;
      }
    }
  }

  /** They have arrived: forgets them. Ids that are gone already do no harm. */
  public void delivered(Collection<Long> ids) {
    if (ids.isEmpty()) {
      return;
    }
    try (Connection connection = store.dataSource().getConnection(); PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_outbox WHERE id = ?")) {
      connection.setAutoCommit(false);
      for (long id : ids) {
        delete.setLong(1, id);
        delete.addBatch();
      }
      delete.executeBatch();
      connection.commit();
    } catch (SQLException e) {
      throw failure("mark as delivered", e);
    }
  }

  /** They were claimed and not tried: others may have them. */
  public void release(Collection<Long> ids, String sink) {
    if (ids.isEmpty()) {
      return;
    }
    try (Connection connection = store.dataSource().getConnection(); PreparedStatement update = connection.prepareStatement("UPDATE dromedary_outbox SET claimed_until_ms = 0 WHERE id = ?")) {
      connection.setAutoCommit(false);
      for (long id : ids) {
        update.setLong(1, id);
        update.addBatch();
      }
      update.executeBatch();
      connection.commit();
      Sink state = states.get(sink);
      if (state != null) {
        state.writes.incrementAndGet();
      }
    } catch (SQLException e) {
      throw failure("release", e);
    }
  }

  /** It did not arrive: it is tried again after 1, 2, 4 ... seconds, at most {@link #LONGEST_WAIT} apart, for ever. @param reason kept beside it, free of secrets */
  public void failed(long id, String reason) {
    try (Connection connection = store.dataSource().getConnection()) {
      connection.setAutoCommit(false);
      int tries;
      String sink;
      try (PreparedStatement select = connection.prepareStatement("SELECT tries, sink FROM dromedary_outbox WHERE id = ? FOR UPDATE")) {
        select.setLong(1, id);
        try (ResultSet row = select.executeQuery()) {
          if (!row.next()) {
            connection.commit();
            return;
          }
          tries = row.getInt(1);
          sink = row.getString(2);
        }
      }
      long wait = Math.min(LONGEST_WAIT.toMillis(), 1_000L << Math.min(tries, 20));
      long due = clock.millis() + wait;
      try (PreparedStatement update = connection.prepareStatement("UPDATE dromedary_outbox SET tries = ?, next_try_at_ms = ?, claimed_until_ms = 0, last_error = ? WHERE id = ?")) {
        update.setInt(1, tries + 1);
        update.setLong(2, due);
        update.setString(3, Rows.clip(reason, 512));
        update.setLong(4, id);
        update.executeUpdate();
      }
      connection.commit();
      Sink state = states.get(sink);
      if (state != null) {
        // the look-ahead knew only the lease
        state.writes.incrementAndGet();
      }
    } catch (SQLException e) {
      throw failure("mark as failed", e);
    }
  }

  /** Events that have not arrived yet, over all configured sinks. Reads the table: for metrics, not for requests. */
  public long pending() {
    long pending = 0;
    try (Connection connection = store.dataSource().getConnection(); PreparedStatement select = connection.prepareStatement("SELECT COUNT(*) FROM dromedary_outbox WHERE sink = ?")) {
      for (String sink : sinks) {
        select.setString(1, sink);
        try (ResultSet row = select.executeQuery()) {
          row.next();
          pending += row.getLong(1);
        }
      }
      return pending;
    } catch (SQLException e) {
      throw failure("count", e);
    }
  }

  /** Rows of sinks that are no longer configured, by name: for a warning at the start. They are kept. */
  public Set<String> orphans() {
    Set<String> orphans = new LinkedHashSet<>();
    try (Connection connection = store.dataSource().getConnection();
        PreparedStatement select = connection.prepareStatement("SELECT DISTINCT sink FROM dromedary_outbox"); ResultSet rows = select.executeQuery()) {
      while (rows.next()) {
        if (!states.containsKey(rows.getString(1))) {
          orphans.add(rows.getString(1));
        }
      }
      return orphans;
    } catch (SQLException e) {
      throw failure("read", e);
    }
  }

  private static IllegalStateException failure(String what, SQLException e) {
    return new IllegalStateException("could not " + what + " cost events: " + e.getMessage(), e);
  }
}
