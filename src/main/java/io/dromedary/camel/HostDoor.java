package io.dromedary.camel;

import java.util.HashMap;
import java.util.Map;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.Message;
import org.apache.camel.Processor;
import org.apache.camel.Producer;
import org.jspecify.annotations.Nullable;

/**
 * Where routes of another application step in: hands the exchange to the door and, when the door's error handler has settled a failure, hands the failure on as one that nobody has handled yet. Otherwise Camel takes it for dealt with
 * and leaves the host's own error handler out. That handler gets the message as the host sent it.
 */
public final class HostDoor implements Processor {
  /** Set while a host's exchange is with us: what it brings is in its message, though it came by the host's own HTTP door. */
  static final String PASSED = "DromedaryHostsExchange";

  private final CamelContext context;
  private final String door;
  private volatile @Nullable Producer producer;

  public HostDoor(CamelContext context, String door) {
    this.context = context;
    this.door = door;
  }

  @Override
  public void process(Exchange exchange) throws Exception {
    Message message = exchange.getMessage();
    Object body = message.getBody();
    // With them go the counters of redeliveries, by which the host's error handler knows when to end.
    Map<String, Object> headers = new HashMap<>(message.getHeaders());
    exchange.setProperty(PASSED, true);
    producer().process(exchange);
    exchange.removeProperty(PASSED);
    if (exchange.getException() != null) {
      exchange.getMessage().setBody(body);
      headers.forEach(exchange.getMessage()::setHeader);
      exchange.getExchangeExtension().setFailureHandled(false);
      exchange.getExchangeExtension().setRedeliveryExhausted(false);
      exchange.getExchangeExtension().setErrorHandlerHandled(null);
      exchange.setRouteStop(false);
    }
  }

  private synchronized Producer producer() throws Exception {
    Producer ready = producer;
    if (ready == null) {
      ready = context.getEndpoint(door).createProducer();
      ready.start();
      producer = ready;
    }
    return ready;
  }
}
