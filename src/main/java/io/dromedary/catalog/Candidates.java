package io.dromedary.catalog;

import io.dromedary.chat.ProviderFailure;
import java.util.ArrayList;
import java.util.List;

/**
 * The ranked models of one request, best first, with the decision behind them and a log of the attempts made. Shared by reference between the attempts of a failover, which each see a fresh copy of all else.
 */
public final class Candidates {
  private final List<Candidate> ranked;
  private final Decision decision;
  private final List<Attempt> attempts = new ArrayList<>(2);
  private final List<ProviderFailure> failures = new ArrayList<>(0);

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

  public synchronized void failed(ProviderFailure failure) {
    failures.add(failure);
  }

  /** Why the attempts so far brought no answer, in order. */
  public synchronized List<ProviderFailure> failures() {
    return List.copyOf(failures);
  }
}
