package io.dromedary.admin;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Admin requests that come twice: with an {@code Idempotency-Key} a change is made once, and its answer is given again for a day. A secret in that answer (a new key) is not: it is shown once and kept nowhere.
 */
public final class AdminReplies {
  private static final Logger LOG = LoggerFactory.getLogger(AdminReplies.class);
  private static final String HEADER = "idempotency-key";
  private static final int LONGEST = 255;
  private static final long KEPT_MS = Duration.ofHours(24).toMillis();
  /** A request that has had no answer for so long died with its node. */
  private static final long DEAD_MS = Duration.ofMinutes(2).toMillis();
  private static final int UNDER_WAY = 0;

  private final DataSource dataSource;
  private final Clock clock;

  public AdminReplies(DataSource dataSource, Clock clock) {
    this.dataSource = dataSource;
    this.clock = clock;
  }

  /**
   * What a request does with its key.
   *
   * @param key "" for none
   * @param status of the answer to give again, 0 when there is none
   */
  public record Turn(String key, int status, byte[] body) {
    static final Turn NONE = new Turn("", 0, new byte[0]);

    /** True when there is an answer to give again. */
    public boolean replays() {
      return status != UNDER_WAY;
    }
  }

  /** @throws Problem 400 for a key that is none, 409 while the first request is under way, 422 when the key came with another request, 503 when the store cannot be reached: nothing is changed then */
  public Turn claim(Inbound in) {
    String key = in.header(HEADER);
    if (key == null || in.method().equals("GET") || in.method().equals("HEAD")) {
      return Turn.NONE;
    }
    if (key.isEmpty() || key.length() > LONGEST || key.chars().anyMatch(c -> c <= 32 || c >= 127)) {
      throw Problem.badField(HEADER, "the header `Idempotency-Key` must be 1 to " + LONGEST + " visible ASCII characters");
    }
    String hash = AuditEntry.sha256((in.method() + " " + in.path() + "\n" + AuditEntry.sha256(in.body())).getBytes(StandardCharsets.UTF_8));
    try (Connection connection = dataSource.getConnection()) {
      long now = clock.millis();
      forget(connection, key, now);
      if (begin(connection, key, hash, now)) {
        return new Turn(key, UNDER_WAY, new byte[0]);
      }
      return first(connection, key, hash);
    } catch (SQLException e) {
      throw new Problem(503, "service_unavailable_error", "the database cannot be written just now; nothing was changed, try again shortly").code("store_unavailable").retryAfter(Duration.ofSeconds(2));
    }
  }

  private static void forget(Connection connection, String key, long now) throws SQLException {
    try (PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_admin_replies WHERE idempotency_key = ? AND (created_at_ms < ? OR status = 0 AND created_at_ms < ?)")) {
      delete.setString(1, key);
      delete.setLong(2, now - KEPT_MS);
      delete.setLong(3, now - DEAD_MS);
      delete.executeUpdate();
    }
  }

  private static boolean begin(Connection connection, String key, String hash, long now) throws SQLException {
    try (PreparedStatement insert = connection.prepareStatement("INSERT INTO dromedary_admin_replies (idempotency_key, request_hash, status, created_at_ms) VALUES (?, ?, 0, ?)")) {
      insert.setString(1, key);
      insert.setString(2, hash);
      insert.setLong(3, now);
      insert.executeUpdate();
      return true;
    } catch (SQLException e) {
      if (e.getSQLState() != null && e.getSQLState().startsWith("23")) {
        return false;
      }
      throw e;
    }
  }

  private static Turn first(Connection connection, String key, String hash) throws SQLException {
    try (PreparedStatement select = connection.prepareStatement("SELECT request_hash, status, body FROM dromedary_admin_replies WHERE idempotency_key = ?")) {
      select.setString(1, key);
      try (ResultSet row = select.executeQuery()) {
        if (row.next() && !row.getString(1).equals(hash)) {
          throw new Problem(422, "invalid_request_error", "the `Idempotency-Key` `" + Problem.clip(key) + "` was used with another admin request in the last 24 hours; take a new key for a new request")
              .code("idempotency_key_reused").param(HEADER).shouldRetry(false);
        }
        if (row.isAfterLast() || row.getInt(2) == UNDER_WAY) {
          throw new Problem(409, "invalid_request_error", "a request with the `Idempotency-Key` `" + Problem.clip(key) + "` is still under way; ask again for its answer").code("idempotency_key_in_use").param(HEADER)
              .retryAfter(Duration.ofSeconds(1)).shouldRetry(true);
        }
        return new Turn(key, row.getInt(2), row.getString(3).getBytes(StandardCharsets.UTF_8));
      }
    }
  }

  /** The request was answered: its answer is kept if it is final, else its key is free again. Null and a request without a key change nothing. */
  public void over(@Nullable Turn turn, int status, byte[] body) {
    if (turn == null || turn.key().isEmpty() || turn.replays()) {
      return;
    }
    boolean kept = status < 500 && status != 409 && status != 429;
    try (Connection connection = dataSource.getConnection();
        PreparedStatement statement = connection.prepareStatement(kept ? "UPDATE dromedary_admin_replies SET status = ?, body = ? WHERE idempotency_key = ?" : "DELETE FROM dromedary_admin_replies WHERE idempotency_key = ?")) {
      if (kept) {
        statement.setInt(1, status);
        statement.setString(2, withoutSecret(body));
      }
      statement.setString(kept ? 3 : 1, turn.key());
      statement.executeUpdate();
    } catch (SQLException e) {
      LOG.error("what an admin request was answered cannot be kept for its idempotency key; a second one with this key is told 409 for two minutes: {}", e.getMessage());
    }
  }

  private static String withoutSecret(byte[] body) {
    String text = new String(body, StandardCharsets.UTF_8);
    try {
      if (Json.read(text) instanceof ObjectNode json && json.path("key").isTextual() && json.path("object").asText().equals("key")) {
        json.putNull("key").put("note", "the key was shown once, in the first answer; rotate it if that was lost");
        return Json.text(json);
      }
    } catch (IOException noJson) {
      // kept as it is
    }
    return text;
  }

  /** Forgets what is older than a day. @return how many that were */
  public int sweep() {
    try (Connection connection = dataSource.getConnection(); PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_admin_replies WHERE created_at_ms < ?")) {
      delete.setLong(1, clock.millis() - KEPT_MS);
      return delete.executeUpdate();
    } catch (SQLException e) {
      throw new IllegalStateException("could not sweep the admin's idempotency keys: " + e.getMessage(), e);
    }
  }
}
