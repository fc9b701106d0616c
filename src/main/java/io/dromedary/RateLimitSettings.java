package io.dromedary;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/** The settings under {@code dromedary.rate-limits}; see {@code config/application.yaml} for units and effects. */
@ConfigurationProperties("dromedary.rate-limits")
record RateLimitSettings(@DefaultValue("4096") long outputEstimate, @DefaultValue("2") int nodes) {
  RateLimitSettings {
    if (outputEstimate < 1 || outputEstimate > 10_000_000) {
      throw new IllegalArgumentException("dromedary.rate-limits.output-estimate = " + outputEstimate + ": must be from 1 to 10000000");
    }
    if (nodes < 1 || nodes > 1_000) {
      throw new IllegalArgumentException("dromedary.rate-limits.nodes = " + nodes + ": must be from 1 to 1000");
    }
  }
}
