package io.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.dromedary.cache.SharedMeanings;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.ScheduledExecutorService;
import java.util.stream.Stream;
import org.apache.camel.CamelContext;
import org.apache.camel.ConsumerTemplate;
import org.apache.camel.Exchange;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.Route;
import org.apache.camel.model.ModelCamelContext;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;

/** Dromedary dropped into an application that is not ours: it brings direct:chat and leaves the rest as it was. */
class DroppedInTest {
  @TempDir static Path state;
  private static ConfigurableApplicationContext host;
  private static CamelContext camel;

  @BeforeAll
  static void start() {
    host = start("dromedary.state-dir=" + state);
    camel = host.getBean(CamelContext.class);
  }

  private static ConfigurableApplicationContext start(String... properties) {
    return new SpringApplicationBuilder(HostApplication.class).web(WebApplicationType.NONE).registerShutdownHook(false)
        .run(Stream.concat(Stream.of("dromedary.sandbox=true", "dromedary.providers.ollama.base-url=http://127.0.0.1:9", "spring.config.location=optional:classpath:/none/", "camel.main.name=the-host"), Stream.of(properties))
            .map(property -> "--" + property).toArray(String[]::new));
  }

  @AfterAll
  static void stop() {
    host.close();
  }

  @Test
  void a_route_of_the_hosts_asks_direct_chat() throws Exception {
    try (ProducerTemplate template = camel.createProducerTemplate()) {
      Exchange answer = template.request("direct:summarise", exchange -> exchange.getMessage().setBody("{\"model\":\"sandbox\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}"));
      assertThat(answer.getException()).isNull();
      assertThat(answer.getMessage().getBody(String.class)).contains("chat.completion", "You said: Hello");
      assertThat(answer.getMessage().getHeader("host")).isEqualTo("kept");
    }
  }

  @Test
  void what_direct_chat_refuses_reaches_the_hosts_own_error_handler() throws Exception {
    try (ProducerTemplate template = camel.createProducerTemplate(); ConsumerTemplate dead = camel.createConsumerTemplate()) {
      template.send("direct:summarise", exchange -> exchange.getMessage().setBody("{\"model\":\"no-such-model\",\"messages\":[]}"));
      Exchange letter = dead.receive("seda:host-dead-letters", 5_000);
      assertThat(letter).isNotNull();
      assertThat(letter.getProperty(Exchange.EXCEPTION_CAUGHT, Exception.class)).hasMessageContaining("messages");
      template.sendBody("direct:broken", "x");
      letter = dead.receive("seda:host-dead-letters", 5_000);
      assertThat(letter).as("its own routes go by it as before").isNotNull();
      assertThat(letter.getProperty(Exchange.EXCEPTION_CAUGHT, Exception.class)).hasMessage("the host's own mistake");
    }
  }

  @Test
  void the_hosts_settings_ids_and_beans_are_its_own() {
    assertThat(camel.getName()).isEqualTo("the-host");
    assertThat(camel.isStreamCaching()).as("Camel's own default").isTrue();
    assertThat(host.getEnvironment().getProperty("spring.application.name")).isNull();
    assertThat(host.getEnvironment().getProperty("logging.config")).isNull();
    assertThat(host.getEnvironment().getProperty("camel.main.routes-include-pattern")).isNull();
    assertThat(host.getBeansOfType(Clock.class)).containsOnlyKeys("hostClock");
    assertThat(host.getBeansOfType(ScheduledExecutorService.class)).isEmpty();
    assertThat(camel.getRoute("chat").getEndpoint().getEndpointUri()).as("its own route of that id").isEqualTo("direct://summarise");
    assertThat(camel.getRoutes()).filteredOn(route -> !route.getRouteId().startsWith("dromedary-") && !route.isCreatedByKamelet()).extracting(Route::getRouteId).containsExactlyInAnyOrder("chat", "host-broken", "plain");
    ModelCamelContext model = host.getBean(ModelCamelContext.class);
    assertThat(model.getRouteConfigurationDefinitions()).as("nothing is said for all routes of the context").allSatisfy(configuration -> assertThat(configuration.getId()).startsWith("dromedary-"));
    assertThat(model.getRouteDefinition("plain").getAppliedRouteConfigurationIds()).isNullOrEmpty();
  }

  /** The store's route is the bundle's too: its errors are told to the gateway and not to the host's error handler. */
  @Test
  void like_questions_are_kept_in_the_store_that_nodes_share() throws Exception {
    try (EmbeddedPostgres postgres = EmbeddedPostgres.builder().start();
        ConfigurableApplicationContext sharing = start("dromedary.state-dir=" + state.resolve("sharing"), "dromedary.cache.semantic.enabled=true", "dromedary.cache.semantic.look-up=5s", "dromedary.cache.semantic.store-timeout=5s",
            "dromedary.cache.semantic.store=direct:semantic-store-postgres", "dromedary.cache.semantic.store-url=postgres://postgres:postgres@127.0.0.1:" + postgres.getPort() + "/postgres");
        ProducerTemplate template = sharing.getBean(CamelContext.class).createProducerTemplate()) {
      assertThat(sharing.getBean(CamelContext.class).getRoutes()).filteredOn(route -> !route.getRouteId().startsWith("dromedary-") && !route.isCreatedByKamelet()).extracting(Route::getRouteId)
          .containsExactlyInAnyOrder("chat", "host-broken", "plain");
      SharedMeanings store = sharing.getBean(SharedMeanings.class);
      await().atMost(Duration.ofSeconds(60)).until(() -> store.stats().up());
      template.requestBody("direct:summarise", "{\"model\":\"sandbox/echo\",\"messages\":[{\"role\":\"user\",\"content\":\"How do I reset my password?\"}]}");
      await().atMost(Duration.ofSeconds(60)).until(() -> store.stats().written() == 1);
      String answer = template.requestBody("direct:summarise", "{\"model\":\"sandbox/echo\",\"messages\":[{\"role\":\"user\",\"content\":\"How can I reset my password?\"}]}", String.class);
      assertThat(answer).contains("You said: How do I reset my password?");
    }
  }

  @Test
  void files_of_routes_that_others_call_cannot_be_left_out() {
    assertThatThrownBy(() -> start("dromedary.state-dir=" + state.resolve("second"), "dromedary.embedded.without=account")).hasStackTraceContaining("dromedary.embedded.without leaves out the file with the route direct:account");
    assertThatThrownBy(() -> start("dromedary.state-dir=" + state.resolve("third"), "dromedary.embedded.without=batchez")).hasStackTraceContaining("dromedary.embedded.without names `batchez`, which is no file of routes; there are: account, admit");
  }

  @Test
  void it_can_be_switched_off() {
    try (ConfigurableApplicationContext without = start("dromedary.enabled=false", "spring.main.allow-bean-definition-overriding=false")) {
      assertThat(without.getBean(CamelContext.class).getRoutes()).extracting(Route::getRouteId).containsExactlyInAnyOrder("chat", "host-broken", "plain");
    }
  }
}
