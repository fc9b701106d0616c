package io.dromedary.cache;

import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;

/** Threads that work beside the requests, so that nobody waits for them. */
final class Aside {
  private Aside() {}

  static ThreadFactory threads(String name) {
    return task -> {
      Thread thread = new Thread(task, name);
      thread.setDaemon(true);
      return thread;
    };
  }

  /** Lets them finish what they have, for so long at the most. */
  static void end(ExecutorService threads, Duration most) {
    threads.shutdown();
    try {
      threads.awaitTermination(most.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    threads.shutdownNow();
  }
}
