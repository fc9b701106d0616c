package io.dromedary.cache;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Ticker;
import com.github.benmanes.caffeine.cache.stats.CacheStats;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** The first level of remembered answers: in memory, bounded by weight and age, purged by project, model, key or age. */
public final class AnswerCache {
  public static final long DEFAULT_MAX_BYTES = 256L << 20;
  public static final Duration DEFAULT_TTL = Duration.ofDays(7);

  /**
   * Which answers to let go; conditions that are null do not count, all others must hold. Without any condition: all.
   *
   * @param key one answer's {@link CacheKey}
   * @param olderThan kept longer than this
   */
  public record Purge(@Nullable String project, @Nullable String model, @Nullable String key, @Nullable Duration olderThan) {
    public static final Purge ALL = new Purge(null, null, null, null);
  }

  /**
   * How it does.
   *
   * @param bytes weight of all entries
   */
  public record Stats(long hits, long misses, long evictions, long entries, long bytes) {}

  private final Cache<String, CachedAnswer> answers;
  private final Clock clock;

  public AnswerCache(Cache<String, CachedAnswer> answers, Clock clock) {
    this.answers = answers;
    this.clock = clock;
  }

  /** The cache itself, for the bean {@code answers} that Camel's caffeine endpoint shares. */
  public static Cache<String, CachedAnswer> store(long maxBytes, Duration ttl) {
    return store(maxBytes, ttl, Ticker.systemTicker());
  }

  static Cache<String, CachedAnswer> store(long maxBytes, Duration ttl, Ticker ticker) {
    return Caffeine.newBuilder()
        .maximumWeight(maxBytes)
        .weigher((String key, CachedAnswer answer) -> answer.weight())
        .expireAfterWrite(ttl)
        .ticker(ticker)
        .executor(Runnable::run)
        .recordStats()
        .build();
  }

  /** The answer, its hit counted; null when there is none. */
  public @Nullable CachedAnswer get(String key) {
    CachedAnswer answer = answers.getIfPresent(key);
    return answer == null ? null : answer.hit();
  }

  public void put(String key, CachedAnswer answer) {
    answers.put(key, answer);
  }

  /** @return how many answers were let go */
  public int purge(Purge purge) {
    if (purge.key() != null) {
      CachedAnswer answer = answers.asMap().get(purge.key());
      return answer != null && matches(answer, purge, clock.instant()) && answers.asMap().remove(purge.key(), answer) ? 1 : 0;
    }
    int[] purged = {0};
    Instant now = clock.instant();
    answers.asMap().entrySet().removeIf(entry -> {
      boolean goes = matches(entry.getValue(), purge, now);
      purged[0] += goes ? 1 : 0;
      return goes;
    });
    return purged[0];
  }

  static boolean matches(CachedAnswer answer, Purge purge, Instant now) {
    return (purge.project() == null || purge.project().equals(answer.project()))
        && (purge.model() == null || purge.model().equals(answer.model()))
        && (purge.olderThan() == null || answer.storedAt().isBefore(now.minus(purge.olderThan())));
  }

  public Stats stats() {
    answers.cleanUp();
    CacheStats stats = answers.stats();
    long bytes = answers.policy().eviction().flatMap(eviction -> eviction.weightedSize().stream().boxed().findFirst()).orElse(0L);
    return new Stats(stats.hitCount(), stats.missCount(), stats.evictionCount(), answers.estimatedSize(), bytes);
  }
}
