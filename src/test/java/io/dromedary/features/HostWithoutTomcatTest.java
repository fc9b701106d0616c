package io.dromedary.features;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.apache.camel.CamelContext;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.builder.RouteBuilder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.autoconfigure.jms.artemis.ArtemisAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;

/** Another application that has Dromedary as a library and no servlets. What one with servlets, security and a database sees is proved by {@code src/it/claims-desk}. */
class HostWithoutTomcatTest {
  @SpringBootConfiguration
  @EnableAutoConfiguration(exclude = ArtemisAutoConfiguration.class)
  static class Host {
    @Bean
    RouteBuilder routes() {
      return new RouteBuilder() {
        @Override
        public void configure() {
          onException(Exception.class).handled(true).setBody(simple("ours: ${exception.message}"));
          from("direct:reply").routeId("reply").to("direct:chat");
        }
      };
    }
  }

  @Test
  void is_served_by_direct_chat_though_doors_that_it_asks_for_stay_shut(@TempDir Path state) {
    try (ConfigurableApplicationContext host = new SpringApplicationBuilder(Host.class).web(WebApplicationType.NONE)
        .run("--spring.config.location=optional:file:" + state + "/", "--dromedary.state-dir=" + state, "--dromedary.doors.enabled=true", "--dromedary.sandbox=true", "--dromedary.providers.ollama.base-url=http://127.0.0.1:9", "--logging.level.root=ERROR"); ProducerTemplate camel = host.getBean(CamelContext.class).createProducerTemplate()) {
      assertThat(camel.requestBody("direct:reply", "{\"model\":\"sandbox/echo\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}", String.class)).contains("\"choices\"");
      assertThat(camel.requestBody("direct:reply", "{", String.class)).as("by its own error handler").startsWith("ours: the body is not valid JSON");
      assertThat(host.getBean(CamelContext.class).getRoutes()).noneMatch(route -> route.getEndpoint().getEndpointUri().startsWith("dromedary-door"));
    } catch (java.io.IOException e) {
      throw new AssertionError(e);
    }
  }
}
