package io.dromedary.server;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;

/** Whether requests can be served: false until all parts said so, and again from the moment the gateway stops. */
public final class Readiness {
  private final Map<String, Boolean> parts = new ConcurrentHashMap<>();
  private final Map<String, BooleanSupplier> watched = new ConcurrentHashMap<>();
  private volatile boolean stopping;

  /** Names a part that must be ready first. */
  public void expect(String part) {
    parts.put(part, false);
  }

  public void ready(String part) {
    parts.put(part, true);
  }

  /** Names a part that may fail while the gateway runs. Requests still come in then, since not all of them need it; readiness says no, so that they go to a node that has it. */
  public void watch(String part, BooleanSupplier works) {
    watched.put(part, works);
  }

  public void stopping() {
    stopping = true;
  }

  public boolean isStopping() {
    return stopping;
  }

  public boolean isReady() {
    return !stopping && !parts.isEmpty() && !parts.containsValue(false);
  }

  /** Ready, and every watched part works: what readiness tells. */
  public boolean isWell() {
    return isReady() && failing().isEmpty();
  }

  private List<String> failing() {
    return watched.entrySet().stream().filter(e -> !e.getValue().getAsBoolean()).map(Map.Entry::getKey).sorted().toList();
  }

  /** In a word or two, for people. */
  public String state() {
    if (stopping) {
      return "stopping";
    }
    if (isReady()) {
      List<String> failing = failing();
      return failing.isEmpty() ? "ready" : "failing: " + failing;
    }
    return "starting: " + parts.entrySet().stream().filter(e -> !e.getValue()).map(Map.Entry::getKey).sorted().toList();
  }
}
