package io.dromedary.batch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;

/**
 * One request of a batch.
 *
 * @param number of its line in the file, from 1
 * @param endpoint such as {@code /v1/chat/completions}
 * @param body the request, as JSON
 */
public record BatchLine(int number, String customId, String endpoint, byte[] body) {
  /** The longest {@code custom_id}. */
  static final int LONGEST_ID = 512;

  /** Reads a line that has been found right. */
  static BatchLine of(int number, byte[] line) {
    ObjectNode json = Json.readStrictly(line);
    return new BatchLine(number, json.path("custom_id").asText(), json.path("url").asText(), Json.bytes(json.path("body")));
  }

  /** What is wrong with a line. */
  record Fault(String code, String message, String param) {}

  /** @return the line's {@code custom_id}, or what is wrong with it */
  static Object check(byte[] line, String endpoint) {
    ObjectNode json;
    try {
      json = Json.readStrictly(line);
    } catch (io.dromedary.chat.Problem notJson) {
      return new Fault("invalid_json_line", "this line is not a JSON object: " + notJson.getMessage(), "");
    }
    JsonNode id = json.path("custom_id");
    if (!id.isTextual() || id.textValue().isEmpty() || id.textValue().length() > LONGEST_ID) {
      return new Fault("invalid_custom_id", "`custom_id` must be a text of 1 to " + LONGEST_ID + " characters", "custom_id");
    }
    if (!json.path("method").asText().equals("POST")) {
      return new Fault("invalid_method", "`method` must be POST", "method");
    }
    if (!json.path("url").asText().equals(endpoint)) {
      return new Fault("invalid_url", "`url` must be the batch's endpoint, " + endpoint, "url");
    }
    if (!json.path("body").isObject()) {
      return new Fault("invalid_body", "`body` must be an object", "body");
    }
    return id.textValue();
  }
}
