package io.dromedary;

import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import io.github.resilience4j.circuitbreaker.CircuitBreakerRegistry;
import io.lettuce.core.RedisNoScriptException;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import org.springframework.boot.autoconfigure.condition.ConditionalOnExpression;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Redis, when {@code dromedary.redis.url} names one: whoever can use it asks for an {@code ObjectProvider<Redis>}. */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties(RedisSettings.class)
class RedisWiring {
  @Bean(destroyMethod = "close")
  @ConditionalOnExpression("'${dromedary.redis.url:}' != ''")
  Redis redis(RedisSettings settings, CircuitBreakerRegistry breakers, MeterRegistry meters) {
    CircuitBreakerConfig rests = CircuitBreakerConfig.custom()
        .slidingWindowSize(10).minimumNumberOfCalls(3).failureRateThreshold(50)
        .waitDurationInOpenState(settings.rest()).automaticTransitionFromOpenToHalfOpenEnabled(true).permittedNumberOfCallsInHalfOpenState(2)
        .ignoreExceptions(RedisNoScriptException.class)
        .writableStackTraceEnabled(false).build();
    Redis redis = StartFailures.told(() -> new Redis(settings, breakers.circuitBreaker("redis", rests)));
    Gauge.builder("dromedary.redis.up", redis, each -> each.up() ? 1 : 0).description("1 while Redis answers").register(meters);
    return redis;
  }
}
