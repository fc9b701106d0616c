package io.dromedary.sealed;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.AppenderBase;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Mood;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/** Keys and prompts appear nowhere but where they belong: not in logs at any level of ours, metrics, health, errors, cost events or the state directory. */
@Tag("X7")
class SecretsTest {
  private static final String PROMPT = "the-prompt-nobody-may-read";
  private static final String ANSWER = "the-answer-nobody-may-read";
  private static final String CALLER_KEY = "dk-callers-own-key-0123456789abcdef";
  private static final String PROVIDER_KEY = "sk-test-openai-0123456789";
  private static final String ANTHROPIC_KEY = "sk-test-anthropic-0123456789";

  @TempDir
  Path folder;

  /** Everything that is logged, formatted, with stack traces. */
  private static final class Ears extends AppenderBase<ILoggingEvent> {
    private final Queue<String> heard = new ConcurrentLinkedQueue<>();

    @Override
    protected void append(ILoggingEvent event) {
      heard.add(event.getLevel() + " " + event.getLoggerName() + " " + event.getFormattedMessage() + (event.getThrowableProxy() == null ? "" : "\n" + ThrowableProxyUtil.asString(event.getThrowableProxy())));
    }
  }

  @Test
  void keys_and_prompts_are_in_no_log_metric_error_event_or_file() throws IOException {
    Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    Logger ours = (Logger) LoggerFactory.getLogger("io.dromedary");
    Ears ears = new Ears();
    ears.setContext(root.getLoggerContext());
    ears.start();
    List<String> told = new ArrayList<>();
    Path state = folder.resolve("state");
    Path events = folder.resolve("events");
    Level before = ours.getLevel();
    try (FakeProvider openai = FakeProvider.openai().says(ANSWER); FakeProvider anthropic = FakeProvider.anthropic().says(ANSWER);
        Gateway gateway = Sealed.beside(Gateway.with("openai", openai).and("anthropic", anthropic)).stateDir(state).set("dromedary.cost-sink", "file:" + events + "?fileName=events.jsonl&fileExist=Append&appendChars=\\n").start()) {
      root.addAppender(ears);
      ours.setLevel(Level.DEBUG);
      String token = gateway.adminToken();
      String[] key = {"Authorization", "Bearer " + CALLER_KEY, "x-dromedary-session-id", "s1"};

      Gateway.Answer good = gateway.chat("openai/gpt-4o-mini", PROMPT, key);
      assertThat(good.status()).isEqualTo(200);
      assertThat(gateway.stream(Gateway.request("openai/gpt-4o-mini", PROMPT + " again"), key).done()).isTrue();
      assertThat(gateway.chat("anthropic/claude-sonnet-5", PROMPT, key).status()).isEqualTo(200);
      told.add(gateway.post("/v1/route", Gateway.request("auto", PROMPT), key).text());
      for (Mood mood : new Mood[] {Mood.BAD_KEY, Mood.DOWN, Mood.BUSY, Mood.REFUSES, Mood.HTML, Mood.JUNK, Mood.EMPTY, Mood.HANGS_UP, Mood.TRUNCATED, Mood.ERROR_IN_STREAM_FIRST}) {
        openai.mood(mood);
        anthropic.mood(mood);
        for (String model : new String[] {"openai/gpt-4o", "anthropic/claude-sonnet-5"}) {
          told.add(gateway.chat(model, PROMPT + " " + mood, key).text());
          told.add(gateway.stream(Gateway.request(model, PROMPT + " stream " + mood), key).raw());
        }
      }
      for (Mood mood : new Mood[] {Mood.ERROR_MID_STREAM, Mood.DIES_MID_STREAM}) {
        openai.mood(mood);
        gateway.stream(Gateway.request("openai/gpt-4o", PROMPT + " " + mood), key);
      }
      gateway.post("/v1/chat/completions", "{\"model\":\"openai/gpt-4o\",\"messages\":[{\"role\":\"" + PROMPT + "\"}]}", key);
      gateway.post("/v1/chat/completions", "{\"" + PROMPT + "\": " + PROMPT + "}", key);
      gateway.get("/admin/cache", "Authorization", "Bearer " + token + "x");
      told.add(gateway.get("/admin/cache", "Authorization", "Bearer " + token).text());
      for (String page : new String[] {"/metrics", "/health/providers", "/health/readiness", "/v1/models", "/v1/usage", "/v1/savings", "/v1/requests/" + good.requestId()}) {
        told.add(gateway.get(page, key).text());
      }
      org.awaitility.Awaitility.await().atMost(20, java.util.concurrent.TimeUnit.SECONDS).until(() -> Files.exists(events.resolve("events.jsonl")) && Files.size(events.resolve("events.jsonl")) > 0);
      for (String secret : new String[] {PROVIDER_KEY, ANTHROPIC_KEY, CALLER_KEY, token}) {
        assertThat(told).as("what callers are told").noneMatch(text -> text.contains(secret));
        assertThat(ears.heard).as("the log").noneMatch(line -> line.contains(secret));
      }
      assertThat(told).as("what others are told").noneMatch(text -> text.contains(PROMPT) || text.contains(ANSWER));
      assertThat(ears.heard).as("the log").isNotEmpty().noneMatch(line -> line.contains(PROMPT) || line.contains(ANSWER));
      assertThat(ears.heard).as("one line a request").anyMatch(line -> line.contains(good.requestId()));
    } finally {
      root.detachAppender(ears);
      ours.setLevel(before);
    }
    assertThat(Files.readString(events.resolve("events.jsonl"))).doesNotContain(PROMPT, ANSWER, PROVIDER_KEY, CALLER_KEY);
    try (Stream<Path> files = Files.walk(state)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        assertThat(new String(Files.readAllBytes(file), ISO_8859_1)).as("%s", file).doesNotContain(PROMPT, ANSWER, PROVIDER_KEY, ANTHROPIC_KEY, CALLER_KEY);
      }
    }
  }
}
