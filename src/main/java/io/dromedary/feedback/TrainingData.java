package io.dromedary.feedback;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import javax.sql.DataSource;

/** The interaction log with what callers said of it, for the trainer: one JSON object a line. In pages, so that a log of any size needs little memory; each line's {@code cursor} is where the next page begins. */
public final class TrainingData {
  private static final int USUAL = 1_000;
  private static final int MOST = 10_000;
  /** A page ends with the line that passes it. */
  private static final int MOST_BYTES = 16 << 20;

  private final DataSource dataSource;

  public TrainingData(DataSource dataSource) {
    this.dataSource = dataSource;
  }

  /**
   * {@code GET /admin/training-data?after=<cursor>&limit=<lines>}: {@code {"id","prompt","model","score","task","tier","cursor"}} of requests whose text was kept and of which a caller said something.
   *
   * @throws Problem 400 for a bad cursor or limit
   */
  public byte[] page(Inbound in) {
    long after = number(in, "after", 0, Long.MAX_VALUE);
    int limit = (int) number(in, "limit", USUAL, MOST);
    ByteArrayOutputStream lines = new ByteArrayOutputStream(64_000);
    try (Connection connection = dataSource.getConnection(); PreparedStatement select = connection.prepareStatement("SELECT i.seq, i.request_id, i.prompt, f.model, f.score, f.task, f.tier"
        + " FROM dromedary_interaction_log i JOIN dromedary_feedback f ON f.request_id = i.request_id AND f.latest WHERE i.seq > ? AND i.prompt IS NOT NULL AND f.model <> '' ORDER BY i.seq LIMIT ?")) {
      select.setLong(1, after);
      select.setInt(2, limit);
      select.setFetchSize(100);
      try (ResultSet row = select.executeQuery()) {
        while (row.next() && lines.size() < MOST_BYTES) {
          ObjectNode line = Json.object().put("id", row.getString(2)).put("prompt", asked(row.getString(3))).put("model", row.getString(4)).put("score", row.getDouble(5)).put("task", row.getString(6))
              .put("tier", row.getString(7)).put("cursor", row.getLong(1));
          lines.writeBytes(Json.bytes(line));
          lines.write('\n');
        }
      }
      return lines.toByteArray();
    } catch (SQLException e) {
      throw Feedback.unavailable();
    }
  }

  private static long number(Inbound in, String name, long absent, long most) {
    String text = in.query().get(name);
    if (text == null || text.isEmpty()) {
      return absent;
    }
    try {
      long value = Long.parseLong(text);
      if (value >= 0 && value <= most) {
        return value;
      }
    } catch (NumberFormatException notANumber) {
      // told below
    }
    throw Problem.badField(name, "`" + name + "` must be a whole number from 0 to " + most);
  }

  /** The last thing that the user said, of the messages that were logged. */
  private static String asked(String messages) {
    String last = "";
    try {
      for (JsonNode message : Json.read(messages)) {
        if (message.path("role").asText().equals("user")) {
          last = text(message.path("content"));
        }
      }
    } catch (IOException notMessages) {
      return messages;
    }
    return last;
  }

  private static String text(JsonNode content) {
    if (content.isTextual()) {
      return content.textValue();
    }
    StringBuilder text = new StringBuilder();
    for (JsonNode part : content) {
      if (part.path("text").isTextual()) {
        text.append(text.isEmpty() ? "" : "\n").append(part.path("text").textValue());
      }
    }
    return text.toString();
  }
}
