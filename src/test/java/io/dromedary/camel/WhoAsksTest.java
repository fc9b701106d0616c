package io.dromedary.camel;

import static org.assertj.core.api.Assertions.assertThat;

import io.dromedary.access.CallerRegistry;
import io.dromedary.chat.Inbound;
import io.dromedary.limit.BodyBudget;
import java.util.Map;
import org.apache.camel.Exchange;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.support.DefaultExchange;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Whose a request of a route in this JVM is: what the route says by a property, else the settings, else a key; never what a header says. */
@Tag("X2")
class WhoAsksTest {
  private static Inbound taken(String setting, Map<String, String> headers, Map<String, String> properties) {
    Exchange exchange = new DefaultExchange(new DefaultCamelContext());
    exchange.getMessage().setBody("{}");
    headers.forEach(exchange.getMessage()::setHeader);
    properties.forEach(exchange::setProperty);
    new Ingress(null, new RequestIds(), 1_000, new BodyBudget(1, 1_000), setting).process(exchange);
    assertThat(exchange.getMessage().getHeaders()).isEmpty();
    return exchange.getMessage().getBody(Inbound.class);
  }

  @Test
  void the_route_says_it_by_a_property() {
    assertThat(taken("", Map.of(), Map.of(Ingress.PROJECT, "team-a/ci")).header(CallerRegistry.KNOWN_CALLER)).isEqualTo("team-a/ci");
    assertThat(taken("claims", Map.of(), Map.of(Ingress.PROJECT, "team-a")).header(CallerRegistry.KNOWN_CALLER)).as("before the settings").isEqualTo("team-a");
  }

  @Test
  void the_settings_say_it_for_routes_that_do_not() {
    Inbound in = taken("claims", Map.of("Authorization", "Bearer of-the-hosts-own"), Map.of());
    assertThat(in.header(CallerRegistry.KNOWN_CALLER)).isEqualTo("claims");
    assertThat(in.header("authorization")).as("not ours to read").isNull();
  }

  @Test
  void otherwise_a_key_says_it() {
    Inbound in = taken("", Map.of("Authorization", "Bearer dk-1"), Map.of());
    assertThat(in.header(CallerRegistry.KNOWN_CALLER)).isNull();
    assertThat(in.header("authorization")).isEqualTo("Bearer dk-1");
  }

  @Test
  void no_header_says_it() {
    for (String name : new String[] {CallerRegistry.KNOWN_CALLER, Ingress.PROJECT, "x-dromedary-:caller"}) {
      assertThat(taken("", Map.of(name, "team-a"), Map.of()).header(CallerRegistry.KNOWN_CALLER)).as(name).isNull();
      assertThat(taken("claims", Map.of(name, "team-a"), Map.of()).header(CallerRegistry.KNOWN_CALLER)).as(name).isEqualTo("claims");
    }
  }
}
