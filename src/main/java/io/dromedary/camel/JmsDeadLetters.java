package io.dromedary.camel;

import io.dromedary.queue.DeadLetters;
import io.dromedary.queue.QueueMessage;
import jakarta.jms.BytesMessage;
import jakarta.jms.Connection;
import jakarta.jms.ConnectionFactory;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.MessageConsumer;
import jakarta.jms.MessageProducer;
import jakarta.jms.Queue;
import jakarta.jms.QueueBrowser;
import jakarta.jms.Session;
import java.util.Collections;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/** The dead letters of a JMS queue: each that may go is moved in a transaction of its own; the others are left lying. */
public final class JmsDeadLetters implements DeadLetters.Box {
  private static final long PATIENCE_MS = 2_000;

  private final ConnectionFactory connections;
  private final String requests;
  private final String letters;
  private final boolean repliesElsewhere;

  /** @param repliesElsewhere is there a queue for replies to messages that name none? */
  public JmsDeadLetters(ConnectionFactory connections, String requests, String letters, boolean repliesElsewhere) {
    this.connections = connections;
    this.requests = requests;
    this.letters = letters;
    this.repliesElsewhere = repliesElsewhere;
  }

  @Override
  public String entry() {
    return "jms";
  }

  @Override
  public DeadLetters.Outcome putBack(int most, int times) throws JMSException {
    int replayed = 0;
    int kept = 0;
    try (Connection connection = connections.createConnection(); Session session = connection.createSession(true, Session.SESSION_TRANSACTED)) {
      connection.start();
      Queue from = session.createQueue(letters);
      Map<String, Map<String, String>> going = new HashMap<>();
      try (QueueBrowser browser = session.createBrowser(from)) {
        var all = browser.getEnumeration();
        while (all.hasMoreElements() && replayed + kept + going.size() < most) {
          Message letter = (Message) all.nextElement();
          Map<String, String> again = QueueMessage.again(headers(letter), times);
          // who waited at a temporary queue has gone
          if (again == null || !again.containsKey(QueueMessage.REPLY_QUEUE) && !repliesElsewhere) {
            kept++;
          } else {
            going.put(letter.getJMSMessageID(), again);
          }
        }
      }
      try (MessageProducer producer = session.createProducer(session.createQueue(requests))) {
        for (Map.Entry<String, Map<String, String>> one : going.entrySet()) {
          try (MessageConsumer consumer = session.createConsumer(from, "JMSMessageID = '" + one.getKey().replace("'", "''") + "'")) {
            if (consumer.receive(PATIENCE_MS) instanceof BytesMessage letter) {
              BytesMessage request = session.createBytesMessage();
              byte[] body = new byte[(int) letter.getBodyLength()];
              letter.readBytes(body);
              request.writeBytes(body);
              String replies = one.getValue().get(QueueMessage.REPLY_QUEUE);
              if (replies != null) {
                request.setJMSReplyTo(session.createQueue(replies));
              }
              request.setJMSCorrelationID(letter.getJMSCorrelationID());
              for (Map.Entry<String, String> header : one.getValue().entrySet()) {
                request.setStringProperty(header.getKey().replace('-', '_'), header.getValue());
              }
              producer.send(request);
              replayed++;
            }
            session.commit();
          }
        }
      }
    }
    return new DeadLetters.Outcome(replayed, kept);
  }

  private static Map<String, String> headers(Message letter) throws JMSException {
    Map<String, String> headers = new HashMap<>(16);
    for (Object name : Collections.list(letter.getPropertyNames())) {
      if (letter.getObjectProperty((String) name) instanceof String value) {
        headers.put(((String) name).replace('_', '-').toLowerCase(Locale.ROOT), value);
      }
    }
    return headers;
  }
}
