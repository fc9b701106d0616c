package io.dromedary.ranking;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Candidates;
import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.Decision;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.Price;
import io.dromedary.catalog.Topic;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import java.math.BigDecimal;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What {@code POST /v1/route} and dry runs tell: the decision, what it would cost, and for a described task and budget which models suit. */
final class DecisionPage {
  private static final int MOST_SUGGESTED = 10;

  private final Ranking.Knowledge known;
  private final AnswerLengths lengths;

  DecisionPage(Ranking.Knowledge known, AnswerLengths lengths) {
    this.known = known;
    this.lengths = lengths;
  }

  /** @param baseline what savings are counted against, null if nothing is */
  ObjectNode explain(ChatRequest request, Candidates candidates, Occasion occasion, @Nullable Model baseline) {
    Decision decision = candidates.decision();
    if (request.json().has(Suggestions.TASK) || request.json().has(Suggestions.BUDGET)) {
      return suggest(request, candidates, occasion);
    }
    ObjectNode json = Json.object();
    json.put("object", "route.decision");
    json.put("requested_model", decision.requestedModel());
    json.put("strategy", decision.strategy());
    Complexity complexity = decision.complexity();
    if (complexity == null) {
      json.putNull("tier").putNull("score").putNull("scorer").putObject("signals");
    } else {
      json.put("tier", complexity.tier().name()).put("score", complexity.score()).put("scorer", complexity.scorer());
      ObjectNode signals = json.putObject("signals");
      complexity.signals().forEach((name, value) -> signals.set(name, Json.mapper().valueToTree(value)));
    }
    json.put("task", decision.topic().task());
    json.set("tasks", Json.mapper().valueToTree(decision.topic().tasks()));
    json.put("domain", decision.topic().domain());
    json.set("domains", Json.mapper().valueToTree(decision.topic().domains()));
    json.put("reason", decision.reason());
    decision.more().forEach((name, value) -> json.set(name, Json.mapper().valueToTree(value)));
    json.put("model", candidates.ranked().isEmpty() ? null : candidates.ranked().get(0).model().id());
    ArrayNode ranked = json.putArray("candidates");
    for (Candidate candidate : candidates.ranked()) {
      ObjectNode entry = ranked.addObject();
      entry.put("model", candidate.model().id()).put("provider", candidate.provider());
      cost(entry, candidate.expectedCost());
      entry.put("expected_quality", candidate.expectedQuality()).put("expected_latency_ms", candidate.expectedLatency().toMillis()).put("reason", candidate.reason());
    }
    ArrayNode dropped = json.putArray("dropped");
    for (Decision.Dropped drop : decision.dropped()) {
      dropped.addObject().put("model", drop.model()).put("why", drop.why());
    }
    estimate(json.putObject("estimate"), request, candidates, candidates.ranked().isEmpty() ? null : candidates.ranked().get(0).model());
    if (baseline == null) {
      json.putNull("baseline");
    } else {
      ObjectNode entry = json.putObject("baseline");
      entry.put("model", baseline.id());
      cost(entry, new Ranking(known, request, complexity, Occasion.NONE).cost(baseline.price(request.receivedAt())));
    }
    return json;
  }

  /** What a model is expected to use and to cost, and the most it can. @param model that would be asked, null when nobody would be */
  void estimate(ObjectNode json, ChatRequest request, Candidates candidates, @Nullable Model model) {
    Ranking ranking = new Ranking(known, request, candidates.decision().complexity(), Occasion.NONE);
    String task = candidates.decision().topic().task();
    long output = Math.min(ranking.needs.maxOutputTokens() > 0 ? ranking.needs.maxOutputTokens() : Long.MAX_VALUE, lengths.of(task)) * ranking.needs.choices();
    json.put("model", model == null ? null : model.id()).put("input_tokens", ranking.needs.inputTokens()).put("output_tokens", output).put("output_tokens_from", lengths.seen(task) == 0 ? "prior" : lengths.seen(task) + " answers seen");
    Price price = model == null ? null : known.tariff().marginal(model, model.price(request.receivedAt()));
    if (price == null) {
      json.putNull("cost_usd").putNull("at_most_usd");
      return;
    }
    long most = ranking.needs.maxOutputTokens() > 0 ? ranking.needs.maxOutputTokens() : model.maxOutputTokens() > 0 ? model.maxOutputTokens() : 4_096;
    json.put("cost_usd", price.cost(new Usage(ranking.needs.inputTokens(), 0, 0, output, 0, true)).plain());
    json.put("at_most_usd", price.upperBound(ranking.needs.inputTokens() * 2, most * ranking.needs.choices()).plain());
  }

  /** Which models suit a described task and how far a budget goes with them. */
  private ObjectNode suggest(ChatRequest request, Candidates candidates, Occasion occasion) {
    Decision decision = candidates.decision();
    Topic topic = decision.topic();
    Complexity complexity = decision.complexity();
    ObjectNode json = Json.object().put("object", "route.suggestion").put("requested_model", decision.requestedModel());
    ObjectNode task = json.putObject("task").put("type", topic.task());
    task.set("scores", Json.mapper().valueToTree(topic.tasks()));
    json.put("domain", topic.domain());
    json.set("domains", Json.mapper().valueToTree(topic.domains()));
    json.put("tier", decision.tier().isEmpty() ? null : decision.tier());
    json.put("score", complexity == null ? null : complexity.score());
    json.put("strategy", decision.strategy()).put("reason", decision.reason());
    JsonNode budgetGiven = request.json().path(Suggestions.BUDGET);
    BigDecimal budget = budgetGiven.isNumber() ? budgetGiven.decimalValue() : null;
    long calls = request.json().path(Suggestions.CALLS).asLong(0);
    json.put("budget_usd", budget);
    if (calls > 0) {
      json.put("calls", calls);
    }
    Ranking ranking = new Ranking(known, request, complexity, occasion == Occasion.NONE ? new Occasion("", topic, known.policy().get().choosing().profile("", topic.domain()), false, "", null, true) : occasion);
    List<Ranking.Suggested> suggested = ranking.suggested(lengths.of(topic.task()));
    double enough = Math.max(ranking.options.minQuality(), ranking.policy.tiers().get(ranking.tier).minQuality());
    ArrayNode models = json.putArray("models");
    for (int i = 0; i < suggested.size() && i < MOST_SUGGESTED; i++) {
      Ranking.Suggested each = suggested.get(i);
      ObjectNode entry = models.addObject().put("rank", i + 1).put("model", each.entry().model().id()).put("provider", each.entry().model().provider());
      cost(entry, each.cost());
      entry.put("expected_quality", each.entry().quality()).put("expected_latency_ms", each.entry().latencyMs()).put("good_enough", each.entry().quality() >= enough);
      if (budget != null) {
        entry.put("calls_within_budget", callsWithin(budget, each.cost()));
      }
      entry.put("reason", each.entry().quality() >= enough ? "good enough for " + ranking.tier + ", by cost" : "below the quality " + enough + " that " + ranking.tier + " wants, by quality");
    }
    json.put("model", suggested.isEmpty() ? null : suggested.get(0).entry().model().id());
    estimate(json.putObject("estimate"), request, candidates, suggested.isEmpty() ? null : suggested.get(0).entry().model());
    if (budget != null && !suggested.isEmpty()) {
      split(json.putArray("split"), suggested, budget, calls);
      if (calls > 0) {
        Long within = callsWithin(budget, suggested.get(0).cost());
        json.put("budget_suffices", within == null || within >= calls);
      }
    }
    ArrayNode dropped = json.putArray("dropped");
    for (Decision.Dropped drop : ranking.dropped()) {
      dropped.addObject().put("model", drop.model()).put("why", drop.why());
    }
    return json;
  }

  /** Null for a free model: no budget ends it. */
  private static @Nullable Long callsWithin(BigDecimal budget, @Nullable Usd cost) {
    if (cost == null) {
      return 0L;
    }
    return cost.nanos() == 0 ? null : budget.movePointRight(9).divideToIntegralValue(BigDecimal.valueOf(cost.nanos())).longValue();
  }

  /** Most of a budget for the cheapest model that is good enough, a fifth for the best one that it can still pay: for what the first does not do well. */
  private static void split(ArrayNode split, List<Ranking.Suggested> suggested, BigDecimal budget, long calls) {
    Ranking.Suggested usual = suggested.get(0);
    Ranking.Suggested best = usual;
    for (Ranking.Suggested each : suggested) {
      BigDecimal fifth = budget.multiply(new BigDecimal("0.2"));
      Long within = callsWithin(fifth, each.cost());
      if (each.entry().quality() > best.entry().quality() && each.cost() != null && (within == null || within >= 1)) {
        best = each;
      }
    }
    share(split, "usual calls", usual, budget, best == usual ? BigDecimal.ONE : new BigDecimal("0.8"), calls);
    if (best != usual) {
      share(split, "hard calls and escalations", best, budget, new BigDecimal("0.2"), 0);
    }
  }

  private static void share(ArrayNode split, String what, Ranking.Suggested model, BigDecimal budget, BigDecimal share, long calls) {
    ObjectNode part = split.addObject().put("for", what).put("model", model.entry().model().id()).put("share", share);
    BigDecimal dollars = budget.multiply(share).stripTrailingZeros();
    part.put("budget_usd", dollars.scale() < 0 ? dollars.setScale(0) : dollars);
    Long within = callsWithin(dollars, model.cost());
    part.put("calls", within);
    if (calls > 0) {
      part.put("per_call_usd", dollars.divide(BigDecimal.valueOf(calls), 9, java.math.RoundingMode.FLOOR).stripTrailingZeros());
    }
  }

  private static void cost(ObjectNode entry, @Nullable Usd cost) {
    if (cost == null) {
      entry.putNull("expected_cost_usd");
    } else {
      entry.put("expected_cost_usd", cost.plain());
    }
  }
}
