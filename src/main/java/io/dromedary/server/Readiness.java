package io.dromedary.server;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Whether requests can be served: false until all parts said so, and again from the moment the gateway stops. */
public final class Readiness {
  private final Map<String, Boolean> parts = new ConcurrentHashMap<>();
  private volatile boolean stopping;

  /** Names a part that must be ready first. */
  public void expect(String part) {
    parts.put(part, false);
  }

  public void ready(String part) {
    parts.put(part, true);
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

  /** In a word or two, for people. */
  public String state() {
    if (stopping) {
      return "stopping";
    }
    return isReady() ? "ready" : "starting: " + parts.entrySet().stream().filter(e -> !e.getValue()).map(Map.Entry::getKey).sorted().toList();
  }
}
