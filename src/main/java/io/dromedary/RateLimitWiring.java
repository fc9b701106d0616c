package io.dromedary;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.dromedary.access.CallerRegistry;
import io.dromedary.access.Project;
import io.dromedary.catalog.ConfigError;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Reloadable;
import io.dromedary.chat.Caller;
import io.dromedary.limit.LimitRules;
import io.dromedary.limit.LimitSource;
import io.dromedary.limit.RateLimits;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.Order;

/** Rate limits: whose windows they are, where they are counted, how they are shown. */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties({RateLimitSettings.class, AccountWindows.class})
class RateLimitWiring {
  /** The share of its limits, above 0 to 1, that a caller may use now: a bean of this type slows callers down as their credit runs low. */
  interface Pace {
    double of(Caller caller);
  }

  @Bean(destroyMethod = "close")
  RateLimits rateLimits(CallerRegistry callers, Reloadable<ModelCatalog> catalog, RateLimitSettings settings, AccountWindows windows, ObjectProvider<Pace> pace, ObjectProvider<Redis> redis, MeterRegistry meters) {
    Predicate<String> known = model -> catalog.get().find(model).isPresent();
    check(callers.projects(), known);
    Map<String, LimitRules> accounts = windows.rules(known);
    Pace slower = pace.getIfAvailable(() -> caller -> 1);
    RateLimits.Observer observer = new Meters(meters);
    Redis shared = redis.getIfAvailable();
    RateLimits limits = shared == null ? RateLimits.inProcess(source(callers), accounts, known, slower::of, settings.outputEstimate(), observer)
        : RateLimits.shared(source(callers), accounts, shared::call, settings.nodes(), known, slower::of, settings.outputEstimate(), observer);
    Gauge.builder("dromedary.limit.on.own.share", limits, each -> each.counted().equals("share") ? 1 : 0).description("1 while this node counts limits for itself because Redis is away").register(meters);
    return limits;
  }

  private record Meters(MeterRegistry registry) implements RateLimits.Observer {
    @Override
    public void refused(String scope, String gauge) {
      registry.counter("dromedary.limit.refused", "for", scope, "window", gauge).increment();
    }

    @Override
    public void own() {
      registry.counter("dromedary.limit.own.share").increment();
    }
  }

  /** The whole of it is checked at the start, so that a mistake in a limit stops it (M4). @throws ConfigError with all mistakes */
  static void check(List<Project> projects, Predicate<String> knownModel) {
    List<String> faults = new ArrayList<>();
    for (Project project : projects) {
      try {
        LimitRules.ofProject("config/callers.yaml: projects[" + project.id() + "].limits", project.limits(), knownModel);
      } catch (IllegalArgumentException e) {
        faults.add(e.getMessage());
      }
    }
    if (!faults.isEmpty()) {
      throw new ConfigError(String.join("; ", faults));
    }
  }

  private static LimitSource source(CallerRegistry callers) {
    return new LimitSource() {
      @Override
      public long version() {
        return callers.version();
      }

      @Override
      public JsonNode project(Caller caller) {
        Project project = callers.project(caller.project());
        return project == null ? MissingNode.getInstance() : project.limits();
      }

      @Override
      public JsonNode key(Caller caller) {
        return MissingNode.getInstance();
      }
    };
  }

  @Bean
  @Order(1)
  LimitsSection rateLimitsSection(RateLimits limits) {
    return (page, caller) -> page.put("counted", limits.counted()).set("windows", limits.page(caller));
  }

  @Bean
  LimitsPage limitsPage(ObjectProvider<LimitsSection> sections) {
    return new LimitsPage(sections.orderedStream().toList());
  }
}
