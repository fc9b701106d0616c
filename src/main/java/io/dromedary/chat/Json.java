package io.dromedary.chat;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.DatabindException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;

/** The house's JSON: trees only, read strictly at the doors and leniently from providers. */
public final class Json {
  /** What a request may nest; deeper is a client's mistake or an attack. */
  public static final int MAX_DEPTH = 64;

  private static final String ABSURD_NUMBER = "it has a number whose exponent is too large";
  private static final ObjectMapper LENIENT = JsonMapper.builder(factory(512))
      .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
      .build();
  private static final ObjectReader STRICT = JsonMapper.builder(factory(MAX_DEPTH))
      .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
      .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
      .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
      .build()
      .readerFor(JsonNode.class);
  private static final ObjectWriter ESCAPING = LENIENT.writer().with(JsonWriteFeature.ESCAPE_NON_ASCII);
  private static final ObjectReader TREE = LENIENT.readerFor(JsonNode.class);

  private Json() {}

  private static JsonFactory factory(int depth) {
    return JsonFactory.builder()
        .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
        .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(depth).maxNumberLength(400).maxStringLength(64 << 20).build())
        .build();
  }

  /** One mapper for writing trees and records; reading goes through the methods below. */
  public static ObjectMapper mapper() {
    return LENIENT;
  }

  public static ObjectNode object() {
    return LENIENT.createObjectNode();
  }

  public static ArrayNode array() {
    return LENIENT.createArrayNode();
  }

  /**
   * Reads what a client sent: no duplicate keys, no NaN, no trailing text, at most {@value #MAX_DEPTH} levels. The bytes must be valid UTF-8.
   *
   * @throws Problem 400 {@code invalid_json} that says where and why
   */
  public static ObjectNode readStrictly(byte[] utf8) {
    try {
      Utf8.check(utf8);
      JsonNode node = STRICT.readValue(utf8);
      if (node instanceof ObjectNode object) {
        return object;
      }
      throw Problem.badRequest("the body must be a JSON object, not " + (node == null ? "empty" : node.getNodeType().name().toLowerCase(java.util.Locale.ROOT))).code("invalid_json");
    } catch (JsonProcessingException e) {
      String where = e.getLocation() == null ? "" : " at line " + e.getLocation().getLineNr() + ", column " + e.getLocation().getColumnNr();
      throw Problem.badRequest("the body is not valid JSON" + where + ": " + why(e)).code("invalid_json");
    } catch (IOException e) {
      throw Problem.badRequest("the body is not valid JSON: " + e.getMessage()).code("invalid_json");
    } catch (ArithmeticException | NumberFormatException e) {
      throw Problem.badRequest("the body has a number whose exponent is too large").code("invalid_json");
    }
  }

  /** The parser's words, without the names of its classes and settings. */
  private static String why(JsonProcessingException e) {
    if (e instanceof DatabindException) {
      return e instanceof MismatchedInputException nothing && nothing.getOriginalMessage().startsWith("No content") ? "it is empty" : "there is more after the end of the object";
    }
    String words = e.getOriginalMessage().replaceFirst("\\[Source: [^;]*; (line: \\d+, column: \\d+)]", "$1");
    int ours = words.indexOf(", from `");
    if (ours >= 0) {
      return words.substring(0, ours) + ")";
    }
    int advice = words.indexOf(": enable `");
    return advice < 0 ? words : words.substring(0, advice);
  }

  /** Reads what a provider sent. @throws IOException if it is not JSON; an empty input is {@code null} */
  public static JsonNode read(byte[] bytes) throws IOException {
    try {
      return TREE.readTree(bytes);
    } catch (ArithmeticException | NumberFormatException e) {
      throw new IOException(ABSURD_NUMBER, e);
    }
  }

  public static JsonNode read(byte[] bytes, int offset, int length) throws IOException {
    try {
      return TREE.readTree(bytes, offset, length);
    } catch (ArithmeticException | NumberFormatException e) {
      throw new IOException(ABSURD_NUMBER, e);
    }
  }

  public static JsonNode read(String text) throws IOException {
    try {
      return TREE.readTree(text);
    } catch (ArithmeticException | NumberFormatException e) {
      throw new IOException(ABSURD_NUMBER, e);
    }
  }

  /** UTF-8. Text with half of a surrogate pair, which JSON escapes can smuggle in and UTF-8 cannot say, is written with escapes. */
  public static byte[] bytes(JsonNode node) {
    try {
      return LENIENT.writeValueAsBytes(node);
    } catch (JsonProcessingException halfPair) {
      try {
        return ESCAPING.writeValueAsBytes(node);
      } catch (JsonProcessingException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  public static String text(JsonNode node) {
    try {
      return LENIENT.writeValueAsString(node);
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }
}
