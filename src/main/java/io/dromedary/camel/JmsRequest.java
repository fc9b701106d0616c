package io.dromedary.camel;

import io.dromedary.queue.QueueMessage;
import io.dromedary.queue.Seal;
import jakarta.jms.BytesMessage;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.Queue;
import jakarta.jms.TemporaryQueue;
import jakarta.jms.TextMessage;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.apache.camel.Exchange;
import org.apache.camel.Processor;
import org.apache.camel.component.jms.JmsMessage;
import org.apache.camel.support.DefaultMessage;
import org.jspecify.annotations.Nullable;

/**
 * Takes a JMS message in: text or bytes, nothing else. Objects, maps and streams are not opened, so that nothing is deserialised (X10); their dead letter has the reason and no body.
 *
 * <p>JMS allows no hyphen in a property's name: {@code x_request_id} is {@code x-request-id}, and so is Camel's own spelling of it, {@code x_HYPHEN_request_HYPHEN_id}.
 */
public final class JmsRequest implements Processor {
  private static final String DELIVERIES = "JMSXDeliveryCount";

  private final String project;
  private final boolean repliesElsewhere;
  private final int longest;
  private final Seal seal;

  /**
   * @param project whose all messages are, "" when each says it by a key
   * @param repliesElsewhere is there a queue for replies to messages that name none?
   * @param longest the longest body that is read
   */
  public JmsRequest(String project, boolean repliesElsewhere, int longest, Seal seal) {
    this.project = project;
    this.repliesElsewhere = repliesElsewhere;
    this.longest = longest;
    this.seal = seal;
  }

  @Override
  public void process(Exchange exchange) throws JMSException {
    Message jms = exchange.getIn(JmsMessage.class).getJmsMessage();
    QueueMessage message = message(jms);
    // not JMS's own: it would be sent again as it came
    exchange.setMessage(new DefaultMessage(exchange.getContext()));
    exchange.getMessage().setBody(message);
  }

  private QueueMessage message(Message jms) throws JMSException {
    byte[] body = new byte[0];
    String refusal = null;
    if (jms instanceof TextMessage text) {
      String all = text.getText();
      if (all == null) {
        refusal = "the message has no text";
      } else {
        body = all.getBytes(StandardCharsets.UTF_8);
      }
    } else if (jms instanceof BytesMessage bytes) {
      long length = bytes.getBodyLength();
      body = new byte[(int) Math.min(length, longest + 1L)];
      bytes.readBytes(body);
    } else {
      refusal = "only text and bytes messages are read, not `" + kind(jms) + "`";
    }
    boolean addressed = jms.getJMSReplyTo() != null;
    if (!addressed && !repliesElsewhere && refusal == null) {
      refusal = "the message has no reply address (JMSReplyTo), and dromedary.queues.jms.replies names no queue for such";
    }
    if (addressed && jms.getJMSReplyTo().equals(jms.getJMSDestination())) {
      refusal = "the message's reply address is the queue of requests";
    }
    Map<String, String> headers = new HashMap<>(8);
    for (Object name : Collections.list(jms.getPropertyNames())) {
      String raw = (String) name;
      // only strings: reading another type's property would convert it
      if (jms.getObjectProperty(raw) instanceof String value) {
        String known = raw.replace("_HYPHEN_", "-").replace('_', '-').toLowerCase(Locale.ROOT);
        String before = headers.put(known, value);
        if (before != null && !before.equals(value) && QueueMessage.means(known)) {
          refusal = "the property `" + io.dromedary.chat.Problem.clip(raw) + "` was given twice, with two values";
        }
      }
    }
    headers.remove(QueueMessage.REPLY_QUEUE);
    if (jms.getJMSReplyTo() instanceof Queue queue && !(queue instanceof TemporaryQueue)) {
      headers.put(QueueMessage.REPLY_QUEUE, queue.getQueueName());
    }
    String correlation = jms.getJMSCorrelationID();
    byte @Nullable [] key = correlation == null ? null : correlation.getBytes(StandardCharsets.UTF_8);
    QueueMessage message = new QueueMessage("jms", String.valueOf(jms.getJMSMessageID()), key, body, refusal, headers, project, seal)
        .delivered(jms.propertyExists(DELIVERIES) && jms.getObjectProperty(DELIVERIES) instanceof Integer times ? times : 1);
    return addressed ? message : message.withoutAddress();
  }

  private static String kind(Message jms) {
    return jms instanceof jakarta.jms.ObjectMessage ? "ObjectMessage" : jms instanceof jakarta.jms.MapMessage ? "MapMessage" : jms instanceof jakarta.jms.StreamMessage ? "StreamMessage" : "Message";
  }
}
