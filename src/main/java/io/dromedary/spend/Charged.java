package io.dromedary.spend;

import io.dromedary.catalog.Attempt;
import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import java.time.Duration;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** What an attempt is charged: its outcome, or its upper bound when nobody saw one. */
record Charged(boolean known, String outcome, Usage usage, Usd cost, String failure, int providerStatus, @Nullable Duration firstToken, Duration total, @Nullable Usd spared) {
  private static final String[] NAMES = new String[Attempt.Status.values().length];

  static {
    for (Attempt.Status status : Attempt.Status.values()) {
      NAMES[status.ordinal()] = status.name().toLowerCase(Locale.ROOT);
    }
  }

  static Charged of(Attempt attempt) {
    Attempt.Outcome outcome = attempt.outcome();
    if (outcome == null) {
      return new Charged(false, "unknown", Usage.NONE, attempt.reserved(), "", 0, null, Duration.ZERO, null);
    }
    return new Charged(true, NAMES[outcome.status().ordinal()], outcome.usage(), outcome.cost(), outcome.failure(), outcome.providerStatus(), outcome.firstToken(), outcome.total(), attempt.spared());
  }
}
