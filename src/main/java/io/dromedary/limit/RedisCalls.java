package io.dromedary.limit;

import io.lettuce.core.RedisFuture;
import io.lettuce.core.api.async.RedisAsyncCommands;
import java.util.function.Function;

/** How Redis is asked: within a short time, or not at all while it is down. */
public interface RedisCalls {
  /**
   * Makes one call and waits for its answer.
   *
   * @throws RuntimeException when Redis is away, too slow or refuses
   */
  <T> T call(Function<RedisAsyncCommands<String, byte[]>, RedisFuture<T>> command);
}
