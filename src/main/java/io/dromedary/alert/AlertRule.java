package io.dromedary.alert;

import io.dromedary.chat.Globs;
import java.time.Duration;
import java.util.List;

/**
 * When to tell whom.
 *
 * @param id its name in {@code alerts.yaml}
 * @param per whose figures: the whole gateway's, each project's, provider's or model's; for what is told by others, whatever they name
 * @param projects projects it is for
 * @param bound above (or, for cache hits, below) which it fires: dollars an hour, a part of 1, or milliseconds; 0 for what is told by others
 * @param over the time looked at, whole minutes
 * @param atLeast requests in that time below which nothing is said
 * @param severity {@code info}, {@code warning} or {@code critical}
 * @param to names of sinks; empty: it stands in the history only
 * @param againEvery how often it is told again while it lasts and nobody has acknowledged it
 * @param resolveAfter how long it must not have been seen before it counts as over
 */
record AlertRule(String id, Kind on, Scope per, Globs projects, double bound, Duration over, long atLeast, String severity, List<String> to, Duration againEvery, Duration resolveAfter) {
  /** Whose figures a rule looks at. */
  enum Scope { GATEWAY, PROJECT, PROVIDER, MODEL }

  /** What a rule looks at. */
  enum Kind {
    SPEND_RATE(true), ERROR_RATE(true), LATENCY_P95(true), CACHE_HIT_RATE(true),
    BREAKER_OPEN(false), CREDENTIALS_REFUSED(false), PROVIDER_UNAVAILABLE(false),
    BUDGET_LOW(false), BUDGET_SPENT(false), CREDIT_LOW(false), CREDIT_CRITICAL(false), CREDIT_SPENT(false);

    /** Is it worked out here from requests? Else somebody tells it. */
    final boolean measured;

    Kind(boolean measured) {
      this.measured = measured;
    }

    String word() {
      return name().toLowerCase(java.util.Locale.ROOT);
    }
  }

  boolean concerns(String project) {
    return projects.admit(project);
  }
}
