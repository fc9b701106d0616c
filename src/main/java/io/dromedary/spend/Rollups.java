package io.dromedary.spend;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Sums over the ledger, kept beside it, off the requests' way.
 *
 * <p>A fold takes the ledger's rows from the last key folded up to the lowest that may still be open on any node, adds them to the sums and moves the mark, all in one transaction: a crash takes back both, so that no row counts
 * twice or never. Nodes take turns by a lock on the mark. What is above the mark is read from the ledger by whoever asks, so that reports are exact at any moment: sums + tail = ledger.
 *
 * <p>A row below the mark can appear only if a node slept in the midst of a commit for longer than it takes to be given up for dead. {@link #check} finds it the day after and makes that day's sums anew.
 */
public final class Rollups {
  private static final Logger LOG = System.getLogger(Rollups.class.getName());
  private static final int BATCH = 20_000;
  private static final int PAGE = 10_000;
  private static final int MAX_ROWS = 200_000;
  private static final long HOUR_MS = 3_600_000;
  private static final long DAY_MS = 86_400_000;
  /** Several nodes' clocks differ; a new node's first key may lie a little behind. */
  private static final Duration LAG = Duration.ofSeconds(10);

  private static final String DIMENSIONS = dimensions(false);
  private static final String LEDGER_DIMENSIONS = dimensions(true);
  private static final String LEDGER = "SELECT seq, received_at_ms, " + LEDGER_DIMENSIONS + ", " + Measures.LEDGER + " FROM dromedary_requests WHERE seq >= ? AND seq < ?";
  private static final int DIMENSION = 3;
  private static final int MEASURE = DIMENSION + Dimension.values().length;

  private final Store store;
  private final Clock clock;
  private volatile long caughtUpMs;

  public Rollups(Store store, Clock clock) {
    this.store = store;
    this.clock = clock;
    this.caughtUpMs = clock.millis();
  }

  /** Seconds since this node last saw the ledger summed up to its end. */
  public double behindSeconds() {
    return (clock.millis() - caughtUpMs) / 1_000.0;
  }

  private static String dimensions(boolean ledger) {
    StringBuilder all = new StringBuilder();
    for (Dimension dimension : Dimension.values()) {
      all.append(all.isEmpty() ? "" : ", ").append(ledger ? dimension.ledger : dimension.column);
    }
    return all.toString();
  }

  /** Takes what a scan finds: the hour it began in (or any of the day, where days are told apart; 0 where nothing is), the dimensions asked for by ordinal, "" for others, and sums. */
  interface Visitor {
    void visit(long startMs, String[] dimensions, Measures measures);
  }

  /**
   * What to read.
   *
   * @param toMs exclusive; {@link Long#MAX_VALUE} for no end
   * @param dimensions those to tell apart
   * @param unitMs 3,600,000 to tell hours apart, 86,400,000 for days, 0 for no times
   * @param only the values of those dimensions that count
   */
  record Scan(long fromMs, long toMs, Set<Dimension> dimensions, long unitMs, Map<Dimension, String> only) {
    Set<Dimension> needed() {
      Set<Dimension> needed = EnumSet.noneOf(Dimension.class);
      needed.addAll(dimensions);
      needed.addAll(only.keySet());
      return needed;
    }
  }

  private record State(long folded, long version) {}

  private record Key(Cuboid cuboid, long startMs, List<String> dimensions) {
    String digest() {
      try {
        MessageDigest sha = MessageDigest.getInstance("SHA-256");
        for (String dimension : dimensions) {
          byte[] bytes = dimension.getBytes(StandardCharsets.UTF_8);
          sha.update(new byte[] {(byte) (bytes.length >> 8), (byte) bytes.length});
          sha.update(bytes);
        }
        return HexFormat.of().formatHex(sha.digest(), 0, 16);
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException("every Java has SHA-256", e);
      }
    }
  }

  // Folding

  /** Adds to the sums what has been settled since the last time, in steps. A store that is away is told in the log; the next time catches up. @return how many requests that were */
  public long fold() {
    long folded = 0;
    try {
      for (int rows = BATCH; rows == BATCH; folded += rows) {
        rows = step(Long.MAX_VALUE);
      }
      caughtUpMs = clock.millis();
    } catch (SQLException e) {
      LOG.log(Level.WARNING, "the ledger could not be summed up just now, reports read more of it until it is: " + e.getClass().getSimpleName() + ", SQL state " + e.getSQLState());
    }
    return folded;
  }

  /** One transaction. @return how many rows it took, {@link #BATCH} if there may be more */
  int step(long below) throws SQLException {
    try (Connection connection = store.dataSource().getConnection()) {
      connection.setAutoCommit(false);
      try {
        State state = state(connection, true);
        long until = Math.min(below, settledBelow(connection));
        if (until <= state.folded) {
          connection.rollback();
          return 0;
        }
        Map<Key, Measures> sums = new HashMap<>();
        int rows = 0;
        long last = 0;
        try (PreparedStatement select = connection.prepareStatement(LEDGER + " ORDER BY seq LIMIT " + BATCH)) {
          select.setLong(1, state.folded);
          select.setLong(2, until);
          try (ResultSet row = select.executeQuery()) {
            while (row.next()) {
              add(row, sums);
              last = row.getLong(1);
              rows++;
            }
          }
        }
        if (rows == 0) {
          connection.rollback();
          return 0;
        }
        write(connection, sums);
        mark(connection, new State(rows == BATCH ? last + 1 : until, state.version + 1));
        connection.commit();
        return rows;
      } catch (SQLException | RuntimeException e) {
        connection.rollback();
        throw e;
      }
    }
  }

  /** No row can appear below this key any more. */
  private long settledBelow(Connection connection) throws SQLException {
    long now = clock.millis();
    try (PreparedStatement select = connection.prepareStatement("SELECT MIN(low_seq) FROM dromedary_nodes"); ResultSet row = select.executeQuery()) {
      row.next();
      long low = row.getLong(1);
      boolean nobody = row.wasNull();
      long lagging = Sequence.at(now - LAG.toMillis());
      return nobody ? lagging : store.postgres() ? Math.min(low, lagging) : low;
    }
  }

  private static void add(ResultSet row, Map<Key, Measures> sums) throws SQLException {
    long receivedMs = row.getLong(2);
    Measures one = Measures.ofLedger(row, MEASURE, row.getLong(1));
    String[] dimensions = new String[Dimension.values().length];
    for (int i = 0; i < dimensions.length; i++) {
      dimensions[i] = row.getString(DIMENSION + i);
    }
    for (Cuboid cuboid : Cuboid.values()) {
      String[] kept = new String[dimensions.length];
      for (Dimension dimension : Dimension.values()) {
        kept[dimension.ordinal()] = cuboid.dimensions.contains(dimension) ? dimensions[dimension.ordinal()] : "";
      }
      sums.computeIfAbsent(new Key(cuboid, floor(receivedMs, cuboid.unitMs), List.of(kept)), key -> new Measures()).add(one);
    }
  }

  private static void write(Connection connection, Map<Key, Measures> sums) throws SQLException {
    List<Map.Entry<Key, Measures>> entries = new ArrayList<>(sums.entrySet());
    // in one order on all nodes, and near each other in the store's tree
    List<String> digests = new ArrayList<>(entries.size());
    entries.sort((a, b) -> a.getKey().cuboid() != b.getKey().cuboid() ? a.getKey().cuboid().compareTo(b.getKey().cuboid()) : Long.compare(a.getKey().startMs(), b.getKey().startMs()));
    int[] updated;
    try (PreparedStatement update = connection.prepareStatement("UPDATE dromedary_rollups SET " + Measures.ADDED + ", min_seq = CASE WHEN min_seq > ? THEN ? ELSE min_seq END,"
        + " max_seq = CASE WHEN max_seq < ? THEN ? ELSE max_seq END WHERE kind = ? AND starts = ? AND digest = ?")) {
      for (Map.Entry<Key, Measures> entry : entries) {
        Measures measures = entry.getValue();
        digests.add(entry.getKey().digest());
        int at = measures.bind(update, 1);
        update.setLong(at, measures.minSeq);
        update.setLong(at + 1, measures.minSeq);
        update.setLong(at + 2, measures.maxSeq);
        update.setLong(at + 3, measures.maxSeq);
        update.setInt(at + 4, entry.getKey().cuboid().kind);
        update.setLong(at + 5, entry.getKey().startMs());
        update.setString(at + 6, digests.get(digests.size() - 1));
        update.addBatch();
      }
      updated = update.executeBatch();
    }
    try (PreparedStatement insert = connection.prepareStatement("INSERT INTO dromedary_rollups (kind, starts, digest, " + DIMENSIONS + ", " + Measures.COLUMNS + ", min_seq, max_seq) VALUES ("
        + "?, ".repeat(3 + Dimension.values().length + Measures.WIDTH + 1) + "?)")) {
      boolean any = false;
      for (int i = 0; i < updated.length; i++) {
        if (updated[i] != 1) {
          Key key = entries.get(i).getKey();
          Measures measures = entries.get(i).getValue();
          insert.setInt(1, key.cuboid().kind);
          insert.setLong(2, key.startMs());
          insert.setString(3, digests.get(i));
          int at = 4;
          for (String dimension : key.dimensions()) {
            insert.setString(at++, dimension);
          }
          at = measures.bind(insert, at);
          insert.setLong(at, measures.minSeq);
          insert.setLong(at + 1, measures.maxSeq);
          insert.addBatch();
          any = true;
        }
      }
      if (any) {
        insert.executeBatch();
      }
    }
  }

  private static State state(Connection connection, boolean lock) throws SQLException {
    try (PreparedStatement select = connection.prepareStatement("SELECT folded_seq, version FROM dromedary_rollup_state WHERE id = 1" + (lock ? " FOR UPDATE" : "")); ResultSet row = select.executeQuery()) {
      row.next();
      return new State(row.getLong(1), row.getLong(2));
    }
  }

  private static void mark(Connection connection, State state) throws SQLException {
    try (PreparedStatement update = connection.prepareStatement("UPDATE dromedary_rollup_state SET folded_seq = ?, version = ? WHERE id = 1")) {
      update.setLong(1, state.folded);
      update.setLong(2, state.version);
      update.executeUpdate();
    }
  }

  // Keeping them right

  /** Once a day: holds the sums of the day before yesterday against the ledger and makes them anew where they differ, which is told in the log. @return whether they had to be */
  public boolean check() {
    long day = floor(clock.millis(), DAY_MS) - 2 * DAY_MS;
    try (Connection connection = store.dataSource().getConnection()) {
      connection.setAutoCommit(false);
      try {
        State state = state(connection, true);
        try (PreparedStatement select = connection.prepareStatement("SELECT checked_day FROM dromedary_rollup_state WHERE id = 1"); ResultSet row = select.executeQuery()) {
          row.next();
          if (row.getLong(1) >= day) {
            connection.rollback();
            return false;
          }
        }
        try (PreparedStatement update = connection.prepareStatement("UPDATE dromedary_rollup_state SET checked_day = ? WHERE id = 1")) {
          update.setLong(1, day);
          update.executeUpdate();
        }
        Measures ledger = new Measures();
        ledger(connection, new Scan(day, day + DAY_MS, Set.of(), 0, Map.of()), Sequence.at(day - DAY_MS), Math.min(state.folded, Sequence.at(day + 3 * DAY_MS)), (start, dimensions, measures) -> ledger.add(measures));
        Measures sums = new Measures();
        sums(connection, Cuboid.CORE, day, day + DAY_MS, new Scan(day, day + DAY_MS, Set.of(), 0, Map.of()), (start, dimensions, measures) -> sums.add(measures));
        boolean wrong = ledger.requests() != sums.requests() || ledger.cost() != sums.cost() || ledger.saved() != sums.saved();
        if (wrong) {
          LOG.log(Level.WARNING, "the sums of " + Instant.ofEpochMilli(day) + " were " + sums.requests() + " requests where the ledger has " + ledger.requests() + "; they are made anew");
          renew(connection, state, day);
        }
        connection.commit();
        return wrong;
      } catch (SQLException | RuntimeException e) {
        connection.rollback();
        throw e;
      }
    } catch (SQLException e) {
      LOG.log(Level.WARNING, "the ledger's sums could not be checked: " + e.getClass().getSimpleName() + ", SQL state " + e.getSQLState());
      return false;
    }
  }

  /** That day's sums from the ledger, as far as it is folded. */
  private void renew(Connection connection, State state, long day) throws SQLException {
    try (PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_rollups WHERE starts >= ? AND starts < ?")) {
      delete.setLong(1, day);
      delete.setLong(2, day + DAY_MS);
      delete.executeUpdate();
    }
    Map<Key, Measures> sums = new HashMap<>();
    long from = Sequence.at(day - DAY_MS);
    long until = Math.min(state.folded, Sequence.at(day + 3 * DAY_MS));
    for (int rows = PAGE; rows == PAGE;) {
      rows = 0;
      try (PreparedStatement select = connection.prepareStatement(LEDGER + " AND received_at_ms >= ? AND received_at_ms < ? ORDER BY seq LIMIT " + PAGE)) {
        select.setLong(1, from);
        select.setLong(2, until);
        select.setLong(3, day);
        select.setLong(4, day + DAY_MS);
        try (ResultSet row = select.executeQuery()) {
          while (row.next()) {
            add(row, sums);
            from = row.getLong(1) + 1;
            rows++;
          }
        }
      }
    }
    write(connection, sums);
    mark(connection, new State(state.folded, state.version + 1));
  }

  /**
   * Adds users' sums to those of nobody: what an erasure does to the ledger's rows.
   *
   * @param project null for all
   * @param user null for all
   * @param before null for ever; else the days that had ended by then: a day that is cut in two keeps its users until the next time
   * @return how many rows that were
   */
  static int forget(Store store, @Nullable String project, @Nullable String user, @Nullable Instant before) throws SQLException {
    String which = " FROM dromedary_rollups WHERE kind = ? AND user_id <> ''" + (project == null ? "" : " AND project = ?") + (user == null ? "" : " AND user_id = ?") + (before == null ? "" : " AND starts <= ?");
    try (Connection connection = store.dataSource().getConnection()) {
      connection.setAutoCommit(false);
      try {
        State state = state(connection, true);
        Map<Key, Measures> sums = new LinkedHashMap<>();
        int rows = 0;
        try (PreparedStatement select = connection.prepareStatement("SELECT starts, min_seq, max_seq, " + DIMENSIONS + ", " + Measures.COLUMNS + which)) {
          bind(select, project, user, before);
          try (ResultSet row = select.executeQuery()) {
            while (row.next()) {
              List<String> dimensions = new ArrayList<>();
              for (Dimension dimension : Dimension.values()) {
                dimensions.add(dimension == Dimension.USER ? "" : row.getString(4 + dimension.ordinal()));
              }
              Measures measures = Measures.ofSums(row, 4 + Dimension.values().length);
              measures.minSeq = row.getLong(2);
              measures.maxSeq = row.getLong(3);
              sums.computeIfAbsent(new Key(Cuboid.USER, row.getLong(1), List.copyOf(dimensions)), key -> new Measures()).add(measures);
              rows++;
            }
          }
        }
        if (rows > 0) {
          try (PreparedStatement delete = connection.prepareStatement("DELETE" + which)) {
            bind(delete, project, user, before);
            delete.executeUpdate();
          }
          write(connection, sums);
          mark(connection, new State(state.folded, state.version + 1));
        }
        connection.commit();
        return rows;
      } catch (SQLException | RuntimeException e) {
        connection.rollback();
        throw e;
      }
    }
  }

  private static void bind(PreparedStatement statement, @Nullable String project, @Nullable String user, @Nullable Instant before) throws SQLException {
    int at = 1;
    statement.setInt(at++, Cuboid.USER.kind);
    if (project != null) {
      statement.setString(at++, project);
    }
    if (user != null) {
      statement.setString(at++, user);
    }
    if (before != null) {
      statement.setLong(at, before.toEpochMilli() - DAY_MS);
    }
  }

  // Reading

  /** Collects what one reading finds, to be thrown away when a fold came in between. */
  private record Found(long startMs, String[] dimensions, Measures measures) {}

  /** Reads sums where they can be had and the ledger where not; exact whenever it is asked. @throws TooMany if more than {@link #MAX_ROWS} sums would have to be looked at */
  void scan(Connection connection, Scan scan, Visitor visitor) throws SQLException {
    List<Found> found = List.of();
    for (int tries = 0; tries < 3; tries++) {
      found = new ArrayList<>();
      State before = state(connection, false);
      read(connection, scan, before.folded, found);
      // all reads were between two looks at one version: no fold came in between
      if (state(connection, false).version == before.version) {
        found.forEach(each -> visitor.visit(each.startMs, each.dimensions, each.measures));
        return;
      }
    }
    // a long ledger is being summed up for the first time: it waits for us
    connection.setAutoCommit(false);
    try {
      found = new ArrayList<>();
      read(connection, scan, state(connection, true).folded, found);
    } finally {
      connection.rollback();
      connection.setAutoCommit(true);
    }
    found.forEach(each -> visitor.visit(each.startMs, each.dimensions, each.measures));
  }

  private static void read(Connection connection, Scan scan, long folded, List<Found> found) throws SQLException {
    Visitor collect = (start, dimensions, measures) -> {
      found.add(new Found(start, dimensions, measures));
      if (found.size() > MAX_ROWS) {
        throw new TooMany();
      }
    };
    Set<Dimension> needed = scan.needed();
    List<Cuboid> levels = new ArrayList<>(2);
    Cuboid byDay = scan.unitMs == HOUR_MS ? null : Cuboid.byDay(needed);
    if (byDay != null) {
      levels.add(byDay);
    }
    Cuboid byHour = Cuboid.byHour(needed);
    if (byHour != null) {
      levels.add(byHour);
    }
    piece(connection, scan, scan.fromMs, scan.toMs, levels, folded, collect);
    ledger(connection, scan, folded, Long.MAX_VALUE, collect);
  }

  /** A span as whole days of sums, then whole hours of them, then the ledger's own rows, as far as they are folded. */
  private static void piece(Connection connection, Scan scan, long fromMs, long toMs, List<Cuboid> levels, long folded, Visitor visitor) throws SQLException {
    if (fromMs >= toMs) {
      return;
    }
    if (levels.isEmpty()) {
      try (PreparedStatement select = connection.prepareStatement("SELECT MIN(min_seq), MAX(max_seq) FROM dromedary_rollups WHERE kind = ? AND starts >= ? AND starts < ?")) {
        select.setInt(1, Cuboid.HOUR.kind);
        select.setLong(2, floor(fromMs, HOUR_MS));
        select.setLong(3, toMs);
        try (ResultSet row = select.executeQuery()) {
          row.next();
          long low = row.getLong(1);
          if (!row.wasNull()) {
            ledger(connection, new Scan(fromMs, toMs, scan.dimensions, scan.unitMs, scan.only), low, Math.min(folded, row.getLong(2) + 1), visitor);
          }
        }
      }
      return;
    }
    Cuboid level = levels.get(0);
    List<Cuboid> finer = levels.subList(1, levels.size());
    long first = floor(fromMs + level.unitMs - 1, level.unitMs);
    long end = toMs == Long.MAX_VALUE ? toMs : floor(toMs, level.unitMs);
    if (first >= end) {
      piece(connection, scan, fromMs, toMs, finer, folded, visitor);
      return;
    }
    piece(connection, scan, fromMs, first, finer, folded, visitor);
    sums(connection, level, first, end, scan, visitor);
    piece(connection, scan, end, toMs, finer, folded, visitor);
  }

  private static void sums(Connection connection, Cuboid cuboid, long fromMs, long toMs, Scan scan, Visitor visitor) throws SQLException {
    List<String> by = new ArrayList<>();
    if (scan.unitMs > 0) {
      by.add("starts");
    }
    List<Dimension> dimensions = List.copyOf(scan.dimensions);
    dimensions.forEach(dimension -> by.add(dimension.column));
    if (scan.only.containsKey(Dimension.TAG) && !scan.dimensions.contains(Dimension.TAG)) {
      by.add(Dimension.TAG.column);
    }
    StringBuilder sql = new StringBuilder("SELECT ");
    by.forEach(column -> sql.append(column).append(", "));
    sql.append(Measures.SUMS).append(" FROM dromedary_rollups WHERE kind = ? AND starts >= ? AND starts < ?");
    scan.only.keySet().forEach(dimension -> sql.append(dimension == Dimension.TAG ? "" : " AND " + dimension.column + " = ?"));
    if (!by.isEmpty()) {
      sql.append(" GROUP BY ").append(String.join(", ", by)).append(" LIMIT ").append(MAX_ROWS + 1);
    }
    try (PreparedStatement select = connection.prepareStatement(sql.toString())) {
      select.setInt(1, cuboid.kind);
      select.setLong(2, fromMs);
      select.setLong(3, toMs);
      int at = 4;
      for (Map.Entry<Dimension, String> only : scan.only.entrySet()) {
        if (only.getKey() != Dimension.TAG) {
          select.setString(at++, only.getValue());
        }
      }
      try (ResultSet row = select.executeQuery()) {
        while (row.next()) {
          Measures measures = Measures.ofSums(row, by.size() + 1);
          if (measures.requests() > 0) {
            String[] values = new String[Dimension.values().length];
            Arrays.fill(values, "");
            for (int i = 0; i < dimensions.size(); i++) {
              values[dimensions.get(i).ordinal()] = row.getString(i + 1 + (scan.unitMs > 0 ? 1 : 0));
            }
            String tag = scan.only.get(Dimension.TAG);
            if (tag == null || tagged(row.getString(Dimension.TAG.column), tag)) {
              visitor.visit(scan.unitMs > 0 ? row.getLong(1) : 0, values, measures);
            }
          }
        }
      }
    }
  }

  /** The ledger's rows of these keys, by pages of it; equal ones within a page are one visit. */
  private static void ledger(Connection connection, Scan scan, long fromSeq, long untilSeq, Visitor visitor) throws SQLException {
    if (fromSeq >= untilSeq) {
      return;
    }
    @Nullable String project = scan.only.get(Dimension.PROJECT);
    String sql = LEDGER + " AND received_at_ms >= ? AND received_at_ms < ?" + (project == null ? "" : " AND project = ?") + " ORDER BY seq LIMIT " + PAGE;
    long from = fromSeq;
    for (int rows = PAGE; rows == PAGE;) {
      rows = 0;
      Map<List<String>, Measures> equal = new LinkedHashMap<>();
      try (PreparedStatement select = connection.prepareStatement(sql)) {
        select.setLong(1, from);
        select.setLong(2, untilSeq);
        select.setLong(3, scan.fromMs);
        select.setLong(4, scan.toMs);
        if (project != null) {
          select.setString(5, project);
        }
        try (ResultSet row = select.executeQuery()) {
          while (row.next()) {
            rows++;
            from = row.getLong(1) + 1;
            if (counts(row, scan.only)) {
              equal.computeIfAbsent(key(row, scan), key -> new Measures()).add(Measures.ofLedger(row, MEASURE, from - 1));
            }
          }
        }
      }
      equal.forEach((key, measures) -> {
        String[] values = new String[Dimension.values().length];
        Arrays.fill(values, "");
        int i = 1;
        for (Dimension dimension : scan.dimensions) {
          values[dimension.ordinal()] = key.get(i++);
        }
        visitor.visit(Long.parseLong(key.get(0)), values, measures);
      });
    }
  }

  private static List<String> key(ResultSet row, Scan scan) throws SQLException {
    List<String> key = new ArrayList<>(scan.dimensions.size() + 1);
    key.add(scan.unitMs == 0 ? "0" : Long.toString(floor(row.getLong(2), scan.unitMs)));
    for (Dimension dimension : scan.dimensions) {
      key.add(row.getString(DIMENSION + dimension.ordinal()));
    }
    return key;
  }

  private static boolean counts(ResultSet row, Map<Dimension, String> only) throws SQLException {
    for (Map.Entry<Dimension, String> one : only.entrySet()) {
      String value = row.getString(DIMENSION + one.getKey().ordinal());
      if (one.getKey() == Dimension.TAG ? !tagged(value, one.getValue()) : !value.equals(one.getValue())) {
        return false;
      }
    }
    return true;
  }

  private static boolean tagged(String tags, String tag) {
    return ("," + tags + ",").contains("," + tag + ",") && tag.indexOf(',') < 0;
  }

  private static long floor(long ms, long unitMs) {
    return Math.floorDiv(ms, unitMs) * unitMs;
  }

  /** More sums than a report may look at. */
  static final class TooMany extends RuntimeException {
    TooMany() {
      super("more than " + MAX_ROWS + " sums", null, false, false);
    }
  }
}
