package io.dromedary.catalog;

import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The final account of one request: what the ledger keeps, the cost event tells and the headers show.
 *
 * @param entry the door it came in by
 * @param status {@code ok}, {@code error}, {@code cut} or {@code cancelled}
 * @param httpStatus what the client saw
 * @param cache {@code hit}, {@code semantic}, {@code miss} or {@code bypass}
 * @param servedModel the model that answered (also for a cache hit), "" if none did
 * @param usage of the answer that was given; zero tokens are billed for a hit
 * @param cost the sum of its attempts' costs
 * @param cacheSaved what a hit would have cost at the served model's price; zero otherwise
 * @param routingSaved cost at {@code baselineModel} minus cost; may be negative
 * @param baselineModel the counterfactual, "" if none is configured
 * @param attempts every provider call, in order; empty for a hit
 * @param promptHash SHA-256 of the canonical request, hex, for joining without text
 * @param prompt the prompt, only when the interaction log keeps text
 * @param answer the answer, only when the interaction log keeps text
 * @param user the person it was made for, "" if nobody said
 * @param agent the agent that was asked, "" for none
 * @param operation {@code chat} or {@code embeddings}, as OpenTelemetry's {@code gen_ai.operation.name} has it
 * @param topic what the request was about
 */
public record Bill(String requestId, String project, String keyId, Set<String> tags, String entry, String requestedModel, String servedModel, String provider, String tier, double score,
    String strategy, String reason, String status, int httpStatus, boolean stream, String cache, Usage usage, Usd cost, Usd cacheSaved, Usd routingSaved, String baselineModel,
    List<Attempt> attempts, Instant receivedAt, @Nullable Duration firstToken, Duration total, Duration overhead, String promptHash, @Nullable String prompt, @Nullable String answer,
    @Nullable String decision, String operation, String user, String agent, Topic topic) {
  /** The bill of a request of which nobody asked what it is about. */
  public Bill(String requestId, String project, String keyId, Set<String> tags, String entry, String requestedModel, String servedModel, String provider, String tier, double score,
      String strategy, String reason, String status, int httpStatus, boolean stream, String cache, Usage usage, Usd cost, Usd cacheSaved, Usd routingSaved, String baselineModel,
      List<Attempt> attempts, Instant receivedAt, @Nullable Duration firstToken, Duration total, Duration overhead, String promptHash, @Nullable String prompt, @Nullable String answer,
      @Nullable String decision, String operation, String user, String agent) {
    this(requestId, project, keyId, tags, entry, requestedModel, servedModel, provider, tier, score, strategy, reason, status, httpStatus, stream, cache, usage, cost, cacheSaved, routingSaved, baselineModel, attempts,
        receivedAt, firstToken, total, overhead, promptHash, prompt, answer, decision, operation, user, agent, Topic.NONE);
  }

  /** The bill of a chat request. */
  public Bill(String requestId, String project, String keyId, Set<String> tags, String entry, String requestedModel, String servedModel, String provider, String tier, double score,
      String strategy, String reason, String status, int httpStatus, boolean stream, String cache, Usage usage, Usd cost, Usd cacheSaved, Usd routingSaved, String baselineModel,
      List<Attempt> attempts, Instant receivedAt, @Nullable Duration firstToken, Duration total, Duration overhead, String promptHash, @Nullable String prompt, @Nullable String answer,
      @Nullable String decision) {
    this(requestId, project, keyId, tags, entry, requestedModel, servedModel, provider, tier, score, strategy, reason, status, httpStatus, stream, cache, usage, cost, cacheSaved, routingSaved, baselineModel, attempts,
        receivedAt, firstToken, total, overhead, promptHash, prompt, answer, decision, "chat", "", "");
  }
}
