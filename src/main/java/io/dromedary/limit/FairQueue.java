package io.dromedary.limit;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Those who wait for a place: projects take turns, one request each (round robin; Nagle, "On Packet Switches with Infinite Storage", RFC 970), those in batch after all others. When the queue is full, the project with most in it loses
 * its last to one that has fewer, so that a flood pushes out nobody but itself.
 */
final class FairQueue {
  private static final class Waiter {
    final CountDownLatch told = new CountDownLatch(1);
    boolean granted;
  }

  private final int places;
  private final Predicate<Boolean> takes;
  private final ReentrantLock lock = new ReentrantLock();
  /** Projects in the order of their turns, each with those who wait. */
  private final LinkedHashMap<String, ArrayDeque<Waiter>> interactive = new LinkedHashMap<>();
  private final LinkedHashMap<String, ArrayDeque<Waiter>> batch = new LinkedHashMap<>();
  private volatile int waiting;

  /** @param takes takes a place if there is one, for a request that is in batch or not */
  FairQueue(int places, Predicate<Boolean> takes) {
    this.places = places;
    this.takes = takes;
  }

  int waiting() {
    return waiting;
  }

  /** Waits for a place. @return false when none came free in time, or the queue is full */
  boolean await(String project, boolean inBatch, Duration patience) {
    Waiter waiter = new Waiter();
    LinkedHashMap<String, ArrayDeque<Waiter>> line = inBatch ? batch : interactive;
    lock.lock();
    try {
      // counted first: whoever gives a place back from now on looks into the queue
      waiting++;
      if (waiting == 1 && takes.test(inBatch)) {
        waiting--;
        return true;
      }
      if (waiting > places && !pushesOut(project, inBatch)) {
        waiting--;
        return false;
      }
      line.computeIfAbsent(project, p -> new ArrayDeque<>()).add(waiter);
      grant();
    } finally {
      lock.unlock();
    }
    boolean interrupted = false;
    try {
      waiter.told.await(patience.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      interrupted = true;
    }
    lock.lock();
    try {
      if (waiter.told.getCount() > 0) {
        leave(line, project, waiter);
      }
      return waiter.granted;
    } finally {
      lock.unlock();
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** A place was given back. */
  void passOn() {
    if (waiting > 0) {
      lock.lock();
      try {
        grant();
      } finally {
        lock.unlock();
      }
    }
  }

  private void grant() {
    while (!interactive.isEmpty() && takes.test(false)) {
      tell(interactive, true);
    }
    while (interactive.isEmpty() && !batch.isEmpty() && takes.test(true)) {
      tell(batch, true);
    }
  }

  /** Tells the first of the project whose turn it is; the project goes to the end of the line. */
  private void tell(LinkedHashMap<String, ArrayDeque<Waiter>> line, boolean granted) {
    Map.Entry<String, ArrayDeque<Waiter>> next = line.entrySet().iterator().next();
    String project = next.getKey();
    ArrayDeque<Waiter> own = next.getValue();
    line.remove(project);
    Waiter waiter = own.poll();
    if (!own.isEmpty()) {
      line.put(project, own);
    }
    end(waiter, granted);
  }

  private void end(Waiter waiter, boolean granted) {
    waiting--;
    waiter.granted = granted;
    waiter.told.countDown();
  }

  private void leave(LinkedHashMap<String, ArrayDeque<Waiter>> line, String project, Waiter waiter) {
    ArrayDeque<Waiter> own = line.get(project);
    if (own != null && own.remove(waiter)) {
      if (own.isEmpty()) {
        line.remove(project);
      }
      end(waiter, false);
    }
  }

  /** Makes room for one more, if someone has more in the queue than this project would have: in batch first. */
  private boolean pushesOut(String project, boolean inBatch) {
    return places > 0 && (!inBatch && dropsLast(batch, 0) || dropsLast(inBatch ? batch : interactive, size(inBatch ? batch : interactive, project) + 1));
  }

  private static int size(Map<String, ArrayDeque<Waiter>> line, String project) {
    ArrayDeque<Waiter> own = line.get(project);
    return own == null ? 0 : own.size();
  }

  private boolean dropsLast(LinkedHashMap<String, ArrayDeque<Waiter>> line, int than) {
    @Nullable String longest = null;
    int most = than;
    for (Map.Entry<String, ArrayDeque<Waiter>> each : line.entrySet()) {
      if (each.getValue().size() > most) {
        most = each.getValue().size();
        longest = each.getKey();
      }
    }
    if (longest == null) {
      return false;
    }
    ArrayDeque<Waiter> own = line.get(longest);
    Waiter last = own.pollLast();
    if (own.isEmpty()) {
      line.remove(longest);
    }
    end(last, false);
    return true;
  }
}
