package io.dromedary;

import java.time.Duration;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/** The settings under {@code dromedary.rate-limits}; see {@code config/application.yaml} for units and effects. */
@ConfigurationProperties("dromedary.rate-limits")
record RateLimitSettings(@DefaultValue("4096") long outputEstimate, @DefaultValue("2") int nodes, @DefaultValue("100") int queue, @DefaultValue("40ms") Duration queueWait) {
  RateLimitSettings {
    if (outputEstimate < 1 || outputEstimate > 10_000_000) {
      throw new IllegalArgumentException("dromedary.rate-limits.output-estimate = " + outputEstimate + ": must be from 1 to 10000000");
    }
    if (queue < 0 || queue > 10_000) {
      throw new IllegalArgumentException("dromedary.rate-limits.queue = " + queue + ": must be from 0 to 10000");
    }
    if (queueWait.isNegative() || queueWait.compareTo(Duration.ofMinutes(1)) > 0) {
      throw new IllegalArgumentException("dromedary.rate-limits.queue-wait = " + queueWait + ": must be from 0 to 1m");
    }
    if (nodes < 1 || nodes > 1_000) {
      throw new IllegalArgumentException("dromedary.rate-limits.nodes = " + nodes + ": must be from 1 to 1000");
    }
  }
}
