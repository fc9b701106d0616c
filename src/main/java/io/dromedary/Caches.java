package io.dromedary;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.cache.AnswerCache;
import io.dromedary.cache.AnswerPurge;
import io.dromedary.cache.FurtherAnswers;
import io.dromedary.cache.RedisCalls;
import io.dromedary.cache.SharedAnswers;
import io.dromedary.chat.Json;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import io.github.resilience4j.circuitbreaker.CircuitBreakerRegistry;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisFuture;
import io.lettuce.core.api.async.RedisAsyncCommands;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.condition.ConditionalOnExpression;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.Order;

/** The caches beyond this node's memory of equal requests, and what all caches have in common. */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties(SharedCacheSettings.class)
class Caches {
  private record Calls(Redis redis, SharedCacheSettings settings, CircuitBreaker breaker) implements RedisCalls {
    @Override
    public <T> T call(Function<RedisAsyncCommands<String, byte[]>, RedisFuture<T>> command) {
      return redis.call(command, settings.timeout(), breaker);
    }
  }

  /** A breaker of its own: limits need not rest because an answer was too long to come in time. A command that Redis refuses (a key of another type, no memory) was answered quickly and counts as no failure. */
  @Bean(destroyMethod = "close")
  @ConditionalOnExpression("'${dromedary.redis.url:}' != '' && ${dromedary.cache.shared.enabled:true} && ${dromedary.cache.enabled:true}")
  SharedAnswers sharedAnswers(Redis redis, SharedCacheSettings settings, DromedarySettings all, AnswerCache memory, CircuitBreakerRegistry breakers, MeterRegistry meters, Clock clock) {
    CircuitBreakerConfig rests = CircuitBreakerConfig.custom()
        .slidingWindowSize(10).minimumNumberOfCalls(3).failureRateThreshold(50)
        .waitDurationInOpenState(settings.rest()).automaticTransitionFromOpenToHalfOpenEnabled(true).permittedNumberOfCallsInHalfOpenState(2)
        .ignoreExceptions(RedisCommandExecutionException.class)
        .writableStackTraceEnabled(false).build();
    SharedAnswers shared = new SharedAnswers(new Calls(redis, settings, breakers.circuitBreaker("redis-cache", rests)), memory, memory::purge, all.cache().ttl(), settings.maxAnswerBytes(), clock);
    count(meters, "hit", shared, SharedAnswers::hits);
    count(meters, "miss", shared, SharedAnswers::misses);
    count(meters, "away", shared, SharedAnswers::away);
    count(meters, "garbage", shared, SharedAnswers::garbage);
    FunctionCounter.builder("dromedary.cache.shared.dropped", shared, SharedAnswers::dropped).description("Answers that were not written to Redis: it was away, or too many waited").register(meters);
    return shared;
  }

  private static void count(MeterRegistry meters, String outcome, SharedAnswers shared, ToDoubleFunction<SharedAnswers> counted) {
    FunctionCounter.builder("dromedary.cache.shared", shared, counted).tag("outcome", outcome).description("Look-ups in Redis").register(meters);
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
  FurtherAnswers furtherAnswers(ObjectProvider<SharedAnswers> shared) {
    return new FurtherAnswers(shared.getIfAvailable());
  }

  @Bean
  AnswerPurge answerPurge(AnswerCache memory, ObjectProvider<SharedAnswers> shared) {
    List<AnswerPurge.Place> places = new ArrayList<>();
    shared.ifAvailable(redis -> places.add(new AnswerPurge.Place("shared", redis::purge)));
    return new AnswerPurge(memory, places);
  }
}
