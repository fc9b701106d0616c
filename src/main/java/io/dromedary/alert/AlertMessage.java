package io.dromedary.alert;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import java.time.Instant;
import java.util.Locale;

/** An alert as it leaves: one JSON object with an id to know it again by, or the words that Slack and its like show. Holds names and figures only: no key, no prompt, no answer. */
final class AlertMessage {
  private AlertMessage() {}

  /** @param state {@code firing}, {@code still_firing}, {@code resolved} or {@code test} */
  static String of(AlertSink sink, String eventId, String state, AlertStore.Row row, long now) {
    ObjectNode json = Json.object();
    if (sink.format() == AlertSink.Format.SLACK) {
      // < > & are Slack's markup
      String text = "[" + row.severity().toUpperCase(Locale.ROOT) + (state.equals("firing") ? "" : ", " + state.replace('_', ' ')) + "] " + row.summary() + " (rule " + row.rule() + ", alert " + row.id() + ")";
      return Json.text(json.put("text", text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")));
    }
    json.put("event_id", eventId).put("object", "alert").put("alert_id", row.id()).put("state", state).put("rule", row.rule()).put("on", row.kind()).put("subject", row.subject()).put("project", row.project()).put("severity", row.severity())
        .put("summary", row.summary()).put("started_at", Instant.ofEpochMilli(row.startedAtMs()).toString()).put("at", Instant.ofEpochMilli(now).toString());
    return Json.text(json);
  }
}
