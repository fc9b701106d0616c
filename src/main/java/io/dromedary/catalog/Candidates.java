package io.dromedary.catalog;

import java.util.ArrayList;
import java.util.List;

/**
 * The ranked models of one request, best first, with the decision behind them and a log of the attempts made. Shared by reference between the attempts of a failover, which each see a fresh copy of all else.
 */
public final class Candidates {
  private final List<Candidate> ranked;
  private final Decision decision;
  private final List<Attempt> attempts = new ArrayList<>(2);

  public Candidates(List<Candidate> ranked, Decision decision) {
    this.ranked = List.copyOf(ranked);
    this.decision = decision;
  }

  public List<Candidate> ranked() {
    return ranked;
  }

  public Decision decision() {
    return decision;
  }

  public synchronized void add(Attempt attempt) {
    attempts.add(attempt);
  }

  public synchronized List<Attempt> attempts() {
    return List.copyOf(attempts);
  }
}
