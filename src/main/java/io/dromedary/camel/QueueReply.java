package io.dromedary.camel;

import io.dromedary.queue.QueueMessage;
import org.apache.camel.Exchange;
import org.apache.camel.Message;
import org.apache.camel.Processor;

/** The way out to a queue: the exchange's message becomes the reply, or the dead letter, of the queued one, with headers from a fixed list. */
public final class QueueReply implements Processor {
  private final int longestLetter;

  public QueueReply(int longestLetter) {
    this.longestLetter = longestLetter;
  }

  @Override
  public void process(Exchange exchange) {
    QueueMessage queued = exchange.getVariable("message", QueueMessage.class);
    Message message = exchange.getMessage();
    message.removeHeaders("*");
    message.setBody(queued.isDead() ? queued.letterBody(longestLetter) : queued.replyBody());
    (queued.isDead() ? queued.letterHeaders() : queued.replyHeaders()).forEach(message::setHeader);
  }
}
