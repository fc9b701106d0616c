package io.dromedary.client.chatcompletions;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Bill;
import io.dromedary.catalog.Candidates;
import io.dromedary.catalog.Decision;
import io.dromedary.catalog.Recall;
import io.dromedary.chat.Answer;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.ChatStream;
import io.dromedary.chat.Download;
import io.dromedary.chat.EmbeddingRequest;
import io.dromedary.chat.EmbeddingResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.KeptResponse;
import io.dromedary.chat.ModelRequest;
import io.dromedary.chat.Problem;
import io.dromedary.client.Problems;
import io.dromedary.client.Reply;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Writes replies in OpenAI's format with the contract's response headers. The bean that {@code reply} and the HTTP door call. */
public final class Replies {
  private static final String JSON = "application/json";
  /** Where a request's experiment and arm are noted, {@code id/arm}; nobody outside can say it. */
  private static final String VARIANT = "dromedary.variant";

  /** An answer as its caller asked for it: whole or streamed, whichever way it came. */
  public Reply chat(ChatRequest request, Answer answer, @Nullable Candidates candidates, @Nullable Recall recall, @Nullable Bill bill) {
    Map<String, String> headers = headers(request, candidates, recall, bill);
    if (answer instanceof ChatResponse whole) {
      return request.stream() ? new Reply.Streamed(headers, AnswerReplay.stream(whole), request.wantsUsage()) : new Reply.Whole(200, headers, JSON, request.call() == null ? Json.bytes(whole.json()) : named(request, whole));
    }
    if (answer instanceof KeptResponse kept) {
      return request.stream() ? new Reply.Streamed(headers, AnswerReplay.stream(kept.parsed()), request.wantsUsage()) : new Reply.Whole(200, headers, JSON, request.call() == null ? kept.bytes() : named(request, kept.parsed()));
    }
    return new Reply.Streamed(headers, (ChatStream) answer, request.wantsUsage());
  }

  /** An agent's answer says by which id its interaction is logged, beside the header. */
  private static byte[] named(ChatRequest request, ChatResponse whole) {
    return Json.bytes(((ObjectNode) Json.object().setAll(whole.json())).put("request_id", request.id()));
  }

  /** Vectors, in the encoding that was asked for. */
  public Reply embeddings(EmbeddingRequest request, Answer answer, @Nullable Candidates candidates, @Nullable Recall recall, @Nullable Bill bill) {
    byte[] bytes = answer instanceof KeptResponse kept ? kept.bytes() : ((EmbeddingResponse) answer).bytes();
    return new Reply.Whole(200, headers(request, candidates, recall, bill), JSON, bytes);
  }

  /** What was answered before to a request with the same idempotency key: the same status and body, streamed or whole as it is asked for now. */
  public Reply again(ModelRequest asked, int status, Map<String, String> headers, KeptResponse kept) {
    Map<String, String> all = new LinkedHashMap<>(headers);
    all.put("idempotent-replayed", "true");
    return status == 200 && asked instanceof ChatRequest request && request.stream() ? new Reply.Streamed(all, AnswerReplay.stream(kept.parsed()), request.wantsUsage()) : new Reply.Whole(status, all, JSON, kept.bytes());
  }

  /** Any JSON that is not a chat answer: lists, reports, explanations. */
  public Reply json(JsonNode json, @Nullable String requestId) {
    return new Reply.Whole(200, id(requestId), JSON, Json.bytes(json));
  }

  /** JSON objects, one a line. */
  public Reply lines(byte[] lines, @Nullable String requestId) {
    return new Reply.Whole(200, id(requestId), "application/x-ndjson", lines);
  }

  /** A file as it is; told to be saved, not to be shown. */
  public Reply file(Download file, @Nullable String requestId) {
    Map<String, String> headers = id(requestId);
    headers.put("content-disposition", "attachment");
    return new Reply.File(headers, "application/octet-stream", file);
  }

  /** What an admin request with the same idempotency key was answered before. */
  public Reply kept(int status, byte[] body, @Nullable String requestId) {
    Map<String, String> headers = id(requestId);
    headers.put("idempotent-replayed", "true");
    return new Reply.Whole(status, headers, JSON, body);
  }

  /** An error, in OpenAI's shape with all four keys; says nothing but what the {@link Problem} says. */
  public static Reply.Whole error(Throwable thrown, @Nullable String requestId) {
    Problem problem = Problems.of(thrown);
    Map<String, String> headers = id(requestId);
    headers.putAll(Problems.headers(problem));
    return new Reply.Whole(problem.status(), headers, JSON, Json.bytes(ErrorFormat.error(problem)));
  }

  private static Map<String, String> id(@Nullable String requestId) {
    Map<String, String> headers = new LinkedHashMap<>(8);
    if (requestId != null) {
      headers.put("x-request-id", requestId);
    }
    return headers;
  }

  /** The contract's headers: what is known when the first byte goes out. A stream's cost is not; it is in its usage chunk and in {@code GET /v1/requests/{id}}. */
  private static Map<String, String> headers(ModelRequest request, @Nullable Candidates candidates, @Nullable Recall recall, @Nullable Bill bill) {
    Map<String, String> headers = new LinkedHashMap<>(16);
    headers.put("x-request-id", request.id());
    Duration provider = Duration.ZERO;
    if (candidates != null) {
      List<Attempt> attempts = candidates.attempts();
      Attempt last = candidates.served();
      Decision decision = candidates.decision();
      if (last != null) {
        headers.put("x-dromedary-model", last.candidate().model().id());
        headers.put("x-dromedary-provider", last.candidate().provider());
        if (!last.dropped().isEmpty()) {
          headers.put("x-dromedary-dropped-params", plain(String.join(",", last.dropped())));
        }
      }
      if (!decision.tier().isEmpty()) {
        headers.put("x-dromedary-tier", decision.tier());
      }
      if (!decision.topic().task().isEmpty()) {
        headers.put("x-dromedary-task", decision.topic().task());
      }
      if (!decision.topic().domain().isEmpty()) {
        headers.put("x-dromedary-domain", decision.topic().domain());
      }
      String variant = request.hint(VARIANT);
      if (variant != null) {
        headers.put("x-dromedary-experiment", plain(variant.replace('/', '=')));
      }
      headers.put("x-dromedary-strategy", decision.strategy());
      headers.put("x-dromedary-reason", plain(decision.reason()));
      if (decision.more().get("optimized") instanceof String changes) {
        headers.put("x-dromedary-optimized", plain(changes));
      }
      headers.put("x-dromedary-attempts", Long.toString(attempts.stream().filter(attempt -> attempt.purpose() == Attempt.Purpose.ANSWER).count()));
      provider = waited(attempts);
    } else if (recall != null && recall.hit()) {
      headers.put("x-dromedary-model", recall.model());
      headers.put("x-dromedary-provider", recall.provider());
      headers.put("x-dromedary-strategy", "cache");
      headers.put("x-dromedary-attempts", "0");
    }
    headers.put("x-dromedary-cache", recall == null ? "bypass" : recall.status());
    if (recall != null && recall.similarity() != null) {
      headers.put("x-dromedary-cache-similarity", String.format(java.util.Locale.ROOT, "%.4f", recall.similarity()));
    }
    if (bill != null) {
      headers.put("x-dromedary-cost-usd", bill.cost().toString());
      headers.put("x-dromedary-saved-usd", bill.cacheSaved().plus(bill.routingSaved()).toString());
    }
    Duration total = Duration.between(request.receivedAt(), Instant.now());
    headers.put("x-dromedary-overhead-ms", milliseconds(total.minus(provider)));
    return headers;
  }

  private static Duration waited(List<Attempt> attempts) {
    Duration waited = Duration.ZERO;
    for (Attempt attempt : attempts) {
      Attempt.Outcome outcome = attempt.outcome();
      if (outcome != null) {
        waited = waited.plus(outcome.total());
      } else {
        waited = waited.plus(Duration.between(attempt.startedAt(), Instant.now()));
      }
    }
    return waited;
  }

  private static String milliseconds(Duration duration) {
    long micros = Math.max(0, duration.toNanos() / 1_000);
    return micros / 1_000 + "." + String.valueOf(1_000 + micros % 1_000).substring(1);
  }

  /** Header values are visible ASCII; a newline in one would begin another header. */
  private static String plain(String text) {
    StringBuilder out = new StringBuilder(Math.min(text.length(), 300));
    for (int i = 0; i < text.length() && out.length() < 300; i++) {
      char c = text.charAt(i);
      out.append(c >= 32 && c < 127 ? c : '?');
    }
    return out.toString();
  }
}
