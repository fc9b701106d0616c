package io.dromedary.durable;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code kill -9} while lines are taken along, while nobody knows whether their batch was taken, while they wait, and while their results are delivered: no line is lost, none doubled, none paid twice. */
@Tag("M10")
@Tag("F10")
class ProviderBatchKill9IT {
  private static final int LINES = 400;

  @TempDir
  Path home;

  @Test
  void lines_that_wait_at_a_provider_survive_a_kill_at_every_stage() throws Exception {
    Path inbox = Files.createDirectories(home.resolve("inbox"));
    Files.writeString(inbox.resolve("night.jsonl.tmp"), IntStream.rangeClosed(1, LINES).mapToObj(ProviderBatchKill9IT::line).collect(Collectors.joining()));
    Files.move(inbox.resolve("night.jsonl.tmp"), inbox.resolve("night.jsonl"));
    Path results = home.resolve("outbox").resolve("night.results.jsonl");
    try (FakeProvider openai = FakeProvider.openai().usage(1_000, 500)) {
      openai.batches().swallows(1).holds(true);
      Map<String, String> environment = Map.of("OPENAI_API_KEY", "sk-test-0123456789abcdef", "OPENAI_BASE_URL", openai.url(), "DROMEDARY_INBOX", inbox.toString(), "DROMEDARY_PROVIDER_BATCHES", "openai",
          "DROMEDARY_BATCHES_PROVIDERBATCHES_POLL", "100ms", "DROMEDARY_BATCHES_PROVIDERBATCHES_LOSTAFTER", "20s");
      try (AppProcess app = AppProcess.start(home, environment)) {
        await().atMost(Duration.ofSeconds(60)).pollInterval(Duration.ofMillis(5)).until(() -> lines(app, "boarded") > 50);
        app.kill();
      }
      try (AppProcess app = AppProcess.start(home, environment)) {
        // the provider has it, and hung up instead of saying so
        await().atMost(Duration.ofSeconds(60)).pollInterval(Duration.ofMillis(5)).until(() -> !openai.batches().begun().isEmpty());
        app.kill();
      }
      try (AppProcess app = AppProcess.start(home, environment)) {
        await().atMost(Duration.ofSeconds(60)).until(() -> openai.batches().begun().get(0).looks() > 0);
        app.kill();
      }
      openai.batches().holds(false);
      try (AppProcess app = AppProcess.start(home, environment)) {
        await().atMost(Duration.ofSeconds(60)).pollInterval(Duration.ofMillis(5)).until(() -> lines(app, "answered") > 50);
        app.kill();
      }
      assertThat(results).doesNotExist();
      try (AppProcess app = AppProcess.start(home, environment)) {
        await().atMost(Duration.ofSeconds(120)).until(() -> Files.exists(results));
        JsonNode batch = app.json("/v1/batches").at("/data/0");
        assertThat(batch.at("/request_counts/completed").asInt()).as(batch.toString()).isEqualTo(LINES);
        app.terminate();
        app.exit(Duration.ofSeconds(60));
      }
      assertThat(openai.batches().begun()).as("sent once, and found again").hasSize(1).first().satisfies(begun -> assertThat(begun.lines).hasSize(LINES));
      assertThat(openai.calls()).as("asked one by one").isZero();
      try (Stream<String> lines = Files.lines(results)) {
        List<String> ids = lines.map(ProviderBatchKill9IT::customId).toList();
        assertThat(ids).isEqualTo(IntStream.rangeClosed(1, LINES).mapToObj(i -> "line-" + i).toList());
      }
      try (LedgerFile ledger = new LedgerFile(home.resolve("data"))) {
        assertThat(ledger.number("SELECT COUNT(*) FROM dromedary_attempts")).as("paid once").isEqualTo(LINES);
        assertThat(ledger.number("SELECT SUM(cost_nanos) FROM dromedary_attempts")).as("at half the price").isEqualTo(LINES * 225_000L);
        assertThat(ledger.number("SELECT COUNT(*) FROM dromedary_standing")).isZero();
        assertThat(ledger.number("SELECT COUNT(*) FROM dromedary_rides")).isZero();
        assertThat(ledger.number("SELECT COUNT(*) FROM dromedary_lots")).isZero();
      }
    }
  }

  private static double lines(AppProcess app, String outcome) throws IOException, InterruptedException {
    return app.get("/metrics").body().lines().filter(line -> line.startsWith("dromedary_batch_rides_total") && line.contains("outcome=\"" + outcome + "\"")).mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
        .sum();
  }

  private static String line(int i) {
    ObjectNode line = Json.object().put("custom_id", "line-" + i).put("method", "POST").put("url", "/v1/chat/completions");
    line.set("body", Gateway.request("openai/gpt-4o-mini", "prompt " + i));
    return Json.text(line) + "\n";
  }

  private static String customId(String line) {
    try {
      return Json.read(line).path("custom_id").asText();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
