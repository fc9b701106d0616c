package io.dromedary.spend;

import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Bill;
import io.dromedary.chat.Problem;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The durable account of every provider call. A row is on disk before the call ({@link #begin}) and has its cost before the answer ends ({@link #settle}).
 *
 * <p>Group commit: callers leave their rows in a queue and wait; one writer takes all that is there, writes it in one transaction and wakes them. The busier the gateway, the more rows
 * share a commit.
 */
public final class Ledger implements AutoCloseable {
  /** Entries that may wait for the writer; more is a store that cannot keep up. */
  static final int QUEUE = 16_384;
  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final long CATCH_UP_NANOS = Duration.ofSeconds(1).toNanos();
  private static final System.Logger LOG = System.getLogger(Ledger.class.getName());

  private final LedgerWriter writer;
  private final Outbox outbox;
  private final Predicate<String> told;
  private final long patienceNanos;
  private final int recovered;

  /**
   * Settles what former processes left open, then is ready to write.
   *
   * @throws IllegalStateException if the store cannot be used
   */
  public Ledger(Store store, Outbox outbox, Clock clock) {
    this(store, outbox, clock, PATIENCE);
  }

  /** @param told the projects whose costs are told to the sinks */
  public Ledger(Store store, Outbox outbox, Predicate<String> told, Clock clock) {
    this(store, outbox, told, clock, PATIENCE);
  }

  Ledger(Store store, Outbox outbox, Clock clock, Duration patience) {
    this(store, outbox, project -> true, clock, patience);
  }

  private Ledger(Store store, Outbox outbox, Predicate<String> told, Clock clock, Duration patience) {
    this.told = told;
    this.outbox = outbox;
    this.patienceNanos = patience.toNanos();
    Nodes nodes = new Nodes(store, clock, outbox);
    try {
      recovered = nodes.recover(true);
      writer = new LedgerWriter(store, nodes, outbox, clock, QUEUE);
    } catch (SQLException e) {
      throw new IllegalStateException("the ledger cannot be opened: " + e.getMessage(), e);
    }
    writer.start();
  }

  /**
   * Returns when the attempt is durable as {@code STARTED}; only then may the provider be called.
   *
   * @throws Problem 503 {@code ledger_unavailable} if that cannot be had; the provider must not be called
   */
  public void begin(Attempt attempt, String requestId, String project) {
    begin(attempt, requestId, project, List.of());
  }

  /**
   * The same, holding the attempt's upper bound in all of its purses within the same transaction.
   *
   * @param earlier attempts of the same request: those whose end is known hold just their cost from now on
   * @throws Problem as above; or the word of the purse that cannot bear it, then nothing is written or held
   */
  public void begin(Attempt attempt, String requestId, String project, List<Attempt> earlier) {
    if (attempt.number() < 1 || attempt.number() > Sequence.MAX_ATTEMPT) {
      throw new IllegalArgumentException("attempt " + attempt.number() + " of request `" + requestId + "` is not within 1.." + Sequence.MAX_ATTEMPT);
    }
    if (!writer.accepting()) {
      throw unavailable();
    }
    Entry.Begin entry = new Entry.Begin(attempt, requestId, project, attempt.draws().isEmpty() ? List.of() : earlier);
    if (!writer.offer(entry)) {
      throw unavailable();
    }
    entry.await(patienceNanos, true, unavailable());
  }

  /**
   * Returns when the whole bill is durable: its attempts, its request, its interaction and its cost events, all in one transaction. Settling a request again changes nothing.
   *
   * @throws Problem 503 {@code ledger_unavailable} if that cannot be had now; the bill is kept, written as soon as the store is back, and no attempt begins before that
   */
  public void settle(Bill bill) {
    settle(bill, null);
  }

  void settle(Bill bill, @Nullable Ending ending) {
    Entry.Settle entry = new Entry.Settle(bill, events(bill), ending, true);
    if (!writer.put(entry, patienceNanos)) {
      throw unavailable();
    }
    entry.await(patienceNanos, false, unavailable());
  }

  /**
   * Books a request that called no provider, such as a cache hit: queued, durable a moment later, not waited for.
   *
   * @throws Problem 503 {@code ledger_unavailable} if the queue stayed full; nothing is dropped silently
   */
  public void note(Bill bill) {
    if (!writer.put(new Entry.Settle(bill, events(bill), null, false), patienceNanos)) {
      throw unavailable();
    }
  }

  /** Waits until what was noted before now is written, so that who has an answer finds it in the reports; a store that is away or slow is not waited for long. */
  public void catchUp() {
    Entry.Mark mark = new Entry.Mark();
    if (!writer.accepting() || !writer.offer(mark)) {
      return;
    }
    try {
      mark.await(CATCH_UP_NANOS, true, unavailable());
    } catch (Problem storeIsAway) {
      LOG.log(System.Logger.Level.DEBUG, "reports are read without what waits to be written", storeIsAway);
    }
  }

  /**
   * Settles a request that called providers, notes one that did not; null is nothing to account for. What became of its idempotency key is durable with it, in the same transaction: an answer that is paid is kept, whenever we are killed.
   *
   * @param turn of its idempotency key, null for a request without one
   * @return whether cost events wait in the outbox because of it
   */
  public boolean account(@Nullable Bill bill, IdempotentRequests.@Nullable Turn turn) {
    Ending ending = turn == null ? null : turn.ending();
    if (ending == null) {
      return account(bill);
    }
    try {
      if (bill != null) {
        settle(bill, ending);
      } else {
        endUnbilled(ending);
      }
    } finally {
      turn.over();
    }
    return bill != null && outbox.hasSinks();
  }

  /** Its caller gets the failure that it met, not another one. */
  private void endUnbilled(Ending ending) {
    try {
      end(ending);
    } catch (Problem storeIsDown) {
      LOG.log(System.Logger.Level.WARNING, "request " + ending.requestId() + " could not say yet what came of its idempotency key: " + storeIsDown.getMessage());
    }
  }

  private boolean account(@Nullable Bill bill) {
    if (bill == null) {
      return false;
    }
    if (bill.attempts().isEmpty()) {
      note(bill);
    } else {
      settle(bill);
    }
    return outbox.hasSinks();
  }

  /**
   * Returns when the key is durably taken for its request.
   *
   * @return false if the store has a row of that key
   * @throws Problem 503 {@code ledger_unavailable} if that cannot be had
   */
  boolean take(String project, String key, String bodyHash, String requestId, long nowMs) {
    Entry.Take entry = new Entry.Take(project, key, bodyHash, requestId, nowMs);
    if (!writer.accepting() || !writer.offer(entry)) {
      throw unavailable();
    }
    entry.await(patienceNanos, true, unavailable());
    return entry.taken;
  }

  /** Returns when it is durable what came of a key. @throws Problem 503 {@code ledger_unavailable} if that cannot be had now; it is kept and written as soon as the store is back */
  void end(Ending ending) {
    Entry.End entry = new Entry.End(ending);
    if (!writer.put(entry, patienceNanos)) {
      throw unavailable();
    }
    entry.await(patienceNanos, false, unavailable());
  }

  private List<CostEvents.Event> events(Bill bill) {
    return outbox.sinks().isEmpty() || !told.test(bill.project()) ? List.of() : CostEvents.of(bill);
  }

  /** Can attempts begin? For readiness. */
  public boolean available() {
    return writer.accepting();
  }

  /** Attempts of former processes that were charged at their upper bound at the start. */
  public int recovered() {
    return recovered;
  }

  /** Transactions written so far. */
  public long transactions() {
    return writer.transactions();
  }

  /** Rows written so far; more than one per transaction is group commit at work. */
  public long rows() {
    return writer.rows();
  }

  /** Entries that wait for the writer or for the store to come back. */
  public int waiting() {
    return writer.waiting();
  }

  /** Entries that the store would not take for what they say; each has an ERROR line, and its attempts are charged at their upper bound at the next start. */
  public long rejected() {
    return writer.rejected();
  }

  static Problem unavailable() {
    return new Problem(503, "service_unavailable_error", "the ledger cannot be written just now, so no paid call is made; try again shortly").code("ledger_unavailable").retryAfter(Duration.ofSeconds(2));
  }

  /** Writes what waits, then stops. Attempts still open are left for the next start to recover. */
  @Override
  public void close() {
    writer.close();
  }
}
