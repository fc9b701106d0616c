package io.dromedary;

import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Reloadable;
import io.dromedary.experiment.Experiments;
import io.dromedary.experiment.FeatureFlags;
import io.dromedary.feedback.Explorer;
import io.dromedary.feedback.Feedback;
import io.dromedary.feedback.LatencyEstimates;
import io.dromedary.feedback.Learning;
import io.dromedary.feedback.LearningRules;
import io.dromedary.feedback.LearningStore;
import io.dromedary.feedback.Outcomes;
import io.dromedary.feedback.QualityEstimates;
import io.dromedary.feedback.TrainingData;
import io.dromedary.provider.ProviderAccounts;
import io.dromedary.spend.Store;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Clock;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.Order;

/** Learning from what became of answers. */
@Configuration(proxyBeanMethods = false)
class Learners {
  @Bean
  LearningRules learningRules(LearningSettings settings) {
    return StartFailures.told(settings::rules);
  }

  @Bean
  QualityEstimates qualityEstimates(LearningRules rules, FeatureFlags flags, Clock clock) {
    return new QualityEstimates(rules, flags.everywhere(Trials.LEARNING), clock);
  }

  @Bean
  LatencyEstimates latencyEstimates(LearningRules rules, FeatureFlags flags, Clock clock) {
    return new LatencyEstimates(rules, flags.everywhere(Trials.LEARNING), clock);
  }

  @Bean(destroyMethod = "close")
  LearningStore learningStore(Store store, QualityEstimates quality, LatencyEstimates latency, LearningRules rules, Clock clock) {
    return StartFailures.told(() -> new LearningStore(store.dataSource(), store.node(), quality, latency, rules, clock));
  }

  /** After the store of what it learns, so that it stops before. */
  @Bean(destroyMethod = "close")
  Outcomes outcomes(QualityEstimates quality, LatencyEstimates latency, LearningRules rules, LearningStore after, FeatureFlags flags, Experiments experiments, MeterRegistry meters) {
    Outcomes outcomes = new Outcomes(quality, latency, rules, flags.everywhere(Trials.LEARNING), experiments::settled);
    FunctionCounter.builder("dromedary.outcomes.passed.over", outcomes, Outcomes::passedOver).description("Settled requests that nothing was learned from, because too many came at once").register(meters);
    return outcomes;
  }

  /** Its comments are found by the rows of requests: it is erased before them. */
  @Bean
  @Order(5)
  Feedback feedback(Store store, QualityEstimates quality, DromedarySettings settings, Clock clock) {
    return new Feedback(store.dataSource(), quality, settings.interactionLog().retention(), clock);
  }

  @Bean
  Learning learning(QualityEstimates quality, LatencyEstimates latency, LearningStore store, Outcomes outcomes, LearningRules rules, Reloadable<ModelCatalog> catalogue, FeatureFlags flags) {
    return new Learning(quality, latency, store, outcomes, rules, catalogue, flags.everywhere(Trials.LEARNING));
  }

  @Bean
  Explorer explorer(QualityEstimates quality, LearningRules rules, FeatureFlags flags, ProviderAccounts accounts) {
    return new Explorer(quality, rules, flags.everywhere(Trials.LEARNING), flags.forProject(Trials.EXPLORATION), accounts::available);
  }

  @Bean
  TrainingData trainingData(Store store) {
    return new TrainingData(store.dataSource());
  }
}
