package io.dromedary;

import io.dromedary.limit.InFlight;
import io.dromedary.provider.CallWatch;
import io.dromedary.spend.Ledger;
import io.github.resilience4j.circuitbreaker.CircuitBreakerRegistry;
import io.github.resilience4j.micrometer.tagged.TaggedCircuitBreakerMetrics;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** The meters: a registry of our own unless the host application has one, and gauges over the parts that have a state. */
@Configuration(proxyBeanMethods = false)
class Observation {
  @Bean
  @ConditionalOnMissingBean(MeterRegistry.class)
  PrometheusMeterRegistry meterRegistry() {
    return new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  }

  @Bean(destroyMethod = "close")
  @ConditionalOnMissingBean(JvmGcMetrics.class)
  JvmGcMetrics jvmGcMetrics(MeterRegistry registry) {
    new JvmMemoryMetrics().bindTo(registry);
    new JvmThreadMetrics().bindTo(registry);
    new ProcessorMetrics().bindTo(registry);
    new FileDescriptorMetrics().bindTo(registry);
    JvmGcMetrics gc = new JvmGcMetrics();
    gc.bindTo(registry);
    return gc;
  }

  @Bean
  TaggedCircuitBreakerMetrics breakerMetrics(MeterRegistry registry, CircuitBreakerRegistry breakers) {
    TaggedCircuitBreakerMetrics metrics = TaggedCircuitBreakerMetrics.ofCircuitBreakerRegistry(breakers);
    metrics.bindTo(registry);
    return metrics;
  }

  @Bean
  Gauge requestsUnderWay(MeterRegistry registry, InFlight inFlight, CallWatch calls, Ledger ledger) {
    Gauge.builder("dromedary.streams.open", inFlight, InFlight::openStreams).description("Streams that have begun").register(registry);
    Gauge.builder("dromedary.requests.shed", inFlight, InFlight::rejected).description("Requests turned away since the start").register(registry);
    Gauge.builder("dromedary.provider.calls.running", calls, CallWatch::size).description("Provider calls under way").register(registry);
    Gauge.builder("dromedary.ledger.waiting", ledger, Ledger::waiting).description("Entries that wait for the ledger's writer").register(registry);
    Gauge.builder("dromedary.ledger.rejected", ledger, Ledger::rejected).description("Entries the store would not take").register(registry);
    return Gauge.builder("dromedary.requests.in.flight", inFlight, InFlight::underWay).description("Requests that wait for an answer").register(registry);
  }
}
