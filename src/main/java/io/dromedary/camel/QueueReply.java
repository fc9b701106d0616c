package io.dromedary.camel;

import io.dromedary.queue.QueueMessage;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.camel.Exchange;
import org.apache.camel.Message;
import org.apache.camel.Processor;

/** The way out to a queue: the exchange's message becomes the reply, or the dead letter, of the queued one, with headers from a fixed list. JMS gets text, and its names with {@code _} where others have a hyphen. */
public final class QueueReply implements Processor {
  private final int longestLetter;

  public QueueReply(int longestLetter) {
    this.longestLetter = longestLetter;
  }

  @Override
  public void process(Exchange exchange) {
    QueueMessage queued = exchange.getVariable("message", QueueMessage.class);
    boolean jms = queued.getEntry().equals("jms");
    Message message = exchange.getMessage();
    message.removeHeaders("*");
    byte[] body = queued.isDead() ? queued.letterBody(longestLetter) : queued.replyBody();
    message.setBody(jms && !queued.isDead() ? new String(body, StandardCharsets.UTF_8) : body);
    Map<String, String> headers = queued.isDead() ? queued.letterHeaders() : queued.replyHeaders();
    headers.forEach((name, value) -> message.setHeader(jms ? name.replace('-', '_') : name, value));
  }
}
