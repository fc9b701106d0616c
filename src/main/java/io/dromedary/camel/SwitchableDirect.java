package io.dromedary.camel;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.camel.Endpoint;
import org.apache.camel.MultipleConsumersSupport;
import org.apache.camel.component.direct.DirectComponent;
import org.apache.camel.component.direct.DirectConsumer;
import org.apache.camel.component.direct.DirectEndpoint;
import org.jspecify.annotations.Nullable;

/**
 * Camel's {@code direct} component, in which a route may take another's place: what begins on the reloading thread between {@link #prepare} and {@link #switchOver} is called by nobody until then, and from then on by all, at once.
 * Exchanges that are in the old routes go on in them.
 */
public final class SwitchableDirect extends DirectComponent {
  private final Map<String, DirectConsumer> newest = new ConcurrentHashMap<>();
  private volatile @Nullable Thread preparing;
  private Map<String, DirectConsumer> prepared = new HashMap<>();

  /** Two routes begin there for a while. */
  private static final class Shared extends DirectEndpoint implements MultipleConsumersSupport {
    Shared(String uri, DirectComponent component) {
      super(uri, component);
    }

    @Override
    public boolean isMultipleConsumersSupported() {
      return true;
    }
  }

  @Override
  protected Endpoint createEndpoint(String uri, String remaining, Map<String, Object> parameters) throws Exception {
    DirectEndpoint endpoint = new Shared(uri, this);
    endpoint.setBlock(isBlock());
    endpoint.setTimeout(getTimeout());
    setProperties(endpoint, parameters);
    return endpoint;
  }

  /** What this thread starts from now on waits. */
  void prepare() {
    prepared = new HashMap<>();
    preparing = Thread.currentThread();
  }

  /** What has been prepared is called from now on. */
  void switchOver() {
    preparing = null;
    newest.putAll(prepared);
    prepared = new HashMap<>();
    seen();
  }

  /** What has been prepared will not be called. */
  void forget() {
    preparing = null;
    prepared = new HashMap<>();
  }

  /** Producers look their consumer up again when the count of changes in the component, which is not ours to set, has moved. */
  private void seen() {
    super.removeConsumer("", null);
  }

  @Override
  public void addConsumer(String key, DirectConsumer consumer) {
    if (Thread.currentThread() == preparing) {
      prepared.put(key, consumer);
    } else {
      super.addConsumer(key, consumer);
    }
  }

  @Override
  public void removeConsumer(String key, DirectConsumer consumer) {
    newest.remove(key, consumer);
    super.removeConsumer(key, consumer);
  }

  @Override
  protected @Nullable DirectConsumer getConsumer(String key, boolean block, long timeout) throws InterruptedException {
    DirectConsumer consumer = newest.get(key);
    return consumer != null ? consumer : super.getConsumer(key, block, timeout);
  }
}
