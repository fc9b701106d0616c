package io.dromedary.spend;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The processes that write to one store: who lives, and the settlement of what the dead left behind.
 *
 * <p>A node's row says which is its lowest key that may still be open, so that recovery reads the few newest rows and no index on the status is needed. A node is dead when it is this
 * node's former self, or when its row has stayed the same for {@link #LEASE}, by the time of who looks: nodes' clocks need not agree, and one that is set right kills nobody.
 */
final class Nodes {
  static final Duration LEASE = Duration.ofSeconds(40);

  private final Store store;
  private final Clock clock;
  private final Outbox outbox;
  private final LongSupplier nanoTime;
  private final Map<Integer, Sign> signs = new HashMap<>();

  /** A node's newest sign of life, and since when it is that. */
  private record Sign(String node, long seenAtMs, long sinceNanos) {}

  Nodes(Store store, Clock clock, Outbox outbox) {
    this(store, clock, outbox, System::nanoTime);
  }

  Nodes(Store store, Clock clock, Outbox outbox, LongSupplier nanoTime) {
    this.store = store;
    this.clock = clock;
    this.outbox = outbox;
    this.nanoTime = nanoTime;
  }

  /** Takes the lowest free slot. */
  Sequence register(Connection connection) throws SQLException {
    connection.setAutoCommit(false);
    long highest = Math.max(number(connection, "SELECT MAX(seq) FROM dromedary_attempts"), number(connection, "SELECT MAX(seq) FROM dromedary_requests"));
    for (int tries = 0; tries < 20; tries++) {
      Set<Integer> taken = new HashSet<>();
      try (PreparedStatement select = connection.prepareStatement("SELECT slot FROM dromedary_nodes"); ResultSet rows = select.executeQuery()) {
        while (rows.next()) {
          taken.add(rows.getInt(1));
        }
      }
      int slot = 0;
      while (taken.contains(slot)) {
        slot++;
      }
      if (slot >= Sequence.SLOTS) {
        throw new SQLException("all " + Sequence.SLOTS + " node slots are taken");
      }
      Sequence sequence = new Sequence(clock, slot, highest);
      try (PreparedStatement insert = connection.prepareStatement("INSERT INTO dromedary_nodes (slot, node, low_seq, seen_at_ms) VALUES (?, ?, ?, ?)")) {
        insert.setInt(1, slot);
        insert.setString(2, store.node());
        insert.setLong(3, sequence.floor());
        insert.setLong(4, clock.millis());
        insert.executeUpdate();
        connection.commit();
        return sequence;
      } catch (SQLException e) {
        connection.rollback();
        if (e.getSQLState() == null || !e.getSQLState().startsWith("23")) {
          throw e;
        }
      }
    }
    throw new SQLException("no node slot could be taken");
  }

  /** @return false if the row is gone: another node took us for dead */
  boolean beat(Connection connection, int slot, long lowSeq) throws SQLException {
    try (PreparedStatement update = connection.prepareStatement("UPDATE dromedary_nodes SET seen_at_ms = ?, low_seq = ? WHERE slot = ? AND node = ?")) {
      update.setLong(1, clock.millis());
      update.setLong(2, lowSeq);
      update.setInt(3, slot);
      update.setString(4, store.node());
      return update.executeUpdate() == 1;
    }
  }

  void leave(Connection connection, int slot) throws SQLException {
    try (PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_nodes WHERE slot = ? AND node = ?")) {
      delete.setInt(1, slot);
      delete.setString(2, store.node());
      delete.executeUpdate();
    }
  }

  /**
   * Charges what dead nodes left {@code STARTED} at its upper bound, flagged {@code UNKNOWN}, with a row for the request and an event each.
   *
   * @param mine also those of this node's id: true at the start, when they can only be a former process's
   * @return how many attempts were charged so
   */
  int recover(boolean mine) throws SQLException {
    int charged = 0;
    try (Connection connection = store.dataSource().getConnection()) {
      connection.setAutoCommit(false);
      List<Integer> dead = new ArrayList<>();
      try (PreparedStatement select = connection.prepareStatement("SELECT slot, node, seen_at_ms FROM dromedary_nodes"); ResultSet rows = select.executeQuery()) {
        while (rows.next()) {
          boolean own = rows.getString(2).equals(store.node());
          if (own ? mine : isSilent(rows.getInt(1), rows.getString(2), rows.getLong(3))) {
            dead.add(rows.getInt(1));
          }
        }
      }
      if (mine) {
        // a clean stop leaves no row of the node, but may have cut requests whose duplicates must not wait for them
        release(connection, store.node());
      }
      connection.commit();
      for (int slot : dead) {
        try {
          charged += recover(connection, slot, mine);
          connection.commit();
        } catch (SQLException e) {
          connection.rollback();
          throw e;
        }
      }
    }
    if (charged > 0) {
      outbox.written();
    }
    return charged;
  }

  private boolean isSilent(int slot, String node, long seenAtMs) {
    long now = nanoTime.getAsLong();
    Sign sign = signs.get(slot);
    if (sign == null || !sign.node().equals(node) || sign.seenAtMs() != seenAtMs) {
      signs.put(slot, new Sign(node, seenAtMs, now));
      return false;
    }
    return now - sign.sinceNanos() > LEASE.toNanos();
  }

  private record Left(long seq, String requestId, int number, String project, String provider, String model, @Nullable String priceVersion, long reserved, long startedAtMs, @Nullable String purses) {}

  private int recover(Connection connection, int slot, boolean mine) throws SQLException {
    long low;
    String node;
    try (PreparedStatement lock = connection.prepareStatement("SELECT low_seq, node, seen_at_ms FROM dromedary_nodes WHERE slot = ? FOR UPDATE")) {
      lock.setInt(1, slot);
      try (ResultSet row = lock.executeQuery()) {
        if (!row.next()) {
          return 0;
        }
        low = row.getLong(1);
        node = row.getString(2);
        // another node may have recovered it, and a living one have taken the slot, while we waited for the lock
        boolean own = node.equals(store.node());
        if (own ? !mine : !isSilent(slot, node, row.getLong(3))) {
          return 0;
        }
      }
    }
    Map<Long, List<Left>> requests = new LinkedHashMap<>();
    try (PreparedStatement select = connection.prepareStatement("SELECT seq, request_id, number, project, provider, model, price_version, reserved_nanos, started_at_ms, purses"
        + " FROM dromedary_attempts WHERE seq >= ? AND slot = ? AND status = 'STARTED' ORDER BY seq")) {
      select.setLong(1, low);
      select.setInt(2, slot);
      try (ResultSet rows = select.executeQuery()) {
        while (rows.next()) {
          Left left = new Left(rows.getLong(1), rows.getString(2), rows.getInt(3), rows.getString(4), rows.getString(5), rows.getString(6), rows.getString(7), rows.getLong(8), rows.getLong(9), rows.getString(10));
          requests.computeIfAbsent(Sequence.request(left.seq()), k -> new ArrayList<>(2)).add(left);
        }
      }
    }
    // purses before attempts, in the order that the writers lock them in
    SortedMap<Long, Long> held = new TreeMap<>();
    requests.values().forEach(attempts -> attempts.forEach(left -> PurseRows.add(held, left.purses(), left.reserved())));
    PurseRows.use(connection, held);
    int charged = 0;
    for (List<Left> attempts : requests.values()) {
      charge(connection, attempts);
      charged += attempts.size();
    }
    release(connection, node);
    try (PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_nodes WHERE slot = ?")) {
      delete.setInt(1, slot);
      delete.executeUpdate();
    }
    return charged;
  }

  /** Idempotency keys of a dead node's requests: their duplicates must not wait for an answer that never comes. */
  private static void release(Connection connection, String node) throws SQLException {
    try (PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_idempotency WHERE node = ? AND state = 'IN_PROGRESS'")) {
      delete.setString(1, node);
      delete.executeUpdate();
    }
  }

  private void charge(Connection connection, List<Left> attempts) throws SQLException {
    long now = clock.millis();
    long total = 0;
    long outboxId = Sequence.request(attempts.get(0).seq());
    for (Left left : attempts) {
      total = Math.addExact(total, left.reserved());
      try (PreparedStatement update = connection.prepareStatement("UPDATE dromedary_attempts SET status = 'UNKNOWN', outcome = 'unknown', failure = '', provider_status = 0, uncached_input = 0,"
          + " cache_read = 0, cache_write = 0, output = 0, reasoning = 0, counted = TRUE, cost_nanos = reserved_nanos, settled_at_ms = ? WHERE seq = ?")) {
        update.setLong(1, now);
        update.setLong(2, left.seq());
        update.executeUpdate();
      }
      CostEvents.Event event = CostEvents.unknown(left.requestId(), left.number(), left.project(), left.provider(), left.model(), left.priceVersion(), left.reserved(),
          Instant.ofEpochMilli(left.startedAtMs()));
      for (String sink : outbox.sinks()) {
        try (PreparedStatement insert = connection.prepareStatement(Rows.EVENT)) {
          insert.setLong(1, outboxId++);
          insert.setString(2, event.id());
          insert.setString(3, sink);
          insert.setString(4, event.json());
          insert.setLong(5, now);
          insert.executeUpdate();
        }
      }
    }
    Left last = attempts.get(attempts.size() - 1);
    try (PreparedStatement insert = connection.prepareStatement("INSERT INTO dromedary_requests (seq, request_id, project, key_id, tags, entry, requested_model, served_model, provider, tier, task,"
        + " domain, score, strategy, reason, status, http_status, streamed, cache, uncached_input, cache_read, cache_write, output, reasoning, counted, cost_nanos, cache_saved_nanos,"
        + " routing_saved_nanos, baseline_model, attempts, received_at_ms, settled_at_ms, total_us, overhead_us, prompt_hash)"
        + " VALUES (?, ?, ?, '', '', '', '', ?, ?, '', '', '', 0, '', ?, 'unknown', 0, FALSE, 'miss', 0, 0, 0, 0, 0, TRUE, ?, 0, 0, '', ?, ?, ?, 0, 0, '')")) {
      insert.setLong(1, Sequence.request(last.seq()));
      insert.setString(2, last.requestId());
      insert.setString(3, last.project());
      insert.setString(4, last.model());
      insert.setString(5, last.provider());
      insert.setString(6, "the gateway stopped before this request was settled; charged at its upper bound");
      insert.setLong(7, total);
      insert.setInt(8, attempts.size());
      insert.setLong(9, attempts.get(0).startedAtMs());
      insert.setLong(10, now);
      insert.executeUpdate();
    }
  }

  private static long number(Connection connection, String sql) throws SQLException {
    try (PreparedStatement select = connection.prepareStatement(sql); ResultSet row = select.executeQuery()) {
      row.next();
      return row.getLong(1);
    }
  }
}
