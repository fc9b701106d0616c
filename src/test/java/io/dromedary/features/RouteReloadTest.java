package io.dromedary.features;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.dromedary.camel.RouteReload;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Gateway.Answer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.camel.CamelContext;
import org.apache.camel.Route;
import org.apache.camel.builder.RouteBuilder;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Routes that change while the gateway runs: the next request takes the new way, those under way keep the old one, and a file that is wrong changes nothing. */
@Tag("F9")
class RouteReloadTest {
  private static final Path HOME = Path.of("routes");
  private static final String GREETER = """
      # A route of ours that is a model.
      - route:
          id: greeter
          description: Greets
          from:
            uri: direct:greeter
            steps:
              - setBody:
                  description: A greeting
                  expression:
                    constant:
                      expression: %s
      """;

  private static final String NEWCOMER = """
      - id: camel/newcomer
      %s  prices:
        - {in: 0, out: 0, source: ours, from: 2026-01-01}
        quality: 0.5
        latency_ms: 1
      """;
  private static final String POLITE = """
      # Asks Kamelets that are ours.
      - route:
          id: polite
          description: Is polite
          from:
            uri: direct:polite
            steps:
              - to:
                  description: Say it
                  uri: kamelet:polite-action
      """;
  private static final String KAMELET = """
      apiVersion: camel.apache.org/v1
      kind: Kamelet
      metadata:
        name: %s
        labels:
          camel.apache.org/kamelet.type: action
      spec:
        definition:
          title: Ours
          description: Ours
        template:
          from:
            uri: kamelet:source
            steps:
              - %s
      """;

  /** The directory that the gateway looks at is a link, as they are where directories are exchanged whole. */
  @TempDir static Path bundle;
  private static Path kamelets;
  private static Path routes;
  private static Path models;
  private static FakeProvider openai;
  private static Gateway gateway;

  @BeforeAll
  static void start() throws IOException {
    routes = Files.createDirectory(bundle.resolve("version-1"));
    link(routes);
    Path config = Files.createDirectory(bundle.resolve("config"));
    models = config.resolve("models.yaml");
    Files.writeString(models, Files.readString(Path.of("config/models.yaml")) + """
        - id: camel/greeter
          prices:
          - {in: 0, out: 0, source: ours, from: 2026-01-01}
          quality: 0.5
          latency_ms: 1
        - id: camel/polite
          prices:
          - {in: 0, out: 0, source: ours, from: 2026-01-01}
          quality: 0.5
          latency_ms: 1
        """);
    kamelets = Files.createDirectory(bundle.resolve("kamelets"));
    restore();
    openai = FakeProvider.speaking("openai", 0);
    gateway = Gateway.with("openai", openai).set("dromedary.cache.enabled", false).set("dromedary.config.dir", config).set("dromedary.bundle.routes", "file:" + bundle.resolve("routes") + "/./*.camel.yaml").set("camel.component.kamelet.location", "file:" + kamelets + ",classpath:kamelets").set("dromedary.config.watch-every-ms", 200).start();
  }

  private static void link(Path directory) throws IOException {
    Path link = Files.createSymbolicLink(bundle.resolve("next"), directory.getFileName());
    Files.move(link, bundle.resolve("routes"), StandardCopyOption.ATOMIC_MOVE);
  }

  @AfterAll
  static void stop() {
    gateway.close();
    openai.close();
  }

  @BeforeEach
  void as_it_was() throws IOException {
    restore();
    assertThat(reload().status()).isEqualTo(200);
  }

  private static void restore() throws IOException {
    kamelet("polite-action", "to: kamelet:manners-action");
    kamelet("manners-action", "setBody: {simple: Please}");
    write("polite.camel.yaml", POLITE);
    Set<String> ours = Set.of("greeter.camel.yaml", "polite.camel.yaml");
    try (Stream<Path> there = Files.list(routes); Stream<Path> home = Files.list(HOME)) {
      List<String> names = home.map(file -> file.getFileName().toString()).toList();
      for (Path file : there.toList()) {
        String name = file.getFileName().toString();
        if (!names.contains(name) && !ours.contains(name)) {
          Files.delete(file);
        }
      }
      for (String name : names) {
        write(name, Files.readString(HOME.resolve(name)));
      }
    }
    write("greeter.camel.yaml", GREETER.formatted("Good morning"));
  }

  /** Whole, as editors and deployments do it; left alone when it says that already. */
  private static void write(String file, String text) {
    write(routes, file, text);
  }

  private static void kamelet(String name, String step) {
    write(kamelets, name + ".kamelet.yaml", KAMELET.formatted(name, step));
  }

  private static void write(Path directory, String file, String text) {
    try {
      Path target = directory.resolve(file);
      if (Files.exists(target) && Files.readString(target).equals(text)) {
        return;
      }
      Path fresh = directory.resolve(file + ".new");
      Files.writeString(fresh, text, UTF_8);
      Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String home(String file) {
    try {
      return Files.readString(HOME.resolve(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Answer reload() {
    return gateway.post("/admin/reload", "", "Authorization", "Bearer " + gateway.adminToken());
  }

  private static Set<String> ids() {
    return gateway.bean(CamelContext.class).getRoutes().stream().filter(route -> !route.isCreatedByKamelet()).map(Route::getRouteId).collect(Collectors.toSet());
  }

  private static String replaced(String text, String old, String fresh) {
    assertThat(text).contains(old);
    return text.replace(old, fresh);
  }

  @Test
  void a_changed_route_is_the_way_of_the_next_request() {
    assertThat(gateway.chat("camel/greeter", "Hi").content()).isEqualTo("Good morning");
    write("greeter.camel.yaml", GREETER.formatted("Good evening"));
    Answer reloaded = reload();
    assertThat(reloaded.json().path("changed")).as(reloaded.text()).hasSize(1).first().extracting(file -> file.asText()).isEqualTo("routes");
    assertThat(gateway.chat("camel/greeter", "Hi").content()).isEqualTo("Good evening");
  }

  @Test
  void a_changed_file_comes_into_force_by_itself() {
    write("greeter.camel.yaml", GREETER.formatted("Good night"));
    await().atMost(Duration.ofSeconds(20)).until(() -> gateway.chat("camel/greeter", "Hi").content().equals("Good night"));
  }

  @Test
  void a_directory_that_is_exchanged_by_its_link_comes_into_force_by_itself_though_its_files_are_as_old_and_long() throws IOException {
    Path next = Files.createDirectory(bundle.resolve("version-2"));
    for (Path file : files(routes)) {
      Files.copy(file, next.resolve(file.getFileName()), StandardCopyOption.COPY_ATTRIBUTES);
    }
    Path greeter = next.resolve("greeter.camel.yaml");
    FileTime then = Files.getLastModifiedTime(greeter);
    Files.writeString(greeter, GREETER.formatted("Good dinners"));
    Files.setLastModifiedTime(greeter, then);
    try {
      link(next);
      await().atMost(Duration.ofSeconds(20)).until(() -> gateway.chat("camel/greeter", "Hi").content().equals("Good dinners"));
    } finally {
      link(routes);
    }
  }

  @Test
  void a_model_comes_with_its_route_and_neither_without_the_other() throws IOException {
    String before = Files.readString(models);
    try {
      for (String endpoint : List.of("", "  endpoint: direct:newcomer\n", "  endpoint: nosuchcomponent:x\n")) {
        Files.writeString(models, before + NEWCOMER.formatted(endpoint));
        Answer refused = reload();
        assertThat(refused.status()).as(refused.text()).isEqualTo(422);
        assertThat(refused.json().at("/error/message").asText()).contains("config/models.yaml: models[camel/newcomer].endpoint");
      }
      Files.writeString(models, before + NEWCOMER.formatted("  endpoint: direct:newcomer?block=false\n"));
      write("newcomer.camel.yaml", GREETER.replace("greeter", "newcomer").formatted("Here I am"));
      assertThat(reload().status()).isEqualTo(200);
      assertThat(gateway.chat("camel/newcomer", "Hi").content()).isEqualTo("Here I am");
      Files.delete(routes.resolve("newcomer.camel.yaml"));
      Answer refused = reload();
      assertThat(refused.status()).as(refused.text()).isEqualTo(422);
      assertThat(refused.text()).contains("no route begins there");
      assertThat(gateway.chat("camel/newcomer", "Hi").content()).isEqualTo("Here I am");
    } finally {
      Files.writeString(models, before);
      restore();
      assertThat(reload().status()).isEqualTo(200);
    }
  }

  @Test
  void routes_that_are_called_and_missing_stop_the_start_by_name() throws IOException {
    Path few = Files.createDirectory(bundle.resolve("few"));
    assertStop(few, "no route begins at direct:chat", "or take it away");
    for (Path file : files(HOME)) {
      if (!file.endsWith("account.camel.yaml")) {
        Files.copy(file, few.resolve(file.getFileName()));
      }
    }
    assertStop(few, "few/", ".camel.yaml:", ": no route begins at direct:account");
  }

  private static void assertStop(Path directory, String begins, String... told) {
    assertThatThrownBy(() -> Gateway.with("openai", openai).set("dromedary.bundle.routes", "file:" + directory + "/*.camel.yaml").set("camel.servlet.mapping.servlet-name", "few").set("camel.component.servlet.servlet-name", "few").start().close()).hasStackTraceContaining("ConfigError: " + begins).rootCause().message().contains(told);
  }

  private static List<Path> files(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.toList();
    }
  }

  @Test
  void a_changed_route_may_call_one_that_java_added() throws Exception {
    gateway.bean(CamelContext.class).addRoutes(new RouteBuilder() {
      @Override
      public void configure() {
        from("direct:of-java").setBody(constant("From Java"));
      }
    });
    write("greeter.camel.yaml", GREETER.formatted("Good morning") + "        - to:\n            description: Java has the word\n            uri: direct:of-java\n");
    assertThat(reload().json().path("changed")).hasSize(1);
    assertThat(gateway.chat("camel/greeter", "Hi").content()).isEqualTo("From Java");
  }

  @Test
  void a_changed_kamelet_is_used_by_all_that_used_the_old_one() {
    assertThat(gateway.chat("camel/polite", "Hi").content()).isEqualTo("Please");
    kamelet("manners-action", "setBody: {simple: Thank you}");
    assertThat(reload().json().path("changed")).hasSize(1);
    assertThat(gateway.chat("camel/polite", "Hi").content()).as("through another Kamelet").isEqualTo("Thank you");

    kamelet("manners-action", "setBdy: {simple: Oops}");
    Answer refused = reload();
    assertThat(refused.status()).isEqualTo(422);
    assertThat(refused.text()).contains("kamelets/manners-action.kamelet.yaml:15", "setBdy");
    assertThat(gateway.chat("camel/polite", "Hi").content()).isEqualTo("Thank you");
  }

  @Test
  void a_step_a_route_and_a_door_are_added_and_taken_away() throws IOException {
    write("greeter.camel.yaml", GREETER.formatted("Good morning").replace("steps:\n", "steps:\n        - to:\n            description: Remember it\n            uri: direct:remember\n"));
    assertThat(reload().status()).as("nobody is at direct:remember yet").isEqualTo(422);
    write("remember.camel.yaml", """
        # Where greetings are counted.
        - rest:
            id: remembered
            path: /v1
            get:
              - id: get-remembered
                path: /remembered
                to: direct:show-remembered
        - route:
            id: remember
            from:
              uri: direct:remember
              steps:
                - to:
                    description: Keep it
                    uri: log:greetings
        - route:
            id: show-remembered
            routeConfigurationId: door
            from:
              uri: direct:show-remembered
              steps:
                - process:
                    ref: ingress
                - bean:
                    ref: configReload
                    method: show
                - bean:
                    ref: replies
                    method: json(${body}, ${variable.requestId})
        """);
    Answer both = reload();
    assertThat(both.status()).as(both.text()).isEqualTo(200);
    assertThat(gateway.chat("camel/greeter", "Hi").content()).isEqualTo("Good morning");
    assertThat(gateway.get("/v1/remembered").text()).contains("generation");
    assertThat(ids()).anyMatch(id -> id.startsWith("remember~"));
    restore();
    assertThat(reload().status()).isEqualTo(200);
    await().atMost(Duration.ofSeconds(20)).until(() -> gateway.get("/v1/remembered").status() == 404);
    await().atMost(Duration.ofSeconds(20)).until(() -> ids().stream().noneMatch(id -> id.contains("remember")));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      greeter.camel.yaml | expression: Good | 'expression: [Good' | routes/greeter.camel.yaml:1 | not valid YAML
      greeter.camel.yaml | - setBody: | - setBdy: | routes/greeter.camel.yaml:8 | setBdy
      greeter.camel.yaml | constant: | konstant: | routes/greeter.camel.yaml:11 | konstant
      greeter.camel.yaml | id: greeter | id: chat | routes/greeter.camel.yaml:3 | the id `chat` is also in routes/chat.camel.yaml:3
      route-by-tier.camel.yaml | bean:candidateRanking | bean:nobody | routes/route-by-tier.camel.yaml:3 | nobody
      chat.camel.yaml | uri: direct:admit | uri: direct:admitted | routes/chat.camel.yaml | no route begins at direct:admitted
      house-rules.camel.yaml | id: door | id: doors | routes/house-rules.camel.yaml | restart
      doors.camel.yaml | path: /embeddings | path: /vectors | routes/doors.camel.yaml | restart
      """)
  void a_mistake_is_told_with_file_and_line_and_the_old_routes_serve_on(String file, String right, String wrong, String place, String told) {
    Set<String> before = ids();
    String text = file.equals("greeter.camel.yaml") ? GREETER.formatted("Good morning") : home(file);
    write(file, replaced(text, right, wrong));
    Answer refused = reload();
    assertThat(refused.status()).as(refused.text()).isEqualTo(422);
    assertThat(refused.json().at("/error/message").asText()).contains(place, told);
    assertThat(refused.json().at("/error/param").asText()).isEqualTo("routes");
    assertThat(gateway.chat("camel/greeter", "Hi").content()).isEqualTo("Good morning");
    assertThat(gateway.chat("openai/gpt-4o", "Hi").status()).isEqualTo(200);
    assertThat(before).as("nothing half-built is left").containsAll(ids());
  }

  @Test
  void reloads_of_the_routes_that_all_requests_take_disturb_none() throws Exception {
    int rounds = Integer.getInteger("dromedary.reloads", 24);
    List<String> busy = List.of("chat.camel.yaml", "ask-candidates.camel.yaml", "providers.camel.yaml", "route-by-tier.camel.yaml", "account.camel.yaml", "recall-answer.camel.yaml", "reply.camel.yaml", "identify-caller.camel.yaml");
    AtomicBoolean over = new AtomicBoolean();
    AtomicInteger asked = new AtomicInteger();
    Queue<String> failures = new ConcurrentLinkedQueue<>();
    List<Thread> load = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      int who = i;
      Thread thread = new Thread(() -> {
        while (!over.get()) {
          Answer answer = who == 2 ? gateway.post("/v1/chat/completions", Gateway.request("openai/gpt-4o", "Hi").put("stream", true)) : gateway.chat(who == 1 ? "camel/greeter" : who == 3 ? "camel/polite" : "auto", "What is the capital of France?");
          asked.incrementAndGet();
          if (answer.status() != 200 || who == 2 && !answer.text().contains("[DONE]")) {
            failures.add(answer.status() + " " + answer.text());
          }
        }
      });
      load.add(thread);
      thread.start();
    }
    try {
      for (int i = 0; i < rounds; i++) {
        if (i % 10 == 9) {
          write("greeter.camel.yaml", GREETER.formatted("Broken").replace("setBody", "setBoddy"));
          assertThat(reload().status()).isEqualTo(422);
          continue;
        }
        // first one busy route, then others: each is another version of itself
        for (String file : i % 3 == 0 ? busy : List.of(busy.get(i % busy.size()))) {
          write(file, home(file).replaceFirst("(?m)^    description: .*$", "    description: Version " + i));
        }
        write("greeter.camel.yaml", GREETER.formatted("Greeting " + i));
        if (i % 4 == 0) {
          kamelet("manners-action", "setBody: {simple: Manners " + i + "}");
        }
        Answer answer = reload();
        assertThat(answer.status()).as(answer.text()).isEqualTo(200);
        if (i % 5 == 0) {
          assertThat(gateway.chat("camel/greeter", "Hi").content()).as("seen at once").isEqualTo("Greeting " + i);
        }
      }
    } finally {
      over.set(true);
      for (Thread thread : load) {
        thread.join(30_000);
      }
    }
    assertThat(failures).isEmpty();
    assertThat(asked.get()).as("requests meanwhile").isGreaterThan(50);
    await().atMost(Duration.ofSeconds(30)).until(() -> gateway.bean(RouteReload.class).leaving() == 0);
    assertThat(gateway.bean(CamelContext.class).getRoutes()).as("and of each Kamelet").filteredOn(route -> route.getRouteId().startsWith("manners-action")).hasSize(1);
    assertThat(ids().stream().map(id -> id.replaceFirst("~.*", ""))).as("one version of each route is left").doesNotHaveDuplicates();
  }
}
