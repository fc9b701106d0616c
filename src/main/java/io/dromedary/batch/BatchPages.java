package io.dromedary.batch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** OpenAI's Batch API. Another project's batch is one that does not exist (X6). */
public final class BatchPages {
  /** What the requests of a batch may ask for. */
  static final Set<String> ENDPOINTS = new TreeSet<>(Set.of("/v1/chat/completions", "/v1/embeddings"));

  private static final int PAGE = 20;
  private static final int MOST_PAGE = 100;
  private static final int MOST_PAIRS = 16;
  private static final int LONGEST_KEY = 64;
  private static final int LONGEST_VALUE = 512;

  private final BatchStore store;
  private final BatchLimits limits;
  private final Clock clock;
  private final @Nullable Lots lots;

  /** Where no provider's batches are used. */
  public BatchPages(BatchStore store, BatchLimits limits, Clock clock) {
    this(store, limits, null, clock);
  }

  /** @param lots null where no provider's batches are used */
  public BatchPages(BatchStore store, BatchLimits limits, @Nullable Lots lots, Clock clock) {
    this.lots = lots;
    this.store = store;
    this.limits = limits;
    this.clock = clock;
  }

  /**
   * {@code POST /v1/batches}. With an {@code Idempotency-Key} one batch is made however often it is sent; a repeated one is told how far that batch is.
   *
   * @throws Problem 400 for a field that is wrong, 422 for a key that came with another body, 429 when too many batches of the project have not ended
   */
  public ObjectNode create(Inbound in, Caller caller) {
    ObjectNode asked = Json.readStrictly(in.body());
    String key = Once.key(in);
    if (key == null) {
      Batch batch = begin(asked, caller);
      store.create(batch, null);
      return batch.json();
    }
    Once once = Once.of(key, Once.digest().digest(Json.bytes(asked)));
    while (true) {
      Once.Made made = store.made(caller.project(), key);
      if (made == null) {
        Batch batch = begin(asked, caller);
        if (store.create(batch, once)) {
          return batch.json();
        }
        continue;
      }
      once.check(made);
      Batch batch = store.batch(caller.project(), made.objectId());
      if (batch != null) {
        return batch.json();
      }
      store.freeKey(caller.project(), key, made.objectId());
    }
  }

  private Batch begin(ObjectNode asked, Caller caller) {
    String fileId = asked.path("input_file_id").asText();
    BatchFile file = fileId.isEmpty() || fileId.length() > 64 ? null : store.file(caller.project(), fileId);
    if (file == null || !file.purpose().equals(BatchFile.INPUT)) {
      throw Problem.badField("input_file_id", "`input_file_id` must be the id of a file with the purpose `batch`; there is no such file `" + Problem.clip(fileId) + "`");
    }
    String endpoint = asked.path("endpoint").asText();
    if (!ENDPOINTS.contains(endpoint)) {
      throw Problem.badField("endpoint", "`endpoint` must be one of " + String.join(", ", ENDPOINTS) + ", not `" + Problem.clip(endpoint) + "`");
    }
    String window = asked.path("completion_window").asText();
    if (!window.matches("[1-9][0-9]{0,2}h") || window(window).toHours() > 168) {
      throw Problem.badField("completion_window", "`completion_window` must be 24h, or other hours from 1h to 168h");
    }
    String metadata = metadata(asked.path("metadata"));
    if (store.open(caller.project()) >= limits.maxOpen()) {
      throw Problem.overloaded(429, "project `" + caller.project() + "` has " + limits.maxOpen() + " batches that have not ended, its limit (dromedary.batches.max-open)", Duration.ofMinutes(1));
    }
    long now = clock.millis();
    return new Batch(Ids.batch(), caller.project(), caller.keyId(), "batch", endpoint, file.id(), window, metadata, Batch.VALIDATING, 0, 0, 0, null, null, null, now, now + window(window).toMillis(), Map.of(), null);
  }

  static Duration window(String window) {
    return Duration.ofHours(Integer.parseInt(window.substring(0, window.length() - 1)));
  }

  private static @Nullable String metadata(JsonNode metadata) {
    if (metadata.isMissingNode() || metadata.isNull()) {
      return null;
    }
    if (!metadata.isObject() || metadata.size() > MOST_PAIRS) {
      throw Problem.badField("metadata", "`metadata` must be an object of at most " + MOST_PAIRS + " texts");
    }
    for (Map.Entry<String, JsonNode> pair : metadata.properties()) {
      if (pair.getKey().length() > LONGEST_KEY || !pair.getValue().isTextual() || pair.getValue().textValue().length() > LONGEST_VALUE) {
        throw Problem.badField("metadata", "the keys of `metadata` have at most " + LONGEST_KEY + " characters, its values are texts of at most " + LONGEST_VALUE);
      }
    }
    return BatchStore.clip(Json.text(metadata), 20_000);
  }

  /** {@code GET /v1/batches}, newest first. */
  public ObjectNode list(Inbound in, Caller caller) {
    int most = Paging.limit(in, PAGE, MOST_PAGE);
    String after = in.query().get("after");
    List<Batch> batches = store.batches(caller.project(), after == null ? null : found(after, caller), most + 1);
    ObjectNode page = Paging.page(batches.size() > most);
    ArrayNode data = (ArrayNode) page.get("data");
    batches.stream().limit(most).forEach(batch -> data.add(batch.json()));
    return Paging.ends(page);
  }

  /** {@code GET /v1/batches/{id}}; with its lots at providers, where it has any. @throws Problem 404 */
  public ObjectNode show(Inbound in, Caller caller) {
    Batch batch = found(in.name(), caller);
    ObjectNode json = batch.json();
    if (lots != null) {
      lots.show(json, batch.id());
    }
    return json;
  }

  /** {@code POST /v1/batches/{id}/cancel}: lines that are being asked are waited for. @throws Problem 404; 409 for one that has ended */
  public ObjectNode cancel(Inbound in, Caller caller) {
    Batch batch = found(Paging.id(in), caller);
    if (!store.cancel(batch.id()) && !batch.status().equals(Batch.CANCELLING)) {
      throw new Problem(409, "invalid_request_error", "the batch `" + batch.id() + "` is " + batch.status() + " and can no longer be cancelled").code("batch_ended").shouldRetry(false);
    }
    return found(batch.id(), caller).json();
  }

  private Batch found(String id, Caller caller) {
    Batch batch = id.length() > 64 ? null : store.batch(caller.project(), id);
    if (batch == null) {
      throw Problem.notFound("there is no batch `" + Problem.clip(id) + "`").param("id");
    }
    return batch;
  }
}
