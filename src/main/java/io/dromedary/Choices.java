package io.dromedary;

import io.dromedary.camel.AnswerCheck;
import io.dromedary.camel.JudgeAnswer;
import io.dromedary.cascade.AnswerTests;
import io.dromedary.cascade.CascadePolicy;
import io.dromedary.cascade.Cascades;
import io.dromedary.cascade.Judges;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Reloadable;
import io.dromedary.domain.TopicPolicy;
import io.dromedary.domain.Topics;
import java.nio.charset.StandardCharsets;
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
  Topics topics(Reloadable<TopicPolicy> topicPolicy) {
    return new Topics(topicPolicy);
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
}
