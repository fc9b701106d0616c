package io.dromedary.durable;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.access.ApiKey;
import io.dromedary.chat.Json;
import io.dromedary.testing.RedisServer;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two gateway processes and one Redis: limits hold over both and, as shares, without Redis. */
@Tag("M3")
class TwoNodesIT {
  private static final String KEY = "dk-two-nodes-0123456789abcdef";

  @TempDir
  Path directory;

  private AppProcess node(String name, RedisServer redis) throws Exception {
    Path home = Files.createDirectories(directory.resolve(name).resolve("config")).getParent();
    Files.writeString(home.resolve("config/callers.yaml"), "projects: [{id: team, keys: [{id: k, sha256: " + ApiKey.sha256Hex(KEY) + "}], limits: {windows: [{per: hour, requests: 150}, {per: hour, tokens: 9000000, for: key}]}},"
        + " {id: wide, keys: [{id: k, sha256: " + ApiKey.sha256Hex(KEY + "w") + "}], limits: {windows: [{per: minute, requests: 100000}, {per: hour, tokens: 900000000}, {concurrent: 900}]}}]");
    return AppProcess.start(home, Map.of("REDIS_URL", redis.url(), "DROMEDARY_REDIS_TIMEOUT", "5s", "DROMEDARY_CACHE_ENABLED", "false"));
  }

  private static ObjectNode request() {
    ObjectNode request = Json.object().put("model", "sandbox/echo").put("max_tokens", 50);
    request.putArray("messages").addObject().put("role", "user").put("content", "hello");
    return request;
  }

  /** Statuses, counted, of so many requests over these nodes at once. */
  private static Map<Integer, Integer> flood(String key, int requests, AppProcess... nodes) throws Exception {
    Map<Integer, Integer> statuses = new ConcurrentHashMap<>();
    ExecutorService pool = Executors.newFixedThreadPool(16);
    try {
      List<Callable<Integer>> all = new ArrayList<>();
      for (int i = 0; i < requests; i++) {
        AppProcess node = nodes[i % nodes.length];
        all.add(() -> {
          HttpResponse<String> answer = node.chat(request(), "Authorization", "Bearer " + key);
          return statuses.merge(answer.statusCode(), 1, Integer::sum);
        });
      }
      for (Future<Integer> each : pool.invokeAll(all)) {
        each.get();
      }
    } finally {
      pool.shutdownNow();
    }
    return statuses;
  }

  @Test
  void two_processes_hold_every_limit_exactly_and_by_shares_while_redis_is_away() throws Exception {
    try (RedisServer redis = RedisServer.start()) {
      try (AppProcess one = node("one", redis); AppProcess two = node("two", redis)) {
        assertThat(flood(KEY + "w", 1_000, one, two)).as("far below the limits").isEqualTo(Map.of(200, 1_000));
        assertThat(flood(KEY, 250, one, two)).as("150 in all").isEqualTo(Map.of(200, 150, 429, 100));
        redis.stop();
        assertThat(flood(KEY, 250, one, two)).as("75 a node").isEqualTo(Map.of(200, 150, 429, 100));
        redis.restart();
        await().atMost(30, TimeUnit.SECONDS).until(() -> one.chat(request(), "Authorization", "Bearer " + KEY).statusCode() == 200 && one.get("/metrics").body().contains("dromedary_limit_on_own_share 0.0"));
      }
    }
  }
}
