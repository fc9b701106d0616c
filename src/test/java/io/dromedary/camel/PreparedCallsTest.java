package io.dromedary.camel;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.Processor;
import org.apache.camel.builder.ExchangeBuilder;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.processor.SendProcessor;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A step says the same whether Camel reads it for each message or we once. */
class PreparedCallsTest {
  /** What steps call. */
  public static final class Desk {
    public String two(@Nullable String first, @Nullable Integer second) {
      return first + "/" + second;
    }

    public @Nullable String nothing() {
      return null;
    }

    public void look(Object body) {}

    public String fail(String why) {
      throw new IllegalStateException(why);
    }

    public boolean given(boolean really) {
      return really;
    }

    public String told(@Nullable Exception failure) {
      return failure == null ? "none" : failure.getMessage();
    }

    public String either(String text) {
      return "text";
    }

    public String either(Integer number) {
      return "number";
    }
  }

  private static Exchange send(boolean prepared, String call, @Nullable String receive) throws Exception {
    try (CamelContext context = new DefaultCamelContext()) {
      if (prepared) {
        context.getCamelContextExtension().addInterceptStrategy(new PreparedCalls());
      }
      context.getRegistry().bind("desk", new Desk());
      context.addRoutes(new RouteBuilder() {
        @Override
        public void configure() {
          var route = from("direct:in").setVariable("word", constant("camel")).setVariable("number", constant("7")).setVariable("yes", constant(true)).setVariable("result", constant("old"));
          if (receive == null) {
            route.bean("desk", call);
          } else {
            route.toV("bean:desk?method=RAW(" + call + ")", null, receive);
          }
        }
      });
      context.start();
      return context.createProducerTemplate().send("direct:in", ExchangeBuilder.anExchange(context).withBody("body").withHeader("h", "1").build());
    }
  }

  private static List<Object> told(Exchange exchange) {
    return java.util.Arrays.asList(exchange.getException() == null ? "" : exchange.getException().getMessage(), String.valueOf(exchange.getMessage().getBody()), String.valueOf(exchange.getVariable("result")), exchange.getMessage().getHeader("h"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"two(${variable.word}, ${variable.number})", "two('a word', ${variable.nobody})", "two(${body},${variable.number})", "nothing()", "nothing", "fail(${variable.word})", "given(${variable.yes})", "told(${exception})",
      "either(${variable.word})", "two(${variable.word.length}, 3)", "look(${body})"})
  void it_is_what_camel_says(String call) throws Exception {
    for (String receive : new String[] {null, "result"}) {
      assertThat(told(send(true, call, receive))).as("%s to %s", call, receive).isEqualTo(told(send(false, call, receive)));
    }
  }

  @Test
  void only_what_is_certain_and_only_our_own_beans_are_prepared() throws Exception {
    try (CamelContext context = new DefaultCamelContext()) {
      PreparedCalls calls = new PreparedCalls();
      context.getRegistry().bind("desk", new Desk());
      context.getRegistry().bind("theirs", new StringBuilder());
      for (String certain : new String[] {"two(${variable.word}, ${body})", "nothing", "told(${exception})", "two('x', ${variable.n})"}) {
        assertThat(wrapped(calls, context, "desk", certain)).as(certain).isInstanceOf(PreparedCall.class);
      }
      for (String other : new String[] {"either(${variable.word})", "two(${variable.word.name}, ${body})", "two(${header.h}, ${body})", "two(1, 2)", "two(${body})", "missing()"}) {
        assertThat(wrapped(calls, context, "desk", other)).as(other).isInstanceOf(SendProcessor.class);
      }
      assertThat(wrapped(calls, context, "theirs", "append(${body})")).isInstanceOf(SendProcessor.class);
    }
  }

  private static Processor wrapped(PreparedCalls calls, CamelContext context, String bean, String call) {
    SendProcessor step = new SendProcessor(context.getEndpoint("bean:" + bean + "?method=RAW(" + call + ")"));
    return calls.wrapProcessorInInterceptors(context, new org.apache.camel.model.ToDefinition(), step, null);
  }
}
