package io.dromedary;

import io.dromedary.camel.BundleNames;
import io.dromedary.camel.EndpointModels;
import io.dromedary.camel.RouteReload;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Reloadable;
import io.dromedary.catalog.Tariff;
import io.dromedary.chat.ChatRequest;
import io.dromedary.complexity.ComplexityScorers;
import io.dromedary.complexity.LearnedScorer;
import io.dromedary.complexity.OnnxSettings;
import io.dromedary.experiment.FeatureFlags;
import io.dromedary.feedback.LatencyEstimates;
import io.dromedary.feedback.QualityEstimates;
import io.dromedary.provider.ProviderAccounts;
import io.dromedary.ranking.AnswerLengths;
import io.dromedary.provider.local.MiniLm;
import io.dromedary.ranking.CandidateRanking;
import io.dromedary.ranking.EmbeddingRanking;
import io.dromedary.ranking.ExpectedQuality;
import io.dromedary.ranking.FailoverRules;
import io.dromedary.ranking.ProviderStates;
import io.dromedary.ranking.RoutingPolicy;
import io.dromedary.spend.Accountant;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import org.apache.camel.CamelContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Lazy;

/** Sizing requests up, ranking models, failing over. */
@Configuration(proxyBeanMethods = false)
class Rankings {
  private static final Logger LOG = LoggerFactory.getLogger(Rankings.class);
  private static final String ROUTING = "config/routing.yaml";
  private static final String MODELS = "config/models.yaml";
  private static final String OWN_ROUTER = "config/learned-router.bin";
  /** A request does not wait longer for its sentence vector; it is scored by its words then. */
  private static final Duration MINILM_TIME = Duration.ofMillis(100);
  static final Set<String> SCORERS = Set.of("keywords", "learned", "length", "random");

  @Bean
  Reloadable<ModelCatalog> modelCatalog(ConfigSettings config) {
    return new Reloadable<>(MODELS, config.file("models.yaml"), bytes -> ModelCatalog.read(bytes, MODELS));
  }

  @Bean
  Reloadable<RoutingPolicy> routingPolicy(Reloadable<ModelCatalog> modelCatalog, ConfigSettings config) {
    return new Reloadable<>(ROUTING, config.file("routing.yaml"), bytes -> RoutingPolicy.read(bytes, ROUTING, modelCatalog.draft(), SCORERS));
  }

  /** A file that `train` made of your own outcomes goes before the one in the jar; with `minilm: true` sentence vectors are averaged in. */
  @Bean
  LearnedScorer learnedScorer(Reloadable<RoutingPolicy> routingPolicy, ObjectProvider<MiniLm> miniLm) throws IOException {
    Path own = Path.of(OWN_ROUTER);
    LearnedScorer learned = Files.isRegularFile(own) ? LearnedScorer.load(Files.newInputStream(own), OWN_ROUTER) : LearnedScorer.load();
    if (!learned.problem().isEmpty()) {
      LOG.warn("The learned scorer is out of order, keywords score in its place: {}", learned.problem());
    }
    return MiniLm.present() ? learned.with(text -> routingPolicy.get().minilm() ? miniLm.getObject().vector(text, MINILM_TIME) : null) : learned;
  }

  @Bean
  ComplexityScorers complexityScorers(Reloadable<RoutingPolicy> routingPolicy, LearnedScorer learned, Reloadable<OnnxSettings.Configured> bertScorer, FeatureFlags flags) {
    Predicate<String> asConfigured = flags.forProject(Trials.SCORER);
    return new ComplexityScorers(List.of(learned, OnnxSettings.Configured.scorer(bertScorer)), (String project) -> asConfigured.test(project) ? routingPolicy.get().scorer() : "keywords", complexity -> routingPolicy.get().tiered(complexity));
  }

  @Bean
  CandidateRanking candidateRanking(Reloadable<ModelCatalog> modelCatalog, Reloadable<RoutingPolicy> routingPolicy, ProviderAccounts accounts, LatencyEstimates latency, ExpectedQuality expectedQuality,
      AnswerLengths answerLengths, Tariff tariff) {
    return new CandidateRanking(modelCatalog, routingPolicy, new States(accounts), model -> latency.expected(model.id(), model.latencyMs()), expectedQuality, tariff, answerLengths);
  }

  /** What ranking and constraints take for the quality of a model's answer to a request. */
  @Bean
  ExpectedQuality expectedQuality(LearnedScorer trained, QualityEstimates learned) {
    return new TrainedQuality(trained).with(learned);
  }

  /** A provider embeds when there is a route {@code embeddings-<provider>}. */
  @Bean
  EmbeddingRanking embeddingRanking(Reloadable<ModelCatalog> modelCatalog, ProviderAccounts accounts, @Lazy CamelContext context, BundleNames names) {
    return new EmbeddingRanking(modelCatalog, new States(accounts), provider -> RouteReload.newest(context, names.id("embeddings-" + provider)) != null);
  }

  @Bean
  Accountant.Baseline savingsBaseline(CandidateRanking ranking) {
    return ranking::baseline;
  }

  @Bean
  FailoverRules failoverRules(ProviderAccounts accounts, EndpointModels endpoints, DromedarySettings settings) {
    return new FailoverRules(settings.failover().maxAttempts(), settings.failover().maxRetries(), settings.failover().longestWait(),
        account -> account.startsWith(EndpointModels.PREFIX) ? endpoints.available(account) : accounts.available(account));
  }

  private record States(ProviderAccounts accounts) implements ProviderStates {
    @Override
    public boolean active(String provider) {
      return accounts.active(provider);
    }

    @Override
    public boolean available(String provider) {
      return accounts.available(provider);
    }

    @Override
    public @Nullable String parameterNotTaken(ChatRequest request, Model model) {
      return accounts.parameterNotTaken(request, model);
    }
  }
}
