package io.dromedary.camel;

import io.dromedary.client.Reply;
import io.dromedary.limit.Taken;
import java.nio.charset.StandardCharsets;
import org.apache.camel.Exchange;
import org.apache.camel.Message;
import org.apache.camel.Processor;

/** The way out for entries other than HTTP, whose binding writes replies itself: the reply becomes a message of JSON text, with the contract's headers. */
public final class Egress implements Processor {
  @Override
  public void process(Exchange exchange) {
    Message message = exchange.getMessage();
    if (message.getBody() instanceof Reply.Whole whole && !Boolean.TRUE.equals(exchange.getProperty(ServletBinding.TAKEN))) {
      whole.headers().forEach(message::setHeader);
      if (exchange.getVariable("limits") instanceof Taken taken) {
        taken.headers().forEach(message::setHeader);
      }
      message.setBody(new String(whole.body(), StandardCharsets.UTF_8));
    }
  }
}
