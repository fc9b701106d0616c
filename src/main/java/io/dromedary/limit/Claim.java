package io.dromedary.limit;

/**
 * What a request wants of one gauge.
 *
 * @param book whose gauge it is, within its lane: the project's, a key's, a user's, a model's
 * @param scope the kind of that book, for messages and metrics
 * @param allowed how much of the gauge's limit may be used now: all, or less while credit runs low or the store that all nodes share is away
 */
record Claim(String book, Scope scope, Gauge gauge, long amount, long allowed) {
  /** The same wish for a share of the limit: at least one, lest a node serve nothing at all. Tokens that would fit the whole limit are made to fit the share. */
  Claim share(int nodes) {
    long mine = Math.max(1, allowed / nodes);
    return new Claim(book, scope, gauge, gauge.unit() == Gauge.Unit.TOKENS && amount <= allowed ? Math.min(amount, mine) : amount, mine);
  }
}
