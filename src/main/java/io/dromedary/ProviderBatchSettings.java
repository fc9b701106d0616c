package io.dromedary;

import io.dromedary.batch.RideRules;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/** The settings under {@code dromedary.batches.provider-batches}; see {@code config/application.yaml} for units and effects. */
@ConfigurationProperties("dromedary.batches.provider-batches")
record ProviderBatchSettings(@DefaultValue Set<String> providers, @DefaultValue Map<String, BigDecimal> price, @DefaultValue("60s") Duration poll, @DefaultValue("23h") Duration giveUpAfter, @DefaultValue("ask") String otherwise,
    @DefaultValue("50000") int maxRequests, @DefaultValue("180000000") long maxBytes, @DefaultValue("2m") Duration lostAfter, @DefaultValue("10") int tries, @DefaultValue("30m") Duration grace) {

  RideRules rules() {
    for (Map.Entry<String, BigDecimal> part : price.entrySet()) {
      if (part.getValue().signum() < 0 || part.getValue().compareTo(BigDecimal.ONE) > 0) {
        throw new IllegalStateException("`dromedary.batches.provider-batches.price." + part.getKey() + "` is " + part.getValue() + "; it is the part of the list price that is charged, from 0 to 1");
      }
    }
    if (!otherwise.equals("ask") && !otherwise.equals("error")) {
      throw new IllegalStateException("`dromedary.batches.provider-batches.otherwise` is `" + otherwise + "`; it may be ask or error");
    }
    if (maxRequests < 1 || maxBytes < 1 || tries < 1 || poll.isNegative() || giveUpAfter.isNegative() || lostAfter.isNegative() || grace.isNegative()) {
      throw new IllegalStateException("`dromedary.batches.provider-batches`: max-requests, max-bytes and tries are from 1, poll, give-up-after, lost-after and grace not negative");
    }
    return new RideRules(Set.copyOf(providers), Map.copyOf(price), poll, giveUpAfter, otherwise.equals("ask"), maxRequests, maxBytes, lostAfter, tries, grace);
  }
}
