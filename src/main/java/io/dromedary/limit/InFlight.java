package io.dromedary.limit;

import io.dromedary.chat.Caller;
import io.dromedary.chat.ModelRequest;
import io.dromedary.chat.Problem;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Predicate;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * Permits for requests under way: so many per node and per project, and apart from them open streams, which last long and cost little.
 *
 * <p>When the node is full a request may wait for a moment, in a {@link FairQueue}: projects take turns, so that one which floods the gateway delays itself; batch requests come after all others and leave a fifth of the places to
 * them. A full project waits for nothing, a full queue neither: the answer is no, at once.
 */
public final class InFlight {
  public static final int DEFAULT_PER_NODE = 200;
  public static final int DEFAULT_PER_PROJECT = 32;
  public static final int DEFAULT_STREAMS = 2_000;
  /** {@code interactive} or {@code batch}. */
  public static final String PRIORITY = "x-dromedary-priority";
  /** Where nobody waits for the answer. */
  private static final Set<String> BATCH_ENTRIES = Set.of("kafka", "jms", "file");
  private static final Duration SOON = Duration.ofSeconds(1);

  /** The share of a node's places that batch requests may fill. */
  private static final double BATCH_SHARE = 0.8;

  private final int perNode;
  private final int perNodeInBatch;
  private final FairQueue queue;
  private final Duration patience;
  private final Predicate<Caller> batch;
  private final int streamsPerNode;
  private final ToIntFunction<Caller> perProject;
  private final Counter node = new Counter();
  private final Counter streams = new Counter();
  private final ConcurrentHashMap<String, Counter> projects = new ConcurrentHashMap<>();
  private final LongAdder rejected = new LongAdder();

  /** With the defaults: 200 per node, 32 per project that has a key, 2,000 streams. */
  public InFlight() {
    this(DEFAULT_PER_NODE, DEFAULT_STREAMS, caller -> caller.keyId().isEmpty() ? 0 : DEFAULT_PER_PROJECT);
  }

  /** @param perProject a caller's own limit; 0 for none but the node's, as for the open gateway's callers */
  public InFlight(int perNode, int streamsPerNode, ToIntFunction<Caller> perProject) {
    this(perNode, streamsPerNode, perProject, 0, Duration.ZERO, caller -> false);
  }

  /**
   * @param places how many may wait when the node is full
   * @param patience how long
   * @param batch whose requests are all batch
   */
  public InFlight(int perNode, int streamsPerNode, ToIntFunction<Caller> perProject, int places, Duration patience, Predicate<Caller> batch) {
    this.perNode = perNode;
    this.perNodeInBatch = Math.max(1, (int) (perNode * BATCH_SHARE));
    this.queue = new FairQueue(places, inBatch -> node.take(1, inBatch ? Math.max(1, (int) (perNode * BATCH_SHARE)) : perNode));
    this.patience = patience;
    this.batch = batch;
    this.streamsPerNode = streamsPerNode;
    this.perProject = perProject;
  }

  /**
   * Lets a request in, as {@code batch} if its {@code x-dromedary-priority}, its project or its entry says so.
   *
   * @return a permit that must be released once
   * @throws Problem 429 when its project is full, 503 when the node is, both with a retry-after of one second
   */
  public Permit enter(ModelRequest request, Caller caller, String entry) {
    String asked = request.hint(PRIORITY);
    if (asked != null && !asked.equals("batch") && !asked.equals("interactive")) {
      throw Problem.badField(PRIORITY, "the header `" + PRIORITY + "` must be interactive or batch");
    }
    return enter(caller, "batch".equals(asked) || BATCH_ENTRIES.contains(entry) || batch.test(caller));
  }

  /** As above, not in batch. */
  public Permit enter(Caller caller) {
    return enter(caller, false);
  }

  private Permit enter(Caller caller, boolean inBatch) {
    int limit = perProject.applyAsInt(caller);
    Counter project = null;
    if (limit > 0) {
      project = projects.computeIfAbsent(caller.project(), p -> new Counter());
      if (!project.take(1, limit)) {
        rejected.increment();
        throw Problem.overloaded(429, "project `" + caller.project() + "` has " + limit + " requests under way, its limit; wait for one to end", SOON);
      }
    }
    if ((queue.waiting() > 0 || !node.take(1, inBatch ? perNodeInBatch : perNode)) && !queue.await(caller.project(), inBatch, patience)) {
      if (project != null) {
        project.give(1);
      }
      rejected.increment();
      throw Problem.overloaded(503, "the gateway has " + perNode + " requests under way, its limit", SOON);
    }
    return new Permit(project);
  }

  /** Requests that wait for a place. */
  public int waiting() {
    return queue.waiting();
  }

  /** Moves a request to the open streams, if there is room; else it stays where it is. */
  public void streams(Permit permit) {
    permit.toStream();
  }

  /** Gives a request's place back; null, for one that was never let in, is nothing to give. */
  public void leave(@Nullable Permit permit) {
    if (permit != null) {
      permit.release();
    }
  }

  /** Requests under way, open streams not counted. */
  public int underWay() {
    return (int) node.get();
  }

  public int underWay(String project) {
    Counter counter = projects.get(project);
    return counter == null ? 0 : (int) counter.get();
  }

  public int openStreams() {
    return (int) streams.get();
  }

  /** Requests turned away since the start. */
  public long rejected() {
    return rejected.sum();
  }

  /** One request's place. Safe to use from any thread. */
  public final class Permit implements AutoCloseable {
    private static final int UNDER_WAY = 0;
    private static final int STREAMING = 1;
    private static final int RELEASED = 2;

    private final @Nullable Counter project;
    private final AtomicInteger state = new AtomicInteger(UNDER_WAY);

    private Permit(@Nullable Counter project) {
      this.project = project;
    }

    /**
     * Moves to the open streams, once a stream has opened; the place among the requests is free again.
     *
     * @return false if the streams are full or the permit is released or moved already: it then stays what it is
     */
    public boolean toStream() {
      if (state.get() != UNDER_WAY || !streams.take(1, streamsPerNode)) {
        return false;
      }
      if (state.compareAndSet(UNDER_WAY, STREAMING)) {
        leaveRequests();
        return true;
      }
      streams.give(1);
      return false;
    }

    /** Gives the place back; again does nothing. */
    public void release() {
      int before = state.getAndSet(RELEASED);
      if (before == UNDER_WAY) {
        leaveRequests();
      } else if (before == STREAMING) {
        streams.give(1);
      }
    }

    private void leaveRequests() {
      node.give(1);
      queue.passOn();
      if (project != null) {
        project.give(1);
      }
    }

    @Override
    public void close() {
      release();
    }
  }
}
