package io.dromedary.feedback;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Erasable;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** What callers say of answers: joined to its request, durable before it is answered, the latest word counting and all words kept. */
public final class Feedback implements Erasable {
  private static final List<String> FIELDS = List.of("request_id", "score", "outcome", "comment");
  private static final int LONGEST_COMMENT = 2_000;
  private static final int LONGEST_ID = 128;
  private static final int TRIES = 8;

  private record Asked(String model, String task, String tier) {}

  private record Word(int revision, double score, String outcome, String comment, long atMs) {
    boolean same(Word other) {
      return score == other.score && outcome.equals(other.outcome) && comment.equals(other.comment);
    }
  }

  private final DataSource dataSource;
  private final QualityEstimates quality;
  private final Duration commentsKept;
  private final Clock clock;

  /** @param commentsKept how long what callers wrote is kept, as with the interaction log; scores stay */
  public Feedback(DataSource dataSource, QualityEstimates quality, Duration commentsKept, Clock clock) {
    this.dataSource = dataSource;
    this.quality = quality;
    this.commentsKept = commentsKept;
    this.clock = clock;
  }

  /**
   * {@code POST /v1/feedback}. Saying the same again changes nothing; saying something else replaces what was said.
   *
   * @throws Problem 400 naming the field, 404 for an unknown request and for another project's in the same words, 503 if it cannot be kept
   */
  public ObjectNode give(Inbound in, Caller caller) {
    ObjectNode json = Json.readStrictly(in.body());
    json.fieldNames().forEachRemaining(field -> {
      if (!FIELDS.contains(field)) {
        throw Problem.badField(Problem.clip(field), "`" + Problem.clip(field) + "` is not one of " + String.join(", ", FIELDS));
      }
    });
    JsonNode id = json.path("request_id");
    if (!id.isTextual() || id.textValue().isBlank()) {
      throw Problem.badField("request_id", "`request_id` must be the `x-request-id` of the answer that this is about");
    }
    String requestId = id.textValue();
    Word word = word(json);
    try (Connection connection = dataSource.getConnection()) {
      Asked asked = asked(connection, requestId, caller);
      Word before = null;
      Word kept = null;
      for (int tries = 0; kept == null; tries++) {
        before = latest(connection, requestId);
        if (before != null && before.same(word)) {
          return page(requestId, asked, before);
        }
        kept = keep(connection, requestId, caller, asked, before, word, tries == TRIES);
      }
      learn(asked, before, kept);
      return page(requestId, asked, kept);
    } catch (SQLException e) {
      throw unavailable();
    }
  }

  private Word word(ObjectNode json) {
    JsonNode score = json.path("score");
    JsonNode outcome = json.path("outcome");
    boolean scored = !score.isMissingNode() && !score.isNull();
    boolean told = !outcome.isMissingNode() && !outcome.isNull();
    if (scored == told) {
      throw Problem.badField("score", "give either `score`, 0 to 1, or `outcome`, success or failure");
    }
    if (scored && !(score.isNumber() && score.decimalValue().signum() >= 0 && score.decimalValue().compareTo(BigDecimal.ONE) <= 0)) {
      throw Problem.badField("score", "`score` must be a number from 0 to 1");
    }
    if (told && !(outcome.isTextual() && (outcome.textValue().equals("success") || outcome.textValue().equals("failure")))) {
      throw Problem.badField("outcome", "`outcome` must be success or failure");
    }
    JsonNode comment = json.path("comment");
    if (!comment.isMissingNode() && !comment.isNull() && !(comment.isTextual() && comment.textValue().length() <= LONGEST_COMMENT)) {
      throw Problem.badField("comment", "`comment` must be a text of at most " + LONGEST_COMMENT + " characters");
    }
    double value = scored ? score.doubleValue() : outcome.textValue().equals("success") ? 1 : 0;
    return new Word(0, value, told ? outcome.textValue() : "", clean(comment.asText("")), clock.millis());
  }

  /** What PostgreSQL takes in a text: no NUL, no half of a surrogate pair. */
  private static String clean(String text) {
    StringBuilder kept = new StringBuilder(text.length());
    text.codePoints().forEach(point -> kept.appendCodePoint(point == 0 || point >= Character.MIN_SURROGATE && point <= Character.MAX_SURROGATE ? 0xFFFD : point));
    return kept.toString();
  }

  private static Asked asked(Connection connection, String requestId, Caller caller) throws SQLException {
    if (requestId.length() <= LONGEST_ID && requestId.equals(clean(requestId))) {
      try (PreparedStatement select = connection.prepareStatement("SELECT project, served_model, task, tier FROM dromedary_requests WHERE request_id = ?")) {
        select.setString(1, requestId);
        try (ResultSet row = select.executeQuery()) {
          if (row.next() && (caller.admin() || row.getString(1).equals(caller.project()))) {
            return new Asked(row.getString(2), row.getString(3), row.getString(4));
          }
        }
      }
    }
    throw Problem.notFound("no request `" + Problem.clip(requestId) + "` is known here");
  }

  private static @Nullable Word latest(Connection connection, String requestId) throws SQLException {
    try (PreparedStatement select = connection.prepareStatement("SELECT revision, score, outcome, remark, created_at_ms FROM dromedary_feedback WHERE request_id = ? ORDER BY revision DESC")) {
      select.setMaxRows(1);
      select.setString(1, requestId);
      try (ResultSet row = select.executeQuery()) {
        return row.next() ? new Word(row.getInt(1), row.getDouble(2), row.getString(3), row.getString(4), row.getLong(5)) : null;
      }
    }
  }

  /** @return null if somebody else was first: then look again */
  private static @Nullable Word keep(Connection connection, String requestId, Caller caller, Asked asked, @Nullable Word before, Word word, boolean last) throws SQLException {
    int revision = before == null ? 1 : before.revision() + 1;
    connection.setAutoCommit(false);
    try (PreparedStatement insert = connection.prepareStatement("INSERT INTO dromedary_feedback (request_id, revision, latest, project, key_id, model, task, tier, score, outcome, remark, created_at_ms)"
        + " VALUES (?, ?, TRUE, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        PreparedStatement older = connection.prepareStatement("UPDATE dromedary_feedback SET latest = FALSE WHERE request_id = ? AND revision < ? AND latest")) {
      insert.setString(1, requestId);
      insert.setInt(2, revision);
      insert.setString(3, caller.project());
      insert.setString(4, caller.keyId());
      insert.setString(5, asked.model());
      insert.setString(6, asked.task());
      insert.setString(7, asked.tier());
      insert.setDouble(8, word.score());
      insert.setString(9, word.outcome());
      insert.setString(10, word.comment());
      insert.setLong(11, word.atMs());
      insert.executeUpdate();
      older.setString(1, requestId);
      older.setInt(2, revision);
      older.executeUpdate();
      connection.commit();
      return new Word(revision, word.score(), word.outcome(), word.comment(), word.atMs());
    } catch (SQLException e) {
      connection.rollback();
      if (!last && e.getSQLState() != null && e.getSQLState().startsWith("23")) {
        return null;
      }
      throw e;
    } finally {
      connection.setAutoCommit(true);
    }
  }

  private void learn(Asked asked, @Nullable Word before, Word kept) {
    if (before == null) {
      quality.scored(asked.model(), asked.task(), asked.tier(), kept.score());
    } else {
      quality.rescored(asked.model(), asked.task(), asked.tier(), before.score(), kept.score(), Math.max(0, kept.atMs() - before.atMs()));
    }
  }

  private static ObjectNode page(String requestId, Asked asked, Word word) {
    ObjectNode page = Json.object().put("object", "feedback").put("request_id", requestId).put("model", asked.model().isEmpty() ? null : asked.model()).put("score", word.score());
    if (!word.outcome().isEmpty()) {
      page.put("outcome", word.outcome());
    }
    return page.put("revision", word.revision()).put("created_at", Instant.ofEpochMilli(word.atMs()).toString());
  }

  /** Puts what was said of a request on its ledger page. */
  public ObjectNode onPage(ObjectNode page) {
    try (Connection connection = dataSource.getConnection()) {
      Word word = latest(connection, page.path("id").asText());
      if (word != null) {
        page.putObject("feedback").put("score", word.score()).put("outcome", word.outcome().isEmpty() ? null : word.outcome()).put("comment", word.comment().isEmpty() ? null : word.comment())
            .put("revision", word.revision()).put("created_at", Instant.ofEpochMilli(word.atMs()).toString());
      }
      return page;
    } catch (SQLException e) {
      throw unavailable();
    }
  }

  /** Forgets what callers wrote when its time is over. @return how many comments that were */
  public int sweep() {
    try (Connection connection = dataSource.getConnection(); PreparedStatement update = connection.prepareStatement("UPDATE dromedary_feedback SET remark = '' WHERE remark <> '' AND created_at_ms < ?")) {
      update.setLong(1, clock.millis() - commentsKept.toMillis());
      return update.executeUpdate();
    } catch (SQLException e) {
      throw new IllegalStateException("could not forget comments: " + e.getMessage(), e);
    }
  }

  @Override
  public String what() {
    return "feedback_comments";
  }

  /** What callers wrote goes, their scores stay. */
  @Override
  public int erase(@Nullable String project, @Nullable String user, @Nullable Instant before) {
    String sql = "UPDATE dromedary_feedback SET remark = '' WHERE remark <> ''" + (project == null ? "" : " AND project = ?") + (before == null ? "" : " AND created_at_ms < ?")
        + (user == null ? "" : " AND request_id IN (SELECT request_id FROM dromedary_requests WHERE user_id = ?)");
    try (Connection connection = dataSource.getConnection(); PreparedStatement update = connection.prepareStatement(sql)) {
      int at = 1;
      if (project != null) {
        update.setString(at++, project);
      }
      if (before != null) {
        update.setLong(at++, before.toEpochMilli());
      }
      if (user != null) {
        update.setString(at, user);
      }
      return update.executeUpdate();
    } catch (SQLException e) {
      throw new IllegalStateException("could not erase comments: SQL state " + e.getSQLState(), e);
    }
  }

  static Problem unavailable() {
    return new Problem(503, "service_unavailable_error", "the store cannot be used just now; try again shortly").code("ledger_unavailable").retryAfter(Duration.ofSeconds(2));
  }
}
