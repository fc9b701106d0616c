package io.dromedary.cache;

import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** How the cache reaches the place where all nodes keep questions: whoever gives it knows where that is and when to stop asking. */
public interface SemanticStore {
  /**
   * Has one operation carried out and waits for its outcome, no longer than it is told.
   *
   * @return rows as maps, or text in which they stand, whatever the store says
   * @throws RuntimeException when the store is away, too slow, or refuses
   */
  @Nullable Object call(Map<String, Object> operation, Duration most);
}
