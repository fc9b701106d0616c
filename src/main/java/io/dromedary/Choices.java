package io.dromedary;

import io.dromedary.camel.AnswerCheck;
import io.dromedary.camel.JudgeAnswer;
import io.dromedary.cascade.AnswerTests;
import io.dromedary.cascade.CascadePolicy;
import io.dromedary.cascade.Cascades;
import io.dromedary.cascade.Judges;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Reloadable;
import io.dromedary.complexity.OnnxSettings;
import io.dromedary.domain.TopicPolicy;
import io.dromedary.domain.Topics;
import io.dromedary.experiment.FeatureFlags;
import io.dromedary.provider.local.MiniLm;
import io.dromedary.ranking.AnswerLengths;
import io.dromedary.ranking.Optimizer;
import io.dromedary.ranking.RoutingPolicy;
import io.dromedary.ranking.Suggestions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** What a request is about; cheap first, with tests and judges. */
@Configuration(proxyBeanMethods = false)
class Choices {
  static final String ROUTING = "config/routing.yaml";
  private static final Set<String> RESERVED = Set.of("cost", "quality", "speed", "balanced");

  @Bean
  Reloadable<TopicPolicy> topicPolicy(ConfigSettings config) {
    return new Reloadable<>(ROUTING, config.file("routing.yaml"), bytes -> TopicPolicy.read(bytes, ROUTING, RESERVED));
  }

  @Bean
  Reloadable<CascadePolicy> cascadePolicy(Reloadable<ModelCatalog> modelCatalog, ConfigSettings config) {
    return new Reloadable<>(ROUTING, config.file("routing.yaml"), bytes -> CascadePolicy.read(bytes, ROUTING, modelCatalog.draft(), path -> Files.readAllBytes(Path.of(path))));
  }

  @Bean
  Topics topics(Reloadable<TopicPolicy> topicPolicy, FeatureFlags flags) {
    return new Topics(topicPolicy, flags.forDomain());
  }

  @Bean
  Cascades cascades(Reloadable<CascadePolicy> cascadePolicy) {
    return new Cascades(cascadePolicy);
  }

  @Bean
  AnswerTests answerTests() {
    return new AnswerTests();
  }

  @Bean
  Judges judges() {
    return new Judges();
  }

  @Bean
  JudgeAnswer judgeAnswer() {
    return new JudgeAnswer();
  }

  @Bean
  AnswerCheck answerCheck(AnswerTests answerTests) {
    return new AnswerCheck(answerTests);
  }

  @Bean
  AnswerLengths answerLengths() {
    return new AnswerLengths();
  }

  @Bean
  Optimizer optimizer(Reloadable<RoutingPolicy> routingPolicy, AnswerLengths answerLengths) {
    return new Optimizer(routingPolicy, answerLengths);
  }

  @Bean
  Suggestions suggestions() {
    return new Suggestions();
  }

  /** The classifier of {@code routers.bert}, if there is one: loaded with the settings that name it. */
  @Bean
  Reloadable<OnnxSettings.Configured> bertScorer(ConfigSettings config, DromedarySettings settings) {
    Path nativeDir = Path.of(settings.stateDir(), "native");
    OnnxSettings.Files files = new OnnxSettings.Files() {
      @Override
      public byte[] read(String path) throws IOException {
        return Files.readAllBytes(Path.of(path));
      }

      @Override
      public void beforeLoading() {
        MiniLm.beforeLoading(nativeDir);
      }
    };
    return new Reloadable<>(ROUTING, config.file("routing.yaml"), bytes -> OnnxSettings.read(bytes, ROUTING, files));
  }
}
