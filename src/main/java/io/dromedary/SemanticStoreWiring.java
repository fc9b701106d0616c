package io.dromedary;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.zaxxer.hikari.HikariDataSource;
import io.dromedary.cache.SharedMeanings;
import io.dromedary.camel.BundleNames;
import io.dromedary.camel.SemanticStoreEndpoint;
import io.dromedary.catalog.ConfigError;
import io.dromedary.chat.Json;
import io.dromedary.spend.Store;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import io.github.resilience4j.circuitbreaker.CircuitBreakerRegistry;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.time.Clock;
import java.util.Map;
import org.apache.camel.CamelContext;
import org.apache.camel.model.ModelCamelContext;
import org.apache.camel.spi.Resource;
import org.apache.camel.spring.boot.CamelContextConfiguration;
import org.apache.camel.support.PluginHelper;
import org.apache.camel.support.ResourceHelper;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.autoconfigure.condition.ConditionalOnExpression;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Lazy;
import org.springframework.core.annotation.Order;

/** The vector store that nodes share for like questions, while {@code dromedary.cache.semantic.store} names one. */
@Configuration(proxyBeanMethods = false)
@ConditionalOnExpression("${dromedary.cache.semantic.enabled:false} && ${dromedary.cache.enabled:true} && '${dromedary.cache.semantic.store:}' != ''")
class SemanticStoreWiring {
  private static final String KEY = "config/application.yaml: dromedary.cache.semantic.store";
  private static final String OURS = "direct:semantic-store-";
  private static final int CONNECTIONS = 4;

  @Bean(destroyMethod = "close")
  SemanticStoreEndpoint semanticStoreEndpoint(@Lazy CamelContext context, SemanticCacheSettings settings, CircuitBreakerRegistry breakers) {
    CircuitBreakerConfig rests = CircuitBreakerConfig.custom()
        .slidingWindowSize(10).minimumNumberOfCalls(3).failureRateThreshold(50)
        .waitDurationInOpenState(settings.storeRest()).automaticTransitionFromOpenToHalfOpenEnabled(true).permittedNumberOfCallsInHalfOpenState(2)
        .writableStackTraceEnabled(false).build();
    CircuitBreaker breaker = breakers.circuitBreaker("semantic-store", rests);
    return new SemanticStoreEndpoint(context, settings.store(), breaker);
  }

  @Bean(destroyMethod = "close")
  SharedMeanings sharedMeanings(SemanticStoreEndpoint endpoint, SemanticCacheSettings settings, DromedarySettings all, MeterRegistry meters, Clock clock) {
    SharedMeanings shared = new SharedMeanings(endpoint, new SharedMeanings.Settings(all.cache().ttl(), settings.storeTimeout(), settings.storeMaxAnswerBytes()), clock);
    Outcomes.count(meters, "dromedary.cache.semantic.store", "Look-ups in the shared semantic store, and entries there that were not what was asked for", shared,
        Map.of("hit", each -> each.stats().hits(), "miss", each -> each.stats().misses(), "away", each -> each.stats().away(), "garbage", each -> each.stats().garbage()));
    FunctionCounter.builder("dromedary.cache.semantic.store.dropped", shared, each -> each.stats().dropped()).description("Answers that were not written to the shared semantic store: it was away, or too many waited").register(meters);
    return shared;
  }

  @Bean
  @Order(3)
  CachePage sharedMeaningsPage(SharedMeanings shared) {
    return new CachePage() {
      @Override
      public String name() {
        return "semantic_store";
      }

      @Override
      public ObjectNode page() {
        SharedMeanings.Stats stats = shared.stats();
        return Json.object().put("up", stats.up()).put("hits", stats.hits()).put("misses", stats.misses()).put("away", stats.away()).put("garbage", stats.garbage()).put("written", stats.written()).put("dropped", stats.dropped());
      }
    };
  }

  /** The database of a store in PostgreSQL. Known to Camel's registry alone, by the name that the routes use: a host application's own database must not get a rival among Spring's beans. */
  record Database(@Nullable HikariDataSource pool) implements AutoCloseable {
    @Override
    public void close() {
      if (pool != null) {
        pool.close();
      }
    }
  }

  @Bean(destroyMethod = "close")
  Database semanticStoreConnections(SemanticCacheSettings settings, DromedarySettings all) {
    String url = settings.storeUrl().isBlank() ? all.databaseUrl() : settings.storeUrl();
    boolean postgres = url.startsWith("postgres") || url.startsWith("jdbc:postgresql:");
    return new Database(postgres ? Store.pool(url, "dromedary-semantic-store", CONNECTIONS, settings.storeTimeout()) : null);
  }

  /** Loads the route of a store that we know, gives it its database, and looks the endpoint up: one that is not there stops the start. */
  @Bean
  CamelContextConfiguration semanticStoreIsThere(SemanticCacheSettings settings, Database database, SharedMeanings shared, BundleNames names) {
    return new CamelContextConfiguration() {
      @Override
      public void beforeApplicationStart(CamelContext context) {
        try {
          if (database.pool() != null) {
            context.getRegistry().bind("semanticStoreDatabase", database.pool());
          }
          load(context, settings.store(), names.prefix());
          check((ModelCamelContext) context, settings.store());
        } catch (ConfigError e) {
          throw e;
        } catch (Exception e) {
          throw new ConfigError(KEY + " = " + settings.store() + " cannot be used: " + e.getMessage(), e);
        }
      }

      @Override
      public void afterApplicationStart(CamelContext context) {
        shared.start();
      }
    };
  }

  private static void load(CamelContext context, String store, String prefix) throws Exception {
    if (!store.startsWith(OURS)) {
      return;
    }
    String file = "config/stores/" + store.substring("direct:".length()) + ".camel.yaml";
    byte[] yaml;
    try {
      yaml = BundleFiles.read(file);
    } catch (FileNotFoundException theirOwn) {
      return;
    } catch (IOException e) {
      throw new ConfigError(KEY + " = " + store + ": " + file + " cannot be read: " + e.getMessage(), e);
    }
    Resource resource = ResourceHelper.fromBytes(file, prefix.isEmpty() ? yaml : hosted(yaml, prefix));
    PluginHelper.getRoutesLoader(context).loadRoutes(resource);
  }

  /** Under an id that the host does not have, and with errors let through as in the rest of the bundle, whatever the host does with its own. */
  private static byte[] hosted(byte[] yaml, String prefix) throws IOException {
    YAMLMapper mapper = new YAMLMapper();
    JsonNode file = mapper.readTree(yaml);
    for (JsonNode item : file) {
      if (item.path("route") instanceof ObjectNode route) {
        route.put("id", prefix + route.path("id").asText()).put("routeConfigurationId", prefix + "inner");
      }
    }
    return mapper.writeValueAsBytes(file);
  }

  private static void check(ModelCamelContext context, String store) {
    if (store.startsWith("direct:") && context.getRouteDefinitions().stream().noneMatch(route -> route.getInput().getEndpointUri().equals(store))) {
      throw new ConfigError(KEY + " = " + store + ": no route begins there; our own are " + OURS + "postgres, " + OURS + "pgvector and " + OURS + "qdrant");
    }
  }
}
