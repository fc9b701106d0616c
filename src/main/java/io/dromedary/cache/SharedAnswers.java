package io.dromedary.cache;

import io.dromedary.catalog.Recall;
import io.lettuce.core.KeyScanCursor;
import io.lettuce.core.Limit;
import io.lettuce.core.Range;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.ScanArgs;
import io.lettuce.core.ScanCursor;
import io.lettuce.core.SetArgs;
import io.lettuce.core.StreamMessage;
import io.lettuce.core.XAddArgs;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The second level of remembered answers: in Redis, for all nodes. Redis that is away, slow or full of garbage has nothing (C5): no method here throws because of it, and none but {@link #look} and {@link #purge} waits for it.
 *
 * <p>Keys: {@code dromedary:answer:<project>:<sha256>} for an answer, {@code dromedary:answers:hits} for hits by project, {@code dromedary:answers:purges} for what was purged of late, a stream that every node reads each second to
 * purge its own memory; what it finds there it also refuses to take from Redis, so that an answer purged while a node was writing it stays purged.
 */
public final class SharedAnswers implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SharedAnswers.class);
  private static final String ANSWER = "dromedary:answer:";
  private static final String HITS = "dromedary:answers:hits";
  private static final String PURGES = "dromedary:answers:purges";
  private static final int PURGES_KEPT = 1_000;
  private static final int WRITES_WAITING = 1_000;
  private static final long BYTES_WAITING = 64L << 20;
  private static final Duration LONGEST_PURGE = Duration.ofSeconds(20);

  /**
   * How it does, as this node sees it.
   *
   * @param away look-ups that Redis did not answer in time or at all
   * @param garbage values that were none of ours, deleted
   * @param dropped answers not written because too many waited or Redis was away
   * @param hitsOfAll hits of all nodes by project, null while Redis is away
   */
  public record Stats(long hits, long misses, long away, long garbage, long written, long dropped, @Nullable Map<String, Long> hitsOfAll) {}

  private final RedisCalls redis;
  private final AnswerCache memory;
  private final Consumer<AnswerCache.Purge> here;
  private final Duration ttl;
  private final int maxBytes;
  private final Clock clock;
  private final ThreadPoolExecutor writer;
  private final ScheduledExecutorService watch;
  private final AtomicLong bytesWaiting = new AtomicLong();
  private final ConcurrentHashMap<String, LongAdder> unsaidHits = new ConcurrentHashMap<>();
  private final ConcurrentLinkedQueue<Purged> untold = new ConcurrentLinkedQueue<>();
  private final List<Purged> purged = new CopyOnWriteArrayList<>();
  private final LongAdder hits = new LongAdder();
  private final LongAdder misses = new LongAdder();
  private final LongAdder away = new LongAdder();
  private final LongAdder garbage = new LongAdder();
  private final LongAdder written = new LongAdder();
  private final LongAdder dropped = new LongAdder();
  private String lastPurge;

  /**
   * Starts to follow other nodes' purges.
   *
   * @param here purges what this node keeps, when another node says so
   * @param maxBytes answers longer than this stay in memory: they would not come within a look-up's time
   */
  public SharedAnswers(RedisCalls redis, AnswerCache memory, Consumer<AnswerCache.Purge> here, Duration ttl, int maxBytes, Clock clock) {
    this.redis = redis;
    this.memory = memory;
    this.here = here;
    this.ttl = ttl;
    this.maxBytes = maxBytes;
    this.clock = clock;
    this.lastPurge = Math.max(0, clock.instant().minus(ttl).toEpochMilli()) + "-0";
    writer = new ThreadPoolExecutor(1, 1, 30, TimeUnit.SECONDS, new ArrayBlockingQueue<>(WRITES_WAITING), Aside.threads("dromedary-shared-answers"));
    writer.allowCoreThreadTimeOut(true);
    watch = Executors.newSingleThreadScheduledExecutor(Aside.threads("dromedary-shared-purges"));
    watch.scheduleWithFixedDelay(this::catchUp, 0, 1, TimeUnit.SECONDS);
  }

  /** The answer that some node was given, now in this node's memory too; null when there is none or Redis does not tell in time. */
  public @Nullable CachedAnswer look(Recall recall) {
    if (!(recall instanceof Recollection recollection) || recollection.lookUpKey().isEmpty()) {
      return null;
    }
    CachedAnswer answer = look(recollection.project(), recollection.lookUpKey());
    if (answer != null) {
      memory.put(recollection.lookUpKey(), answer);
    }
    return answer;
  }

  /** The same by names. */
  public @Nullable CachedAnswer look(String project, String key) {
    if (redis.rests()) {
      // it is the watch that finds it back: no request waits for that
      away.increment();
      return null;
    }
    byte[] bytes;
    try {
      // A range, so that not even a huge value that somebody put there is read whole.
      bytes = redis.call(commands -> commands.getrange(name(project, key), 0, (long) maxBytes + AnswerLayout.HEAD));
    } catch (RuntimeException notNow) {
      away.increment();
      return null;
    }
    if (bytes == null || bytes.length == 0) {
      misses.increment();
      return null;
    }
    CachedAnswer answer = AnswerLayout.read(key, bytes);
    if (answer == null || !answer.project().equals(project)) {
      garbage.increment();
      later(0, () -> redis.call(commands -> commands.unlink(name(project, key))));
      return null;
    }
    if (answer.storedAt().plus(ttl).isBefore(clock.instant()) || purged.stream().anyMatch(each -> each.forbids(key, answer))) {
      misses.increment();
      return null;
    }
    hits.increment();
    unsaidHits.computeIfAbsent(project, p -> new LongAdder()).increment();
    return answer;
  }

  private static String name(String project, String key) {
    return ANSWER + project + ':' + key;
  }

  /** Writes it soon, unless too much waits to be written; returns at once. */
  public void offer(String key, CachedAnswer answer) {
    long left = Duration.between(clock.instant(), answer.storedAt().plus(ttl)).toMillis();
    if (answer.body().length > maxBytes || left <= 0) {
      return;
    }
    later(answer.weight(), () -> {
      redis.call(commands -> commands.set(name(answer.project(), key), AnswerLayout.write(key, answer), SetArgs.Builder.px(left)));
      written.increment();
    });
  }

  private void later(int bytes, Runnable call) {
    if (bytesWaiting.addAndGet(bytes) > BYTES_WAITING) {
      bytesWaiting.addAndGet(-bytes);
      dropped.increment();
      return;
    }
    try {
      writer.execute(() -> {
        try {
          call.run();
        } catch (RuntimeException notNow) {
          dropped.increment();
        } finally {
          bytesWaiting.addAndGet(-bytes);
        }
      });
    } catch (RejectedExecutionException full) {
      bytesWaiting.addAndGet(-bytes);
      dropped.increment();
    }
  }

  /**
   * Tells all nodes to let these answers go and deletes them in Redis. While Redis is away it is tried again each second, for as long as this node runs.
   *
   * @return how many were deleted there, -1 when that has yet to be done
   */
  public int purge(AnswerCache.Purge purge) {
    Purged record = new Purged(purge, clock.instant());
    purged.add(record);
    try {
      return carryOut(record);
    } catch (RuntimeException notNow) {
      LOG.warn("Redis does not answer: its answers are purged when it does ({})", notNow.getMessage());
      untold.add(record);
      return -1;
    }
  }

  private int carryOut(Purged record) {
    AnswerCache.Purge purge = record.purge();
    Map<String, byte[]> fields = new TreeMap<>();
    fields.put("at", bytes(Long.toString(record.at().toEpochMilli())));
    put(fields, "project", purge.project());
    put(fields, "model", purge.model());
    put(fields, "key", purge.key());
    put(fields, "older", purge.olderThan() == null ? null : Long.toString(purge.olderThan().toMillis()));
    try {
      tell(fields);
    } catch (RedisCommandExecutionException refused) {
      if (!mended(PURGES, "stream")) {
        // it is full: what goes makes room
        int deleted = delete(record);
        tell(fields);
        return deleted;
      }
      tell(fields);
    }
    return delete(record);
  }

  /** Deletes what somebody put in our place; false when it is of the right kind. */
  private boolean mended(String name, String type) {
    String is = redis.patiently(commands -> commands.type(name));
    if (is.equals(type) || is.equals("none")) {
      return false;
    }
    garbage.increment();
    redis.patiently(commands -> commands.unlink(name));
    return true;
  }

  private void tell(Map<String, byte[]> purge) {
    redis.patiently(commands -> commands.xadd(PURGES, XAddArgs.Builder.maxlen(PURGES_KEPT).approximateTrimming(), purge));
  }

  private static void put(Map<String, byte[]> fields, String name, @Nullable String value) {
    if (value != null) {
      fields.put(name, bytes(value));
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** Project and key stand in the name; model and age in the first bytes. */
  private int delete(Purged record) {
    AnswerCache.Purge purge = record.purge();
    String pattern = ANSWER + (purge.project() == null ? "*" : glob(purge.project())) + ':' + (purge.key() == null ? "*" : glob(purge.key()));
    boolean mustLook = purge.model() != null || purge.olderThan() != null;
    long end = System.nanoTime() + LONGEST_PURGE.toNanos();
    int deleted = 0;
    ScanCursor cursor = ScanCursor.INITIAL;
    do {
      ScanCursor from = cursor;
      KeyScanCursor<String> page = redis.patiently(commands -> commands.scan(from, ScanArgs.Builder.matches(pattern).limit(500)));
      List<String> goes = new ArrayList<>();
      for (String name : page.getKeys()) {
        if (!mustLook || matches(name, record)) {
          goes.add(name);
        }
      }
      if (!goes.isEmpty()) {
        deleted += (int) (long) redis.patiently(commands -> commands.unlink(goes.toArray(String[]::new)));
      }
      cursor = page;
      if (System.nanoTime() > end) {
        throw new IllegalStateException("deleting takes longer than " + LONGEST_PURGE.toSeconds() + " s; " + deleted + " are gone");
      }
    } while (!cursor.isFinished());
    return deleted;
  }

  /** What is not like ours goes with any purge. */
  private boolean matches(String name, Purged record) {
    AnswerLayout.Head head;
    try {
      head = AnswerLayout.head(redis.patiently(commands -> commands.getrange(name, 0, AnswerLayout.HEAD)));
    } catch (RedisCommandExecutionException ofAnotherKind) {
      return true;
    }
    AnswerCache.Purge purge = record.purge();
    return head == null || (purge.model() == null || purge.model().equals(head.model())) && (purge.olderThan() == null || head.storedAt().isBefore(record.at().minus(purge.olderThan())));
  }

  private static String glob(String text) {
    return text.replaceAll("[\\\\*?\\[\\]^-]", "\\\\$0");
  }

  /** Each second: what could not be told is told, what others purged is purged here, hits are added up. */
  private void catchUp() {
    try {
      for (Purged record = untold.peek(); record != null; record = untold.peek()) {
        carryOut(record);
        untold.poll();
      }
      List<StreamMessage<String, byte[]>> news = redis.call(commands -> commands.xrange(PURGES, Range.from(Range.Boundary.excluding(lastPurge), Range.Boundary.unbounded()), Limit.from(PURGES_KEPT)));
      for (StreamMessage<String, byte[]> each : news) {
        Purged record = read(each.getBody());
        if (record != null) {
          purged.add(record);
          here.accept(record.asOf(clock.instant()));
        }
        lastPurge = each.getId();
      }
      if (purged.size() > PURGES_KEPT) {
        purged.subList(0, purged.size() - PURGES_KEPT).clear();
      }
      for (Map.Entry<String, LongAdder> each : unsaidHits.entrySet()) {
        long unsaid = each.getValue().sumThenReset();
        if (unsaid > 0) {
          try {
            redis.call(commands -> commands.hincrby(HITS, each.getKey(), unsaid));
          } catch (RuntimeException notNow) {
            each.getValue().add(unsaid);
            throw notNow;
          }
        }
      }
    } catch (RedisCommandExecutionException refused) {
      mended();
    } catch (RuntimeException notNow) {
      LOG.debug("Redis does not answer", notNow);
    }
  }

  private boolean mended() {
    try {
      return mended(PURGES, "stream") | mended(HITS, "hash");
    } catch (RuntimeException notNow) {
      LOG.debug("Redis refuses what is told to it", notNow);
      return false;
    }
  }

  private @Nullable Purged read(Map<String, byte[]> fields) {
    try {
      String older = string(fields, "older");
      return new Purged(new AnswerCache.Purge(string(fields, "project"), string(fields, "model"), string(fields, "key"), older == null ? null : Duration.ofMillis(Long.parseLong(older))),
          Instant.ofEpochMilli(Long.parseLong(String.valueOf(string(fields, "at")))));
    } catch (NumberFormatException notOurs) {
      garbage.increment();
      return null;
    }
  }

  private static @Nullable String string(Map<String, byte[]> fields, String name) {
    byte[] value = fields.get(name);
    return value == null ? null : new String(value, StandardCharsets.UTF_8);
  }

  public double hits() {
    return hits.sum();
  }

  public double misses() {
    return misses.sum();
  }

  public double away() {
    return away.sum();
  }

  public double garbage() {
    return garbage.sum();
  }

  public double dropped() {
    return dropped.sum();
  }

  /** Asks Redis for the hits of all nodes. */
  public Stats stats() {
    Map<String, Long> all = null;
    try {
      Map<String, Long> read = new TreeMap<>();
      redis.call(commands -> commands.hgetall(HITS)).forEach((project, count) -> read.put(project, Long.parseLong(new String(count, StandardCharsets.UTF_8))));
      all = read;
    } catch (RedisCommandExecutionException | NumberFormatException notOurs) {
      all = mended() ? Map.of() : null;
    } catch (RuntimeException notNow) {
      LOG.debug("Redis does not answer", notNow);
    }
    return new Stats(hits.sum(), misses.sum(), away.sum(), garbage.sum(), written.sum(), dropped.sum(), all);
  }

  @Override
  public void close() {
    watch.shutdownNow();
    Aside.end(writer, Duration.ofSeconds(1));
  }
}
