package io.dromedary.camel;

import io.dromedary.spend.CostEvent;
import io.dromedary.spend.Outbox;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.camel.CamelContext;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.builder.TemplatedRouteBuilder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The relays of cost events: one route per configured sink, made from the template {@code relay-cost-events} at the start. Their mailboxes hold one wake-up and drop the rest: a relay that is awake looks again anyway. */
public final class CostRelays {
  private static final Logger LOG = LoggerFactory.getLogger(CostRelays.class);
  private static final int BATCH = 100;
  private static final String MAILBOX = "seda:cost-relay-%d?size=1&discardWhenFull=true&waitForTaskToComplete=Never";

  private final Outbox outbox;
  private final List<String> names;
  private final List<String> uris;
  private final String addresses;
  private final boolean[] claimedFull;
  private ProducerTemplate mail;

  /** @param sinks Camel URIs by name; see {@link #named} */
  public CostRelays(Outbox outbox, Map<String, String> sinks) {
    this.outbox = outbox;
    this.names = List.copyOf(sinks.keySet());
    this.uris = List.copyOf(sinks.values());
    this.claimedFull = new boolean[names.size()];
    List<String> all = new ArrayList<>();
    for (int i = 0; i < names.size(); i++) {
      all.add(String.format(MAILBOX, i));
    }
    this.addresses = String.join(",", all);
  }

  /** Names each sink by its URI without parameters, which may hold secrets: the name is kept in the outbox. */
  public static Map<String, String> named(List<String> uris) {
    Map<String, String> named = new LinkedHashMap<>();
    for (String uri : uris) {
      int query = uri.indexOf('?');
      String name = query < 0 ? uri : uri.substring(0, query);
      String unique = name;
      for (int n = 2; named.containsKey(unique); n++) {
        unique = name + "#" + n;
      }
      named.put(unique, uri);
    }
    return named;
  }

  /** Adds a route for each sink. */
  public void start(CamelContext context) throws Exception {
    mail = context.createProducerTemplate();
    for (int i = 0; i < names.size(); i++) {
      TemplatedRouteBuilder.builder(context, "relay-cost-events").routeId("relay-cost-events-" + i).parameter("number", i).parameter("sink", uris.get(i)).add();
      LOG.info("cost events go to {}", names.get(i));
    }
  }

  /** The relays' mailboxes, for a recipient list. */
  public String addresses() {
    return addresses;
  }

  /** Claims the next events of one sink. */
  public List<CostEvent> claim(int number) {
    List<CostEvent> events = outbox.next(BATCH, names.get(number));
    claimedFull[number] = events.size() == BATCH;
    return events;
  }

  public void delivered(CostEvent event) {
    outbox.delivered(List.of(event.id()));
  }

  public void failed(CostEvent event, Exception reason) {
    LOG.warn("cost event {} did not reach {} (try {}): {}", event.eventId(), event.sink(), event.tries() + 1, reason.getClass().getSimpleName());
    outbox.failed(event.id(), reason.getClass().getSimpleName());
  }

  /** Wakes the relay again when its last claim was full. */
  public void again(int number) {
    if (claimedFull[number]) {
      mail.sendBody(String.format(MAILBOX, number), "");
    }
  }
}
