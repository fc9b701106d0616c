package io.dromedary.spend;

import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Candidates;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.Price;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.EmbeddingRequest;
import io.dromedary.chat.ModelRequest;
import io.dromedary.chat.Problem;
import io.dromedary.chat.TokenCounter;
import io.dromedary.chat.Usd;
import java.time.Instant;

/** Books each provider call before it is made: numbers it, reserves the most it can cost, and makes its row durable (M1). */
public final class AttemptBook {
  private final Ledger ledger;
  private final long defaultMaxOutput;

  /** @param defaultMaxOutput output tokens to reserve for when neither the request nor the model sets a limit */
  public AttemptBook(Ledger ledger, long defaultMaxOutput) {
    this.ledger = ledger;
    this.defaultMaxOutput = defaultMaxOutput;
  }

  /**
   * Begins an attempt; when this returns, its row is durable.
   *
   * @throws Problem 403 when the caller's policy forbids the model: the ranking leaves such models out, and no other way leads to one; 503 when the ledger cannot be written: nothing is served unpaid (F5)
   */
  public Attempt begin(ModelRequest request, Caller caller, Candidates candidates, Candidate candidate) {
    Instant now = Instant.now();
    int number = candidates.attempts().size() + 1;
    Model model = candidate.model();
    String forbidden = caller.policy().forbids(model.provider(), model.name(), model.id(), model.tags());
    if (forbidden != null) {
      throw new Problem(403, "invalid_request_error", "the model `" + model.id() + "` may not answer: " + forbidden).code("model_not_allowed").param("model").shouldRetry(false);
    }
    Price price = model.price(request.receivedAt());
    Attempt attempt = new Attempt(request.id() + "." + number, number, candidate, price, price == null ? Usd.ZERO : reserve(request, model, price), now, candidates.purpose());
    if (number - candidates.before() < candidates.ranked().size()) {
      // Others wait behind this one: it may use half of the time that is left, not all.
      attempt.patience(request.remaining(now).dividedBy(2));
    }
    ledger.begin(attempt, request.id(), caller.project());
    candidates.add(attempt);
    return attempt;
  }

  private Usd reserve(ModelRequest asked, Model model, Price price) {
    if (asked instanceof EmbeddingRequest embeddings) {
      return price.upperBound(TokenCounter.inputAtMost(embeddings), 0);
    }
    ChatRequest request = (ChatRequest) asked;
    long most = request.maxOutputTokens().orElse(model.maxOutputTokens() > 0 ? model.maxOutputTokens() : defaultMaxOutput);
    long choices = Math.max(1, request.json().path("n").asLong(1));
    return price.upperBound(TokenCounter.inputAtMost(request), most * choices);
  }
}
