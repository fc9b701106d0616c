package io.dromedary.ranking;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.DecimalNode;
import io.dromedary.catalog.Price;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Usd;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a request says about its routing: the model name, OpenRouter's {@code models} and {@code provider}, our {@code routing} and the header {@code x-dromedary-preference}, checked.
 *
 * @param kind how the model is to be found
 * @param routerKind of {@code router-<kind>-<threshold>}, "" otherwise
 * @param threshold of the same, 0..1
 * @param models tried after {@code model}, in this order
 * @param preference name of the preference in force, "" for none, {@code weights} for the request's own
 * @param weights what it weighs, null when the chain's own order holds
 * @param order providers to try first, lower case
 * @param only providers allowed, all when empty
 * @param ignore providers not allowed
 * @param maxPromptRate nano-dollars per million input tokens, -1 for no limit; likewise the next
 * @param maxRate limit of both rates, of {@code routing.max_cost_per_mtok}
 * @param maxCost limit of the expected cost
 * @param minQuality 0..1, 0 for no limit
 * @param strategy {@code direct} or {@code cascade}, "" where the request leaves it to the settings; likewise {@code cascade}, the name of one
 * @param domain that the request names, "" for none
 * @param strong in the place of the configured one, for {@code router-<kind>-<threshold>}; "" for none; likewise {@code weak}
 * @param optimize null where the request leaves it to the settings
 * @param hosting what it demands of those who host the models
 */
record RoutingOptions(Kind kind, String routerKind, double threshold, List<String> models, String preference, @Nullable Weights weights, List<String> order, List<String> only, List<String> ignore,
    boolean allowFallbacks, boolean requireParameters, long maxPromptRate, long maxCompletionRate, long maxRate, @Nullable Usd maxCost, double minQuality, long minContext, long maxLatencyMs,
    Set<String> requireTags, String baselineModel, String strategy, boolean dryRun, String domain, String cascade, String strong, String weak, @Nullable Boolean optimize, Hosting hosting) {

  /**
   * The rarer wishes of {@code provider}.
   *
   * @param sortsEach {@code sort} orders the providers of each model, not the models
   * @param quantizations allowed, all when empty
   * @param retainsNothing {@code zdr}: only where prompts are not kept
   * @param collectsNothing {@code data_collection: deny}: only where they are not collected
   * @param preferredLatencyMs slower ones go behind; 0 for no wish
   */
  record Hosting(boolean sortsEach, List<String> quantizations, boolean retainsNothing, boolean collectsNothing, long preferredLatencyMs) {
    static final Hosting ANY = new Hosting(true, List.of(), false, false, 0);
  }

  /** How the model is to be found. */
  enum Kind {
    MODEL, TIER, THRESHOLD
  }

  private static final String HINT = "x-dromedary-preference";
  private static final String ROUTER = "router-";
  private static final Set<String> AUTO = Set.of("auto", "route-llm", "router-auto");
  private static final List<String> ROUTING_KEYS = List.of("strategy", "weights", "min_quality", "max_cost", "max_cost_per_mtok", "min_context", "max_latency_ms", "require_tags", "domain", "session_id",
      "baseline_model", "dry_run", "cascade", "strong", "weak", "optimize");
  static final List<String> STRATEGIES = List.of("direct", "cascade");
  private static final List<String> QUANTIZATIONS = List.of("int4", "int8", "fp4", "fp6", "fp8", "fp16", "bf16", "fp32", "unknown");
  /** OpenRouter's names of providers that have others here. */
  private static final Map<String, String> PROVIDER_ALIASES = Map.of("google-ai-studio", "gemini", "google ai studio", "gemini", "amazon-bedrock", "bedrock", "amazon bedrock", "bedrock");
  private static final List<String> WEIGHT_KEYS = List.of("cost", "quality", "speed");
  private static final BigDecimal MOST = new BigDecimal("1000000000");
  private static final Pattern DECIMAL = Pattern.compile("\\d{1,9}(\\.\\d{1,18})?");
  private static final String DISTILLABLE = "distillable";
  private static final int MOST_NAMES = 20;
  private static final int LONGEST_NAME = 200;

  /** Only the kind: cheap, for the {@code choice} of a strategy. */
  static Kind kind(ChatRequest request) {
    String model = request.model();
    if (AUTO.contains(model) && request.json().path("model").isMissingNode() && request.json().path("models").size() > 0) {
      return Kind.MODEL;
    }
    if (AUTO.contains(model) || model.startsWith("auto:") || model.startsWith("route-llm:")) {
      return Kind.TIER;
    }
    return model.startsWith(ROUTER) ? Kind.THRESHOLD : Kind.MODEL;
  }

  /** @throws Problem 400 naming the field */
  static RoutingOptions of(ChatRequest request, RoutingPolicy policy) {
    String model = request.model();
    Kind kind = kind(request);
    String routerKind = "";
    double threshold = 0;
    if (kind == Kind.THRESHOLD) {
      int end = thresholdAt(model);
      routerKind = model.substring(ROUTER.length(), end);
      if (!policy.kinds().contains(routerKind)) {
        throw Problem.badField("model", "unknown kind `" + Problem.clip(routerKind) + "` in `" + Problem.clip(model) + "`: the kinds of `router-<kind>-<threshold>` are " + String.join(", ", policy.kinds()) + policy.unconfigured(routerKind));
      }
      threshold = threshold(model.substring(end + 1));
    }
    JsonNode routing = routing(request);
    JsonNode provider = provider(request);
    JsonNode strategy = routing.path("strategy");
    if (given(strategy) && !(strategy.isTextual() && STRATEGIES.contains(strategy.textValue()))) {
      throw Problem.badField("routing.strategy", "`routing.strategy` must be one of " + String.join(", ", STRATEGIES));
    }
    String domain = text(routing, "domain");
    if (!domain.isEmpty() && !policy.choosing().domains().containsKey(domain)) {
      throw Problem.badField("routing.domain", "unknown domain `" + Problem.clip(domain) + "` in routing.domain; allowed are " + String.join(", ", policy.choosing().domains().keySet()));
    }
    text(routing, "session_id");
    String cascade = text(routing, "cascade");
    if (!cascade.isEmpty() && !policy.choosing().cascades().containsKey(cascade)) {
      throw Problem.badField("routing.cascade", "unknown cascade `" + Problem.clip(cascade) + "` in routing.cascade; allowed are " + String.join(", ", policy.choosing().cascades().keySet()));
    }
    Set<String> requireTags = new LinkedHashSet<>(names(routing.path("require_tags"), "routing.require_tags", false));
    for (String tag : requireTags) {
      if (!policy.choosing().tags().contains(tag)) {
        throw Problem.badField("routing.require_tags", "unknown tag `" + Problem.clip(tag) + "` in routing.require_tags; allowed are " + String.join(", ", policy.choosing().tags()));
      }
    }

    if (given(provider) && flag(provider, "provider", "enforce_distillable_text", false)) {
      requireTags.add(DISTILLABLE);
    }

    Weights weights = weights(routing.path("weights"));
    String preference = weights == null ? "" : "weights";
    int colon = kind == Kind.TIER ? model.indexOf(':') : -1;
    if (colon > 0) {
      String named = model.substring(colon + 1);
      if (policy.choosing().domains().containsKey(named)) {
        domain = domain.isEmpty() ? named : domain;
      } else {
        Weights byName = preference(policy, named, "model");
        if (weights == null) {
          preference = named;
          weights = byName;
        }
      }
    }
    String hint = request.hint(HINT);
    if (hint != null && !hint.isBlank()) {
      String named = hint.strip().toLowerCase(Locale.ROOT);
      Weights byName = preference(policy, named, HINT);
      if (weights == null) {
        preference = named;
        weights = byName;
      }
    }
    String sort = sort(provider.path("sort"));
    boolean sortsEach = false;
    if (weights == null && !sort.isEmpty()) {
      sortsEach = !"none".equals(provider.path("sort").path("partition").asText());
      preference = sort;
      weights = policy.preferences().get(sort);
    }
    if (weights == null && !request.policy().profile().isEmpty()) {
      preference = request.policy().profile();
      weights = policy.preferences().get(preference);
    }
    JsonNode maxPrice = provider.path("max_price");
    if (given(maxPrice) && !maxPrice.isObject()) {
      throw Problem.badField("provider.max_price", "`provider.max_price` must be an object such as {\"prompt\": 1, \"completion\": 2}, in USD per million tokens");
    }
    rate(maxPrice.path("request"), "provider.max_price.request");
    rate(maxPrice.path("image"), "provider.max_price.image");
    Usd maxCost = given(routing.path("max_cost")) ? Usd.ofNanos(nanos(routing.path("max_cost"), "routing.max_cost")) : null;
    return new RoutingOptions(kind, routerKind, threshold, names(request.json().path("models"), "models", false), preference, weights, providers(provider, "order"),
        providers(provider, "only"), providers(provider, "ignore"), flag(provider, "provider", "allow_fallbacks", true),
        flag(provider, "provider", "require_parameters", false), rate(maxPrice.path("prompt"), "provider.max_price.prompt"), rate(maxPrice.path("completion"), "provider.max_price.completion"),
        rate(routing.path("max_cost_per_mtok"), "routing.max_cost_per_mtok"), maxCost, fraction(routing.path("min_quality"), "routing.min_quality"),
        count(routing.path("min_context"), "routing.min_context"), count(routing.path("max_latency_ms"), "routing.max_latency_ms"), requireTags,
        text(routing, "baseline_model"), given(strategy) ? strategy.textValue() : "", flag(routing, "routing", "dry_run", false), domain, cascade, text(routing, "strong"), text(routing, "weak"),
        given(routing.path("optimize")) ? flag(routing, "routing", "optimize", false) : null, hosting(provider, sortsEach));
  }

  private static Hosting hosting(JsonNode provider, boolean sortsEach) {
    if (!given(provider)) {
      return Hosting.ANY;
    }
    List<String> quantizations = names(provider.path("quantizations"), "provider.quantizations", true);
    for (String quantization : quantizations) {
      if (!QUANTIZATIONS.contains(quantization)) {
        throw Problem.badField("provider.quantizations", "unknown quantization `" + Problem.clip(quantization) + "` in provider.quantizations; allowed are " + String.join(", ", QUANTIZATIONS));
      }
    }
    JsonNode collection = provider.path("data_collection");
    if (given(collection) && !collection.asText().equals("allow") && !collection.asText().equals("deny")) {
      throw Problem.badField("provider.data_collection", "`provider.data_collection` must be allow or deny");
    }
    // we know medians: one that is above any wanted percentile breaks it for certain
    JsonNode latency = provider.path("preferred_max_latency");
    long preferred = 0;
    for (JsonNode seconds : latency.isObject() ? latency : given(latency) ? List.of(latency) : List.<JsonNode>of()) {
      long millis = given(seconds) ? number(seconds, "provider.preferred_max_latency", MOST).movePointRight(3).longValue() : 0;
      preferred = preferred == 0 || millis > 0 && millis < preferred ? millis : preferred;
    }
    return new Hosting(sortsEach, quantizations, flag(provider, "provider", "zdr", false), collection.asText().equals("deny"), preferred);
  }

  boolean sortsEach() {
    return hosting.sortsEach();
  }

  long preferredLatencyMs() {
    return hosting.preferredLatencyMs();
  }

  /** These, and what they leave open by a profile; what the profile demands is demanded too. */
  RoutingOptions under(Profile profile, RoutingPolicy policy) {
    if (profile.equals(Profile.NONE)) {
      return this;
    }
    Set<String> tags = new LinkedHashSet<>(requireTags);
    tags.addAll(profile.requireTags());
    boolean prefers = weights == null && !profile.preference().isEmpty();
    return new RoutingOptions(kind, routerKind, threshold, models, prefers ? profile.preference() : preference, prefers ? policy.preferences().get(profile.preference()) : weights, order, only, ignore, allowFallbacks,
        requireParameters, maxPromptRate, maxCompletionRate, maxRate, maxCost, Math.max(minQuality, profile.minQuality()), minContext, maxLatencyMs, tags, baselineModel, strategy.isEmpty() ? profile.strategy() : strategy, dryRun,
        domain, cascade.isEmpty() ? profile.cascade() : cascade, strong, weak, optimize == null ? profile.optimize() : optimize, hosting);
  }

  boolean cascades() {
    return strategy.equals("cascade");
  }

  boolean allows(String provider) {
    return (only.isEmpty() || only.contains(provider)) && !ignore.contains(provider);
  }

  /** Where the dash before the threshold of {@code router-<kind>-<threshold>} is; the threshold may be a negative one, to be told so. */
  private static int thresholdAt(String model) {
    int end = model.lastIndexOf('-');
    if (end > ROUTER.length() && model.charAt(end - 1) == '-') {
      end--;
    }
    if (end < ROUTER.length() || end + 1 == model.length()) {
      throw Problem.badField("model", "`" + Problem.clip(model) + "` must be `router-<kind>-<threshold>`, such as router-mf-0.2, or router-auto");
    }
    return end;
  }

  private static double threshold(String text) {
    try {
      BigDecimal value = new BigDecimal(text);
      if (text.length() <= 20 && value.signum() >= 0 && value.compareTo(BigDecimal.ONE) <= 0) {
        return value.doubleValue();
      }
    } catch (NumberFormatException notANumber) {
      // told below
    }
    throw Problem.badField("model", "the threshold `" + Problem.clip(text) + "` of `router-<kind>-<threshold>` must be a number from 0 to 1");
  }

  private static Weights preference(RoutingPolicy policy, String name, String field) {
    Weights weights = policy.preferences().get(name);
    if (weights == null) {
      throw Problem.badField(field, "unknown preference `" + Problem.clip(name) + "` in " + field + "; allowed are " + String.join(", ", RoutingPolicy.PREFERENCES) + (field.equals("model") ? ", " + String.join(", ", policy.choosing().domains().keySet()) : ""));
    }
    return weights;
  }

  private static JsonNode routing(ChatRequest request) {
    JsonNode routing = request.routing();
    if (!given(routing)) {
      return routing;
    }
    if (!routing.isObject()) {
      throw Problem.badField("routing", "`routing` must be an object with the keys " + String.join(", ", ROUTING_KEYS));
    }
    for (Iterator<String> keys = routing.fieldNames(); keys.hasNext();) {
      String key = keys.next();
      if (!ROUTING_KEYS.contains(key)) {
        throw Problem.badField("routing." + Problem.clip(key), "`routing." + Problem.clip(key) + "` does not exist; `routing` has " + String.join(", ", ROUTING_KEYS));
      }
    }
    return routing;
  }

  private static JsonNode provider(ChatRequest request) {
    JsonNode provider = request.json().path("provider");
    if (given(provider) && !provider.isObject()) {
      throw Problem.badField("provider", "`provider` must be an object with order, only, ignore, allow_fallbacks, require_parameters, max_price, sort, quantizations, data_collection, zdr or preferred_max_latency");
    }
    return provider;
  }

  private static String sort(JsonNode sort) {
    if (!given(sort)) {
      return "";
    }
    JsonNode partition = sort.path("partition");
    if (given(partition) && !partition.asText().equals("model") && !partition.asText().equals("none")) {
      throw Problem.badField("provider.sort", "`provider.sort.partition` must be model or none");
    }
    return switch (sort.isObject() ? sort.path("by").asText() : sort.asText()) {
      case "price" -> "cost";
      case "throughput", "latency" -> "speed";
      default -> throw Problem.badField("provider.sort", "`provider.sort` must be price, throughput or latency");
    };
  }

  private static @Nullable Weights weights(JsonNode weights) {
    if (!given(weights)) {
      return null;
    }
    if (!weights.isObject() || weights.isEmpty()) {
      throw Problem.badField("routing.weights", "`routing.weights` must be an object of numbers with the keys " + String.join(", ", WEIGHT_KEYS));
    }
    for (Iterator<String> keys = weights.fieldNames(); keys.hasNext();) {
      String key = keys.next();
      if (!WEIGHT_KEYS.contains(key)) {
        throw Problem.badField("routing.weights", "`routing.weights` has no field `" + Problem.clip(key) + "`; it has " + String.join(", ", WEIGHT_KEYS));
      }
    }
    Weights value = new Weights(weight(weights, "cost"), weight(weights, "quality"), weight(weights, "speed"));
    if (value.cost() + value.quality() + value.speed() == 0) {
      throw Problem.badField("routing.weights", "one of `routing.weights` must be more than 0");
    }
    return value;
  }

  private static double weight(JsonNode weights, String key) {
    return given(weights.path(key)) ? number(weights.path(key), "routing.weights." + key, MOST).doubleValue() : 0;
  }

  private static boolean given(JsonNode node) {
    return !node.isMissingNode() && !node.isNull();
  }

  /** A number from 0 to {@code max}; what is smaller than any amount we tell apart is 0. */
  private static BigDecimal number(JsonNode node, String field, BigDecimal max) {
    if (node.isNumber() && !((node.isDouble() || node.isFloat()) && !Double.isFinite(node.doubleValue()))) {
      BigDecimal value = node.decimalValue();
      if (value.signum() >= 0 && value.compareTo(max) <= 0) {
        return value.scale() - value.precision() > 30 ? BigDecimal.ZERO : value;
      }
    }
    throw Problem.badField(field, "`" + field + "` must be a number from 0 to " + max.toPlainString());
  }

  private static long nanos(JsonNode node, String field) {
    BigDecimal value = number(node, field, MOST);
    return value.setScale(9, RoundingMode.FLOOR).unscaledValue().longValueExact();
  }

  /** Also as a text, as OpenRouter tells its own prices. */
  private static long rate(JsonNode node, String field) {
    if (!given(node)) {
      return -1;
    }
    BigDecimal value = number(field.startsWith("provider.") && node.isTextual() && DECIMAL.matcher(node.textValue()).matches() ? DecimalNode.valueOf(new BigDecimal(node.textValue())) : node, field, MOST);
    return Price.perMillion(value.setScale(9, RoundingMode.FLOOR));
  }

  private static double fraction(JsonNode node, String field) {
    return given(node) ? number(node, field, BigDecimal.ONE).doubleValue() : 0;
  }

  /** A whole number, 0 when it is not given. */
  private static long count(JsonNode node, String field) {
    if (!given(node)) {
      return 0;
    }
    if (!node.isIntegralNumber() || !node.canConvertToLong() || node.longValue() < 1) {
      throw Problem.badField(field, "`" + field + "` must be a whole number of at least 1");
    }
    return node.longValue();
  }

  private static boolean flag(JsonNode object, String parent, String key, boolean absent) {
    JsonNode node = object.path(key);
    if (!given(node)) {
      return absent;
    }
    if (!node.isBoolean()) {
      throw Problem.badField(parent + "." + key, "`" + parent + "." + key + "` must be true or false");
    }
    return node.booleanValue();
  }

  private static String text(JsonNode routing, String key) {
    JsonNode node = routing.path(key);
    if (!given(node)) {
      return "";
    }
    if (!node.isTextual() || node.textValue().isBlank() || node.textValue().length() > LONGEST_NAME) {
      throw Problem.badField("routing." + key, "`routing." + key + "` must be a text of 1 to " + LONGEST_NAME + " characters");
    }
    return node.textValue();
  }

  /** Ids of providers; of one of OpenRouter's variants, such as {@code openai/turbo}, the provider. */
  private static List<String> providers(JsonNode provider, String key) {
    List<String> names = names(provider.path(key), "provider." + key, true);
    if (names.isEmpty()) {
      return names;
    }
    List<String> ids = new ArrayList<>(names.size());
    for (String name : names) {
      int slash = name.indexOf('/');
      String base = slash > 0 ? name.substring(0, slash) : name;
      ids.add(PROVIDER_ALIASES.getOrDefault(base, base));
    }
    return ids;
  }

  private static List<String> names(JsonNode node, String field, boolean lowerCase) {
    if (!given(node)) {
      return List.of();
    }
    if (!node.isArray() || node.size() > MOST_NAMES) {
      throw Problem.badField(field, "`" + field + "` must be a list of at most " + MOST_NAMES + " texts");
    }
    List<String> names = new ArrayList<>(node.size());
    for (JsonNode element : node) {
      if (!element.isTextual() || element.textValue().isBlank() || element.textValue().length() > LONGEST_NAME) {
        throw Problem.badField(field, "`" + field + "` must hold texts of 1 to " + LONGEST_NAME + " characters");
      }
      names.add(lowerCase ? element.textValue().toLowerCase(Locale.ROOT) : element.textValue());
    }
    return names;
  }
}
