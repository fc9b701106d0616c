package io.dromedary.camel;

import io.dromedary.catalog.Recall;
import org.apache.camel.Exchange;
import org.apache.camel.Processor;
import org.apache.camel.component.caffeine.CaffeineConstants;

/** Sets the key that the Caffeine component looks under; no other header stands beside it. */
public final class CacheLookUp implements Processor {
  @Override
  public void process(Exchange exchange) {
    Recall recall = exchange.getVariable("recall", Recall.class);
    exchange.getMessage().setHeader(CaffeineConstants.KEY, recall.lookUpKey());
  }
}
