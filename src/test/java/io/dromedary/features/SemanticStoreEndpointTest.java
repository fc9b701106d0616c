package io.dromedary.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dromedary.camel.SemanticStoreEndpoint;
import io.github.resilience4j.circuitbreaker.CallNotPermittedException;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.impl.DefaultCamelContext;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Asking a route that keeps questions: what it says, and what becomes of one that fails or does not come to an end. */
@Tag("C5")
class SemanticStoreEndpointTest {
  private static final DefaultCamelContext CAMEL = new DefaultCamelContext();
  private static final CountDownLatch STUCK = new CountDownLatch(1);

  @BeforeAll
  static void start() throws Exception {
    CAMEL.addRoutes(new RouteBuilder() {
      @Override
      public void configure() {
        from("direct:says").setBody(exchange -> new ByteArrayInputStream("{\"entry\": \"x\"}".getBytes(StandardCharsets.UTF_8)));
        from("direct:fails").throwException(new IllegalStateException("no table"));
        from("direct:hangs").process(exchange -> STUCK.await(30, TimeUnit.SECONDS));
      }
    });
    CAMEL.start();
  }

  @AfterAll
  static void stop() throws Exception {
    STUCK.countDown();
    CAMEL.close();
  }

  private static SemanticStoreEndpoint store(String uri) {
    return new SemanticStoreEndpoint(CAMEL, uri, CircuitBreaker.of(uri, CircuitBreakerConfig.custom().slidingWindowSize(10).minimumNumberOfCalls(3).build()));
  }

  @Test
  void a_stream_is_read_to_its_end() {
    assertThat(store("direct:says").call(Map.of("operation", "look"), Duration.ofSeconds(10))).isEqualTo("{\"entry\": \"x\"}");
  }

  @Test
  void one_that_hangs_is_left_when_its_time_is_over_and_after_three_it_is_not_asked() {
    SemanticStoreEndpoint store = store("direct:hangs");
    for (int i = 0; i < 3; i++) {
      assertThatThrownBy(() -> store.call(Map.of("operation", "look"), Duration.ofMillis(20))).hasMessageContaining("did not answer within 20 ms");
    }
    assertThatThrownBy(() -> store.call(Map.of("operation", "look"), Duration.ofSeconds(20))).isInstanceOf(CallNotPermittedException.class);
  }

  @Test
  void one_that_fails_says_why() {
    assertThatThrownBy(() -> store("direct:fails").call(Map.of(), Duration.ofSeconds(10))).hasRootCauseMessage("no table");
  }
}
