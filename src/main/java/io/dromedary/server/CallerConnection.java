package io.dromedary.server;

import java.util.function.BooleanSupplier;
import org.apache.coyote.ActionCode;
import org.apache.coyote.Request;

/**
 * Tells whether the caller of a running request has closed its connection, by a non-blocking read of the socket that waits for nothing. A provider call is cancelled by it even before the first byte went out (S5).
 *
 * <p>Safe from any thread: once the request is over the probe is closed, and Tomcat may use the connection for the next one.
 */
final class CallerConnection implements BooleanSupplier {
  /** The name it has among a request's attributes. */
  static final String ATTRIBUTE = "io.dromedary.caller-connection";

  private final Request request;
  private boolean over;
  private boolean gone;

  CallerConnection(Request request) {
    this.request = request;
  }

  @Override
  public synchronized boolean getAsBoolean() {
    if (!over && !gone) {
      // Tomcat answers 1 when the read fails, 0 when nothing is there; more is the next, pipelined request.
      request.action(ActionCode.AVAILABLE, Boolean.TRUE);
      gone = request.getAvailable() == 1;
    }
    return gone;
  }

  synchronized void over() {
    over = true;
  }
}
