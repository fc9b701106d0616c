package io.dromedary.limit;

import java.util.concurrent.atomic.AtomicLong;

/** A count that never passes its limit: taken all or nothing, without a lock. */
final class Counter {
  private final AtomicLong taken = new AtomicLong();

  boolean take(long amount, long limit) {
    long now = taken.get();
    while (amount <= limit - now) {
      long seen = taken.compareAndExchange(now, now + amount);
      if (seen == now) {
        return true;
      }
      now = seen;
    }
    return false;
  }

  void give(long amount) {
    taken.addAndGet(-amount);
  }

  long get() {
    return taken.get();
  }
}
