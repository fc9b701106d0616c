package io.dromedary.batch;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Arrival;
import io.dromedary.catalog.Arrivals;
import io.dromedary.catalog.Lot;
import io.dromedary.catalog.LotNews;
import io.dromedary.catalog.Ride;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Upload;
import io.dromedary.spend.Store;
import io.dromedary.testing.Postgres;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two nodes on one PostgreSQL: a batch is worked on by one of them, and by the other when that one dies. */
@Tag("M10")
class BatchesOnPostgresTest {
  private static final BatchLimits LIMITS = new BatchLimits(4, 4, 1 << 20, 1 << 20, 1_000, 10, 10_000, 2, Duration.ofMillis(10), Duration.ofDays(30));
  private static final int LINES = 40;

  @TempDir static Path dir;
  private static Store first;
  private static Store second;
  private static int batches;

  @BeforeAll
  static void start() throws Exception {
    String url = Postgres.freshUrl();
    first = Store.open(dir.resolve("first"), url);
    second = Store.open(dir.resolve("second"), url);
  }

  @AfterAll
  static void stop() throws Exception {
    first.close();
    second.close();
  }

  private static BatchStore node(Store store, Clock clock) {
    return new BatchStore(store.dataSource(), store.node(), clock);
  }

  private static Clock later(Duration time) {
    return Clock.offset(Clock.systemUTC().withZone(ZoneOffset.UTC), time);
  }

  private static Inbound in(String path, String body) {
    return new Inbound("req-1", "http", "POST", path, Map.of(), Map.of("idempotency-key", path + batches), body.getBytes(UTF_8), Instant.now());
  }

  private static String batch(BatchStore store) {
    batches++;
    String lines = IntStream.rangeClosed(1, LINES).mapToObj(i -> "{\"custom_id\":\"line-" + i + "\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":{\"model\":\"m\"}}\n").collect(Collectors.joining());
    Upload form = taker -> {
      try {
        taker.file("file", "in.jsonl", new ByteArrayInputStream(lines.getBytes(UTF_8)));
        taker.field("purpose", "batch");
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    };
    FilePages files = new FilePages(store, LIMITS, Clock.systemUTC());
    String file = files.upload(form, in("/v1/files", "file"), Caller.OPEN).path("id").asText();
    assertThat(files.upload(form, in("/v1/files", "file"), Caller.OPEN).path("id").asText()).as("once per key").isEqualTo(file);
    BatchPages pages = new BatchPages(store, LIMITS, Clock.systemUTC());
    Inbound asked = in("/v1/batches", "{\"input_file_id\":\"" + file + "\",\"endpoint\":\"/v1/chat/completions\",\"completion_window\":\"24h\",\"metadata\":{\"a\":\"b\"}}");
    List<String> ids = IntStream.range(0, 4).parallel().mapToObj(i -> pages.create(asked, Caller.OPEN).path("id").asText()).distinct().toList();
    assertThat(ids).as("once per key").hasSize(1);
    return ids.get(0);
  }

  @Test
  void a_batch_whose_node_dies_is_gone_on_with_by_the_other_node_and_no_line_has_two_results() throws Exception {
    BatchStore mine = node(first, Clock.systemUTC());
    Map<Integer, AtomicInteger> asked = new ConcurrentHashMap<>();
    CountDownLatch dead = new CountDownLatch(1);
    LineAsker dies = asking -> {
      if (asked.computeIfAbsent(asking.line().number(), n -> new AtomicInteger()).incrementAndGet() > 0 && asked.size() > LINES / 2) {
        hold(dead);
      }
      return answer(asking);
    };
    String id = batch(mine);
    BatchRunner one = new BatchRunner(mine, dies, LIMITS, Clock.systemUTC(), () -> false);
    BatchStore theirs = node(second, later(BatchRunner.LEASE.plusSeconds(1)));
    BatchRunner early = new BatchRunner(node(second, Clock.systemUTC()), BatchesOnPostgresTest::answer, LIMITS, Clock.systemUTC(), () -> false);
    BatchRunner two = new BatchRunner(theirs, asking -> {
      asked.computeIfAbsent(asking.line().number(), n -> new AtomicInteger()).incrementAndGet();
      return answer(asking);
    }, LIMITS, later(BatchRunner.LEASE.plusSeconds(1)), () -> false);
    try {
      one.tick();
      await().atMost(Duration.ofSeconds(10)).until(() -> asked.size() > LINES / 2);
      early.tick();
      assertThat(early.running()).as("its lease holds").isZero();
      two.tick();
      await().atMost(Duration.ofSeconds(20)).until(() -> theirs.batch(id).status().equals("completed"));
      one.tick();
      dead.countDown();
      await().atMost(Duration.ofSeconds(10)).until(() -> one.linesInFlight() == 0);

      Batch ended = theirs.batch(id);
      assertThat(ended.completed()).isEqualTo(LINES);
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      theirs.copy(theirs.file("default", ended.outputFileId()), out);
      List<String> ids = out.toString(UTF_8).lines().map(BatchesOnPostgresTest::customId).toList();
      assertThat(ids).isEqualTo(IntStream.rangeClosed(1, LINES).mapToObj(i -> "line-" + i).toList());
      assertThat(asked.values().stream().filter(times -> times.get() > 1).count()).as("only what was being asked is asked again").isLessThanOrEqualTo(LIMITS.parallel());
      assertThat(theirs.forget(null, Long.MAX_VALUE)).as("a batch and its file").isEqualTo(2);
    } finally {
      dead.countDown();
      one.close();
      early.close();
      two.close();
    }
  }

  @Test
  void what_was_not_asked_before_the_window_ends_says_so() throws Exception {
    BatchStore store = node(first, Clock.systemUTC());
    String id = batch(store);
    BatchStore tomorrow = node(second, later(Duration.ofHours(25)));
    try (BatchRunner runner = new BatchRunner(tomorrow, BatchesOnPostgresTest::answer, LIMITS, later(Duration.ofHours(25)), () -> false)) {
      runner.tick();
      await().atMost(Duration.ofSeconds(20)).until(() -> tomorrow.batch(id).status().equals("expired"));
      Batch ended = tomorrow.batch(id);
      assertThat(ended.failed()).isEqualTo(LINES);
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      tomorrow.copy(tomorrow.file("default", ended.errorFileId()), out);
      assertThat(out.toString(UTF_8).lines()).hasSize(LINES).allMatch(line -> line.contains("\"code\":\"batch_expired\""));
    }
  }

  /** A provider whose batch ends after some looks, or when it is cancelled; it keeps count of what is held and who looks. */
  private static final class Coach implements Carrier {
    volatile Lots lots;
    final AtomicInteger sent = new AtomicInteger();
    final AtomicInteger looks = new AtomicInteger();
    final AtomicInteger atOnce = new AtomicInteger();
    final AtomicInteger mostAtOnce = new AtomicInteger();
    final Set<String> held = ConcurrentHashMap.newKeySet();
    final int ends;
    volatile boolean left;

    Coach(Lots lots, int ends) {
      this.lots = lots;
      this.ends = ends;
    }

    LineAsker.Told ride(LineAsker.Asking asking) {
      if (asking.rides() == null) {
        return answer(asking);
      }
      String id = "req-" + asking.line().number();
      held.add(id);
      return new LineAsker.Told(202, id, new byte[0], null, null, true, null, new Ride(id, "openai", "/v1/chat/completions", "m", 0, asking.line().body(), "{}"));
    }

    @Override
    public Lots.Verdict step(Lot lot) {
      mostAtOnce.accumulateAndGet(atOnce.incrementAndGet(), Math::max);
      try {
        LotNews news = switch (lot.state()) {
          case Lot.READY -> {
            int[] lines = new int[1];
            lots.sending(lot).unload((customId, content) -> lines[0]++);
            sent.addAndGet(lines[0]);
            yield new LotNews(LotNews.Word.GOES_ON, "theirs-" + lot.id(), 0, 0, "");
          }
          case Lot.LEAVING -> {
            left = true;
            yield LotNews.of(LotNews.Word.GOES_ON, "");
          }
          default -> looks.incrementAndGet() < ends && !left ? LotNews.of(LotNews.Word.GOES_ON, "") : new LotNews(LotNews.Word.ENDED, lot.theirId(), LINES, left ? 3 : LINES, "");
        };
        return lots.heard(lot, news);
      } catch (IOException e) {
        throw new AssertionError(e);
      } finally {
        atOnce.decrementAndGet();
      }
    }

    @Override
    public Arrivals fetch(Lot lot) {
      Iterator<Integer> lines = IntStream.rangeClosed(1, left ? 3 : LINES).iterator();
      return new Arrivals() {
        @Override
        public Arrival next() {
          return lines.hasNext() ? new Arrival(lot.customId(lines.next()), 200, new byte[0]) : null;
        }

        @Override
        public void close() {
          // nothing is open
        }
      };
    }

    @Override
    public LineAsker.Told deliver(LineAsker.Asking asking, RideRow ride, Arrival arrival) {
      held.remove(ride.requestId());
      return answer(asking);
    }

    @Override
    public List<String> held(String batchId) {
      return List.copyOf(held);
    }

    @Override
    public void release(String requestId) {
      held.remove(requestId);
    }

    @Override
    public void forfeit(String requestId) {
      throw new AssertionError("nothing is to be charged without an answer");
    }
  }

  private static final RideRules RIDES = new RideRules(Set.of("openai"), Map.of(), Duration.ofMillis(1), Duration.ofHours(30), true, 1_000, 1_000_000, Duration.ofMinutes(1), 3, Duration.ofHours(3));

  private static BatchRunner node(BatchStore store, Coach coach, Clock clock) {
    return new BatchRunner(store, coach::ride, LIMITS, clock, () -> false, coach.lots, coach);
  }

  @Test
  void of_two_nodes_one_at_a_time_looks_at_a_providers_batch_and_each_line_gets_one_result() throws Exception {
    BatchStore mine = node(first, Clock.systemUTC());
    BatchStore theirs = node(second, Clock.systemUTC());
    Coach coach = new Coach(new Lots(mine, RIDES, Clock.systemUTC()), 6);
    String id = batch(mine);
    try (BatchRunner one = node(mine, coach, Clock.systemUTC()); BatchRunner two = node(theirs, coach, Clock.systemUTC())) {
      await().atMost(Duration.ofSeconds(20)).pollInterval(Duration.ofMillis(20)).until(() -> {
        one.tick();
        two.tick();
        return theirs.batch(id).status().equals("completed");
      });
      assertThat(coach.sent).as("sent once").hasValue(LINES);
      assertThat(coach.looks).hasValueGreaterThanOrEqualTo(6);
      assertThat(coach.mostAtOnce).hasValue(1);
      assertThat(coach.held).isEmpty();
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      theirs.copy(theirs.file("default", theirs.batch(id).outputFileId()), out);
      assertThat(out.toString(UTF_8).lines().map(BatchesOnPostgresTest::customId)).isEqualTo(IntStream.rangeClosed(1, LINES).mapToObj(i -> "line-" + i).toList());
    }
  }

  @Test
  void a_window_that_ends_while_lines_wait_cancels_their_lot_and_keeps_what_it_has() throws Exception {
    BatchStore store = node(first, Clock.systemUTC());
    Coach coach = new Coach(new Lots(store, RIDES, Clock.systemUTC()), Integer.MAX_VALUE);
    String id = batch(store);
    try (BatchRunner runner = node(store, coach, Clock.systemUTC())) {
      await().atMost(Duration.ofSeconds(20)).pollInterval(Duration.ofMillis(20)).until(() -> {
        runner.tick();
        return coach.looks.get() > 1;
      });
    }
    Clock tomorrow = later(Duration.ofHours(25));
    BatchStore then = node(first, tomorrow);
    coach.lots = new Lots(then, RIDES, tomorrow);
    try (BatchRunner runner = node(then, coach, tomorrow)) {
      await().atMost(Duration.ofSeconds(20)).pollInterval(Duration.ofMillis(20)).until(() -> {
        runner.tick();
        return then.batch(id).status().equals("expired");
      });
    }
    assertThat(coach.left).isTrue();
    assertThat(then.batch(id).completed()).isEqualTo(3);
    assertThat(then.batch(id).failed()).isEqualTo(LINES - 3);
    assertThat(coach.held).isEmpty();
  }

  @Test
  void a_lot_that_takes_too_long_is_cancelled_and_its_lines_are_asked_one_by_one_or_fail() throws Exception {
    for (boolean asks : new boolean[] {true, false}) {
      RideRules hasty = new RideRules(Set.of("openai"), Map.of(), Duration.ofMillis(1), Duration.ZERO, asks, 1_000, 1_000_000, Duration.ofMinutes(1), 3, Duration.ofHours(3));
      BatchStore store = node(first, Clock.systemUTC());
      Coach coach = new Coach(new Lots(store, hasty, Clock.systemUTC()), Integer.MAX_VALUE);
      String id = batch(store);
      try (BatchRunner runner = node(store, coach, Clock.systemUTC())) {
        await().atMost(Duration.ofSeconds(20)).pollInterval(Duration.ofMillis(20)).until(() -> {
          runner.tick();
          return store.batch(id).status().equals("completed");
        });
      }
      assertThat(coach.left).isTrue();
      assertThat(store.batch(id).completed()).isEqualTo(asks ? LINES : 3);
      assertThat(store.batch(id).failed()).isEqualTo(asks ? 0 : LINES - 3);
      assertThat(coach.held).isEmpty();
    }
  }

  private static LineAsker.Told answer(LineAsker.Asking asking) {
    return new LineAsker.Told(200, "req-" + asking.line().number(), "{\"ok\":true}".getBytes(UTF_8), null, null, true);
  }

  private static void hold(CountDownLatch until) {
    try {
      until.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static String customId(String line) {
    try {
      return Json.read(line).path("custom_id").asText();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
