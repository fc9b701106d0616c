package io.dromedary.bench.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.dromedary.chat.Problem;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/** Reads files of one JSON object a line, plain or gzipped; a line that is wrong is named with its file and number. */
final class Rows {
  private static final ObjectMapper JSON = new ObjectMapper();

  private Rows() {}

  /** What is done with one line's object. */
  @FunctionalInterface
  interface Row {
    /** @throws IOException saying what is wrong with it */
    void take(JsonNode row) throws IOException;
  }

  /** Empty lines are passed over. @throws IOException naming file and line */
  static int read(Path file, Row row) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new IOException(file + (Files.isDirectory(file) ? " is a folder; a file of JSON lines is wanted" : " does not exist"));
    }
    int count = 0;
    try (InputStream raw = Files.newInputStream(file); BufferedReader lines = new BufferedReader(new InputStreamReader(file.toString().endsWith(".gz") ? new GZIPInputStream(raw) : raw, StandardCharsets.UTF_8))) {
      int number = 0;
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        number++;
        String json = number == 1 && line.startsWith("\ufeff") ? line.substring(1) : line;
        if (json.isBlank()) {
          continue;
        }
        try {
          JsonNode node = JSON.readTree(json);
          if (node == null || !node.isObject()) {
            throw new IOException("one JSON object is wanted");
          }
          row.take(node);
          count++;
        } catch (JsonProcessingException e) {
          throw new IOException(file + ", line " + number + ": no JSON: " + e.getOriginalMessage());
        } catch (IOException | Problem e) {
          throw new IOException(file + ", line " + number + ": " + e.getMessage());
        }
      }
    } catch (ZipException e) {
      throw new IOException(file + ": not gzipped, or cut off: " + e.getMessage());
    }
    return count;
  }

  /** A text field. @throws IOException if it has none of that name */
  static String text(JsonNode row, String name) throws IOException {
    if (!row.path(name).isTextual()) {
      throw new IOException("the text `" + name + "` is wanted");
    }
    return row.path(name).textValue();
  }

  /** The `id` of a row, a text or a number. @throws IOException if it has none or one that was met before */
  static String id(JsonNode row, Set<String> before) throws IOException {
    JsonNode id = row.path("id");
    if (!id.isValueNode() || id.isNull() || id.asText().isBlank()) {
      throw new IOException("an `id` is wanted");
    }
    if (!before.add(id.asText())) {
      throw new IOException("the id `" + id.asText() + "` was met before; each prompt needs one of its own");
    }
    return id.asText();
  }

  /** A whole number of 0 or more. @throws IOException if it is none */
  static int count(JsonNode row, String name) throws IOException {
    if (!row.path(name).canConvertToInt() || !row.path(name).isIntegralNumber() || row.path(name).intValue() < 0) {
      throw new IOException("`" + name + "` must be a whole number of 0 or more, not " + (row.path(name).isMissingNode() ? "absent" : row.path(name)));
    }
    return row.path(name).intValue();
  }

  /** Numbers from 0 to 1, as in {@code 0,0.1,1}. @throws IllegalArgumentException naming the option and the one that is none */
  static double[] shares(String option, String values) {
    return Arrays.stream(values.split(",", -1)).mapToDouble(value -> {
      double share;
      try {
        share = Double.parseDouble(value.strip());
      } catch (NumberFormatException e) {
        share = Double.NaN;
      }
      if (!(share >= 0 && share <= 1)) {
        throw new IllegalArgumentException(option + "=" + values + ": `" + value + "` is no number from 0 to 1");
      }
      return share;
    }).toArray();
  }

  /** A number from 0 to 1; true and false are 1 and 0. @throws IOException if it is none */
  static double share(JsonNode node, String name) throws IOException {
    double value = node.isBoolean() ? node.booleanValue() ? 1 : 0 : node.isNumber() ? node.doubleValue() : Double.NaN;
    if (!(value >= 0 && value <= 1)) {
      throw new IOException("`" + name + "` must be a number from 0 to 1, not " + (node.isMissingNode() ? "absent" : node));
    }
    return value;
  }

  /** A text as a CSV field. */
  static String csv(String text) {
    return text.matches("[\\w.:/-]*") ? text : '"' + text.replace("\"", "\"\"") + '"';
  }
}
