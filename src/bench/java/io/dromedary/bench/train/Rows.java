package io.dromedary.bench.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;

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
        } catch (IOException e) {
          throw new IOException(file + ", line " + number + ": " + e.getMessage());
        }
      }
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
