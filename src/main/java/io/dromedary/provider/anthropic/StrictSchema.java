package io.dromedary.provider.anthropic;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import java.util.Map;
import java.util.Set;

/** A copy of a JSON Schema in the dialect of Anthropic's structured output: every object closed, no numeric or length limits. */
final class StrictSchema {
  private static final Set<String> LIMITS = Set.of("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems", "uniqueItems", "minProperties",
      "maxProperties");
  /** Keywords whose value maps names to schemas, so that a property called "minimum" stays. */
  private static final Set<String> NAMED_SCHEMAS = Set.of("properties", "$defs", "definitions");
  private static final Set<String> SCHEMAS = Set.of("items", "anyOf", "allOf", "oneOf", "not", "prefixItems");

  private StrictSchema() {}

  static JsonNode of(JsonNode schema) {
    if (schema instanceof ArrayNode list) {
      ArrayNode copy = Json.array();
      for (JsonNode one : list) {
        copy.add(of(one));
      }
      return copy;
    }
    if (!(schema instanceof ObjectNode)) {
      return schema;
    }
    ObjectNode copy = Json.object();
    for (Map.Entry<String, JsonNode> keyword : schema.properties()) {
      String name = keyword.getKey();
      JsonNode value = keyword.getValue();
      if (LIMITS.contains(name) || name.equals("minItems") && value.asInt() > 1 || name.equals("additionalProperties")) {
        continue;
      }
      if (NAMED_SCHEMAS.contains(name) && value.isObject()) {
        ObjectNode named = copy.putObject(name);
        for (Map.Entry<String, JsonNode> entry : value.properties()) {
          named.set(entry.getKey(), of(entry.getValue()));
        }
      } else if (name.equals("oneOf") && !schema.has("anyOf")) {
        // not taken; for what a model writes branch by branch anyOf is the same
        copy.set("anyOf", of(value));
      } else {
        copy.set(name, SCHEMAS.contains(name) ? of(value) : value);
      }
    }
    if (isObject(schema)) {
      copy.put("additionalProperties", false);
    }
    return copy;
  }

  private static boolean isObject(JsonNode schema) {
    JsonNode type = schema.path("type");
    if (type.isArray()) {
      for (JsonNode one : type) {
        if ("object".equals(one.asText())) {
          return true;
        }
      }
      return false;
    }
    return "object".equals(type.asText()) || type.isMissingNode() && schema.has("properties");
  }
}
