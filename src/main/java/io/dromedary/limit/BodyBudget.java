package io.dromedary.limit;

import io.dromedary.chat.Problem;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;

/** Memory for bodies that are being read: so many at once, and so many bytes in all, so that slow or large senders cannot take the heap. */
public final class BodyBudget {
  public static final int DEFAULT_SLOTS = 512;
  private static final Duration SOON = Duration.ofSeconds(1);

  private final int slots;
  private final long bytes;
  private final Counter reading = new Counter();
  private final Counter held = new Counter();

  /** 512 bodies, a quarter of the heap. */
  public BodyBudget() {
    this(DEFAULT_SLOTS, Runtime.getRuntime().maxMemory() / 4);
  }

  public BodyBudget(int slots, long bytes) {
    this.slots = slots;
    this.bytes = bytes;
  }

  /**
   * Starts reading a body.
   *
   * @param expected bytes, from Content-Length; 0 if unknown, then {@link Reading#grow} as they come
   * @throws Problem 503 with a retry-after of one second when too much is being read
   */
  public Reading start(long expected) {
    if (!reading.take(1, slots)) {
      throw Problem.overloaded(503, "the gateway is reading " + slots + " request bodies, its limit", SOON);
    }
    long most = Math.max(0, expected);
    if (!held.take(most, bytes)) {
      reading.give(1);
      throw full();
    }
    return new Reading(most);
  }

  private Problem full() {
    return Problem.overloaded(503, "the request bodies being read fill the memory set aside for them", SOON);
  }

  /** Bodies being read. */
  public int reading() {
    return (int) reading.get();
  }

  /** Bytes set aside for them. */
  public long held() {
    return held.get();
  }

  /** One body being read, by one thread; {@link #close} is idempotent and may come from any. */
  public final class Reading implements AutoCloseable {
    private final AtomicBoolean closed = new AtomicBoolean();
    private long mine;

    private Reading(long mine) {
      this.mine = mine;
    }

    /** Makes room up to {@code total} bytes. @throws Problem 503 when there is none */
    public synchronized void grow(long total) {
      long more = total - mine;
      if (more <= 0 || closed.get()) {
        return;
      }
      if (!held.take(more, bytes)) {
        throw full();
      }
      mine = total;
    }

    @Override
    public synchronized void close() {
      if (closed.compareAndSet(false, true)) {
        held.give(mine);
        reading.give(1);
      }
    }
  }
}
