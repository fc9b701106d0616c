package io.dromedary;

import io.dromedary.access.CallerRegistry;
import io.dromedary.agent.Agents;
import io.dromedary.alert.AlertRules;
import io.dromedary.camel.RouteReload;
import io.dromedary.cascade.CascadePolicy;
import io.dromedary.catalog.ConfigPart;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Reloadable;
import io.dromedary.complexity.OnnxSettings;
import io.dromedary.domain.TopicPolicy;
import io.dromedary.experiment.Experiments;
import io.dromedary.ranking.RoutingPolicy;
import io.dromedary.reload.ConfigReload;
import io.dromedary.shadow.ShadowPolicy;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Configuration that changes while the gateway runs. */
@Configuration(proxyBeanMethods = false)
class Reloading {
  /** In the order of checking: the routing names models of the catalogue. */
  @Bean
  ConfigReload configReload(Reloadable<ModelCatalog> modelCatalog, Reloadable<RoutingPolicy> routingPolicy, Reloadable<TopicPolicy> topicPolicy, Reloadable<CascadePolicy> cascadePolicy, Reloadable<ShadowPolicy> shadowPolicy, Reloadable<OnnxSettings.Configured> bertScorer, Reloadable<Experiments.Plan> experimentPlan, CallerRegistry callers, Agents agents, Reloadable<AlertRules> alertRules, ConfigSettings config, Clock clock, MeterRegistry meters, ObjectProvider<RouteReload> routes) {
    List<ConfigPart> parts = new ArrayList<>(List.of(modelCatalog, new OneFile(List.of(routingPolicy, topicPolicy, cascadePolicy, shadowPolicy, bertScorer)), experimentPlan, callers, agents, alertRules));
    routes.ifAvailable(parts::add);
    ConfigReload reload = new ConfigReload(parts, config.watch(), clock);
    Gauge.builder("dromedary.config.generation", reload, ConfigReload::generation).description("How often the configuration in force has changed since the start, from 1").register(meters);
    FunctionCounter.builder("dromedary.config.reloads", reload, ConfigReload::reloads).tag("outcome", "ok").description("Configuration reloads").register(meters);
    FunctionCounter.builder("dromedary.config.reloads", reload, ConfigReload::refusals).tag("outcome", "refused").description("Configuration reloads").register(meters);
    for (String file : reload.versions().keySet()) {
      // a gauge holds a number: the first 48 bits of the file's hash, exact in a double
      Gauge.builder("dromedary.config.version", reload, now -> Long.parseLong(now.versions().getOrDefault(file, "0"), 16)).tag("file", file)
          .description("The version in force of a configuration file: its hash in GET /admin/config, as a number").register(meters);
    }
    return reload;
  }

  /** One file that several rooms read: checked by all of them, in force for all of them or for none. */
  private record OneFile(List<? extends ConfigPart> readers) implements ConfigPart {
    @Override
    public String file() {
      return readers.get(0).file();
    }

    @Override
    public byte[] read() throws IOException {
      return readers.get(0).read();
    }

    @Override
    public long stamp() {
      return readers.get(0).stamp();
    }

    @Override
    public Runnable check(byte[] bytes) {
      List<Runnable> swaps = new ArrayList<>(readers.size());
      readers.forEach(reader -> swaps.add(reader.check(bytes)));
      return () -> swaps.forEach(Runnable::run);
    }

    @Override
    public void checked() {
      readers.forEach(ConfigPart::checked);
    }
  }
}
