package io.dromedary.ranking;

import io.dromedary.catalog.Capability;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.Price;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Policy;
import io.dromedary.chat.Usd;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What can rule a model out, in the order of checking: the last one in this order that ruled out a model is the one that emptied the set. */
enum Constraint {
  PROVIDER_ACTIVE("no provider that takes part serves the model"),
  CHAT("the model must be a chat model"),
  POLICY("a policy"),
  PROVIDER_ONLY("`provider.only`"),
  PROVIDER_IGNORE("`provider.ignore`"),
  QUANTIZATIONS("`provider.quantizations`"),
  DATA_COLLECTION("`provider.data_collection`"),
  ZDR("`provider.zdr`"),
  TOOLS("the request has tools"),
  VISION("the request has images"),
  PDF("the request has files"),
  AUDIO("the request has audio"),
  JSON_SCHEMA("`response_format` json_schema"),
  PARAMETERS("`provider.require_parameters`"),
  CONTEXT("the length of the input"),
  MAX_OUTPUT("`max_tokens`"),
  TAGS("`routing.require_tags`"),
  MIN_CONTEXT("`routing.min_context`"),
  MIN_QUALITY("`routing.min_quality`"),
  MAX_LATENCY("`routing.max_latency_ms`"),
  MAX_PRICE("`provider.max_price`"),
  MAX_RATE("`routing.max_cost_per_mtok`"),
  MAX_COST("`routing.max_cost`");

  /** What holds for a model that judges as well: it sees what the request says. */
  static final List<Constraint> FOR_JUDGES = List.of(PROVIDER_ACTIVE, CHAT, POLICY, PROVIDER_ONLY, PROVIDER_IGNORE, QUANTIZATIONS, DATA_COLLECTION, ZDR, TAGS, MAX_PRICE, MAX_RATE);
  /** What holds for a model that shadows: all but what the caller wants of the answer it gets. */
  static final List<Constraint> FOR_SHADOWS = Arrays.stream(values()).filter(each -> each != MIN_QUALITY && each != MAX_LATENCY).toList();
  /** Tags of models whose providers keep no prompt, and of those that collect none. */
  private static final Set<String> RETAIN_NOTHING = Set.of("zdr", "local");
  private static final Set<String> COLLECT_NOTHING = Set.of("no-data-collection", "zdr", "local");

  private static final Constraint[] ALL = values();

  final String label;
  final String ruledOut;

  Constraint(String label) {
    this.label = label;
    this.ruledOut = "ruled out by " + label;
  }

  /** The facts that models are checked against. */
  record Check(RoutingOptions options, Needs needs, ProviderStates states, Policy policy, boolean schemaIsNative, ChatRequest request) {
    /** What the model is known not to take, else what its wire format would leave out (T5). */
    @Nullable String parameterNotTaken(Model model) {
      String known = needs.parameterNotTaken(model);
      return known == null ? states.parameterNotTaken(request, model) : known;
    }
  }

  /** Those that any model can break, in the order of checking: most requests demand little, and a hundred models are soon looked at. */
  static Constraint[] relevant(Check check) {
    RoutingOptions options = check.options();
    Needs needs = check.needs();
    List<Constraint> relevant = new ArrayList<>(ALL.length);
    for (Constraint constraint : ALL) {
      boolean demanded = switch (constraint) {
        case PROVIDER_ACTIVE, CHAT, CONTEXT -> true;
        case POLICY -> !check.policy().equals(Policy.OPEN);
        case PROVIDER_ONLY -> !options.only().isEmpty();
        case PROVIDER_IGNORE -> !options.ignore().isEmpty();
        case QUANTIZATIONS -> !options.hosting().quantizations().isEmpty();
        case DATA_COLLECTION -> options.hosting().collectsNothing();
        case ZDR -> options.hosting().retainsNothing();
        case TOOLS -> needs.tools();
        case VISION -> needs.vision();
        case PDF -> needs.pdf();
        case AUDIO -> needs.audio();
        case JSON_SCHEMA -> needs.jsonSchema();
        case PARAMETERS -> options.requireParameters();
        case MAX_OUTPUT -> needs.maxOutputTokens() > 0;
        case TAGS -> !options.requireTags().isEmpty();
        case MIN_CONTEXT -> options.minContext() > 0;
        case MIN_QUALITY -> options.minQuality() > 0;
        case MAX_LATENCY -> options.maxLatencyMs() > 0;
        case MAX_PRICE -> options.maxPromptRate() >= 0 || options.maxCompletionRate() >= 0;
        case MAX_RATE -> options.maxRate() >= 0;
        case MAX_COST -> options.maxCost() != null;
      };
      if (demanded) {
        relevant.add(constraint);
      }
    }
    return relevant.toArray(Constraint[]::new);
  }

  /** The first of these constraints that a model does not meet, null if it meets all. */
  static @Nullable Constraint firstBroken(Constraint[] relevant, Model model, @Nullable Price price, @Nullable Usd expectedCost, long latencyMs, double quality, Check check) {
    for (Constraint constraint : relevant) {
      if (!constraint.met(model, price, expectedCost, latencyMs, quality, check)) {
        return constraint;
      }
    }
    return null;
  }

  boolean met(Model model, @Nullable Price price, @Nullable Usd expectedCost, long latencyMs, double quality, Check check) {
    RoutingOptions options = check.options();
    Needs needs = check.needs();
    return switch (this) {
      case PROVIDER_ACTIVE -> check.states().active(model.provider());
      case CHAT -> model.mode().equals("chat");
      case POLICY -> forbidden(model, check) == null;
      case PROVIDER_ONLY -> options.only().isEmpty() || options.only().contains(model.provider());
      case PROVIDER_IGNORE -> !options.ignore().contains(model.provider());
      case QUANTIZATIONS -> options.hosting().quantizations().isEmpty() || options.hosting().quantizations().contains(quantization(model));
      case DATA_COLLECTION -> !options.hosting().collectsNothing() || hasOneOf(COLLECT_NOTHING, model);
      case ZDR -> !options.hosting().retainsNothing() || hasOneOf(RETAIN_NOTHING, model);
      case TOOLS -> !needs.tools() || model.can(Capability.TOOLS);
      case VISION -> !needs.vision() || model.can(Capability.VISION);
      case PDF -> !needs.pdf() || model.can(Capability.PDF);
      case AUDIO -> !needs.audio() || model.can(Capability.AUDIO);
      case JSON_SCHEMA -> !needs.jsonSchema() || !check.schemaIsNative() || model.can(Capability.JSON_SCHEMA);
      case PARAMETERS -> !options.requireParameters() || check.parameterNotTaken(model) == null;
      case CONTEXT -> model.contextTokens() == 0 || needs.inputTokens() <= model.contextTokens();
      case MAX_OUTPUT -> model.maxOutputTokens() == 0 || needs.maxOutputTokens() <= model.maxOutputTokens();
      case TAGS -> options.requireTags().isEmpty() || model.tags().containsAll(options.requireTags());
      case MIN_CONTEXT -> options.minContext() <= model.contextTokens();
      case MIN_QUALITY -> options.minQuality() <= quality;
      case MAX_LATENCY -> options.maxLatencyMs() == 0 || latencyMs <= options.maxLatencyMs();
      case MAX_PRICE -> options.maxPromptRate() < 0 && options.maxCompletionRate() < 0
          || price != null && within(price.base().input(), options.maxPromptRate()) && within(price.base().output(), options.maxCompletionRate());
      case MAX_RATE -> options.maxRate() < 0 || price != null && Math.max(price.base().input(), price.base().output()) <= options.maxRate();
      case MAX_COST -> options.maxCost() == null || expectedCost != null && expectedCost.compareTo(options.maxCost()) <= 0;
    };
  }

  /** Why this model does not meet it, for people. */
  String why(Model model, @Nullable Price price, @Nullable Usd expectedCost, long latencyMs, double quality, Check check) {
    RoutingOptions options = check.options();
    return switch (this) {
      case PROVIDER_ACTIVE -> "provider " + model.provider() + " has no key or does not answer";
      case CHAT -> "makes embeddings, not chat";
      case POLICY -> "may not answer: " + forbidden(model, check);
      case PROVIDER_ONLY -> "provider.only allows " + String.join(", ", options.only());
      case PROVIDER_IGNORE -> "provider.ignore has " + model.provider();
      case QUANTIZATIONS -> "is served as " + quantization(model) + ", allowed are " + String.join(", ", options.hosting().quantizations());
      case DATA_COLLECTION -> "is not known to collect nothing: it has no tag no-data-collection, zdr or local";
      case ZDR -> "is not known to keep nothing: it has no tag zdr or local";
      case TOOLS -> "takes no tools";
      case VISION -> "takes no images";
      case PDF -> "takes no files";
      case AUDIO -> "takes no audio";
      case JSON_SCHEMA -> "has no json_schema output";
      case PARAMETERS -> "does not take " + check.parameterNotTaken(model);
      case CONTEXT -> "reads " + model.contextTokens() + " tokens, the input is about " + check.needs().inputTokens();
      case MAX_OUTPUT -> "writes at most " + model.maxOutputTokens() + " tokens, asked are " + check.needs().maxOutputTokens();
      case TAGS -> "lacks the tag " + String.join(", ", options.requireTags().stream().filter(tag -> !model.tags().contains(tag)).toList());
      case MIN_CONTEXT -> "reads " + model.contextTokens() + " tokens, wanted are " + options.minContext();
      case MIN_QUALITY -> "quality " + Math.round(quality * 1000) / 1000.0 + " is below " + options.minQuality();
      case MAX_LATENCY -> "expected after " + latencyMs + " ms, allowed are " + options.maxLatencyMs();
      case MAX_PRICE, MAX_RATE -> price == null ? "is unpriced" : "costs " + Usd.ofNanos(price.base().input()) + " / " + Usd.ofNanos(price.base().output()) + " USD per million tokens";
      case MAX_COST -> expectedCost == null ? "is unpriced" : "is expected to cost " + expectedCost + " USD, allowed are " + options.maxCost();
    };
  }

  private static @Nullable String forbidden(Model model, Check check) {
    return check.policy().forbids(model.provider(), model.name(), model.id(), model.tags());
  }

  private static String quantization(Model model) {
    return model.traits().getOrDefault("quantization", "unknown");
  }

  private static boolean hasOneOf(Set<String> tags, Model model) {
    for (String tag : model.tags()) {
      if (tags.contains(tag)) {
        return true;
      }
    }
    return model.provider().equals("sandbox");
  }

  private static boolean within(long rate, long limit) {
    return limit < 0 || rate <= limit;
  }
}
