package io.dromedary.provider.openai;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Arrival;
import io.dromedary.catalog.Cargo;
import io.dromedary.catalog.Lot;
import io.dromedary.catalog.LotNews;
import io.dromedary.chat.Json;
import io.dromedary.provider.LotFormat;
import io.dromedary.provider.ModelPath;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** OpenAI's Batch API, which Groq's is too: a JSONL file, a batch over it, a file of answers and one of errors. A lot is found again by {@code metadata}. */
public final class OpenAiLots implements LotFormat {
  private static final String MARK = "dromedary_lot";

  @Override
  public String filesPath() {
    return "/files";
  }

  @Override
  public void write(Lot lot, Cargo cargo, OutputStream out) throws IOException {
    cargo.unload((customId, content) -> {
      String head = Json.text(Json.object().put("custom_id", customId).put("method", "POST").put("url", lot.endpoint()));
      out.write((head.substring(0, head.length() - 1) + ",\"body\":").getBytes(UTF_8));
      out.write(content);
      out.write("}\n".getBytes(UTF_8));
    });
  }

  @Override
  public String batchesPath() {
    return "/batches";
  }

  @Override
  public byte[] begin(Lot lot, String fileId) {
    ObjectNode body = Json.object().put("input_file_id", fileId).put("endpoint", lot.endpoint()).put("completion_window", "24h");
    body.putObject("metadata").put(MARK, lot.id());
    return Json.bytes(body);
  }

  @Override
  public String batchPath(String theirId) {
    return "/batches/" + ModelPath.segment(theirId);
  }

  @Override
  public String page(@Nullable String after) {
    return "?limit=100" + (after == null ? "" : "&after=" + ModelPath.segment(after));
  }

  @Override
  public List<String> resultPaths(JsonNode batch) {
    List<String> paths = new ArrayList<>(2);
    for (String file : List.of("output_file_id", "error_file_id")) {
      if (batch.path(file).isTextual() && !batch.path(file).textValue().isEmpty()) {
        paths.add("/files/" + ModelPath.segment(batch.path(file).textValue()) + "/content");
      }
    }
    return paths;
  }

  @Override
  public LotNews news(JsonNode batch) {
    JsonNode counts = batch.path("request_counts");
    int succeeded = counts.path("completed").asInt();
    LotNews.Word word = switch (batch.path("status").asText()) {
      case "completed", "expired", "cancelled" -> LotNews.Word.ENDED;
      case "failed" -> LotNews.Word.REFUSED;
      default -> LotNews.Word.GOES_ON;
    };
    return new LotNews(word, batch.path("id").asText(), succeeded + counts.path("failed").asInt(), succeeded, word == LotNews.Word.REFUSED ? batch.at("/errors/data/0/message").asText("it failed") : batch.path("status").asText());
  }

  @Override
  public Instant createdAt(JsonNode batch) {
    return Instant.ofEpochSecond(batch.path("created_at").asLong());
  }

  @Override
  public Boolean is(Lot lot, JsonNode batch) {
    return batch.path("metadata").path(MARK).asText().equals(lot.id());
  }

  @Override
  public @Nullable Arrival arrival(JsonNode line) {
    String id = line.path("custom_id").asText();
    JsonNode response = line.path("response");
    if (id.isEmpty() || !response.isObject() && !line.path("error").isObject()) {
      return null;
    }
    if (!response.isObject()) {
      return new Arrival(id, Arrival.NEVER_BEGUN, Json.bytes(line));
    }
    return new Arrival(id, response.path("status_code").asInt(500), Json.bytes(response.path("body")));
  }
}
