package io.dromedary.spend;

import io.dromedary.chat.Problem;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** Requests with an {@code Idempotency-Key}: answered once, replayed for 24 hours, over restarts and among nodes. Keys are scoped by project. */
public final class Idempotency {
  static final Duration KEPT = Duration.ofHours(24);
  /** Longest key. */
  public static final int MAX_KEY = 255;
  private static final Duration LOOK = Duration.ofMillis(250);

  private final Store store;
  private final Clock clock;
  private final ConcurrentHashMap<Key, CompletableFuture<Boolean>> here = new ConcurrentHashMap<>();

  private record Key(String project, String key) {}

  public Idempotency(Store store, Clock clock) {
    this.store = store;
    this.clock = clock;
  }

  /**
   * Claims the key; of any number of concurrent claims exactly one is {@link Claim.Fresh}.
   *
   * @param bodyHash SHA-256 of the body, hex
   * @throws Problem 400 if the key is empty or longer than {@value #MAX_KEY}; 503 {@code ledger_unavailable} if the store cannot be reached
   */
  public Claim claim(String project, String key, String bodyHash, String requestId) {
    if (key.isEmpty() || key.length() > MAX_KEY || !Rows.clip(key, MAX_KEY).equals(key)) {
      throw Problem.badField("idempotency-key", "`Idempotency-Key` has 1 to " + MAX_KEY + " characters, not " + key.length());
    }
    long now = clock.millis();
    try (Connection connection = store.dataSource().getConnection()) {
      for (int tries = 0; tries < 10; tries++) {
        Claim known = read(connection, project, key, bodyHash, now);
        if (known != null) {
          return known;
        }
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO dromedary_idempotency (project, idempotency_key, body_hash, request_id, state, node, status, content_type,"
            + " created_at_ms, expires_at_ms) VALUES (?, ?, ?, ?, 'IN_PROGRESS', ?, 0, '', ?, ?)")) {
          insert.setString(1, project);
          insert.setString(2, key);
          insert.setString(3, bodyHash);
          insert.setString(4, requestId);
          insert.setString(5, store.node());
          insert.setLong(6, now);
          insert.setLong(7, now + KEPT.toMillis());
          // before the row is seen by others, so that they find whom to wait for
          CompletableFuture<Boolean> future = new CompletableFuture<>();
          Key mine = new Key(project, key);
          CompletableFuture<Boolean> other = here.putIfAbsent(mine, future);
          try {
            insert.executeUpdate();
            if (other != null) {
              here.put(mine, future);
            }
            return new Claim.Fresh();
          } catch (SQLException e) {
            if (other == null) {
              here.remove(mine, future);
              future.complete(false);
            }
            if (e.getSQLState() == null || !e.getSQLState().startsWith("23")) {
              throw e;
            }
          }
        }
      }
      return new Claim.InProgress("");
    } catch (SQLException e) {
      throw Ledger.unavailable();
    }
  }

  private @Nullable Claim read(Connection connection, String project, String key, String bodyHash, long now) throws SQLException {
    try (PreparedStatement select = connection.prepareStatement("SELECT body_hash, request_id, state, status, content_type, answer, expires_at_ms FROM dromedary_idempotency"
        + " WHERE project = ? AND idempotency_key = ?")) {
      select.setString(1, project);
      select.setString(2, key);
      try (ResultSet row = select.executeQuery()) {
        if (!row.next()) {
          return null;
        }
        if (row.getLong(7) > now) {
          if (!row.getString(1).equals(bodyHash)) {
            return new Claim.Mismatch();
          }
          String requestId = row.getString(2);
          return row.getString(3).equals("DONE") ? new Claim.Replay(requestId, row.getInt(4), row.getString(5), row.getBytes(6)) : new Claim.InProgress(requestId);
        }
      }
    }
    try (PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_idempotency WHERE project = ? AND idempotency_key = ? AND expires_at_ms <= ?")) {
      delete.setString(1, project);
      delete.setString(2, key);
      delete.setLong(3, now);
      delete.executeUpdate();
    }
    return null;
  }

  /**
   * Waits for the first request with that key to end, on this node or another.
   *
   * @return {@link Claim.Replay} when it has been answered; {@link Claim.Fresh} when it failed and this one has taken its place; {@link Claim.InProgress} when time is up
   */
  public Claim await(String project, String key, String bodyHash, String requestId, Duration patience) {
    long end = System.nanoTime() + patience.toNanos();
    while (true) {
      Claim claim = claim(project, key, bodyHash, requestId);
      long left = end - System.nanoTime();
      if (!(claim instanceof Claim.InProgress) || left <= 0) {
        return claim;
      }
      CompletableFuture<Boolean> first = here.get(new Key(project, key));
      try {
        if (first == null) {
          TimeUnit.NANOSECONDS.sleep(Math.min(left, LOOK.toNanos() / 5));
        } else {
          first.get(Math.min(left, LOOK.toNanos()), TimeUnit.NANOSECONDS);
        }
      } catch (TimeoutException lookAgain) {
        continue;
      } catch (ExecutionException e) {
        throw new IllegalStateException(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return claim;
      }
    }
  }

  /** Keeps the answer for replays. @throws Problem 503 {@code ledger_unavailable} if that cannot be done */
  public void complete(String project, String key, String requestId, int status, String contentType, byte[] body) {
    try (Connection connection = store.dataSource().getConnection(); PreparedStatement update = connection.prepareStatement("UPDATE dromedary_idempotency SET state = 'DONE', status = ?,"
        + " content_type = ?, answer = ? WHERE project = ? AND idempotency_key = ? AND request_id = ?")) {
      update.setInt(1, status);
      update.setString(2, Rows.clip(contentType, 128));
      update.setBytes(3, body);
      update.setString(4, project);
      update.setString(5, key);
      update.setString(6, requestId);
      update.executeUpdate();
    } catch (SQLException e) {
      throw Ledger.unavailable();
    } finally {
      wake(project, key);
    }
  }

  /** The request failed in a way that must not be replayed: the next one with that key starts afresh. */
  public void release(String project, String key, String requestId) {
    try (Connection connection = store.dataSource().getConnection(); PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_idempotency"
        + " WHERE project = ? AND idempotency_key = ? AND request_id = ? AND state = 'IN_PROGRESS'")) {
      delete.setString(1, project);
      delete.setString(2, key);
      delete.setString(3, requestId);
      delete.executeUpdate();
    } catch (SQLException e) {
      throw Ledger.unavailable();
    } finally {
      wake(project, key);
    }
  }

  private void wake(String project, String key) {
    CompletableFuture<Boolean> first = here.remove(new Key(project, key));
    if (first != null) {
      first.complete(true);
    }
  }

  /** Forgets what is older than 24 hours. @return how many keys that were */
  public int sweep() {
    try (Connection connection = store.dataSource().getConnection(); PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_idempotency WHERE expires_at_ms <= ?")) {
      delete.setLong(1, clock.millis());
      return delete.executeUpdate();
    } catch (SQLException e) {
      throw new IllegalStateException("could not sweep idempotency keys: " + e.getMessage(), e);
    }
  }
}
