package io.dromedary;

import io.dromedary.batch.BatchInbox;
import io.dromedary.batch.BatchLimits;
import io.dromedary.batch.BatchPages;
import io.dromedary.batch.BatchRunner;
import io.dromedary.batch.BatchStore;
import io.dromedary.batch.FilePages;
import io.dromedary.batch.Lots;
import io.dromedary.batch.RidePlanner;
import io.dromedary.batch.RideRules;
import io.dromedary.camel.BatchAsk;
import io.dromedary.camel.BundleNames;
import io.dromedary.catalog.Erasable;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Reloadable;
import io.dromedary.server.Readiness;
import io.dromedary.spend.Ledger;
import io.dromedary.spend.Store;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import org.apache.camel.CamelContext;
import org.apache.camel.builder.TemplatedRouteBuilder;
import org.apache.camel.spring.boot.CamelContextConfiguration;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Lazy;

/** Batches: files, the work on their lines, inbox and outbox. */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties({BatchSettings.class, ProviderBatchSettings.class})
class Batches {
  @Bean
  BatchLimits batchLimits(BatchSettings settings, DromedarySettings all) {
    return StartFailures.told(() -> settings.limits(all.limits().maxBodyBytes()));
  }

  @Bean
  BatchStore batchStore(Store store, Clock clock) {
    return new BatchStore(store.dataSource(), store.node(), clock);
  }

  @Bean
  FilePages filePages(BatchStore store, BatchLimits limits, Clock clock) {
    return new FilePages(store, limits, clock);
  }

  @Bean
  BatchPages batchPages(BatchStore store, BatchLimits limits, Lots lots, RideRules rules, Clock clock) {
    return new BatchPages(store, limits, rules.providers().isEmpty() ? null : lots, clock);
  }

  @Bean
  RideRules rideRules(ProviderBatchSettings settings) {
    return StartFailures.told(settings::rules);
  }

  @Bean
  Lots lots(BatchStore store, RideRules rules, Clock clock) {
    return new Lots(store, rules, clock);
  }

  @Bean
  RidePlanner ridePlanner(RideRules rules, Reloadable<ModelCatalog> catalogue) {
    return new RidePlanner(rules, catalogue::get);
  }

  @Bean(destroyMethod = "close")
  BatchRunner batchRunner(BatchStore store, BatchLimits limits, Lots lots, Ledger ledger, Clock clock, Readiness readiness, @Lazy CamelContext context, BundleNames names, MeterRegistry meters) {
    BatchAsk routes = new BatchAsk(context, names, ledger);
    BatchRunner runner = new BatchRunner(store, routes, limits, clock, readiness::isStopping, lots, routes);
    FunctionCounter.builder("dromedary.batch.lines", runner, BatchRunner::answered).tag("outcome", "answered").description("Lines of batches that have ended, by outcome").register(meters);
    FunctionCounter.builder("dromedary.batch.lines", runner, BatchRunner::failed).tag("outcome", "failed").description("Lines of batches that have ended, by outcome").register(meters);
    FunctionCounter.builder("dromedary.batch.retries", runner, BatchRunner::retries).description("Further tries of lines, after a limit or a failure").register(meters);
    Gauge.builder("dromedary.batch.lines.in.flight", runner, BatchRunner::linesInFlight).description("Lines that are being asked or wait to be asked again").register(meters);
    String rides = "dromedary.batch.rides";
    String described = "Lines that were taken along to providers' own batches, and what became of them";
    FunctionCounter.builder(rides, runner, BatchRunner::boarded).tag("outcome", "boarded").description(described).register(meters);
    FunctionCounter.builder(rides, runner, BatchRunner::delivered).tag("outcome", "answered").description(described).register(meters);
    FunctionCounter.builder(rides, runner, BatchRunner::walked).tag("outcome", "walked").description(described).register(meters);
    FunctionCounter.builder(rides, runner, BatchRunner::forfeited).tag("outcome", "forfeited").description(described).register(meters);
    Gauge.builder("dromedary.batch.running", runner, BatchRunner::running).description("Batches that this node works on").register(meters);
    return runner;
  }

  @Bean
  BatchInbox batchInbox(BatchStore store, BatchLimits limits, BatchSettings settings, Clock clock) {
    return new BatchInbox(store, limits, settings.inboxProject(), settings.inbox().isBlank() ? null : outbox(settings), clock);
  }

  /** Beside the inbox, if it is not said. */
  private static Path outbox(BatchSettings settings) {
    return settings.outbox().isBlank() ? Path.of(settings.inbox()).toAbsolutePath().normalize().resolveSibling("outbox") : Path.of(settings.outbox());
  }

  /** Watches the inbox, when there is one. */
  @Bean
  CamelContextConfiguration dromedaryInbox(BatchSettings settings, BundleNames names) {
    return new CamelContextConfiguration() {
      @Override
      public void beforeApplicationStart(CamelContext context) {
        // Its route is made of a template, which has to be there.
      }

      @Override
      public void afterApplicationStart(CamelContext context) {
        if (settings.inbox().isBlank()) {
          return;
        }
        try {
          TemplatedRouteBuilder.builder(context, names.id("take-batch-files")).routeId(names.id("batch-inbox")).parameter("inbox", Path.of(settings.inbox()).toAbsolutePath().normalize()).parameter("idle", settings.inboxIdle().toMillis())
              .parameter("patience", 2 * settings.inboxIdle().toMillis()).add();
        } catch (Exception e) {
          throw new IllegalStateException("the inbox cannot be watched; check dromedary.batches.inbox (DROMEDARY_INBOX)", e);
        }
      }
    };
  }

  /** Does not know whose a line is: a user's erasure takes the project's, or all. */
  @Bean
  Erasable erasableBatches(FilePages files) {
    return new Erasable() {
      @Override
      public String what() {
        return "files_and_batches";
      }

      @Override
      public int erase(@Nullable String project, @Nullable String user, @Nullable Instant before) {
        return files.erase(project, before);
      }
    };
  }
}
