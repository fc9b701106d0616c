package io.dromedary.camel;

import io.dromedary.cache.SemanticStore;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.ProducerTemplate;
import org.jspecify.annotations.Nullable;

/**
 * The Camel endpoint where all nodes keep questions. Its body is one operation as a map; what it leaves as its body is the outcome. It works on threads of ours, few of them, so that one that hangs is left when its time is over, and
 * behind a circuit breaker; the endpoint comes from the settings alone, never from a request (X3).
 */
public final class SemanticStoreEndpoint implements SemanticStore, AutoCloseable {
  private static final int AT_ONCE = 16;

  private final CamelContext context;
  private final String uri;
  private final CircuitBreaker breaker;
  private final ThreadPoolExecutor threads;
  private volatile @Nullable ProducerTemplate template;

  public SemanticStoreEndpoint(CamelContext context, String uri, CircuitBreaker breaker) {
    this.context = context;
    this.uri = uri;
    this.breaker = breaker;
    AtomicInteger number = new AtomicInteger();
    threads = new ThreadPoolExecutor(0, AT_ONCE, 30, TimeUnit.SECONDS, new SynchronousQueue<>(), task -> {
      Thread thread = new Thread(task, "dromedary-semantic-call-" + number.incrementAndGet());
      thread.setDaemon(true);
      return thread;
    });
  }

  @Override
  public @Nullable Object call(Map<String, Object> operation, Duration most) {
    breaker.acquirePermission();
    long started = System.nanoTime();
    try {
      Object said = asked(operation, most);
      breaker.onSuccess(System.nanoTime() - started, TimeUnit.NANOSECONDS);
      return said;
    } catch (RuntimeException e) {
      breaker.onError(System.nanoTime() - started, TimeUnit.NANOSECONDS, e);
      throw e;
    }
  }

  private @Nullable Object asked(Map<String, Object> operation, Duration most) {
    Future<@Nullable Object> work;
    try {
      work = threads.submit(() -> said(operation));
    } catch (RejectedExecutionException full) {
      throw new IllegalStateException(AT_ONCE + " calls to " + uri + " are under way", full);
    }
    try {
      return work.get(most.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException late) {
      work.cancel(true);
      throw new IllegalStateException(uri + " did not answer within " + most.toMillis() + " ms");
    } catch (ExecutionException failed) {
      throw new IllegalStateException(uri + " failed", failed.getCause());
    } catch (InterruptedException e) {
      work.cancel(true);
      Thread.currentThread().interrupt();
      throw new IllegalStateException(uri + " was left, the gateway is stopping", e);
    }
  }

  /** A stream is read here, while the call is open. */
  private @Nullable Object said(Map<String, Object> operation) throws Exception {
    Exchange call = template().request(uri, to -> to.getMessage().setBody(operation));
    if (call.getException() != null) {
      throw call.getException();
    }
    Object body = call.getMessage().getBody();
    return body == null || body instanceof Collection || body instanceof Number || body instanceof Map ? body : context.getTypeConverter().tryConvertTo(String.class, call, body);
  }

  private ProducerTemplate template() {
    ProducerTemplate ready = template;
    if (ready == null) {
      ready = context.createProducerTemplate();
      template = ready;
    }
    return ready;
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }
}
