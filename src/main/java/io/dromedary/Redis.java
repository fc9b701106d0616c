package io.dromedary;

import io.github.resilience4j.circuitbreaker.CallNotPermittedException;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisException;
import io.lettuce.core.RedisFuture;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SocketOptions;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.async.RedisAsyncCommands;
import io.lettuce.core.codec.ByteArrayCodec;
import io.lettuce.core.codec.RedisCodec;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.resource.ClientResources;
import io.lettuce.core.resource.Delay;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The gateway's one connection to Redis, for whatever rooms keep there. It never makes anybody wait long: a call has a fraction of a second, and while Redis is away or slow a circuit breaker refuses calls at once. Who calls must know
 * what to do without.
 */
final class Redis implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Redis.class);

  private static final Duration LONGEST_SILENCE = Duration.ofSeconds(2);

  private final RedisSettings settings;
  private final CircuitBreaker breaker;
  private final ClientResources resources;
  private final RedisClient client;
  private final ScheduledExecutorService connector = Executors.newSingleThreadScheduledExecutor(task -> {
    Thread thread = new Thread(task, "dromedary-redis-connect");
    thread.setDaemon(true);
    return thread;
  });
  private final AtomicBoolean renewing = new AtomicBoolean();
  private volatile @Nullable StatefulRedisConnection<String, byte[]> connection;
  /** Since when no call was answered in time, 0 while they are. */
  private volatile long silentSince;

  /**
   * Connects. A Redis that is not there yet is no reason not to start.
   *
   * @throws IllegalArgumentException for an address that is none
   */
  Redis(RedisSettings settings, CircuitBreaker breaker) {
    this.settings = settings;
    this.breaker = breaker;
    RedisURI uri;
    try {
      uri = RedisURI.create(settings.url());
    } catch (IllegalArgumentException e) {
      // never quoted: it may hold a password
      throw new IllegalArgumentException("dromedary.redis.url (REDIS_URL) is no address of Redis: redis://[user:password@]host[:port][/database], rediss:// for TLS");
    }
    uri.setTimeout(settings.connectTimeout());
    uri.setClientName("dromedary");
    resources = ClientResources.builder().ioThreadPoolSize(2).computationThreadPoolSize(2).reconnectDelay(Delay.constant(Duration.ofMillis(500))).build();
    client = RedisClient.create(resources, uri);
    client.setOptions(ClientOptions.builder().disconnectedBehavior(ClientOptions.DisconnectedBehavior.REJECT_COMMANDS).requestQueueSize(10_000)
        .socketOptions(SocketOptions.builder().connectTimeout(settings.connectTimeout()).keepAlive(true).build()).build());
    connect();
  }

  private void connect() {
    try {
      open();
    } catch (RuntimeException e) {
      LOG.warn("Redis cannot be connected to, tried again every second: {}", e.getMessage());
      retry();
    }
  }

  private void open() {
    StatefulRedisConnection<String, byte[]> before = connection;
    connection = client.connect(RedisCodec.of(StringCodec.UTF8, ByteArrayCodec.INSTANCE));
    silentSince = 0;
    LOG.info("Redis is connected");
    if (before != null) {
      before.closeAsync();
    }
  }

  private void retry() {
    connector.schedule(() -> {
      try {
        open();
      } catch (RuntimeException e) {
        LOG.debug("Redis still cannot be connected to", e);
        retry();
      }
    }, 1, TimeUnit.SECONDS);
  }

  /** A connection that somebody between forgot stays open here and is never answered again: after a while another one is tried. */
  private void unanswered() {
    long now = System.nanoTime();
    if (silentSince == 0) {
      silentSince = now;
    } else if (now - silentSince > LONGEST_SILENCE.toNanos() && renewing.compareAndSet(false, true)) {
      connector.execute(() -> {
        try {
          open();
        } catch (RuntimeException e) {
          LOG.debug("Redis is silent and cannot be connected to anew", e);
        } finally {
          renewing.set(false);
        }
      });
    }
  }

  /**
   * Makes one call and waits for its answer, {@code dromedary.redis.timeout} at the most.
   *
   * @throws RedisException when Redis is away, too slow or refuses
   */
  <T> T call(Function<RedisAsyncCommands<String, byte[]>, RedisFuture<T>> command) {
    return call(command, settings.timeout(), breaker);
  }

  /** The same connection for a room that can wait less, or that shall not rest because another's calls failed. */
  <T> T call(Function<RedisAsyncCommands<String, byte[]>, RedisFuture<T>> command, Duration most, CircuitBreaker breaker) {
    try {
      return breaker.executeSupplier(() -> call(command, most));
    } catch (CallNotPermittedException e) {
      throw new RedisException("it failed too often and rests");
    }
  }

  /** The same for what no request waits for: without a breaker. */
  <T> T call(Function<RedisAsyncCommands<String, byte[]>, RedisFuture<T>> command, Duration most) {
    StatefulRedisConnection<String, byte[]> open = connection;
    if (open == null) {
      throw new RedisException("not connected");
    }
    return await(command.apply(open.async()), most);
  }

  private <T> T await(RedisFuture<T> answer, Duration most) {
    try {
      T told = answer.get(most.toNanos(), TimeUnit.NANOSECONDS);
      if (silentSince != 0) {
        silentSince = 0;
      }
      return told;
    } catch (TimeoutException e) {
      answer.cancel(true);
      unanswered();
      throw new RedisException("no answer within " + most.toMillis() + " ms");
    } catch (ExecutionException e) {
      throw e.getCause() instanceof RedisException told ? told : new RedisException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      answer.cancel(true);
      throw new RedisException("interrupted");
    }
  }

  /** Is it there, and are calls let through? */
  boolean up() {
    return connection != null && breaker.getState() != CircuitBreaker.State.OPEN;
  }

  @Override
  public void close() {
    connector.shutdownNow();
    client.shutdown(0, 1, TimeUnit.SECONDS);
    resources.shutdown(0, 1, TimeUnit.SECONDS);
  }
}
