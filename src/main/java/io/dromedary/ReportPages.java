package io.dromedary;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Download;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Problem;
import io.dromedary.client.Reply;
import io.dromedary.client.chatcompletions.Replies;
import io.dromedary.spend.UsageReports;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The reports' pages: JSON, or lines for a spreadsheet. */
public final class ReportPages {
  private final UsageReports reports;
  private final Replies replies;

  ReportPages(UsageReports reports, Replies replies) {
    this.reports = reports;
    this.replies = replies;
  }

  /** {@code GET /v1/usage}; {@code format=csv} for lines. */
  public Reply usage(Inbound in, Caller caller, @Nullable String requestId) {
    String format = in.query().getOrDefault("format", "json");
    if (format.equals("csv")) {
      return csv(in, caller, requestId);
    }
    if (!format.equals("json")) {
      throw Problem.badField("format", "`format` takes `json` and `csv`, not `" + Problem.clip(format) + "`");
    }
    return replies.json(reports.usage(in.query(), caller), requestId);
  }

  /** {@code GET /v1/savings}. */
  public JsonNode savings(Inbound in, Caller caller) {
    return reports.savings(in.query(), caller);
  }

  /** {@code GET /v1/costs/export}. */
  public Reply csv(Inbound in, Caller caller, @Nullable String requestId) {
    String format = in.query().getOrDefault("format", "csv");
    if (!format.equals("csv")) {
      throw Problem.badField("format", "`format` takes `csv`, not `" + Problem.clip(format) + "`");
    }
    UsageReports.Lines lines = reports.lines(in.query(), caller);
    Map<String, String> headers = new LinkedHashMap<>(replies.json(com.fasterxml.jackson.databind.node.NullNode.getInstance(), requestId).headers());
    headers.put("content-disposition", "attachment; filename=\"costs.csv\"");
    return new Reply.File(headers, "text/csv; charset=utf-8; header=present", new Download(Download.UNKNOWN, lines::write));
  }
}
