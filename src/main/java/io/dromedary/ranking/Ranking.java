package io.dromedary.ranking;

import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Candidates;
import io.dromedary.catalog.Capability;
import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.Decision;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Price;
import io.dromedary.catalog.Tariff;
import io.dromedary.catalog.Tier;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The work of ranking one request: the chain is gathered, what breaks a constraint falls out, the rest is put in order. */
final class Ranking {
  private static final String SANDBOX = "sandbox";
  /** Embeds in this process, whoever else takes part. */
  private static final String LOCAL = "local";
  private static final String SANDBOX_MODEL = "sandbox/echo";
  private static final int MOST_DROPPED = 20;
  /** Of a dry run: the whole catalogue. */
  private static final int MOST_EXPLAINED = 5_000;
  private static final String SO_FAR = "the model of this conversation so far";

  /** What is known of models and providers, whatever the request. */
  record Knowledge(Supplier<RoutingPolicy> policy, ProviderStates states, ExpectedLatency latency, ExpectedQuality quality, Tariff tariff) {}

  /**
   * A model of the chain with what we expect of it.
   *
   * @param group the same for those that stand in for each other: what {@code provider} says is said of each group apart
   */
  record Entry(Model model, String why, @Nullable Price price, @Nullable Usd cost, long latencyMs, double quality, int group) {
    Candidate candidate(String reason) {
      return new Candidate(model, cost, quality, Duration.ofMillis(latencyMs), reason);
    }
  }

  /** A model that may be suggested, with what one call of such a task is expected to cost. */
  record Suggested(Entry entry, @Nullable Usd cost) {}

  /** A model of the chain with what it is worth by the stated preference; the worthiest first, ties by id. */
  private record Weighed(Entry entry, double worth) implements Comparable<Weighed> {
    @Override
    public int compareTo(Weighed other) {
      int byWorth = Double.compare(other.worth, worth);
      return byWorth != 0 ? byWorth : entry.model().id().compareTo(other.entry.model().id());
    }
  }

  /** What a filter left, and what it was that took the last. */
  private static final class Filtered {
    final List<Entry> kept;
    final int considered;
    @Nullable Constraint last;
    String example = "";
    /** What the last model that was ruled out by its parameters does not take. */
    @Nullable String parameter;

    Filtered(int considered) {
      this.considered = considered;
      this.kept = new ArrayList<>(considered);
    }
  }

  private final ChatRequest request;
  private final @Nullable Complexity complexity;
  final RoutingPolicy policy;
  private final ModelCatalog models;
  private final ProviderStates states;
  private final ExpectedLatency latency;
  private final Tariff tariff;
  private final Occasion occasion;
  /** What the settings say, the request's own domain and project before its tier. */
  final Profile profile;
  final RoutingOptions options;
  final Needs needs;
  private final Usage expectedUsage;
  private final ExpectedQuality.OfModel expectedQuality;
  final Map<String, Entry> chain = new LinkedHashMap<>();
  private final Map<String, Decision.Dropped> dropped = new LinkedHashMap<>();
  Tier tier;
  /** Beyond {@link #MOST_DROPPED}, by why: the decision is kept with every request. */
  private final Map<String, Integer> untold = new LinkedHashMap<>(0);
  /** Whose turn it is to be added: the chain's, then that of each of the request's {@code models}, as OpenRouter tries providers model by model. */
  int group;
  /** Those of the chain that the request names in its {@code models} as well. */
  private final Set<String> namedToo = new HashSet<>(0);
  /** How many of the chain a preference may sort; the models after them are fallbacks and stay behind. */
  int sorted = Integer.MAX_VALUE;

  /** What else there is to tell. */
  private final Map<String, Object> more = new LinkedHashMap<>(4);

  /** As the client named it. */
  private final String requested;

  Ranking(Knowledge known, ChatRequest request, @Nullable Complexity complexity, Occasion occasion) {
    this.policy = known.policy().get();
    this.models = policy.catalogue();
    this.states = known.states();
    this.latency = known.latency();
    this.tariff = known.tariff();
    this.request = request;
    this.requested = request.requestedModel();
    if (!requested.equals(request.model())) {
      more.put("routed_as", request.model());
    }
    this.complexity = complexity;
    this.occasion = occasion;
    this.tier = complexity == null ? Tier.MEDIUM : complexity.tier();
    this.profile = complexity == null ? occasion.profile() : occasion.profile().over(policy.choosing().tiers().get(tier));
    this.options = RoutingOptions.of(request, policy).under(profile, policy);
    this.needs = Needs.of(request);
    this.expectedUsage = new Usage(needs.inputTokens(), 0, 0, needs.expectedOutput(policy.tiers().get(tier).defaultMaxOutputTokens()), 0, true);
    this.expectedQuality = known.quality().at(request, complexity, occasion.topic());
  }

  @Nullable Usd cost(@Nullable Price price) {
    return price == null ? null : price.cost(expectedUsage);
  }

  void add(Model model, String why) {
    if (!chain.containsKey(model.id())) {
      chain.put(model.id(), entry(model, why));
    } else if (group > 0) {
      namedToo.add(model.id());
    }
  }

  Entry entry(Model model, String why) {
    Price price = tariff.marginal(model, model.price(request.receivedAt()));
    return new Entry(model, why, price, staysWith(model) ? costOfStaying(model, price) : cost(price), latency.of(model).toMillis(), expectedQuality.of(model), group);
  }

  private boolean staysWith(Model model) {
    return occasion.stay() != null && occasion.stay().model().equals(model.id());
  }

  /** Its provider has read the beginning of this conversation before and charges less for that; going elsewhere loses it. */
  private @Nullable Usd costOfStaying(Model model, @Nullable Price price) {
    long kept = model.can(Capability.PROMPT_CACHING) ? Math.min(occasion.stay().prefixTokens(), expectedUsage.input()) : 0;
    if (price == null || kept < policy.choosing().sessions().minPrefixTokens()) {
      return cost(price);
    }
    return price.cost(new Usage(expectedUsage.input() - kept, kept, 0, expectedUsage.output(), 0, true));
  }

  /** The model that the conversation was with may answer on, whatever chain this turn's tier has. */
  void addStay() {
    Stay stay = occasion.stay();
    group = 0;
    if (stay != null && !chain.containsKey(stay.model())) {
      models.find(stay.model()).filter(model -> states.active(model.provider())).ifPresent(model -> add(model, SO_FAR));
    }
  }

  /** Whose the models in the place of the tier's chain are. */
  String whose() {
    return policy.choosing().domains().getOrDefault(occasion.topic().domain(), Profile.NONE).models().isEmpty() ? "project " + occasion.project() : "domain " + occasion.topic().domain();
  }

  /** The rungs of a cascade: those of the settings, else whatever stands in any chain. */
  void addRungs(List<String> own) {
    List<String> configured = ladder().models();
    List<String> rungs = !own.isEmpty() ? own : configured;
    for (String id : rungs) {
      addConfigured(id, "a rung of the cascade");
    }
    if (rungs.isEmpty()) {
      policy.tiers().values().forEach(each -> each.models().forEach(id -> addConfigured(id, "a rung of the cascade")));
      addConfigured(policy.weak(), "a rung of the cascade");
      addConfigured(policy.strong(), "a rung of the cascade");
      if (states.active(SANDBOX) && onlySandbox()) {
        addConfigured(SANDBOX_MODEL, "a rung of the cascade");
      }
    }
  }

  Choosing.Ladder ladder() {
    return policy.choosing().cascades().getOrDefault(options.cascade().isEmpty() ? Choosing.DEFAULT_CASCADE : options.cascade(), policy.choosing().cascades().get(Choosing.DEFAULT_CASCADE));
  }

  void addConfigured(String id, String why) {
    models.find(id).ifPresentOrElse(model -> add(model, why), () -> drop(id, "is no longer in the catalogue"));
  }

  /** The request's own fallbacks, each with the providers that serve it. */
  void addModels() {
    for (String name : options.models()) {
      group++;
      addNamed(name, false);
    }
  }

  void addFallback() {
    group += options.models().isEmpty() ? 0 : 1;
    if (!policy.fallback().isEmpty()) {
      addConfigured(policy.fallback(), "closes every chain");
    }
    if (states.active(SANDBOX)) {
      addConfigured(SANDBOX_MODEL, "closes every chain");
    }
  }

  /** Adds what goes by this name at active providers; of a full name only one. @throws Problem 404 where {@code must} and there is none, 400 for auto within {@code models} */
  void addNamed(String name, boolean must) {
    if (!must && (name.equals("auto") || name.equals("route-llm") || name.startsWith("auto:") || name.startsWith("router-"))) {
      throw Problem.badField("models", "`" + Problem.clip(name) + "` cannot stand in `models`; write it in `model`");
    }
    List<Model> same = models.named(name);
    boolean bare = name.indexOf('/') < 0;
    boolean found = false;
    for (Model model : same) {
      if (states.active(model.provider()) && (bare || !found)) {
        boolean alias = !model.id().equals(name) && !model.name().equals(name);
        String how = must ? "named by the request" : "in the request's models";
        add(model, found ? "the same model at another provider" : alias ? how + " by an alias" : how);
        found = true;
      }
    }
    if (found) {
      return;
    }
    if (!same.isEmpty() && onlySandbox()) {
      drop(same.get(0).id(), "no provider has a key; the sandbox answers instead");
      addConfigured(SANDBOX_MODEL, "stands in, since no provider has a key");
      return;
    }
    try {
      add(models.resolve(name, activeProviders()), "not in the catalogue, passed on as it stands");
    } catch (Problem unknown) {
      if (must && same.isEmpty()) {
        throw unknown;
      }
      if (must) {
        throw new Problem(404, "invalid_request_error", "the model `" + same.get(0).id() + "` is not served here: provider `" + same.get(0).provider() + "` has no key or does not answer")
            .code("model_not_found").param("model");
      }
      drop(name, "is not served here");
    }
  }

  boolean onlySandbox() {
    Set<String> active = activeProviders();
    active.remove(LOCAL);
    return active.size() == 1 && active.contains(SANDBOX);
  }

  Set<String> activeProviders() {
    Set<String> active = new HashSet<>(16);
    for (String provider : ModelCatalog.PROVIDERS) {
      if (states.active(provider)) {
        active.add(provider);
      }
    }
    for (String provider : models.providers()) {
      if (!active.contains(provider) && states.active(provider)) {
        active.add(provider);
      }
    }
    return active;
  }

  void drop(String model, String why) {
    drop(model, why, why);
  }

  /** @param kind what many may have in common, where there are too many to tell them one by one */
  private void drop(String model, String why, String kind) {
    if (dropped.size() < (occasion.explained() ? MOST_EXPLAINED : MOST_DROPPED)) {
      dropped.putIfAbsent(model, new Decision.Dropped(model, why));
    } else if (!dropped.containsKey(model)) {
      untold.merge(kind, 1, Integer::sum);
    }
  }

  /** All models that may do it: those good enough by cost, then the others by quality; by the stated preference where there is one. */
  List<Suggested> suggested(long outputTokens) {
    Constraint.Check check = new Constraint.Check(options, needs, states, request.policy(), true, request);
    List<Entry> all = standIns();
    if (all.isEmpty() && states.active(SANDBOX)) {
      models.find(SANDBOX_MODEL).ifPresent(model -> all.add(entry(model, "stands in, since no provider has a key")));
    }
    List<Entry> kept = byCostForTier(filter(all, check).kept);
    if (options.weights() != null) {
      byPreference(kept, options.weights());
    }
    long each = needs.maxOutputTokens() > 0 ? Math.min(needs.maxOutputTokens(), outputTokens) : outputTokens;
    List<Suggested> suggested = new ArrayList<>(kept.size());
    for (Entry entry : kept) {
      suggested.add(new Suggested(entry, entry.price() == null ? null : entry.price().cost(new Usage(needs.inputTokens(), 0, 0, each * needs.choices(), 0, true))));
    }
    return suggested;
  }

  Candidates rank(String strategy, String reason, boolean widen) {
    Constraint.Check check = new Constraint.Check(options, needs, states, request.policy(), widen || options.requireParameters(), request);
    Filtered chosen = filter(chain.values(), check);
    List<Entry> order = chosen.kept;
    if (widen && onlyStandIns(order)) {
      Filtered wider = filter(standIns(), check);
      if (!wider.kept.isEmpty()) {
        List<Entry> closing = order;
        order = byCostForTier(wider.kept);
        order.addAll(closing);
        sorted = wider.kept.size();
        reason = reason + "; no model of the chain fits, so any of an active provider";
      } else if (order.isEmpty() && wider.last != null && (chosen.last == null || wider.last.compareTo(chosen.last) > 0)) {
        chosen = wider;
      }
    } else {
      sorted = kept(order);
    }
    if (order.isEmpty()) {
      throw empty(chosen);
    }
    if (options.weights() != null) {
      for (int i = Math.min(sorted, order.size()); i < order.size(); i++) {
        if (order.get(i).why().equals(SO_FAR)) {
          // what the conversation's model costs with its kept prompt is weighed against the chain
          order.add(sorted++, order.remove(i));
        }
      }
      if (options.sortsEach() && strategy.equals("model")) {
        for (List<Entry> same : groups(order)) {
          byPreference(same, options.weights());
        }
      } else if (!options.cascades()) {
        byPreference(order.subList(0, Math.min(sorted, order.size())), options.weights());
      }
    }
    if (options.cascades()) {
      return rungs(strategy, reason, order);
    }
    return candidates(strategy, reason, stay(order));
  }

  /**
   * The rungs of a cascade, from the cheapest on: those of the providers in {@code provider.order} first, and after all the models that the request names itself, in its order. In the order of who named them, else each must be better
   * than the one before: a dearer one that is no better would be paid for nothing.
   */
  private Candidates rungs(String strategy, String reason, List<Entry> order) {
    boolean asNamed = complexity == null || strategy.equals("threshold") || !ladder().models().isEmpty() || !profile.models().isEmpty();
    List<Entry> rungs = new ArrayList<>(order.size());
    List<Entry> wished = new ArrayList<>(0);
    for (Entry entry : order) {
      (entry.group() > 0 && complexity != null ? wished : rungs).add(entry);
    }
    if (!asNamed) {
      rungs.sort((a, b) -> {
        int byCost = compareCost(a.cost(), b.cost());
        int byQuality = Double.compare(b.quality(), a.quality());
        return byCost != 0 ? byCost : byQuality != 0 ? byQuality : a.model().id().compareTo(b.model().id());
      });
    }
    rungs = preferred(rungs, true);
    if (!asNamed) {
      double best = -1;
      for (var each = rungs.iterator(); each.hasNext();) {
        Entry entry = each.next();
        if (entry.quality() <= best) {
          each.remove();
          leave(entry, wished, "no rung: one before it is as good");
        } else {
          best = entry.quality();
        }
      }
      int most = ladder().maxRungs();
      while (rungs.size() > most) {
        // the first and the best stay, of those between the ones nearest to another go
        Entry gone = rungs.remove(most == 1 ? 1 : rungs.size() - 2);
        leave(gone, wished, "beyond max-rungs = " + most);
      }
    }
    rungs.addAll(preferred(wished, true));
    if (rungs.isEmpty()) {
      throw noneInOrder(order.size());
    }
    Stay stay = occasion.stay();
    if (stay != null) {
      for (int i = 1; i < rungs.size(); i++) {
        if (rungs.get(i).model().id().equals(stay.model())) {
          rungs.subList(0, i).forEach(entry -> drop(entry.model().id(), "below the rung that this conversation has come to"));
          rungs = rungs.subList(i, rungs.size());
          break;
        }
      }
    }
    List<Candidate> ranked = new ArrayList<>(rungs.size());
    for (Entry entry : rungs) {
      if (ranked.size() < policy.maxCandidates()) {
        ranked.add(entry.candidate(entry.why()));
      } else {
        drop(entry.model().id(), "beyond max-candidates = " + policy.maxCandidates());
      }
    }
    more.put("cascade_name", options.cascade().isEmpty() ? Choosing.DEFAULT_CASCADE : options.cascade());
    return new Candidates(ranked, new Decision(requested, "cascade", complexity, reason + "; cheap first", dropped(), occasion.topic(), more));
  }

  /** No rung by what it costs and is worth; one that the request names is asked all the same, after the others. */
  private void leave(Entry entry, List<Entry> wished, String why) {
    if (namedToo.contains(entry.model().id())) {
      wished.add(entry);
    } else {
      drop(entry.model().id(), why);
    }
  }

  /** Keeps a conversation with its model unless a harder turn wants a better one, or, where the settings allow it, another is cheaper though the kept prompt is lost. */
  private List<Entry> stay(List<Entry> order) {
    Stay stay = occasion.stay();
    if (stay == null || complexity == null) {
      return order;
    }
    Map<String, Object> told = new LinkedHashMap<>();
    told.put("model", stay.model());
    told.put("prefix_tokens", stay.prefixTokens());
    more.put("session", told);
    Entry kept = null;
    for (Entry entry : order) {
      kept = entry.model().id().equals(stay.model()) ? entry : kept;
    }
    Entry top = order.get(0);
    if (kept == null) {
      told.put("kept", false);
      told.put("why", "it may not answer this turn");
      return order;
    }
    Usd whole = cost(kept.price());
    if (whole != null && kept.cost() != null) {
      told.put("lost_by_switching_usd", whole.minus(kept.cost()).plain());
    }
    boolean cached = whole != null && kept.cost() != null && kept.cost().compareTo(whole) < 0;
    boolean harder = complexity.tier().compareTo(stay.tier()) > 0;
    boolean better = top.quality() > kept.quality();
    String why;
    boolean keep;
    if (kept == top) {
      keep = true;
      why = "it is the first choice of this turn as well";
    } else if (!states.available(kept.model().provider())) {
      keep = false;
      why = "its provider is failing";
    } else if (harder && better) {
      keep = false;
      why = "a harder turn (" + complexity.tier() + " after " + stay.tier() + ") goes to a better model";
    } else if (!stay.named() && !cached) {
      keep = false;
      why = "there is no kept prompt to lose";
    } else if (policy.choosing().sessions().upgradeOnly()) {
      keep = true;
      why = "a conversation is only moved to a better model for a harder turn";
    } else {
      keep = options.weights() != null ? false : compareCost(kept.cost(), top.cost()) <= 0;
      why = keep ? "another model costs as much or more, the lost prompt cache counted" : "another model is worth more, the lost prompt cache counted";
    }
    told.put("kept", keep);
    told.put("why", why);
    if (!keep) {
      if (kept.why().equals(SO_FAR) && order.size() > 1) {
        order.remove(kept);
      }
      return order;
    }
    if (kept == top) {
      return order;
    }
    List<Entry> first = new ArrayList<>(order.size());
    first.add(new Entry(kept.model(), "kept for its conversation", kept.price(), kept.cost(), kept.latencyMs(), kept.quality(), top.group()));
    for (Entry entry : order) {
      if (entry != kept) {
        first.add(entry);
      }
    }
    return first;
  }

  /** How many of the first {@link #sorted} of the chain were kept. */
  private int kept(List<Entry> order) {
    if (sorted >= chain.size()) {
      return order.size();
    }
    // what was kept is in the order of the chain
    int kept = 0;
    int position = 0;
    for (Entry entry : chain.values()) {
      if (position++ == sorted || kept == order.size()) {
        break;
      }
      if (order.get(kept) == entry) {
        kept++;
      }
    }
    return kept;
  }

  /** Is nothing left, or nothing but the sandbox while others are active? */
  private boolean onlyStandIns(List<Entry> order) {
    for (Entry entry : order) {
      if (!entry.model().provider().equals(SANDBOX) && !entry.why().equals(SO_FAR)) {
        return false;
      }
    }
    return true;
  }

  /** All listed chat models of active providers, but local ones only if some chain names them. */
  private List<Entry> standIns() {
    List<Entry> all = new ArrayList<>();
    for (String provider : models.providers()) {
      if (!provider.equals(SANDBOX) && states.active(provider)) {
        for (Model model : models.byProvider(provider)) {
          if (model.mode().equals("chat") && (!model.tags().contains("local") || policy.named().contains(model.id()))) {
            all.add(entry(model, "a model of an active provider"));
          }
        }
      }
    }
    return all;
  }

  private List<Entry> byCostForTier(List<Entry> entries) {
    double enough = policy.tiers().get(tier).minQuality();
    entries.sort((a, b) -> {
      boolean aFits = a.model().quality() >= enough;
      if (aFits != b.model().quality() >= enough) {
        return aFits ? -1 : 1;
      }
      int byCost = compareCost(a.cost(), b.cost());
      int byQuality = Double.compare(b.model().quality(), a.model().quality());
      int first = aFits ? byCost : byQuality;
      int second = aFits ? byQuality : byCost;
      return first != 0 ? first : second != 0 ? second : a.model().id().compareTo(b.model().id());
    });
    return entries;
  }

  private void byPreference(List<Entry> entries, Weights weights) {
    double dearest = 1;
    double slowest = 1;
    for (Entry entry : entries) {
      dearest = Math.max(dearest, entry.cost() == null ? 0 : entry.cost().nanos());
      slowest = Math.max(slowest, entry.latencyMs());
    }
    List<Weighed> weighed = new ArrayList<>(entries.size());
    for (Entry entry : entries) {
      // an unpriced model is not free: it counts like the dearest
      double cost = entry.cost() == null ? 1 : entry.cost().nanos() / dearest;
      weighed.add(new Weighed(entry, weights.quality() * entry.quality() - weights.cost() * cost - weights.speed() * entry.latencyMs() / slowest));
    }
    Collections.sort(weighed);
    for (int i = 0; i < weighed.size(); i++) {
      entries.set(i, weighed.get(i).entry());
    }
  }

  private Filtered filter(Collection<Entry> entries, Constraint.Check check) {
    Filtered filtered = new Filtered(entries.size());
    Constraint[] relevant = Constraint.relevant(check);
    for (Entry entry : entries) {
      Constraint broken = Constraint.firstBroken(relevant, entry.model(), entry.price(), entry.cost(), entry.latencyMs(), entry.model().quality(), check);
      if (broken == null) {
        filtered.kept.add(entry);
      } else {
        String why = broken.why(entry.model(), entry.price(), entry.cost(), entry.latencyMs(), entry.model().quality(), check);
        drop(entry.model().id(), why, broken.ruledOut);
        if (filtered.last == null || broken.compareTo(filtered.last) > 0) {
          filtered.last = broken;
          filtered.example = entry.model().id() + " " + why;
          filtered.parameter = broken == Constraint.PARAMETERS ? check.parameterNotTaken(entry.model()) : null;
        }
      }
    }
    return filtered;
  }

  private Problem empty(Filtered filtered) {
    if (filtered.last == null) {
      return Problem.noEligibleModel("no provider is active; set a provider's key, such as OPENAI_API_KEY");
    }
    if (filtered.last == Constraint.PARAMETERS && filtered.parameter != null) {
      // the client's own word rules them out: leaving the parameter out, or the strictness, helps
      return Problem.badField(filtered.parameter, "`" + filtered.parameter + "` is taken by none of " + filtered.considered + (filtered.considered == 1 ? " model" : " models") + ", and `provider.require_parameters` is true: "
          + filtered.example).code("unsupported_parameter");
    }
    return Problem.noEligibleModel(filtered.last.label + " ruled out the last of " + filtered.considered + (filtered.considered == 1 ? " model: " : " models: ") + filtered.example);
  }

  /** Neighbours that stand in for each other, as views of the list. */
  private static List<List<Entry>> groups(List<Entry> entries) {
    List<List<Entry>> groups = new ArrayList<>(2);
    int start = 0;
    for (int i = 1; i <= entries.size(); i++) {
      if (i == entries.size() || entries.get(i).group() != entries.get(start).group()) {
        groups.add(entries.subList(start, i));
        start = i;
      }
    }
    return groups;
  }

  /**
   * In each group those of the providers in {@code provider.order} first, the slow ones last where the request would rather have them quick; without fallbacks only those in the order, or the first.
   *
   * @param climbs whether the next one is asked because of what the one before has answered, and not as its stand-in
   */
  private List<Entry> preferred(List<Entry> entries, boolean climbs) {
    if (options.order().isEmpty() && (options.allowFallbacks() || climbs) && options.preferredLatencyMs() == 0) {
      return entries;
    }
    List<Entry> all = new ArrayList<>(entries.size());
    for (List<Entry> same : groups(entries)) {
      Set<Entry> placed = new LinkedHashSet<>();
      for (String provider : options.order()) {
        for (Entry entry : same) {
          if (entry.model().provider().equals(provider)) {
            placed.add(entry);
          }
        }
      }
      boolean ordered = !options.order().isEmpty();
      List<Entry> rest = new ArrayList<>(same);
      rest.removeAll(placed);
      if (options.preferredLatencyMs() > 0) {
        rest.sort((a, b) -> Boolean.compare(a.latencyMs() > options.preferredLatencyMs(), b.latencyMs() > options.preferredLatencyMs()));
      }
      all.addAll(placed);
      for (Entry entry : rest) {
        if (options.allowFallbacks() || climbs && !ordered || !ordered && entry == rest.get(0) && !closes(entry, all)) {
          all.add(entry);
        } else {
          drop(entry.model().id(), ordered ? "provider.order with allow_fallbacks false" : "provider.allow_fallbacks is false");
        }
      }
    }
    return all;
  }

  /** Is it one that only stands in for all the others? */
  private boolean closes(Entry entry, List<Entry> before) {
    return !before.isEmpty() && complexity != null && entry.group() > options.models().size();
  }

  private Problem noneInOrder(int of) {
    return Problem.noEligibleModel("`provider.order` with `allow_fallbacks` false ruled out all of " + of + " models; none is of " + String.join(", ", options.order()));
  }

  List<Decision.Dropped> dropped() {
    if (untold.isEmpty()) {
      return List.copyOf(dropped.values());
    }
    List<Decision.Dropped> all = new ArrayList<>(dropped.values());
    untold.forEach((why, count) -> all.add(new Decision.Dropped(count + " more", why)));
    return all;
  }

  private Candidates candidates(String strategy, String reason, List<Entry> entries) {
    List<Entry> order = preferred(entries, false);
    if (order.isEmpty()) {
      throw noneInOrder(entries.size());
    }
    List<Entry> well = new ArrayList<>(order.size());
    List<Entry> unwell = new ArrayList<>(0);
    for (Entry entry : order) {
      (states.available(entry.model().provider()) ? well : unwell).add(entry);
    }
    String said = reason;
    if (!unwell.isEmpty() && !well.isEmpty() && order.get(0) != well.get(0)) {
      said = reason + "; provider " + order.get(0).model().provider() + " is failing";
    }
    int available = well.size();
    well.addAll(unwell);
    int most = Math.min(well.size(), policy.maxCandidates());
    List<Candidate> ranked = new ArrayList<>(most);
    for (int i = 0; i < most; i++) {
      Entry entry = well.get(i);
      ranked.add(entry.candidate(i < available ? entry.why() : entry.why() + "; tried last, since provider " + entry.model().provider() + " is failing"));
    }
    String beyond = "beyond max-candidates = " + policy.maxCandidates();
    for (int i = most; i < well.size(); i++) {
      drop(well.get(i).model().id(), beyond);
    }
    if (more.get("session") instanceof Map<?, ?> told && Boolean.TRUE.equals(told.get("kept")) && ranked.get(0).reason().equals("kept for its conversation")) {
      said = said + "; session stays with " + ranked.get(0).model().id();
    }
    return new Candidates(ranked, new Decision(requested, strategy, complexity, said, dropped(), occasion.topic(), more));
  }

  private static int compareCost(@Nullable Usd a, @Nullable Usd b) {
    if (a == null || b == null) {
      return a == b ? 0 : a == null ? 1 : -1;
    }
    return a.compareTo(b);
  }
}
