package io.dromedary.spend;

import java.time.Clock;
import java.util.List;

/** Cost events on their way to the sinks. */
public final class Outbox {
  private final List<String> sinks;

  public Outbox(Store store, List<String> sinks, Clock clock) {
    this.sinks = List.copyOf(sinks);
  }

  public List<String> sinks() {
    return sinks;
  }

  void written() {}
}
