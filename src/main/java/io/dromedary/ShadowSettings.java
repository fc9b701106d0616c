package io.dromedary;

import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/** The settings under {@code dromedary.shadows}; see {@code config/application.yaml} for units and effects. What is shadowed stands in {@code config/routing.yaml}. */
@ConfigurationProperties("dromedary.shadows")
record ShadowSettings(@DefaultValue("4") int parallel, @DefaultValue("64") int waiting) {
  ShadowSettings {
    if (parallel < 1 || parallel > 256) {
      throw new IllegalArgumentException("dromedary.shadows.parallel = " + parallel + ": must be from 1 to 256");
    }
    if (waiting < 0 || waiting > 10_000) {
      throw new IllegalArgumentException("dromedary.shadows.waiting = " + waiting + ": must be from 0 to 10000");
    }
  }
}
