package io.dromedary.server;

import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The platform threads that serve requests where there are no virtual ones (before JDK 21): the thread that was free last works next. Tomcat's own pool takes turns among all of its threads, so that after a thousand streams each
 * request would wake a thread whose stack has long left the processor's caches; measured, that doubled the CPU of a request. Threads beyond the need end after some seconds.
 */
public final class RequestThreads extends ThreadPoolExecutor {
  private static final long IDLE_SECONDS = 20;
  private static final AtomicInteger COUNT = new AtomicInteger();

  /** @param most threads at once; when all are busy the acceptor waits for one instead of queueing without an end */
  public RequestThreads(int most) {
    super(0, most, IDLE_SECONDS, TimeUnit.SECONDS, new SynchronousQueue<>(), RequestThreads::named, RequestThreads::waitForOne);
  }

  private static Thread named(Runnable work) {
    Thread thread = new Thread(work, "dromedary-http-" + COUNT.incrementAndGet());
    thread.setDaemon(true);
    return thread;
  }

  private static void waitForOne(Runnable work, ThreadPoolExecutor pool) {
    if (pool.isShutdown()) {
      throw new RejectedExecutionException("the gateway has stopped");
    }
    try {
      pool.getQueue().put(work);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new RejectedExecutionException("the gateway is stopping", e);
    }
  }
}
