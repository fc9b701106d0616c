package io.dromedary.spend;

import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Bill;
import io.dromedary.chat.Problem;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** Something to be written in the ledger's next transaction, and the thread that waits for it. */
sealed abstract class Entry permits Entry.Begin, Entry.Settle, Entry.Take, Entry.End, Entry.Mark {
  private static final int WAITING = 0;
  private static final int WRITTEN = 1;
  private static final int REFUSED = 2;
  private static final int ABANDONED = 3;

  private final AtomicInteger state = new AtomicInteger(WAITING);
  private final @Nullable Thread waiter;
  private volatile @Nullable Problem problem;

  private Entry(@Nullable Thread waiter) {
    this.waiter = waiter;
  }

  /**
   * Money held for an attempt, the same amount in each purse.
   *
   * @param purses their ids
   */
  record Hold(long[] purses, long nanos) {}

  /** The start of an attempt. */
  static final class Begin extends Entry {
    final Attempt attempt;
    final String requestId;
    final String project;
    /** Its key, set by the writer. */
    long seq;
    /** Is the row with that key its own? False when the attempt had begun already. */
    boolean owned;
    /** Attempts of the same request whose end is known: what they hold beyond their cost is given back first. */
    final List<Attempt> earlier;
    /** What it holds once written, null if it draws from no purse. */
    @Nullable Hold hold;
    /** Holds of earlier attempts as they are once this is written. */
    final Map<Integer, Hold> shrunk = new HashMap<>(0);
    /** Why its purses cannot bear it, null if they can. */
    @Nullable Problem refusal;

    Begin(Attempt attempt, String requestId, String project, List<Attempt> earlier) {
      super(Thread.currentThread());
      this.earlier = earlier;
      this.attempt = attempt;
      this.requestId = requestId;
      this.project = project;
    }
  }

  /** The end of a request. */
  static final class Settle extends Entry {
    final Bill bill;
    /** One cost event per attempt or hit, made by the caller's thread. */
    final List<CostEvents.Event> events;
    /** What becomes of its idempotency key in the same transaction, null if it has none. */
    final @Nullable Ending ending;

    Settle(Bill bill, List<CostEvents.Event> events, @Nullable Ending ending, boolean waited) {
      super(waited ? Thread.currentThread() : null);
      this.bill = bill;
      this.events = events;
      this.ending = ending;
    }
  }

  /** A request that wants an idempotency key for itself. */
  static final class Take extends Entry {
    final String project;
    final String key;
    final String bodyHash;
    final String requestId;
    final long nowMs;
    /** False when the store has a row of that key; set by the writer. */
    boolean taken;

    Take(String project, String key, String bodyHash, String requestId, long nowMs) {
      super(Thread.currentThread());
      this.project = project;
      this.key = key;
      this.bodyHash = bodyHash;
      this.requestId = requestId;
      this.nowMs = nowMs;
    }
  }

  /** What came of a key's request that has no bill. */
  static final class End extends Entry {
    final Ending ending;

    End(Ending ending) {
      super(Thread.currentThread());
      this.ending = ending;
    }
  }

  /** Nothing to write: whoever waits for it knows that all before it is written. */
  static final class Mark extends Entry {
    Mark() {
      super(Thread.currentThread());
    }
  }

  /** The request that it belongs to, empty for a mark. */
  String requestId() {
    if (this instanceof Begin begin) {
      return begin.requestId;
    }
    if (this instanceof Settle settle) {
      return settle.bill.requestId();
    }
    if (this instanceof Take take) {
      return take.requestId;
    }
    return this instanceof End end ? end.ending.requestId() : "";
  }

  /** @return false if the caller has given up on it */
  boolean written() {
    return finish(WRITTEN, null);
  }

  boolean isWritten() {
    return state.get() == WRITTEN;
  }

  void refused(Problem why) {
    finish(REFUSED, why);
  }

  private boolean finish(int outcome, @Nullable Problem why) {
    problem = why;
    if (!state.compareAndSet(WAITING, outcome)) {
      return false;
    }
    LockSupport.unpark(waiter);
    return true;
  }

  /**
   * Waits until it is durable.
   *
   * @param leaveWhenInterrupted true to give up then (the interrupt stays set); false to wait on and set the interrupt again at the end
   * @throws Problem the reason why it was refused; {@code tooLate} if time is up
   */
  void await(long nanos, boolean leaveWhenInterrupted, Problem tooLate) {
    long end = System.nanoTime() + nanos;
    boolean interrupted = false;
    while (state.get() == WAITING) {
      long left = end - System.nanoTime();
      if (left <= 0 && state.compareAndSet(WAITING, ABANDONED)) {
        problem = tooLate;
        break;
      }
      LockSupport.parkNanos(this, left);
      if (Thread.interrupted()) {
        interrupted = true;
        if (leaveWhenInterrupted && state.compareAndSet(WAITING, ABANDONED)) {
          problem = tooLate;
          break;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    if (state.get() != WRITTEN) {
      Problem why = problem;
      throw why == null ? tooLate : why;
    }
  }
}
