package io.dromedary.camel;

import io.dromedary.cache.CachedAnswer;
import org.apache.camel.AggregationStrategy;
import org.apache.camel.Exchange;

/** The enricher's strategy: what the cache had becomes the variable {@code found}; the message stays as it was. A cache that fails or has something else has nothing (C5). */
public final class RecalledAnswer implements AggregationStrategy {
  @Override
  public Exchange aggregate(Exchange request, Exchange fromCache) {
    if (fromCache != null && fromCache.getException() == null && fromCache.getMessage().getBody() instanceof CachedAnswer answer) {
      request.setVariable("found", answer);
    }
    return request;
  }
}
