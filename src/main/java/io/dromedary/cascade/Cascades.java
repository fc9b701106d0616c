package io.dromedary.cascade;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Candidates;
import io.dromedary.chat.Answer;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import java.math.BigDecimal;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Cheap first: leads a request up the rungs that the ranking has chosen until an answer passes its tests. */
public final class Cascades {
  private final Supplier<CascadePolicy> policy;

  /** The policy is asked at every request, so that a reload takes effect. */
  public Cascades(Supplier<CascadePolicy> policy) {
    this.policy = policy;
  }

  /** @return null for a request that goes by no cascade */
  public @Nullable Cascade begin(ChatRequest request, Candidates candidates) {
    if (!candidates.decision().strategy().equals("cascade")) {
      return null;
    }
    Object name = candidates.decision().more().get("cascade_name");
    CascadePolicy.Accept accept = policy.get().accepts().getOrDefault(name == null ? "default" : name.toString(), CascadePolicy.Accept.USUAL);
    ObjectNode json = request.wholeBody();
    boolean hidden = accept.minLogprob() != null && !json.path("logprobs").asBoolean(false);
    if (hidden) {
      json.put("logprobs", true);
    }
    return new Cascade(request, request.with(json), accept, candidates, hidden);
  }

  /** The rungs that are left, as a round of their own: a provider that fails is passed over to the next rung, unless the request wants no stand-ins. */
  public Candidates climb(Cascade cascade) {
    return cascade.climb(cascade.getAsked().json().path("provider").path("allow_fallbacks").asBoolean(true));
  }

  /** Takes the answer of a rung, to be tested. */
  public void take(Cascade cascade, Answer answer) {
    cascade.take(answer);
  }

  /** Weighs what the tests have said: is the answer accepted, or is there a further rung, and may it still be paid? */
  public void weigh(Cascade cascade) {
    cascade.weigh(affordable(cascade));
  }

  private static boolean affordable(Cascade cascade) {
    JsonNode most = cascade.getAsked().routing().path("max_cost");
    if (!most.isNumber() || cascade.left().isEmpty()) {
      return true;
    }
    BigDecimal spent = BigDecimal.ZERO;
    for (Attempt attempt : cascade.ladder().attempts()) {
      Attempt.Outcome outcome = attempt.outcome();
      if (outcome != null) {
        spent = spent.add(outcome.cost().dollars());
      }
    }
    Candidate next = cascade.left().get(0);
    return next.expectedCost() != null && spent.add(next.expectedCost().dollars()).compareTo(most.decimalValue()) <= 0;
  }

  /**
   * No further rung answered: an earlier answer, though it failed a test, is better than none.
   *
   * @throws RuntimeException what was thrown, if there is none, or if nobody waits for it
   */
  public void fell(Cascade cascade, Throwable thrown) {
    boolean gone = thrown instanceof ProviderFailure failure && failure.kind() == ProviderFailure.Kind.CANCELLED;
    String why = thrown instanceof Problem problem ? "further rungs failed: " + (problem.code() == null ? problem.status() : problem.code()) : thrown instanceof ProviderFailure failure ? "further rungs failed: " + failure.kind().name().toLowerCase(java.util.Locale.ROOT) : "further rungs failed";
    if (gone || !cascade.fell(why)) {
      throw thrown instanceof RuntimeException as ? as : new IllegalStateException(thrown);
    }
  }

  /** The answer that the caller gets. */
  public Answer answer(Cascade cascade) {
    return cascade.best();
  }

  /** The candidates with who served, and what the tests have said. */
  public Candidates conclude(Cascade cascade) {
    return cascade.concluded();
  }
}
