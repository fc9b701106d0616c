package io.dromedary.features;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.access.ApiKey;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Gateway.Answer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Configuration that changes while the gateway runs: what is right is seen by the next request, what is wrong changes nothing. */
@Tag("F9")
class ReloadTest {
  private static final ApiKey KEY = ApiKey.generate();
  private static final String BEARER = "Bearer " + KEY.key().value();
  private static final String FACT = "What is the capital of France?";
  private static final String GROQ = "groq/llama-3.3-70b-versatile";

  @TempDir static Path config;
  private static String models;
  private static String routing;
  private static String callers;
  private static FakeProvider openai;
  private static FakeProvider groq;
  private static Gateway gateway;

  @BeforeAll
  static void start() throws IOException {
    openai = FakeProvider.speaking("openai", 0);
    groq = FakeProvider.speaking("groq", 0);
    routing = Files.readString(Path.of("config/routing.yaml"));
    models = namedIn(routing, Files.readString(Path.of("config/models.yaml")));
    callers = "projects:\n- id: team-a\n  keys:\n  - {id: first, sha256: " + KEY.sha256() + "}\n";
    restore();
    gateway = Gateway.with("openai", openai).and("groq", groq).set("dromedary.cache.enabled", false).set("dromedary.config.dir", config).set("dromedary.config.watch-every-ms", 200).start();
  }

  /** The catalogue cut down to what the routing names, to be read quickly. */
  private static String namedIn(String routing, String catalogue) {
    String[] parts = catalogue.split("\n(?=- id: )");
    StringBuilder kept = new StringBuilder(parts[0]);
    for (int i = 1; i < parts.length; i++) {
      String id = parts[i].substring("- id: ".length(), parts[i].indexOf('\n'));
      if (routing.contains(id) || id.equals("sandbox/echo")) {
        kept.append('\n').append(parts[i]);
      }
    }
    return kept.append('\n').toString();
  }

  @AfterAll
  static void stop() {
    gateway.close();
    openai.close();
    groq.close();
  }

  @BeforeEach
  void as_it_was() throws IOException {
    restore();
    assertThat(reload().status()).isEqualTo(200);
  }

  private static void restore() throws IOException {
    write("models.yaml", models);
    write("routing.yaml", routing);
    write("callers.yaml", callers);
  }

  /** Whole, as editors and deployments do it. */
  private static void write(String file, String text) throws IOException {
    Path fresh = config.resolve(file + ".new");
    Files.writeString(fresh, text, UTF_8);
    Files.move(fresh, config.resolve(file), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  private static Answer reload() {
    return gateway.post("/admin/reload", "", "Authorization", "Bearer " + gateway.adminToken());
  }

  private static JsonNode page() {
    return gateway.get("/admin/config", "Authorization", "Bearer " + gateway.adminToken()).json();
  }

  private static JsonNode file(String name) {
    for (JsonNode file : page().path("files")) {
      if (file.path("file").asText().equals("config/" + name)) {
        return file;
      }
    }
    throw new AssertionError("no page of " + name);
  }

  private static Answer ask(String model, String prompt) {
    return gateway.chat(model, prompt, "Authorization", BEARER);
  }

  /** The catalogue without one model. */
  private static String without(String id) {
    int from = models.indexOf("- id: " + id + "\n");
    return models.substring(0, from) + models.substring(models.indexOf("\n- id: ", from) + 1);
  }

  private static String replaced(String text, String old, String fresh) {
    assertThat(text).contains(old);
    return text.replace(old, fresh);
  }

  @Test
  void a_changed_chain_scorer_and_catalogue_are_seen_by_the_next_request() throws IOException {
    assertThat(ask("auto", FACT).header("x-dromedary-model")).isEqualTo(GROQ);

    write("routing.yaml", replaced(replaced(routing, GROQ + ", gemini/gemini-3.5-flash-lite, openai/gpt-4o-mini", "openai/gpt-4o"), "ollama/llama3.2, " + GROQ, "openai/gpt-4o-mini, ollama/llama3.2"));
    Answer reloaded = reload();
    assertThat(reloaded.json().path("changed")).hasSize(1).first().extracting(JsonNode::asText).isEqualTo("config/routing.yaml");
    assertThat(ask("auto", FACT).header("x-dromedary-model")).isEqualTo("openai/gpt-4o-mini");

    write("routing.yaml", replaced(routing, "scorer: learned", "scorer: length"));
    reload();
    assertThat(ask("auto", FACT).header("x-dromedary-reason")).endsWith("by length");

    write("routing.yaml", replaced(routing, "shadows: {share: 0, model: \"\"", "shadows: {share: 2.5, model: openai/gpt-4o"));
    reload();
    assertThat(gateway.admin("/admin/shadows").json().at("/shadows/share").asDouble()).isEqualTo(2.5);
  }

  @Test
  void a_model_leaves_only_together_with_the_chains_that_name_it() throws IOException {
    write("models.yaml", without(GROQ));
    Answer half = reload();
    assertThat(half.status()).isEqualTo(422);
    assertThat(half.json().at("/error/message").asText()).contains("config/routing.yaml: tiers.TRIVIAL.models[1] = " + GROQ, "not in the catalogue");
    assertThat(ask(GROQ, FACT).status()).as("the old ones serve on").isEqualTo(200);

    write("routing.yaml", routing.replace(GROQ + ", ", "").replace(", " + GROQ, ""));
    assertThat(reload().status()).isEqualTo(200);
    assertThat(ask("auto", FACT).header("x-dromedary-model")).isEqualTo("openai/gpt-4o-mini");
    assertThat(gateway.get("/v1/models/" + GROQ, "Authorization", BEARER).status()).isEqualTo(404);

    restore();
    assertThat(reload().status()).isEqualTo(200);
    assertThat(ask("auto", FACT).header("x-dromedary-model")).isEqualTo(GROQ);
  }

  @Test
  void a_key_is_let_in_and_shut_out_without_a_restart() throws IOException {
    ApiKey second = ApiKey.generate();
    String bearer = "Bearer " + second.key().value();
    assertThat(gateway.chat("auto", FACT, "Authorization", bearer).status()).isEqualTo(401);
    write("callers.yaml", callers + "  - {id: second, sha256: " + second.sha256() + "}\n");
    reload();
    assertThat(gateway.chat("auto", FACT, "Authorization", bearer).status()).isEqualTo(200);
    write("callers.yaml", callers + "  - {id: second, sha256: " + second.sha256() + ", revoked: true}\n");
    reload();
    assertThat(gateway.chat("auto", FACT, "Authorization", bearer).status()).isEqualTo(401);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      routing.yaml | scorer: learned | scorer: astrology | config/routing.yaml: scorer = astrology: allowed are
      routing.yaml | max-candidates: 6 | max-candidates: 99 | config/routing.yaml: max-candidates = 99: must be a whole number from 1 to 20
      routing.yaml | shadows: {share: 0, | shadows: {share: 5, | config/routing.yaml: shadows =
      routing.yaml | shadows: {share: 0, | shadows: {share: .inf, | shadows.share: Malformed numeric value
      routing.yaml | baseline-model: | base-line: | config/routing.yaml: base-line
      models.yaml | - id: openai/gpt-4o\\n | - id: openai/gpt-4o-mini\\n | config/models.yaml: models[openai/gpt-4o-mini].id = openai/gpt-4o-mini: is listed twice
      models.yaml | models: | "models: [" | config/models.yaml: not valid YAML at line
      callers.yaml | sha256: | sha-256: | config/callers.yaml: `projects[0].keys[0].sha-256` is unknown; allowed: id, sha256
      """)
  void a_mistake_is_told_with_file_key_and_what_is_allowed_and_the_old_state_serves_on(String file, String right, String wrong, String told) throws IOException {
    int generation = page().path("generation").asInt();
    String version = file(file).path("version").asText();
    String text = file.equals("models.yaml") ? models : file.equals("routing.yaml") ? routing : callers;

    write(file, replaced(text, right.replace("\\n", "\n"), wrong.replace("\\n", "\n")));
    Answer refused = reload();

    assertThat(refused.status()).as(refused.text()).isEqualTo(422);
    assertThat(refused.json().at("/error/code").asText()).isEqualTo("invalid_config");
    assertThat(refused.json().at("/error/param").asText()).isEqualTo("config/" + file);
    assertThat(refused.json().at("/error/message").asText()).contains(told);
    assertThat(file(file).path("error").asText()).contains(told);
    assertThat(file(file).path("version").asText()).isEqualTo(version);
    assertThat(page().path("generation").asInt()).isEqualTo(generation);
    assertThat(ask("auto", FACT).header("x-dromedary-model")).isEqualTo(GROQ);

    restore();
    assertThat(reload().status()).isEqualTo(200);
    assertThat(file(file).path("error").isNull()).isTrue();
  }

  @Test
  void all_that_is_wrong_is_told_at_once() throws IOException {
    write("routing.yaml", replaced(routing, "scorer: learned", "scorer: astrology"));
    write("callers.yaml", callers + "  colour: blue\n");
    assertThat(reload().json().at("/error/message").asText()).contains("scorer = astrology", "`projects[0].colour` is unknown");
  }

  @Tag("X9")
  @Test
  void a_reload_never_opens_the_gateway() throws IOException {
    write("callers.yaml", "projects: []\n");
    assertThat(reload().json().at("/error/message").asText()).contains("config/callers.yaml", "would open the gateway to everyone");
    assertThat(gateway.chat("auto", FACT).status()).isEqualTo(401);
  }

  @Tag("X6")
  @Test
  void only_the_admin_token_reloads_or_looks() {
    assertThat(gateway.post("/admin/reload", "", "Authorization", BEARER).status()).isEqualTo(401);
    assertThat(gateway.get("/admin/config", "Authorization", BEARER).status()).isEqualTo(401);
    assertThat(gateway.post("/admin/reload", "").status()).isEqualTo(401);
  }

  @Test
  void a_changed_file_comes_into_force_by_itself() throws IOException {
    double before = gateway.metric("dromedary_config_generation");
    write("routing.yaml", replaced(routing, "scorer: learned", "scorer: length"));
    await().atMost(Duration.ofSeconds(20)).until(() -> String.valueOf(ask("auto", FACT).header("x-dromedary-reason")).endsWith("by length"));
    assertThat(gateway.metric("dromedary_config_generation")).isEqualTo(before + 1);
    String version = file("routing.yaml").path("version").asText();
    assertThat(gateway.metric("dromedary_config_version{file=\"config/routing.yaml\"")).isEqualTo((double) Long.parseLong(version, 16));
  }

  @Test
  void five_hundred_reloads_of_which_a_tenth_are_wrong_disturb_no_request() throws Exception {
    String otherRouting = replaced(routing.replace(GROQ + ", ", "").replace(", " + GROQ, ""), "scorer: learned", "scorer: length");
    String otherModels = without(GROQ);
    List<String[]> wrong = List.of(new String[] {"models.yaml", otherModels}, new String[] {"routing.yaml", "scorer: [\n"}, new String[] {"callers.yaml", "projects: 7\n"},
        new String[] {"models.yaml", replaced(models, "- id: openai/gpt-4o\n", "- id: openai/gpt-4o\n  colour: blue\n")}, new String[] {"routing.yaml", replaced(routing, "scorer: learned", "scorer: astrology")});
    AtomicBoolean over = new AtomicBoolean();
    AtomicInteger asked = new AtomicInteger();
    Queue<String> failures = new ConcurrentLinkedQueue<>();
    List<Thread> load = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      int who = i;
      Thread thread = new Thread(() -> {
        while (!over.get()) {
          Answer answer = who == 2 ? gateway.post("/v1/route", Gateway.request("auto", FACT), "Authorization", BEARER) : ask(who == 1 ? "gpt-4o" : "auto", FACT);
          asked.incrementAndGet();
          if (answer.status() != 200) {
            failures.add(answer.status() + " " + answer.text());
          }
        }
      });
      load.add(thread);
      thread.start();
    }
    int refused = 0;
    try {
      for (int i = 0; i < 500; i++) {
        boolean bad = i % 10 == 9;
        if (bad) {
          restore();
          String[] mistake = wrong.get(i / 10 % wrong.size());
          write(mistake[0], mistake[1]);
        } else {
          // to and fro between two sets of files, each of which is right only as a whole
          write("models.yaml", i % 2 == 0 ? otherModels : models);
          write("routing.yaml", i % 2 == 0 ? otherRouting : routing);
          write("callers.yaml", callers);
        }
        Answer answer = reload();
        assertThat(answer.status()).as(answer.text()).isEqualTo(bad ? 422 : 200);
        refused += bad ? 1 : 0;
        if (!bad && i % 50 == 0) {
          assertThat(ask("auto", FACT).header("x-dromedary-model")).as("seen at once").isEqualTo(i % 2 == 0 ? "openai/gpt-4o-mini" : GROQ);
        }
      }
    } finally {
      over.set(true);
      for (Thread thread : load) {
        thread.join(30_000);
      }
    }
    assertThat(refused).isEqualTo(50);
    assertThat(failures).isEmpty();
    assertThat(asked.get()).as("requests meanwhile").isGreaterThan(200);
  }
}
