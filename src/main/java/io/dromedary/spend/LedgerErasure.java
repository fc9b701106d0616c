package io.dromedary.spend;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Takes out of the ledger who said what: interactions, kept answers, and in the rows of requests the user, the hash of the prompt and the decision, whose signals quote it. Amounts, models and times stay. */
public final class LedgerErasure {
  private final Store store;

  public LedgerErasure(Store store) {
    this.store = store;
  }

  /** Interactions, with or without text. @return how many were deleted */
  public int interactions(@Nullable String project, @Nullable String user, @Nullable Instant before) {
    Statement sql = new Statement("DELETE FROM dromedary_interaction_log WHERE 1 = 1").project(project);
    sql.time("seq", "created_at_ms", before);
    if (user != null) {
      sql.and(" AND seq IN (SELECT seq FROM dromedary_requests WHERE user_id = ?)", user);
    }
    return sql.run(store);
  }

  /** Answers that are kept for idempotency keys. @return how many were deleted */
  public int answers(@Nullable String project, @Nullable String user, @Nullable Instant before) {
    Statement sql = new Statement("DELETE FROM dromedary_idempotency WHERE state <> 'IN_PROGRESS'").project(project);
    if (before != null) {
      sql.and(" AND created_at_ms < ?", before.toEpochMilli());
    }
    if (user != null) {
      sql.and(" AND request_id IN (SELECT request_id FROM dromedary_requests WHERE user_id = ?)", user);
    }
    return sql.run(store);
  }

  /** What a request's row tells of its words and of its user. After the other two, which find a user's by it. @return how many rows were changed */
  public int requests(@Nullable String project, @Nullable String user, @Nullable Instant before) {
    Statement sql = new Statement("UPDATE dromedary_requests SET user_id = '', prompt_hash = '', decision = NULL WHERE (user_id <> '' OR prompt_hash <> '' OR decision IS NOT NULL)").project(project);
    sql.time("seq", "received_at_ms", before);
    if (user != null) {
      sql.and(" AND user_id = ?", user);
    }
    int rows = sql.run(store);
    try {
      Rollups.forget(store, project, user, before);
    } catch (SQLException e) {
      throw new IllegalStateException("the ledger's sums cannot be changed: " + e.getMessage(), e);
    }
    return rows;
  }

  private static final class Statement {
    private final StringBuilder sql;
    private final List<Object> values = new ArrayList<>(4);

    Statement(String sql) {
      this.sql = new StringBuilder(sql);
    }

    Statement project(@Nullable String project) {
      return project == null ? this : and(" AND project = ?", project);
    }

    /** A span of time is a span of keys. */
    void time(String key, String column, @Nullable Instant before) {
      if (before != null) {
        and(" AND " + key + " < ?", Sequence.at(before.toEpochMilli()));
        and(" AND " + column + " < ?", before.toEpochMilli());
      }
    }

    Statement and(String condition, Object value) {
      sql.append(condition);
      values.add(value);
      return this;
    }

    int run(Store store) {
      try (Connection connection = store.dataSource().getConnection(); PreparedStatement statement = connection.prepareStatement(sql.toString())) {
        for (int i = 0; i < values.size(); i++) {
          statement.setObject(i + 1, values.get(i));
        }
        return statement.executeUpdate();
      } catch (SQLException e) {
        throw new IllegalStateException("the ledger cannot be changed: " + e.getMessage(), e);
      }
    }
  }
}
