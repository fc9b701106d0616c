package io.dromedary.cache;

import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.EmbeddingResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.KeptResponse;
import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicLong;

/** A whole answer that was given once, ready to be sent again. Unchanging but for its count of hits. */
public final class CachedAnswer {
  /** What an entry weighs besides its text: objects, key, map node. */
  private static final int OVERHEAD_BYTES = 512;

  private final String project;
  private final byte[] body;
  private final Usage usage;
  private final String model;
  private final String provider;
  private final Usd cost;
  private final Instant storedAt;
  private final AtomicLong hits = new AtomicLong();

  /**
   * @param project whose answer it is, for purging
   * @param body the {@code chat.completion} or list of embeddings as JSON bytes; not copied, must not be changed
   * @param usage what the original call used
   * @param model {@code provider/name} that answered
   * @param cost what the original call cost: what a hit saves
   */
  public CachedAnswer(String project, byte[] body, Usage usage, String model, String provider, Usd cost, Instant storedAt) {
    this.project = project;
    this.body = body;
    this.usage = usage;
    this.model = model;
    this.provider = provider;
    this.cost = cost;
    this.storedAt = storedAt;
  }

  public static CachedAnswer of(String project, ChatResponse answer, String model, String provider, Usd cost, Instant storedAt) {
    return new CachedAnswer(project, Json.bytes(answer.json()), answer.usage(), model, provider, cost, storedAt);
  }

  public static CachedAnswer of(String project, EmbeddingResponse answer, String model, String provider, Usd cost, Instant storedAt) {
    return new CachedAnswer(project, answer.bytes(), answer.usage(), model, provider, cost, storedAt);
  }

  /** The bytes to send to who did not ask for a stream; not to be changed. */
  public byte[] body() {
    return body;
  }

  /** The answer as the rest of the house knows it. */
  public KeptResponse kept() {
    return new KeptResponse(body, usage);
  }

  public String project() {
    return project;
  }

  public Usage usage() {
    return usage;
  }

  public String model() {
    return model;
  }

  public String provider() {
    return provider;
  }

  public Usd cost() {
    return cost;
  }

  public Instant storedAt() {
    return storedAt;
  }

  public long hits() {
    return hits.get();
  }

  /** Counts one use; returns itself. */
  public CachedAnswer hit() {
    hits.incrementAndGet();
    return this;
  }

  /** Bytes of memory it takes, about. */
  public int weight() {
    return (int) Math.min(Integer.MAX_VALUE, (long) body.length + OVERHEAD_BYTES);
  }
}
