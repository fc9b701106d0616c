package io.dromedary.batch;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.util.Arrays;
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
  private static final Set<String> OURS = Set.of("rate_limit_exceeded", "overloaded", "not_ready", "ledger_unavailable");

  private final BatchStore store;
  private final LineAsker asker;
  private final BatchLimits limits;
  private final Clock clock;
  private final BooleanSupplier stopping;
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

  /** @param stopping true once the gateway is about to stop: no further line is begun */
  public BatchRunner(BatchStore store, LineAsker asker, BatchLimits limits, Clock clock, BooleanSupplier stopping) {
    this.store = store;
    this.asker = asker;
    this.limits = limits;
    this.clock = clock;
    this.stopping = stopping;
  }

  /** A batch that this node works on. */
  private final class Run {
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

    Run(Batch batch) {
      this.batch = batch;
      this.total = batch.total();
    }

    /** Is it to be left as it is, for a later time or another node? */
    boolean leaves() {
      return lost || stopped() || clock.millis() > leasedUntilMs;
    }

    boolean ends() {
      return cancelled || clock.millis() > batch.expiresAtMs();
    }
  }

  private boolean stopped() {
    return closed || stopping.getAsBoolean();
  }

  /** Called every second: keeps the leases, says how far it is, takes what waits. */
  public void tick() {
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
    int[] counts = new int[2];
    BitSet answered = store.answered(batch.id(), counts);
    run.completed.set(counts[0]);
    run.failed.set(counts[1]);
    run.toldOf = counts[0] + counts[1];
    if (run.toldOf > 0) {
      LOG.info("batch={} goes on after {} of {} lines", batch.id(), run.toldOf, run.total);
    }
    askAll(run, answered);
    if (run.leaves()) {
      return false;
    }
    String status = run.cancelled ? Batch.CANCELLED : clock.millis() > batch.expiresAtMs() && run.completed.get() + run.failed.get() < run.total ? Batch.EXPIRED : Batch.COMPLETED;
    if (status.equals(Batch.EXPIRED)) {
      expireRest(run);
    }
    store.finalizing(batch.id());
    return store.end(batch, status, Ids.file(), Ids.file());
  }

  private void askAll(Run run, BitSet answered) throws IOException, InterruptedException {
    try (BatchReader reader = new BatchReader(store.content(run.batch.inputFileId()), limits.longestLine())) {
      for (byte[] line = reader.next(); line != null && !run.ends() && !run.leaves(); line = reader.next()) {
        if (answered.get(reader.number())) {
          continue;
        }
        BatchLine request = BatchLine.of(reader.number(), line);
        run.places.acquire();
        threads.execute(() -> {
          inFlight.incrementAndGet();
          try {
            answer(run, request);
          } catch (RuntimeException mistake) {
            LOG.error("line {} of batch {} met a mistake of the gateway's own; the batch is left and taken again", request.number(), run.batch.id(), mistake);
            run.lost = true;
          } finally {
            inFlight.decrementAndGet();
            run.places.release();
          }
        });
      }
    } finally {
      run.places.acquire(limits.parallel());
    }
  }

  private void answer(Run run, BatchLine line) {
    Batch batch = run.batch;
    for (int tries = 1; ; ) {
      while (run.pausedUntil - System.nanoTime() > 0 && !run.ends() && !run.leaves()) {
        pause(Duration.ofNanos(Math.min(run.pausedUntil - System.nanoTime(), SOON.toNanos())));
      }
      if (run.ends() || run.leaves()) {
        return;
      }
      LineAsker.Told told = asker.ask(new LineAsker.Asking(batch.project(), batch.keyId(), batch.entry(), line));
      boolean well = told.status() < 300;
      if (!well && stopped()) {
        // cut by our own stop: it says nothing of the line
        return;
      }
      if (!well && told.mayRetry() && told.code() != null && OURS.contains(told.code())) {
        retries.increment();
        run.pausedUntil = System.nanoTime() + shorter(told.retryAfter() == null ? SOON : told.retryAfter(), LONGEST_WAIT).toNanos();
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
      keepAnswer(run, line.number(), well, result(batch, line, told));
      return;
    }
  }

  private static byte[] result(Batch batch, BatchLine line, LineAsker.Told told) {
    // the body is put in as it is: it need not be read to be told
    byte[] body = told.body();
    ObjectNode response = Json.object().put("status_code", told.status()).put("request_id", told.requestId());
    String before = start(batch, line) + ",\"response\":" + Json.text(response).replaceFirst("}$", ",\"body\":");
    byte[] head = before.getBytes(UTF_8);
    byte[] tail = "},\"error\":null}\n".getBytes(UTF_8);
    byte[] all = new byte[head.length + body.length + tail.length];
    System.arraycopy(head, 0, all, 0, head.length);
    for (int i = 0; i < body.length; i++) {
      // one line: a line break between JSON's tokens is as good as a blank, and inside a text there is none
      all[head.length + i] = body[i] == '\n' || body[i] == '\r' ? (byte) ' ' : body[i];
    }
    System.arraycopy(tail, 0, all, head.length + body.length, tail.length);
    return all;
  }

  private static String start(Batch batch, BatchLine line) {
    String json = Json.text(Json.object().put("id", "batch_req_" + batch.id().substring("batch_".length()) + "_" + line.number()).put("custom_id", line.customId()));
    return json.substring(0, json.length() - 1);
  }

  /** An answer has been paid for: it is kept, however long the store takes, unless this process ends first. */
  private void keepAnswer(Run run, int line, boolean well, byte[] content) {
    while (true) {
      try {
        if (store.answer(run.batch.id(), line, well, content)) {
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
    byte[] end = ",\"response\":null,\"error\":{\"code\":\"batch_expired\",\"message\":\"This request could not be executed before the completion window expired.\"}}\n".getBytes(UTF_8);
    int written = 0;
    try (BatchReader reader = new BatchReader(store.content(run.batch.inputFileId()), limits.longestLine())) {
      for (byte[] line = reader.next(); line != null && !run.leaves(); line = reader.next()) {
        if (!answered.get(reader.number())) {
          byte[] head = start(run.batch, BatchLine.of(reader.number(), line)).getBytes(UTF_8);
          byte[] all = Arrays.copyOf(head, head.length + end.length);
          System.arraycopy(end, 0, all, head.length, end.length);
          keepAnswer(run, reader.number(), false, all);
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
