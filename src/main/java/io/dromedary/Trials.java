package io.dromedary;

import io.dromedary.catalog.ConfigError;
import io.dromedary.catalog.Reloadable;
import io.dromedary.domain.TopicPolicy;
import io.dromedary.experiment.Experiments;
import io.dromedary.experiment.FeatureFlags;
import io.dromedary.experiment.FeatureFlags.Known;
import io.dromedary.spend.Store;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Feature flags and experiments. */
@Configuration(proxyBeanMethods = false)
class Trials {
  private static final String EXPERIMENTS = "config/experiments.yaml";
  static final String SCORER = "scorer";
  static final String COST_EVENTS = "cost-events";
  static final String LEARNING = "learning";
  static final String EXPLORATION = "exploration";
  static final String SEMANTIC_CACHE = "semantic-cache";
  static final String SHADOWS = "shadows";
  static final String TRIALS = "experiments";

  @Bean
  FeatureFlags featureFlags(Store store, FeatureSettings settings, Reloadable<TopicPolicy> topics, Clock clock) {
    List<Known> flags = List.of(
        new Known(SCORER, true, 100, true, "the scorer of config/routing.yaml, per project; off: keywords score"),
        new Known(COST_EVENTS, true, 100, true, "cost events to the sinks, per project; the ledger is written in any case"),
        new Known(LEARNING, true, 100, false, "ranking by what was learned of quality and latency; off: by the catalogue's figures, and nothing is learned from outcomes"),
        new Known(EXPLORATION, false, 100, true, "a bounded share of a project's requests to auto tries another model than the best"),
        new Known(SEMANTIC_CACHE, true, 100, true, "answers to like questions from the semantic cache, where dromedary.cache.semantic.enabled has made one"),
        new Known(SHADOWS, true, 100, true, "whether a project's requests are shadowed, where config/routing.yaml says so"),
        new Known(TRIALS, true, 100, true, "whether a project's requests take part in running experiments"));
    return StartFailures.told(() -> new FeatureFlags(store.dataSource(), configured(flags, settings), () -> topics.get().names(), clock));
  }

  private static List<Known> configured(List<Known> flags, FeatureSettings settings) {
    Map<String, FeatureSettings.Flag> left = new TreeMap<>(settings.flags());
    List<Known> configured = new ArrayList<>();
    for (Known flag : flags) {
      FeatureSettings.Flag said = left.remove(flag.name());
      boolean enabled = said == null || said.enabled() == null ? flag.enabled() : said.enabled();
      int percentage = said == null || said.percentage() == null ? flag.percentage() : said.percentage();
      if (percentage < 0 || percentage > 100 || percentage != 100 && !flag.shared()) {
        throw new ConfigError("config/application.yaml: dromedary.features.flags." + flag.name() + ".percentage = " + percentage + ": must be " + (flag.shared() ? "from 0 to 100" : "100: it is on or off for all"));
      }
      configured.add(new Known(flag.name(), enabled, percentage, flag.shared(), flag.what()));
    }
    if (!left.isEmpty()) {
      throw new ConfigError("config/application.yaml: dromedary.features.flags." + left.keySet().iterator().next() + ": unknown flag; allowed are " + String.join(", ", flags.stream().map(Known::name).toList()));
    }
    return configured;
  }

  @Bean
  Reloadable<Experiments.Plan> experimentPlan(ConfigSettings config) {
    return new Reloadable<>(EXPERIMENTS, config.file("experiments.yaml"), bytes -> Experiments.Plan.read(bytes, EXPERIMENTS, Rankings.SCORERS));
  }

  @Bean
  Experiments experiments(Reloadable<Experiments.Plan> plan, FeatureFlags flags, Store store, Clock clock) {
    return new Experiments(plan, flags, flags.forProject(TRIALS), store.dataSource(), clock);
  }
}
