package io.dromedary;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.agent.Agents;
import io.dromedary.cache.AnswerCache;
import io.dromedary.cache.AnswerPurge;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.client.Reply;
import io.dromedary.client.chatcompletions.ModelList;
import io.dromedary.provider.ProviderAccounts;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/** The pages that show several rooms at once: the models that can be asked, the providers' state, the cache, all metrics. */
public final class Pages {
  private final Supplier<ModelCatalog> catalog;
  private final ProviderAccounts accounts;
  private final ModelList models;
  private final Agents agents;
  private final AnswerCache cache;
  private final AnswerPurge purges;
  private final List<CachePage> further;
  private final MeterRegistry meters;

  Pages(Supplier<ModelCatalog> catalog, ProviderAccounts accounts, ModelList models, Agents agents, AnswerCache cache, AnswerPurge purges, List<CachePage> further, MeterRegistry meters) {
    this.catalog = catalog;
    this.accounts = accounts;
    this.models = models;
    this.agents = agents;
    this.cache = cache;
    this.purges = purges;
    this.further = further;
    this.meters = meters;
  }

  /** {@code GET /v1/models}: the catalogue's models at providers that take part, as far as the caller may use them, and its agents. */
  public ObjectNode models(Caller caller) {
    List<Model> active = catalog.get().all().stream().filter(model -> accounts.active(model.provider()) && permitted(model, caller)).toList();
    ObjectNode list = models.list(active);
    ((ArrayNode) list.get("data")).addAll(agents.models(caller));
    return list;
  }

  private static boolean permitted(Model model, Caller caller) {
    return caller.policy().forbids(model.provider(), model.name(), model.id(), model.tags()) == null;
  }

  /** {@code GET /v1/models/{id}}: by {@code provider/name}, bare name or alias. @throws Problem 404, also for one that the caller may not use */
  public ObjectNode model(Inbound in, Caller caller) {
    String name = URLDecoder.decode(in.path().substring("/v1/models/".length()), StandardCharsets.UTF_8);
    ObjectNode agent = agents.model(name, caller);
    if (agent != null) {
      return agent;
    }
    Optional<Model> found = catalog.get().find(name).filter(model -> permitted(model, caller));
    return models.one(found.orElseThrow(() -> Problem.modelNotFound(name)));
  }

  /** {@code GET /health/providers}: passive, from what calls have shown. */
  public ObjectNode providers() {
    ObjectNode page = Json.object();
    ArrayNode list = page.putArray("providers");
    boolean anyone = false;
    for (ProviderAccounts.Health health : accounts.health()) {
      anyone |= health.available();
      ObjectNode node = list.addObject().put("provider", health.provider()).put("active", health.active()).put("available", health.available()).put("breaker", health.breaker()).put("in_flight", health.inFlight())
          .put("open_streams", health.openStreams()).put("cooling_down_ms", health.coolingDownMs())
          .put("calls_at_once", health.callsAtOnce()).put("nearly_spent", health.nearlySpent());
      if (health.lastFailure() != null) {
        node.put("last_failure", health.lastFailure()).put("last_failure_at", Instant.ofEpochMilli(health.lastFailureAt()).toString());
      }
    }
    return page.put("status", anyone ? "up" : "down");
  }

  /** {@code GET /metrics}: Prometheus text. @throws Problem 404 when the host application's registry is of another kind */
  public Reply metrics() {
    if (meters instanceof PrometheusMeterRegistry prometheus) {
      return new Reply.Whole(200, Map.of(), "text/plain; version=0.0.4; charset=utf-8", prometheus.scrape().getBytes(StandardCharsets.UTF_8));
    }
    throw Problem.notFound("metrics are kept by the host application's registry, not here");
  }

  /** {@code GET /admin/cache}. */
  public ObjectNode cache() {
    AnswerCache.Stats stats = cache.stats();
    ObjectNode page = Json.object().put("entries", stats.entries()).put("bytes", stats.bytes()).put("hits", stats.hits()).put("misses", stats.misses()).put("evictions", stats.evictions());
    further.forEach(each -> page.set(each.name(), each.page()));
    return page;
  }

  /** {@code POST /admin/cache/purge} with any of {@code project}, {@code model}, {@code key}, {@code older_than_seconds}; {@code {}} is everything. @throws Problem 400 for anything else */
  public ObjectNode purge(Inbound in) {
    ObjectNode which = Json.readStrictly(in.body());
    Set<String> known = Set.of("project", "model", "key", "older_than_seconds");
    which.fieldNames().forEachRemaining(field -> {
      if (!known.contains(field)) {
        throw Problem.badField(Problem.clip(field), "`" + Problem.clip(field) + "` is not one of project, model, key, older_than_seconds");
      }
    });
    JsonNode age = which.path("older_than_seconds");
    if (!age.isMissingNode() && !(age.isIntegralNumber() && age.canConvertToInt() && age.intValue() >= 0)) {
      throw Problem.badField("older_than_seconds", "`older_than_seconds` must be a whole number from 0");
    }
    Map<String, Integer> purged = purges.purge(new AnswerCache.Purge(text(which, "project"), text(which, "model"), text(which, "key"), age.isMissingNode() ? null : Duration.ofSeconds(age.intValue())));
    ObjectNode page = Json.object();
    purged.forEach(page::put);
    return page;
  }

  private static @org.jspecify.annotations.Nullable String text(ObjectNode which, String field) {
    JsonNode value = which.get(field);
    if (value == null) {
      return null;
    }
    if (!value.isTextual()) {
      throw Problem.badField(field, "`" + field + "` must be a string");
    }
    return value.textValue();
  }
}
