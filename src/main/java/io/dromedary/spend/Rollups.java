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
import java.time.LocalDate;
import java.time.temporal.ChronoField;
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
  private static final int BATCH = Columns.PIECE;
  private static final int PAGE = 10_000;
  static final int MAX_ROWS = 200_000;
  /** So many sums the store adds up quickly; where there are more, columns are quicker, if they hold no more than so many requests. */
  private static final int FEW_SUMS = 25_000;
  static final long MOST_REQUESTS = 2_000_000;
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

  /** Which times are told apart. */
  enum Time {
    NONE(0), HOUR(HOUR_MS), DAY(DAY_MS), WEEK(DAY_MS), MONTH(DAY_MS);

    /** No time has a number that high. */
    static final long MOST = 1L << 22;
    /** What the sums are by that tell these times apart, 0 for all. */
    final long unitMs;

    Time(long unitMs) {
      this.unitMs = unitMs;
    }

    /** Equal for two moments that are not told apart. */
    long number(long ms) {
      long number = switch (this) {
        case NONE -> 0;
        case HOUR, DAY -> Math.floorDiv(ms, unitMs);
        // 1970 began on a Thursday
        case WEEK -> Math.floorDiv(Math.floorDiv(ms, DAY_MS) + 3, 7);
        case MONTH -> LocalDate.ofEpochDay(Math.floorDiv(ms, DAY_MS)).getLong(ChronoField.PROLEPTIC_MONTH) - 1_970 * 12;
      };
      return Math.max(0, Math.min(MOST - 1, number));
    }

    /** A moment that is not told apart from this one, the same for all of them. */
    long floor(long ms) {
      return switch (this) {
        case NONE -> 0;
        case HOUR, DAY -> Rollups.floor(ms, unitMs);
        case WEEK -> (number(ms) * 7 - 3) * DAY_MS;
        case MONTH -> LocalDate.ofEpochDay(Math.floorDiv(ms, DAY_MS)).withDayOfMonth(1).toEpochDay() * DAY_MS;
      };
    }
  }

  /**
   * What to read.
   *
   * @param toMs exclusive; {@link Long#MAX_VALUE} for no end
   * @param dimensions those to tell apart
   * @param time the times to tell apart
   * @param only the values of those dimensions that count
   * @param mostGroups so many may be told apart
   * @param mostRequests so many may be looked at one by one
   */
  record Scan(long fromMs, long toMs, Set<Dimension> dimensions, Time time, Map<Dimension, String> only, int mostGroups, long mostRequests) {
    Scan(long fromMs, long toMs, Set<Dimension> dimensions, Time time, Map<Dimension, String> only) {
      this(fromMs, toMs, dimensions, time, only, MAX_ROWS, MOST_REQUESTS);
    }

    Scan between(long fromMs, long toMs) {
      return new Scan(fromMs, toMs, dimensions, time, only, mostGroups, mostRequests);
    }

    Set<Dimension> needed() {
      Set<Dimension> needed = EnumSet.noneOf(Dimension.class);
      needed.addAll(dimensions);
      needed.addAll(only.keySet());
      return needed;
    }
  }

  /** Reads what no sums are kept for. */
  private interface Rest {
    void read(Scan scan, Visitor visitor) throws SQLException;
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
        long mark = rows == BATCH ? last + 1 : until;
        capacity(connection, state.folded, mark, Set.of(), (startMs, dimensions, measures) -> {
          for (Cuboid cuboid : List.of(Cuboid.CAPACITY, Cuboid.CAPACITY_HOUR)) {
            sums.computeIfAbsent(new Key(cuboid, floor(startMs, cuboid.unitMs), List.of(dimensions)), key -> new Measures()).add(measures);
          }
        });
        write(connection, sums);
        Columns.append(connection, state.folded, mark, rows, state.version + 1, rows(connection));
        mark(connection, new State(mark, state.version + 1));
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
    String[] dimensions = dimensions(row);
    for (Cuboid cuboid : Cuboid.OF_REQUESTS) {
      String[] kept = new String[dimensions.length];
      for (Dimension dimension : Dimension.values()) {
        kept[dimension.ordinal()] = cuboid.dimensions.contains(dimension) ? dimensions[dimension.ordinal()] : "";
      }
      sums.computeIfAbsent(new Key(cuboid, floor(receivedMs, cuboid.unitMs), List.of(kept)), key -> new Measures()).add(one);
    }
  }

  private static String[] dimensions(ResultSet row) throws SQLException {
    String[] dimensions = new String[Dimension.values().length];
    for (int i = 0; i < dimensions.length; i++) {
      dimensions[i] = row.getString(DIMENSION + i);
    }
    return dimensions;
  }

  private static Columns.Ledger rows(Connection connection) {
    return (fromSeq, untilSeq, into) -> {
      try (PreparedStatement select = connection.prepareStatement(LEDGER + " ORDER BY seq")) {
        select.setLong(1, fromSeq);
        select.setLong(2, untilSeq);
        try (ResultSet row = select.executeQuery()) {
          while (row.next()) {
            into.add(row.getLong(2), dimensions(row), Measures.ofLedger(row, MEASURE, row.getLong(1)));
          }
        }
      }
    };
  }

  /** Calls on provisioned capacity or in providers' batches with these keys, by the project's and the model's name. */
  private static void capacity(Connection connection, long fromSeq, long untilSeq, Set<String> projects, Visitor visitor) throws SQLException {
    if (fromSeq >= untilSeq) {
      return;
    }
    try (PreparedStatement select = connection.prepareStatement("SELECT seq, project, model, list_nanos - COALESCE(cost_nanos, 0) FROM dromedary_attempts WHERE seq >= ? AND seq < ? AND list_nanos IS NOT NULL")) {
      select.setLong(1, fromSeq);
      select.setLong(2, untilSeq);
      try (ResultSet row = select.executeQuery()) {
        while (row.next()) {
          String[] values = new String[Dimension.values().length];
          Arrays.fill(values, "");
          values[Dimension.PROJECT.ordinal()] = row.getString(2);
          values[Dimension.MODEL.ordinal()] = row.getString(3);
          if (projects.isEmpty() || projects.contains(row.getString(2))) {
            visitor.visit(Sequence.millis(row.getLong(1)), values, Measures.ofCapacity(row.getLong(4), row.getLong(1)));
          }
        }
      }
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
        ledger(connection, new Scan(day, day + DAY_MS, Set.of(), Time.NONE, Map.of()), Sequence.at(day - DAY_MS), Math.min(state.folded, Sequence.at(day + 3 * DAY_MS)), (start, dimensions, measures) -> ledger.add(measures));
        Measures sums = new Measures();
        sums(connection, Cuboid.CORE, day, day + DAY_MS, new Scan(day, day + DAY_MS, Set.of(), Time.NONE, Map.of()), (start, dimensions, measures) -> sums.add(measures));
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
    capacity(connection, Sequence.at(day), Math.min(state.folded, Sequence.at(day + DAY_MS)), Set.of(), (startMs, dimensions, measures) -> {
      for (Cuboid cuboid : List.of(Cuboid.CAPACITY, Cuboid.CAPACITY_HOUR)) {
        sums.computeIfAbsent(new Key(cuboid, floor(startMs, cuboid.unitMs), List.of(dimensions)), key -> new Measures()).add(measures);
      }
    });
    write(connection, sums);
    Columns.renew(connection, Sequence.at(day - DAY_MS), until, state.version + 1, rows(connection));
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
        }
        int pieces = Columns.forget(connection, user, state.version + 1, rows(connection));
        if (rows > 0 || pieces > 0) {
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

  private interface Reading {
    void of(long folded, Visitor visitor) throws SQLException;
  }

  /** Adds up, exact whenever it is asked: sums where they can be had, columns where not, and the ledger for what came in since the last fold. @throws TooMany if that are more groups or requests than the scan allows */
  void scan(Connection connection, Scan scan, Visitor visitor) throws SQLException {
    consistently(connection, (folded, found) -> {
      List<Cuboid> levels = new ArrayList<>(2);
      Cuboid byDay = scan.time == Time.HOUR ? null : Cuboid.byDay(scan.needed());
      if (byDay != null) {
        levels.add(byDay);
      }
      Cuboid byHour = Cuboid.byHour(scan.needed());
      if (byHour != null) {
        levels.add(byHour);
      }
      if (!levels.isEmpty() && many(connection, levels.get(0), scan) && Columns.requests(connection, scan.fromMs, scan.toMs) <= MOST_REQUESTS) {
        levels.clear();
      }
      piece(connection, scan, scan.fromMs, scan.toMs, levels, (rest, into) -> Columns.read(connection, rest, into), found);
      ledger(connection, scan, folded, Long.MAX_VALUE, found);
    }, visitor);
  }

  /** Calls on provisioned capacity by model: how many, and as their cost what they would have cost at the list price. @param project null for all */
  Map<String, Measures> capacity(Connection connection, long fromMs, long toMs, @Nullable String project) throws SQLException {
    Map<String, Measures> models = new HashMap<>();
    Set<String> projects = project == null ? Set.of() : Set.of(project);
    Scan scan = new Scan(fromMs, toMs, EnumSet.of(Dimension.MODEL), Time.NONE, project == null ? Map.of() : Map.of(Dimension.PROJECT, project));
    consistently(connection, (folded, found) -> {
      piece(connection, scan, fromMs, toMs, List.of(Cuboid.CAPACITY, Cuboid.CAPACITY_HOUR),
          (rest, into) -> capacity(connection, Sequence.at(rest.fromMs), Math.min(folded, Sequence.at(rest.toMs)), projects, into), found);
      capacity(connection, Math.max(folded, Sequence.at(fromMs)), Sequence.at(toMs), projects, found);
    }, (startMs, dimensions, measures) -> models.computeIfAbsent(dimensions[Dimension.MODEL.ordinal()], model -> new Measures()).add(measures));
    return models;
  }

  private static void consistently(Connection connection, Reading reading, Visitor visitor) throws SQLException {
    List<Found> found = new ArrayList<>();
    Visitor collect = (start, dimensions, measures) -> {
      found.add(new Found(start, dimensions, measures));
      if (found.size() > MAX_ROWS) {
        throw TooMany.groups(MAX_ROWS);
      }
    };
    boolean consistent = false;
    for (int tries = 0; tries < 3 && !consistent; tries++) {
      found.clear();
      State before = state(connection, false);
      reading.of(before.folded, collect);
      // all reads were between two looks at one version: no fold came in between
      consistent = state(connection, false).version == before.version;
    }
    if (!consistent) {
      // a long ledger is being summed up for the first time: it waits for us
      connection.setAutoCommit(false);
      try {
        found.clear();
        reading.of(state(connection, true).folded, collect);
      } finally {
        connection.rollback();
        connection.setAutoCommit(true);
      }
    }
    found.forEach(each -> visitor.visit(each.startMs, each.dimensions, each.measures));
  }

  private static boolean many(Connection connection, Cuboid cuboid, Scan scan) throws SQLException {
    try (PreparedStatement select = connection.prepareStatement("SELECT COUNT(*) FROM (SELECT starts FROM dromedary_rollups WHERE kind = ? AND starts >= ? AND starts < ? LIMIT " + (FEW_SUMS + 1) + ") found")) {
      select.setInt(1, cuboid.kind);
      select.setLong(2, scan.fromMs);
      select.setLong(3, scan.toMs);
      try (ResultSet row = select.executeQuery()) {
        row.next();
        return row.getInt(1) > FEW_SUMS;
      }
    }
  }

  /** A span as whole days of sums, then whole hours of them, then what no sums are kept for. */
  private static void piece(Connection connection, Scan scan, long fromMs, long toMs, List<Cuboid> levels, Rest rest, Visitor visitor) throws SQLException {
    if (fromMs >= toMs) {
      return;
    }
    if (levels.isEmpty()) {
      rest.read(scan.between(fromMs, toMs), visitor);
      return;
    }
    Cuboid level = levels.get(0);
    List<Cuboid> finer = levels.subList(1, levels.size());
    long first = floor(fromMs + level.unitMs - 1, level.unitMs);
    long end = toMs == Long.MAX_VALUE ? toMs : floor(toMs, level.unitMs);
    if (first >= end) {
      piece(connection, scan, fromMs, toMs, finer, rest, visitor);
      return;
    }
    piece(connection, scan, fromMs, first, finer, rest, visitor);
    sums(connection, level, first, end, scan, visitor);
    piece(connection, scan, end, toMs, finer, rest, visitor);
  }

  private static void sums(Connection connection, Cuboid cuboid, long fromMs, long toMs, Scan scan, Visitor visitor) throws SQLException {
    List<String> by = new ArrayList<>();
    if (scan.time != Time.NONE) {
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
              values[dimensions.get(i).ordinal()] = row.getString(i + 1 + (scan.time != Time.NONE ? 1 : 0));
            }
            String tag = scan.only.get(Dimension.TAG);
            if (tag == null || tagged(row.getString(Dimension.TAG.column), tag)) {
              visitor.visit(scan.time != Time.NONE ? row.getLong(1) : 0, values, measures);
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
    key.add(Long.toString(scan.time.floor(row.getLong(2))));
    for (Dimension dimension : scan.dimensions) {
      key.add(row.getString(DIMENSION + dimension.ordinal()));
    }
    return key;
  }

  private static boolean counts(ResultSet row, Map<Dimension, String> only) throws SQLException {
    for (Map.Entry<Dimension, String> one : only.entrySet()) {
      if (!counts(one.getKey(), row.getString(DIMENSION + one.getKey().ordinal()), one.getValue())) {
        return false;
      }
    }
    return true;
  }

  /** Does a request of that value count where only those of the wanted one do? */
  static boolean counts(Dimension dimension, String value, String wanted) {
    return dimension == Dimension.TAG ? tagged(value, wanted) : value.equals(wanted);
  }

  private static boolean tagged(String tags, String tag) {
    return ("," + tags + ",").contains("," + tag + ",") && tag.indexOf(',') < 0;
  }

  private static long floor(long ms, long unitMs) {
    return Math.floorDiv(ms, unitMs) * unitMs;
  }

  /** More than a report may look at. */
  static final class TooMany extends RuntimeException {
    private TooMany(String what) {
      super(what, null, false, false);
    }

    static TooMany groups(int most) {
      return new TooMany("more than " + most + " groups");
    }

    static TooMany requests(long most) {
      return new TooMany("no sums are kept that tell these groups apart, and more than " + most + " requests would have to be looked at one by one");
    }
  }
}
