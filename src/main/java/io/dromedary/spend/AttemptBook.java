package io.dromedary.spend;

import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Candidates;
import io.dromedary.catalog.Draw;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.Passage;
import io.dromedary.catalog.Price;
import io.dromedary.catalog.Tariff;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.EmbeddingRequest;
import io.dromedary.chat.ModelRequest;
import io.dromedary.chat.Problem;
import io.dromedary.chat.TokenCounter;
import io.dromedary.chat.Usd;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Books each provider call before it is made: numbers it, reserves the most it can cost, and makes its row durable (M1). */
public final class AttemptBook {
  /** Who says which purses a call draws from. */
  public interface Draws {
    /**
     * @param earlier the request's attempts so far
     * @param upperBound the most that the call can cost, null when its model is unpriced
     * @throws Problem if it is plain already that the call may not be made
     */
    List<Draw> of(ModelRequest request, Caller caller, List<Attempt> earlier, Model model, @Nullable Usd upperBound);
  }

  private final Ledger ledger;
  private final long defaultMaxOutput;
  private final Draws draws;
  private final Tariff tariff;

  /** @param defaultMaxOutput output tokens to reserve for when neither the request nor the model sets a limit, and the model's context is unknown too */
  public AttemptBook(Ledger ledger, long defaultMaxOutput, Draws draws, Tariff tariff) {
    this.ledger = ledger;
    this.defaultMaxOutput = defaultMaxOutput;
    this.draws = draws;
    this.tariff = tariff;
  }

  /**
   * Begins an attempt; when this returns, its row is durable.
   *
   * @throws Problem 403 when the caller's policy forbids the model: the ranking leaves such models out, and no other way leads to one; 503 when the ledger cannot be written: nothing is served unpaid (F5); 429 when a budget or
   *     credit cannot bear the most that it can cost, 422 when that is not known (M2, M9)
   */
  public Attempt begin(ModelRequest request, Caller caller, Candidates candidates, Candidate candidate) {
    Instant now = Instant.now();
    List<Attempt> earlier = candidates.attempts();
    int number = earlier.size() + 1;
    Model model = candidate.model();
    allowed(caller, model);
    long input = inputAtMost(request);
    long output = outputAtMost(request, model);
    Tariff.Terms terms = tariff.take(model, model.price(request.receivedAt()), input + output);
    Price price = terms.price();
    Usd most = price == null ? Usd.ZERO : price.upperBound(input, output);
    Attempt attempt;
    try {
      List<Draw> drawn = draws.of(request, caller, earlier, model, price == null ? null : most);
      attempt = new Attempt(request.id() + "." + number, number, candidate, price, most, now, candidates.purpose(), drawn);
      if (terms.instead() != null) {
        attempt.terms(terms);
      }
      ledger.begin(attempt, request.id(), caller.project(), earlier);
    } catch (RuntimeException refused) {
      if (terms.used() != null) {
        terms.used().accept(0);
      }
      throw refused;
    }
    if (number - candidates.before() < candidates.ranked().size()) {
      // Others wait behind this one: it may use half of the time that is left, not all.
      attempt.patience(request.remaining(now).dividedBy(2));
    }
    candidates.add(attempt);
    return attempt;
  }

  /**
   * Holds what a request may cost in its provider's own batch; when this returns, that is durable, and no process's end changes it.
   *
   * @throws Problem as {@link #begin}; 409 for a model that runs on capacity which is paid for already
   */
  public Attempt hold(ModelRequest request, Caller caller, Passage passage) {
    Model model = passage.candidate().model();
    allowed(caller, model);
    Price listed = model.price(request.receivedAt());
    if (tariff.marginal(model, listed) != listed) {
      throw new Problem(409, "invalid_request_error", "the model `" + model.id() + "` runs on provisioned capacity, which is cheaper than a batch of its provider").code("capacity_is_cheaper");
    }
    Price price = listed == null ? null : listed.times(passage.factor(), "*batch");
    Usd most = price == null ? Usd.ZERO : price.upperBound(inputAtMost(request), outputAtMost(request, model));
    List<Draw> drawn = draws.of(request, caller, List.of(), model, price == null ? null : most);
    Attempt attempt = new Attempt(request.id() + ".1", 1, passage.candidate(), price, most, Instant.now(), Attempt.Purpose.ANSWER, drawn);
    attempt.standsFor(passage.batchId());
    attempt.terms(new Tariff.Terms(price, listed, null));
    ledger.begin(attempt, request.id(), caller.project());
    return attempt;
  }

  private static void allowed(Caller caller, Model model) {
    String forbidden = caller.policy().forbids(model.provider(), model.name(), model.id(), model.tags());
    if (forbidden != null) {
      throw new Problem(403, "invalid_request_error", "the model `" + model.id() + "` may not answer: " + forbidden).code("model_not_allowed").param("model").shouldRetry(false);
    }
  }

  private static long inputAtMost(ModelRequest request) {
    return request instanceof EmbeddingRequest embeddings ? TokenCounter.inputAtMost(embeddings) : TokenCounter.inputAtMost((ChatRequest) request);
  }

  /** The most that a call can cost as things stand, as {@link #begin} would reserve it; null when its model is unpriced. */
  public @Nullable Usd upperBound(ChatRequest request, Model model) {
    Price price = tariff.marginal(model, model.price(request.receivedAt()));
    return price == null ? null : price.upperBound(inputAtMost(request), outputAtMost(request, model));
  }

  private long outputAtMost(ModelRequest asked, Model model) {
    if (!(asked instanceof ChatRequest request)) {
      return 0;
    }
    long unasked = model.maxOutputTokens() > 0 ? model.maxOutputTokens() : model.contextTokens() > 0 ? model.contextTokens() : defaultMaxOutput;
    return request.maxOutputTokens().orElse(unasked) * Math.max(1, request.json().path("n").asLong(1));
  }
}
