package io.dromedary.batch;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;

/** Lists as OpenAI pages them, and ids in paths. */
final class Paging {
  private Paging() {}

  static int limit(Inbound in, int usual, int most) {
    String limit = in.query().get("limit");
    if (limit == null) {
      return usual;
    }
    if (!limit.matches("[0-9]{1,5}") || Integer.parseInt(limit) < 1 || Integer.parseInt(limit) > most) {
      throw Problem.badField("limit", "`limit` must be a whole number from 1 to " + most);
    }
    return Integer.parseInt(limit);
  }

  static ObjectNode page(boolean more) {
    ObjectNode page = Json.object().put("object", "list");
    page.putArray("data");
    return page.put("has_more", more);
  }

  /** Says its first and last id. */
  static ObjectNode ends(ObjectNode page) {
    int size = page.get("data").size();
    return page.put("first_id", size == 0 ? null : page.get("data").get(0).path("id").textValue()).put("last_id", size == 0 ? null : page.get("data").get(size - 1).path("id").textValue());
  }

  /** The last but one part of the path: the id in {@code /v1/files/{id}/content}. */
  static String id(Inbound in) {
    String[] parts = in.path().split("/");
    return parts.length < 2 ? "" : parts[parts.length - 2];
  }
}
