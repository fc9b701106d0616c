package io.dromedary.budget;

/** Who wants to know when money gets short: alerts. Called once per purse, kind and node, from a thread of its own. */
public interface BudgetSignals {
  /** What happened. */
  enum Kind {
    /** More than the soft part of a budget is used or held. */
    BUDGET_LOW,
    /** A call was refused for a budget. */
    BUDGET_SPENT,
    /** A balance is below its low threshold. */
    CREDIT_LOW,
    /** A balance is below its critical threshold. */
    CREDIT_CRITICAL,
    /** A call was refused for a balance. */
    CREDIT_SPENT
  }

  /**
   * One thing that happened to one purse; money in nano-dollars.
   *
   * @param name such as {@code team-a/month}
   * @param subject of a budget per user, key, model or tag, "" otherwise
   * @param period such as {@code 2026-11}
   * @param limitNanos the budget's limit, or what was paid in
   * @param resetsAtMs 0 for never
   */
  record Signal(Kind kind, String project, String name, String subject, String period, long usedNanos, long reservedNanos, long limitNanos, long resetsAtMs) {}

  void tell(Signal signal);
}
