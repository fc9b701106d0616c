package io.dromedary.ranking;

import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Candidates;
import io.dromedary.chat.ModelRequest;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.ProviderFailure.Kind;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/** The course of one request along its candidates: who is asked now, and who next after a failure. Used by one thread. */
public final class FailoverPlan {
  private final FailoverRules rules;
  private final ModelRequest request;
  private final Candidates candidates;
  private final List<Candidate> waiting;
  private @Nullable Candidate upcoming;
  private @Nullable Duration wait;
  private int attempts;
  private int retries;
  private boolean cancelled;
  private @Nullable Problem unaffordable;
  /** Accounts that failed this request; another model of theirs is a retry, and their key is no better for it. */
  private final Map<String, Kind> failed = new HashMap<>(2);

  FailoverPlan(FailoverRules rules, ModelRequest request, Candidates candidates) {
    this.rules = rules;
    this.request = request;
    this.candidates = candidates;
    this.waiting = new ArrayList<>(candidates.ranked());
    this.upcoming = take();
  }

  /** Calls, and candidates that are passed over since nobody would pay for them. */
  public int mostAttempts() {
    return rules.maxAttempts() + candidates.ranked().size();
  }

  /** The candidate to ask now; waits first if its provider asked for that. */
  public Candidate next() {
    Candidate candidate = upcoming;
    if (candidate == null) {
      throw Problem.noEligibleModel("no candidate is left");
    }
    if (wait != null) {
      pause(wait);
      wait = null;
    }
    attempts++;
    rules.budget(candidate.account()).called();
    upcoming = candidate;
    return candidate;
  }

  /** Takes note of a failure. @return true if there is someone to ask next */
  public boolean movesOn(ProviderFailure failure) {
    candidates.failed(failure);
    cancelled = failure.kind() == Kind.CANCELLED;
    if (failure.kind() != Kind.LIMITED) {
      failed.put(failure.provider(), failure.kind());
    }
    if (candidates.purpose() == Attempt.Purpose.SHADOW || !failure.kind().failover() || attempts >= rules.maxAttempts() || !request.deadline().isAfter(Instant.now())) {
      return false;
    }
    Candidate asked = upcoming;
    upcoming = take();
    if (upcoming == null && asked != null && mayRetry(failure, asked)) {
      upcoming = asked;
    }
    return upcoming != null;
  }

  /** Takes note that this provider cannot do what the request asks, or that neither a budget bears its price nor capacity is free. @return true if another may be asked */
  public boolean movesOn(Problem cannot) {
    if (isUnaffordable(cannot)) {
      // it was not called: the next may be cheaper
      attempts--;
      if (unaffordable == null || "budget_exceeded".equals(cannot.code()) && !"budget_exceeded".equals(unaffordable.code())) {
        unaffordable = cannot;
      }
      upcoming = take();
      return upcoming != null;
    }
    if (cannot.status() != 400 || attempts >= rules.maxAttempts()) {
      return false;
    }
    upcoming = take();
    return upcoming != null;
  }

  /** Why money was lacking for a candidate, the word on a budget before any other; null if it never was. */
  public @Nullable Problem unaffordable() {
    return unaffordable;
  }

  private static boolean isUnaffordable(Problem problem) {
    return "budget_exceeded".equals(problem.code()) || "capacity_exceeded".equals(problem.code()) || problem.status() == 422 && "no_eligible_model".equals(problem.code());
  }

  public boolean cancelled() {
    return cancelled;
  }

  public List<ProviderFailure> failures() {
    return candidates.failures();
  }

  private boolean mayRetry(ProviderFailure failure, Candidate asked) {
    boolean worthIt = switch (failure.kind()) {
      case BUSY, DOWN, UNREACHABLE -> true;
      default -> false;
    };
    if (!worthIt || retries >= rules.maxRetries()) {
      return false;
    }
    Duration asksFor = failure.retryAfter();
    // Full jitter over a doubling pause (AWS Architecture Blog, "Exponential Backoff and Jitter").
    Duration pause = asksFor != null ? asksFor : Duration.ofMillis(ThreadLocalRandom.current().nextLong(50, 100L << (retries + 1)));
    if (pause.compareTo(rules.longestWait()) > 0 || pause.compareTo(request.remaining(Instant.now()).dividedBy(2)) > 0 || !rules.budget(asked.account()).takeRetry()) {
      return false;
    }
    retries++;
    wait = pause;
    return true;
  }

  /**
   * The best candidate left whose provider would take a call. Providers that failed this request come last and within their retry budget; those that refused our key not at all. Before the first attempt the best candidate is asked even
   * if its provider rests, so that its own word is what the caller hears.
   */
  private @Nullable Candidate take() {
    for (int i = 0; i < waiting.size(); i++) {
      String account = waiting.get(i).account();
      if (!failed.containsKey(account) && rules.available().test(account)) {
        return waiting.remove(i);
      }
    }
    for (int i = 0; i < waiting.size(); i++) {
      String account = waiting.get(i).account();
      Kind kind = failed.get(account);
      if (kind != null && kind != Kind.CREDENTIALS && rules.available().test(account) && rules.budget(account).takeRetry()) {
        return waiting.remove(i);
      }
    }
    return attempts == 0 && !waiting.isEmpty() ? waiting.remove(0) : null;
  }

  private static void pause(Duration duration) {
    try {
      Thread.sleep(duration.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw ProviderFailure.of(Kind.CANCELLED, "", "the gateway is stopping");
    }
  }
}
