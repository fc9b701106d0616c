package io.host;

import org.apache.camel.builder.RouteBuilder;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.annotation.Bean;

/** Somebody else's Camel application: its own error handler, its own beans, and Dromedary only on its class path. */
@SpringBootConfiguration
@EnableAutoConfiguration
class HostApplication {
  @Bean
  java.time.Clock hostClock() {
    return java.time.Clock.systemDefaultZone();
  }

  @Bean
  RouteBuilder hostRoutes() {
    return new RouteBuilder() {
      @Override
      public void configure() {
        errorHandler(deadLetterChannel("seda:host-dead-letters").maximumRedeliveries(2).redeliveryDelay(1));
        from("direct:summarise").routeId("chat").to("direct:chat").setHeader("host", constant("kept"));
        from("direct:broken").routeId("host-broken").throwException(new IllegalStateException("the host's own mistake"));
      }
    };
  }

  /** No error handler of its own: the context's default must be what it was. */
  @Bean
  RouteBuilder plainRoutes() {
    return new RouteBuilder() {
      @Override
      public void configure() {
        from("direct:plain").routeId("plain").setBody(constant("plain"));
      }
    };
  }
}
