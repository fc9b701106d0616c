package io.dromedary.features;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.dromedary.cache.AnswerCache;
import io.dromedary.cache.SharedAnswers;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Gateway.Answer;
import io.dromedary.testing.RedisServer;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerRegistry;
import io.lettuce.core.RedisClient;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.codec.ByteArrayCodec;
import io.lettuce.core.codec.RedisCodec;
import io.lettuce.core.codec.StringCodec;
import java.time.Clock;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Answers that another node was given: a gateway that forgets what is in its memory, a second node's caches, and one Redis, which comes to harm. */
class SharedCacheTest {
  private static final String MODEL = "openai/gpt-4o";
  private static final Duration SOON = Duration.ofSeconds(10);

  private static RedisServer server;
  private static RedisClient client;
  private static RedisCommands<String, byte[]> redis;
  private static FakeProvider openai;
  private static Gateway gateway;
  private static AnswerCache otherMemory;
  private static RedisServer.Calls calls;
  private static SharedAnswers other;
  private static int questions;

  private String question;

  @BeforeAll
  static void start() {
    server = RedisServer.start();
    client = RedisClient.create(server.url());
    redis = client.connect(RedisCodec.of(StringCodec.UTF8, ByteArrayCodec.INSTANCE)).sync();
    openai = FakeProvider.openai().usage(100, 50);
    gateway = Gateway.with("openai", openai).set("dromedary.redis.url", server.url()).start();
    otherMemory = new AnswerCache(AnswerCache.store(1 << 20, Duration.ofDays(7)), Clock.systemUTC());
    calls = server.calls();
    other = new SharedAnswers(calls, otherMemory, otherMemory::purge, Duration.ofDays(7), 1 << 20, Clock.systemUTC());
  }

  /** As if another node were asked: nothing is in its memory. */
  private static Answer elsewhere(String question) {
    gateway.bean(AnswerCache.class).purge(AnswerCache.Purge.ALL);
    return gateway.chat(MODEL, question);
  }

  @AfterAll
  static void stop() {
    other.close();
    calls.close();
    gateway.close();
    openai.close();
    client.close();
    server.close();
  }

  @BeforeEach
  void a_question_nobody_asked_before() {
    question = "shared question " + ++questions;
    redis.keys("dromedary:answer:*").forEach(redis::del);
  }

  private static long kept(String pattern) {
    return redis.keys(pattern).size();
  }

  private static long kept() {
    return kept("dromedary:answer:default:*");
  }

  /** Asks one node and waits until Redis has the answer too. */
  private static Answer askAndWait(String question) {
    long before = kept();
    Answer answer = gateway.chat(MODEL, question);
    await().atMost(SOON).until(() -> kept() > before);
    return answer;
  }

  private static String cache(Answer answer) {
    assertThat(answer.status()).isEqualTo(200);
    return answer.header("x-dromedary-cache");
  }

  @Test
  @Tag("C3")
  void what_one_node_was_answered_the_other_recalls_with_its_price_and_then_from_its_own_memory() {
    Answer first = askAndWait(question);
    Answer second = elsewhere(question);

    assertThat(cache(first)).isEqualTo("miss");
    assertThat(cache(second)).isEqualTo("hit");
    assertThat(second.content()).isEqualTo(first.content());
    assertThat(second.header("x-dromedary-cost-usd")).isEqualTo("0");
    assertThat(second.header("x-dromedary-saved-usd")).isEqualTo(first.header("x-dromedary-cost-usd"));
    double looks = gateway.bean(SharedAnswers.class).hits();
    assertThat(cache(gateway.chat(MODEL, question))).isEqualTo("hit");
    assertThat(gateway.bean(SharedAnswers.class).hits()).isEqualTo(looks);
    assertThat(redis.ttl(redis.keys("dromedary:answer:default:*").get(0))).isBetween(600_000L, 604_800L);
    await().atMost(SOON).until(() -> gateway.admin("/admin/cache").json().at("/shared/hits_of_all_nodes/default").asLong() > 0);
  }

  @Test
  @Tag("C3")
  void a_purge_at_one_node_empties_redis_and_within_seconds_the_memory_of_all_nodes() {
    askAndWait(question);
    String key = redis.keys("dromedary:answer:default:*").get(0).split(":")[3];
    otherMemory.put(key, other.look("default", key));
    assertThat(otherMemory.stats().entries()).isPositive();

    assertThat(gateway.admin("/admin/cache/purge", "{'project': 'somebody-else'}").json().path("shared").asInt()).isZero();
    assertThat(kept()).isPositive();
    assertThat(gateway.admin("/admin/cache/purge", "{'model': '" + MODEL + "'}").json().path("shared").asInt()).isPositive();
    assertThat(kept()).isZero();
    await().atMost(SOON).until(() -> otherMemory.stats().entries() == 0);
    assertThat(cache(elsewhere(question))).isEqualTo("miss");
  }

  @Test
  @Tag("C5")
  @Tag("X10")
  void garbage_in_redis_is_a_miss_and_is_never_served() {
    askAndWait(question);
    byte[] good = redis.get(redis.keys("dromedary:answer:default:*").get(0));
    List<String> names = redis.keys("dromedary:answer:default:*");
    byte[] cut = Arrays.copyOf(good, good.length - 1);
    byte[] flipped = good.clone();
    flipped[good.length - 20] ^= 1;
    byte[] newer = good.clone();
    newer[2]++;
    byte[] serialised = {(byte) 0xac, (byte) 0xed, 0, 5, 't', 0, 1, 'x'};
    List<byte[]> wrong = List.of(new byte[] {1}, "{\"choices\":[{\"message\":{\"content\":\"evil\"}}]}".getBytes(UTF_8), cut, flipped, newer, serialised, new byte[3 << 20]);
    for (byte[] value : wrong) {
      names.forEach(name -> redis.set(name, value));
      assertThat(otherLooks(names.get(0))).isNull();
    }
    // another answer's bytes under this name
    thrownOut(names.get(0));
    askAndWait(question + " again");
    byte[] foreign = redis.keys("dromedary:answer:default:*").stream().filter(name -> !names.contains(name)).findFirst().map(redis::get).orElseThrow();
    redis.set(names.get(0), foreign);
    assertThat(otherLooks(names.get(0))).isNull();
    // a value of another kind
    thrownOut(names.get(0));
    redis.lpush(names.get(0), good);
    assertThat(otherLooks(names.get(0))).isNull();
    assertThat(gateway.admin("/admin/cache/purge", "{'model': 'openai/another'}").json().path("shared").asInt()).as("what is none of ours goes with any purge").isPositive();
    redis.del("dromedary:answers:purges");
    redis.set("dromedary:answers:purges", new byte[] {1});
    assertThat(gateway.admin("/admin/cache/purge", "{'model': 'openai/another'}").json().path("shared").asInt()).as("nor does that keep a purge from being told").isNotNegative();
    redis.del("dromedary:answers:hits");
    redis.set("dromedary:answers:hits", new byte[] {1});
    await().atMost(SOON).until(() -> gateway.admin("/admin/cache").json().at("/shared/up").asBoolean());
    assertThat(cache(elsewhere(question))).isEqualTo("miss");
  }

  /** A look that a busy machine made too slow has seen nothing and thrown nothing out: the next one does. */
  private static void thrownOut(String name) {
    await().atMost(SOON).until(() -> otherLooks(name) == null && redis.exists(name) == 0);
  }

  private static Object otherLooks(String name) {
    String[] parts = name.split(":");
    return gateway.bean(SharedAnswers.class).look(parts[2], parts[3]);
  }

  private void ask(int calls, String what) {
    for (int i = 0; i < calls; i++) {
      assertThat(elsewhere(question + what + i).status()).isEqualTo(200);
    }
  }

  private void hitsAreBack(String what) {
    await().atMost(SOON).pollInterval(Duration.ofMillis(200)).until(() -> "hit".equals(elsewhere(question + what).header("x-dromedary-cache")));
  }

  @Test
  @Tag("C5")
  void a_redis_that_accepts_and_never_answers_slows_nobody_after_a_few_calls_and_is_used_again_soon() {
    ask(5, "warm");
    CircuitBreaker breaker = gateway.bean(CircuitBreakerRegistry.class).circuitBreaker("redis-cache");
    server.hold();
    try {
      ask(20, "first");
      await().atMost(SOON).until(() -> breaker.getState() != CircuitBreaker.State.CLOSED);
      double away = gateway.bean(SharedAnswers.class).away();
      ask(20, "during");
      // whoever asks does not wait for Redis until the watch has found it back; how little that costs is measured by src/bench/run --scenarios=redis
      assertThat(gateway.bean(SharedAnswers.class).away() - away).isEqualTo(20);
      assertThat(breaker.getState()).isNotEqualTo(CircuitBreaker.State.CLOSED);
    } finally {
      server.letGo();
    }
    hitsAreBack("after");
  }

  @Test
  @Tag("C5")
  void a_redis_that_dies_is_a_miss_a_purge_waits_for_it_and_hits_come_back_with_it() {
    askAndWait(question);
    server.stop();
    assertThat(cache(elsewhere(question))).isEqualTo("miss");
    assertThat(gateway.admin("/admin/cache/purge", "{}").json().path("shared").asInt()).isEqualTo(-1);
    assertThat(gateway.admin("/admin/cache").json().at("/shared/up").asBoolean(true)).isFalse();
    server.restart();
    hitsAreBack("after");
    await().atMost(SOON).until(() -> gateway.admin("/admin/cache").json().at("/shared/up").asBoolean());
  }
}
