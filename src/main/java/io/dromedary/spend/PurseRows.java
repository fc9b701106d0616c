package io.dromedary.spend;

import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Draw;
import io.dromedary.catalog.Purse;
import io.dromedary.chat.Problem;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The purses that the ledger's transactions move. Used by the writer's thread alone.
 *
 * <p>A transaction locks all rows it needs, in the order of their ids, so that two nodes never wait for each other; what is in them is then counted in memory, attempt by attempt, and written back once. So a
 * purse that a thousand requests draw from costs one read and one write per transaction, however many of them share it, and nobody decides on a figure that another node has changed.
 */
final class PurseRows {
  /** Ids remembered; the rest are looked up again. */
  private static final int KNOWN = 100_000;

  private final boolean postgres;
  private final Clock clock;
  private final Map<String, Long> ids = new LinkedHashMap<>(64, 0.75f, true) {
    @Override
    protected boolean removeEldestEntry(Map.Entry<String, Long> eldest) {
      return size() > KNOWN;
    }
  };

  PurseRows(boolean postgres, Clock clock) {
    this.postgres = postgres;
    this.clock = clock;
  }

  /** Makes sure that the attempt's purses have rows, each in a transaction of its own. */
  void open(Connection connection, Attempt attempt) throws SQLException {
    List<Draw> draws = attempt.draws();
    for (int i = 0; i < draws.size(); i++) {
      Purse purse = draws.get(i).purse();
      if (!ids.containsKey(purse.key())) {
        ids.put(purse.key(), open(connection, purse, clock.millis()));
      }
    }
  }

  /** The id of the purse's row, made if need be; commits. */
  static long open(Connection connection, Purse purse, long now) throws SQLException {
    Long id = id(connection, purse.key());
    if (id == null) {
      Purse.Facts facts = purse.facts();
      try (PreparedStatement insert = connection.prepareStatement("INSERT INTO dromedary_purses (purse_key, project, name, subject, period, ends_at_ms, granted_nanos, used_nanos, reserved_nanos, opened_at_ms)"
          + " VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, ?)")) {
        insert.setString(1, purse.key());
        insert.setString(2, Rows.clip(facts.project(), 128));
        insert.setString(3, Rows.clip(facts.name(), 256));
        insert.setString(4, Rows.clip(facts.subject(), 256));
        insert.setString(5, Rows.clip(facts.period(), 16));
        insert.setLong(6, facts.endsAtMs());
        insert.setLong(7, now);
        insert.executeUpdate();
        connection.commit();
      } catch (SQLException e) {
        connection.rollback();
        // another node was first
        if (e.getSQLState() == null || !e.getSQLState().startsWith("23")) {
          throw e;
        }
      }
      id = id(connection, purse.key());
    }
    connection.commit();
    if (id == null) {
      throw new SQLException("the row of purse `" + purse.key() + "` is gone", "40001");
    }
    return id;
  }

  private static @Nullable Long id(Connection connection, String key) throws SQLException {
    try (PreparedStatement select = connection.prepareStatement("SELECT id FROM dromedary_purses WHERE purse_key = ?")) {
      select.setString(1, key);
      try (ResultSet row = select.executeQuery()) {
        return row.next() ? row.getLong(1) : null;
      }
    }
  }

  /** The ids of an attempt's purses, which {@link #open} has seen. */
  long[] ids(Attempt attempt) {
    List<Draw> draws = attempt.draws();
    long[] found = new long[draws.size()];
    for (int i = 0; i < found.length; i++) {
      found[i] = ids.get(draws.get(i).purse().key());
    }
    return found;
  }

  /** As an attempt's row keeps them, null for none. */
  static @Nullable String text(long[] purses) {
    if (purses.length == 0) {
      return null;
    }
    StringBuilder text = new StringBuilder(purses.length * 6);
    for (long id : purses) {
      text.append(text.length() == 0 ? "" : " ").append(id);
    }
    return text.toString();
  }

  /** As {@link #text} wrote them. */
  static long[] ids(@Nullable String text) {
    return text == null || text.isEmpty() ? new long[0] : Arrays.stream(text.split(" ")).mapToLong(Long::parseLong).toArray();
  }

  /** Adds {@code nanos} for each purse that an attempt's row names. */
  static void add(SortedMap<Long, Long> sums, @Nullable String text, long nanos) {
    if (text != null && !text.isEmpty()) {
      for (String id : text.split(" ")) {
        sums.merge(Long.parseLong(id), nanos, Math::addExact);
      }
    }
  }

  /** Turns what dead attempts held into what they used. */
  static void use(Connection connection, SortedMap<Long, Long> sums) throws SQLException {
    for (Map.Entry<Long, Long> sum : sums.entrySet()) {
      try (PreparedStatement update = connection.prepareStatement("UPDATE dromedary_purses SET used_nanos = used_nanos + ?, reserved_nanos = reserved_nanos - ? WHERE id = ?")) {
        update.setLong(1, sum.getValue());
        update.setLong(2, sum.getValue());
        update.setLong(3, sum.getKey());
        update.executeUpdate();
      }
    }
  }

  /** One row while a transaction has it locked. */
  private static final class Row {
    final long granted;
    long used;
    long reserved;
    @Nullable Purse voice;

    Row(long granted, long used, long reserved) {
      this.granted = granted;
      this.used = used;
      this.reserved = reserved;
    }

    Purse.Balance balance() {
      return new Purse.Balance(granted, used, reserved);
    }
  }

  /** Locks the rows with these ids for a transaction. @throws SQLException if one is gone; its id is then looked up again */
  Round lock(Connection connection, TreeSet<Long> wanted) throws SQLException {
    TreeMap<Long, Row> rows = new TreeMap<>();
    String columns = "SELECT id, granted_nanos, used_nanos, reserved_nanos FROM dromedary_purses WHERE id ";
    if (postgres) {
      try (PreparedStatement select = connection.prepareStatement(columns + "= ANY (?) ORDER BY id FOR UPDATE")) {
        select.setArray(1, connection.createArrayOf("bigint", wanted.toArray()));
        read(select, rows);
      }
    } else {
      try (PreparedStatement select = connection.prepareStatement(columns + "= ? FOR UPDATE")) {
        for (Long id : wanted) {
          select.setLong(1, id);
          read(select, rows);
        }
      }
    }
    if (rows.size() < wanted.size()) {
      ids.values().removeIf(id -> !rows.containsKey(id) && wanted.contains(id));
      throw new SQLException("a purse's row is gone", "40001");
    }
    return new Round(connection, rows);
  }

  private static void read(PreparedStatement select, Map<Long, Row> rows) throws SQLException {
    try (ResultSet found = select.executeQuery()) {
      while (found.next()) {
        rows.put(found.getLong(1), new Row(found.getLong(2), found.getLong(3), found.getLong(4)));
      }
    }
  }

  /** The purses of one transaction, from their lock to its commit. */
  final class Round {
    private final Connection connection;
    private final TreeMap<Long, Row> rows;
    private final TreeSet<Long> moved = new TreeSet<>();

    private Round(Connection connection, TreeMap<Long, Row> rows) {
      this.connection = connection;
      this.rows = rows;
    }

    private Row row(long id) {
      Row row = rows.get(id);
      if (row == null) {
        throw new IllegalStateException("purse " + id + " was not locked");
      }
      return row;
    }

    /** Holds the attempt's upper bound in all of its purses, or in none. @return why not, null if it was done */
    @Nullable Problem take(Attempt attempt, long[] purses) {
      long asked = attempt.reserved().nanos();
      for (int i = 0; i < purses.length; i++) {
        Draw draw = attempt.draws().get(i);
        Row row = row(purses[i]);
        row.voice = draw.purse();
        long most = Math.max(asked, draw.atLeastNanos());
        long limit = saturated(draw.purse().limitNanos(), row.granted);
        if (saturated(saturated(row.used, row.reserved), most) > limit) {
          return draw.purse().refusal(row.balance(), most);
        }
      }
      for (long id : purses) {
        Row row = row(id);
        row.reserved = Math.addExact(row.reserved, asked);
        moved.add(id);
      }
      return null;
    }

    /** An attempt's end: nothing is held for it any more, its cost is used. */
    void settle(Attempt attempt, long[] purses, Entry.@Nullable Hold hold, long cost) {
      for (int i = 0; i < purses.length; i++) {
        Row row = row(purses[i]);
        row.voice = attempt.draws().get(i).purse();
        row.reserved -= hold == null ? 0 : hold.nanos();
        row.used = Math.addExact(row.used, cost);
        moved.add(purses[i]);
      }
    }

    /** The end of a request that waited in a provider's batch: its purses are those that its row names, whatever counts by now. Nobody is told: this process may not know them. */
    void settle(Entry.Hold hold, long cost) {
      for (long id : hold.purses()) {
        Row row = row(id);
        row.reserved -= hold.nanos();
        row.used = Math.addExact(row.used, cost);
        moved.add(id);
      }
    }

    /** An attempt whose cost is known and that is not settled yet holds just that. */
    Entry.Hold shrink(long attemptSeq, Entry.Hold hold, long cost) throws SQLException {
      for (long id : hold.purses()) {
        row(id).reserved += cost - hold.nanos();
        moved.add(id);
      }
      try (PreparedStatement update = connection.prepareStatement("UPDATE dromedary_attempts SET reserved_nanos = ? WHERE seq = ?")) {
        update.setLong(1, cost);
        update.setLong(2, attemptSeq);
        update.executeUpdate();
      }
      return new Entry.Hold(hold.purses(), cost);
    }

    /** Deletes the row of an attempt that was refused while its commit was in doubt, and gives back what it held, if it had been written at all. */
    void voided(long attemptSeq, Entry.Hold hold) throws SQLException {
      try (PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_attempts WHERE seq = ? AND status = 'STARTED'")) {
        delete.setLong(1, attemptSeq);
        if (delete.executeUpdate() == 0) {
          return;
        }
      }
      for (long id : hold.purses()) {
        row(id).reserved -= hold.nanos();
        moved.add(id);
      }
    }

    /** Writes back what has moved. @return how many rows that were */
    int write() throws SQLException {
      if (moved.isEmpty()) {
        return 0;
      }
      try (PreparedStatement update = connection.prepareStatement("UPDATE dromedary_purses SET used_nanos = ?, reserved_nanos = ? WHERE id = ?")) {
        for (Long id : moved) {
          Row row = row(id);
          update.setLong(1, row.used);
          update.setLong(2, row.reserved);
          update.setLong(3, id);
          update.addBatch();
        }
        update.executeBatch();
      }
      return moved.size();
    }

    /** Tells the purses what is in them, after the commit. */
    void tell() {
      for (Row row : rows.values()) {
        if (row.voice != null) {
          row.voice.changed(row.balance());
        }
      }
    }
  }

  /** A sum that stays at the top instead of going round: what overflows is over any limit. */
  private static long saturated(long a, long b) {
    long sum = a + b;
    return ((a ^ sum) & (b ^ sum)) < 0 ? Long.MAX_VALUE : sum;
  }

  /** What attempts hold, as their rows have it: for after a commit whose outcome was in doubt. */
  static void reread(Connection connection, long requestSeq, Map<Integer, Entry.Hold> holds) throws SQLException {
    try (PreparedStatement select = connection.prepareStatement("SELECT number, reserved_nanos FROM dromedary_attempts WHERE seq > ? AND seq <= ?")) {
      select.setLong(1, requestSeq);
      select.setLong(2, requestSeq | Sequence.MAX_ATTEMPT);
      try (ResultSet row = select.executeQuery()) {
        while (row.next()) {
          long nanos = row.getLong(2);
          holds.computeIfPresent(row.getInt(1), (number, hold) -> new Entry.Hold(hold.purses(), nanos));
        }
      }
    }
  }

  static void addAll(Collection<Long> wanted, long[] purses) {
    for (long id : purses) {
      wanted.add(id);
    }
  }
}
