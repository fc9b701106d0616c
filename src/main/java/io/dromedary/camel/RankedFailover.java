package io.dromedary.camel;

import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Candidates;
import io.dromedary.chat.ModelRequest;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.ranking.FailoverPlan;
import io.dromedary.ranking.FailoverRules;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import org.apache.camel.AsyncCallback;
import org.apache.camel.AsyncProcessor;
import org.apache.camel.Exchange;
import org.apache.camel.processor.loadbalancer.FailOverLoadBalancer;
import org.jspecify.annotations.Nullable;

/**
 * The failover load balancer over candidates that were ranked at run time: its one child is asked once per candidate of this exchange, each time on a fresh copy whose variables {@code candidate} and {@code provider} name whom to
 * ask. Which failure moves on, to whom and when is the {@link FailoverPlan}'s word.
 */
public final class RankedFailover extends FailOverLoadBalancer {
  private static final String PLAN = "DromedaryFailoverPlan";

  private final FailoverRules rules;
  private final Function<List<ProviderFailure>, Problem> verdict;

  /** @param verdict what the caller is told when nobody answered */
  public RankedFailover(FailoverRules rules, Function<List<ProviderFailure>, Problem> verdict) {
    this.rules = rules;
    this.verdict = verdict;
  }

  @Override
  public boolean process(Exchange exchange, AsyncCallback callback) {
    Candidates candidates = exchange.getVariable("candidates", Candidates.class);
    ModelRequest request = exchange.getVariable("request", ModelRequest.class);
    FailoverPlan plan = rules.plan(request, candidates);
    exchange.setProperty(PLAN, plan);
    AsyncProcessor[] askOncePerAttempt = new AsyncProcessor[plan.mostAttempts()];
    Arrays.fill(askOncePerAttempt, doGetProcessors()[0]);
    exchange.getContext().getCamelContextExtension().getReactiveExecutor().schedule(new State(exchange, callback, askOncePerAttempt)::run);
    return false;
  }

  @Override
  protected Exchange prepareExchangeForFailover(Exchange exchange) {
    Exchange copy = super.prepareExchangeForFailover(exchange);
    Candidate candidate = exchange.getProperty(PLAN, FailoverPlan.class).next();
    copy.setVariable("candidate", candidate);
    copy.setVariable("provider", candidate.provider());
    return copy;
  }

  @Override
  protected boolean shouldFailOver(Exchange copy) {
    Exception thrown = copy.getException();
    if (thrown == null) {
      return false;
    }
    FailoverPlan plan = copy.getProperty(PLAN, FailoverPlan.class);
    Exception cause = unwrapped(copy, thrown);
    if (cause instanceof ProviderFailure failure) {
      if (plan.movesOn(failure)) {
        return true;
      }
      copy.setException(plan.cancelled() ? failure : verdict.apply(plan.failures()));
      return false;
    }
    if (cause instanceof Problem problem) {
      if (plan.movesOn(problem)) {
        return true;
      }
      Problem unaffordable = plan.unaffordable();
      if (unaffordable != null) {
        // providers that were asked and failed have the last word
        copy.setException(plan.failures().isEmpty() ? unaffordable : verdict.apply(plan.failures()));
        return false;
      }
    }
    copy.setException(cause);
    return false;
  }

  /** A breaker that is open is a provider that was not called; anything else is itself, without the wrapping Camel put around it. */
  private static Exception unwrapped(Exchange copy, Exception thrown) {
    ProviderFailure failure = copy.getException(ProviderFailure.class);
    if (failure != null) {
      return failure;
    }
    Problem problem = copy.getException(Problem.class);
    if (problem != null) {
      return problem;
    }
    if (copy.getException(io.github.resilience4j.circuitbreaker.CallNotPermittedException.class) != null) {
      String provider = provider(copy);
      return ProviderFailure.of(ProviderFailure.Kind.NOT_CALLED, provider, "provider `" + provider + "` failed too often and rests for a few seconds");
    }
    return thrown;
  }

  private static String provider(Exchange copy) {
    @Nullable String provider = copy.getVariable("provider", String.class);
    return provider == null ? "" : provider;
  }
}
