package io.dromedary;

import io.dromedary.feedback.LearningRules;
import java.time.Duration;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/** The settings under {@code dromedary.learning}; see {@code config/application.yaml} for units and effects. */
@ConfigurationProperties("dromedary.learning")
public record LearningSettings(@DefaultValue("14d") Duration halfLife, @DefaultValue("20") double priorWeight, @DefaultValue("200") double memory, @DefaultValue("30m") Duration latencyHalfLife,
    @DefaultValue("20") double leastLatencies, @DefaultValue("0.05") double explorationShare, @DefaultValue("3") double explorationCost, @DefaultValue("10m") Duration regeneratedWithin) {
  LearningRules rules() {
    return new LearningRules(halfLife, priorWeight, memory, latencyHalfLife, leastLatencies, explorationShare, explorationCost, regeneratedWithin);
  }
}
