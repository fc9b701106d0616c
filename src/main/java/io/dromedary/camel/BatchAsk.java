package io.dromedary.camel;

import io.dromedary.access.CallerRegistry;
import io.dromedary.batch.Carrier;
import io.dromedary.batch.LineAsker;
import io.dromedary.batch.Lots;
import io.dromedary.batch.RideRow;
import io.dromedary.catalog.Arrival;
import io.dromedary.catalog.Arrivals;
import io.dromedary.catalog.Bill;
import io.dromedary.catalog.Lot;
import io.dromedary.catalog.Ride;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Problem;
import io.dromedary.client.Problems;
import io.dromedary.client.Reply;
import io.dromedary.client.chatcompletions.Replies;
import io.dromedary.limit.InFlight;
import io.dromedary.spend.Ledger;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.ProducerTemplate;
import org.jspecify.annotations.Nullable;

/** Sends a batch's line through the routes as a message of its own: in the name of the key that brought the batch, behind all who wait for their answers. Lots of lines go the same way to their providers, and their results back. */
public final class BatchAsk implements LineAsker, Carrier {
  private final CamelContext context;
  private final BundleNames names;
  private final Ledger ledger;
  private final RequestIds ids = new RequestIds();
  private volatile @Nullable ProducerTemplate template;

  public BatchAsk(CamelContext context, BundleNames names, Ledger ledger) {
    this.context = context;
    this.names = names;
    this.ledger = ledger;
  }

  @Override
  public Told ask(Asking asking) {
    return asking.rides() == null ? ask("ask-batch-line", asking, ids.next(), Map.of()) : ask("plan-batch-line", asking, ids.next(), Map.of("rides", asking.rides()));
  }

  @Override
  public Told deliver(Asking asking, RideRow ride, Arrival arrival) {
    return ask("deliver-batch-line", asking, ride.requestId(), Map.of("ticket", ride.ticket(), "provider", ride.provider(), "arrival", arrival));
  }

  @Override
  public Lots.Verdict step(Lot lot) {
    return about("step-lot", lot, Lots.Verdict.class);
  }

  @Override
  public Arrivals fetch(Lot lot) {
    return about("fetch-lot", lot, Arrivals.class);
  }

  private <T> T about(String route, Lot lot, Class<T> what) {
    Exchange exchange = template().request(names.direct(route), to -> {
      to.setVariable("lot", lot);
      to.setVariable("provider", lot.provider());
    });
    if (exchange.getException() != null) {
      throw exchange.getException() instanceof RuntimeException told ? told : new IllegalStateException("the route `" + route + "` failed", exchange.getException());
    }
    return what.cast(exchange.getMessage().getBody());
  }

  @Override
  public List<String> held(String batchId) {
    return ledger.standing(batchId);
  }

  @Override
  public void release(String requestId) {
    ledger.release(requestId);
  }

  @Override
  public void forfeit(String requestId) {
    ledger.forfeit(requestId);
  }

  private Told ask(String route, Asking asking, String id, Map<String, Object> facts) {
    Inbound in = new Inbound(id, asking.entry(), "POST", asking.line().endpoint(), Map.of(), Map.of(CallerRegistry.KNOWN_CALLER, asking.keyId().isEmpty() ? asking.project() : asking.project() + "/" + asking.keyId(), InFlight.PRIORITY, "batch"), asking.line().body(), Instant.now());
    try {
      Exchange exchange = template().request(names.direct(route), to -> {
        to.getMessage().setBody(in);
        to.setVariable("requestId", id);
        to.setVariable("entry", asking.entry());
        facts.forEach(to::setVariable);
      });
      if (exchange.getException() != null) {
        return failed(exchange.getException(), id);
      }
      Object body = exchange.getMessage().getBody();
      if (body instanceof Ride ride) {
        return new Told(202, id, new byte[0], null, null, true, null, ride);
      }
      Bill bill = exchange.getVariable("bill", Bill.class);
      String cost = bill == null ? null : bill.cost().toString();
      if (body instanceof Reply.Whole whole) {
        return new Told(whole.status(), id, whole.body(), null, null, true, cost, null);
      }
      return body instanceof String text ? new Told(200, id, text.getBytes(StandardCharsets.UTF_8), null, null, true, cost, null) : failed(new IllegalStateException("a line of a batch ended without a reply"), id);
    } catch (RuntimeException notTaken) {
      return failed(notTaken, id);
    }
  }

  private static Told failed(Exception thrown, String id) {
    Problem problem = Problems.of(thrown);
    Reply.Whole error = Replies.error(thrown, id);
    Duration wait = problem.retryAfter();
    return new Told(error.status(), id, error.body(), problem.code(), wait, !Boolean.FALSE.equals(problem.shouldRetry()), null, null);
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
