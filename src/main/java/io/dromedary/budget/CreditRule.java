package io.dromedary.budget;

import java.util.Map;

/**
 * How a project's or key's prepaid credit works.
 *
 * @param lowNanos balance below which it is low, -1 for no such threshold; likewise critical
 * @param cheaper whether requests are routed by cost while it is critical
 * @param unlimited models that do not draw from it
 * @param highCost models that are asked only while so much is left, by pattern
 */
record CreditRule(long lowNanos, long criticalNanos, boolean cheaper, ModelPatterns unlimited, Map<String, Long> highCost) {
  /** What must be left for this model. */
  long floor(String model) {
    long floor = 0;
    for (Map.Entry<String, Long> entry : highCost.entrySet()) {
      if (ModelPatterns.matches(entry.getKey(), model)) {
        floor = Math.max(floor, entry.getValue());
      }
    }
    return floor;
  }
}
