package io.dromedary.batch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Reads a batch file line by line: one line is in memory at a time, however many there are. Blank lines are numbered and passed over. */
final class BatchReader implements AutoCloseable {
  private static final int MOST_FAULTS = 50;
  private static final int BOM = 0xEF;

  private final InputStream in;
  private final int longest;
  private int number;

  /** @param longest the longest line, in bytes */
  BatchReader(InputStream content, int longest) throws IOException {
    this.in = new BufferedInputStream(content, 64 << 10);
    this.longest = longest;
    in.mark(3);
    if (in.read() != BOM || in.read() != 0xBB || in.read() != 0xBF) {
      in.reset();
    }
  }

  /** The next line that is not blank, null at the end. A line that is too long is cut. */
  byte @Nullable [] next() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream(1_024);
    boolean blank = true;
    number++;
    while (true) {
      int b = in.read();
      if (b < 0 || b == '\n') {
        if (!blank) {
          return line.toByteArray();
        }
        if (b < 0) {
          return null;
        }
        number++;
        line.reset();
        continue;
      }
      blank &= b == ' ' || b == '\r' || b == '\t';
      if (line.size() <= longest) {
        line.write(b);
      }
    }
  }

  /** The number of the line that was read last, from 1. */
  int number() {
    return number;
  }

  @Override
  public void close() throws IOException {
    in.close();
  }

  /**
   * What a whole file is.
   *
   * @param requests its lines that are not blank
   * @param errors as OpenAI lists them, null if there are none
   */
  record Checked(int requests, String endpoint, @Nullable ObjectNode errors) {}

  /** Checks every line of a file. @param endpoint that all must have; "" for that of the first line, if it is one of {@code endpoints} */
  static Checked check(InputStream content, String endpoint, Set<String> endpoints, int longest, int mostLines) throws IOException {
    ObjectNode errors = Json.object().put("object", "list");
    ArrayNode faults = errors.putArray("data");
    Set<String> ids = new HashSet<>();
    int requests = 0;
    String all = endpoint;
    try (BatchReader reader = new BatchReader(content, longest)) {
      for (byte[] line = reader.next(); line != null && faults.size() < MOST_FAULTS; line = reader.next()) {
        if (++requests > mostLines) {
          fault(faults, new BatchLine.Fault("too_many_tasks", "a batch may have at most " + mostLines + " requests (dromedary.batches.max-lines)", ""), null);
          break;
        }
        if (line.length > longest) {
          fault(faults, new BatchLine.Fault("line_too_long", "a line may have at most " + longest + " bytes (dromedary.limits.max-body-bytes)", ""), reader.number());
          continue;
        }
        if (all.isEmpty()) {
          all = endpoint(line, endpoints);
        }
        Object found = BatchLine.check(line, all);
        if (found instanceof BatchLine.Fault fault) {
          fault(faults, fault, reader.number());
        } else if (!ids.add((String) found)) {
          fault(faults, new BatchLine.Fault("duplicate_custom_id", "the `custom_id` `" + Problem.clip((String) found) + "` is there twice; each must be its own", "custom_id"), reader.number());
        }
      }
    }
    if (requests == 0) {
      fault(faults, new BatchLine.Fault("empty_file", "the file has no requests", ""), null);
    }
    return new Checked(requests, all, faults.isEmpty() ? null : errors);
  }

  private static String endpoint(byte[] line, Set<String> endpoints) {
    try {
      JsonNode json = Json.read(line);
      String url = json == null ? "" : json.path("url").asText();
      return endpoints.contains(url) ? url : endpoints.iterator().next();
    } catch (IOException notJson) {
      return endpoints.iterator().next();
    }
  }

  private static void fault(ArrayNode faults, BatchLine.Fault fault, @Nullable Integer line) {
    faults.addObject().put("code", fault.code()).put("message", fault.message()).put("param", fault.param().isEmpty() ? null : fault.param()).put("line", line);
  }
}
