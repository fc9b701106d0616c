package io.dromedary.batch;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;

/** A line of a batch's results, as bytes with a line break at their end. */
final class ResultLine {
  private ResultLine() {}

  static byte[] of(Batch batch, int line, String customId, LineAsker.Told told) {
    // the body is put in as it is: it need not be read to be told
    byte[] body = told.body();
    ObjectNode response = Json.object().put("status_code", told.status()).put("request_id", told.requestId());
    if (told.cost() != null) {
      response.put("x_dromedary_cost_usd", told.cost());
    }
    String before = start(batch, line, customId) + ",\"response\":" + Json.text(response).replaceFirst("}$", ",\"body\":");
    byte[] head = before.getBytes(UTF_8);
    byte[] tail = "},\"error\":null}\n".getBytes(UTF_8);
    byte[] all = new byte[head.length + body.length + tail.length];
    System.arraycopy(head, 0, all, 0, head.length);
    for (int i = 0; i < body.length; i++) {
      // one line: a line break between JSON's tokens is as good as a blank, and inside a text there is none
      all[head.length + i] = body[i] == '\n' || body[i] == '\r' ? (byte) ' ' : body[i];
    }
    System.arraycopy(tail, 0, all, head.length + body.length, tail.length);
    return all;
  }

  /** One that has no answer. */
  static byte[] none(Batch batch, int line, String customId, String code, String message) {
    String error = Json.text(Json.object().put("code", code).put("message", message));
    return (start(batch, line, customId) + ",\"response\":null,\"error\":" + error + "}\n").getBytes(UTF_8);
  }

  private static String start(Batch batch, int line, String customId) {
    String json = Json.text(Json.object().put("id", "batch_req_" + batch.id().substring("batch_".length()) + "_" + line).put("custom_id", customId));
    return json.substring(0, json.length() - 1);
  }
}
