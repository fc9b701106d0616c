package io.dromedary.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import io.dromedary.testing.Gateway;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What two nodes make of a store between them, which may say what it likes. Every text has the same vector: nothing but the checks decides. */
@Tag("C2")
class SharedMeaningsTest {
  private static final Duration TTL = Duration.ofDays(7);
  private static final String STORED = "How do I bake a cake?";
  private static final String LIKE = "How can I bake a cake?";

  /** All rows for everybody, unless told otherwise. */
  private static final class Liar implements SemanticStore {
    final Map<String, Map<String, Object>> rows = new ConcurrentHashMap<>();
    final List<Map<String, Object>> purges = new ArrayList<>();
    UnaryOperator<Object> says = honest -> honest;
    volatile boolean down;

    @Override
    public @Nullable Object call(Map<String, Object> operation, Duration most) {
      if (down) {
        throw new IllegalStateException("down");
      }
      switch (operation.get("operation").toString()) {
        case "keep" -> rows.put(operation.get("key").toString(), operation);
        case "look" -> {
          return says.apply(rows.values().stream().map(row -> Map.of("ENTRY", row.get("entry"))).toList());
        }
        case "purge" -> {
          purges.add(operation);
          return 7;
        }
        default -> { }
      }
      return null;
    }
  }

  private final Liar store = new Liar();
  private final List<AutoCloseable> open = new ArrayList<>();
  private final SharedMeanings there = meanings(Clock.systemUTC());
  private final SemanticAnswers one = node(there, Clock.systemUTC());
  private final SharedMeanings elsewhere = meanings(Clock.systemUTC());
  private final SemanticAnswers two = node(elsewhere, Clock.systemUTC());

  private SharedMeanings meanings(Clock clock) {
    SharedMeanings made = new SharedMeanings(store, new SharedMeanings.Settings(TTL, Duration.ofMillis(100), 100_000), clock);
    open.add(made);
    made.start();
    await().atMost(Duration.ofSeconds(10)).until(() -> made.stats().up());
    return made;
  }

  private SemanticAnswers node(SharedMeanings shared, Clock clock) {
    SemanticRules everybody = new SemanticRules() {
      @Override
      public boolean allows(Caller caller) {
        return true;
      }

      @Override
      public double threshold(Caller caller) {
        return 0.8;
      }
    };
    float[] same = new float[Partition.DIMENSIONS];
    Arrays.fill(same, 0.5f);
    SemanticAnswers made = new SemanticAnswers((text, most) -> same, everybody, new SemanticAnswers.Settings(1 << 20, TTL, 1_000, 1, Duration.ofSeconds(1), null), clock, shared);
    open.add(made);
    return made;
  }

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable each : open) {
      each.close();
    }
  }

  private static ChatRequest request(String text) throws IOException {
    return new ChatRequest("r", Gateway.request("openai/gpt-4o", text), Map.of(), Instant.now(), Instant.now().plusSeconds(60));
  }

  private static Caller of(String project) {
    return new Caller(project, "", false, java.util.Set.of());
  }

  private void keep(String project, String text, Instant storedAt) throws IOException {
    ChatRequest request = request(text);
    CachedAnswer answer = new CachedAnswer(project, Json.bytes(Json.object().put("text", text)), Usage.NONE, "openai/gpt-4o", "openai", Usd.of("0.01"), storedAt);
    int before = store.rows.size();
    one.keep(one.question(of(project), project, request), CacheKey.of(project, request), answer);
    await().atMost(Duration.ofSeconds(10)).until(() -> store.rows.size() > before);
  }

  private boolean found(String project, String text) throws IOException {
    SemanticAnswers.Found found = two.look(two.question(of(project), project, request(text)));
    return found != null && found.hit();
  }

  @Test
  void what_one_node_was_told_another_finds_and_counts() throws IOException {
    keep("p", STORED, Instant.now());
    assertThat(found("p", LIKE)).isTrue();
    assertThat(found("p", "How can I not bake a cake?")).as("the second check is ours").isFalse();
    assertThat(elsewhere.stats().hits()).isEqualTo(1);
    assertThat(elsewhere.stats().misses()).isEqualTo(1);
    assertThat(there.stats().written()).isEqualTo(1);
  }

  @Test
  void a_store_that_gives_another_projects_or_partitions_entry_has_nothing() throws IOException {
    keep("q", STORED, Instant.now());
    assertThat(found("p", LIKE)).isFalse();
    assertThat(elsewhere.stats().garbage()).isEqualTo(1);
    assertThat(found("q", LIKE)).isTrue();
  }

  @Test
  void an_entry_that_was_changed_anywhere_is_none() throws IOException {
    keep("p", STORED, Instant.now());
    byte[] whole = Base64.getDecoder().decode(store.rows.values().iterator().next().get("entry").toString());
    for (int at = 0; at < whole.length; at += 7) {
      byte[] changed = whole.clone();
      changed[at] ^= 1;
      store.says = honest -> List.of(Map.of("entry", Base64.getEncoder().encodeToString(changed)));
      assertThat(found("p", LIKE)).as("byte %s", at).isFalse();
    }
  }

  @Test
  void whatever_else_it_says_is_nothing() throws IOException {
    keep("p", STORED, Instant.now());
    for (Object said : new Object[] {"", "no JSON", "{\"entry\": 5}", "{\"entry\": {\"entry\": null}}", "[[[", 7, List.of(), List.of("x"), List.of(Map.of("entry", "")), List.of(Map.of("entry", "%%%")), Map.of("entry", "x")}) {
      store.says = honest -> said;
      assertThat(found("p", LIKE)).as(said.toString()).isFalse();
    }
    store.says = honest -> "{\"result\": {\"points\": [{\"payload\": {\"entry\": \"" + store.rows.values().iterator().next().get("entry") + "\"}}]}}";
    assertThat(found("p", LIKE)).as("but JSON with entries in it").isTrue();
  }

  @Test
  void an_entry_that_is_too_old_or_was_purged_here_is_none() throws IOException {
    keep("p", STORED, Instant.now().minus(TTL).minusSeconds(1));
    assertThat(found("p", LIKE)).isFalse();
    keep("p", "How do I paint a wall?", Instant.now().minusSeconds(1));
    assertThat(found("p", "How can I paint a wall?")).isTrue();
    assertThat(elsewhere.purge(new AnswerCache.Purge("p", null, null, null))).isEqualTo(7);
    assertThat(found("p", "How can I paint a wall?")).as("though the store still gives it").isFalse();
  }

  @Test
  @Tag("C5")
  void a_store_that_is_down_has_nothing_and_is_purged_and_written_to_when_it_is_back() throws IOException {
    keep("p", STORED, Instant.now());
    store.down = true;
    assertThat(found("p", LIKE)).isFalse();
    assertThat(elsewhere.stats().away()).isEqualTo(1);
    int before = store.purges.size();
    assertThat(elsewhere.purge(new AnswerCache.Purge("q", null, "k", null))).isEqualTo(-1);
    store.down = false;
    await().atMost(Duration.ofSeconds(10)).until(() -> store.purges.size() > before);
    assertThat(store.purges.get(store.purges.size() - 1)).containsEntry("project", "q").containsEntry("model", "").containsEntry("key", "k");
    assertThat(found("p", LIKE)).isTrue();
    keep("p", "How do I paint a wall?", Instant.now());
  }
}
