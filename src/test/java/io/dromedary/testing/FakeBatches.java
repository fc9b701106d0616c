package io.dromedary.testing;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.EmbeddingResponse;
import io.dromedary.chat.Json;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * The batch API of a {@link FakeProvider}, OpenAI's or Anthropic's, with moods of its own. A batch ends when it is looked at, unless it is held; its answers are the provider's usual ones, in reverse order, as no order is promised.
 */
public final class FakeBatches {
  /** What was begun here. */
  public static final class Begun {
    public final String id;
    public final List<JsonNode> lines;
    final JsonNode metadata;
    final Instant at = Instant.now();
    volatile boolean cancelled;
    volatile boolean ended;
    volatile int looks;

    Begun(String id, List<JsonNode> lines, JsonNode metadata) {
      this.id = id;
      this.lines = lines;
      this.metadata = metadata;
    }

    public boolean cancelled() {
      return cancelled;
    }

    public int looks() {
      return looks;
    }
  }

  /** The connection of a call. */
  interface Reply {
    boolean send(int status, String type, String body) throws IOException;

    /** Half of it, then the end. */
    boolean cut(String body) throws IOException;
  }

  private final boolean anthropic;
  private final Map<String, byte[]> files = new ConcurrentHashMap<>();
  private final Map<String, Begun> batches = Collections.synchronizedMap(new LinkedHashMap<>());
  private final List<String> order = new CopyOnWriteArrayList<>();
  private final AtomicInteger numbers = new AtomicInteger();
  private final AtomicInteger swallows = new AtomicInteger();
  private final AtomicInteger busy = new AtomicInteger();
  private final AtomicInteger pollsFail = new AtomicInteger();
  private final AtomicInteger cuts = new AtomicInteger();
  private volatile boolean refuses;
  private volatile boolean fails;
  private volatile boolean holds;
  private volatile boolean takesNoLeave;
  private volatile int leaveAfter = Integer.MAX_VALUE;
  private volatile ToIntFunction<String> statuses = prompt -> 200;

  FakeBatches(boolean anthropic) {
    this.anthropic = anthropic;
  }

  /** All moods as at the start. */
  public FakeBatches well() {
    refuses = fails = holds = takesNoLeave = false;
    for (AtomicInteger times : List.of(swallows, busy, pollsFail, cuts)) {
      times.set(0);
    }
    leaveAfter = Integer.MAX_VALUE;
    statuses = prompt -> 200;
    batches.clear();
    return this;
  }

  /** Answers 400 to every batch. */
  public FakeBatches refuses() {
    refuses = true;
    return this;
  }

  /** Takes batches and finds them wrong afterwards. */
  public FakeBatches fails() {
    fails = true;
    return this;
  }

  /** Answers 429 to the next ones. */
  public FakeBatches busy(int times) {
    busy.set(times);
    return this;
  }

  /** Takes the next ones and hangs up instead of saying so. */
  public FakeBatches swallows(int times) {
    swallows.set(times);
    return this;
  }

  /** Ends none until it is told {@code false}. */
  public FakeBatches holds(boolean yes) {
    holds = yes;
    return this;
  }

  /** Does not end a batch that is cancelled either. */
  public FakeBatches takesNoLeave() {
    takesNoLeave = true;
    return this;
  }

  /** Of a batch that is cancelled so many lines are answered; of one that ends by itself those too, and the others have expired. */
  public FakeBatches answersOnly(int lines) {
    leaveAfter = lines;
    return this;
  }

  public FakeBatches pollsFail(int times) {
    pollsFail.set(times);
    return this;
  }

  /** Breaks off in the middle of the next files of results. */
  public FakeBatches cuts(int times) {
    cuts.set(times);
    return this;
  }

  /** What lines with that prompt come to. */
  public FakeBatches lines(ToIntFunction<String> status) {
    statuses = status;
    return this;
  }

  /** The batches so far, oldest first. */
  public List<Begun> begun() {
    synchronized (batches) {
      return List.copyOf(batches.values());
    }
  }

  /** What was asked of this API, such as {@code POST /v1/batches}. */
  public List<String> asked() {
    return order;
  }

  static boolean knows(String path) {
    return path.startsWith("/v1/files") || path.startsWith("/v1/batches") || path.startsWith("/v1/messages/batches");
  }

  /** @param answers the usual answer to a request */
  boolean serve(String method, String path, byte[] body, Function<JsonNode, String> answers, Reply reply) throws IOException {
    order.add(method + " " + path);
    String root = anthropic ? "/v1/messages/batches" : "/v1/batches";
    if (!anthropic && path.equals("/v1/files") && method.equals("POST")) {
      String form = new String(body, UTF_8);
      int begin = form.indexOf("\r\n\r\n", form.indexOf("filename=")) + 4;
      String id = "file-fake" + numbers.incrementAndGet();
      files.put(id, form.substring(begin, form.lastIndexOf("\r\n--")).getBytes(UTF_8));
      return reply.send(200, "application/json", Json.text(Json.object().put("id", id).put("object", "file").put("purpose", "batch")));
    }
    if (path.equals(root) && method.equals("POST")) {
      return begin(Json.read(body), reply);
    }
    if (path.startsWith(root + "?")) {
      ObjectNode list = Json.object().put("has_more", false);
      ArrayNode data = list.putArray("data");
      List<Begun> all = new ArrayList<>(begun());
      Collections.reverse(all);
      all.forEach(batch -> data.add(json(looked(batch))));
      return reply.send(200, "application/json", Json.text(list));
    }
    String id = path.startsWith(root) ? path.substring(root.length() + 1).replaceAll("/.*", "") : path.replaceAll("/v1/files/(out|err)-([^/]*)/content", "$2");
    Begun batch = batches.get(id);
    if (batch == null) {
      return reply.send(404, "application/json", error("there is no batch " + id));
    }
    if (path.endsWith("/cancel")) {
      batch.cancelled = true;
      return reply.send(200, "application/json", Json.text(json(batch)));
    }
    if (path.endsWith("/content") || path.endsWith("/results")) {
      String results = results(batch, answers, anthropic ? "" : path.contains("/out-") ? "out" : "err");
      return cuts.getAndUpdate(n -> Math.max(0, n - 1)) > 0 ? reply.cut(results) : reply.send(200, "application/x-jsonl", results);
    }
    if (pollsFail.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
      return reply.send(500, "application/json", error("poll failed"));
    }
    batch.looks++;
    return reply.send(200, "application/json", Json.text(json(looked(batch))));
  }

  private Begun looked(Begun batch) {
    batch.ended = batch.ended || (batch.cancelled ? !takesNoLeave : !holds);
    return batch;
  }

  private boolean begin(JsonNode asked, Reply reply) throws IOException {
    if (refuses) {
      return reply.send(400, "application/json", error("this batch is not to my taste"));
    }
    if (busy.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
      return reply.send(429, "application/json", error("too many batches"));
    }
    List<JsonNode> lines = new ArrayList<>();
    if (anthropic) {
      asked.path("requests").forEach(lines::add);
    } else {
      for (String line : new String(files.get(asked.path("input_file_id").asText()), UTF_8).split("\n")) {
        lines.add(Json.read(line));
      }
    }
    Begun batch = new Begun((anthropic ? "msgbatch_fake" : "batch_fake") + numbers.incrementAndGet(), List.copyOf(lines), asked.path("metadata"));
    batches.put(batch.id, batch);
    return swallows.getAndUpdate(n -> Math.max(0, n - 1)) <= 0 && reply.send(200, "application/json", Json.text(json(batch)));
  }

  private static JsonNode request(JsonNode line) {
    return line.has("params") ? line.path("params") : line.path("body");
  }

  private int status(Begun batch, int index) {
    return index >= leaveAfter ? 0 : statuses.applyAsInt(request(batch.lines.get(index)).at("/messages/0/content").asText());
  }

  private ObjectNode json(Begun batch) {
    int good = 0;
    int bad = 0;
    int never = 0;
    for (int i = 0; i < batch.lines.size() && batch.ended; i++) {
      int status = status(batch, i);
      good += status == 200 ? 1 : 0;
      bad += status > 200 ? 1 : 0;
      never += status == 0 ? 1 : 0;
    }
    if (anthropic) {
      ObjectNode json = Json.object().put("id", batch.id).put("type", "message_batch").put("processing_status", batch.ended ? "ended" : batch.cancelled ? "canceling" : "in_progress").put("created_at", batch.at.toString());
      json.putObject("request_counts").put("processing", batch.ended ? 0 : batch.lines.size()).put("succeeded", good).put("errored", bad).put("canceled", batch.cancelled ? never : 0).put("expired", batch.cancelled ? 0 : never);
      return json.put("results_url", "https://elsewhere.example/results");
    }
    String status = fails ? "failed" : !batch.ended ? batch.cancelled ? "cancelling" : "in_progress" : batch.cancelled ? "cancelled" : never > 0 ? "expired" : "completed";
    ObjectNode json = Json.object().put("id", batch.id).put("object", "batch").put("status", status).put("created_at", batch.at.getEpochSecond());
    json.put("output_file_id", batch.ended && good > 0 ? "out-" + batch.id : null).put("error_file_id", batch.ended && bad + never > 0 && !batch.cancelled ? "err-" + batch.id : null);
    json.set("metadata", batch.metadata);
    json.putObject("request_counts").put("total", batch.lines.size()).put("completed", good).put("failed", bad);
    return json;
  }

  private String results(Begun batch, Function<JsonNode, String> answers, String which) throws IOException {
    StringBuilder all = new StringBuilder();
    for (int i = batch.lines.size() - 1; i >= 0; i--) {
      JsonNode line = batch.lines.get(i);
      int status = status(batch, i);
      ObjectNode result = Json.object().put("custom_id", line.path("custom_id").asText());
      if (anthropic) {
        ObjectNode told = result.putObject("result").put("type", status == 200 ? "succeeded" : status > 0 ? "errored" : batch.cancelled ? "canceled" : "expired");
        if (status == 200) {
          told.set("message", Json.read(answers.apply(request(line))));
        } else if (status > 0) {
          told.putObject("error").put("type", "error").putObject("error").put("type", status == 400 ? "invalid_request_error" : "api_error").put("message", "line failed");
        }
      } else if (which.equals("out") != (status == 200)) {
        continue;
      } else if (status == 0) {
        result.putNull("response").putObject("error").put("code", "batch_expired").put("message", "This request could not be executed before the completion window expired.");
      } else {
        ObjectNode response = result.put("id", "batch_req_fake").putNull("error").putObject("response").put("status_code", status).put("request_id", "req_fake");
        response.set("body", status == 200 ? Json.read(line.path("url").asText().endsWith("/embeddings") ? vectors(request(line)) : answers.apply(request(line))) : Json.read(error("line failed")));
      }
      all.append(Json.text(result)).append('\n');
    }
    return all.toString();
  }

  private static String vectors(JsonNode asked) {
    ObjectNode json = Json.object().put("object", "list").put("model", asked.path("model").asText());
    ArrayNode data = json.putArray("data");
    JsonNode input = asked.path("input").isArray() ? asked.path("input") : Json.array().add(asked.path("input"));
    for (int i = 0; i < input.size(); i++) {
      data.addObject().put("object", "embedding").put("index", i).put("embedding", EmbeddingResponse.base64(FakeProvider.vector(input.get(i).asText(), 8)));
    }
    json.putObject("usage").put("prompt_tokens", 9).put("total_tokens", 9);
    return Json.text(json);
  }

  private String error(String message) {
    ObjectNode json = Json.object();
    json.putObject("error").put("message", message).put("type", "invalid_request_error");
    return Json.text(anthropic ? json.put("type", "error") : json);
  }
}
