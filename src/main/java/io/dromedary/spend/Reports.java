package io.dromedary.spend;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Usd;
import java.io.IOException;
import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** What the ledger tells of one request. A caller sees its own project's, the admin all of them. Money is exact: decimal dollars as text, and whole nano-dollars. */
public final class Reports {
  private final Store store;

  public Reports(Store store) {
    this.store = store;
  }

  /**
   * One request's account: usage, cost, savings, decision and every attempt.
   *
   * @throws Problem 404 for an unknown id and for another project's, in the same words; a request is known when it is settled
   */
  public JsonNode request(String requestId, Caller caller) {
    if (requestId.isEmpty() || !Rows.clip(requestId, 128).equals(requestId)) {
      throw unknown(requestId);
    }
    try (Connection connection = store.dataSource().getConnection();
        PreparedStatement select = connection.prepareStatement("SELECT * FROM dromedary_requests WHERE request_id = ?")) {
      select.setString(1, requestId);
      try (ResultSet row = select.executeQuery()) {
        if (!row.next() || !caller.admin() && !row.getString("project").equals(caller.project())) {
          throw unknown(requestId);
        }
        ObjectNode json = request(row);
        ArrayNode attempts = attempts(connection, row.getLong("seq"));
        money(json, "judge_cost", judgeCost(attempts));
        json.set("attempts", attempts);
        return json;
      }
    } catch (SQLException e) {
      throw unreadable();
    }
  }

  private static Problem unknown(String requestId) {
    return Problem.notFound("no request `" + Problem.clip(requestId) + "` is known here");
  }

  private static ObjectNode request(ResultSet row) throws SQLException {
    ObjectNode json = Json.object();
    json.put("id", row.getString("request_id")).put("object", "request").put("project", row.getString("project")).put("key_id", row.getString("key_id")).put("user", row.getString("user_id")).put("agent", row.getString("agent"));
    ArrayNode tags = json.putArray("tags");
    for (String tag : row.getString("tags").split(",")) {
      if (!tag.isEmpty()) {
        tags.add(tag);
      }
    }
    json.put("entry", row.getString("entry")).put("requested_model", row.getString("requested_model")).put("model", row.getString("served_model")).put("provider", row.getString("provider"))
        .put("tier", row.getString("tier")).put("task", row.getString("task")).put("domain", row.getString("domain")).put("score", row.getDouble("score"))
        .put("strategy", row.getString("strategy")).put("reason", row.getString("reason")).put("status", row.getString("status")).put("http_status", row.getInt("http_status"))
        .put("stream", row.getBoolean("streamed")).put("cache", row.getString("cache"));
    usage(json.putObject("usage"), row);
    money(json, "cost", row.getLong("cost_nanos"));
    ObjectNode savings = json.putObject("savings");
    money(savings, "cache", row.getLong("cache_saved_nanos"));
    money(savings, "routing", row.getLong("routing_saved_nanos"));
    savings.put("baseline_model", row.getString("baseline_model"));
    json.put("received_at", Instant.ofEpochMilli(row.getLong("received_at_ms")).toString()).put("settled_at", Instant.ofEpochMilli(row.getLong("settled_at_ms")).toString());
    millis(json, "first_token_ms", row, "first_token_us");
    millis(json, "total_ms", row, "total_us");
    millis(json, "overhead_ms", row, "overhead_us");
    json.put("prompt_hash", row.getString("prompt_hash"));
    json.set("decision", decision(row.getString("decision")));
    return json;
  }

  private static JsonNode decision(@Nullable String text) {
    if (text == null) {
      return Json.mapper().nullNode();
    }
    try {
      return Json.read(text);
    } catch (IOException cutOrPlainText) {
      return Json.mapper().getNodeFactory().textNode(text);
    }
  }

  private static ArrayNode attempts(Connection connection, long seq) throws SQLException {
    ArrayNode attempts = Json.array();
    try (PreparedStatement select = connection.prepareStatement("SELECT * FROM dromedary_attempts WHERE seq > ? AND seq <= ? ORDER BY seq")) {
      select.setLong(1, seq);
      select.setLong(2, seq + Sequence.MAX_ATTEMPT);
      try (ResultSet row = select.executeQuery()) {
        while (row.next()) {
          ObjectNode json = attempts.addObject();
          json.put("id", row.getString("request_id") + "." + row.getInt("number")).put("number", row.getInt("number")).put("provider", row.getString("provider"))
              .put("model", row.getString("model")).put("purpose", row.getString("purpose")).put("price_version", row.getString("price_version")).put("state", row.getString("status")).put("outcome", row.getString("outcome"))
              .put("failure", row.getString("failure")).put("provider_status", row.getInt("provider_status"));
          usage(json.putObject("usage"), row);
          money(json, "reserved", row.getLong("reserved_nanos"));
          money(json, "cost", row.getLong("cost_nanos"));
          long listed = row.getLong("list_nanos");
          if (!row.wasNull()) {
            money(json, "list_cost", listed);
          }
          json.put("started_at", Instant.ofEpochMilli(row.getLong("started_at_ms")).toString());
          millis(json, "first_token_ms", row, "first_token_us");
          millis(json, "total_ms", row, "total_us");
        }
      }
    }
    return attempts;
  }

  /** What the router's own calls cost; part of the request's cost. */
  private static long judgeCost(ArrayNode attempts) {
    long nanos = 0;
    for (JsonNode attempt : attempts) {
      nanos += "judge".equals(attempt.path("purpose").asText()) ? attempt.path("cost_nanos").asLong() : 0;
    }
    return nanos;
  }

  private static void usage(ObjectNode json, ResultSet row) throws SQLException {
    long uncached = row.getLong("uncached_input");
    long read = row.getLong("cache_read");
    long write = row.getLong("cache_write");
    json.put("input_tokens", uncached + read + write).put("uncached_input_tokens", uncached).put("cache_read_tokens", read).put("cache_write_tokens", write)
        .put("output_tokens", row.getLong("output")).put("reasoning_tokens", row.getLong("reasoning")).put("counted", row.getBoolean("counted"));
  }

  private static void money(ObjectNode json, String name, long nanos) {
    json.put(name + "_usd", Usd.ofNanos(nanos).toString()).put(name + "_nanos", nanos);
  }

  private static void millis(ObjectNode json, String name, ResultSet row, String column) throws SQLException {
    long micros = row.getLong(column);
    if (!row.wasNull()) {
      json.put(name, BigDecimal.valueOf(micros, 3));
    }
  }

  private static Problem unreadable() {
    return new Problem(503, "service_unavailable_error", "the ledger cannot be read just now; try again shortly").code("ledger_unavailable").retryAfter(Duration.ofSeconds(2));
  }
}
