package io.dromedary;

import io.dromedary.provider.CallWatch;
import io.dromedary.server.Readiness;
import java.time.Duration;
import java.util.function.IntSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;

/** The order of a stop (F7): not ready from now on, running requests and streams may end, what is left is cut with an error event and settled; only then do server, routes and ledger stop. */
final class Drain implements SmartLifecycle {
  private static final Logger LOG = LoggerFactory.getLogger(Drain.class);
  private static final Duration AFTER_CUT = Duration.ofSeconds(5);

  private final Readiness readiness;
  private final IntSupplier underWay;
  private final Runnable first;
  private final CallWatch calls;
  private final Duration grace;
  private volatile boolean running;

  /** @param first breaks off what nobody waits for */
  Drain(Readiness readiness, IntSupplier underWay, Runnable first, CallWatch calls, Duration grace) {
    this.first = first;
    this.readiness = readiness;
    this.underWay = underWay;
    this.calls = calls;
    this.grace = grace;
  }

  @Override
  public void start() {
    running = true;
  }

  @Override
  public void stop() {
    readiness.stopping();
    first.run();
    int open = underWay.getAsInt();
    if (open > 0) {
      LOG.info("stopping: waiting up to {} s for {} requests", grace.toSeconds(), open);
    }
    if (!emptyWithin(grace)) {
      LOG.warn("stopping: cutting {} requests that are still running after {} s", underWay.getAsInt(), grace.toSeconds());
      calls.abortAll("the gateway is stopping");
      emptyWithin(AFTER_CUT);
    }
    running = false;
  }

  private boolean emptyWithin(Duration most) {
    long until = System.nanoTime() + most.toNanos();
    while (underWay.getAsInt() > 0) {
      if (System.nanoTime() - until > 0) {
        return false;
      }
      try {
        Thread.sleep(20);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return false;
      }
    }
    return true;
  }

  @Override
  public boolean isRunning() {
    return running;
  }

  /** The highest phase stops first. */
  @Override
  public int getPhase() {
    return Integer.MAX_VALUE;
  }
}
