package io.dromedary;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/** Counters of one name, told apart by how it ended. */
final class Outcomes {
  private Outcomes() {}

  static <T> void count(MeterRegistry meters, String name, String description, T counting, Map<String, ToDoubleFunction<T>> outcomes) {
    outcomes.forEach((outcome, counted) -> FunctionCounter.builder(name, counting, counted).tag("outcome", outcome).description(description).register(meters));
  }
}
