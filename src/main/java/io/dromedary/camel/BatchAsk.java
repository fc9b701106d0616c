package io.dromedary.camel;

import io.dromedary.access.CallerRegistry;
import io.dromedary.batch.LineAsker;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Problem;
import io.dromedary.client.Problems;
import io.dromedary.client.Reply;
import io.dromedary.client.chatcompletions.Replies;
import io.dromedary.limit.InFlight;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.ProducerTemplate;
import org.jspecify.annotations.Nullable;

/** Sends a batch's line through the routes as a message of its own: in the name of the key that brought the batch, behind all who wait for their answers. */
public final class BatchAsk implements LineAsker {
  private final CamelContext context;
  private final String line;
  private final RequestIds ids = new RequestIds();
  private volatile @Nullable ProducerTemplate template;

  public BatchAsk(CamelContext context, BundleNames names) {
    this.context = context;
    this.line = names.direct("ask-batch-line");
  }

  @Override
  public Told ask(Asking asking) {
    String id = ids.next();
    Inbound in = new Inbound(id, asking.entry(), "POST", asking.line().endpoint(), Map.of(), Map.of(CallerRegistry.KNOWN_CALLER, asking.keyId().isEmpty() ? asking.project() : asking.project() + "/" + asking.keyId(), InFlight.PRIORITY, "batch"), asking.line().body(), Instant.now());
    try {
      Exchange exchange = template().request(line, to -> {
        to.getMessage().setBody(in);
        to.setVariable("requestId", id);
        to.setVariable("entry", asking.entry());
      });
      if (exchange.getException() != null) {
        return failed(exchange.getException(), id);
      }
      Object body = exchange.getMessage().getBody();
      if (body instanceof Reply.Whole whole) {
        return new Told(whole.status(), id, whole.body(), null, null, true);
      }
      return body instanceof String text ? new Told(200, id, text.getBytes(StandardCharsets.UTF_8), null, null, true) : failed(new IllegalStateException("a line of a batch ended without a reply"), id);
    } catch (RuntimeException notTaken) {
      return failed(notTaken, id);
    }
  }

  private static Told failed(Exception thrown, String id) {
    Problem problem = Problems.of(thrown);
    Reply.Whole error = Replies.error(thrown, id);
    Duration wait = problem.retryAfter();
    return new Told(error.status(), id, error.body(), problem.code(), wait, !Boolean.FALSE.equals(problem.shouldRetry()));
  }

  private ProducerTemplate template() {
    ProducerTemplate made = template;
    if (made == null) {
      made = context.createProducerTemplate();
      template = made;
    }
    return made;
  }
}
