package io.dromedary.camel;

import java.security.SecureRandom;
import java.util.concurrent.atomic.AtomicLong;

/** Ids for requests: unique over nodes and restarts, sortable by time, cheap: {@code req-<ms, base 36><node's random, base 36><count, base 36>}. */
public final class RequestIds {
  private final String node = pad(Long.toString(new SecureRandom().nextLong(36L * 36 * 36 * 36 * 36 * 36 * 36 * 36), 36), 8);
  private final AtomicLong count = new AtomicLong();

  public String next() {
    return "req-" + Long.toString(System.currentTimeMillis(), 36) + node + pad(Long.toString(count.incrementAndGet() % (36L * 36 * 36 * 36 * 36), 36), 5);
  }

  private static String pad(String text, int length) {
    return "0".repeat(Math.max(0, length - text.length())) + text;
  }
}
