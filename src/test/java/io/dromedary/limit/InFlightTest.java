package io.dromedary.limit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.dromedary.chat.Caller;
import io.dromedary.chat.Problem;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("X4")
class InFlightTest {
  static final Caller A = new Caller("a", "k", false, Set.of());
  static final Caller B = new Caller("b", "k", false, Set.of());
  final InFlight inFlight = new InFlight(3, 2, caller -> caller.keyId().isEmpty() ? 0 : 2);

  @Test
  @Tag("F8")
  void a_full_project_is_429_and_leaves_room_for_others() {
    inFlight.enter(A);
    InFlight.Permit second = inFlight.enter(A);
    Problem full = catchThrowableOfType(Problem.class, () -> inFlight.enter(A));
    assertThat(full.status()).isEqualTo(429);
    assertThat(full.retryAfter()).isEqualTo(Duration.ofSeconds(1));
    inFlight.enter(B);
    Problem node = catchThrowableOfType(Problem.class, () -> inFlight.enter(B));
    assertThat(node.status()).isEqualTo(503);
    assertThat(node.retryAfter()).isEqualTo(Duration.ofSeconds(1));
    assertThat(inFlight.underWay("b")).as("a refusal consumes nothing").isEqualTo(1);
    assertThat(inFlight.rejected()).isEqualTo(2);
    second.release();
    second.close();
    assertThat(inFlight.underWay()).isEqualTo(2);
    assertThat(inFlight.underWay("a")).isEqualTo(1);
  }

  @Test
  void the_open_project_shares_the_nodes_limit() {
    for (int i = 0; i < 3; i++) {
      inFlight.enter(Caller.OPEN);
    }
    assertThatThrownBy(() -> inFlight.enter(Caller.OPEN)).isInstanceOfSatisfying(Problem.class, problem -> assertThat(problem.status()).isEqualTo(503));
  }

  @Test
  void an_open_stream_frees_its_place_among_the_requests_until_the_streams_are_full() {
    List<InFlight.Permit> permits = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      InFlight.Permit permit = inFlight.enter(A);
      assertThat(permit.toStream()).isTrue();
      assertThat(permit.toStream()).isFalse();
      permits.add(permit);
    }
    assertThat(inFlight.underWay()).isZero();
    assertThat(inFlight.openStreams()).isEqualTo(2);
    InFlight.Permit third = inFlight.enter(A);
    assertThat(third.toStream()).isFalse();
    assertThat(inFlight.underWay("a")).isEqualTo(1);
    permits.forEach(InFlight.Permit::release);
    permits.forEach(InFlight.Permit::release);
    assertThat(inFlight.openStreams()).isZero();
    third.release();
    assertThat(third.toStream()).isFalse();
    assertThat(inFlight.underWay()).isZero();
    assertThat(inFlight.openStreams()).isZero();
  }

  @Test
  void under_contention_the_limit_is_never_passed_and_nothing_is_lost() throws Exception {
    InFlight busy = new InFlight(20, 5, caller -> 8);
    AtomicInteger most = new AtomicInteger();
    AtomicInteger entered = new AtomicInteger();
    ExecutorService pool = Executors.newFixedThreadPool(32);
    CountDownLatch start = new CountDownLatch(1);
    List<Future<?>> futures = new ArrayList<>();
    for (int t = 0; t < 32; t++) {
      Caller caller = new Caller("p" + t % 4, "k", false, Set.of());
      futures.add(pool.submit(() -> {
        start.await();
        for (int i = 0; i < 2_000; i++) {
          try (InFlight.Permit permit = busy.enter(caller)) {
            entered.incrementAndGet();
            most.accumulateAndGet(busy.underWay(), Math::max);
            if (i % 3 == 0) {
              permit.toStream();
            }
            if (i % 5 == 0) {
              pool.execute(permit::release); // races with close
            }
            Thread.yield();
          } catch (Problem full) {
            Thread.yield();
          }
        }
        return null;
      }));
    }
    start.countDown();
    for (Future<?> future : futures) {
      future.get();
    }
    pool.shutdown();
    assertThat(pool.awaitTermination(10, java.util.concurrent.TimeUnit.SECONDS)).isTrue();
    assertThat(most.get()).isBetween(1, 20);
    assertThat(entered.get()).isGreaterThan(1_000);
    assertThat(busy.underWay()).isZero();
    assertThat(busy.openStreams()).isZero();
    assertThat(busy.underWay("p0") + busy.underWay("p1") + busy.underWay("p2") + busy.underWay("p3")).isZero();
  }

  @Test
  void bodies_are_read_within_slots_and_bytes() {
    BodyBudget budget = new BodyBudget(2, 100);
    BodyBudget.Reading first = budget.start(60);
    assertThatThrownBy(() -> budget.start(41)).isInstanceOfSatisfying(Problem.class, problem -> assertThat(problem.status()).isEqualTo(503));
    assertThat(budget.reading()).as("a refusal consumes nothing").isEqualTo(1);
    BodyBudget.Reading second = budget.start(0);
    assertThatThrownBy(() -> budget.start(0)).isInstanceOf(Problem.class);
    second.grow(40);
    second.grow(30);
    assertThatThrownBy(() -> second.grow(41)).isInstanceOf(Problem.class);
    assertThat(budget.held()).isEqualTo(100);
    first.close();
    first.close();
    second.grow(100);
    second.close();
    second.grow(50);
    assertThat(budget.held()).isZero();
    assertThat(budget.reading()).isZero();
    assertThatThrownBy(() -> budget.start(Long.MAX_VALUE)).isInstanceOf(Problem.class);
    assertThat(budget.reading()).isZero();
  }
}
