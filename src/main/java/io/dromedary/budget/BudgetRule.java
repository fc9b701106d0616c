package io.dromedary.budget;

import java.math.BigDecimal;
import java.time.ZoneId;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One budget of a project or key.
 *
 * @param id names it among its owner's, and stays when amounts change: {@code month}, {@code day-user}
 * @param scope whose each share is
 * @param limitNanos what may be spent in a period, by each share
 * @param soft part of the limit from which on it is low, null for none
 * @param cheaper whether requests are then routed by cost
 * @param models which models it counts, all when empty
 * @param tags which requests it counts, by tag; all when empty
 */
record BudgetRule(String id, Period per, Scope scope, long limitNanos, @Nullable BigDecimal soft, boolean cheaper, ModelPatterns models, Set<String> tags, ZoneId zone) {
  /** Whose a share of a budget is. */
  enum Scope {
    PROJECT, KEY, USER, MODEL, TAG
  }

  boolean counts(String model) {
    return models.isEmpty() || models.match(model);
  }
}
