package io.dromedary.catalog;

import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A model that can be asked.
 *
 * @param id {@code provider/name}, unique
 * @param provider the provider's id
 * @param name what the provider calls it
 * @param mode {@code chat} or {@code embedding}
 * @param prices by date, ascending; empty when unpriced, which is not free: such a model is not routable under a budget
 * @param contextTokens most input tokens it reads, 0 if unknown
 * @param maxOutputTokens most it writes, 0 if unknown
 * @param capabilities what it can do
 * @param quality 0..1, prior expectation of a good answer; 0.5 if unknown
 * @param latencyMs expected time to the first token, prior
 * @param tags labels for policies, such as {@code hipaa} or {@code eu}
 * @param aliases other names it is known by, retired ones included
 * @param traits provider-specific facts a wire format needs, such as {@code sampling: none}
 * @param listed false for a model that came in by its full name and is not in the catalogue
 */
public record Model(String id, String provider, String name, String mode, List<Price> prices, long contextTokens, long maxOutputTokens, Set<Capability> capabilities,
    double quality, long latencyMs, Set<String> tags, List<String> aliases, Map<String, String> traits, boolean listed) {

  /** The provider of models that are Camel endpoints: {@code camel/<name>}. */
  public static final String ENDPOINTS = "camel";

  /** Whose failures are told apart: the provider's account, or, of Camel endpoints, each one by itself. */
  public String account() {
    return provider.equals(ENDPOINTS) ? id : provider;
  }

  /** A model the catalogue lacks, passed on as it stands: unpriced. */
  public static Model unlisted(String provider, String name) {
    return new Model(provider + "/" + name, provider, name, "chat", List.of(), 0, 0, Set.of(Capability.values()), 0.5, 1_000, Set.of(), List.of(), Map.of(), false);
  }

  /** The same model, asked for vectors. */
  public Model embedding() {
    return new Model(id, provider, name, "embedding", prices, contextTokens, maxOutputTokens, Set.of(), quality, latencyMs, tags, aliases, traits, listed);
  }

  /** The price in force at that moment, null when unpriced. */
  public @Nullable Price price(Instant at) {
    if (prices.size() == 1) {
      return prices.get(0);
    }
    LocalDate day = at.atZone(ZoneOffset.UTC).toLocalDate();
    Price found = null;
    for (Price price : prices) {
      if (!price.effectiveFrom().isAfter(day)) {
        found = price;
      }
    }
    return found;
  }

  public boolean can(Capability capability) {
    return capabilities.contains(capability);
  }
}
