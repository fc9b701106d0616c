package io.dromedary.provider;

import io.dromedary.chat.ProviderFailure;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;

/**
 * The clock that looks over every running provider call: it ends those that passed their deadline or whose caller hung up. One thread looks at all of them, so a call costs no timer of its own, and a blocked read is ended by
 * closing its connection.
 */
public final class CallWatch implements AutoCloseable {
  /** How late a deadline may be noticed. */
  private static final long TICK_NANOS = 20_000_000;
  /** Every how many ticks the callers' connections are looked at: 0.5 s, a quarter of what S5 allows. */
  private static final int TICKS_PER_PROBE = 25;

  /** A call as the watch sees it. Both methods are called by the watch's thread and must not block. */
  interface Watched {
    /** {@link System#nanoTime} at which it must be over. */
    long deadlineNanos();

    boolean callerGone();

    void abort(ProviderFailure reason);

    ProviderFailure overdue();
  }

  private final Set<Watched> calls = ConcurrentHashMap.newKeySet();
  private final Thread thread;
  private volatile boolean running = true;

  public CallWatch() {
    thread = new Thread(this::run, "dromedary-call-watch");
    thread.setDaemon(true);
    thread.start();
  }

  void add(Watched call) {
    calls.add(call);
  }

  void remove(Watched call) {
    calls.remove(call);
  }

  public int size() {
    return calls.size();
  }

  /** Ends every call that is under way, such as at the end of a shutdown's grace. */
  public void abortAll(String why) {
    for (Watched call : calls) {
      call.abort(ProviderFailure.of(ProviderFailure.Kind.CANCELLED, "", why));
    }
  }

  private void run() {
    int tick = 0;
    while (running) {
      LockSupport.parkNanos(TICK_NANOS);
      boolean probe = ++tick % TICKS_PER_PROBE == 0;
      long now = System.nanoTime();
      for (Watched call : calls) {
        if (now - call.deadlineNanos() >= 0) {
          call.abort(call.overdue());
        } else if (probe && call.callerGone()) {
          call.abort(ProviderFailure.of(ProviderFailure.Kind.CANCELLED, "", "the caller hung up"));
        }
      }
    }
  }

  @Override
  public void close() {
    running = false;
    LockSupport.unpark(thread);
  }
}
