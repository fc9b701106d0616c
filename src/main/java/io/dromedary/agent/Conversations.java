package io.dromedary.agent;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.io.IOException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** What was said in agents' conversations, turn by turn, in the ledger's database. Each project has its own; a conversation keeps no more turns than its agent says again. */
public final class Conversations {
  private static final int TRIES = 8;
  /** What two turns at once may add to a prompt is bounded too. */
  private static final int LONGEST_TURN = 1_000_000;

  private final DataSource dataSource;
  private final Clock clock;

  public Conversations(DataSource dataSource, Clock clock) {
    this.dataSource = dataSource;
    this.clock = clock;
  }

  /** The last turns, oldest first: so many, and no more than so many characters. @throws Problem 503 when they cannot be read: an answer that has forgotten all would be wrong */
  List<ArrayNode> last(String project, String agent, String conversation, int turns, int chars) {
    List<ArrayNode> last = new ArrayList<>();
    try (Connection connection = dataSource.getConnection();
        PreparedStatement select = connection.prepareStatement("SELECT messages FROM dromedary_turns WHERE project = ? AND agent = ? AND conversation = ? ORDER BY number DESC LIMIT ?")) {
      select.setString(1, project);
      select.setString(2, agent);
      select.setString(3, conversation);
      select.setInt(4, turns);
      long left = chars;
      try (ResultSet row = select.executeQuery()) {
        while (row.next()) {
          String messages = row.getString(1);
          left -= messages.length();
          if (left < 0) {
            break;
          }
          last.add(0, (ArrayNode) Json.read(messages));
        }
      }
      return last;
    } catch (SQLException | IOException | ClassCastException e) {
      throw new Problem(503, "service_unavailable_error", "the conversation cannot be read just now; try again shortly").code("store_unavailable").retryAfter(Duration.ofSeconds(2));
    }
  }

  /** Adds a turn and forgets those that are no longer said again. */
  void add(String project, String agent, String conversation, String requestId, String user, ArrayNode messages, int turns) throws SQLException {
    String text = Json.text(messages).replace("\\u0000", "");
    if (text.length() > LONGEST_TURN) {
      return;
    }
    for (int i = 0; ; i++) {
      try (Connection connection = dataSource.getConnection()) {
        int number = 1;
        try (PreparedStatement select = connection.prepareStatement("SELECT MAX(number) FROM dromedary_turns WHERE project = ? AND agent = ? AND conversation = ?")) {
          select.setString(1, project);
          select.setString(2, agent);
          select.setString(3, conversation);
          try (ResultSet row = select.executeQuery()) {
            number = row.next() ? row.getInt(1) + 1 : 1;
          }
        }
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO dromedary_turns (project, agent, conversation, number, request_id, user_id, messages, created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")) {
          insert.setString(1, project);
          insert.setString(2, agent);
          insert.setString(3, conversation);
          insert.setInt(4, number);
          insert.setString(5, requestId);
          insert.setString(6, user);
          insert.setString(7, text);
          insert.setLong(8, clock.millis());
          insert.executeUpdate();
        }
        try (PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_turns WHERE project = ? AND agent = ? AND conversation = ? AND number <= ?")) {
          delete.setString(1, project);
          delete.setString(2, agent);
          delete.setString(3, conversation);
          delete.setInt(4, number - turns);
          delete.executeUpdate();
        }
        return;
      } catch (SQLException e) {
        // another turn of this conversation ended at the same time and has the number
        if (i == TRIES || e.getSQLState() == null || !e.getSQLState().startsWith("23")) {
          throw e;
        }
      }
    }
  }

  /**
   * Forgets turns.
   *
   * @param project null for every project
   * @param user null for every user
   * @param before null for every age
   * @return how many
   */
  public int forget(@Nullable String project, @Nullable String user, @Nullable Long before) {
    StringBuilder sql = new StringBuilder("DELETE FROM dromedary_turns WHERE 1 = 1");
    List<Object> values = new ArrayList<>();
    if (project != null) {
      sql.append(" AND project = ?");
      values.add(project);
    }
    if (user != null) {
      sql.append(" AND user_id = ?");
      values.add(user);
    }
    if (before != null) {
      sql.append(" AND created_at_ms < ?");
      values.add(before);
    }
    try (Connection connection = dataSource.getConnection(); PreparedStatement delete = connection.prepareStatement(sql.toString())) {
      for (int i = 0; i < values.size(); i++) {
        delete.setObject(i + 1, values.get(i));
      }
      return delete.executeUpdate();
    } catch (SQLException e) {
      throw new IllegalStateException("could not forget conversations: " + e.getMessage(), e);
    }
  }

  /** Forgets what is older than the retention, but for projects that have their own. @return how many turns */
  public int sweep(Duration retention, Set<String> except) {
    try (Connection connection = dataSource.getConnection();
        PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_turns WHERE created_at_ms < ?" + " AND project <> ?".repeat(except.size()))) {
      delete.setLong(1, clock.millis() - retention.toMillis());
      int index = 2;
      for (String project : except) {
        delete.setString(index++, project);
      }
      return delete.executeUpdate();
    } catch (SQLException e) {
      throw new IllegalStateException("could not forget conversations: " + e.getMessage(), e);
    }
  }

  /** What is said again of a turn: texts and tools, not images and files. */
  static ArrayNode kept(Iterable<JsonNode> messages) {
    ArrayNode kept = Json.array();
    for (JsonNode message : messages) {
      String role = message.path("role").asText();
      if (!(message instanceof ObjectNode) || role.equals("system") || role.equals("developer")) {
        continue;
      }
      ObjectNode copy = message.deepCopy();
      if (copy.path("content").isArray()) {
        ArrayNode parts = copy.putArray("content");
        for (JsonNode part : message.path("content")) {
          parts.add(part.path("type").asText().equals("text") ? part.deepCopy() : Json.object().put("type", "text").put("text", "[" + part.path("type").asText("part") + "]"));
        }
      }
      kept.add(copy);
    }
    return kept;
  }
}
