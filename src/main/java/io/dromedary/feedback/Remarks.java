package io.dromedary.feedback;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** What callers wrote beside their feedback; it can be taken out, the feedback itself stays. */
public final class Remarks {
  private final DataSource dataSource;

  public Remarks(DataSource dataSource) {
    this.dataSource = dataSource;
  }

  /** Null stands for all. A user's are found by the rows of requests. @return how many were blanked */
  public int erase(@Nullable String project, @Nullable String user, @Nullable Instant before) {
    StringBuilder sql = new StringBuilder("UPDATE dromedary_feedback SET remark = '' WHERE remark <> ''");
    List<Object> values = new ArrayList<>(3);
    if (project != null) {
      sql.append(" AND project = ?");
      values.add(project);
    }
    if (before != null) {
      sql.append(" AND created_at_ms < ?");
      values.add(before.toEpochMilli());
    }
    if (user != null) {
      sql.append(" AND request_id IN (SELECT request_id FROM dromedary_requests WHERE user_id = ?)");
      values.add(user);
    }
    try (Connection connection = dataSource.getConnection(); PreparedStatement update = connection.prepareStatement(sql.toString())) {
      for (int i = 0; i < values.size(); i++) {
        update.setObject(i + 1, values.get(i));
      }
      return update.executeUpdate();
    } catch (SQLException e) {
      throw new IllegalStateException("remarks cannot be erased: " + e.getMessage(), e);
    }
  }
}
