package io.dromedary.feedback;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Bill;
import io.dromedary.chat.ModelRequest;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Learns from settled requests without a word of their callers: errors, junk, answers that another model had to better, answers that were asked for again, and how long it took. The bean of {@code learn}: a request only
 * leaves its bill here, one thread looks at it later; when it cannot keep up, bills are passed over and counted.
 */
public final class Outcomes implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Outcomes.class);
  private static final int QUEUE = 8_192;
  private static final int REMEMBERED = 50_000;
  /** Failures that say something of the model; a rate limit, a refused key or a caller who left do not. */
  private static final Set<String> TELLING = Set.of("down", "timeout", "junk");
  /** They ask no model. */
  private static final Set<String> IN_PROCESS = Set.of("sandbox", "local");
  private static final String CACHE_HEADER = "x-dromedary-cache";

  private record Settled(Bill bill, ModelRequest request) {}

  private record Served(String model, String task, String tier) {}

  private final QualityEstimates quality;
  private final LatencyEstimates latency;
  private final BooleanSupplier on;
  private final BiConsumer<Bill, ModelRequest> also;
  private final LinkedBlockingQueue<Settled> queue = new LinkedBlockingQueue<>(QUEUE);
  private final AtomicLong taken = new AtomicLong();
  private final AtomicLong done = new AtomicLong();
  private final AtomicLong passedOver = new AtomicLong();
  private final Cache<String, Served> served;
  private final Thread worker;
  private volatile boolean closed;

  /**
   * @param on whether anything is to be learned
   * @param also who else wants to see settled requests, in the same thread
   */
  public Outcomes(QualityEstimates quality, LatencyEstimates latency, LearningRules rules, BooleanSupplier on, BiConsumer<Bill, ModelRequest> also) {
    this.quality = quality;
    this.latency = latency;
    this.on = on;
    this.also = also;
    this.served = Caffeine.newBuilder().maximumSize(REMEMBERED).expireAfterWrite(rules.regeneratedWithin()).build();
    this.worker = new Thread(this::run, "dromedary-outcomes");
    worker.setDaemon(true);
    worker.start();
  }

  /** Leaves a settled request to be looked at; null is nothing to learn from. Never waits, never throws. */
  public void note(@Nullable Bill bill, @Nullable ModelRequest request) {
    if (bill == null || request == null) {
      return;
    }
    if (queue.offer(new Settled(bill, request))) {
      taken.incrementAndGet();
    } else {
      passedOver.incrementAndGet();
    }
  }

  private void run() {
    while (!closed || !queue.isEmpty()) {
      try {
        Settled settled = queue.take();
        try {
          learn(settled.bill(), settled.request());
          also.accept(settled.bill(), settled.request());
        } catch (RuntimeException e) {
          LOG.warn("nothing was learned from request {}: {}", settled.bill().requestId(), e.toString());
        } finally {
          done.incrementAndGet();
        }
      } catch (InterruptedException e) {
        if (closed && queue.isEmpty()) {
          return;
        }
      }
    }
  }

  private void learn(Bill bill, ModelRequest request) {
    if (!bill.operation().equals("chat") || !on.getAsBoolean()) {
      return;
    }
    String what = bill.topic().task();
    List<Attempt> attempts = bill.attempts();
    for (Attempt attempt : attempts) {
      Attempt.Outcome outcome = attempt.outcome();
      if (outcome != null && attempt.purpose() == Attempt.Purpose.ANSWER && !IN_PROCESS.contains(attempt.candidate().provider())) {
        learn(bill, what, attempt.candidate().model().id(), outcome);
      }
    }
    if (!bill.status().equals("ok") || IN_PROCESS.contains(bill.provider())) {
      return;
    }
    boolean cached = attempts.isEmpty();
    String key = bill.project() + '\n' + bill.promptHash();
    Served before = served.getIfPresent(key);
    String mode = request.hint(CACHE_HEADER);
    if (!cached && before != null && (mode != null && (mode.equals("refresh") || mode.equals("no-store")))) {
      quality.turnedUnsound(before.model(), before.task(), before.tier());
    }
    if (!cached || before == null) {
      served.put(key, new Served(bill.servedModel(), what, bill.tier()));
    }
  }

  private void learn(Bill bill, String what, String model, Attempt.Outcome outcome) {
    Duration first = outcome.firstToken();
    switch (outcome.status()) {
      case ANSWERED -> {
        // an answer that is not the one that was given was not good enough
        if (bill.status().equals("ok") && !model.equals(bill.servedModel())) {
          quality.unsound(model, what, bill.tier());
        } else {
          quality.sound(model, what, bill.tier());
        }
      }
      case CUT -> quality.unsound(model, what, bill.tier());
      case FAILED -> {
        if (TELLING.contains(outcome.failure())) {
          quality.unsound(model, what, bill.tier());
        }
      }
      case CANCELLED -> {
        // the caller's doing
      }
    }
    if (first != null) {
      latency.took(model, first);
    } else if (outcome.failure().equals("timeout")) {
      latency.took(model, outcome.total());
    }
  }

  /** Has all been looked at that was left here so far? */
  public boolean idle() {
    return done.get() == taken.get();
  }

  /** Requests that came when the queue was full. */
  public long passedOver() {
    return passedOver.get();
  }

  @Override
  public void close() {
    closed = true;
    worker.interrupt();
    try {
      worker.join(2_000);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
