package io.dromedary.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("C4")
class CoalescerTest {
  static final Duration LONG = Duration.ofSeconds(20);
  final CachedAnswer answer = new CachedAnswer("p", new byte[0], Usage.NONE, "m", "p", Usd.ZERO, Instant.EPOCH);
  final Coalescer coalescer = new Coalescer();
  final ExecutorService pool = Executors.newCachedThreadPool();
  final AtomicInteger calls = new AtomicInteger();
  final CountDownLatch joined = new CountDownLatch(200);

  @AfterEach
  void stop() {
    pool.shutdownNow();
  }

  /** 200 requests; leader number n (from 1) does what {@code leader} says: an answer, null to leave without a word, or it throws. */
  private List<Object> twoHundred(IntFunction<CachedAnswer> leader) throws InterruptedException {
    List<Future<Object>> futures = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      futures.add(pool.submit(() -> {
        try (Coalescer.Turn turn = coalescer.join("k")) {
          joined.countDown();
          CachedAnswer got = turn.await(LONG);
          if (got != null) {
            return got;
          }
          joined.await();
          try {
            CachedAnswer own = leader.apply(calls.incrementAndGet());
            if (own == null) {
              return "left";
            }
            turn.answered(own);
            return own;
          } catch (RuntimeException e) {
            turn.failed(e);
            throw e;
          }
        }
      }));
    }
    List<Object> results = new ArrayList<>();
    for (Future<Object> future : futures) {
      try {
        results.add(future.get());
      } catch (ExecutionException e) {
        results.add(e.getCause());
      }
    }
    assertThat(coalescer.inFlight()).isZero();
    return results;
  }

  @Test
  void two_hundred_equal_requests_at_once_are_one_call() throws InterruptedException {
    List<Object> results = twoHundred(n -> answer);
    assertThat(calls).hasValue(1);
    assertThat(results).hasSize(200).containsOnly(answer);
    assertThat(answer.hits()).isEqualTo(199);
  }

  @Test
  void a_leaders_failure_is_everyones_and_no_stampede() throws InterruptedException {
    ProviderFailure failure = ProviderFailure.of(ProviderFailure.Kind.DOWN, "p", "down");
    List<Object> results = twoHundred(n -> {
      throw failure;
    });
    assertThat(calls).hasValue(1);
    assertThat(results).hasSize(200).containsOnly(failure);
  }

  @Test
  void a_leader_that_leaves_hands_over_to_exactly_one() throws InterruptedException {
    List<Object> results = twoHundred(n -> {
      return n <= 2 ? null : answer;
    });
    assertThat(calls).hasValue(3);
    assertThat(results).filteredOn("left"::equals).hasSize(2);
    assertThat(results).filteredOn(answer::equals).hasSize(198);
  }

  @Test
  void who_waits_gives_up_at_its_own_deadline_and_is_not_handed_the_lead() {
    Coalescer.Turn leader = coalescer.join("k");
    Coalescer.Turn hasty = coalescer.join("k");
    Coalescer.Turn patient = coalescer.join("k");
    assertThatThrownBy(() -> hasty.await(Duration.ofMillis(5))).isInstanceOfSatisfying(Problem.class, problem -> assertThat(problem.status()).isEqualTo(504));
    leader.close();
    assertThat(patient.await(LONG)).isNull();
    assertThat(patient.leads()).isTrue();
    patient.answered(answer);
    patient.close();
    assertThat(coalescer.inFlight()).isZero();
  }

  @Test
  void one_that_leaves_before_it_learns_that_it_leads_hands_on() {
    Coalescer.Turn leader = coalescer.join("k");
    Coalescer.Turn second = coalescer.join("k");
    Coalescer.Turn third = coalescer.join("k");
    leader.close();
    second.close();
    assertThat(third.await(LONG)).isNull();
    third.close();
    assertThat(coalescer.inFlight()).isZero();
    assertThat(coalescer.join("k").leads()).isTrue();
  }

  @Test
  void other_keys_do_not_wait() {
    assertThat(coalescer.join("a").leads()).isTrue();
    assertThat(coalescer.join("b").leads()).isTrue();
  }
}
