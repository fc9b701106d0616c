package io.dromedary.bench.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Complexity;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.complexity.ComplexityScorers;
import io.dromedary.complexity.LearnedScorer;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;

/** {@code src/bench/run replay --in=prompts.jsonl[.gz] --out=scores.csv [--scorer=learned]}: scores prompts (a line each: {@code id}, {@code prompt}) with the beans that score requests, into {@code id,score}. */
public final class Replay {
  private static final ObjectMapper JSON = new ObjectMapper();

  private Replay() {}

  /** @throws IOException if a file cannot be read or written, naming the line that is wrong */
  public static void main(String[] args) throws IOException {
    String in = "";
    String out = "";
    String kind = "learned";
    for (int i = 0; i < args.length; i++) {
      String name = args[i].contains("=") ? args[i].substring(0, args[i].indexOf('=')) : args[i];
      String value = args[i].contains("=") ? args[i].substring(args[i].indexOf('=') + 1) : i + 1 < args.length ? args[++i] : "";
      switch (name) {
        case "--in" -> in = value;
        case "--out" -> out = value;
        case "--scorer" -> kind = value;
        default -> throw new IllegalArgumentException(name + ": allowed are --in, --out and --scorer");
      }
    }
    LearnedScorer learned = LearnedScorer.load();
    String asked = kind;
    ComplexityScorers scorers = new ComplexityScorers(List.of(learned), () -> asked);
    if (in.isEmpty() || out.isEmpty() || !scorers.kinds().contains(kind)) {
      throw new IllegalArgumentException("wanted: --in=prompts.jsonl --out=scores.csv [--scorer=" + String.join("|", scorers.kinds()) + "]");
    }
    if (kind.equals("learned") && !learned.problem().isEmpty()) {
      throw new IOException(learned.problem());
    }
    int count = 0;
    try (InputStream file = Files.newInputStream(Path.of(in)); BufferedReader lines = new BufferedReader(new InputStreamReader(in.endsWith(".gz") ? new GZIPInputStream(file) : file, StandardCharsets.UTF_8));
        BufferedWriter scores = Files.newBufferedWriter(Path.of(out))) {
      scores.write("id,score\n");
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.isBlank()) {
          continue;
        }
        count++;
        JsonNode row = JSON.readTree(line);
        if (!row.path("id").isValueNode() || !row.path("prompt").isTextual()) {
          throw new IOException(in + ", prompt " + count + ": `id` and the text `prompt` are wanted");
        }
        ObjectNode json = Json.object().put("model", "auto");
        json.putArray("messages").addObject().put("role", "user").put("content", row.path("prompt").textValue());
        Complexity complexity = scorers.score(new ChatRequest("replay_" + row.path("id").asText(), json, Map.of(), Instant.EPOCH, Instant.EPOCH));
        String id = row.path("id").asText();
        scores.write((id.matches("[\\w.:/-]*") ? id : '"' + id.replace("\"", "\"\"") + '"') + ',' + complexity.score() + '\n');
      }
    }
    System.out.println(count + " prompts scored by " + kind + " into " + out);
  }
}
