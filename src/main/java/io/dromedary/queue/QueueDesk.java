package io.dromedary.queue;

import io.dromedary.chat.Caller;
import io.dromedary.chat.Problem;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides what becomes of a message when it was asked: a reply (an answer, or an error that is its sender's to mend), a wait (a limit of ours: it is not lost and costs no try), another try (what failed may work next time), or a
 * dead letter with its reason: what cannot be read or has no valid key at once, what failed three times then (F10). The bean {@code queueDesk} of routes.
 */
public final class QueueDesk {
  public static final int MOST_TRIES = 3;
  private static final Logger LOG = LoggerFactory.getLogger(QueueDesk.class);
  /** Nothing is wrong with the message, nothing was asked of a provider: it waits its turn. */
  private static final Set<String> WAITS = Set.of("rate_limit_exceeded", "overloaded", "idempotency_key_in_use", "ledger_unavailable", "store_unavailable", "budgets_unreadable");
  /** What a sender cannot be told, or should not be trusted with: the message itself is wrong. */
  private static final Set<String> POISON = Set.of("invalid_json", "invalid_body", "request_too_large", "idempotency_key_reused", "invalid_api_key", "endpoint_not_allowed", "redelivered_too_often");
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(30);
  private static final Duration SHORTEST_WAIT = Duration.ofMillis(20);
  private static final Duration SOON = Duration.ofSeconds(1);
  private static final Duration LOOK = Duration.ofMillis(100);

  private final Function<Throwable, Problem> problem;
  private final Function<Throwable, byte[]> errorBody;
  private final Duration firstPause;
  private final BooleanSupplier stopping;
  private final Map<String, Counts> counts = new ConcurrentHashMap<>();

  /** What one entry has done since the start. */
  public static final class Counts {
    private final LongAdder consumed = new LongAdder();
    private final LongAdder answered = new LongAdder();
    private final LongAdder refused = new LongAdder();
    private final LongAdder dead = new LongAdder();
    private final LongAdder tried = new LongAdder();
    private final AtomicInteger waiting = new AtomicInteger();

    /** Messages taken in, redelivered ones again. */
    public long consumed() {
      return consumed.sum();
    }

    /** Replies with an answer. */
    public long answered() {
      return answered.sum();
    }

    /** Replies with an error. */
    public long refused() {
      return refused.sum();
    }

    public long dead() {
      return dead.sum();
    }

    /** Tries beyond the first. */
    public long tried() {
      return tried.sum();
    }

    /** Messages that wait for a limit or between two tries, now. */
    public int waiting() {
      return waiting.get();
    }
  }

  /**
   * @param problem what a failure is to its caller
   * @param errorBody its body, as the caller gets it
   * @param firstPause between the first try and the second; twice as long before the third
   * @param stopping true when the gateway stops: who waits then gives up, and the broker keeps the message
   */
  public QueueDesk(Function<Throwable, Problem> problem, Function<Throwable, byte[]> errorBody, Duration firstPause, BooleanSupplier stopping) {
    this.problem = problem;
    this.errorBody = errorBody;
    this.firstPause = firstPause;
    this.stopping = stopping;
  }

  public Counts counts(String entry) {
    return counts.computeIfAbsent(entry, each -> new Counts());
  }

  /** @throws IllegalStateException when the gateway stops: the message stays with its broker */
  public void taken(QueueMessage message) {
    if (stopping.getAsBoolean()) {
      throw new IllegalStateException("the gateway is stopping; " + message + " stays in its queue");
    }
    counts(message.getEntry()).consumed.increment();
  }

  /** Its reply, or its dead letter, is where it belongs: the broker need not keep the message. */
  public void settled(QueueMessage message) {
    message.settled();
  }

  public void answered(QueueMessage message, int status, Map<String, String> headers, byte[] body) {
    message.answered(status, headers, body);
    Counts of = counts(message.getEntry());
    (status < 400 ? of.answered : of.refused).increment();
  }

  /**
   * It brought no answer: what now?
   *
   * @param caller who asked, null when that is not known
   */
  public void failed(QueueMessage message, Throwable thrown, Map<String, String> headers, @Nullable Caller caller) {
    if (caller != null && !caller.keyId().isEmpty()) {
      message.asked(caller.project() + "/" + caller.keyId());
    }
    Problem why = problem.apply(thrown);
    String code = String.valueOf(why.code());
    if (WAITS.contains(code) && !Boolean.FALSE.equals(why.shouldRetry())) {
      message.waits(within(why.retryAfter() == null ? SOON : why.retryAfter()));
      return;
    }
    int tries = message.failed();
    if (why.status() < 500 && !POISON.contains(code)) {
      answered(message, why.status(), headers, errorBody.apply(thrown));
    } else if (why.status() >= 500 && tries < MOST_TRIES && !POISON.contains(code)) {
      counts(message.getEntry()).tried.increment();
      message.waits(firstPause.multipliedBy(1L << (tries - 1)));
    } else {
      message.dies(why);
      counts(message.getEntry()).dead.increment();
      LOG.warn("message {} goes to the dead letters after {} {}: {} ({})", message, tries, tries == 1 ? "try" : "tries", code, why.status());
    }
  }

  /**
   * The broker took neither its reply nor its letter for their length: it goes to the dead letters, cut short. The answer, if there was one, is paid and kept; the same message again gets it.
   *
   * @param thrown what the broker said
   */
  public void tooLong(QueueMessage message, Throwable thrown) {
    if (!message.isDead()) {
      message.dies(new Problem(500, "server_error", "the reply has " + message.replyBody().length + " bytes, more than its topic takes (max.message.bytes); its answer is kept for a day and given to the same message again").code("reply_too_large"));
      counts(message.getEntry()).dead.increment();
      LOG.warn("the reply to message {} is longer than its topic takes; it goes to the dead letters", message);
    } else {
      LOG.warn("the dead letter of message {} is longer than its topic takes; it is cut short", message);
    }
    message.cut();
    LOG.debug("the broker said", thrown);
  }

  private static Duration within(Duration wait) {
    return wait.compareTo(SHORTEST_WAIT) < 0 ? SHORTEST_WAIT : wait.compareTo(LONGEST_WAIT) > 0 ? LONGEST_WAIT : wait;
  }

  /** Waits as long as was decided. @throws IllegalStateException when the gateway stops meanwhile: the message stays with its broker */
  public void pause(QueueMessage message) {
    AtomicInteger waiting = counts(message.getEntry()).waiting;
    waiting.incrementAndGet();
    try {
      long until = System.nanoTime() + message.pause().toNanos();
      for (long left = until - System.nanoTime(); left > 0; left = until - System.nanoTime()) {
        if (stopping.getAsBoolean()) {
          throw new IllegalStateException("the gateway is stopping; " + message + " stays in its queue");
        }
        java.util.concurrent.TimeUnit.NANOSECONDS.sleep(Math.min(left, LOOK.toNanos()));
      }
      message.goesOn();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted; " + message + " stays in its queue", e);
    } finally {
      waiting.decrementAndGet();
    }
  }
}
