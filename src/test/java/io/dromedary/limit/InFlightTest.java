package io.dromedary.limit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
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

  private static CompletableFuture<InFlight.Permit> later(InFlight inFlight, Caller caller, String... header) {
    Map<String, String> hints = header.length == 0 ? Map.of() : Map.of(InFlight.PRIORITY, header[0]);
    ChatRequest request = new ChatRequest("r", Json.object(), hints, Instant.now(), Instant.now().plusSeconds(60));
    int before = inFlight.waiting();
    long refused = inFlight.rejected();
    CompletableFuture<InFlight.Permit> entering = CompletableFuture.supplyAsync(() -> inFlight.enter(request, caller, "http"), task -> {
      Thread thread = new Thread(task);
      thread.setDaemon(true);
      thread.start();
    });
    await().atMost(Duration.ofSeconds(10)).until(() -> inFlight.waiting() > before || inFlight.rejected() > refused || entering.isDone());
    return entering;
  }

  private static InFlight queued(int perNode, int places, Duration patience) {
    return new InFlight(perNode, 2, caller -> 0, places, patience, caller -> caller.project().equals("nightly"));
  }

  private static Problem refused(CompletableFuture<InFlight.Permit> entering) {
    return (Problem) catchThrowableOfType(CompletionException.class, entering::join).getCause();
  }

  @Test
  @Tag("F8")
  void when_the_node_is_full_projects_take_turns() {
    InFlight busy = queued(1, 10, Duration.ofSeconds(20));
    InFlight.Permit place = busy.enter(A);
    List<CompletableFuture<InFlight.Permit>> flood = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      flood.add(later(busy, A));
    }
    CompletableFuture<InFlight.Permit> other = later(busy, B);
    place.release();
    InFlight.Permit first = flood.get(0).orTimeout(10, TimeUnit.SECONDS).join();
    assertThat(other).as("its turn is next").isNotDone();
    first.release();
    InFlight.Permit second = other.orTimeout(10, TimeUnit.SECONDS).join();
    assertThat(flood.subList(1, 4)).noneMatch(CompletableFuture::isDone);
    assertThat(busy.underWay()).isEqualTo(1);
    second.release();
    for (CompletableFuture<InFlight.Permit> each : flood.subList(1, 4)) {
      each.orTimeout(10, TimeUnit.SECONDS).join().release();
    }
    assertThat(busy.underWay()).isZero();
    assertThat(busy.waiting()).isZero();
  }

  @Test
  @Tag("F8")
  void a_full_queue_sheds_the_flood_and_lets_others_in() {
    InFlight busy = queued(1, 3, Duration.ofSeconds(20));
    InFlight.Permit place = busy.enter(A);
    List<CompletableFuture<InFlight.Permit>> flood = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      flood.add(later(busy, A));
    }
    assertThat(refused(flood.get(3)).status()).isEqualTo(503);
    CompletableFuture<InFlight.Permit> other = later(busy, B);
    assertThat(refused(flood.get(2)).status()).as("pushed out").isEqualTo(503);
    place.release();
    flood.get(0).orTimeout(10, TimeUnit.SECONDS).join().release();
    other.orTimeout(10, TimeUnit.SECONDS).join().release();
    flood.get(1).orTimeout(10, TimeUnit.SECONDS).join().release();
    assertThat(busy.underWay()).isZero();
  }

  @Test
  void who_waits_in_vain_is_told_after_its_patience_and_leaves_nothing_behind() {
    InFlight busy = queued(1, 3, Duration.ofMillis(20));
    InFlight.Permit place = busy.enter(A);
    assertThat(refused(later(busy, B)).status()).isEqualTo(503);
    assertThat(busy.waiting()).isZero();
    place.release();
    busy.enter(B).release();
    assertThat(busy.underWay()).isZero();
  }

  @Test
  void batch_comes_after_all_others_and_leaves_a_fifth_to_them() {
    InFlight busy = queued(5, 10, Duration.ofSeconds(20));
    List<InFlight.Permit> places = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      places.add(later(busy, A, "batch").orTimeout(10, TimeUnit.SECONDS).join());
    }
    CompletableFuture<InFlight.Permit> fifth = later(busy, new Caller("nightly", "k", false, Set.of()));
    assertThat(fifth).isNotDone();
    CompletableFuture<InFlight.Permit> waits = later(busy, B);
    places.add(waits.orTimeout(10, TimeUnit.SECONDS).join());
    CompletableFuture<InFlight.Permit> next = later(busy, B);
    assertThat(next).isNotDone();
    places.get(0).release();
    next.orTimeout(10, TimeUnit.SECONDS).join();
    assertThat(fifth).as("four others are under way").isNotDone();
    places.get(1).release();
    assertThat(fifth).isNotDone();
    places.get(2).release();
    fifth.orTimeout(10, TimeUnit.SECONDS).join();
    ChatRequest odd = new ChatRequest("r", Json.object(), Map.of(InFlight.PRIORITY, "urgent"), Instant.now(), Instant.now());
    assertThat(catchThrowableOfType(Problem.class, () -> busy.enter(odd, A, "http"))).hasMessageContaining("must be interactive or batch");
  }

  @Test
  void under_contention_nobody_is_forgotten_in_the_queue() throws Exception {
    InFlight busy = queued(3, 100, Duration.ofSeconds(20));
    ExecutorService pool = Executors.newFixedThreadPool(24);
    AtomicInteger most = new AtomicInteger();
    List<Future<?>> all = new ArrayList<>();
    for (int t = 0; t < 24; t++) {
      Caller caller = new Caller("p" + t % 5, "k", false, Set.of());
      all.add(pool.submit(() -> {
        for (int i = 0; i < 500; i++) {
          try (InFlight.Permit permit = busy.enter(caller)) {
            most.accumulateAndGet(busy.underWay(), Math::max);
          }
        }
      }));
    }
    for (Future<?> each : all) {
      each.get(60, TimeUnit.SECONDS);
    }
    pool.shutdown();
    assertThat(most.get()).isBetween(1, 3);
    assertThat(busy.underWay()).isZero();
    assertThat(busy.waiting()).isZero();
    assertThat(busy.rejected()).isZero();
  }
}
