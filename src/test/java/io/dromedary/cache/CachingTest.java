package io.dromedary.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.cache.CachePolicy.Mode;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class CachingTest {
  static final Instant NOW = Instant.parse("2026-11-21T00:00:00Z");
  final AtomicLong nanos = new AtomicLong();
  final AnswerCache cache = new AnswerCache(AnswerCache.store(10_000, Duration.ofDays(7), nanos::get), Clock.fixed(NOW, ZoneOffset.UTC));
  final CachePolicy policy = new CachePolicy(1, 100);

  static CachedAnswer answer(String project, String model, int bytes, Instant storedAt) {
    return new CachedAnswer(project, new byte[bytes], Usage.NONE, model, "p", Usd.of("0.01"), storedAt);
  }

  static ChatResponse response(String message, String finish) {
    try {
      return new ChatResponse((ObjectNode) Json.read("{\"choices\":[{\"message\":" + message + ",\"finish_reason\":\"" + finish + "\"}]}"), Usage.NONE);
    } catch (IOException e) {
      throw new IllegalArgumentException(e);
    }
  }

  static ChatRequest request(String header, double temperature) {
    return new ChatRequest("r", Json.object().put("temperature", temperature), header == null ? Map.of() : Map.of("x-dromedary-cache", header), NOW, NOW);
  }

  @Test
  @Tag("C3")
  void an_answer_is_recalled_until_it_is_seven_days_old_and_its_hits_are_counted() {
    cache.put("k", answer("a", "m", 10, NOW));
    assertThat(cache.get("k").hits()).isEqualTo(1);
    assertThat(cache.get("k").hits()).isEqualTo(2);
    assertThat(cache.get("other")).isNull();
    assertThat(cache.stats()).isEqualTo(new AnswerCache.Stats(2, 1, 0, 1, 522));
    nanos.addAndGet(Duration.ofDays(7).toNanos());
    assertThat(cache.get("k")).isNull();
  }

  @Test
  @Tag("C3")
  void the_cache_never_outgrows_its_weight() {
    for (int i = 0; i < 100; i++) {
      cache.put("k" + i, answer("a", "m", 1_000, NOW));
    }
    assertThat(cache.stats().bytes()).isLessThanOrEqualTo(10_000);
    assertThat(cache.stats().evictions()).isGreaterThan(80);
  }

  @Test
  @Tag("C3")
  void answers_are_purged_by_project_model_key_and_age() {
    cache.put("1", answer("a", "m", 1, NOW));
    cache.put("2", answer("a", "n", 1, NOW.minusSeconds(3_600)));
    cache.put("3", answer("b", "m", 1, NOW));
    assertThat(cache.purge(new AnswerCache.Purge("b", null, "1", null))).isZero();
    assertThat(cache.purge(new AnswerCache.Purge("a", "m", null, null))).isEqualTo(1);
    assertThat(cache.get("1")).isNull();
    assertThat(cache.purge(new AnswerCache.Purge(null, null, null, Duration.ofMinutes(30)))).isEqualTo(1);
    assertThat(cache.purge(new AnswerCache.Purge(null, null, "3", null))).isEqualTo(1);
    cache.put("4", answer("b", "m", 1, NOW));
    assertThat(cache.purge(AnswerCache.Purge.ALL)).isEqualTo(1);
  }

  @Test
  @Tag("C3")
  void the_header_says_what_the_cache_may_do() {
    assertThat(policy.mode(request(null, 0))).isEqualTo(Mode.USE);
    assertThat(policy.mode(request(null, 1.5))).isEqualTo(Mode.NO_STORE);
    assertThat(policy.mode(request("no-store", 0))).isEqualTo(Mode.NO_STORE);
    assertThat(policy.mode(request("refresh", 0))).isEqualTo(Mode.REFRESH);
    assertThat(policy.mode(request("only", 2))).isEqualTo(Mode.ONLY);
    assertThat(Mode.REFRESH.coalesces()).isFalse();
    assertThat(policy.notInCache().status()).isEqualTo(404);
    assertThatThrownBy(() -> policy.mode(request("maybe", 0))).isInstanceOfSatisfying(Problem.class, problem -> {
      assertThat(problem.status()).isEqualTo(400);
      assertThat(problem.param()).isEqualTo("x-dromedary-cache");
    });
  }

  @Test
  @Tag("C6")
  void only_whole_answers_are_kept() {
    assertThat(policy.keeps(response("{\"content\":\"hi\"}", "stop"))).isTrue();
    assertThat(policy.keeps(response("{\"content\":null,\"tool_calls\":[{}]}", "tool_calls"))).isTrue();
    assertThat(policy.keeps(response("{\"content\":\"hi\"}", "length"))).isFalse();
    assertThat(policy.keeps(response("{\"content\":\"hi\"}", "content_filter"))).isFalse();
    assertThat(policy.keeps(response("{\"content\":\"\"}", "stop"))).isFalse();
    assertThat(policy.keeps(response("{\"content\":\"x\",\"refusal\":\"no\"}", "stop"))).isFalse();
    assertThat(policy.keeps(new ChatResponse(Json.object(), Usage.NONE))).isFalse();
    assertThat(policy.keeps(answer("a", "m", 101, NOW))).isFalse();
  }

  @Test
  @Tag("S7")
  void a_kept_answer_comes_back_as_it_was() {
    ChatResponse given = response("{\"content\":\"hi\"}", "stop");
    CachedAnswer kept = CachedAnswer.of("a", given, "openai/m", "openai", Usd.of("0.5"), NOW);
    assertThat(kept.kept().parsed()).isEqualTo(given);
    assertThat(kept.weight()).isEqualTo(kept.body().length + 512);
  }
}
