package io.dromedary;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.dromedary.access.CallerRegistry;
import io.dromedary.access.PartRules;
import io.dromedary.access.Project;
import io.dromedary.access.ProjectKey;
import io.dromedary.budget.Budgets;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Reloadable;
import io.dromedary.chat.Caller;
import io.dromedary.limit.InFlight;
import io.dromedary.limit.LimitRules;
import io.dromedary.limit.LimitSource;
import io.dromedary.limit.RateLimits;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.Order;

/** Rate limits: whose windows they are, where they are counted, how they are shown. */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties({RateLimitSettings.class, AccountWindows.class})
class RateLimitWiring {
  /** The share of its limits, above 0 to 1, that a caller may use now. */
  interface Pace {
    double of(Caller caller);
  }

  /** Callers are slowed down as their credit runs low. */
  @Bean
  Pace creditPace(Budgets budgets) {
    return budgets::pace;
  }

  @Bean(destroyMethod = "close")
  RateLimits rateLimits(CallerRegistry callers, Reloadable<ModelCatalog> catalog, RateLimitSettings settings, AccountWindows windows, Pace pace, ObjectProvider<Redis> redis, MeterRegistry meters) {
    Predicate<String> known = known(catalog);
    Map<String, LimitRules> accounts = windows.rules(known);
    RateLimits.Observer observer = new Meters(meters);
    Redis shared = redis.getIfAvailable();
    RateLimits limits = shared == null ? RateLimits.inProcess(source(callers), accounts, known, pace::of, settings.outputEstimate(), observer)
        : RateLimits.shared(source(callers), accounts, shared::call, settings.nodes(), known, pace::of, settings.outputEstimate(), observer);
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

  /** Who has a key has its project's own limit, or the one for all. */
  @Bean
  InFlight inFlight(DromedarySettings settings, RateLimitSettings limits, CallerRegistry callers, MeterRegistry meters) {
    int perProject = settings.limits().inFlightPerProject();
    InFlight inFlight = new InFlight(settings.limits().inFlight(), settings.limits().openStreams(), caller -> caller.keyId().isEmpty() ? 0 : own(callers.project(caller.project()), perProject), limits.queue(), limits.queueWait(),
        caller -> isBatch(callers.project(caller.project())));
    Gauge.builder("dromedary.requests.queued", inFlight, InFlight::waiting).description("Requests that wait for a place in this node").register(meters);
    return inFlight;
  }

  private static int own(@Nullable Project project, int otherwise) {
    return project == null || project.limits().path("in-flight").isMissingNode() ? otherwise : project.inFlight();
  }

  private static boolean isBatch(@Nullable Project project) {
    return project != null && project.limits().path("priority").asText().equals("batch");
  }

  /** Checks {@code limits} wherever projects and keys are read: at the start, at a reload, from the admin (M4). */
  @Bean
  PartRules limitsPart(Reloadable<ModelCatalog> catalog) {
    return new PartRules() {
      @Override
      public String part() {
        return "limits";
      }

      @Override
      public void check(JsonNode part, boolean ofKey, BiConsumer<String, String> faults) {
        LimitRules.check(part, ofKey, known(catalog), faults);
      }
    };
  }

  private static Predicate<String> known(Reloadable<ModelCatalog> catalog) {
    return model -> catalog.get().find(model).isPresent();
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
        ProjectKey key = callers.key(caller.project(), caller.keyId());
        return key == null ? MissingNode.getInstance() : key.limits();
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
