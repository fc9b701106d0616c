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

/**
 * Requests with an {@code Idempotency-Key}: answered once, replayed for 24 hours, over restarts and among nodes. Keys are scoped by project.
 *
 * <p>Of the requests of this process one has a key by what is in memory; of those of all processes by its row, which the ledger's writer commits together with whatever else waits.
 */
public final class Idempotency {
  static final Duration KEPT = Duration.ofHours(24);
  /** Longest key. */
  public static final int MAX_KEY = 255;
  private static final Duration LOOK = Duration.ofMillis(250);

  private final Store store;
  private final Ledger ledger;
  private final Clock clock;
  private final ConcurrentHashMap<Key, First> here = new ConcurrentHashMap<>();

  private record Key(String project, String key) {}

  /** A request of this process that has a key, or is about to take it. */
  private record First(String bodyHash, String requestId, long sinceMs, CompletableFuture<Boolean> over) {}

  public Idempotency(Store store, Ledger ledger, Clock clock) {
    this.store = store;
    this.ledger = ledger;
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
    Key wanted = new Key(project, key);
    for (int tries = 0; tries < 10; tries++) {
      long now = clock.millis();
      First mine = new First(bodyHash, requestId, now, new CompletableFuture<>());
      First other = here.putIfAbsent(wanted, mine);
      if (other != null && (now - other.sinceMs < KEPT.toMillis() || !here.replace(wanted, other, mine))) {
        return other.bodyHash.equals(bodyHash) ? new Claim.InProgress(other.requestId) : new Claim.Mismatch();
      }
      boolean taken = false;
      try {
        taken = ledger.take(project, key, bodyHash, requestId, now);
        if (taken) {
          return new Claim.Fresh();
        }
        Claim known = read(project, key, bodyHash, now);
        if (known != null) {
          return known;
        }
      } finally {
        if (!taken) {
          here.remove(wanted, mine);
          mine.over.complete(false);
        }
      }
    }
    return new Claim.InProgress("");
  }

  /** What the store has of it, null if there is nothing any more. */
  private @Nullable Claim read(String project, String key, String bodyHash, long now) {
    try (Connection connection = store.dataSource().getConnection()) {
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
    } catch (SQLException e) {
      throw Ledger.unavailable();
    }
  }

  /**
   * Waits for the first request with that key to end, on this node or another.
   *
   * @return {@link Claim.Replay} when it has been answered; {@link Claim.Fresh} when it failed and this one has taken its place; {@link Claim.InProgress} when time is up
   */
  public Claim await(String project, String key, String bodyHash, String requestId, Duration patience) {
    long end = System.nanoTime() + patience.toNanos();
    while (true) {
      First first = here.get(new Key(project, key));
      if (first == null) {
        // many may have waited for it: they read what it left side by side, and only when there is nothing one of them takes its place
        Claim known = read(project, key, bodyHash, clock.millis());
        Claim claim = known == null ? claim(project, key, bodyHash, requestId) : known;
        if (!(claim instanceof Claim.InProgress)) {
          return claim;
        }
        first = here.get(new Key(project, key));
      }
      long left = end - System.nanoTime();
      if (left <= 0) {
        return new Claim.InProgress(first == null ? "" : first.requestId);
      }
      try {
        if (first == null) {
          TimeUnit.NANOSECONDS.sleep(Math.min(left, LOOK.toNanos() / 5));
        } else {
          first.over.get(Math.min(left, LOOK.toNanos()), TimeUnit.NANOSECONDS);
        }
      } catch (TimeoutException lookAgain) {
        continue;
      } catch (ExecutionException e) {
        throw new IllegalStateException(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return new Claim.InProgress("");
      }
    }
  }

  /** Keeps the answer for replays. @throws Problem 503 {@code ledger_unavailable} if that cannot be done now */
  public void complete(String project, String key, String requestId, int status, String contentType, byte[] body) {
    end(new Ending(project, key, requestId, status, contentType, body));
  }

  /** The request failed in a way that must not be replayed: the next one with that key starts afresh. */
  public void release(String project, String key, String requestId) {
    end(Ending.free(project, key, requestId));
  }

  private void end(Ending ending) {
    try {
      ledger.end(ending);
    } finally {
      over(ending);
    }
  }

  /** What came of the key is written, or will be: who waits may look. */
  void over(Ending ending) {
    First first = here.remove(new Key(ending.project(), ending.key()));
    if (first != null) {
      first.over.complete(true);
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
