package io.dromedary.camel;

import org.apache.camel.Exchange;
import org.apache.camel.spi.HeaderFilterStrategy;

/** Lets no header of a record or message become one of Camel's, in any case of its letters (X2): the seam reads those it knows from the record itself. */
public final class NoHeadersIn implements HeaderFilterStrategy {
  @Override
  public boolean applyFilterToExternalHeaders(String name, Object value, Exchange exchange) {
    return true;
  }

  @Override
  public boolean applyFilterToCamelHeaders(String name, Object value, Exchange exchange) {
    return false;
  }
}
