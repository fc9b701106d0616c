package io.dromedary.bench;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import io.dromedary.testing.RedisServer;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** Stops Redis under the answer cache (behaviour C5): SIGSTOP, so that it accepts and never answers, and SIGKILL. One call after the other, each prompt new, through a first gateway; a second one tells when hits are back. */
final class RedisBench {
  private static final int FIRST = 20;
  private static final int CALLS = 300;
  private static final Duration RECOVERY = Duration.ofSeconds(30);

  private final Options options;
  private final Child mock;
  private final Report report;
  private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private int prompts;
  private int errors;
  private String firstError = "";

  RedisBench(Options options, Child mock, Report report) {
    this.options = options;
    this.mock = mock;
    this.report = report;
  }

  void run(Path parent) throws IOException, InterruptedException {
    Bench.manner(mock, "delay=0&gap=0");
    try (RedisServer redis = RedisServer.start(); Child one = start(parent, redis); Child other = start(parent, redis)) {
      median(one, 2_000);
      Report.header();
      double before = median(one, CALLS);
      add("redis up", one, before);
      if (errors > 0) {
        throw new IOException("it fails with Redis up: " + firstError);
      }
      redis.hold();
      median(one, FIRST);
      double held = median(one, CALLS);
      add("redis held", one, held);
      redis.letGo();
      double heldBack = hitsAreBack(one, other);
      double again = median(one, CALLS);
      redis.stop();
      median(one, FIRST);
      double dead = median(one, CALLS);
      add("redis killed", one, dead);
      redis.restart();
      double deadBack = hitsAreBack(one, other);
      report.figure("Redis held: median after " + FIRST + " calls, beyond that before", held - before, "ms", 5, 5, false);
      report.figure("Redis held: seconds until hits are back", heldBack, "s", 10, 10, false);
      report.figure("Redis killed: median after " + FIRST + " calls, beyond that before", dead - again, "ms", 5, 5, false);
      report.figure("Redis killed: seconds until hits are back", deadBack, "s", 10, 10, false);
      report.figure("Redis held and killed: failed requests", errors, "requests", 0, 0, false);
    }
  }

  private void add(String what, Child gateway, double median) throws IOException {
    report.add(new Report.Row(what, "gateway", 1_000 / median, median, Double.NaN, Double.NaN, CALLS, errors, Double.NaN, false, gateway.view.read().rssMib(), gateway.view.read().threads(), -1, firstError));
  }

  private Child start(Path parent, RedisServer redis) throws IOException, InterruptedException {
    Map<String, String> environment = new HashMap<>(Bench.environment(mock, Files.createTempDirectory(parent, "redis-")));
    environment.put("REDIS_URL", redis.url());
    Child gateway = Child.gateway(options, Child.freePort(), environment);
    try {
      gateway.awaitReady("/health/readiness", Duration.ofSeconds(120));
    } catch (IOException | InterruptedException e) {
      gateway.close();
      throw e;
    }
    return gateway;
  }

  /** @return milliseconds */
  private double median(Child gateway, int calls) throws IOException, InterruptedException {
    double[] times = new double[calls];
    for (int i = 0; i < calls; i++) {
      long begun = System.nanoTime();
      ask(gateway, "prompt " + ++prompts);
      times[i] = (System.nanoTime() - begun) / 1e6;
    }
    Arrays.sort(times);
    return times[calls / 2];
  }

  /** @return what the cache had to do with it */
  private String ask(Child gateway, String prompt) throws IOException, InterruptedException {
    ObjectNode body = Json.object().put("model", options.text("model"));
    body.putArray("messages").addObject().put("role", "user").put("content", prompt);
    HttpResponse<byte[]> answer = http.send(HttpRequest.newBuilder(URI.create(gateway.baseUrl + "/chat/completions")).header("content-type", "application/json").POST(HttpRequest.BodyPublishers.ofByteArray(Json.bytes(body))).build(),
        HttpResponse.BodyHandlers.ofByteArray());
    if (answer.statusCode() != 200) {
      errors++;
      firstError = firstError.isEmpty() ? new String(answer.body(), StandardCharsets.UTF_8) : firstError;
    }
    return answer.headers().firstValue("x-dromedary-cache").orElse("");
  }

  /** @return seconds until what one gateway was answered is a hit at the other */
  private double hitsAreBack(Child one, Child other) throws IOException, InterruptedException {
    long begun = System.nanoTime();
    while (System.nanoTime() - begun < RECOVERY.toNanos()) {
      String prompt = "prompt " + ++prompts;
      ask(one, prompt);
      Thread.sleep(50);
      if (ask(other, prompt).equals("hit")) {
        return (System.nanoTime() - begun) / 1e9;
      }
    }
    return Double.POSITIVE_INFINITY;
  }
}
