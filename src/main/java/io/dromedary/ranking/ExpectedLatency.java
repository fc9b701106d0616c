package io.dromedary.ranking;

import io.dromedary.catalog.Model;
import java.time.Duration;

/** How long a model is expected to take to its first token. */
@FunctionalInterface
public interface ExpectedLatency {
  /** The catalogue's prior. */
  ExpectedLatency PRIOR = model -> Duration.ofMillis(model.latencyMs());

  Duration of(Model model);
}
