package io.dromedary.cache;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Questions and their answers in a vector store that all nodes share. The store finds; what it may mean is decided here: each entry comes sealed with its partition, project, key, vector and date, and one that is not whole, not of the
 * partition that was asked for, of another project, too old or purged is no entry, whatever the store says of it (C2). How near it is, is computed anew from its own vector.
 *
 * <p>A store that is away, slow or full of garbage has nothing (C5): no method here throws because of it, and none but {@link #nearest} and {@link #purge} waits for it.
 */
public final class SharedMeanings implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SharedMeanings.class);
  private static final int LIMIT = 16;
  private static final int PURGES_KEPT = 1_000;
  private static final int WRITES_WAITING = 1_000;
  private static final long BYTES_WAITING = 64L << 20;
  private static final int LONGEST_SAID = 32 << 20;
  private static final Duration WRITE = Duration.ofSeconds(5);
  private static final Duration SWEEP = Duration.ofHours(1);

  /**
   * @param lookUp the longest that a look-up waits
   * @param maxAnswerBytes longer answers stay in this node: many of them come with one look-up
   */
  public record Settings(Duration ttl, Duration lookUp, int maxAnswerBytes) {}

  /**
   * How it does, as this node sees it.
   *
   * @param up was it opened, and did the last writing work?
   * @param away look-ups that it did not answer in time or at all
   * @param garbage entries that were not what was asked for, or no entries
   */
  public record Stats(boolean up, long hits, long misses, long away, long garbage, long written, long dropped) {}

  private final SemanticStore store;
  private final Settings settings;
  private final Clock clock;
  private final ScheduledExecutorService writer = Executors.newSingleThreadScheduledExecutor(Aside.threads("dromedary-semantic-store"));
  private final AtomicLong waiting = new AtomicLong();
  private final AtomicLong bytesWaiting = new AtomicLong();
  private final ConcurrentLinkedQueue<Purged> untold = new ConcurrentLinkedQueue<>();
  private final List<Purged> purged = new CopyOnWriteArrayList<>();
  private final LongAdder hits = new LongAdder();
  private final LongAdder misses = new LongAdder();
  private final LongAdder away = new LongAdder();
  private final LongAdder garbage = new LongAdder();
  private final LongAdder written = new LongAdder();
  private final LongAdder dropped = new LongAdder();
  private volatile boolean open;
  private boolean told;
  private long sweepAt = Long.MIN_VALUE;

  /** Nothing is asked of the store before {@link #start}. */
  public SharedMeanings(SemanticStore store, Settings settings, Clock clock) {
    this.store = store;
    this.settings = settings;
    this.clock = clock;
  }

  /** Opens the store, aside, and looks after it each second. */
  public void start() {
    writer.scheduleWithFixedDelay(this::lookAfter, 0, 1, TimeUnit.SECONDS);
  }

  private void lookAfter() {
    try {
      if (!open) {
        store.call(Map.of("operation", "open", "dimensions", Partition.DIMENSIONS), WRITE);
        open = true;
        told = false;
        LOG.info("the shared semantic store is open");
      }
      for (Purged record = untold.peek(); record != null; record = untold.peek()) {
        carryOut(record);
        untold.poll();
      }
      if (System.nanoTime() - sweepAt >= 0 || sweepAt == Long.MIN_VALUE) {
        sweepAt = System.nanoTime() + SWEEP.toNanos();
        carryOut(new Purged(new AnswerCache.Purge(null, null, null, settings.ttl()), clock.instant()));
      }
    } catch (RuntimeException notNow) {
      if (!open && !told) {
        told = true;
        LOG.warn("the shared semantic store cannot be opened, tried again each second; until then questions are kept in this node alone: {}", said(notNow));
      }
    }
  }

  /** The first words of what went wrong; its cause knows best. */
  private static String said(Throwable thrown) {
    Throwable cause = thrown;
    while (cause.getCause() != null && cause.getCause() != cause) {
      cause = cause.getCause();
    }
    String message = String.valueOf(cause.getMessage());
    return cause.getClass().getSimpleName() + ": " + message.substring(0, Math.min(200, message.length()));
  }

  /** What the store holds that is near and may answer; empty when it does not tell in time. */
  List<SemanticEntry> nearest(String partition, String project, float[] vector, double threshold) {
    if (!open) {
      away.increment();
      return List.of();
    }
    Object said;
    try {
      Map<String, Object> operation = new HashMap<>(Map.of("operation", "look", "partition", partition, "project", project, "threshold", threshold, "limit", LIMIT, "now", clock.millis()));
      vectors(operation, vector);
      said = store.call(operation, settings.lookUp());
    } catch (RuntimeException notNow) {
      away.increment();
      LOG.debug("the shared semantic store does not answer", notNow);
      return List.of();
    }
    List<SemanticEntry> near = new ArrayList<>();
    for (String packed : entries(said)) {
      SemanticEntry entry = unpack(packed);
      if (entry == null || !entry.partition().equals(partition) || !entry.answer().project().equals(project)) {
        garbage.increment();
      } else if (!entry.answer().storedAt().plus(settings.ttl()).isBefore(clock.instant()) && purged.stream().noneMatch(each -> each.forbids(entry.key(), entry.answer()))) {
        near.add(entry);
      }
    }
    return near;
  }

  /** The two ways in which stores take vectors: whole, as a list, and as the sketch of their signs. */
  private static void vectors(Map<String, Object> operation, float[] vector) {
    double square = 0;
    for (float value : vector) {
      square += value * value;
    }
    double length = square == 0 ? 1 : Math.sqrt(square);
    StringBuilder list = new StringBuilder(vector.length * 11).append('[');
    StringBuilder sketch = new StringBuilder(vector.length);
    for (float value : vector) {
      list.append(list.length() == 1 ? "" : ",").append((float) (value / length));
      sketch.append(value > 0 ? '1' : '0');
    }
    operation.put("vector", list.append(']').toString());
    operation.put("sketch", sketch.toString());
  }

  /** Rows with a field {@code entry}, or JSON in which there are such fields. Liberal: each is checked on its own. */
  private List<String> entries(@Nullable Object said) {
    List<String> entries = new ArrayList<>();
    if (said instanceof Iterable<?> rows) {
      for (Object row : rows) {
        if (row instanceof Map<?, ?> map) {
          map.forEach((name, value) -> {
            if (String.valueOf(name).toLowerCase(Locale.ROOT).equals("entry") && value != null) {
              entries.add(value instanceof byte[] bytes ? new String(bytes, StandardCharsets.ISO_8859_1) : value.toString());
            }
          });
        }
      }
    } else if (said instanceof String text && !text.isBlank()) {
      try {
        if (text.length() <= LONGEST_SAID) {
          for (JsonNode found : Json.read(text).findValues("entry")) {
            entries.add(found.asText());
          }
        } else {
          garbage.increment();
        }
      } catch (IOException noJson) {
        garbage.increment();
      }
    }
    return entries.size() <= LIMIT ? entries : entries.subList(0, LIMIT);
  }

  static String pack(SemanticEntry entry) {
    return Base64.getEncoder().encodeToString(SemanticFile.sealed(entry));
  }

  private static @Nullable SemanticEntry unpack(String packed) {
    try {
      return SemanticFile.unsealed(Base64.getDecoder().decode(packed));
    } catch (IllegalArgumentException noBase64) {
      return null;
    }
  }

  /** Counts a look-up by what came of it. */
  void counts(boolean hit) {
    (hit ? hits : misses).increment();
  }

  /** Keeps it soon, unless too much waits; returns at once. */
  void offer(SemanticEntry entry, float[] vector) {
    int weight = entry.weight();
    if (entry.answer().body().length > settings.maxAnswerBytes()) {
      return;
    }
    if (!open || waiting.get() >= WRITES_WAITING || bytesWaiting.get() + weight > BYTES_WAITING) {
      dropped.increment();
      return;
    }
    waiting.incrementAndGet();
    bytesWaiting.addAndGet(weight);
    try {
      writer.execute(() -> keep(entry, vector, weight));
    } catch (RejectedExecutionException closed) {
      dropped.increment();
    }
  }

  private void keep(SemanticEntry entry, float[] vector, int weight) {
    try {
      Instant storedAt = entry.answer().storedAt();
      Map<String, Object> operation = new HashMap<>(Map.of("operation", "keep", "key", entry.key(), "id", UUID.nameUUIDFromBytes(entry.key().getBytes(StandardCharsets.UTF_8)).toString(), "partition", entry.partition(),
          "project", entry.answer().project(), "model", entry.answer().model(), "stored_at", storedAt.toEpochMilli(), "expires_at", storedAt.plus(settings.ttl()).toEpochMilli()));
      vectors(operation, vector);
      operation.put("entry", pack(entry));
      store.call(operation, WRITE);
      written.increment();
    } catch (RuntimeException notNow) {
      dropped.increment();
      open = false;
    } finally {
      waiting.decrementAndGet();
      bytesWaiting.addAndGet(-weight);
    }
  }

  /**
   * Has these deleted there. While the store is away it is tried again each second, for as long as this node runs; this node takes none of them any more.
   *
   * @return how many went, as far as the store tells; -1 when that has yet to be done
   */
  public int purge(AnswerCache.Purge purge) {
    Purged record = new Purged(purge, clock.instant());
    purged.add(record);
    if (purged.size() > PURGES_KEPT) {
      purged.remove(0);
    }
    try {
      return carryOut(record);
    } catch (RuntimeException notNow) {
      LOG.warn("the shared semantic store does not answer: it is purged when it does ({})", said(notNow));
      untold.add(record);
      return -1;
    }
  }

  /** A condition that does not count is "" or a day that never comes: stores need no notion of null. */
  private int carryOut(Purged record) {
    AnswerCache.Purge purge = record.purge();
    Object said = store.call(Map.of("operation", "purge", "project", any(purge.project()), "model", any(purge.model()), "key", any(purge.key()),
        "before", purge.olderThan() == null ? record.at().plusSeconds(1).toEpochMilli() : record.at().minus(purge.olderThan()).toEpochMilli()), WRITE);
    if (said instanceof Number count) {
      return count.intValue();
    }
    if (said instanceof List<?> rows && rows.size() == 1 && rows.get(0) instanceof Map<?, ?> row && row.size() == 1 && row.values().iterator().next() instanceof Number count) {
      return count.intValue();
    }
    try {
      return said instanceof String text ? Math.max(0, Integer.parseInt(text.strip())) : 0;
    } catch (NumberFormatException notTold) {
      return 0;
    }
  }

  private static String any(@Nullable String condition) {
    return condition == null ? "" : condition;
  }

  public Stats stats() {
    return new Stats(open, hits.sum(), misses.sum(), away.sum(), garbage.sum(), written.sum(), dropped.sum());
  }

  @Override
  public void close() {
    Aside.end(writer, Duration.ofSeconds(1));
  }
}
