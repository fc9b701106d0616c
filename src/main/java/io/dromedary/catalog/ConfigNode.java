package io.dromedary.catalog;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.dromedary.chat.Problem;
import java.io.IOException;
import java.math.BigDecimal;
import java.time.LocalDate;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A value in a YAML file that knows where it stands, so that every complaint names file, key, value and what is allowed. Decimals are exact. */
public final class ConfigNode {
  private static final ObjectMapper YAML = YAMLMapper.builder(YAMLFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build())
      .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
      .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
      .build();

  private final String file;
  private final String path;
  private final JsonNode node;

  private ConfigNode(String file, String path, JsonNode node) {
    this.file = file;
    this.path = path;
    this.node = node;
  }

  /**
   * Reads a whole file.
   *
   * @param file its name, for messages
   * @throws ConfigError if it is no YAML mapping
   */
  public static ConfigNode read(byte[] yaml, String file) {
    try {
      JsonNode root = YAML.readTree(yaml);
      if (root == null || !root.isObject()) {
        throw new ConfigError(file + ": must be a YAML mapping of keys to values");
      }
      return new ConfigNode(file, "", root);
    } catch (JsonProcessingException e) {
      JsonLocation at = e.getLocation();
      String key = e.getProcessor() instanceof JsonParser parser ? parser.getParsingContext().pathAsPointer().toString().replaceFirst("^/", "").replace('/', '.') : "";
      throw new ConfigError(file + ": not valid YAML" + (at == null ? "" : " at line " + at.getLineNr() + ", column " + at.getColumnNr()) + (key.isEmpty() ? "" : ", " + key) + ": " + firstLine(e.getOriginalMessage()), e);
    } catch (IOException e) {
      throw new ConfigError(file + ": cannot be read: " + e.getMessage(), e);
    }
  }

  /** What is wrong with this value. */
  public ConfigError error(String whatIsAllowed) {
    String value = node.isMissingNode() ? "is missing" : "= " + Problem.clip(node.isContainerNode() ? node.toString() : node.asText());
    return new ConfigError(file + ": " + (path.isEmpty() ? "the file" : path) + " " + value + ": " + whatIsAllowed);
  }

  public boolean present() {
    return !node.isMissingNode() && !node.isNull();
  }

  public ConfigNode get(String key) {
    return new ConfigNode(file, path.isEmpty() ? key : path + "." + key, node.isObject() && node.has(key) ? node.get(key) : MissingNode.getInstance());
  }

  /** Complains about keys that nobody reads: a misspelt key must not be silently without effect. */
  public ConfigNode onlyKeys(List<String> allowed) {
    if (!node.isObject()) {
      throw error("must be a mapping with the keys " + String.join(", ", allowed));
    }
    node.fieldNames().forEachRemaining(key -> {
      if (!allowed.contains(key)) {
        throw get(key).error("unknown key; allowed are " + String.join(", ", allowed));
      }
    });
    return this;
  }

  /** The elements of a list, none when absent. */
  public List<ConfigNode> list() {
    if (!present()) {
      return List.of();
    }
    if (!node.isArray()) {
      throw error("must be a list");
    }
    List<ConfigNode> elements = new ArrayList<>(node.size());
    for (int i = 0; i < node.size(); i++) {
      JsonNode element = node.get(i);
      String name = element.path("id").isTextual() ? element.path("id").textValue() : Integer.toString(i);
      elements.add(new ConfigNode(file, path + "[" + name + "]", element));
    }
    return elements;
  }

  /** Keys and values in the order of the file, none when absent. */
  public Map<String, ConfigNode> entries() {
    Map<String, ConfigNode> entries = new LinkedHashMap<>();
    if (present()) {
      if (!node.isObject()) {
        throw error("must be a mapping");
      }
      node.fieldNames().forEachRemaining(key -> entries.put(key, get(key)));
    }
    return entries;
  }

  public String text() {
    if (!node.isTextual() || node.textValue().isBlank()) {
      throw error("must be a text that is not empty");
    }
    return node.textValue();
  }

  public String text(String absent) {
    return present() ? text() : absent;
  }

  public List<String> texts() {
    List<String> texts = new ArrayList<>();
    for (ConfigNode element : list()) {
      texts.add(element.text());
    }
    return texts;
  }

  /** A boolean, number or text, as text. */
  public String scalar() {
    if (!node.isValueNode() || !present()) {
      throw error("must be a text, number or boolean");
    }
    return node.asText();
  }

  public long count(long absent, long max) {
    return count(absent, 0, max);
  }

  public long count(long absent, long min, long max) {
    if (!present()) {
      return absent;
    }
    if (!node.isIntegralNumber() || !node.canConvertToLong() || node.longValue() < min || node.longValue() > max) {
      throw error("must be a whole number from " + min + " to " + max);
    }
    return node.longValue();
  }

  /** An exact decimal from 0 to {@code max}. */
  public BigDecimal decimal(BigDecimal max) {
    BigDecimal value;
    try {
      value = node.isNumber() ? node.decimalValue() : node.isTextual() ? new BigDecimal(node.textValue()) : null;
    } catch (NumberFormatException e) {
      value = null;
    }
    if (value == null || value.signum() < 0 || value.compareTo(max) > 0 || value.scale() > 9) {
      throw error("must be a number from 0 to " + max.toPlainString() + " with at most 9 decimals");
    }
    return value;
  }

  public boolean flag(boolean absent) {
    if (!present()) {
      return absent;
    }
    if (!node.isBoolean()) {
      throw error("must be true or false");
    }
    return node.booleanValue();
  }

  /** A number that may be negative. */
  public double number(double min, double max) {
    if (!node.isNumber() || !(node.doubleValue() >= min && node.doubleValue() <= max)) {
      throw error("must be a number from " + min + " to " + max);
    }
    return node.doubleValue();
  }

  public LocalDate date() {
    try {
      return LocalDate.parse(node.asText());
    } catch (DateTimeParseException e) {
      throw error("must be a date such as 2026-08-01");
    }
  }

  private static String firstLine(String text) {
    int end = text.indexOf('\n');
    return end < 0 ? text : text.substring(0, end);
  }
}
