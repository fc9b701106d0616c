package io.dromedary.spend;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Bill;
import io.dromedary.chat.Answer;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.EmbeddingRequest;
import io.dromedary.chat.EmbeddingResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.KeptResponse;
import io.dromedary.chat.ModelRequest;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Usage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Requests that carry an {@code Idempotency-Key} (M10): the bean of {@code idempotent} and {@code account}.
 *
 * <p>What is final is kept and given again: an answer, and a failure below 500 that a later try would meet as well. What may go better next time (429, 5xx, a time-out, a cut stream, a caller who left) frees the key.
 * A stream is kept as the whole answer it added up to. {@code stream} and {@code stream_options} are how an answer is told, not what is asked: a duplicate may choose them anew.
 */
public final class IdempotentRequests {
  private static final Logger LOG = LoggerFactory.getLogger(IdempotentRequests.class);
  private static final String HEADER = "idempotency-key";
  private static final String JSON = "application/json";
  private static final Duration SOON = Duration.ofSeconds(1);

  private final Idempotency keys;
  private final Clock clock;
  private final Function<Throwable, Problem> problem;
  private final Function<Throwable, byte[]> errorBody;

  /**
   * @param problem what a failure is to its caller
   * @param errorBody its body, as the caller gets it
   */
  public IdempotentRequests(Idempotency keys, Clock clock, Function<Throwable, Problem> problem, Function<Throwable, byte[]> errorBody) {
    this.keys = keys;
    this.clock = clock;
    this.problem = problem;
    this.errorBody = errorBody;
  }

  /** What a request with a key does: goes on to be answered, or is given what the key's first request was given. */
  public static final class Turn {
    private final String project;
    private final String key;
    private final @Nullable Kept kept;
    private final Idempotency keys;
    private @Nullable Ending ending;
    private boolean told;

    private record Kept(int status, Map<String, String> headers, KeptResponse response) {}

    private Turn(Idempotency keys, String project, String key, @Nullable Kept kept) {
      this.keys = keys;
      this.project = project;
      this.key = key;
      this.kept = kept;
    }

    /** True when there is an answer to give again. */
    public boolean replays() {
      return kept != null;
    }

    public int status() {
      return kept().status();
    }

    /** Those of the first answer that still hold; {@code x-request-id} is the first request's, so that its page can be found. */
    public Map<String, String> headers() {
      return kept().headers();
    }

    public KeptResponse response() {
      return kept().response();
    }

    private Kept kept() {
      if (kept == null) {
        throw new IllegalStateException("this request is its key's first: there is nothing to give again");
      }
      return kept;
    }

    /** Has it to say what came of it? */
    private synchronized boolean isFirst() {
      return kept == null && ending == null;
    }

    private synchronized void ends(Ending what) {
      ending = what;
    }

    /** @return what came of the key, once; null when there is nothing to write */
    synchronized @Nullable Ending ending() {
      Ending what = told ? null : ending;
      told |= ending != null;
      return what;
    }

    /** It is written, or will be. */
    synchronized void over() {
      if (ending != null) {
        keys.over(ending);
      }
    }
  }

  /**
   * Claims the key, or waits for the request that has it, at most until this request's deadline.
   *
   * @throws Problem 400 for a key that is no key, 409 when the first request is still under way at the deadline, 422 when the key came with another body, 503 when the store cannot be reached
   */
  public Turn claim(ModelRequest request, Caller caller) {
    String key = key(request);
    String hash = hash(request);
    Claim claim = keys.claim(caller.project(), key, hash, request.id());
    if (claim instanceof Claim.InProgress) {
      claim = keys.await(caller.project(), key, hash, request.id(), request.remaining(clock.instant()));
    }
    if (claim instanceof Claim.Mismatch) {
      throw new Problem(422, "invalid_request_error", "the `Idempotency-Key` `" + Problem.clip(key) + "` was used with another body in the last " + Idempotency.KEPT.toHours() + " hours; take a new key for a new request")
          .code("idempotency_key_reused").param(HEADER).shouldRetry(false);
    }
    if (claim instanceof Claim.InProgress) {
      throw new Problem(409, "invalid_request_error", "a request with the `Idempotency-Key` `" + Problem.clip(key) + "` is still under way; ask again for its answer").code("idempotency_key_in_use").param(HEADER)
          .retryAfter(SOON).shouldRetry(true);
    }
    return new Turn(keys, caller.project(), key, claim instanceof Claim.Replay replay ? unpack(replay) : null);
  }

  /**
   * What becomes of the key when the request is over: its answer is kept, or its key is free again. It is written with the bill, by {@link Ledger#account}. A second time changes nothing.
   *
   * @param answer whole by now, also when it was streamed; anything else brought no whole answer
   * @param thrown why there is none, null otherwise
   */
  public void ends(Turn turn, ModelRequest request, @Nullable Answer answer, @Nullable Bill bill, @Nullable Throwable thrown) {
    if (!turn.isFirst()) {
      return;
    }
    try {
      turn.ends(ending(turn, request, answer, bill, thrown));
    } catch (RuntimeException mistake) {
      // the bill is settled all the same
      LOG.error("the answer to request {} could not be kept for its idempotency key", request.id(), mistake);
      turn.ends(Ending.free(turn.project, turn.key, request.id()));
    }
  }

  private Ending ending(Turn turn, ModelRequest request, @Nullable Answer answer, @Nullable Bill bill, @Nullable Throwable thrown) {
    if (thrown == null && bill != null && "ok".equals(bill.status()) && (answer instanceof ChatResponse || answer instanceof EmbeddingResponse || answer instanceof KeptResponse)) {
      return new Ending(turn.project, turn.key, request.id(), 200, JSON, pack(headers(request, bill), answer));
    }
    Problem why = thrown == null ? null : problem.apply(thrown);
    return why != null && isFinal(why.status()) ? new Ending(turn.project, turn.key, request.id(), why.status(), JSON, pack(headers(request, why), new KeptResponse(errorBody.apply(thrown), Usage.NONE)))
        : Ending.free(turn.project, turn.key, request.id());
  }

  private static boolean isFinal(int status) {
    return status < 500 && status != 408 && status != 409 && status != 425 && status != 429 && status != 499;
  }

  private static String key(ModelRequest request) {
    String key = request.hint(HEADER);
    boolean good = key != null && !key.isEmpty() && key.length() <= Idempotency.MAX_KEY;
    for (int i = 0; good && i < key.length(); i++) {
      good = key.charAt(i) > 32 && key.charAt(i) < 127;
    }
    if (!good) {
      throw Problem.badField(HEADER, "the header `Idempotency-Key` must be 1 to " + Idempotency.MAX_KEY + " visible ASCII characters");
    }
    return key;
  }

  private static String hash(ModelRequest request) {
    ObjectNode asked = Json.object();
    asked.setAll(request.asked());
    asked.remove("stream");
    asked.remove("stream_options");
    if (request instanceof EmbeddingRequest) {
      // the same body at another door is another request; no client's field has a blank name
      asked.put(" ", "embeddings");
    }
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(Json.bytes(asked)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  private static Map<String, String> headers(ModelRequest request, Bill bill) {
    Map<String, String> headers = new LinkedHashMap<>(8);
    headers.put("x-request-id", request.id());
    headers.put("x-dromedary-model", bill.servedModel());
    headers.put("x-dromedary-provider", bill.provider());
    if (!bill.tier().isEmpty()) {
      headers.put("x-dromedary-tier", bill.tier());
    }
    headers.put("x-dromedary-strategy", bill.strategy());
    return headers;
  }

  private static Map<String, String> headers(ModelRequest request, Problem why) {
    Map<String, String> headers = new LinkedHashMap<>(4);
    headers.put("x-request-id", request.id());
    if (why.shouldRetry() != null) {
      headers.put("x-should-retry", why.shouldRetry().toString());
    }
    return headers;
  }

  /** A line of JSON with headers and usage, then the body as it was: it is given again byte by byte. */
  private static byte[] pack(Map<String, String> headers, Answer answer) {
    KeptResponse whole = answer instanceof ChatResponse chat ? new KeptResponse(Json.bytes(chat.json()), chat.usage())
        : answer instanceof EmbeddingResponse vectors ? new KeptResponse(vectors.bytes(), vectors.usage()) : (KeptResponse) answer;
    Usage usage = whole.usage();
    byte[] body = whole.bytes();
    ObjectNode head = Json.object();
    ObjectNode named = head.putObject("headers");
    headers.forEach(named::put);
    head.putArray("usage").add(usage.uncachedInput()).add(usage.cacheRead()).add(usage.cacheWrite()).add(usage.output()).add(usage.reasoning()).add(usage.counted());
    byte[] line = Json.bytes(head);
    ByteArrayOutputStream out = new ByteArrayOutputStream(line.length + 1 + body.length);
    out.writeBytes(line);
    out.write('\n');
    out.writeBytes(body);
    return out.toByteArray();
  }

  private static Turn.Kept unpack(Claim.Replay replay) {
    byte[] bytes = replay.body();
    int end = 0;
    while (bytes[end] != '\n') {
      end++;
    }
    try {
      JsonNode head = Json.read(Arrays.copyOf(bytes, end));
      Map<String, String> headers = new LinkedHashMap<>(8);
      head.path("headers").properties().forEach(header -> headers.put(header.getKey(), header.getValue().asText()));
      JsonNode u = head.path("usage");
      Usage usage = new Usage(u.path(0).asLong(), u.path(1).asLong(), u.path(2).asLong(), u.path(3).asLong(), u.path(4).asLong(), u.path(5).asBoolean());
      return new Turn.Kept(replay.status(), headers, new KeptResponse(Arrays.copyOfRange(bytes, end + 1, bytes.length), usage));
    } catch (IOException e) {
      throw new UncheckedIOException("a kept answer is not readable", e);
    }
  }
}
