package io.dromedary.ranking;

import io.dromedary.catalog.Candidates;
import io.dromedary.chat.ModelRequest;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;

/**
 * How often and how long to try: the one layer that retries (F2). Another candidate is asked at once; the same one only when no other is left, within its provider's retry budget, after the wait it asked for, and before the
 * request's deadline.
 *
 * @param maxAttempts provider calls one request may cause
 * @param maxRetries calls beyond the first to one and the same model
 * @param longestWait the longest Retry-After that is waited out; a longer one is the caller's to wait
 * @param available whether a provider's account (or a Camel endpoint, by its model's id) would take a call now (breaker not open, not cooling down)
 */
public record FailoverRules(int maxAttempts, int maxRetries, Duration longestWait, Predicate<String> available, Map<String, RetryBudget> budgets) {
  public FailoverRules(int maxAttempts, int maxRetries, Duration longestWait, Predicate<String> available) {
    this(maxAttempts, maxRetries, longestWait, available, new ConcurrentHashMap<>());
  }

  public FailoverPlan plan(ModelRequest request, Candidates candidates) {
    return new FailoverPlan(this, request, candidates);
  }

  RetryBudget budget(String provider) {
    return budgets.computeIfAbsent(provider, p -> new RetryBudget());
  }
}
