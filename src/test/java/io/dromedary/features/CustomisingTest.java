package io.dromedary.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Gateway.Answer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The worked examples of src/docs/customising.md: their blocks are read from there and applied word for word to a copy of the bundle, and each has the effect that is promised. */
class CustomisingTest {
  private static final Path DOCUMENT = Path.of("src/docs/customising.md");
  private static final Pattern FILE = Pattern.compile("`((?:config|routes|kamelets)/[\\w.-]+\\.yaml)`");

  @TempDir static Path bundle;
  private static FakeProvider openai;
  private static FakeProvider acme;
  private static Gateway gateway;

  /** A fenced block and the file that was named last before it. */
  private record Block(int example, String language, String file, List<String> lines) {}

  private static List<Block> blocks() throws IOException {
    List<Block> blocks = new ArrayList<>();
    List<String> lines = Files.readAllLines(DOCUMENT);
    int example = 0;
    String file = "";
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i);
      if (line.matches("## \\d+\\. .*")) {
        example = Integer.parseInt(line.substring(3, line.indexOf('.')));
        file = "";
      } else if (line.startsWith("```")) {
        int end = i + 1;
        while (!lines.get(end).equals("```")) {
          end++;
        }
        blocks.add(new Block(example, line.substring(3), file, lines.subList(i + 1, end)));
        i = end;
      } else {
        Matcher named = FILE.matcher(line);
        while (named.find()) {
          file = named.group(1);
        }
      }
    }
    return blocks;
  }

  private static void apply(Block block) throws IOException {
    Path file = bundle.resolve(block.file());
    if (block.language().equals("diff")) {
      Files.writeString(file, patched(Files.readString(file), block));
    } else if (block.file().equals("config/models.yaml")) {
      Files.writeString(file, Files.readString(file) + String.join("\n", block.lines()) + "\n");
    } else if (block.file().equals("config/application.yaml")) {
      Files.writeString(file, (Files.exists(file) ? Files.readString(file) + "---\n" : "") + String.join("\n", block.lines()) + "\n");
    } else {
      assertThat(file).as("a new file").doesNotExist();
      Files.writeString(file, String.join("\n", block.lines()) + "\n");
    }
  }

  /** As `patch` does it: what stands there with a blank or a minus must be in the file, once. */
  private static String patched(String text, Block block) {
    String patched = text;
    StringBuilder before = new StringBuilder();
    StringBuilder after = new StringBuilder();
    for (int i = 0; i <= block.lines().size(); i++) {
      String line = i == block.lines().size() ? "@@" : block.lines().get(i);
      if (line.startsWith("@@")) {
        assertThat(patched.split(Pattern.quote(before.toString()), -1).length - 1).as("how often %s has\n%s", block.file(), before).isEqualTo(1);
        patched = patched.replace(before.toString(), after.toString());
        before.setLength(0);
        after.setLength(0);
      } else {
        before.append(line.charAt(0) == '+' ? "" : line.substring(1) + "\n");
        after.append(line.charAt(0) == '-' ? "" : line.substring(1) + "\n");
      }
    }
    return patched;
  }

  private static void copy(String folder) throws IOException {
    Files.createDirectories(bundle.resolve(folder));
    try (Stream<Path> files = Files.list(Path.of(folder))) {
      files.filter(file -> !file.endsWith("application.yaml")).forEach(file -> {
        try {
          Files.copy(file, bundle.resolve(folder).resolve(file.getFileName()));
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      });
    }
  }

  @BeforeAll
  static void start() throws IOException {
    for (String folder : List.of("routes", "kamelets", "config")) {
      copy(folder);
    }
    List<Block> blocks = blocks().stream().filter(block -> List.of("yaml", "diff").contains(block.language())).toList();
    assertThat(blocks.stream().map(Block::example).distinct()).as("examples with blocks").containsExactly(1, 2, 3, 4, 5, 6, 7);
    for (Block block : blocks) {
      assertThat(block.file()).as("the file of the block %s", block.lines()).isNotEmpty();
      if (block.file().equals("config/application.yaml")) {
        apply(block);
      }
    }
    openai = FakeProvider.openai();
    acme = FakeProvider.openai();
    gateway = Gateway.with("openai", openai)
        .set("dromedary.bundle.routes", "file:" + bundle + "/routes/*.camel.yaml").set("camel.component.kamelet.location", "file:" + bundle + "/kamelets").set("dromedary.config.watch", false)
        .set("dromedary.config.dir", bundle.resolve("config")).set("spring.config.additional-location", "file:" + bundle.resolve("config") + "/")
        .set("ACME_BASE_URL", acme.url()).set("ACME_API_KEY", "sk-acme-0123456789").set("dromedary.cost-sink", "direct:keep-costs").set("dromedary.cache.enabled", false).start();
    // all but application.yaml comes into force while it runs
    for (Block block : blocks) {
      if (!block.file().equals("config/application.yaml")) {
        apply(block);
      }
    }
    Answer reloaded = gateway.post("/admin/reload", "", "Authorization", "Bearer " + gateway.adminToken());
    assertThat(reloaded.status()).as(reloaded.text()).isEqualTo(200);
    assertThat(reloaded.json().path("changed")).hasSize(3);
  }

  @AfterAll
  static void stop() {
    gateway.close();
    openai.close();
    acme.close();
  }

  private static Path state() {
    return Path.of(gateway.bean(org.springframework.core.env.Environment.class).getRequiredProperty("dromedary.state-dir"));
  }

  @Test
  void one_a_tier_is_sent_elsewhere() {
    JsonNode routed = gateway.post("/v1/route", Gateway.request("auto", "Prove that the square root of two is irrational, then compare three proofs and analyse the trade-offs between them step by step.")).json();
    assertThat(routed.toString()).contains("EXPERT").doesNotContain("\"tier\":\"COMPLEX\"");
  }

  @Test
  void two_a_provider_is_added() {
    Answer answer = gateway.chat("acme/our-model", "Hi");
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    assertThat(answer.header("x-dromedary-provider")).isEqualTo("acme");
    assertThat(answer.json().path("model").asText()).isEqualTo("acme/our-model");
    assertThat(acme.last().model()).isEqualTo("our-model");
    assertThat(acme.last().header("authorization")).isEqualTo("Bearer sk-acme-0123456789");
    assertThat(answer.header("x-dromedary-cost-usd")).as("at the price of models.yaml").isNotEqualTo("0");
  }

  @Test
  void three_a_chain_is_changed() {
    Answer answer = gateway.chat("auto", "What is the capital of France?");
    assertThat(answer.header("x-dromedary-tier")).isIn("TRIVIAL", "SIMPLE");
    JsonNode routed = gateway.post("/v1/route", Gateway.request("auto", "What is the capital of France, and of Italy?")).json();
    assertThat(answer.header("x-dromedary-model")).as(routed.toString()).isEqualTo("openai/gpt-4o-mini");
  }

  @Test
  void four_a_cost_sink_of_ones_own_gets_what_costs_something() {
    Answer dear = gateway.chat("openai/gpt-4o", "What does it cost?");
    await().atMost(Duration.ofSeconds(20)).ignoreExceptionsInstanceOf(IOException.class).untilAsserted(() -> {
      try (Stream<Path> days = Files.list(state().resolve("costs"))) {
        assertThat(days).as("a file for each day").anySatisfy(day -> assertThat(day).content().contains(dear.requestId()));
      }
    });
  }

  @Test
  void five_a_step_is_added_beside_the_way() {
    Answer answer = gateway.chat("openai/gpt-4o-mini", "Who are you?");
    await().atMost(Duration.ofSeconds(20)).ignoreExceptionsInstanceOf(IOException.class).untilAsserted(() -> assertThat(Files.readString(state().resolve("decisions.log"))).contains(answer.requestId() + " openai/gpt-4o-mini -> openai/gpt-4o-mini because"));
  }

  @Test
  void six_limits_are_changed() {
    StringBuilder messages = new StringBuilder();
    for (int i = 0; i < 101; i++) {
      messages.append(i == 0 ? "" : ",").append("{\"role\":\"user\",\"content\":\"hi\"}");
    }
    Answer answer = gateway.post("/v1/chat/completions", "{\"model\":\"openai/gpt-4o\",\"messages\":[" + messages + "]}");
    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.text()).contains("100");
  }

  @Test
  void seven_a_route_is_a_model() {
    Answer answer = gateway.chat("camel/refunds", "My kettle is broken");
    assertThat(answer.content()).isEqualTo("A broken item is refunded at once.");
    assertThat(answer.header("x-dromedary-cost-usd")).isEqualTo("0.001");
  }
}
