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
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The real gateway, killed in the middle of a batch from its inbox: every line has exactly one result, and is paid once but for those that were being asked. {@code mvn verify -Dit.test=BatchKill9IT -Ddromedary.batch.lines=10000} does
 * it at the size that was promised, and tells heap and bytes.
 */
@Tag("M10")
@Tag("F10")
class BatchKill9IT {
  private static final int LINES = Integer.getInteger("dromedary.batch.lines", 1_200);
  /** A short one is over before its heap is looked at. */
  private static final boolean LONG = LINES > 5_000;
  private static final int KILLS = 2;
  /** {@code dromedary.batches.parallel}. */
  private static final int PARALLEL = 8;

  @TempDir
  Path home;

  @Test
  void a_batch_goes_on_where_it_was_killed_with_no_line_lost_or_doubled() throws Exception {
    Path inbox = Files.createDirectories(home.resolve("inbox"));
    Files.writeString(inbox.resolve("night.jsonl.tmp"), IntStream.rangeClosed(1, LINES).mapToObj(BatchKill9IT::line).collect(Collectors.joining()));
    Files.move(inbox.resolve("night.jsonl.tmp"), inbox.resolve("night.jsonl"));
    Path results = home.resolve("outbox").resolve("night.results.jsonl");
    long[] heap = new long[KILLS + 1];
    try (FakeProvider openai = FakeProvider.openai().says(3).delay(Duration.ofMillis(20))) {
      Map<String, String> environment = Map.of("OPENAI_API_KEY", "sk-test-0123456789abcdef", "OPENAI_BASE_URL", openai.url(), "DROMEDARY_INBOX", inbox.toString());
      for (int kill = 1; kill <= KILLS; kill++) {
        int calls = openai.calls();
        try (AppProcess app = AppProcess.start(home, environment)) {
          await().atMost(Duration.ofSeconds(60 + LINES / 50)).pollInterval(Duration.ofMillis(20)).until(() -> openai.calls() > calls + LINES / 4);
          if (LONG) {
            heap[kill - 1] = liveHeap(app);
            JsonNode batch = app.json("/v1/batches").at("/data/0");
            assertThat(batch.path("status").asText()).isEqualTo("in_progress");
            assertThat(batch.at("/request_counts/completed").asInt()).as("how far it is").isBetween(1, LINES - 1);
          }
          app.kill();
        }
        assertThat(results).doesNotExist();
      }
      try (AppProcess app = AppProcess.start(home, environment)) {
        await().atMost(Duration.ofSeconds(120 + LINES / 50)).until(() -> Files.exists(results));
        heap[KILLS] = LONG ? liveHeap(app) : 0;
        assertThat(app.said()).as("how far it was").contains("goes on after").contains("lines=" + LINES + " completed=" + LINES);
        JsonNode batch = app.json("/v1/batches").at("/data/0");
        assertThat(batch.path("status").asText()).isEqualTo("completed");
        assertThat(batch.at("/request_counts/completed").asInt()).isEqualTo(LINES);
        assertThat(app.json("/v1/batches").path("data")).as("the file was taken in once").hasSize(1);
        app.terminate();
        app.exit(Duration.ofSeconds(60));
      }
      System.out.println("BatchKill9IT: " + LINES + " lines, " + openai.calls() + " calls, live heap MiB after each part " + Arrays.toString(heap) + ", ledger file MiB " + (Files.size(home.resolve("data/ledger.mv.db")) >> 20)
          + ", input and results MiB " + (Files.size(inbox.resolve(".done/night.jsonl")) + Files.size(results) >> 20));
      assertThat(heap[KILLS] - heap[0]).as("its lines are not held: MiB %s", Arrays.toString(heap)).isLessThan(32);
      try (Stream<String> lines = Files.lines(results)) {
        assertThat(lines.map(BatchKill9IT::customId).toList()).isEqualTo(IntStream.rangeClosed(1, LINES).mapToObj(i -> "line-" + i).toList());
      }
      Map<String, Long> callsByPrompt = openai.requests().stream().collect(Collectors.groupingBy(call -> call.json().at("/messages/0/content").asText(), Collectors.counting()));
      assertThat(callsByPrompt).hasSize(LINES);
      long more = callsByPrompt.values().stream().mapToLong(calls -> calls - 1).sum();
      assertThat(more).as("only lines that were being asked are asked again").isLessThanOrEqualTo(KILLS * PARALLEL);
      try (LedgerFile ledger = new LedgerFile(home.resolve("data"))) {
        long settled = ledger.number("SELECT COUNT(*) FROM dromedary_attempts WHERE status = 'SETTLED'");
        long unknown = ledger.number("SELECT COUNT(*) FROM dromedary_attempts WHERE status = 'UNKNOWN'");
        assertThat(ledger.number("SELECT COUNT(*) FROM dromedary_attempts WHERE status = 'STARTED'")).isZero();
        assertThat(settled).as("paid once").isBetween((long) LINES, LINES + more);
        assertThat(settled + unknown).as("every call has its row").isGreaterThanOrEqualTo(openai.calls()).isLessThanOrEqualTo(LINES + (long) KILLS * PARALLEL);
      }
    }
  }

  /** MiB in use after a full collection. */
  private static long liveHeap(AppProcess app) throws IOException, InterruptedException {
    new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(), Long.toString(app.pid()), "GC.run").redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start().waitFor();
    return app.get("/metrics").body().lines().filter(line -> line.startsWith("jvm_memory_used_bytes") && line.contains("area=\"heap\"")).mapToLong(line -> (long) Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1))).sum() >> 20;
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
