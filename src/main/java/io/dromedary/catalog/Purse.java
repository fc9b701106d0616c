package io.dromedary.catalog;

import io.dromedary.chat.Problem;

/**
 * Money that calls draw from: a budget's current period, or a prepaid balance. How much is in it stands in the ledger's database alone; this is its name, its limit and its voice.
 */
public interface Purse {
  /**
   * What its row tells people.
   *
   * @param name such as {@code team-a/month}
   * @param subject whose share it is where a budget is one per user, key, model or tag; "" otherwise
   * @param period such as {@code 2026-11}
   * @param endsAtMs when it is closed, 0 for never
   */
  record Facts(String project, String name, String subject, String period, long endsAtMs) {}

  /** Nano-dollars in its row: paid in, spent, and held for calls under way. */
  record Balance(long granted, long used, long reserved) {}

  /** Its row's key, unique and the same on every node. */
  String key();

  Facts facts();

  /** The most that may be used and reserved together, of what is not prepaid; asked at every decision. */
  long limitNanos();

  /** What a caller is told that cannot draw so much. */
  Problem refusal(Balance balance, long askedNanos);

  /** Told after every commit that moved it, by the ledger's one thread: must be quick and throw nothing. */
  void changed(Balance balance);
}
