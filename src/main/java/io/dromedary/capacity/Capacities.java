package io.dromedary.capacity;

import io.dromedary.catalog.Model;
import io.dromedary.catalog.Price;
import io.dromedary.catalog.Tariff;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Usd;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongConsumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The capacity that is paid for by the hour: who may use it now, and how full it is. */
public final class Capacities implements Tariff {
  /** How one commitment does: how full it is on all nodes, and what this one took and was refused. */
  public record State(Commitment commitment, double utilisation, long taken, long spilled) {}

  private record Meter(Commitment commitment, Count count, LongAdder taken, LongAdder spilled) {}

  private final Map<String, Meter> meters;

  public Capacities(List<Commitment> commitments, Count.Maker counts) {
    Map<String, Meter> made = new HashMap<>();
    for (Commitment commitment : commitments) {
      if (made.put(commitment.model(), new Meter(commitment, counts.of(commitment), new LongAdder(), new LongAdder())) != null) {
        throw new IllegalArgumentException("dromedary.provisioned has `" + commitment.model() + "` twice; put its capacity into one entry");
      }
    }
    meters = Map.copyOf(made);
  }

  @Override
  public @Nullable Price marginal(Model model, @Nullable Price listed) {
    Meter meter = meters.isEmpty() ? null : meters.get(model.id());
    return meter != null && meter.count().isFree() ? free(meter.commitment()) : listed;
  }

  @Override
  public Terms take(Model model, @Nullable Price listed, long tokensAtMost) {
    Meter meter = meters.isEmpty() ? null : meters.get(model.id());
    if (meter == null) {
      return new Terms(listed, null, null);
    }
    LongConsumer used = meter.count().take(tokensAtMost);
    if (used != null) {
      meter.taken().increment();
      return new Terms(free(meter.commitment()), listed, used);
    }
    meter.spilled().increment();
    if (meter.commitment().buysMore()) {
      return new Terms(listed, null, null);
    }
    throw new Problem(429, "requests", "the provisioned capacity of `" + model.id() + "` is used up for this minute, and nothing is bought beside it; try again shortly").code("capacity_exceeded")
        .retryAfter(Duration.ofSeconds(meter.count().secondsToNext()));
  }

  private static Price free(Commitment commitment) {
    return new Price(commitment.model() + "@provisioned", commitment.since(), "provisioned at " + commitment.perHour() + " USD an hour", Price.Rates.FREE, List.of());
  }

  /** What each commitment costs between two moments, used or not: for savings and for the projection to the month's end. */
  public Map<String, Usd> commitments(Instant from, Instant to) {
    Map<String, Usd> costs = new LinkedHashMap<>();
    sorted().forEach(meter -> costs.put(meter.commitment().model(), meter.commitment().cost(from, to)));
    return costs;
  }

  private Stream<Meter> sorted() {
    return meters.values().stream().sorted(Comparator.comparing(meter -> meter.commitment().model()));
  }

  public List<State> states() {
    List<State> states = new ArrayList<>();
    sorted().forEach(meter -> states.add(new State(meter.commitment(), meter.count().utilisation(), meter.taken().sum(), meter.spilled().sum())));
    return states;
  }
}
