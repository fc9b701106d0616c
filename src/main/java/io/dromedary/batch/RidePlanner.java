package io.dromedary.batch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Candidates;
import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.Decision;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Passage;
import io.dromedary.catalog.Ride;
import io.dromedary.catalog.Tariff;
import io.dromedary.catalog.Tier;
import io.dromedary.catalog.Topic;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.EmbeddingRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.ModelRequest;
import io.dromedary.chat.Usd;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Says which requests may wait in a provider's batch, and makes of one that does what is kept until its answer comes. */
public final class RidePlanner {
  private static final int LONGEST_REASON = 1_000;

  private final RideRules rules;
  private final Supplier<ModelCatalog> catalogue;

  public RidePlanner(RideRules rules, Supplier<ModelCatalog> catalogue) {
    this.rules = rules;
    this.catalogue = catalogue;
  }

  /**
   * With whom it may ride: the first candidate, where its provider's batches are used. Not streams, cascades, agents, or what a judge was paid for.
   *
   * @param cascade what is to be asked cheap first, null for a request that is not
   * @return null for a request that is to be asked at once
   */
  public @Nullable Passage passage(ModelRequest request, Candidates candidates, @Nullable Object cascade, String batchId) {
    Candidate first = candidates.ranked().get(0);
    boolean plain = cascade == null && !request.stream() && candidates.attempts().isEmpty() && !(request instanceof ChatRequest chat && chat.call() != null);
    return plain && rules.providers().contains(first.provider()) ? new Passage(first, batchId, rules.factor(first.model())) : null;
  }

  /** What is kept of it. @param content the request in the provider's words */
  public Ride ride(ModelRequest request, Candidates candidates, Attempt attempt, byte[] content) {
    Model model = attempt.candidate().model();
    Decision decision = candidates.decision();
    ObjectNode ticket = Json.object().put("model", model.id()).put("reserved", attempt.reserved().nanos()).put("started", attempt.startedAt().toEpochMilli()).put("batch", attempt.batchId())
        .put("requested", decision.requestedModel()).put("strategy", decision.strategy()).put("reason", BatchStore.clip(decision.reason(), LONGEST_REASON)).put("domain", decision.topic().domain()).put("task", decision.topic().task());
    Ticket.put(ticket, "price", attempt.price());
    Ticket.put(ticket, "listed", model.price(request.receivedAt()));
    Complexity complexity = decision.complexity();
    if (complexity != null) {
      ticket.put("tier", complexity.tier().name()).put("score", complexity.score()).put("scorer", complexity.scorer());
    }
    boolean embeds = request instanceof EmbeddingRequest;
    return new Ride(request.id(), model.provider(), embeds ? "/v1/embeddings" : "/v1/chat/completions", model.name(), embeds ? ((EmbeddingRequest) request).inputs().size() : 0, content, Json.text(ticket));
  }

  /** The decision as it was, with its one attempt under way. */
  public Candidates resume(String ticket, String requestId) {
    JsonNode json = Ticket.read(ticket);
    String id = json.path("model").asText();
    Model model = catalogue.get().find(id).orElseGet(() -> Model.unlisted(id.substring(0, id.indexOf('/')), id.substring(id.indexOf('/') + 1)));
    Complexity complexity = json.has("tier") ? new Complexity(json.path("score").asDouble(), Tier.valueOf(json.path("tier").asText()), json.path("scorer").asText(), Map.of()) : null;
    Topic topic = new Topic(json.path("domain").asText(), Map.of(), false, json.path("task").asText(), Map.of());
    Candidate candidate = new Candidate(model, null, model.quality(), Duration.ZERO, "it waited in its provider's batch");
    Candidates candidates = new Candidates(List.of(candidate), new Decision(json.path("requested").asText(), json.path("strategy").asText(), complexity, json.path("reason").asText(), List.of(), topic, Map.of()));
    Attempt attempt = new Attempt(requestId + ".1", 1, candidate, Ticket.price(json.path("price")), Usd.ofNanos(json.path("reserved").asLong()), Instant.ofEpochMilli(json.path("started").asLong()));
    attempt.standsFor(json.path("batch").asText());
    attempt.terms(new Tariff.Terms(attempt.price(), Ticket.price(json.path("listed")), null));
    candidates.add(attempt);
    return candidates;
  }
}
