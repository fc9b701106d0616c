package io.dromedary.provider;

import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.ProviderFailure.Kind;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;
import org.jspecify.annotations.Nullable;

/** One running call as the {@link CallWatch} sees it: a deadline that moves, a caller that may leave, and a connection that can be closed. */
final class ProviderCall implements CallWatch.Watched {
  private final HttpUriRequestBase request;
  private final String provider;
  private final BooleanSupplier callerGone;
  private final AtomicReference<@Nullable ProviderFailure> aborted = new AtomicReference<>();
  private volatile long deadlineNanos;
  private volatile String waitingFor;
  private volatile boolean sent;

  ProviderCall(HttpUriRequestBase request, String provider, BooleanSupplier callerGone, long deadlineNanos, String waitingFor) {
    this.request = request;
    this.provider = provider;
    this.callerGone = callerGone;
    this.deadlineNanos = deadlineNanos;
    this.waitingFor = waitingFor;
  }

  void sending() {
    sent = true;
  }

  void notSent() {
    sent = false;
  }

  boolean wasSent() {
    return sent;
  }

  /** Moves the deadline and says what is waited for from now on. */
  void waitFor(String what, long newDeadlineNanos) {
    waitingFor = what;
    deadlineNanos = newDeadlineNanos;
  }

  @Nullable ProviderFailure aborted() {
    return aborted.get();
  }

  @Override
  public long deadlineNanos() {
    return deadlineNanos;
  }

  @Override
  public boolean callerGone() {
    return callerGone.getAsBoolean();
  }

  @Override
  public ProviderFailure overdue() {
    return ProviderFailure.of(Kind.TIMEOUT, provider, "provider `" + provider + "` did not send " + waitingFor + " in time");
  }

  @Override
  public void abort(ProviderFailure reason) {
    if (aborted.compareAndSet(null, reason)) {
      request.cancel();
    }
  }

  /** Closes the connection at once, whatever is still to come on it. */
  void cancel() {
    request.cancel();
  }
}
