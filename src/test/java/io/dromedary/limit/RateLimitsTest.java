package io.dromedary.limit;

import static io.dromedary.limit.LimitSamples.A;
import static io.dromedary.limit.LimitSamples.B;
import static io.dromedary.limit.LimitSamples.answered;
import static io.dromedary.limit.LimitSamples.attempt;
import static io.dromedary.limit.LimitSamples.bill;
import static io.dromedary.limit.LimitSamples.caller;
import static io.dromedary.limit.LimitSamples.candidate;
import static io.dromedary.limit.LimitSamples.request;
import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.catalog.Attempt;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("M3")
class RateLimitsTest {
  final LimitSamples samples = new LimitSamples();
  final RateLimits limits = samples.limits();

  private static Problem refused(RateLimits limits, ChatRequest request, Caller caller) {
    Problem problem = catchThrowableOfType(Problem.class, () -> limits.take(request, caller));
    assertThat(problem).as("refused").isNotNull();
    return problem;
  }

  private long used(String unit, String scope) {
    return used(limits, unit, scope);
  }

  private static long used(RateLimits limits, String unit, String scope) {
    for (JsonNode window : limits.page(A)) {
      if (window.path("unit").asText().equals(unit) && window.path("for").asText().equals(scope)) {
        return window.path("used").asLong();
      }
    }
    throw new AssertionError("no such window");
  }

  @Test
  void a_window_that_is_used_up_says_what_it_is_and_when_to_come_back() {
    samples.source.project("team-a", "{per: minute, requests: 2}");
    limits.take(request(), A);
    samples.pass(20, SECONDS);
    Taken second = limits.take(request(), A);
    assertThat(second.headers()).isEqualTo(Map.of("x-ratelimit-limit-requests", "2", "x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", "40s"));
    Problem problem = refused(limits, request(), A);
    assertThat(problem.status()).isEqualTo(429);
    assertThat(problem.code()).isEqualTo("rate_limit_exceeded");
    assertThat(problem).hasMessage("project `team-a` has used 2 of 2 requests a minute; wait 40s");
    assertThat(problem.retryAfter()).isBetween(Duration.ofSeconds(40), Duration.ofMillis(40_002));
    assertThat(problem.headers()).containsEntry("x-ratelimit-remaining-requests", "0").containsEntry("x-ratelimit-reset-requests", "40s");
    samples.pass(40, SECONDS);
    assertThat(limits.take(request(), A)).isNotNull();
  }

  @Test
  void whom_nothing_limits_takes_nothing() {
    assertThat(limits.take(request(), Caller.OPEN)).isNull();
    assertThat(limits.take(request(), A)).isNull();
    limits.attempt(null, candidate("openai/gpt-4o"));
    limits.settle(null, null);
  }

  @Test
  void all_windows_are_taken_together_or_none() {
    samples.source.project("team-a", "{per: minute, requests: 100}", "{per: hour, tokens: 1000}", "{per: minute, requests: 2, for: user}", "{concurrent: 50, for: key}");
    ChatRequest ada = request("'user':'ada','max_tokens':10");
    limits.take(ada, A);
    limits.take(ada, A);
    long tokens = used("tokens", "project");
    for (int i = 0; i < 20; i++) {
      assertThat(refused(limits, ada, A)).hasMessageStartingWith("this user of project `team-a` has used 2 of 2 requests a minute").hasMessageNotContaining("ada");
    }
    assertThat(used("requests", "project")).as("a rejected request consumes nothing").isEqualTo(2);
    assertThat(used("tokens", "project")).isEqualTo(tokens);
    assertThat(used("at_once", "key")).isEqualTo(2);
    limits.take(request("'safety_identifier':'grace','max_tokens':10"), A);
    assertThat(used("requests", "project")).isEqualTo(3);
  }

  @Test
  void projects_and_keys_have_counts_of_their_own() {
    samples.source.project("team-a", "{per: minute, requests: 1, for: key}").project("team-b", "{per: minute, requests: 1}").key("nightly", "{per: minute, requests: 2}");
    limits.take(request(), A);
    assertThat(refused(limits, request(), A)).hasMessageContaining("key `ci`");
    limits.take(request(), caller("team-a", "other"));
    limits.take(request(), caller("team-a", "nightly"));
    limits.take(request(), caller("team-a", "nightly"));
    assertThat(refused(limits, request(), caller("team-a", "nightly"))).hasMessageContaining("2 of 2");
    limits.take(request(), B);
  }

  @Test
  void tokens_are_taken_at_the_most_and_put_right_when_settled() {
    samples.source.project("team-a", "{per: minute, tokens: 1000}");
    Taken taken = limits.take(request("'max_tokens':900"), A);
    assertThat(used("tokens", "project")).isBetween(905L, 930L);
    assertThat(refused(limits, request("'max_tokens':900"), A)).hasMessageContaining("1000 tokens a minute and this request may need 9");
    limits.settle(taken, answered(120));
    assertThat(used("tokens", "project")).isEqualTo(120);
    limits.settle(taken, answered(120));
    assertThat(used("tokens", "project")).as("once").isEqualTo(120);
    Taken failed = limits.take(request("'max_tokens':500"), A);
    limits.settle(failed, bill(attempt("openai/gpt-4o", Attempt.Status.FAILED, 0, "down")));
    assertThat(used("tokens", "project")).as("released on failure").isEqualTo(120);
    Taken more = limits.take(request("'max_tokens':10"), A);
    limits.settle(more, answered(500));
    assertThat(used("tokens", "project")).as("more than was thought").isEqualTo(620);
  }

  @Test
  void what_is_larger_than_the_limit_is_told_so_and_a_guess_is_not_held_against_anybody() {
    samples.source.project("team-a", "{per: minute, tokens: 500}");
    Problem problem = refused(limits, request("'max_tokens':900"), A);
    assertThat(problem).hasMessageContaining("lower max_completion_tokens");
    assertThat(problem.shouldRetry()).isFalse();
    assertThat(problem.retryAfter()).isNull();
    Taken guessed = limits.take(request(), A);
    assertThat(guessed.headers()).containsEntry("x-ratelimit-remaining-tokens", "0");
    limits.settle(guessed, answered(30));
    assertThat(used("tokens", "project")).isEqualTo(30);
  }

  @Test
  void what_was_refused_before_anybody_was_asked_gives_all_back() {
    samples.source.project("team-a", "{per: minute, requests: 5, tokens: 5000}", "{concurrent: 1}");
    Taken taken = limits.take(request(), A);
    assertThat(refused(limits, request(), A)).hasMessageContaining("1 of 1 requests at once; wait for one to end");
    limits.settle(taken, null);
    assertThat(used("requests", "project")).isZero();
    assertThat(used("tokens", "project")).isZero();
    assertThat(used("at_once", "project")).isZero();
    limits.settle(limits.take(request(), A), bill());
    assertThat(used("requests", "project")).as("an answer from the cache is a request without tokens").isEqualTo(1);
    assertThat(used("tokens", "project")).isZero();
  }

  @Test
  void what_comes_back_after_its_window_adds_nothing_to_the_next() {
    samples.source.project("team-a", "{per: minute, tokens: 1000}");
    Taken slow = limits.take(request("'max_tokens':900"), A);
    samples.pass(61, SECONDS);
    limits.settle(limits.take(request("'max_tokens':500"), A), answered(500));
    limits.settle(slow, answered(10));
    assertThat(used("tokens", "project")).isEqualTo(500);
  }

  @Test
  void a_burst_is_refilled_evenly_and_the_window_holds_beside_it() {
    samples.source.project("team-a", "{per: minute, requests: 60, burst: 5}");
    for (int i = 0; i < 5; i++) {
      limits.take(request(), A);
    }
    assertThat(refused(limits, request(), A)).hasMessage("project `team-a` has used 5 of 5 requests in one burst; wait 1s");
    int more = 0;
    for (int tenth = 0; tenth < 595; tenth++) {
      samples.pass(100, MILLISECONDS);
      try {
        limits.take(request(), A);
        more++;
      } catch (Problem full) {
        // not yet
      }
    }
    assertThat(more + 5).as("in the first minute").isEqualTo(60);
  }

  @Test
  void a_model_that_is_used_up_is_passed_over_and_an_account_too() {
    RateLimits limits = samples.limits("{per: minute, requests: 2}");
    samples.source.project("team-a", "{per: minute, requests: 10}", "{per: minute, requests: 1, for: model, models: [openai/gpt-4o]}");
    Taken first = limits.take(request(), A);
    limits.attempt(first, candidate("openai/gpt-4o"));
    assertThat(first.headers()).containsEntry("x-ratelimit-limit-requests", "1");
    Taken second = limits.take(request(), A);
    ProviderFailure model = catchThrowableOfType(ProviderFailure.class, () -> limits.attempt(second, candidate("openai/gpt-4o")));
    assertThat(model.kind()).isEqualTo(ProviderFailure.Kind.LIMITED);
    assertThat(model).hasMessage("model `openai/gpt-4o` has used 1 of 1 requests a minute; wait 1m0s");
    assertThat(model.retryAfter()).isEqualTo(Duration.ofMinutes(1));
    limits.attempt(second, candidate("openai/gpt-4o-mini"));
    Taken third = limits.take(request(), A);
    ProviderFailure account = catchThrowableOfType(ProviderFailure.class, () -> limits.attempt(third, candidate("openai/gpt-4o-mini")));
    assertThat(account).hasMessageContaining("the account of provider `openai` has used 2 of 2");
    limits.attempt(third, candidate("groq/llama"));
    limits.settle(second, bill(attempt("openai/gpt-4o-mini", Attempt.Status.FAILED, 0, "not_called")));
    limits.attempt(limits.take(request(), A), candidate("openai/gpt-4o-mini"));
  }

  @Test
  void an_attempt_the_account_has_no_room_for_leaves_the_models_window_alone() {
    RateLimits limits = samples.limits("{per: minute, requests: 1}");
    samples.source.project("team-a", "{per: minute, requests: 9, for: model, models: [openai/gpt-4o]}");
    limits.attempt(limits.take(request(), A), candidate("openai/gpt-4o"));
    Taken second = limits.take(request(), A);
    assertThat(catchThrowableOfType(ProviderFailure.class, () -> limits.attempt(second, candidate("openai/gpt-4o")))).isNotNull();
    assertThat(used(limits, "requests", "model")).isEqualTo(1);
  }

  @Test
  void a_clock_that_is_set_back_neither_grants_nor_freezes() {
    samples.source.project("team-a", "{per: minute, requests: 2}");
    limits.take(request(), A);
    limits.take(request(), A);
    samples.pass(-3_600, SECONDS);
    refused(limits, request(), A);
    samples.pass(59, SECONDS);
    refused(limits, request(), A);
    samples.pass(1, SECONDS);
    assertThat(limits.take(request(), A)).isNotNull();
  }

  @Test
  void a_limit_that_is_changed_keeps_what_is_used() {
    samples.source.project("team-a", "{per: minute, requests: 10}");
    for (int i = 0; i < 6; i++) {
      limits.take(request(), A);
    }
    samples.source.project("team-a", "{per: minute, requests: 5}");
    refused(limits, request(), A);
    samples.source.project("team-a", "{per: minute, requests: 8}");
    limits.take(request(), A);
    limits.take(request(), A);
    refused(limits, request(), A);
  }

  @Tag("M4")
  @Test
  void limits_that_cannot_be_read_serve_nobody() {
    samples.source.project("team-a", "{per: fortnight, requests: 10}");
    Problem problem = refused(limits, request(), A);
    assertThat(problem.status()).isEqualTo(503);
    assertThat(problem.code()).isEqualTo("limits_invalid");
  }

  @Test
  void credit_that_runs_low_narrows_the_windows() {
    samples.source.project("team-a", "{per: minute, requests: 100}");
    double[] pace = {1};
    RateLimits limits = new RateLimits(samples.source, Map.of(), new HeapBooks(samples.clock::get), model -> true, caller -> pace[0], 1_000, RateLimits.Observer.NONE);
    for (int i = 0; i < 20; i++) {
      limits.take(request(), A);
    }
    pace[0] = 0.25;
    for (int i = 0; i < 5; i++) {
      limits.take(request(), A);
    }
    assertThat(refused(limits, request(), A)).hasMessageContaining("25 of 25 requests a minute");
  }

  @Test
  void users_without_number_take_no_memory_without_end() {
    samples.source.project("team-a", "{per: day, requests: 1, for: user}");
    for (int i = 0; i < HeapBooks.MOST_BOOKS; i++) {
      limits.take(request("'user':'u" + i + "'"), A);
    }
    limits.take(request("'user':'one more'"), A);
    refused(limits, request("'user':'and one'"), A);
  }

  @Test
  void far_below_the_limits_nobody_is_refused_and_at_the_limit_nobody_slips_through() throws Exception {
    samples.source.project("team-a", "{per: minute, requests: 3000}", "{per: minute, tokens: 10000000}", "{per: minute, requests: 2500, for: key}", "{concurrent: 60}");
    AtomicInteger granted = new AtomicInteger();
    Callable<Integer> many = () -> {
      for (int i = 0; i < 50; i++) {
        Taken taken = limits.take(request("'max_tokens':100"), A);
        granted.incrementAndGet();
        limits.settle(taken, answered(50));
      }
      return 0;
    };
    ExecutorService pool = Executors.newFixedThreadPool(40);
    try {
      List<Callable<Integer>> all = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        all.add(many);
      }
      for (Future<Integer> each : pool.invokeAll(all)) {
        each.get();
      }
      assertThat(granted).hasValue(2_000);
      assertThat(used("tokens", "project")).isEqualTo(100_000);
      assertThat(used("at_once", "project")).isZero();
      AtomicInteger refusals = new AtomicInteger();
      pool.invokeAll(java.util.Collections.nCopies(40, () -> {
        for (int i = 0; i < 50; i++) {
          try {
            limits.settle(limits.take(request("'max_tokens':100"), A), answered(50));
            granted.incrementAndGet();
          } catch (Problem full) {
            refusals.incrementAndGet();
          }
        }
        return 0;
      }));
      assertThat(granted).as("the key's 2,500").hasValue(2_500);
      assertThat(refusals).hasValue(1_500);
      assertThat(used("requests", "project")).isEqualTo(2_500);
    } finally {
      pool.shutdownNow();
    }
  }
}
