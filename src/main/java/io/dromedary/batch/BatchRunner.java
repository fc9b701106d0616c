package io.dromedary.batch;

import io.dromedary.catalog.Ride;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Works on batches: takes one under a lease, reads its file line by line, has so many lines at once answered, keeps each answer as a row, and ends it.
 *
 * <p>A line is answered when its row is there. Whoever goes on with a batch after a crash passes over the lines that have one, and the row's key lets no line have two. What is asked and not yet answered at a crash, at most
 * {@code parallel} lines, is asked again: whether its provider answered nobody can know; the ledger charges the cut attempt at its bound.
 *
 * <p>A line that a limit of ours sends away waits and is asked again until the batch expires, and so do those behind it; one whose model fails is asked a few times.
 */
public final class BatchRunner implements AutoCloseable {
  /** How long a node that gives no sign of life keeps its batches. */
  static final Duration LEASE = Duration.ofSeconds(30);

  private static final Logger LOG = LoggerFactory.getLogger(BatchRunner.class);
  private static final long TOLD_EVERY_NANOS = TimeUnit.SECONDS.toNanos(10);
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(30);
  private static final Duration SOON = Duration.ofMillis(500);
  private static final int ENDED_AT_ONCE = 500;
  /** Limits of ours, and our store: nothing was asked, and later it will be. */
  static final Set<String> OURS = Set.of("rate_limit_exceeded", "overloaded", "not_ready", "ledger_unavailable");

  private final BatchStore store;
  private final LineAsker asker;
  private final BatchLimits limits;
  private final Clock clock;
  private final BooleanSupplier stopping;
  /** Null where no provider's batches are used. */
  private final @Nullable LotWork lots;
  private final Map<String, Run> running = new ConcurrentHashMap<>();
  private final ExecutorService threads = Executors.newCachedThreadPool(work -> {
    Thread thread = new Thread(work, "dromedary-batch");
    thread.setDaemon(true);
    return thread;
  });
  private final AtomicInteger inFlight = new AtomicInteger();
  private final LongAdder good = new LongAdder();
  private final LongAdder bad = new LongAdder();
  private final LongAdder retries = new LongAdder();
  private volatile boolean closed;

  /** One whose lines are all asked one by one. @param stopping as below */
  public BatchRunner(BatchStore store, LineAsker asker, BatchLimits limits, Clock clock, BooleanSupplier stopping) {
    this(store, asker, limits, clock, stopping, null, null);
  }

  /**
   * @param stopping true once the gateway is about to stop: no further line is begun
   * @param lots lines that wait in providers' own batches, null where those are not used
   * @param carrier their way there and back, null without {@code lots}
   */
  public BatchRunner(BatchStore store, LineAsker asker, BatchLimits limits, Clock clock, BooleanSupplier stopping, @Nullable Lots lots, @Nullable Carrier carrier) {
    this.lots = lots == null || carrier == null ? null : new LotWork(lots, carrier, clock);
    this.store = store;
    this.asker = asker;
    this.limits = limits;
    this.clock = clock;
    this.stopping = stopping;
  }

  /** A batch that this node works on. */
  private final class Run implements LotWork.Run {
    final Batch batch;
    final AtomicInteger completed = new AtomicInteger();
    final AtomicInteger failed = new AtomicInteger();
    final Semaphore places = new Semaphore(limits.parallel());
    volatile int total;
    volatile boolean lost;
    volatile boolean cancelled;
    volatile long leasedUntilMs = clock.millis() + LEASE.toMillis();
    volatile long pausedUntil = System.nanoTime();
    volatile long toldAt = System.nanoTime();
    volatile int toldOf;
    /** What its lines wait in, null for one whose lines are all asked at once. */
    final @Nullable LotWork rides;
    /** Lines of it that are asked one by one, whatever others do. */
    BitSet walking = new BitSet();
    /** All that is left of it waits elsewhere. */
    boolean parks;

    Run(Batch batch) {
      this.batch = batch;
      this.total = batch.total();
      this.rides = lots != null && lots.serves(batch) ? lots : null;
    }

    @Override
    public Batch batch() {
      return batch;
    }

    /** Is it to be left as it is, for a later time or another node? */
    @Override
    public boolean leaves() {
      return lost || stopped() || clock.millis() > leasedUntilMs;
    }

    @Override
    public boolean ends() {
      return cancelled || clock.millis() > batch.expiresAtMs();
    }

    @Override
    public void beside(Runnable work) throws InterruptedException {
      places.acquire();
      threads.execute(() -> {
        inFlight.incrementAndGet();
        try {
          work.run();
        } catch (RuntimeException mistake) {
          LOG.error("a line of batch {} met a mistake of the gateway's own; the batch is left and taken again", batch.id(), mistake);
          lost = true;
        } finally {
          inFlight.decrementAndGet();
          places.release();
        }
      });
    }

    @Override
    public void together() throws InterruptedException {
      places.acquire(limits.parallel());
      places.release(limits.parallel());
    }

    @Override
    public LineAsker.@Nullable Told patiently(Supplier<LineAsker.Told> asks) {
      while (!leaves()) {
        LineAsker.Told told = asks.get();
        if (!LotWork.isOurs(told)) {
          return told;
        }
        pauses(told);
        waits();
        if (ends()) {
          pause(SOON);
        }
      }
      return null;
    }

    /** A limit of ours sent a line away: that is for all of them. */
    void pauses(LineAsker.Told told) {
      retries.increment();
      pausedUntil = System.nanoTime() + shorter(told.retryAfter() == null ? SOON : told.retryAfter(), LONGEST_WAIT).toNanos();
    }

    void waits() {
      while (pausedUntil - System.nanoTime() > 0 && !ends() && !leaves()) {
        pause(Duration.ofNanos(Math.min(pausedUntil - System.nanoTime(), SOON.toNanos())));
      }
    }

    @Override
    public void keep(int line, boolean well, byte[] content) {
      keepAnswer(this, line, well, content);
    }
  }

  private boolean stopped() {
    return closed || stopping.getAsBoolean();
  }

  /** Called every second: keeps the leases, says how far it is, takes what waits. */
  public synchronized void tick() {
    if (stopped()) {
      return;
    }
    running.values().forEach(this::keep);
    if (running.size() >= limits.atOnce()) {
      return;
    }
    List<String> waiting;
    try {
      waiting = store.waiting();
    } catch (Problem storeIsDown) {
      LOG.debug("no batch is taken just now: {}", storeIsDown.getMessage());
      return;
    }
    for (String id : waiting) {
      if (running.size() >= limits.atOnce() || stopped()) {
        return;
      }
      take(id);
    }
  }

  private void take(String id) {
    try {
      Batch batch = !running.containsKey(id) && store.lease(id, LEASE) ? store.batch(id) : null;
      if (batch != null) {
        Run run = new Run(batch);
        running.put(id, run);
        threads.execute(() -> run(run));
      }
    } catch (Problem storeIsDown) {
      LOG.debug("batch {} is not taken just now: {}", id, storeIsDown.getMessage());
    }
  }

  private void keep(Run run) {
    try {
      long until = clock.millis() + LEASE.toMillis();
      if (store.renew(run.batch.id(), LEASE, run.completed.get(), run.failed.get())) {
        run.leasedUntilMs = until;
      } else {
        run.lost = true;
      }
      Batch now = store.batch(run.batch.id());
      run.cancelled |= now != null && now.status().equals(Batch.CANCELLING);
    } catch (Problem storeIsDown) {
      LOG.debug("the lease of batch {} could not be renewed", run.batch.id());
    }
    if (System.nanoTime() - run.toldAt > TOLD_EVERY_NANOS) {
      int answered = run.completed.get() + run.failed.get();
      LOG.info("batch={} project={} lines={}/{} failed={} per_second={}", run.batch.id(), run.batch.project(), answered, run.total, run.failed.get(), (answered - run.toldOf) / 10);
      run.toldOf = answered;
      run.toldAt = System.nanoTime();
    }
  }

  private void run(Run run) {
    String id = run.batch.id();
    try {
      if (work(run)) {
        Batch ended = store.batch(id);
        if (ended != null) {
          LOG.info("batch={} project={} status={} lines={} completed={} failed={}", id, ended.project(), ended.status(), ended.total(), ended.completed(), ended.failed());
        }
      } else if (run.parks) {
        store.park(id, run.rides.rules().poll(), run.completed.get(), run.failed.get());
      } else if (!run.lost) {
        store.release(id);
      }
    } catch (Problem | IOException storeIsDown) {
      // its lease runs out, and it is taken again, here or elsewhere
      LOG.warn("batch {} is left for a while: {}", id, storeIsDown.getMessage());
      pause(SOON);
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException mistake) {
      LOG.error("batch {} met a mistake of the gateway's own", id, mistake);
      pause(LONGEST_WAIT);
    } finally {
      running.remove(id);
    }
  }

  /** @return true when it has ended, false when it is left */
  private boolean work(Run run) throws IOException, InterruptedException {
    Batch batch = run.batch;
    run.cancelled = batch.status().equals(Batch.CANCELLING);
    if (batch.status().equals(Batch.VALIDATING)) {
      BatchReader.Checked checked = BatchReader.check(store.content(batch.inputFileId()), batch.endpoint(), BatchPages.ENDPOINTS, limits.longestLine(), limits.maxLines());
      if (checked.errors() != null) {
        store.invalid(batch.id(), BatchStore.clip(Json.text(checked.errors()), 100_000));
        return true;
      }
      run.total = checked.requests();
      if (!store.valid(batch.id(), checked.requests())) {
        Batch now = store.batch(batch.id());
        if (now == null || !now.status().equals(Batch.CANCELLING)) {
          return false;
        }
        run.cancelled = true;
      }
    }
    if (run.rides != null) {
      run.rides.orphans(batch, false);
    }
    while (true) {
      BitSet done = done(run);
      if (done.cardinality() < run.total) {
        askAll(run, done);
      }
      if (run.leaves()) {
        return false;
      }
      LotWork.State state = run.rides == null ? LotWork.State.ALL_ANSWERED : run.rides.go(run);
      if (run.leaves()) {
        return false;
      }
      if (state == LotWork.State.ALL_ANSWERED) {
        break;
      }
      if (state == LotWork.State.WAITS) {
        run.parks = true;
        return false;
      }
    }
    if (run.rides != null) {
      run.rides.orphans(batch, true);
    }
    String status = run.cancelled ? Batch.CANCELLED : clock.millis() > batch.expiresAtMs() && run.completed.get() + run.failed.get() < run.total ? Batch.EXPIRED : Batch.COMPLETED;
    if (status.equals(Batch.EXPIRED)) {
      expireRest(run);
    }
    store.finalizing(batch.id());
    return store.end(batch, status, Ids.file(), Ids.file());
  }

  /** Lines that are answered, or wait where they will be. */
  private BitSet done(Run run) {
    int[] counts = new int[2];
    BitSet answered = store.answered(run.batch.id(), counts);
    int before = run.toldOf;
    run.completed.set(counts[0]);
    run.failed.set(counts[1]);
    run.toldOf = counts[0] + counts[1];
    BitSet waiting = run.rides == null ? null : run.rides.waiting(run.batch, answered, run.walking = new BitSet());
    if (waiting != null) {
      answered.or(waiting);
    }
    if (run.toldOf > before && (waiting == null || waiting.isEmpty())) {
      LOG.info("batch={} goes on after {} of {} lines", run.batch.id(), run.toldOf, run.total);
    }
    return answered;
  }

  private void askAll(Run run, BitSet answered) throws IOException, InterruptedException {
    try (BatchReader reader = new BatchReader(store.content(run.batch.inputFileId()), limits.longestLine())) {
      for (byte[] line = reader.next(); line != null && !run.ends() && !run.leaves(); line = reader.next()) {
        if (answered.get(reader.number())) {
          continue;
        }
        BatchLine request = BatchLine.of(reader.number(), line);
        run.beside(() -> answer(run, request));
      }
    } finally {
      run.together();
    }
  }

  private void answer(Run run, BatchLine line) {
    Batch batch = run.batch;
    for (int tries = 1; ; ) {
      run.waits();
      if (run.ends() || run.leaves()) {
        return;
      }
      LineAsker.Told told = asker.ask(new LineAsker.Asking(batch.project(), batch.keyId(), batch.entry(), line, run.rides == null || run.walking.get(line.number()) ? null : batch.id()));
      if (told.ride() != null) {
        board(run, line, told.ride());
        return;
      }
      boolean well = told.status() < 300;
      if (!well && stopped()) {
        // cut by our own stop: it says nothing of the line
        return;
      }
      if (LotWork.isOurs(told)) {
        run.pauses(told);
        continue;
      }
      if (told.status() >= 500 && tries < limits.tries()) {
        retries.increment();
        long until = System.nanoTime() + limits.retryWait().toNanos() * (1L << Math.min(tries - 1, 16));
        tries++;
        while (until - System.nanoTime() > 0 && !run.ends() && !run.leaves()) {
          pause(Duration.ofNanos(Math.max(0, Math.min(until - System.nanoTime(), SOON.toNanos()))));
        }
        continue;
      }
      keepAnswer(run, line.number(), well, ResultLine.of(batch, line.number(), line.customId(), told));
      return;
    }
  }

  /** Its money is held: it is noted, however long the store takes, unless this process ends first. */
  private void board(Run run, BatchLine line, Ride ride) {
    while (true) {
      try {
        lots.board(run, line, ride);
        return;
      } catch (Problem storeIsDown) {
        if (closed) {
          return;
        }
        pause(SOON);
      }
    }
  }

  /** An answer has been paid for: it is kept, however long the store takes, unless this process ends first. */
  private void keepAnswer(Run run, int line, boolean well, byte[] content) {
    while (true) {
      try {
        if (run.rides == null ? store.answer(run.batch.id(), line, well, content) : store.answerRide(run.batch.id(), line, well, content)) {
          (well ? run.completed : run.failed).incrementAndGet();
          (well ? good : bad).increment();
        }
        return;
      } catch (Problem storeIsDown) {
        if (closed) {
          return;
        }
        pause(SOON);
      }
    }
  }

  /** The window is over: what was not asked says so. */
  private void expireRest(Run run) throws IOException {
    BitSet answered = store.answered(run.batch.id(), new int[2]);
    int written = 0;
    try (BatchReader reader = new BatchReader(store.content(run.batch.inputFileId()), limits.longestLine())) {
      for (byte[] line = reader.next(); line != null && !run.leaves(); line = reader.next()) {
        if (!answered.get(reader.number())) {
          String customId = BatchLine.of(reader.number(), line).customId();
          keepAnswer(run, reader.number(), false, ResultLine.none(run.batch, reader.number(), customId, "batch_expired", "This request could not be executed before the completion window expired."));
          if (++written % ENDED_AT_ONCE == 0) {
            LOG.info("batch={} has expired; {} lines are told so", run.batch.id(), written);
          }
        }
      }
    }
  }

  private static Duration shorter(Duration one, Duration other) {
    return one.compareTo(other) < 0 ? one : other;
  }

  private static void pause(Duration time) {
    try {
      TimeUnit.NANOSECONDS.sleep(Math.max(1_000_000, time.toNanos()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Batches that this node works on. */
  public int running() {
    return running.size();
  }

  /** Lines that are being asked, or wait to be asked again. */
  public int linesInFlight() {
    return inFlight.get();
  }

  /** Lines answered since the start. */
  public double answered() {
    return good.sum();
  }

  /** Lines that ended as errors since the start. */
  public double failed() {
    return bad.sum();
  }

  /** Further tries since the start. */
  public double retries() {
    return retries.sum();
  }

  /** Lines since the start that were taken along to providers' batches, were answered there, were asked one by one after all, or were charged without an answer. */
  public double boarded() {
    return lots == null ? 0 : lots.boarded();
  }

  public double delivered() {
    return lots == null ? 0 : lots.answered();
  }

  public double walked() {
    return lots == null ? 0 : lots.walked();
  }

  public double forfeited() {
    return lots == null ? 0 : lots.forfeited();
  }

  /** Begins nothing further and waits a moment for what is being asked; what is left is gone on with after the next start. */
  @Override
  public void close() {
    closed = true;
    threads.shutdown();
    try {
      if (!threads.awaitTermination(10, TimeUnit.SECONDS)) {
        threads.shutdownNow();
      }
    } catch (InterruptedException e) {
      threads.shutdownNow();
      Thread.currentThread().interrupt();
    }
  }
}
