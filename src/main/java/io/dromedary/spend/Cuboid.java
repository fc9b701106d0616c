package io.dromedary.spend;

import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A set of dimensions that sums are kept for. Many small sets instead of one wide: the product of all dimensions is hardly smaller than the ledger, that of the few which are asked for together is a fiftieth of it or less
 * (Harinarayan, Rajaraman, Ullman: Implementing Data Cubes Efficiently, 1996). The number is in the table: it never changes its meaning.
 */
enum Cuboid {
  CORE_HOUR(1, 3_600_000L, EnumSet.of(Dimension.PROJECT, Dimension.PROVIDER, Dimension.MODEL, Dimension.TIER, Dimension.BASELINE)),
  CORE(2, 86_400_000L, EnumSet.of(Dimension.PROJECT, Dimension.PROVIDER, Dimension.MODEL, Dimension.TIER, Dimension.BASELINE)),
  TOPIC(3, 86_400_000L, EnumSet.of(Dimension.PROJECT, Dimension.TASK, Dimension.DOMAIN)),
  KEY(4, 86_400_000L, EnumSet.of(Dimension.PROJECT, Dimension.KEY, Dimension.PROVIDER, Dimension.MODEL)),
  TAG(5, 86_400_000L, EnumSet.of(Dimension.PROJECT, Dimension.TAG, Dimension.PROVIDER, Dimension.MODEL)),
  USER(6, 86_400_000L, EnumSet.of(Dimension.PROJECT, Dimension.USER)),
  AGENT(7, 86_400_000L, EnumSet.of(Dimension.PROJECT, Dimension.AGENT, Dimension.PROVIDER, Dimension.MODEL)),
  HOUR(8, 3_600_000L, EnumSet.of(Dimension.PROJECT)),
  /** Of attempts on provisioned capacity: how many, and as their cost what they would have cost at the list price. */
  CAPACITY_HOUR(9, 3_600_000L, EnumSet.of(Dimension.PROJECT, Dimension.MODEL)),
  CAPACITY(10, 86_400_000L, EnumSet.of(Dimension.PROJECT, Dimension.MODEL));

  /** Those that every request counts in. */
  static final List<Cuboid> OF_REQUESTS = List.of(CORE_HOUR, CORE, TOPIC, KEY, TAG, USER, AGENT, HOUR);

  /** The smaller before the larger. */
  private static final List<Cuboid> DAYS = List.of(CORE, AGENT, KEY, TAG, TOPIC, USER);
  private static final List<Cuboid> HOURS = List.of(HOUR, CORE_HOUR);

  final int kind;
  final long unitMs;
  final Set<Dimension> dimensions;

  Cuboid(int kind, long unitMs, EnumSet<Dimension> dimensions) {
    this.kind = kind;
    this.unitMs = unitMs;
    this.dimensions = Collections.unmodifiableSet(dimensions);
  }

  /** The smallest by the day that tells these apart, null if none does. */
  static @Nullable Cuboid byDay(Set<Dimension> needed) {
    return first(DAYS, needed);
  }

  /** The smallest by the hour that tells these apart, null if none does. */
  static @Nullable Cuboid byHour(Set<Dimension> needed) {
    return first(HOURS, needed);
  }

  private static @Nullable Cuboid first(List<Cuboid> cuboids, Set<Dimension> needed) {
    for (Cuboid cuboid : cuboids) {
      if (cuboid.dimensions.containsAll(needed)) {
        return cuboid;
      }
    }
    return null;
  }
}
