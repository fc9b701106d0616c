package io.dromedary;

import com.github.benmanes.caffeine.cache.Cache;
import io.dromedary.access.AdminToken;
import io.dromedary.access.CallerRegistry;
import io.dromedary.access.PartRules;
import io.dromedary.access.ProjectStore;
import io.dromedary.agent.Agents;
import io.dromedary.alert.Alerts;
import io.dromedary.cache.AnswerCache;
import io.dromedary.cache.AnswerPurge;
import io.dromedary.cache.AnswerRecall;
import io.dromedary.cache.CacheKey;
import io.dromedary.cache.CachePolicy;
import io.dromedary.cache.CachedAnswer;
import io.dromedary.cache.Coalescer;
import io.dromedary.cache.FurtherAnswers;
import io.dromedary.cache.SemanticAnswers;
import io.dromedary.cache.SharedAnswers;
import io.dromedary.camel.BundleNames;
import io.dromedary.camel.CacheLookUp;
import io.dromedary.camel.CostRelays;
import io.dromedary.camel.Egress;
import io.dromedary.camel.Ingress;
import io.dromedary.camel.PreparedCalls;
import io.dromedary.camel.RankedFailover;
import io.dromedary.camel.RecalledAnswer;
import io.dromedary.camel.RequestIds;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Reloadable;
import io.dromedary.catalog.Tariff;
import io.dromedary.client.Problems;
import io.dromedary.client.chatcompletions.ChatRequestReader;
import io.dromedary.client.chatcompletions.EmbeddingRequestReader;
import io.dromedary.client.chatcompletions.ErrorFormat;
import io.dromedary.client.chatcompletions.ModelList;
import io.dromedary.client.chatcompletions.Replies;
import io.dromedary.experiment.FeatureFlags;
import io.dromedary.insight.RequestMetrics;
import io.dromedary.limit.BodyBudget;
import io.dromedary.limit.InFlight;
import io.dromedary.provider.CallWatch;
import io.dromedary.provider.ProviderAccounts;
import io.dromedary.ranking.FailoverRules;
import io.dromedary.server.HttpEntry;
import io.dromedary.server.Readiness;
import io.dromedary.shadow.Shadows;
import io.dromedary.spend.Accountant;
import io.dromedary.spend.AttemptBook;
import io.dromedary.spend.Idempotency;
import io.dromedary.spend.IdempotentRequests;
import io.dromedary.spend.InteractionLog;
import io.dromedary.spend.Ledger;
import io.dromedary.spend.Outbox;
import io.dromedary.spend.Reports;
import io.dromedary.spend.Store;
import io.github.resilience4j.circuitbreaker.CircuitBreakerRegistry;
import io.micrometer.core.instrument.MeterRegistry;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import org.apache.camel.CamelContext;
import org.apache.camel.spring.boot.CamelContextConfiguration;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Conditional;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Scope;
import org.springframework.core.env.Environment;

/** Puts the rooms together: what routes call has its bean name here. Nothing here decides anything. */
@AutoConfiguration(afterName = {
    "org.springframework.boot.actuate.autoconfigure.metrics.CompositeMeterRegistryAutoConfiguration",
    "org.springframework.boot.actuate.autoconfigure.metrics.JvmMetricsAutoConfiguration",
})
@Conditional(HostedBeans.AtHome.class)
@ConditionalOnProperty(name = "dromedary.enabled", matchIfMissing = true)
@EnableConfigurationProperties({DromedarySettings.class, ConfigSettings.class, ProvisionedSettings.class, LearningSettings.class, FeatureSettings.class, EmbeddedSettings.class})
@Import({
    HostBundle.class,
    HttpDoor.class,
    EndpointWiring.class,
    ProviderWiring.class,
    Observation.class,
    Rankings.class,
    Choices.class,
    SafeStart.class,
    Spending.class,
    Reloading.class,
    RouteReloading.class,
    RedisWiring.class,
    Caches.class,
    SemanticStoreWiring.class,
    RateLimitWiring.class,
    ReportWiring.class,
    AlertWiring.class,
    Tenants.class,
    QueueWiring.class,
    JmsWiring.class,
    Trials.class,
    Learners.class,
    ShadowWiring.class,
    Batches.class,
})
public class DromedaryAutoConfiguration {
  @Bean
  @ConditionalOnMissingBean(Clock.class)
  Clock dromedaryClock() {
    return Clock.systemUTC();
  }

  @Bean
  BundleNames bundleNames(Environment environment, EmbeddedSettings embedded) {
    return new BundleNames(environment.getProperty(BundleLocation.HOSTED, Boolean.class, false) ? embedded.idPrefix() : "");
  }

  @Bean
  Readiness dromedaryReadiness() {
    Readiness readiness = new Readiness();
    readiness.expect("routes");
    return readiness;
  }

  @Bean
  CamelContextConfiguration dromedaryRoutesReady(Readiness readiness, CostRelays relays, Ledger ledger) {
    return new CamelContextConfiguration() {
      @Override
      public void beforeApplicationStart(CamelContext context) {
        // Readiness waits for what comes after.
      }

      @Override
      public void afterApplicationStart(CamelContext context) {
        try {
          relays.start(context);
        } catch (Exception e) {
          throw new IllegalStateException("a relay of cost events or alerts cannot be started; check dromedary.cost-sink (DROMEDARY_COST_SINK) and dromedary.alerts.sinks", e);
        }
        readiness.watch("ledger", ledger::available);
        readiness.ready("routes");
      }
    };
  }

  @Bean
  PreparedCalls dromedaryPreparedCalls() {
    return new PreparedCalls();
  }

  @Bean
  Drain dromedaryDrain(Readiness readiness, InFlight inFlight, Shadows shadows, CallWatch calls, DromedarySettings settings) {
    return new Drain(readiness, () -> inFlight.underWay() + inFlight.openStreams() + shadows.held(), shadows::close, calls, settings.timeouts().drain());
  }

  // Entries

  @Bean
  Ingress ingress(ObjectProvider<HttpEntry> http, BodyBudget bodies, DromedarySettings settings, EmbeddedSettings embedded) {
    return new Ingress(http.getIfAvailable(), new RequestIds(), settings.limits().maxBodyBytes(), bodies, embedded.project());
  }

  @Bean
  Egress egress() {
    return new Egress();
  }

  @Bean
  BodyBudget bodyBudget(DromedarySettings settings) {
    return new BodyBudget(settings.limits().bodiesBeingRead(), Runtime.getRuntime().maxMemory() / 4);
  }

  @Bean
  AdminToken adminToken(DromedarySettings settings) {
    return StartFailures.told(() -> AdminToken.load(Path.of(settings.stateDir()), System.getenv(AdminToken.ENVIRONMENT)));
  }

  @Bean
  CallerRegistry.Source callersFile(ConfigSettings config) {
    return config.file("callers.yaml");
  }

  @Bean
  CallerRegistry callerRegistry(CallerRegistry.Source file, AdminToken adminToken, Clock clock, ObjectProvider<PartRules> rules, ProjectStore projects) {
    return StartFailures.told(() -> new CallerRegistry("config/callers.yaml", file, adminToken.value(), clock, rules.orderedStream().toList(), projects));
  }

  @Bean
  ChatRequestReader chatRequestReader(DromedarySettings settings) {
    return new ChatRequestReader(settings.timeouts().request(), settings.limits().maxMessages(), settings.limits().maxN());
  }

  @Bean
  EmbeddingRequestReader embeddingRequestReader(DromedarySettings settings) {
    return new EmbeddingRequestReader(settings.timeouts().request());
  }

  @Bean
  Replies replies() {
    return new Replies();
  }

  @Bean
  ModelList modelList(Clock clock) {
    return new ModelList(clock);
  }

  @Bean
  Pages pages(Reloadable<ModelCatalog> catalog, ProviderAccounts accounts, ModelList models, Agents agents, AnswerCache cache, AnswerPurge purges, ObjectProvider<CachePage> further, MeterRegistry meters) {
    return new Pages(catalog, accounts, models, agents, cache, purges, further.orderedStream().toList(), meters);
  }

  // Caches

  @Bean
  Cache<String, CachedAnswer> answers(DromedarySettings settings) {
    return AnswerCache.store(settings.cache().maxBytes(), settings.cache().ttl());
  }

  @Bean
  AnswerCache answerCache(Cache<String, CachedAnswer> answers, Clock clock) {
    return new AnswerCache(answers, clock);
  }

  @Bean
  AnswerRecall answerRecall(AnswerCache cache, ObjectProvider<SharedAnswers> shared, ObjectProvider<SemanticAnswers> semantic, Clock clock, DromedarySettings settings) {
    return new AnswerRecall(cache, new CachePolicy(), new Coalescer(), clock, settings.cache().enabled(), settings.cache().ttl(), shared.getIfAvailable(), semantic.getIfAvailable());
  }

  @Bean
  CacheLookUp cacheLookUp() {
    return new CacheLookUp();
  }

  @Bean
  RecalledAnswer recalledAnswer(FurtherAnswers further) {
    return new RecalledAnswer(further.any());
  }

  // Models

  /** One per use: a load balancer keeps the children of the route it stands in. */
  @Bean
  @Scope("prototype")
  RankedFailover rankedFailover(FailoverRules rules) {
    return new RankedFailover(rules, Problems::chainExhausted);
  }

  // Money

  @Bean(destroyMethod = "close")
  Store store(DromedarySettings settings) {
    return StartFailures.told(() -> Store.open(Path.of(settings.stateDir()), settings.databaseUrl().isBlank() ? null : settings.databaseUrl()));
  }

  @Bean
  Outbox outbox(Store store, DromedarySettings settings, AlertSettings alerts, Clock clock) {
    return new Outbox(store, List.copyOf(sinks(settings).keySet()), List.copyOf(alerts.uris().keySet()), clock);
  }

  @Bean
  CostRelays costRelays(Outbox outbox, DromedarySettings settings, AlertSettings alerts, BundleNames names) {
    return new CostRelays(outbox, sinks(settings), alerts.uris(), names);
  }

  private static Map<String, String> sinks(DromedarySettings settings) {
    return CostRelays.named(CostRelays.split(settings.costSink()));
  }

  @Bean(destroyMethod = "close")
  Ledger ledger(Store store, Outbox outbox, FeatureFlags flags, Clock clock) {
    return new Ledger(store, outbox, flags.forProject(Trials.COST_EVENTS), clock);
  }

  /** After the ledger, whose start frees the keys of requests that were killed. */
  @Bean
  Idempotency idempotency(Store store, Ledger ledger, Clock clock) {
    return new Idempotency(store, ledger, clock);
  }

  @Bean
  IdempotentRequests idempotentRequests(Idempotency idempotency, Clock clock) {
    return new IdempotentRequests(idempotency, clock, Problems::of, new ErrorFormat()::openAi);
  }

  @Bean
  InteractionLog interactionLog(Store store, DromedarySettings settings, Erasure erasure, Clock clock) {
    return new InteractionLog(store, settings.interactionLog().retention(), erasure::projectsWithRetention, clock);
  }

  @Bean
  Reports reports(Store store) {
    return new Reports(store);
  }

  @Bean
  AttemptBook attemptBook(Ledger ledger, AttemptBook.Draws draws, Tariff tariff) {
    return new AttemptBook(ledger, 4_096, draws, tariff);
  }

  @Bean
  Accountant accountant(Accountant.Baseline baseline, DromedarySettings settings) {
    return new Accountant(baseline, settings.interactionLog().text(), request -> CacheKey.of("", request));
  }

  @Bean
  RequestMetrics requestMetrics(MeterRegistry registry, Alerts alerts) {
    return new RequestMetrics(registry, alerts::count);
  }
}
