package io.dromedary.camel;

import io.dromedary.cache.CachedAnswer;
import io.dromedary.catalog.Recall;
import org.apache.camel.AggregationStrategy;
import org.apache.camel.Exchange;

/** The enricher's strategy: what the cache had becomes the variable {@code found}; the message stays as it was. A cache that fails or has something else has nothing (C5). */
public final class RecalledAnswer implements AggregationStrategy {
  private final boolean goesFurther;

  /** @param goesFurther are there caches beyond the nearest? Then the variable {@code further} says that nothing was found yet and something may be */
  public RecalledAnswer(boolean goesFurther) {
    this.goesFurther = goesFurther;
  }

  @Override
  public Exchange aggregate(Exchange request, Exchange fromCache) {
    if (fromCache != null && fromCache.getException() == null && fromCache.getMessage().getBody() instanceof CachedAnswer answer) {
      request.setVariable("found", answer);
      request.removeVariable("further");
    } else if (goesFurther && !request.getVariable("recall", Recall.class).lookUpKey().isEmpty()) {
      request.setVariable("further", true);
    }
    return request;
  }
}
