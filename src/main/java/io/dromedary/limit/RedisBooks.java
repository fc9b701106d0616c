package io.dromedary.limit;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Books in Redis, for all nodes alike: read, decided on here, and put back by one compare-and-swap over all books of the decision, so that a request takes all its windows or none, whoever else is at it.
 *
 * <p>Bucket4j's own proxy of Redis swaps one bucket at a time; windows of a project, a key and a user would each be a step, and a request that the last one refuses would have taken of the others meanwhile. So its arithmetic is used
 * ({@link Book}) and the swap is ours. Within a node the requests of a lane that come while another is at Redis wait and are decided together (flat combining: Hendler, Incze, Shavit, Tzafrir, SPAA 2010), so that a busy project costs
 * one round trip a batch and does not compete with itself. One, because a lane remembers what it wrote last: if nobody else has written since, the swap says so; if somebody has, it brings what is there now. Only a refusal is never told
 * from memory.
 */
final class RedisBooks implements Books, AutoCloseable {
  private static final String PREFIX = "dromedary:limit:{";
  private static final int MOST_TOGETHER = 128;
  private static final int MOST_ROUNDS = 100;
  private static final int MOST_TRIES = 100;
  private static final int MOST_UNSETTLED = 10_000;
  /** So long Redis's clock is told from ours. */
  private static final long CLOCK_HOLDS_NANOS = 10_000_000_000L;
  private static final int MOST_REMEMBERED = 1_000;
  private static final int MOST_LANES = 10_000;
  /** The places of a node that was killed are free again after so long. */
  private static final Duration LEASE = Duration.ofSeconds(30);

  /** One thing to be done in a lane. */
  private static final class Op {
    final List<Claim> claims;
    final List<Return> returns;
    final boolean takes;
    /** Books to be written again, so that the places which are held in them stay this node's. */
    Set<String> renewed = Set.of();
    @Nullable Verdict verdict;
    @Nullable RuntimeException failed;
    boolean done;

    Op(List<Claim> claims, List<Return> returns, boolean takes) {
      this.claims = claims;
      this.returns = returns;
      this.takes = takes;
    }
  }

  private static final class Lane extends ReentrantLock {
    final String name;
    final ConcurrentLinkedQueue<Op> waiting = new ConcurrentLinkedQueue<>();
    final AtomicBoolean settling = new AtomicBoolean();
    /** What was written last, and Redis's clock when it last told it, at which time of this process. Under the lock. */
    final Map<String, byte[]> written = new HashMap<>();
    /** The places at once that this node holds, by book, as the last swap left them. Under the lock. */
    final Map<String, Integer> held = new HashMap<>();
    long clock;
    long toldAt;

    Lane(String name) {
      this.name = name;
    }
  }

  private final RedisRecords records;
  private final ConcurrentHashMap<String, Lane> lanes = new ConcurrentHashMap<>();
  private final Book.Node node;
  private final ScheduledExecutorService settler = Executors.newSingleThreadScheduledExecutor(task -> {
    Thread thread = new Thread(task, "dromedary-limits");
    thread.setDaemon(true);
    return thread;
  });

  RedisBooks(RedisRecords records) {
    this(records, LEASE);
  }

  /** @param lease how long a node that says nothing keeps its places at once; it says so four times as often */
  RedisBooks(RedisRecords records, Duration lease) {
    this.records = records;
    this.node = new Book.Node(UUID.randomUUID().getMostSignificantBits(), lease.toNanos());
    settler.scheduleWithFixedDelay(this::renew, lease.toMillis() / 4, lease.toMillis() / 4, TimeUnit.MILLISECONDS);
  }

  private void renew() {
    for (Lane lane : lanes.values()) {
      lane.lock();
      try {
        if (!lane.held.isEmpty()) {
          Op renewal = new Op(List.of(), List.of(), false);
          renewal.renewed = Set.copyOf(lane.held.keySet());
          lane.waiting.add(renewal);
          work(lane, renewal);
        }
      } finally {
        lane.unlock();
      }
    }
  }

  @Override
  public Verdict take(String lane, List<Claim> claims) {
    return decided(lane, new Op(claims, List.of(), true));
  }

  @Override
  public List<Level> look(String lane, List<Claim> claims) {
    return claims.isEmpty() ? List.of() : decided(lane, new Op(claims, List.of(), false)).levels();
  }

  /** Returns at once; it is done by the next who is at the lane, or by a thread for it. */
  @Override
  public void give(String name, List<Return> returns) {
    Lane lane = lane(name);
    lane.waiting.add(new Op(List.of(), returns, false));
    settleSoon(lane);
  }

  private void settleSoon(Lane lane) {
    if (!lane.settling.get() && lane.settling.compareAndSet(false, true)) {
      settler.execute(() -> {
        lane.settling.set(false);
        lane.lock();
        try {
          work(lane, null);
        } finally {
          lane.unlock();
        }
      });
    }
  }

  private Verdict decided(String name, Op op) {
    Lane lane = lane(name);
    lane.waiting.add(op);
    lane.lock();
    try {
      if (!op.done) {
        work(lane, op);
      }
    } finally {
      lane.unlock();
    }
    if (op.failed != null) {
      throw op.failed;
    }
    return java.util.Objects.requireNonNull(op.verdict);
  }

  private Lane lane(String name) {
    Lane lane = lanes.get(name);
    if (lane == null) {
      if (lanes.size() > MOST_LANES) {
        lanes.values().removeIf(idle -> idle.waiting.isEmpty() && idle.held.isEmpty() && !idle.isLocked());
      }
      lane = lanes.computeIfAbsent(name, Lane::new);
    }
    return lane;
  }

  /** Does what waits, for whoever waits, until {@code mine} is done; whoever comes after that sees to it himself. */
  private void work(Lane lane, @Nullable Op mine) {
    for (int rounds = 0; !lane.waiting.isEmpty() && (mine == null ? rounds < MOST_ROUNDS : !mine.done); rounds++) {
      List<Op> together = new ArrayList<>();
      for (Op op = lane.waiting.poll(); op != null; op = together.size() < MOST_TOGETHER ? lane.waiting.poll() : null) {
        together.add(op);
      }
      try {
        decide(lane, together);
      } catch (RuntimeException redisIsAway) {
        lane.written.clear();
        for (Op op : together) {
          op.failed = redisIsAway;
          keepReturns(lane, op);
        }
        return;
      } finally {
        together.forEach(op -> op.done = true);
      }
    }
  }

  /** What could not be given back is given back later. A place that may have been taken though nobody heard of it is put right by whatever is written next, or falls to nobody when the lease is over. */
  private static void keepReturns(Lane lane, Op op) {
    if (!op.returns.isEmpty() && lane.waiting.size() < MOST_UNSETTLED) {
      lane.waiting.add(new Op(List.of(), op.returns, false));
    }
  }

  private void decide(Lane lane, List<Op> together) {
    Set<String> names = new LinkedHashSet<>();
    for (Op op : together) {
      op.claims.forEach(claim -> names.add(claim.book()));
      op.returns.forEach(back -> names.add(back.book()));
      names.addAll(op.renewed);
    }
    List<String> books = List.copyOf(names);
    Map<String, byte[]> stored = new HashMap<>(lane.written);
    boolean fromMemory = System.nanoTime() - lane.toldAt < CLOCK_HOLDS_NANOS && lane.written.keySet().containsAll(names);
    if (!fromMemory) {
      look(lane, books, stored);
    }
    for (int tries = 0; tries < MOST_TRIES; tries++) {
      Map<String, Book> open = new LinkedHashMap<>();
      Set<String> changed = new HashSet<>();
      long now = lane.clock + (System.nanoTime() - lane.toldAt);
      boolean refuses = false;
      for (Op op : together) {
        op.verdict = apply(op, name -> open.computeIfAbsent(name, n -> Book.of(stored.get(n), now, node).holding(lane.held.getOrDefault(n, 0))), changed);
        refuses |= !op.claims.isEmpty() && (!op.takes || op.verdict.denied() != null);
      }
      if (fromMemory && refuses) {
        look(lane, books, stored);
        fromMemory = false;
        continue;
      }
      if (changed.isEmpty()) {
        return;
      }
      List<String> dirty = List.copyOf(changed);
      List<byte[]> old = new ArrayList<>();
      List<byte[]> fresh = new ArrayList<>();
      List<Long> millis = new ArrayList<>();
      for (String name : dirty) {
        Book book = open.get(name);
        old.add(stored.get(name));
        fresh.add(book.bytes());
        millis.add(1_000 + book.restsAfterNanos() / 1_000_000);
      }
      RedisRecords.Seen seen = records.swap(keys(lane, dirty), old, fresh, millis);
      if (seen.swapped()) {
        if (lane.written.size() > MOST_REMEMBERED) {
          lane.written.clear();
        }
        for (int i = 0; i < dirty.size(); i++) {
          lane.written.put(dirty.get(i), fresh.get(i));
          int held = open.get(dirty.get(i)).held();
          if (held > 0) {
            lane.held.put(dirty.get(i), held);
          } else {
            lane.held.remove(dirty.get(i));
          }
        }
        return;
      }
      put(lane, stored, dirty, seen);
      if (tries > 2) {
        // others are at it too: whoever waits a moment lets them pass
        LockSupport.parkNanos(ThreadLocalRandom.current().nextLong(50_000L * Math.min(tries, 20)));
      }
    }
    throw new IllegalStateException("too many nodes write the limits of " + lane.name + " at once");
  }

  private static @Nullable Verdict apply(Op op, java.util.function.Function<String, Book> books, Set<String> changed) {
    for (String name : op.renewed) {
      books.apply(name);
      changed.add(name);
    }
    for (Return back : op.returns) {
      books.apply(back.book()).give(back);
      changed.add(back.book());
    }
    if (op.claims.isEmpty()) {
      return null;
    }
    if (!op.takes) {
      return new Verdict(Book.look(op.claims, books), null);
    }
    Verdict verdict = Book.take(op.claims, books);
    if (verdict.denied() == null) {
      op.claims.forEach(claim -> changed.add(claim.book()));
    }
    return verdict;
  }

  private void look(Lane lane, List<String> books, Map<String, byte[]> stored) {
    put(lane, stored, books, records.look(keys(lane, books)));
  }

  private static void put(Lane lane, Map<String, byte[]> stored, List<String> books, RedisRecords.Seen seen) {
    lane.clock = seen.nanos();
    lane.toldAt = System.nanoTime();
    for (int i = 0; i < books.size(); i++) {
      stored.put(books.get(i), seen.values().get(i));
    }
  }

  /** All keys of a lane lie in one slot of a cluster. */
  private static List<String> keys(Lane lane, List<String> books) {
    return books.stream().map(book -> PREFIX + lane.name + "}:" + book).toList();
  }

  /** Gives back what is still to be given back, within a second. */
  @Override
  public void close() {
    for (Lane lane : new ArrayDeque<>(lanes.values())) {
      if (!lane.waiting.isEmpty()) {
        settleSoon(lane);
      }
    }
    settler.shutdown();
    try {
      if (!settler.awaitTermination(1, TimeUnit.SECONDS)) {
        settler.shutdownNow();
      }
    } catch (InterruptedException e) {
      settler.shutdownNow();
      Thread.currentThread().interrupt();
    }
  }
}
