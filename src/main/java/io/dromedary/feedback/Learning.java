package io.dromedary.feedback;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** What was learned, to be looked at and to be forgotten. */
public final class Learning {
  private static final double UNKNOWN = 0.5;

  private final QualityEstimates quality;
  private final LatencyEstimates latency;
  private final LearningStore store;
  private final Outcomes outcomes;
  private final LearningRules rules;
  private final Supplier<ModelCatalog> catalogue;
  private final BooleanSupplier on;

  public Learning(QualityEstimates quality, LatencyEstimates latency, LearningStore store, Outcomes outcomes, LearningRules rules, Supplier<ModelCatalog> catalogue, BooleanSupplier on) {
    this.quality = quality;
    this.latency = latency;
    this.store = store;
    this.outcomes = outcomes;
    this.rules = rules;
    this.catalogue = catalogue;
    this.on = on;
  }

  /** {@code GET /admin/learning}: per model, and per task and tier, what is expected and how sure that is. */
  public ObjectNode show() {
    ObjectNode page = Json.object().put("object", "learning").put("on", on.getAsBoolean()).put("half_life_seconds", rules.halfLife().toSeconds()).put("prior_weight", rules.priorWeight()).put("memory", rules.memory())
        .put("passed_over", outcomes.passedOver());
    ArrayNode models = page.putArray("models");
    Map<String, List<QualityEstimates.Key>> known = quality.known();
    Map<String, LatencyEstimates.Known> latencies = latency.known();
    TreeSet<String> ids = new TreeSet<>(known.keySet());
    ids.addAll(latencies.keySet());
    for (String id : ids) {
      double prior = catalogue.get().find(id).map(model -> model.quality()).orElse(UNKNOWN);
      ObjectNode model = models.addObject().put("model", id);
      estimate(model, quality.estimate(id, prior));
      ArrayNode kinds = model.putArray("kinds");
      for (QualityEstimates.Key key : known.getOrDefault(id, List.of())) {
        estimate(kinds.addObject().put("task", key.task()).put("tier", key.tier()), quality.estimate(id, prior, key.task(), key.tier()));
      }
      LatencyEstimates.Known seen = latencies.get(id);
      if (seen != null) {
        model.putObject("latency").put("p50_ms", seen.p50Ms()).put("p95_ms", seen.p95Ms()).put("observations", round(seen.observations())).put("used", seen.used() && on.getAsBoolean());
      }
    }
    return page;
  }

  private static void estimate(ObjectNode node, Estimate estimate) {
    node.put("prior_quality", round(estimate.prior())).put("expected_quality", round(estimate.quality())).put("deviation", round(estimate.deviation()));
    node.putArray("interval_95").add(round(Math.max(0, estimate.quality() - 1.96 * estimate.deviation()))).add(round(Math.min(1, estimate.quality() + 1.96 * estimate.deviation())));
    node.put("scores", round(estimate.scores())).put("implicit", round(estimate.signs()));
  }

  private static double round(double value) {
    return Math.round(value * 10_000) / 10_000.0;
  }

  /** {@code POST /admin/learning/reset} with {@code {}} for all or {@code {"model"}}; {@code DELETE /admin/learning} is all. @throws Problem 404 for a model that nobody knows, 400 for anything else */
  public ObjectNode reset(Inbound in) {
    String model = "";
    if (in.body().length > 0) {
      ObjectNode which = Json.readStrictly(in.body());
      which.fieldNames().forEachRemaining(field -> {
        if (!field.equals("model")) {
          throw Problem.badField(Problem.clip(field), "`" + Problem.clip(field) + "` is not one of model");
        }
      });
      JsonNode named = which.path("model");
      if (!named.isMissingNode() && !(named.isTextual() && !named.textValue().isBlank() && named.textValue().length() <= 256)) {
        throw Problem.badField("model", "`model` must be the id of a model, such as openai/gpt-4o");
      }
      model = named.asText("");
      if (!model.isEmpty() && catalogue.get().find(model).isEmpty() && !quality.known().containsKey(model) && !latency.known().containsKey(model)) {
        throw Problem.notFound("there is no model `" + Problem.clip(model) + "` in the catalogue, and nothing was learned of one");
      }
    }
    store.forget(model);
    return Json.object().put("object", "learning.reset").put("model", model.isEmpty() ? "all" : model);
  }
}
