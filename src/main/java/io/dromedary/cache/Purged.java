package io.dromedary.cache;

import java.time.Duration;
import java.time.Instant;

/** What was purged and when, as long as a cache that nodes share may still hold it. */
record Purged(AnswerCache.Purge purge, Instant at) {
  /** Fresh ones take all that is here, whatever the nodes' clocks say; of old ones, read at a start, only what was there then. */
  AnswerCache.Purge asOf(Instant now) {
    Duration since = Duration.between(at, now);
    if (since.compareTo(Duration.ofMinutes(1)) < 0) {
      return purge;
    }
    return new AnswerCache.Purge(purge.project(), purge.model(), purge.key(), purge.olderThan() == null ? since : since.plus(purge.olderThan()));
  }

  boolean forbids(String key, CachedAnswer answer) {
    return answer.storedAt().isBefore(at) && (purge.key() == null || purge.key().equals(key)) && AnswerCache.matches(answer, purge, at);
  }
}
