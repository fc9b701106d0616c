package io.dromedary.catalog;

import io.dromedary.chat.ProviderFailure;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The ranked models of one request, best first, with the decision behind them and a log of the attempts made. Shared by reference between the attempts of a failover, which each see a fresh copy of all else.
 *
 * <p>A request may be asked in several rounds, such as the rungs of a cascade and the judge between them: each round has its own candidates and failures, all have one log of attempts.
 */
public final class Candidates {
  /** The calls of one request, whatever the round. */
  private static final class Log {
    private final List<Attempt> attempts = new ArrayList<>(2);
    private @Nullable Attempt serving;
  }

  private final List<Candidate> ranked;
  private final Decision decision;
  private final Attempt.Purpose purpose;
  private final Log log;
  /** Attempts of earlier rounds. */
  private final int before;
  private final List<ProviderFailure> failures = new ArrayList<>(0);

  public Candidates(List<Candidate> ranked, Decision decision) {
    this(ranked, decision, Attempt.Purpose.ANSWER, new Log());
  }

  private Candidates(List<Candidate> ranked, Decision decision, Attempt.Purpose purpose, Log log) {
    this.ranked = List.copyOf(ranked);
    this.decision = decision;
    this.purpose = purpose;
    this.log = log;
    synchronized (log) {
      this.before = log.attempts.size();
    }
  }

  /** Another round of the same request: these are asked, and their attempts go into the same log. */
  public Candidates round(List<Candidate> asked, Attempt.Purpose purpose) {
    return new Candidates(asked, decision, purpose, log);
  }

  /** The same, explained otherwise. */
  public Candidates told(Decision other) {
    return new Candidates(ranked, other, purpose, log);
  }

  /** The same, after what an earlier round of this request has asked: its attempts count and stay on the bill. */
  public Candidates after(Candidates earlier) {
    return new Candidates(ranked, decision, purpose, earlier.log);
  }

  public List<Candidate> ranked() {
    return ranked;
  }

  public Decision decision() {
    return decision;
  }

  public Attempt.Purpose purpose() {
    return purpose;
  }

  public void add(Attempt attempt) {
    synchronized (log) {
      log.attempts.add(attempt);
    }
  }

  /** All attempts of the request, in order. */
  public List<Attempt> attempts() {
    synchronized (log) {
      return List.copyOf(log.attempts);
    }
  }

  /** How many of them were made before this round. */
  public int before() {
    return before;
  }

  /** Says that this attempt's answer is what the caller gets, though it is not the last one. */
  public void serve(Attempt attempt) {
    synchronized (log) {
      log.serving = attempt;
    }
  }

  /** The attempt that the caller's answer, or its failure, came from: the last one that was made to answer. Null when none was. */
  public @Nullable Attempt served() {
    synchronized (log) {
      if (log.serving != null) {
        return log.serving;
      }
      for (int i = log.attempts.size() - 1; i >= 0; i--) {
        if (log.attempts.get(i).purpose() == Attempt.Purpose.ANSWER) {
          return log.attempts.get(i);
        }
      }
      return null;
    }
  }

  public synchronized void failed(ProviderFailure failure) {
    failures.add(failure);
  }

  /** Why the attempts of this round brought no answer, in order. */
  public synchronized List<ProviderFailure> failures() {
    return List.copyOf(failures);
  }
}
