package io.dromedary.alert;

import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Bill;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * How the gateway does, minute by minute, over all nodes: each counts its own requests in memory and leaves the sums in the store every few seconds, in rows of its own, so that nodes need not wait for each other and none reads the
 * ledger for an alert.
 */
final class Pulse {
  private static final long MINUTE_MS = 60_000;
  /** Upper ends of the latency classes, milliseconds: a fifth apart, from 1 ms to half an hour. */
  private static final double STEP = 1.2;
  private static final int CLASSES = 80;

  /** Sums of one subject. */
  static final class Sums {
    long requests;
    long failed;
    long hits;
    long costNanos;
    final int[] slow = new int[CLASSES];

    synchronized void add(boolean failure, boolean hit, long nanos, @Nullable Duration took) {
      requests++;
      failed += failure ? 1 : 0;
      hits += hit ? 1 : 0;
      costNanos += nanos;
      if (took != null) {
        slow[slowness(took.toMillis())]++;
      }
    }

    private void add(Sums other) {
      requests += other.requests;
      failed += other.failed;
      hits += other.hits;
      costNanos += other.costNanos;
      for (int i = 0; i < CLASSES; i++) {
        slow[i] += other.slow[i];
      }
    }

    private synchronized Sums copy() {
      Sums copy = new Sums();
      copy.add(this);
      return copy;
    }

    double errorRate() {
      return requests == 0 ? 0 : (double) failed / requests;
    }

    double hitRate() {
      return requests == 0 ? 0 : (double) hits / requests;
    }

    /** The upper end of the class that the 95th of a hundred falls into, milliseconds. */
    double p95() {
      long all = Arrays.stream(slow).asLongStream().sum();
      long counted = 0;
      for (int i = 0; i < CLASSES; i++) {
        counted += slow[i];
        if (all > 0 && counted * 100 >= all * 95) {
          return Math.pow(STEP, i);
        }
      }
      return 0;
    }

    private String slowText() {
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < CLASSES; i++) {
        if (slow[i] > 0) {
          text.append(text.isEmpty() ? "" : " ").append(i).append(':').append(slow[i]);
        }
      }
      return text.toString();
    }

    private void slow(String text) {
      for (String one : text.split(" ")) {
        int colon = one.indexOf(':');
        if (colon > 0) {
          slow[Integer.parseInt(one.substring(0, colon))] += Integer.parseInt(one.substring(colon + 1));
        }
      }
    }
  }

  private static int slowness(long millis) {
    return millis <= 1 ? 0 : Math.min(CLASSES - 1, (int) Math.ceil(Math.log(millis) / Math.log(STEP) - 1e-9));
  }

  /** Of whom. */
  record Subject(AlertRule.Scope scope, String name) {}

  private record Key(long minute, Subject subject) {}

  private final Clock clock;
  private final String instance = UUID.randomUUID().toString();
  private final ConcurrentHashMap<Key, Sums> sums = new ConcurrentHashMap<>();
  private long flushedMinute;
  private long purgedMs;

  Pulse(Clock clock) {
    this.clock = clock;
  }

  /** Counts one settled request: for the gateway, its project and its model; each call for its provider. */
  void count(Bill bill) {
    long minute = clock.millis() / MINUTE_MS;
    // a caller who left or asked for nonsense is no failure of ours
    boolean failed = bill.httpStatus() >= 500 || bill.status().equals("cut");
    boolean hit = bill.cache().equals("hit") || bill.cache().equals("semantic");
    long nanos = bill.cost().nanos();
    Duration took = bill.status().equals("ok") ? bill.total() : null;
    of(minute, AlertRule.Scope.GATEWAY, "").add(failed, hit, nanos, took);
    of(minute, AlertRule.Scope.PROJECT, bill.project()).add(failed, hit, nanos, took);
    if (!bill.servedModel().isEmpty()) {
      of(minute, AlertRule.Scope.MODEL, bill.servedModel()).add(failed, hit, nanos, took);
    }
    for (Attempt attempt : bill.attempts()) {
      Attempt.Outcome outcome = attempt.outcome();
      if (outcome != null) {
        boolean fault = outcome.status() == Attempt.Status.FAILED || outcome.status() == Attempt.Status.CUT;
        of(minute, AlertRule.Scope.PROVIDER, attempt.candidate().provider()).add(fault, false, outcome.cost().nanos(), fault ? null : outcome.total());
      }
    }
  }

  private Sums of(long minute, AlertRule.Scope scope, String name) {
    return sums.computeIfAbsent(new Key(minute, new Subject(scope, name)), key -> new Sums());
  }

  /** Leaves what was counted since the last time in the store, and forgets the minutes that are over. */
  void flush(Connection connection) throws SQLException {
    long now = clock.millis() / MINUTE_MS;
    for (Map.Entry<Key, Sums> entry : sums.entrySet()) {
      if (entry.getKey().minute() >= flushedMinute) {
        write(connection, entry.getKey(), entry.getValue().copy());
      }
    }
    // a request that is being counted may still have the minute before in its hand
    sums.keySet().removeIf(key -> key.minute() < now - 1);
    flushedMinute = now - 1;
    if (clock.millis() - purgedMs > 3_600_000) {
      purgedMs = clock.millis();
      try (PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_pulse WHERE minute_of < ?")) {
        delete.setLong(1, now - AlertRules.LONGEST.toMinutes() - 60);
        delete.executeUpdate();
      }
    }
  }

  private void write(Connection connection, Key key, Sums sums) throws SQLException {
    try (PreparedStatement update = connection.prepareStatement("UPDATE dromedary_pulse SET requests = ?, failed = ?, hits = ?, cost_nanos = ?, slow = ? WHERE minute_of = ? AND node = ? AND scope = ? AND subject = ?")) {
      if (bind(update, key, sums) == 1) {
        return;
      }
    }
    try (PreparedStatement insert = connection.prepareStatement("INSERT INTO dromedary_pulse (requests, failed, hits, cost_nanos, slow, minute_of, node, scope, subject) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")) {
      bind(insert, key, sums);
    }
  }

  private int bind(PreparedStatement statement, Key key, Sums sums) throws SQLException {
    statement.setLong(1, sums.requests);
    statement.setLong(2, sums.failed);
    statement.setLong(3, sums.hits);
    statement.setLong(4, sums.costNanos);
    statement.setString(5, sums.slowText());
    statement.setLong(6, key.minute());
    statement.setString(7, instance);
    statement.setString(8, key.subject().scope().name());
    statement.setString(9, key.subject().name());
    return statement.executeUpdate();
  }

  /** The last minutes over all nodes, this one included. */
  Map<Subject, Sums> read(Connection connection, AlertRule.Scope scope, Duration over) throws SQLException {
    Map<Subject, Sums> all = new HashMap<>();
    try (PreparedStatement select = connection.prepareStatement("SELECT subject, requests, failed, hits, cost_nanos, slow FROM dromedary_pulse WHERE minute_of > ? AND scope = ?")) {
      select.setLong(1, clock.millis() / MINUTE_MS - over.toMinutes());
      select.setString(2, scope.name());
      try (ResultSet row = select.executeQuery()) {
        while (row.next()) {
          Sums sums = new Sums();
          sums.requests = row.getLong(2);
          sums.failed = row.getLong(3);
          sums.hits = row.getLong(4);
          sums.costNanos = row.getLong(5);
          sums.slow(row.getString(6));
          all.computeIfAbsent(new Subject(scope, row.getString(1)), subject -> new Sums()).add(sums);
        }
      }
    }
    return all;
  }
}
