package io.dromedary.ranking;

import io.dromedary.catalog.ConfigNode;
import io.dromedary.catalog.ModelCatalog;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How the requests of a domain, a project or a tier are routed where they say nothing themselves.
 *
 * @param strategy {@code direct} or {@code cascade}, "" for no say
 * @param cascade name of the cascade, "" for no say
 * @param preference name of the preference, "" for no say
 * @param models the chain in the place of the tier's, empty for no say
 * @param requireTags in addition to those of the request: hard, for whatever is asked
 * @param minQuality 0..1, likewise
 * @param optimize null for no say
 */
public record Profile(String strategy, String cascade, String preference, List<String> models, Set<String> requireTags, double minQuality, @Nullable Boolean optimize) {
  static final Profile NONE = new Profile("", "", "", List.of(), Set.of(), 0, null);
  static final List<String> KEYS = List.of("strategy", "cascade", "preference", "models", "require-tags", "min-quality", "optimize");

  /** Reads its keys from an entry of the settings; other keys of that entry are others' business. */
  static Profile read(ConfigNode entry, ModelCatalog catalogue, Set<String> tags, Set<String> cascades) {
    if (!entry.present()) {
      return NONE;
    }
    List<String> models = new ArrayList<>();
    for (ConfigNode model : entry.get("models").list()) {
      models.add(RoutingPolicy.chatModel(model, catalogue));
    }
    Set<String> required = new LinkedHashSet<>();
    for (ConfigNode tag : entry.get("require-tags").list()) {
      if (!tags.contains(tag.text())) {
        throw tag.error("no model has this tag and `tags` does not list it; allowed are " + String.join(", ", tags));
      }
      required.add(tag.text());
    }
    ConfigNode quality = entry.get("min-quality");
    ConfigNode optimize = entry.get("optimize");
    return new Profile(oneOf(entry.get("strategy"), RoutingOptions.STRATEGIES), oneOf(entry.get("cascade"), List.copyOf(cascades)), oneOf(entry.get("preference"), RoutingPolicy.PREFERENCES), List.copyOf(models), Set.copyOf(required),
        quality.present() ? quality.decimal(BigDecimal.ONE).doubleValue() : 0, optimize.present() ? optimize.flag(false) : null);
  }

  private static String oneOf(ConfigNode value, List<String> allowed) {
    if (!value.present()) {
      return "";
    }
    if (!allowed.contains(value.text())) {
      throw value.error("allowed are " + String.join(", ", allowed));
    }
    return value.text();
  }

  /** This one, and what it has no say in by the other; what is demanded is demanded by either. */
  Profile over(Profile other) {
    if (other.equals(NONE)) {
      return this;
    }
    Set<String> tags = new LinkedHashSet<>(requireTags);
    tags.addAll(other.requireTags);
    return new Profile(strategy.isEmpty() ? other.strategy : strategy, cascade.isEmpty() ? other.cascade : cascade, preference.isEmpty() ? other.preference : preference, models.isEmpty() ? other.models : models, tags,
        Math.max(minQuality, other.minQuality), optimize == null ? other.optimize : optimize);
  }
}
