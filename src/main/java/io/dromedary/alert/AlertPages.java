package io.dromedary.alert;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.time.Instant;
import java.util.Iterator;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The alerts' pages, for the admin. */
public final class AlertPages {
  private static final int MAX = 1_000;

  private final Alerts alerts;

  public AlertPages(Alerts alerts) {
    this.alerts = alerts;
  }

  /** {@code GET /admin/alerts}: those that last; {@code ?rule=}, {@code ?project=}, {@code ?limit=}. @throws Problem 400 naming the parameter that is wrong */
  public ObjectNode open(Inbound in) {
    return list(in, false);
  }

  /** {@code GET /admin/alerts/history}: those that are over too, newest first. @throws Problem 400 naming the parameter that is wrong */
  public ObjectNode history(Inbound in) {
    return list(in, true);
  }

  private ObjectNode list(Inbound in, boolean history) {
    in.query().keySet().forEach(name -> {
      if (!Set.of("rule", "project", "limit").contains(name)) {
        throw Problem.badField(Problem.clip(name), "there is no parameter `" + Problem.clip(name) + "` here; there are rule, project, limit");
      }
    });
    int limit = 100;
    String text = in.query().get("limit");
    if (text != null) {
      try {
        limit = Integer.parseInt(text);
      } catch (NumberFormatException e) {
        limit = 0;
      }
      if (limit < 1 || limit > MAX) {
        throw Problem.badField("limit", "`limit` must be a whole number from 1 to " + MAX + ", not `" + Problem.clip(text) + "`");
      }
    }
    ObjectNode page = Json.object().put("object", "list");
    ArrayNode data = page.putArray("data");
    alerts.list(history, clean(in.query().get("rule")), clean(in.query().get("project")), limit).forEach(row -> data.add(json(row)));
    return page;
  }

  /** No row has a NUL in it, and PostgreSQL takes none. */
  private static @Nullable String clean(@Nullable String text) {
    return text == null ? null : text.replace('\0', ' ');
  }

  /** {@code POST /admin/alerts/{id}/ack}, with {@code note} or an empty object: it is not told again while it lasts. Doing it twice changes nothing. @throws Problem 404 for an unknown id */
  public ObjectNode acknowledge(Inbound in) {
    String[] parts = in.path().split("/");
    String id = parts.length < 2 ? "" : parts[parts.length - 2];
    String note = text(in, "note");
    AlertStore.Row row = id.length() > 40 ? null : alerts.acknowledge(clean(id), note == null ? "" : note);
    if (row == null) {
      throw Problem.notFound("no alert `" + Problem.clip(id) + "` is known here");
    }
    return json(row);
  }

  /** {@code POST /admin/alerts/test}, with {@code to}: sends a message there that says that it is a try. @throws Problem 400 if there is no such sink */
  public ObjectNode test(Inbound in) {
    String to = text(in, "to");
    if (to == null) {
      throw Problem.badField("to", "`to` must name a sink of dromedary.alerts.sinks");
    }
    return Json.object().put("object", "alert_test").put("alert_id", alerts.test(to)).put("to", to);
  }

  private static @Nullable String text(Inbound in, String field) {
    if (in.body().length == 0) {
      return null;
    }
    ObjectNode body = Json.readStrictly(in.body());
    for (Iterator<String> names = body.fieldNames(); names.hasNext();) {
      String name = names.next();
      if (!name.equals(field)) {
        throw Problem.badField(Problem.clip(name), "`" + Problem.clip(name) + "` is not known here; there is " + field);
      }
    }
    JsonNode value = body.path(field);
    if (!value.isMissingNode() && !(value.isTextual() && value.textValue().length() <= 256)) {
      throw Problem.badField(field, "`" + field + "` must be a string of at most 256 characters");
    }
    return value.isMissingNode() ? null : value.textValue();
  }

  private static ObjectNode json(AlertStore.Row row) {
    ObjectNode json = Json.object().put("id", row.id()).put("object", "alert").put("rule", row.rule()).put("on", row.kind()).put("state", row.resolvedAtMs() == null ? "firing" : "resolved").put("severity", row.severity())
        .put("subject", row.subject()).put("project", row.project()).put("summary", row.summary()).put("started_at", time(row.startedAtMs())).put("seen_at", time(row.seenAtMs())).put("told", row.timesTold()).put("told_at", time(row.toldAtMs()))
        .put("resolved_at", time(row.resolvedAtMs())).put("acknowledged_at", time(row.ackedAtMs()));
    if (row.note() != null && !row.note().isEmpty()) {
      json.put("note", row.note());
    }
    return json;
  }

  private static @Nullable String time(@Nullable Long epochMs) {
    return epochMs == null ? null : Instant.ofEpochMilli(epochMs).toString();
  }
}
