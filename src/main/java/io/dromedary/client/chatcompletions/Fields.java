package io.dromedary.client.chatcompletions;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Problem;
import java.util.Locale;

/** The checks that every field's rule is made of, with OpenAI's error codes. They say what is expected and what type came, and never quote a prompt. */
final class Fields {
  private Fields() {}

  static Problem missing(String path) {
    return Problem.badRequest("`" + path + "` is required").param(path).code("missing_required_parameter");
  }

  static Problem type(String path, String expected, JsonNode got) {
    return Problem.badRequest("`" + path + "` must be " + expected + ", not " + kind(got)).param(path).code("invalid_type");
  }

  static Problem invalid(String path, String message) {
    return Problem.badField(path, message);
  }

  static Problem unknownValue(String path, String got, String allowed) {
    return invalid(path, "`" + path + "` is `" + Problem.clip(got) + "`; allowed: " + allowed);
  }

  private static String kind(JsonNode node) {
    return switch (node.getNodeType()) {
      case ARRAY -> "an array";
      case OBJECT -> "an object";
      case BOOLEAN -> "a boolean";
      case NUMBER -> "a number";
      case STRING -> "a string";
      case NULL -> "null";
      default -> node.getNodeType().name().toLowerCase(Locale.ROOT);
    };
  }

  /** The field, which must be there; null counts as missing. */
  static JsonNode required(JsonNode parent, String field, String parentPath) {
    JsonNode value = parent.get(field);
    if (value == null || value.isNull()) {
      throw missing(parentPath + "." + field);
    }
    return value;
  }

  static String string(JsonNode value, String path) {
    if (!value.isTextual()) {
      throw type(path, "a string", value);
    }
    return value.textValue();
  }

  static JsonNode object(JsonNode value, String path) {
    if (!value.isObject()) {
      throw type(path, "an object", value);
    }
    return value;
  }

  static void bool(JsonNode value, String path) {
    if (!value.isBoolean()) {
      throw type(path, "true or false", value);
    }
  }

  static void optionalBool(JsonNode parent, String field, String path) {
    JsonNode value = parent.get(field);
    if (value != null && !value.isNull()) {
      bool(value, path);
    }
  }

  /** An array of 1 to {@code max} entries. */
  static void array(JsonNode value, String path, int max) {
    if (!value.isArray()) {
      throw type(path, "an array", value);
    }
    if (value.isEmpty()) {
      throw Problem.badRequest("`" + path + "` must have at least one entry").param(path).code("empty_array");
    }
    tooLong(value, path, max);
  }

  /** An array of up to {@code max} strings; it may be empty. */
  static void strings(JsonNode value, String path, int max) {
    if (!value.isArray()) {
      throw type(path, "an array of strings", value);
    }
    tooLong(value, path, max);
    for (int i = 0; i < value.size(); i++) {
      if (!value.get(i).isTextual()) {
        throw type(path + "[" + i + "]", "a string", value.get(i));
      }
    }
  }

  private static void tooLong(JsonNode value, String path, int max) {
    if (value.size() > max) {
      throw Problem.badRequest("`" + path + "` may have at most " + max + " entries, not " + value.size()).param(path).code("array_above_max_length");
    }
  }

  static void number(JsonNode value, String path, double min, double max) {
    if (!value.isNumber()) {
      throw type(path, "a number", value);
    }
    // doubleValue of a BigDecimal with a huge exponent is infinite and cheap; longValue would build all its digits
    double number = value.doubleValue();
    if (number > max) {
      throw range(path, "decimal_above_max_value", "at most " + plain(max));
    }
    if (!(number >= min)) {
      throw range(path, "decimal_below_min_value", "at least " + plain(min));
    }
  }

  static void integer(JsonNode value, String path, long min, long max) {
    if (!value.isNumber()) {
      throw type(path, "an integer", value);
    }
    double number = value.doubleValue();
    if (number > max) {
      throw range(path, "integer_above_max_value", "at most " + max);
    }
    if (!(number >= min)) {
      throw range(path, "integer_below_min_value", "at least " + min);
    }
    if (number != Math.rint(number)) {
      throw Problem.badRequest("`" + path + "` must be an integer, not a fraction").param(path).code("invalid_type");
    }
  }

  private static Problem range(String path, String code, String limit) {
    return Problem.badRequest("`" + path + "` must be " + limit).param(path).code(code);
  }

  private static String plain(double value) {
    return value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
  }

  /** {@code ^[a-zA-Z0-9_-]{1,64}$}. */
  static boolean isToolName(String name) {
    if (name.isEmpty() || name.length() > 64) {
      return false;
    }
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      if (!(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-')) {
        return false;
      }
    }
    return true;
  }
}
