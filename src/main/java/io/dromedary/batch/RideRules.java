package io.dromedary.batch;

import io.dromedary.catalog.Model;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.Map;
import java.util.Set;

/**
 * Which lines may wait in a provider's own batch, and how long for what.
 *
 * @param providers whose batches are used; empty for none
 * @param price the part of the list price that is charged there, by model id or provider; {@link #HALF} where nothing is said
 * @param poll how often a provider is asked how far it is
 * @param giveUpAfter how long a lot may take before it is cancelled
 * @param asks are lines without an answer asked one by one? Else they end as errors
 * @param maxRequests of one lot
 * @param maxBytes of one lot
 * @param lostAfter how long a lot whose sending was in doubt is looked for before it is sent again
 * @param tries of what a provider refuses for now
 * @param grace how long a cancelled lot may take to end before it is given up
 */
public record RideRules(Set<String> providers, Map<String, BigDecimal> price, Duration poll, Duration giveUpAfter, boolean asks, int maxRequests, long maxBytes, Duration lostAfter, int tries, Duration grace) {
  static final BigDecimal HALF = new BigDecimal("0.5");
  /** OpenAI: texts over all requests of a batch of embeddings. */
  static final int MOST_INPUTS = 50_000;
  /** What providers promise; a batch that is wanted sooner does not wait for them. */
  static final Duration PROMISED = Duration.ofHours(24);
  /** In a batch's metadata, {@code off} keeps its lines out of providers' batches. */
  static final String SWITCH = "provider_batches";

  BigDecimal factor(Model model) {
    return price.getOrDefault(model.id(), price.getOrDefault(model.provider(), HALF));
  }

  boolean serve(Batch batch) {
    return !providers.isEmpty() && BatchPages.window(batch.completionWindow()).compareTo(PROMISED) >= 0 && !batch.says(SWITCH, "off");
  }
}
