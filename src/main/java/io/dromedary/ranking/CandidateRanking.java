package io.dromedary.ranking;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Candidates;
import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.Decision;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Tariff;
import io.dromedary.catalog.Tier;
import io.dromedary.catalog.Topic;
import io.dromedary.chat.Answer;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.Problem;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Ranks the models that may answer a request, one method per strategy.
 *
 * <p>Each strategy names a chain. From the chain fall out the models of providers that take no part and those that break a constraint of the request (capabilities, lengths, {@code provider}, {@code routing}); the
 * rest is sorted if the request states a preference, then by {@code provider.order}; models of providers that are unwell go last. When nothing of a chain by tier or threshold is left, all listed models of the
 * active providers stand in for it, those good enough for the tier by cost first. Ties go by id, so the order of the catalogue has no influence.
 */
public final class CandidateRanking {
  private final Supplier<ModelCatalog> catalogue;
  private final Supplier<RoutingPolicy> policy;
  private final ProviderStates states;
  private final Ranking.Knowledge known;
  private final Sessions sessions;
  private final AnswerLengths lengths;
  private final DecisionPage page;

  /** By the catalogue's prior quality. */
  public CandidateRanking(Supplier<ModelCatalog> catalogue, Supplier<RoutingPolicy> policy, ProviderStates states, ExpectedLatency latency) {
    this(catalogue, policy, states, latency, ExpectedQuality.PRIOR, Tariff.LISTED);
  }

  /** With answers as long as usual. */
  public CandidateRanking(Supplier<ModelCatalog> catalogue, Supplier<RoutingPolicy> policy, ProviderStates states, ExpectedLatency latency, ExpectedQuality quality, Tariff tariff) {
    this(catalogue, policy, states, latency, quality, tariff, new AnswerLengths());
  }

  /** Catalogue and policy are asked at every request, so that a reload takes effect. */
  public CandidateRanking(Supplier<ModelCatalog> catalogue, Supplier<RoutingPolicy> policy, ProviderStates states, ExpectedLatency latency, ExpectedQuality quality, Tariff tariff, AnswerLengths lengths) {
    this.catalogue = catalogue;
    this.policy = policy;
    this.states = states;
    this.known = new Ranking.Knowledge(policy, states, latency, quality, tariff);
    this.sessions = new Sessions(policy);
    this.lengths = lengths;
    this.page = new DecisionPage(known, lengths);
  }

  /**
   * {@code model}, {@code tier} or {@code threshold}: which of the methods below ranks this request; {@code causal} for a threshold on a judge's score, or for the judge as the scorer in force. A dry run asks no judge.
   */
  public String strategy(ChatRequest request, @Nullable Boolean dryRun) {
    String strategy = strategy(request);
    if (!strategy.equals("threshold") || Boolean.TRUE.equals(dryRun)) {
      return strategy;
    }
    return request.model().startsWith("router-" + RoutingPolicy.CAUSAL + "-") ? RoutingPolicy.CAUSAL : strategy;
  }

  public String strategy(ChatRequest request) {
    return switch (RoutingOptions.kind(request)) {
      case MODEL -> "model";
      case TIER -> "tier";
      case THRESHOLD -> "threshold";
    };
  }

  /** What the settings and earlier turns say of this request. */
  public Occasion occasion(ChatRequest request, Caller caller, Topic topic) {
    return occasion(request, caller, topic, null);
  }

  /** @param dryRun is the decision all that is wanted? Then it is told in full */
  public Occasion occasion(ChatRequest request, Caller caller, Topic topic, @Nullable Boolean dryRun) {
    boolean explained = Boolean.TRUE.equals(dryRun);
    Profile profile = policy.get().choosing().profile(caller.project(), topic.domain());
    JsonNode asked = request.routing().path("optimize");
    boolean optimize = asked.isBoolean() ? asked.booleanValue() : Boolean.TRUE.equals(profile.optimize());
    if (!sessions.on() || RoutingOptions.kind(request) != RoutingOptions.Kind.TIER) {
      return new Occasion(caller.project(), topic, profile, optimize, "", null, explained);
    }
    String named = Sessions.named(caller.project(), request);
    String key = named.isEmpty() ? Sessions.continued(caller.project(), request) : named;
    return new Occasion(caller.project(), topic, profile, optimize, named.isEmpty() ? Sessions.whole(caller.project(), request) : named, key.isEmpty() ? null : sessions.find(key), explained);
  }

  /** Remembers, once a turn has been answered, how long its answer was and which model its conversation is with. */
  public void remember(@Nullable Occasion occasion, @Nullable Candidates candidates, @Nullable Answer answer) {
    Attempt served = occasion == null || candidates == null ? null : candidates.served();
    Attempt.Outcome outcome = served == null ? null : served.outcome();
    if (outcome == null || outcome.status() != Attempt.Status.ANSWERED) {
      return;
    }
    lengths.observe(occasion.topic().task(), outcome.usage().output(), answer instanceof ChatResponse whole && whole.finishReason().equals("length"));
    if (occasion.session().isEmpty()) {
      return;
    }
    Complexity complexity = candidates.decision().complexity();
    Tier tier = complexity == null ? Tier.MEDIUM : complexity.tier();
    Stay before = occasion.stay();
    String model = served.candidate().model().id();
    boolean same = before != null && before.model().equals(model);
    sessions.keep(occasion.session(), new Stay(model, same ? Sessions.harder(before.tier(), tier) : tier, outcome.usage().input() + outcome.usage().output(), occasion.session().contains("\n=")));
  }

  /**
   * Checks what the request says about its routing, for the step that reads it: a bad field is told even when the answer is cached.
   *
   * @return whether only the decision is wanted ({@code routing.dry_run})
   * @throws Problem 400 naming the field
   */
  public boolean check(ChatRequest request) {
    RoutingOptions options = RoutingOptions.of(request, policy.get());
    baseline(request);
    pair(options.strong(), "routing.strong");
    pair(options.weak(), "routing.weak");
    return options.dryRun();
  }

  private void pair(String name, String field) {
    if (!name.isEmpty() && catalogue.get().find(name).filter(model -> model.mode().equals("chat")).isEmpty()) {
      throw Problem.badField(field, "`" + field + "` = `" + Problem.clip(name) + "` is no chat model of the catalogue; GET /v1/models lists those that are");
    }
  }

  public Candidates namedModel(ChatRequest request) {
    return namedModel(request, Occasion.NONE);
  }

  /**
   * The model that the request names, then, for a bare name, the same at other providers, then its {@code models}.
   *
   * @throws Problem 400 for a bad field, 404 if no such model is served here, 422 naming the constraint that left none
   */
  public Candidates namedModel(ChatRequest request, Occasion occasion) {
    Ranking ranking = new Ranking(known, request, null, occasion);
    List<String> names = new ArrayList<>(1 + ranking.options.models().size());
    boolean modelGiven = request.json().path("model").isTextual();
    if (modelGiven) {
      names.add(request.model());
    }
    names.addAll(ranking.options.models());
    for (int i = 0; i < names.size(); i++) {
      ranking.group = i;
      ranking.addNamed(names.get(i), modelGiven && i == 0);
    }
    if (ranking.chain.isEmpty()) {
      throw Problem.modelNotFound(names.isEmpty() ? request.model() : names.get(0));
    }
    return ranking.rank("model", "named by the request", false);
  }

  /**
   * The chain of a tier that a route has chosen, whatever tier the request was scored at.
   *
   * @param tier a name of {@link Tier}
   * @throws IllegalArgumentException if it is none
   */
  public Candidates byTier(ChatRequest request, Complexity complexity, Occasion occasion, String tier) {
    Tier chosen = Tier.valueOf(tier);
    return byTier(request, complexity.at(chosen), occasion);
  }

  public Candidates byTier(ChatRequest request, Complexity complexity, String tier) {
    return byTier(request, complexity, Occasion.NONE, tier);
  }

  public Candidates byTier(ChatRequest request, Complexity complexity) {
    return byTier(request, complexity, Occasion.NONE);
  }

  /**
   * The chain of the request's tier, in the order of configuration or of the stated preference, then its {@code models}, then the fallback.
   *
   * @throws Problem 400 for a bad field, 422 naming the constraint that left none
   */
  public Candidates byTier(ChatRequest request, Complexity complexity, Occasion occasion) {
    Ranking ranking = new Ranking(known, request, complexity, occasion);
    List<String> own = ranking.profile.models();
    if (ranking.options.cascades()) {
      ranking.addRungs(own);
    } else if (own.isEmpty()) {
      String why = "in the " + complexity.tier() + " chain";
      for (String id : ranking.policy.tiers().get(complexity.tier()).models()) {
        ranking.addConfigured(id, why);
      }
    } else {
      for (String id : own) {
        ranking.addConfigured(id, "in the models of " + ranking.whose());
      }
    }
    ranking.sorted = ranking.chain.size();
    ranking.addModels();
    if (!ranking.options.cascades()) {
      ranking.addFallback();
      ranking.addStay();
    }
    String preference = ranking.options.preference().isEmpty() ? "" : ", by " + ranking.options.preference();
    String domain = occasion.topic().domain().isEmpty() || own.isEmpty() && !occasion.topic().chosen() ? "" : ", domain " + occasion.topic().domain();
    return ranking.rank("tier", complexity.tier() + " by " + complexity.scorer() + preference + domain, true);
  }

  public Candidates byThreshold(ChatRequest request, Complexity complexity) {
    return byThreshold(request, complexity, Occasion.NONE);
  }

  /**
   * {@code router-<kind>-<threshold>}: the strong model when the score is at least the threshold, else the weak one; the other follows.
   *
   * @throws Problem 400 for a bad threshold, 404 for an unknown kind, 422 naming the constraint that left none
   */
  public Candidates byThreshold(ChatRequest request, Complexity complexity, Occasion occasion) {
    Ranking ranking = new Ranking(known, request, complexity, occasion);
    boolean strong = complexity.score() >= ranking.options.threshold();
    ranking.tier = strong ? Tier.EXPERT : Tier.SIMPLE;
    String strongModel = ranking.options.strong().isEmpty() ? ranking.policy.strong() : ranking.options.strong();
    String weakModel = ranking.options.weak().isEmpty() ? ranking.policy.weak() : ranking.options.weak();
    if (ranking.options.cascades() && !strong) {
      ranking.addConfigured(weakModel, "the weak model");
      ranking.addConfigured(strongModel, "the strong model");
    } else if (ranking.options.cascades()) {
      ranking.addConfigured(strongModel, "the strong model");
    } else {
      ranking.addConfigured(strong ? strongModel : weakModel, strong ? "the strong model" : "the weak model");
      ranking.addConfigured(strong ? weakModel : strongModel, strong ? "the weak model, as fallback" : "the strong model, as fallback");
    }
    ranking.addModels();
    if (!ranking.options.cascades()) {
      ranking.addFallback();
    }
    return ranking.rank("threshold", "score " + round(complexity.score()) + (strong ? " >= " : " < ") + round(ranking.options.threshold()) + " by " + complexity.scorer(), true);
  }

  /**
   * The judge as a further round of this request, if it may see what the request says: what the request demands of its models (tags, providers, prices) is demanded of the judge too.
   *
   * @param model its id
   * @param candidates of the request so far; null before there are any
   * @return null if it may not, or takes no part
   */
  public @Nullable Candidates judge(ChatRequest request, String model, @Nullable Candidates candidates, Occasion occasion) {
    Candidate judge = aside(request, model, candidates == null ? null : candidates.decision().complexity(), occasion, Constraint.FOR_JUDGES, "judges");
    if (judge == null) {
      return null;
    }
    Candidates base = candidates == null ? new Candidates(List.of(), new Decision(request.model(), RoutingPolicy.CAUSAL, null, "judged by " + model, List.of(), occasion.topic(), Map.of())) : candidates;
    return base.round(List.of(judge), Attempt.Purpose.JUDGE);
  }

  /**
   * The model that shadows a request, as a request of its own, under all that the request demands of those who read it.
   *
   * @param model its id
   * @param candidates of the request that has been answered
   * @throws Problem 422 if it may not be asked, 503 if its provider takes no part or rests: shadows wear nobody out
   */
  public Candidates shadow(ChatRequest request, String model, Candidates candidates, Occasion occasion) {
    Complexity complexity = candidates.decision().complexity();
    Candidate shadow = aside(request, model, complexity, occasion, Constraint.FOR_SHADOWS, "shadows");
    if (shadow == null) {
      throw Problem.noEligibleModel("`" + model + "` may not see this request");
    }
    if (!states.available(shadow.provider())) {
      throw new Problem(503, "service_unavailable_error", "provider " + shadow.provider() + " is failing").code("provider_unavailable");
    }
    Decision decision = new Decision(candidates.decision().requestedModel(), "shadow", complexity, "shadows " + request.id(), List.of(), occasion.topic(), Map.of());
    return new Candidates(List.of(), decision).round(List.of(shadow), Attempt.Purpose.SHADOW);
  }

  /** A model that is asked beside the one that answers; null if a constraint rules it out. */
  private @Nullable Candidate aside(ChatRequest request, String model, @Nullable Complexity complexity, Occasion occasion, List<Constraint> constraints, String what) {
    Ranking ranking = new Ranking(known, request, complexity, occasion);
    Model asked = catalogue.get().find(model).orElse(null);
    if (asked == null) {
      return null;
    }
    Ranking.Entry entry = ranking.entry(asked, what);
    Constraint.Check check = new Constraint.Check(ranking.options, ranking.needs, states, request.policy(), false, request);
    for (Constraint constraint : constraints) {
      if (!constraint.met(asked, entry.price(), entry.cost(), entry.latencyMs(), asked.quality(), check)) {
        return null;
      }
    }
    return entry.candidate(what);
  }

  /**
   * Who scores for {@code router-causal-<threshold>}.
   *
   * @param model its id
   * @param time it may take
   */
  public record Scoring(String model, Duration time) {}

  public Scoring scoring() {
    return new Scoring(policy.get().choosing().causalModel(), policy.get().choosing().causalTimeout());
  }

  /** What routing savings of this request are counted against, null if nothing is configured. @throws Problem 400 if {@code routing.baseline_model} is not in the catalogue */
  public @Nullable Model baseline(ChatRequest request) {
    String asked = request.routing().isObject() ? request.routing().path("baseline_model").asText("") : "";
    if (!asked.isEmpty()) {
      return catalogue.get().find(asked).orElseThrow(() -> Problem.badField("routing.baseline_model", "`routing.baseline_model` = `" + Problem.clip(asked) + "` is not in the catalogue"));
    }
    String configured = policy.get().baselineModel();
    return configured.isEmpty() ? null : catalogue.get().find(configured).orElse(null);
  }

  /** The decision as {@code POST /v1/route} and {@code routing.dry_run} show it; suggestions where a task was described or a budget given. */
  public ObjectNode explain(ChatRequest request, Candidates candidates) {
    return explain(request, candidates, Occasion.NONE);
  }

  public ObjectNode explain(ChatRequest request, Candidates candidates, Occasion occasion) {
    return page.explain(request, candidates, occasion, baseline(request));
  }

  /** What a model is expected to use and to cost, and the most it can. @param model that would be asked, null when nobody would be */
  public void estimate(ObjectNode json, ChatRequest request, Candidates candidates, @Nullable Model model) {
    page.estimate(json, request, candidates, model);
  }

  private static String round(double value) {
    return Double.toString(Math.round(value * 100_000) / 100_000.0);
  }
}
