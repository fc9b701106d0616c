package io.dromedary.ranking;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.math.BigDecimal;

/** A task that is described in words, for {@code POST /v1/route}: {@code {"task": "Summarize 20 contracts", "budget_usd": 5, "calls": 20}}, with {@code routing} and the like beside it as in a chat request. */
public final class Suggestions {
  static final String TASK = "task";
  static final String BUDGET = "budget_usd";
  static final String CALLS = "calls";
  private static final int LONGEST = 20_000;
  private static final BigDecimal MOST = new BigDecimal("1000000000");

  /** The request that such a task would be made of; a chat request as it came. @throws Problem 400 naming the field */
  public Inbound read(Inbound in) {
    ObjectNode json = Json.readStrictly(in.body());
    JsonNode budget = json.path(BUDGET);
    if (!budget.isMissingNode() && !budget.isNull() && !(budget.isNumber() && budget.decimalValue().signum() >= 0 && budget.decimalValue().compareTo(MOST) <= 0)) {
      throw Problem.badField(BUDGET, "`" + BUDGET + "` must be a number of US dollars from 0 to " + MOST.toPlainString());
    }
    JsonNode calls = json.path(CALLS);
    if (!calls.isMissingNode() && !calls.isNull() && !(calls.isIntegralNumber() && calls.canConvertToInt() && calls.intValue() >= 1)) {
      throw Problem.badField(CALLS, "`" + CALLS + "` must be a whole number from 1 to " + Integer.MAX_VALUE);
    }
    if (json.has("messages") || !json.has(TASK)) {
      return in;
    }
    JsonNode task = json.path(TASK);
    if (!task.isTextual() || task.textValue().isBlank() || task.textValue().length() > LONGEST) {
      throw Problem.badField(TASK, "`" + TASK + "` must describe what is to be done in 1 to " + LONGEST + " characters");
    }
    if (!json.has("model")) {
      json.put("model", "auto");
    }
    json.putArray("messages").addObject().put("role", "user").put("content", task.textValue());
    return new Inbound(in.requestId(), in.entry(), in.method(), in.path(), in.query(), in.metadata(), Json.bytes(json), in.receivedAt(), in.callerGone());
  }
}
