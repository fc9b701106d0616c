package io.dromedary.provider.anthropic;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
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
import java.time.format.DateTimeParseException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Anthropic's Message Batches: all requests in the body of one call, results by {@code custom_id}. A batch carries no mark of ours but its requests', which only its results show. */
public final class AnthropicLots implements LotFormat {
  @Override
  public @Nullable String filesPath() {
    return null;
  }

  @Override
  public void write(Lot lot, Cargo cargo, OutputStream out) throws IOException {
    out.write("{\"requests\":[".getBytes(UTF_8));
    boolean[] further = {false};
    cargo.unload((customId, content) -> {
      String head = Json.text(Json.object().put("custom_id", customId));
      out.write(((further[0] ? "," : "") + head.substring(0, head.length() - 1) + ",\"params\":").getBytes(UTF_8));
      out.write(content);
      out.write('}');
      further[0] = true;
    });
    out.write("]}".getBytes(UTF_8));
  }

  @Override
  public String batchesPath() {
    return "/v1/messages/batches";
  }

  @Override
  public String batchPath(String theirId) {
    return batchesPath() + "/" + ModelPath.segment(theirId);
  }

  @Override
  public String page(@Nullable String after) {
    return "?limit=100" + (after == null ? "" : "&after_id=" + ModelPath.segment(after));
  }

  /** Not its {@code results_url}: an answer does not say where our key goes. */
  @Override
  public List<String> resultPaths(JsonNode batch) {
    return List.of(batchPath(batch.path("id").asText()) + "/results");
  }

  @Override
  public LotNews news(JsonNode batch) {
    JsonNode counts = batch.path("request_counts");
    int succeeded = counts.path("succeeded").asInt();
    int done = succeeded + counts.path("errored").asInt() + counts.path("canceled").asInt() + counts.path("expired").asInt();
    String status = batch.path("processing_status").asText();
    return new LotNews(status.equals("ended") ? LotNews.Word.ENDED : LotNews.Word.GOES_ON, batch.path("id").asText(), done, succeeded, status);
  }

  @Override
  public Instant createdAt(JsonNode batch) {
    try {
      return Instant.parse(batch.path("created_at").asText());
    } catch (DateTimeParseException unsaid) {
      return Instant.MAX;
    }
  }

  @Override
  public @Nullable Boolean is(Lot lot, JsonNode batch) {
    JsonNode counts = batch.path("request_counts");
    int total = 0;
    for (JsonNode count : counts) {
      total += count.asInt();
    }
    return total == lot.requests() ? null : false;
  }

  @Override
  public @Nullable Arrival arrival(JsonNode line) {
    String id = line.path("custom_id").asText();
    JsonNode result = line.path("result");
    return id.isEmpty() ? null : switch (result.path("type").asText()) {
      case "succeeded" -> new Arrival(id, 200, Json.bytes(result.path("message")));
      case "errored" -> new Arrival(id, AnthropicMessages.statusOf(result.at("/error/error/type").asText(result.at("/error/type").asText())), Json.bytes(result.path("error")));
      case "canceled", "expired" -> new Arrival(id, Arrival.NEVER_BEGUN, Json.bytes(result));
      default -> null;
    };
  }
}
