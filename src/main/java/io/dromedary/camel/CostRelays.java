package io.dromedary.camel;

import io.dromedary.spend.CostEvent;
import io.dromedary.spend.Outbox;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.camel.CamelContext;
import org.apache.camel.Endpoint;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.builder.TemplatedRouteBuilder;
import org.apache.camel.support.DefaultEndpoint;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The relays of the outbox: one route per configured sink, made at the start from the template {@code relay-cost-events}, or {@code relay-alerts} for sinks of alerts. Their mailboxes hold one wake-up and drop the rest: a relay that is awake looks again anyway.
 *
 * <p>A batch ends at the first event that does not arrive: what is behind it goes back, and its sink is left alone for 1, 2, 4 ... at most 60 s, so that a dead sink costs one try at a time. The event itself has a wait of
 * its own in the outbox, so that one which a sink never takes holds up no other. What arrived is struck off a second's worth at a time; a crash in between sends it again, and its id tells.
 */
public final class CostRelays {
  private static final Logger LOG = LoggerFactory.getLogger(CostRelays.class);
  private static final int BATCH = 100;
  private static final String MAILBOX = "seda:%s-relay-%d?size=1&discardWhenFull=true&waitForTaskToComplete=Never";
  private static final long STRIKE_OFF_NANOS = 1_000_000_000;
  private static final long LONGEST_PAUSE_SECONDS = 60;

  private final Outbox outbox;
  private final BundleNames names;
  private final List<Relay> relays = new ArrayList<>();
  private final String addresses;
  private final String alertAddresses;
  private ProducerTemplate mail;

  /** One sink's state; but for {@code woken}, only its relay's thread touches it. */
  private static final class Relay implements Iterator<CostEvent> {
    final String kind;
    final String name;
    final String uri;
    final AtomicBoolean woken = new AtomicBoolean();
    final ArrayDeque<CostEvent> waiting = new ArrayDeque<>();
    final List<Long> arrived = new ArrayList<>();
    boolean full;
    int failures;
    long pausedUntil = System.nanoTime();
    long struckOff;

    Relay(String kind, String name, String uri) {
      this.kind = kind;
      this.name = name;
      // a route template eats backslashes, as in appendChars=\\n
      this.uri = uri.contains("RAW(") ? uri : uri.replace("\\", "%5C");
    }

    @Override
    public boolean hasNext() {
      return !waiting.isEmpty();
    }

    @Override
    public CostEvent next() {
      return waiting.remove();
    }
  }

  /** @param sinks Camel URIs by name; see {@link #named} */
  public CostRelays(Outbox outbox, Map<String, String> sinks) {
    this(outbox, sinks, Map.of(), new BundleNames(""));
  }

  /**
   * @param alertSinks Camel URIs that alerts go to, by the names that the outbox has for them
   * @param names what the templates of the relays' routes are called
   */
  public CostRelays(Outbox outbox, Map<String, String> sinks, Map<String, String> alertSinks, BundleNames names) {
    this.outbox = outbox;
    this.names = names;
    this.addresses = add("cost", sinks);
    this.alertAddresses = add("alert", alertSinks);
  }

  private String add(String kind, Map<String, String> sinks) {
    List<String> all = new ArrayList<>();
    sinks.forEach((name, uri) -> {
      all.add(String.format(MAILBOX, kind, relays.size()));
      relays.add(new Relay(kind, name, uri));
    });
    return String.join(",", all);
  }

  /** The URIs of a list by commas. A comma within a URI, as in a list of Kafka's brokers, divides nothing: what follows it is no URI but {@code host:port}. */
  public static List<String> split(String sinks) {
    List<String> uris = new ArrayList<>();
    for (String part : sinks.split(",")) {
      int colon = part.indexOf(':');
      boolean uri = colon > 0 && colon + 1 < part.length() && !Character.isDigit(part.charAt(colon + 1));
      if (uri || uris.isEmpty()) {
        uris.add(part.strip());
      } else {
        uris.set(uris.size() - 1, uris.get(uris.size() - 1) + "," + part.strip());
      }
    }
    uris.removeIf(String::isEmpty);
    return uris;
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

  /** Adds a route for each sink. A sink that cannot be reached now is no reason not to start: it is connected to by its first event. @throws Exception for a URI that is wrong */
  public void start(CamelContext context) throws Exception {
    mail = context.createProducerTemplate();
    for (int i = 0; i < relays.size(); i++) {
      Relay relay = relays.get(i);
      Endpoint sink = context.getEndpoint(relay.uri);
      if (sink instanceof DefaultEndpoint endpoint) {
        endpoint.setLazyStartProducer(true);
      }
      // by its name: a host application may have no Kafka
      if (relay.uri.startsWith("kafka:")) {
        KafkaSink.check(sink, relay.name);
      }
      String template = names.id(relay.kind.equals("cost") ? "relay-cost-events" : "relay-alerts");
      TemplatedRouteBuilder.builder(context, template).routeId(template + "-" + i).parameter("number", i).parameter("sink", relay.uri).add();
      LOG.info("{} go to {}", relay.kind.equals("cost") ? "cost events" : "alerts", relay.name);
    }
    for (String orphan : outbox.orphans()) {
      LOG.warn("events wait for `{}`, which is no longer a sink; they are kept until it is one again", orphan);
    }
  }

  /** The mailboxes of the relays of cost events, for a recipient list. */
  public String addresses() {
    return addresses;
  }

  /** The mailboxes of the relays of alerts. */
  public String alertAddresses() {
    return alertAddresses;
  }

  /** Is there a relay of cost events that nobody has woken since it last looked, and something for it to do? Asking is promising to wake them. Costs nothing without sinks. */
  public boolean asleep(boolean eventsWait) {
    boolean any = false;
    if (!eventsWait) {
      return false;
    }
    for (int i = 0; i < relays.size() && relays.get(i).kind.equals("cost"); i++) {
      AtomicBoolean woken = relays.get(i).woken;
      any |= !woken.get() && woken.compareAndSet(false, true);
    }
    return any;
  }

  /** Claims the next events of one sink, to be sent one by one until one fails. */
  public Iterator<CostEvent> claim(int number) {
    Relay relay = relays.get(number);
    // first: an event that is written from now on wakes it again
    relay.woken.set(false);
    relay.waiting.clear();
    relay.full = false;
    if (System.nanoTime() - relay.pausedUntil < 0) {
      return relay;
    }
    try {
      List<CostEvent> events = outbox.next(BATCH, relay.name);
      relay.full = events.size() == BATCH;
      relay.waiting.addAll(events);
      relay.struckOff = System.nanoTime();
    } catch (IllegalStateException storeIsDown) {
      pause(relay);
      LOG.warn("no events for {} just now: {}", relay.name, storeIsDown.getMessage());
    }
    return relay;
  }

  public void delivered(int number, CostEvent event) {
    Relay relay = relays.get(number);
    relay.failures = 0;
    relay.arrived.add(event.id());
    if (System.nanoTime() - relay.struckOff > STRIKE_OFF_NANOS) {
      strikeOff(relay);
    }
  }

  /** It did not arrive: it goes back, with all that is behind it. */
  public void failed(int number, CostEvent event, Exception reason) {
    Relay relay = relays.get(number);
    List<Long> behind = new ArrayList<>();
    relay.waiting.forEach(other -> behind.add(other.id()));
    relay.waiting.clear();
    relay.full = false;
    pause(relay);
    LOG.warn("event {} did not reach {} (try {}): {}; {} s until the next try", event.eventId(), event.sink(), event.tries() + 1, reason.getClass().getSimpleName(), pauseSeconds(relay));
    try {
      outbox.failed(event.id(), reason.getClass().getSimpleName());
      outbox.release(behind, relay.name);
    } catch (IllegalStateException storeIsDown) {
      LOG.warn("events for {} wait until their claim runs out: {}", relay.name, storeIsDown.getMessage());
    }
  }

  private static void pause(Relay relay) {
    relay.failures++;
    relay.pausedUntil = System.nanoTime() + TimeUnit.SECONDS.toNanos(pauseSeconds(relay));
  }

  private static long pauseSeconds(Relay relay) {
    return Math.min(LONGEST_PAUSE_SECONDS, 1L << Math.min(relay.failures - 1, 10));
  }

  /** The batch is over: strikes off what arrived, and wakes the relay again when its claim was full. */
  public void again(int number) {
    Relay relay = relays.get(number);
    strikeOff(relay);
    if (relay.full) {
      mail.sendBody(String.format(MAILBOX, relay.kind, number), "");
    }
  }

  private void strikeOff(Relay relay) {
    try {
      outbox.delivered(relay.arrived);
      relay.arrived.clear();
      relay.struckOff = System.nanoTime();
    } catch (IllegalStateException storeIsDown) {
      // They are tried again with the next batch's; if this process dies first, they are sent once more.
      LOG.warn("{} events that reached {} could not be struck off: {}", relay.arrived.size(), relay.name, storeIsDown.getMessage());
    }
  }
}
