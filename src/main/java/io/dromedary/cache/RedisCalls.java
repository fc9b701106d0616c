package io.dromedary.cache;

import io.lettuce.core.RedisFuture;
import io.lettuce.core.api.async.RedisAsyncCommands;
import java.util.function.Function;

/** How the cache reaches Redis: whoever gives it knows the address, how long a call may take and when to stop asking. */
public interface RedisCalls {
  /**
   * Makes one call and waits for its answer.
   *
   * @throws RuntimeException when Redis is away, too slow or refuses
   */
  <T> T call(Function<RedisAsyncCommands<String, byte[]>, RedisFuture<T>> command);

  /**
   * The same for what no request waits for: longer, and however the others went.
   *
   * @throws RuntimeException when Redis is away or refuses
   */
  default <T> T patiently(Function<RedisAsyncCommands<String, byte[]>, RedisFuture<T>> command) {
    return call(command);
  }

  /** Is it left alone, until whoever need not hurry has found that it answers again? */
  default boolean rests() {
    return false;
  }
}
