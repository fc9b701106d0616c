package io.dromedary.durable;

import static org.assertj.core.api.Assertions.assertThat;

import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Mood;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** SIGTERM to the real jar, with streams open. */
@Tag("F7")
class StopIT {
  @TempDir
  Path home;

  @Test
  void a_stop_lets_running_streams_end_cuts_the_rest_with_an_error_event_and_settles_all() throws Exception {
    try (FakeProvider openai = FakeProvider.openai().says(20).mood(Mood.DRIPS).every(Duration.ofMillis(100)); FakeProvider groq = FakeProvider.openai().says(5_000).mood(Mood.DRIPS).every(Duration.ofMillis(50));
        AppProcess app = AppProcess.startJar(home, Map.of("OPENAI_API_KEY", "sk-test-0123456789abcdef", "OPENAI_BASE_URL", openai.url(), "GROQ_API_KEY", "gsk-test-0123456789abcdef", "GROQ_BASE_URL", groq.url(),
            "DROMEDARY_DRAIN", "4s"))) {
      AppProcess.Lines shortOne = app.stream(Gateway.request("openai/gpt-4o-mini", "short"));
      AppProcess.Lines longOne = app.stream(Gateway.request("groq/llama-3.3-70b-versatile", "long"));
      assertThat(shortOne.status()).isEqualTo(200);
      assertThat(longOne.status()).isEqualTo(200);
      shortOne.next();
      longOne.next();
      CompletableFuture<List<String>> shortEnd = readAll(shortOne);
      CompletableFuture<List<String>> longEnd = readAll(longOne);

      long begun = System.nanoTime();
      app.terminate();
      long notReady = System.nanoTime() + Duration.ofSeconds(3).toNanos();
      HttpResponse<String> ready = app.get("/health/readiness");
      while (ready.statusCode() == 200 && System.nanoTime() < notReady) {
        ready = app.get("/health/readiness");
      }
      assertThat(ready.statusCode()).as("not ready from now on").isEqualTo(503);
      assertThat(ready.body()).contains("stopping");
      assertThat(app.get("/health/liveness").statusCode()).isEqualTo(200);
      HttpResponse<String> late = app.chat(Gateway.request("openai/gpt-4o-mini", "too late"));
      assertThat(late.statusCode()).as(late.body()).isEqualTo(503);
      assertThat(late.headers().firstValue("retry-after")).isPresent();

      List<String> whole = shortEnd.get(30, TimeUnit.SECONDS);
      assertThat(whole.get(whole.size() - 1)).as("a running stream may end").isEqualTo("[DONE]");
      List<String> cut = longEnd.get(30, TimeUnit.SECONDS);
      assertThat(cut.get(cut.size() - 1)).as("the rest is told that it was cut: %s", cut.subList(Math.max(0, cut.size() - 3), cut.size())).contains("\"error\"");
      int code = app.exit(Duration.ofSeconds(30));
      Duration took = Duration.ofNanos(System.nanoTime() - begun);
      assertThat(code).as("128 + SIGTERM").isEqualTo(143);
      assertThat(took).isGreaterThan(Duration.ofSeconds(3)).isLessThan(Duration.ofSeconds(20));

      try (LedgerFile ledger = new LedgerFile(home.resolve("data"))) {
        assertThat(ledger.number("SELECT COUNT(*) FROM dromedary_attempts")).isEqualTo(2);
        assertThat(ledger.number("SELECT COUNT(*) FROM dromedary_attempts WHERE status = 'SETTLED'")).as("nothing is left for recovery").isEqualTo(2);
        Map<String, Object> long1 = ledger.row("SELECT outcome, output, cost_nanos FROM dromedary_attempts WHERE provider = 'groq'");
        assertThat(String.valueOf(long1.get("outcome"))).isIn("cancelled", "cut");
        assertThat(((Number) long1.get("output")).longValue()).as("tokens streamed so far are paid").isGreaterThan(10);
        assertThat(((Number) long1.get("cost_nanos")).longValue()).isPositive();
        assertThat(ledger.number("SELECT COUNT(*) FROM dromedary_nodes")).as("it signed off").isZero();
      }
    }
  }

  private static CompletableFuture<List<String>> readAll(AppProcess.Lines lines) {
    return CompletableFuture.supplyAsync(() -> {
      List<String> all = new ArrayList<>();
      try {
        for (String data = lines.next(); data != null; data = lines.next()) {
          all.add(data);
        }
      } catch (IOException broke) {
        all.add("broke: " + broke);
      }
      return all;
    });
  }
}
