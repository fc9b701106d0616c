package io.dromedary.access;

import io.dromedary.chat.Problem;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** The projects and keys that the admin made, in the ledger's database. A change and the growth of the version that tells every node of it are one transaction, and changes come one after another. */
public final class ProjectStore {
  /** A project or key as it is stored. {@code definition} is JSON in the words of {@code callers.yaml}. */
  record StoredProject(String id, String definition, long createdAtMs, long updatedAtMs) {}

  record StoredKey(String project, String id, String sha256, String last4, String definition, long createdAtMs, @Nullable Long revokedAtMs) {}

  /**
   * All of it.
   *
   * @param revokedElsewhere digests of keys of the file that may no longer be used
   */
  record Content(long version, List<StoredProject> projects, List<StoredKey> keys, Set<String> revokedElsewhere) {
    static final Content NONE = new Content(0, List.of(), List.of(), Set.of());
  }

  /** Something done within a change. */
  interface Work {
    void on(Connection connection) throws SQLException;
  }

  private final DataSource dataSource;
  private final Clock clock;

  public ProjectStore(DataSource dataSource, Clock clock) {
    this.dataSource = dataSource;
    this.clock = clock;
  }

  long version() throws SQLException {
    try (Connection connection = dataSource.getConnection(); PreparedStatement select = connection.prepareStatement("SELECT version FROM dromedary_access WHERE id = 1"); ResultSet row = select.executeQuery()) {
      return row.next() ? row.getLong(1) : 0;
    }
  }

  Content read() throws SQLException {
    try (Connection connection = dataSource.getConnection()) {
      long version;
      try (PreparedStatement select = connection.prepareStatement("SELECT version FROM dromedary_access WHERE id = 1"); ResultSet row = select.executeQuery()) {
        // before the rest: what changes meanwhile has a higher one and is read again
        version = row.next() ? row.getLong(1) : 0;
      }
      List<StoredProject> projects = new ArrayList<>();
      try (PreparedStatement select = connection.prepareStatement("SELECT id, definition, created_at_ms, updated_at_ms FROM dromedary_projects ORDER BY id"); ResultSet row = select.executeQuery()) {
        while (row.next()) {
          projects.add(new StoredProject(row.getString(1), row.getString(2), row.getLong(3), row.getLong(4)));
        }
      }
      List<StoredKey> keys = new ArrayList<>();
      Set<String> revoked = new HashSet<>();
      try (PreparedStatement select = connection.prepareStatement("SELECT project, id, sha256, last4, definition, created_at_ms, revoked_at_ms FROM dromedary_keys ORDER BY project, created_at_ms, id");
          ResultSet row = select.executeQuery()) {
        while (row.next()) {
          long revokedAt = row.getLong(7);
          Long at = row.wasNull() ? null : revokedAt;
          String definition = row.getString(5);
          if (definition == null) {
            revoked.add(row.getString(3));
          } else {
            keys.add(new StoredKey(row.getString(1), row.getString(2), row.getString(3), row.getString(4), definition, row.getLong(6), at));
          }
        }
      }
      return new Content(version, projects, keys, revoked);
    }
  }

  void put(String project, String definition, boolean fresh) {
    change(connection -> {
      long now = clock.millis();
      if (fresh) {
        run(connection, "INSERT INTO dromedary_projects (id, definition, created_at_ms, updated_at_ms) VALUES (?, ?, ?, ?)", project, definition, now, now);
      } else if (run(connection, "UPDATE dromedary_projects SET definition = ?, updated_at_ms = ? WHERE id = ?", definition, now, project) == 0) {
        throw Problem.notFound("no project `" + project + "` is in the database any more");
      }
    }, "project `" + project + "` was made by somebody else just now");
  }

  void remove(String project) {
    change(connection -> {
      run(connection, "DELETE FROM dromedary_keys WHERE project = ?", project);
      run(connection, "DELETE FROM dromedary_projects WHERE id = ?", project);
    }, "");
  }

  void add(ProjectKey key, String definition) {
    change(connection -> run(connection, "INSERT INTO dromedary_keys (project, id, sha256, last4, definition, created_at_ms) VALUES (?, ?, ?, ?, ?, ?)", key.project(), key.id(), key.sha256(), key.last4(), definition,
        clock.millis()), "key `" + key.id() + "` of project `" + key.project() + "` was made by somebody else just now");
  }

  /** Adds a key; the one that it follows is valid until then. */
  void rotate(ProjectKey fresh, String definition, String old, String oldDefinition) {
    change(connection -> {
      run(connection, "INSERT INTO dromedary_keys (project, id, sha256, last4, definition, created_at_ms) VALUES (?, ?, ?, ?, ?, ?)", fresh.project(), fresh.id(), fresh.sha256(), fresh.last4(), definition, clock.millis());
      run(connection, "UPDATE dromedary_keys SET definition = ? WHERE project = ? AND id = ?", oldDefinition, fresh.project(), old);
    }, "key `" + fresh.id() + "` of project `" + fresh.project() + "` was made by somebody else just now");
  }

  void revoke(ProjectKey key) {
    change(connection -> {
      if (run(connection, "UPDATE dromedary_keys SET revoked_at_ms = ? WHERE sha256 = ? AND revoked_at_ms IS NULL", clock.millis(), key.sha256()) == 0 && key.fromFile()) {
        run(connection, "INSERT INTO dromedary_keys (project, id, sha256, last4, definition, created_at_ms, revoked_at_ms) VALUES (?, ?, ?, '', NULL, ?, ?)", key.project(), key.id(), key.sha256(), clock.millis(),
            clock.millis());
      }
    }, "");
  }

  /**
   * Makes a change that all nodes hear of.
   *
   * @param clash what a duplicate means
   * @throws Problem 409 when it clashes, 503 when the store cannot be written: nothing has changed then
   */
  void change(Work work, String clash) {
    try (Connection connection = dataSource.getConnection()) {
      connection.setAutoCommit(false);
      try {
        // locks the row: changes come one after another
        run(connection, "UPDATE dromedary_access SET version = version + 1 WHERE id = 1");
        work.on(connection);
        connection.commit();
      } catch (SQLException | RuntimeException e) {
        connection.rollback();
        throw e;
      } finally {
        connection.setAutoCommit(true);
      }
    } catch (SQLException e) {
      if (e.getSQLState() != null && e.getSQLState().startsWith("23") && !clash.isEmpty()) {
        throw new Problem(409, "invalid_request_error", clash).code("conflict").shouldRetry(false);
      }
      throw unavailable();
    }
  }

  static int run(Connection connection, String sql, Object... values) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      for (int i = 0; i < values.length; i++) {
        statement.setObject(i + 1, values[i]);
      }
      return statement.executeUpdate();
    }
  }

  static Problem unavailable() {
    return new Problem(503, "service_unavailable_error", "the database cannot be written just now; nothing was changed, try again shortly").code("store_unavailable").retryAfter(Duration.ofSeconds(2));
  }
}
