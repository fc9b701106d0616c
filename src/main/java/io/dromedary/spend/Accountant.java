package io.dromedary.spend;

import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Bill;
import io.dromedary.catalog.Candidates;
import io.dromedary.catalog.Decision;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.Price;
import io.dromedary.catalog.Recall;
import io.dromedary.catalog.Topic;
import io.dromedary.chat.Answer;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.ChatStream;
import io.dromedary.chat.EmbeddingResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.KeptResponse;
import io.dromedary.chat.ModelRequest;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Makes the final account of a request from what happened to it. Savings are counterfactuals, stated on the bill: a hit saves what its original cost; routing saves the difference to the same tokens at the baseline model's price (M12).
 */
public final class Accountant {
  /** The model that savings are measured against. */
  public interface Baseline {
    /** The configured baseline for a request, null when there is none or it is unpriced. */
    @Nullable Model of(ChatRequest request);
  }

  /** The sandbox asks no model, so it saves nothing either. */
  private static final String IN_PROCESS = "sandbox";

  /** The tier that reports show shadows under, apart from what callers asked for. */
  private static final String SHADOW = "SHADOW";

  private final Baseline baseline;
  private final boolean keepsText;
  private final Function<ModelRequest, String> promptHash;

  /** @param keepsText whether prompts and answers go into the interaction log */
  public Accountant(Baseline baseline, boolean keepsText, Function<ModelRequest, String> promptHash) {
    this.baseline = baseline;
    this.keepsText = keepsText;
    this.promptHash = promptHash;
  }

  /**
   * The bill of a request.
   *
   * @param candidates null when no model was looked for: a cache hit, or a request that failed before
   * @param answer null when there was none
   * @param thrown why there was none, null otherwise
   * @return null when there is nothing to account for: the request was refused before anything was asked or recalled
   */
  public @Nullable Bill bill(String entry, @Nullable ModelRequest request, @Nullable Caller caller, @Nullable Candidates candidates, @Nullable Recall recall, @Nullable Answer answer, @Nullable Throwable thrown) {
    if (request == null || caller == null || candidates == null && (recall == null || !recall.hit()) || candidates != null && candidates.attempts().isEmpty()) {
      return null;
    }
    List<Attempt> attempts = candidates == null ? List.of() : candidates.attempts();
    Instant now = Instant.now();
    Duration total = Duration.between(request.receivedAt(), now);
    Usd cost = Usd.ZERO;
    // what provisioned capacity spared is its saving, not the routing's
    Usd spared = Usd.ZERO;
    Duration waited = Duration.ZERO;
    for (Attempt attempt : attempts) {
      attempt.ended(Attempt.Status.FAILED, Usage.NONE, "not_called", 0, null, Duration.ZERO);
      Attempt.Outcome outcome = attempt.outcome();
      cost = cost.plus(outcome.cost());
      waited = waited.plus(outcome.total());
      Usd listed = attempt.spared();
      spared = listed == null ? spared : spared.plus(listed);
    }
    // of a cascade it need not be the last call; a judge's answer is nobody's
    Attempt last = candidates == null ? null : candidates.served();
    Attempt.Outcome end = last == null ? null : last.outcome();
    boolean answered = last == null ? candidates == null && answer != null : end.status() == Attempt.Status.ANSWERED;
    String status = answered ? "ok" : end == null ? "error" : switch (end.status()) {
      case CUT -> "cut";
      case CANCELLED -> "cancelled";
      default -> "error";
    };
    Usage usage = last != null ? end.usage() : candidates == null ? usageOf(answer) : Usage.NONE;
    boolean served = answered || "cut".equals(status);
    Decision decision = candidates == null ? null : candidates.decision();
    String model = last != null ? served ? last.candidate().model().id() : "" : candidates == null ? recall.model() : "";
    String provider = last != null ? served ? last.candidate().provider() : "" : candidates == null ? recall.provider() : "";
    // Vectors of another model are of no use in place of these: nothing was routed, nothing was saved by it.
    ChatRequest chat = request instanceof ChatRequest asked ? asked : null;
    boolean shadow = last != null && last.purpose() == Attempt.Purpose.SHADOW;
    Model base = chat == null || shadow ? null : baseline.of(chat);
    Price basePrice = base == null ? null : base.price(request.receivedAt());
    Usd routingSaved = last == null || !answered || basePrice == null || last.price() == null || IN_PROCESS.equals(provider) ? Usd.ZERO : basePrice.cost(usage).minus(cost).minus(spared);
    return new Bill(request.id(), caller.project(), caller.keyId(), request.tags(caller), entry, request.requestedModel(), model, provider, shadow ? SHADOW : decision == null ? "" : decision.tier(),
        decision == null || decision.complexity() == null ? 0 : decision.complexity().score(), decision == null ? "cache" : decision.strategy(), decision == null ? "recalled" : decision.reason(), status,
        httpStatus(status, thrown), request.stream(), recall == null ? "bypass" : recall.status(), usage, cost, recall != null && recall.hit() ? recall.originalCost() : Usd.ZERO, routingSaved,
        base == null || last == null ? "" : base.id(), attempts, request.receivedAt(), end == null ? null : end.firstToken(), total, total.minus(waited).isNegative() ? Duration.ZERO : total.minus(waited),
        promptHash.apply(request), keepsText ? Json.text(chat == null ? request.json().path("input") : chat.messages()) : null, keepsText && answer instanceof ChatResponse whole ? Json.text(whole.json().path("choices")) : null,
        DecisionText.of(candidates, recall == null ? null : recall.likeQuestion()), chat == null ? "embeddings" : "chat", request.user(caller), chat == null || chat.call() == null ? "" : chat.call().agent(), decision == null ? Topic.NONE : decision.topic());
  }

  private static int httpStatus(String status, @Nullable Throwable thrown) {
    if ("ok".equals(status) || "cut".equals(status)) {
      return 200;
    }
    if ("cancelled".equals(status)) {
      return 499;
    }
    return thrown instanceof Problem problem ? problem.status() : thrown instanceof ProviderFailure failure ? failure.kind().clientStatus() : 500;
  }

  private static Usage usageOf(@Nullable Answer answer) {
    return answer instanceof ChatResponse whole ? whole.usage() : answer instanceof EmbeddingResponse vectors ? vectors.usage() : answer instanceof KeptResponse kept ? kept.usage() : answer instanceof ChatStream stream ? stream.usage() : Usage.NONE;
  }
}
