package io.dromedary;

import io.dromedary.catalog.Bill;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Reloadable;
import io.dromedary.domain.TopicPolicy;
import io.dromedary.experiment.FeatureFlags;
import io.dromedary.provider.local.MiniLm;
import io.dromedary.shadow.Agreement;
import io.dromedary.shadow.ShadowPolicy;
import io.dromedary.shadow.ShadowStore;
import io.dromedary.shadow.Shadows;
import io.dromedary.spend.Store;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.camel.CamelContext;
import org.apache.camel.spring.boot.CamelContextConfiguration;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.Order;

/** A second model, asked beside the one that answers. */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties(ShadowSettings.class)
class ShadowWiring {
  private static final String ROUTING = "config/routing.yaml";
  /** The wire tap's, so that shadows take no thread from others. */
  private static final String POOL = "dromedaryShadowCalls";
  private static final Duration VECTOR_TIME = Duration.ofSeconds(2);

  @Bean
  Reloadable<ShadowPolicy> shadowPolicy(Reloadable<ModelCatalog> modelCatalog, Reloadable<TopicPolicy> topicPolicy, ConfigSettings config) {
    return new Reloadable<>(ROUTING, config.file("routing.yaml"), bytes -> ShadowPolicy.read(bytes, ROUTING, modelCatalog.draft(), topicPolicy.draft().names()));
  }

  /** Found by the rows of requests, so erased before them. */
  @Bean
  @Order(6)
  ShadowStore shadowStore(Store store, DromedarySettings settings, Clock clock) {
    return new ShadowStore(store.dataSource(), settings.interactionLog().retention(), clock);
  }

  @Bean
  Shadows shadows(Reloadable<ShadowPolicy> shadowPolicy, FeatureFlags flags, ShadowStore shadowStore, ObjectProvider<MiniLm> miniLm, MeterRegistry meters, ShadowSettings settings) {
    Shadows.Comparison comparison = (measure, served, shadow) -> measure == ShadowPolicy.Measure.LEXICAL ? (Double) Agreement.lexical(served, shadow)
        : MiniLm.present() ? Agreement.cosine(miniLm.getObject().wholeVector(served, VECTOR_TIME), miniLm.getObject().wholeVector(shadow, VECTOR_TIME)) : null;
    Shadows shadows = new Shadows(shadowPolicy, flags.forProject(Trials.SHADOWS), shadowStore, comparison, new Meters(meters), settings.parallel() + settings.waiting());
    Gauge.builder("dromedary.shadows.held", shadows, Shadows::held).description("Shadow calls that wait or run").register(meters);
    return shadows;
  }

  private record Meters(MeterRegistry registry) implements Shadows.Observer {
    @Override
    public void ended(String model, String outcome, @Nullable Double agreement, @Nullable Bill bill) {
      Counter.builder("dromedary.shadows").description("Shadow calls by what became of them; dropped: too many at once").tags("gen_ai.response.model", model, "outcome", outcome).register(registry).increment();
      if (agreement != null) {
        DistributionSummary.builder("dromedary.shadow.agreement").description("How like the served answer a shadow's was, 0 to 1").tag("gen_ai.response.model", model).register(registry).record(agreement);
      }
      if (bill != null) {
        Counter.builder("dromedary.shadow.cost.usd").description("What shadow calls cost, US dollars").tag("gen_ai.response.model", model).register(registry).increment(bill.cost().nanos() / 1e9);
      }
    }
  }

  /** Not a bean: Spring would take it for the application's own executor. */
  @Bean
  CamelContextConfiguration shadowPool(ShadowSettings settings) {
    AtomicInteger count = new AtomicInteger();
    // what may wait is bounded where shadows are chosen; at a stop what comes too late is left
    ThreadPoolExecutor pool = new ThreadPoolExecutor(settings.parallel(), settings.parallel(), 10, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), task -> {
      Thread thread = new Thread(task, "dromedary-shadow-" + count.incrementAndGet());
      thread.setDaemon(true);
      return thread;
    }, new ThreadPoolExecutor.DiscardPolicy());
    pool.allowCoreThreadTimeOut(true);
    return new CamelContextConfiguration() {
      @Override
      public void beforeApplicationStart(CamelContext context) {
        context.getRegistry().bind(POOL, pool);
      }

      @Override
      public void afterApplicationStart(CamelContext context) {
        // Nothing is left to do.
      }
    };
  }
}
