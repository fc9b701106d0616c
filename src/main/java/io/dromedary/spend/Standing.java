package io.dromedary.spend;

import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Bill;
import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.Price;
import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The rows of requests that wait in a provider's batch: what is held for them, in which purses, whatever process began them. */
final class Standing {
  /** The status of a bill that only gives back what is held: nothing was asked, so nothing is written. */
  static final String RELEASED = "released";

  private Standing() {}

  static void add(Connection connection, String requestId, String project, Attempt attempt, @Nullable String purses) throws SQLException {
    Price price = attempt.price();
    try (PreparedStatement insert = connection.prepareStatement("INSERT INTO dromedary_standing (request_id, batch_id, project, provider, model, price_version, reserved_nanos, purses, started_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")) {
      insert.setString(1, requestId);
      insert.setString(2, attempt.batchId());
      insert.setString(3, Rows.clip(project, 128));
      insert.setString(4, Rows.clip(attempt.candidate().provider(), 64));
      insert.setString(5, Rows.clip(attempt.candidate().model().id(), 256));
      insert.setString(6, price == null ? null : Rows.clip(price.version(), 320));
      insert.setLong(7, attempt.reserved().nanos());
      insert.setString(8, purses);
      insert.setLong(9, attempt.startedAt().toEpochMilli());
      insert.executeUpdate();
    }
  }

  /** What is held for the request, null if it does not wait (any more). */
  static Entry.@Nullable Hold find(Connection connection, String requestId) throws SQLException {
    try (PreparedStatement select = connection.prepareStatement("SELECT purses, reserved_nanos FROM dromedary_standing WHERE request_id = ? FOR UPDATE")) {
      select.setString(1, requestId);
      try (ResultSet row = select.executeQuery()) {
        return row.next() ? new Entry.Hold(PurseRows.ids(row.getString(1)), row.getLong(2)) : null;
      }
    }
  }

  /** Takes the row away. @return what was held, null if there was none */
  static Entry.@Nullable Hold remove(Connection connection, String requestId) throws SQLException {
    Entry.Hold hold = find(connection, requestId);
    try (PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_standing WHERE request_id = ?")) {
      delete.setString(1, requestId);
      return delete.executeUpdate() == 1 ? hold : null;
    }
  }

  /** Its bill, when nothing is known but its row: released, or charged at what is held. Null if it does not wait (any more). */
  static @Nullable Bill bill(Connection connection, String requestId, boolean charged) throws SQLException {
    try (PreparedStatement select = connection.prepareStatement("SELECT batch_id, project, provider, model, reserved_nanos, started_at_ms FROM dromedary_standing WHERE request_id = ?")) {
      select.setString(1, requestId);
      try (ResultSet row = select.executeQuery()) {
        if (!row.next()) {
          return null;
        }
        String provider = row.getString(3);
        String model = row.getString(4);
        Instant startedAt = Instant.ofEpochMilli(row.getLong(6));
        Candidate candidate = new Candidate(Model.unlisted(provider, model.substring(Math.min(model.length(), provider.length() + 1))), null, 0, Duration.ZERO, "");
        Attempt attempt = new Attempt(requestId + ".1", 1, candidate, null, Usd.ofNanos(row.getLong(5)), startedAt);
        attempt.standsFor(row.getString(1));
        return new Bill(requestId, row.getString(2), "", Set.of(), "batch", "", charged ? model : "", charged ? provider : "", "", 0, "", "its result from the provider's batch was never seen; charged at its upper bound", charged ? "unknown" : RELEASED,
            0, false, "miss", Usage.NONE, charged ? attempt.reserved() : Usd.ZERO, Usd.ZERO, Usd.ZERO, "", List.of(attempt), startedAt, null, Duration.ZERO, Duration.ZERO, "", null, null, null);
      }
    }
  }

  /** The requests of a batch that wait. */
  static List<String> of(Connection connection, String batchId) throws SQLException {
    List<String> ids = new ArrayList<>();
    try (PreparedStatement select = connection.prepareStatement("SELECT request_id FROM dromedary_standing WHERE batch_id = ?")) {
      select.setString(1, batchId);
      try (ResultSet row = select.executeQuery()) {
        while (row.next()) {
          ids.add(row.getString(1));
        }
      }
    }
    return ids;
  }
}
