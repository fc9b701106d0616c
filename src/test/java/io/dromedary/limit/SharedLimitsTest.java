package io.dromedary.limit;

import static io.dromedary.limit.LimitSamples.A;
import static io.dromedary.limit.LimitSamples.answered;
import static io.dromedary.limit.LimitSamples.candidate;
import static io.dromedary.limit.LimitSamples.request;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.testing.RedisServer;
import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisException;
import io.lettuce.core.RedisFuture;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.async.RedisAsyncCommands;
import io.lettuce.core.codec.ByteArrayCodec;
import io.lettuce.core.codec.RedisCodec;
import io.lettuce.core.codec.StringCodec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Limits that several nodes share in a real Redis. */
@Tag("M3")
class SharedLimitsTest {
  private static RedisServer server;
  private static RedisClient client;

  private final LimitSamples samples = new LimitSamples();
  private final List<RateLimits> nodes = new ArrayList<>();
  private final List<StatefulRedisConnection<String, byte[]>> connections = new ArrayList<>();

  @BeforeAll
  static void start() {
    server = RedisServer.start();
    client = RedisClient.create(RedisURI.create(server.url()));
    client.setOptions(ClientOptions.builder().disconnectedBehavior(ClientOptions.DisconnectedBehavior.REJECT_COMMANDS).build());
  }

  @AfterAll
  static void stop() {
    client.shutdown(0, 1, TimeUnit.SECONDS);
    server.close();
  }

  @AfterEach
  void close() {
    connections.get(0).sync().flushall();
    nodes.forEach(RateLimits::close);
    connections.forEach(StatefulRedisConnection::close);
  }

  /** A connection that waits half a second for an answer. */
  private record Calls(StatefulRedisConnection<String, byte[]> connection) implements RedisCalls {
    @Override
    public <T> T call(Function<RedisAsyncCommands<String, byte[]>, RedisFuture<T>> command) {
      RedisFuture<T> answer = command.apply(connection.async());
      try {
        return answer.get(500, TimeUnit.MILLISECONDS);
      } catch (java.util.concurrent.ExecutionException e) {
        throw e.getCause() instanceof RedisException told ? told : new RedisException(e.getCause());
      } catch (InterruptedException | java.util.concurrent.TimeoutException e) {
        throw new RedisException(e);
      }
    }
  }

  private RateLimits node(String... accountWindows) {
    StatefulRedisConnection<String, byte[]> connection = client.connect(RedisCodec.of(StringCodec.UTF8, ByteArrayCodec.INSTANCE));
    connections.add(connection);
    Map<String, LimitRules> accounts = accountWindows.length == 0 ? Map.of() : Map.of("openai", LimitRules.ofAccount("openai", LimitSamples.yaml("[" + String.join(", ", accountWindows) + "]"), model -> true));
    RateLimits node = RateLimits.shared(samples.source, accounts, new Calls(connection), 2, model -> true, caller -> 1, 1_000, RateLimits.Observer.NONE);
    nodes.add(node);
    return node;
  }

  /** Books of a node whose places are kept for three seconds after its last word. */
  private RedisBooks books() {
    StatefulRedisConnection<String, byte[]> connection = client.connect(RedisCodec.of(StringCodec.UTF8, ByteArrayCodec.INSTANCE));
    connections.add(connection);
    return new RedisBooks(new RedisRecords(new Calls(connection)), Duration.ofSeconds(3));
  }

  private static JsonNode window(RateLimits node, int index) {
    return node.page(A).get(index);
  }

  private static Problem refused(RateLimits node) {
    Problem problem = catchThrowableOfType(Problem.class, () -> node.take(request(), A));
    assertThat(problem).as("refused").isNotNull();
    return problem;
  }

  /** Has eight threads a node ask, so many times each. @return how many were granted and refused */
  private static int[] flood(List<RateLimits> nodes, int times) throws Exception {
    AtomicInteger granted = new AtomicInteger();
    AtomicInteger refused = new AtomicInteger();
    ExecutorService pool = Executors.newFixedThreadPool(16);
    try {
      List<Callable<Integer>> all = new ArrayList<>();
      for (int thread = 0; thread < 16; thread++) {
        RateLimits node = nodes.get(thread % nodes.size());
        all.add(() -> {
          for (int i = 0; i < times; i++) {
            try {
              node.settle(node.take(request("'max_tokens':100"), A), answered(50));
              granted.incrementAndGet();
            } catch (Problem full) {
              refused.incrementAndGet();
            }
          }
          return 0;
        });
      }
      for (Future<Integer> each : pool.invokeAll(all)) {
        each.get();
      }
    } finally {
      pool.shutdownNow();
    }
    return new int[] {granted.get(), refused.get()};
  }

  @Test
  void places_of_a_killed_node_are_free_again_and_those_of_a_living_one_stay_its_own() {
    samples.source.project("team-a", "{concurrent: 2}");
    RedisBooks killed = books();
    RedisBooks idle = books();
    RateLimits asking = samples.limits(books());
    samples.limits(killed).take(request(), A);
    RateLimits living = samples.limits(idle);
    Taken held = living.take(request(), A);
    refused(asking);

    killed.close();
    await().atMost(Duration.ofSeconds(20)).ignoreExceptionsInstanceOf(Problem.class).until(() -> asking.take(request(), A) != null);
    await().during(Duration.ofSeconds(4)).atMost(Duration.ofSeconds(20)).untilAsserted(() -> refused(asking));

    living.settle(held, answered(50));
    await().atMost(Duration.ofSeconds(20)).ignoreExceptionsInstanceOf(Problem.class).until(() -> asking.take(request(), A) != null);
    refused(living);
  }

  @Test
  void two_nodes_hold_every_limit_exactly_and_refusals_consume_nothing() throws Exception {
    samples.source.project("team-a", "{per: hour, requests: 500}", "{per: hour, tokens: 10000000}", "{per: hour, requests: 400, for: key}", "{concurrent: 100}");
    RateLimits one = node();
    RateLimits two = node();
    int[] result = flood(List.of(one, two), 50);
    assertThat(result).as("granted, refused").containsExactly(400, 400);
    await().atMost(5, TimeUnit.SECONDS).untilAsserted(() -> assertThat(window(two, 1).path("used").asInt()).as("tokens, put right").isEqualTo(400 * 50));
    assertThat(window(one, 0).path("used").asInt()).isEqualTo(400);
    assertThat(window(one, 2).path("used").asInt()).as("under way").isZero();
    assertThat(one.counted()).isEqualTo("shared");
  }

  @Tag("M2")
  @Test
  void two_thousand_requests_far_below_the_limits_are_all_granted() throws Exception {
    samples.source.project("team-a", "{per: minute, requests: 100000}", "{per: minute, tokens: 100000000, for: user}", "{per: second, requests: 50000}", "{concurrent: 1000, for: key}");
    assertThat(flood(List.of(node(), node()), 125)).containsExactly(2_000, 0);
  }

  @Test
  void places_at_once_windows_of_models_and_of_accounts_are_shared() {
    samples.source.project("team-a", "{concurrent: 2}", "{per: hour, requests: 1, for: model, models: [openai/gpt-4o]}");
    RateLimits one = node("{per: hour, requests: 2}");
    RateLimits two = node("{per: hour, requests: 2}");
    Taken first = one.take(request(), A);
    one.attempt(first, candidate("openai/gpt-4o"));
    Taken second = two.take(request(), A);
    assertThat(catchThrowableOfType(ProviderFailure.class, () -> two.attempt(second, candidate("openai/gpt-4o")))).hasMessageContaining("model `openai/gpt-4o` has used 1 of 1");
    two.attempt(second, candidate("openai/gpt-4o-mini"));
    assertThat(refused(one)).hasMessageContaining("2 of 2 requests at once");
    two.settle(second, answered(5));
    await().atMost(5, TimeUnit.SECONDS).until(() -> window(one, 0).path("used").asInt() == 1);
    Taken third = one.take(request(), A);
    assertThat(catchThrowableOfType(ProviderFailure.class, () -> one.attempt(third, candidate("openai/gpt-4o-mini")))).hasMessageContaining("the account of provider `openai` has used 2 of 2");
  }

  @Test
  void a_node_that_starts_again_forgets_nothing() {
    samples.source.project("team-a", "{per: hour, requests: 3}");
    RateLimits before = node();
    before.take(request(), A);
    before.take(request(), A);
    before.close();
    RateLimits after = node();
    after.take(request(), A);
    refused(after);
  }

  @Tag("F5")
  @Test
  void without_redis_each_node_holds_its_share_and_nobody_meets_an_error() throws Exception {
    samples.source.project("team-a", "{per: hour, requests: 20}", "{per: hour, tokens: 100000}");
    RateLimits one = node();
    RateLimits two = node();
    one.take(request(), A);
    server.stop();
    try {
      assertThat(flood(List.of(one), 5)[0]).as("half of 20").isEqualTo(10);
      assertThat(flood(List.of(two), 5)[0]).isEqualTo(10);
      assertThat(one.counted()).isEqualTo("share");
      assertThat(refused(one)).hasMessageContaining("10 of 10 requests an hour");
    } finally {
      server.restart();
    }
    await().atMost(10, TimeUnit.SECONDS).until(() -> one.take(request(), A) != null && one.counted().equals("shared"));
  }

  @Tag("F5")
  @Test
  void a_redis_that_hangs_is_as_good_as_none_and_loses_no_place() {
    samples.source.project("team-a", "{per: hour, requests: 20}", "{concurrent: 4}");
    RateLimits one = node();
    Taken before = one.take(request(), A);
    server.hold();
    try {
      Taken meanwhile = one.take(request(), A);
      assertThat(meanwhile.headers()).containsEntry("x-ratelimit-limit-requests", "10");
      one.settle(meanwhile, answered(5));
      one.settle(before, answered(5));
    } finally {
      server.letGo();
    }
    await().atMost(10, TimeUnit.SECONDS).until(() -> {
      one.settle(one.take(request(), A), null);
      return one.counted().equals("shared") && window(one, 1).path("used").asInt() == 0;
    });
  }

  @Test
  @Tag("M12")
  void capacity_that_was_bought_is_one_count_for_all_nodes() throws Exception {
    Allowance one = node().allowance("azure/gpt-4o", 100, 10_000);
    Allowance two = node().allowance("azure/gpt-4o", 100, 10_000);
    AtomicInteger ids = new AtomicInteger();
    ExecutorService callers = Executors.newFixedThreadPool(16);
    try {
      List<Callable<Allowance.Grant>> calls = new ArrayList<>();
      for (int i = 0; i < 300; i++) {
        calls.add(() -> (ids.incrementAndGet() % 2 == 0 ? one : two).take(10));
      }
      List<Allowance.Grant> granted = new ArrayList<>();
      for (Future<Allowance.Grant> call : callers.invokeAll(calls)) {
        if (call.get() != null) {
          granted.add(call.get());
        }
      }
      assertThat(granted).hasSize(100);
      assertThat(two.take(1)).isNull();
      assertThat(one.take(1)).isNull();
      assertThat(one.isFree() || two.isFree()).isFalse();
      assertThat(one.secondsToNext()).isBetween(1L, 60L);
    } finally {
      callers.shutdown();
    }
    Allowance tokens = nodes.get(0).allowance("azure/o1", 0, 1_000);
    Allowance.Grant most = tokens.take(1_000);
    assertThat(nodes.get(1).allowance("azure/o1", 0, 1_000).take(1)).isNull();
    most.used(100);
    most.used(100);
    await().atMost(10, TimeUnit.SECONDS).untilAsserted(() -> assertThat(nodes.get(1).allowance("azure/o1", 0, 1_000).utilisation()).isEqualTo(0.1));
  }

  @Test
  void what_cannot_be_read_in_redis_is_begun_anew() {
    samples.source.project("team-a", "{per: hour, requests: 3}");
    RateLimits one = node();
    one.take(request(), A);
    String key = connections.get(0).sync().keys("*").get(0);
    assertThat(key).isEqualTo("dromedary:limit:{project:team-a}:project");
    for (byte[] garbage : new byte[][] {{1}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, "garbage".getBytes()}) {
      connections.get(0).sync().set(key, garbage);
      one.take(request(), A);
      assertThat(window(one, 0).path("used").asInt()).isEqualTo(1);
    }
    assertThat(one.counted()).isEqualTo("shared");
  }

  @Test
  void what_is_whole_again_leaves_redis() {
    samples.source.project("team-a", "{per: second, requests: 3}");
    node().take(request(), A);
    assertThat(connections.get(0).sync().keys("*")).hasSize(1);
    await().atMost(10, TimeUnit.SECONDS).until(() -> connections.get(0).sync().keys("*").isEmpty());
  }
}
