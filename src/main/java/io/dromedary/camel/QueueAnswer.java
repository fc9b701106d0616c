package io.dromedary.camel;

import io.dromedary.chat.Caller;
import io.dromedary.client.Reply;
import io.dromedary.client.chatcompletions.Replies;
import io.dromedary.limit.Taken;
import io.dromedary.queue.QueueDesk;
import io.dromedary.queue.QueueMessage;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.camel.AggregationStrategy;
import org.apache.camel.Exchange;

/** The enricher's strategy of queues: what {@code direct:chat} came to, on an exchange of its own, is what the desk decides about. */
public final class QueueAnswer implements AggregationStrategy {
  private final QueueDesk desk;

  public QueueAnswer(QueueDesk desk) {
    this.desk = desk;
  }

  @Override
  public Exchange aggregate(Exchange queued, Exchange chat) {
    QueueMessage message = queued.getVariable("message", QueueMessage.class);
    Exception thrown = chat.getException();
    if (thrown != null) {
      Map<String, String> headers = new LinkedHashMap<>(Replies.error(thrown, chat.getVariable("requestId", String.class)).headers());
      if (chat.getVariable("limits") instanceof Taken taken) {
        headers.putAll(taken.headers());
      }
      desk.failed(message, thrown, headers, chat.getVariable("caller", Caller.class));
    } else if (chat.getMessage().getBody() instanceof Reply.Whole whole) {
      // what was answered before goes no way out of its own
      desk.answered(message, whole.status(), whole.headers(), whole.body());
    } else {
      Map<String, String> headers = new HashMap<>(16);
      chat.getMessage().getHeaders().forEach((name, value) -> {
        if (value instanceof String text) {
          headers.put(name, text);
        }
      });
      desk.answered(message, 200, headers, chat.getMessage().getBody(String.class).getBytes(StandardCharsets.UTF_8));
    }
    return queued;
  }
}
