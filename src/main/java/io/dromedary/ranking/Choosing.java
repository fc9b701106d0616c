package io.dromedary.ranking;

import io.dromedary.catalog.ConfigNode;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Tier;
import io.dromedary.catalog.Topic;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * What {@code config/routing.yaml} says of domains, projects, cascades, sessions, the optimizer and the judge that scores.
 *
 * @param domains those that are on, with their profiles
 * @param tags that may be demanded: those of the models and those that the file lists
 * @param bert is a classifier configured?
 * @param causalModel the model that scores for {@code router-causal-<threshold>}, "" for none
 */
record Choosing(Map<String, Profile> domains, Map<String, Profile> projects, Map<Tier, Profile> tiers, Map<String, Ladder> cascades, Set<String> tags, Keeping sessions, Trimming optimizer, String causalModel, Duration causalTimeout, boolean bert) {
  static final List<String> KEYS = List.of("domains", "projects", "cascades", "tags", "sessions", "optimizer", "shadows");
  static final String DEFAULT_CASCADE = "default";
  private static final List<String> DOMAIN_KEYS = List.of("enabled", "threshold", "terms", "weak-terms");

  /**
   * The rungs of a cascade.
   *
   * @param models in the order of asking; empty: those of all chains, cheapest first, each better than the one before
   * @param maxRungs most of them
   */
  record Ladder(List<String> models, int maxRungs) {}

  /**
   * How long a conversation stays with its model.
   *
   * @param ttl since its last turn
   * @param upgradeOnly may it only go to a better model, for a harder turn? Otherwise also to one that is cheaper, the lost cache counted
   * @param max conversations remembered
   * @param minPrefixTokens a conversation without a session id stays only for a prefix that providers cache, from so many tokens on
   */
  record Keeping(boolean enabled, Duration ttl, boolean upgradeOnly, int max, long minPrefixTokens) {}

  /**
   * What the optimizer may do for those who asked for it.
   *
   * @param margin times the learned length of an answer is the cap
   * @param minTokens no cap is lower
   */
  record Trimming(double margin, long minTokens, boolean temperature) {}

  static Choosing read(ConfigNode root, ModelCatalog catalogue, ConfigNode routers) {
    ConfigNode causal = routers.get("causal");
    Set<String> tags = new TreeSet<>();
    for (Model model : catalogue.all()) {
      tags.addAll(model.tags());
    }
    for (ConfigNode tag : root.get("tags").list()) {
      tags.add(tag.text());
    }
    Map<String, Ladder> cascades = new LinkedHashMap<>();
    cascades.put(DEFAULT_CASCADE, new Ladder(List.of(), 3));
    root.get("cascades").entries().forEach((name, entry) -> {
      entry.onlyKeys(List.of("models", "max-rungs", "accept"));
      List<String> models = new ArrayList<>();
      for (ConfigNode model : entry.get("models").list()) {
        models.add(RoutingPolicy.chatModel(model, catalogue));
      }
      cascades.put(name, new Ladder(List.copyOf(models), (int) entry.get("max-rungs").count(3, 1, 5)));
    });
    Map<String, Profile> domains = new LinkedHashMap<>();
    Topic.DOMAINS.forEach(name -> domains.put(name, Profile.NONE));
    root.get("domains").entries().forEach((name, entry) -> {
      List<String> keys = new ArrayList<>(DOMAIN_KEYS);
      keys.addAll(Profile.KEYS);
      if (entry.present()) {
        entry.onlyKeys(keys);
        if (!entry.get("enabled").flag(true)) {
          domains.remove(name);
          return;
        }
      }
      domains.put(name, Profile.read(entry, catalogue, tags, cascades.keySet()));
    });
    Map<String, Profile> projects = new LinkedHashMap<>();
    root.get("projects").entries().forEach((name, entry) -> projects.put(name, Profile.read(entry.onlyKeys(Profile.KEYS), catalogue, tags, cascades.keySet())));
    Map<Tier, Profile> tiers = new EnumMap<>(Tier.class);
    for (Tier tier : Tier.values()) {
      ConfigNode entry = root.get("tiers").get(tier.name());
      Profile whole = Profile.read(entry, catalogue, tags, cascades.keySet());
      // a tier's models and quality are its chain's, see RoutingPolicy
      tiers.put(tier, new Profile(whole.strategy(), whole.cascade(), whole.preference(), List.of(), whole.requireTags(), 0, whole.optimize()));
    }
    ConfigNode sessions = root.get("sessions");
    ConfigNode optimizer = root.get("optimizer");
    if (sessions.present()) {
      sessions.onlyKeys(List.of("enabled", "ttl-seconds", "upgrade-only", "max", "min-prefix-tokens"));
    }
    if (optimizer.present()) {
      optimizer.onlyKeys(List.of("margin", "min-tokens", "temperature"));
    }
    if (causal.present()) {
      causal.onlyKeys(List.of("model", "timeout-ms"));
    }
    return new Choosing(domains, projects, tiers, cascades, new LinkedHashSet<>(tags),
        new Keeping(sessions.get("enabled").flag(true), Duration.ofSeconds(sessions.get("ttl-seconds").count(600, 1, 86_400)), sessions.get("upgrade-only").flag(true), (int) sessions.get("max").count(50_000, 1, 1_000_000),
            sessions.get("min-prefix-tokens").count(1_024, 1_000_000)),
        new Trimming(optimizer.get("margin").present() ? optimizer.get("margin").number(1, 20) : 2, optimizer.get("min-tokens").count(64, 1, 100_000), optimizer.get("temperature").flag(true)),
        causal.present() ? RoutingPolicy.chatModel(causal.get("model"), catalogue) : "", Duration.ofMillis(causal.get("timeout-ms").count(5_000, 1, 60_000)), routers.get("bert").present());
  }

  /** What a project and a domain say, the domain first. */
  Profile profile(String project, String domain) {
    Profile ofDomain = domains.getOrDefault(domain, Profile.NONE);
    Profile ofProject = projects.getOrDefault(project, Profile.NONE);
    return ofProject.equals(Profile.NONE) ? ofDomain : ofDomain.over(ofProject);
  }
}
