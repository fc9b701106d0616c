package io.dromedary;

import io.dromedary.provider.Pacing;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/** The settings under {@code dromedary.pacing}; see {@code config/application.yaml} for units and effects. */
@ConfigurationProperties("dromedary.pacing")
record PacingSettings(@DefaultValue("0.05") double nearlySpent, @DefaultValue("false") boolean byLatency, @DefaultValue("4") int least, @DefaultValue("2") double tolerance) {
  Pacing toPacing() {
    return new Pacing(nearlySpent, byLatency, least, tolerance);
  }
}
