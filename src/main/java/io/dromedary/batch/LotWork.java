package io.dromedary.batch;

import io.dromedary.catalog.Arrival;
import io.dromedary.catalog.Arrivals;
import io.dromedary.catalog.Lot;
import io.dromedary.catalog.Ride;
import java.io.IOException;
import java.time.Clock;
import java.util.BitSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The work on those lines of a batch that wait in providers' batches: packs them, goes a step with each lot, has results delivered, and sees to the lines that get none.
 *
 * <p>Each step may be cut by a kill and is then taken again: a lot is marked before it is sent, a result is settled once whoever delivers it, and a line leaves its lot in the transaction that keeps its answer.
 */
final class LotWork {
  /** A batch under work, as its runner has it. */
  interface Run {
    Batch batch();

    /** Is it to be left as it is? */
    boolean leaves();

    /** Is it cancelled or expired? */
    boolean ends();

    /** Runs beside others, as many as one batch may. */
    void beside(Runnable work) throws InterruptedException;

    /** Waits for all of them. */
    void together() throws InterruptedException;

    /** Has something told until a limit of ours no longer sends it away; null if the batch is left meanwhile. */
    LineAsker.@Nullable Told patiently(Supplier<LineAsker.Told> asks);

    /** Keeps a line's answer. */
    void keep(int line, boolean well, byte[] content);
  }

  /** How the lines of a batch stand. */
  enum State { ALL_ANSWERED, SOME_WALK, WAITS }

  private static final Logger LOG = LoggerFactory.getLogger(BatchRunner.class);

  private final Lots lots;
  private final LotStore store;
  private final RideRules rules;
  private final Carrier carrier;
  private final Clock clock;
  private final Set<String> looked = ConcurrentHashMap.newKeySet();
  private final LongAdder boarded = new LongAdder();
  private final LongAdder answered = new LongAdder();
  private final LongAdder walked = new LongAdder();
  private final LongAdder forfeited = new LongAdder();

  LotWork(Lots lots, Carrier carrier, Clock clock) {
    this.lots = lots;
    this.store = lots.store();
    this.rules = lots.rules();
    this.carrier = carrier;
    this.clock = clock;
  }

  /** Does it ride, or did it before the settings said otherwise? */
  boolean serves(Batch batch) {
    return rules.serve(batch) || !store.waiting(batch.id(), new BitSet()).isEmpty() || !store.lots(batch.id()).isEmpty();
  }

  RideRules rules() {
    return rules;
  }

  /** Gives back what is held for lines that were killed before they were noted. @param anyhow also if that was done before */
  void orphans(Batch batch, boolean anyhow) {
    if (!anyhow && !looked.add(batch.id())) {
      return;
    }
    List<String> held = carrier.held(batch.id());
    if (!held.isEmpty()) {
      Set<String> known = store.requests(batch.id());
      held.stream().filter(id -> !known.contains(id)).forEach(carrier::release);
    }
    if (anyhow) {
      looked.remove(batch.id());
    }
  }

  /**
   * Lines that wait.
   *
   * @param answered lines that have an answer; should a node that was paused have left a row of one, it goes
   * @param walking those that are to be asked one by one are set here
   */
  BitSet waiting(Batch batch, BitSet answered, BitSet walking) {
    BitSet waiting = store.waiting(batch.id(), walking);
    BitSet stale = (BitSet) walking.clone();
    stale.and(answered);
    stale.stream().forEach(line -> store.forget(batch.id(), line));
    walking.andNot(answered);
    return waiting;
  }

  /** A line waits from now on, unless its batch is another node's by now. */
  void board(Run run, BatchLine line, Ride ride) {
    if (!run.leaves() && store.board(run.batch().id(), line, ride)) {
      boarded.increment();
    } else {
      carrier.release(ride.requestId());
    }
  }

  /** Goes one step with every lot. */
  State go(Run run) throws InterruptedException {
    Batch batch = run.batch();
    store.pack(batch, rules);
    boolean waits = false;
    for (Lot lot : store.lots(batch.id())) {
      if (run.leaves()) {
        return State.WAITS;
      }
      Lots.Verdict verdict = step(run, lot);
      waits |= switch (verdict.next()) {
        case WAIT -> true;
        case COLLECT -> !collect(run, lot, verdict.charged());
        case DISSOLVE -> !dissolve(run, lot, 0);
        case FORFEIT -> !dissolve(run, lot, Integer.MAX_VALUE);
      };
    }
    BitSet walking = new BitSet();
    store.waiting(batch.id(), walking);
    return !walking.isEmpty() && !run.ends() ? State.SOME_WALK : waits ? State.WAITS : State.ALL_ANSWERED;
  }

  private Lots.Verdict step(Run run, Lot lot) {
    long now = clock.millis();
    boolean late = lot.sentAtMs() > 0 && now - lot.sentAtMs() > rules.giveUpAfter().toMillis();
    if (lot.state().equals(Lot.READY) && run.ends()) {
      return new Lots.Verdict(Lots.Next.DISSOLVE, 0);
    }
    boolean lost = lot.state().equals(Lot.SENDING) && (late || run.ends() && now - lot.sentAtMs() > rules.grace().toMillis());
    boolean stuck = lot.leaveAtMs() > 0 && now - lot.leaveAtMs() > rules.grace().toMillis();
    if (lost || stuck) {
      LOG.warn("batch={} lot={} provider={} is given up, {}: its {} lines are charged what they could cost", lot.batchId(), lot.id(), lot.provider(), lost ? "it is not known whether it was taken" : "it does not end", lot.requests());
      return new Lots.Verdict(Lots.Next.FORFEIT, 0);
    }
    if (lot.state().equals(Lot.SENT) && (run.ends() || late)) {
      LOG.info("batch={} lot={} provider={} is cancelled: {}", lot.batchId(), lot.id(), lot.provider(), late ? "it takes too long" : "so is its batch, or it has expired");
      store.state(lot, Lot.LEAVING, lot.theirId(), lot.done(), 0);
      return step(run, store.lots(lot.batchId()).stream().filter(other -> other.id().equals(lot.id())).findFirst().orElse(lot));
    }
    return carrier.step(lot);
  }

  /** @return is the lot done with? */
  private boolean collect(Run run, Lot lot, int charged) throws InterruptedException {
    int came = 0;
    boolean whole = true;
    try (Arrivals arrivals = carrier.fetch(lot)) {
      for (Arrival arrival = arrivals.next(); arrival != null && !run.leaves(); arrival = arrivals.next()) {
        came += arrival.answered() ? 1 : 0;
        Arrival one = arrival;
        if (lot.line(one.customId()) > 0 && !comesToNothing(one)) {
          run.beside(() -> deliver(run, lot, one));
        }
      }
    } catch (IOException | RuntimeException cut) {
      LOG.warn("batch={} lot={} provider={}: the results cannot be had whole: {}", lot.batchId(), lot.id(), lot.provider(), cut.getMessage());
      whole = false;
    } finally {
      run.together();
    }
    if (run.leaves()) {
      return false;
    }
    int left = store.left(lot).size();
    LOG.info("batch={} lot={} provider={} results={} left={}", lot.batchId(), lot.id(), lot.provider(), came, left);
    if (left > 0 && (!whole || came < charged) && lot.tries() + 1 < rules.tries()) {
      store.state(lot, lot.state(), lot.theirId(), lot.done(), lot.tries() + 1);
      return false;
    }
    return dissolve(run, lot, Math.max(0, charged - came));
  }

  /** Not begun, or failed in a way that another try may mend. */
  private static boolean comesToNothing(Arrival arrival) {
    return arrival.status() == Arrival.NEVER_BEGUN || arrival.status() == 429 || arrival.status() >= 500;
  }

  private void deliver(Run run, Lot lot, Arrival arrival) {
    RideRow ride = store.ride(lot, lot.line(arrival.customId()));
    if (ride == null || run.leaves()) {
      return;
    }
    Batch batch = run.batch();
    BatchLine line = new BatchLine(ride.line(), ride.customId(), lot.endpoint(), ride.asked());
    LineAsker.Told told = run.patiently(() -> carrier.deliver(new LineAsker.Asking(batch.project(), batch.keyId(), batch.entry(), line, null), ride, arrival));
    if (told == null) {
      return;
    }
    boolean well = told.status() < 300;
    if (!well) {
      // what could not be settled is charged: the provider has answered, or may have
      carrier.forfeit(ride.requestId());
    }
    if (told.status() >= 500 && rules.asks() && !run.ends()) {
      walk(batch, ride);
      return;
    }
    run.keep(ride.line(), well, ResultLine.of(batch, ride.line(), ride.customId(), told));
    answered.increment();
  }

  /** Sees to the lines that got no answer. @param charged how many of them may have been charged for @return true, when none is left */
  private boolean dissolve(Run run, Lot lot, int charged) {
    int paid = charged;
    for (RideRow ride : store.left(lot)) {
      if (run.leaves()) {
        return false;
      }
      if (paid-- > 0) {
        carrier.forfeit(ride.requestId());
        forfeited.increment();
      } else {
        carrier.release(ride.requestId());
      }
      if (run.ends()) {
        // a cancelled batch has no line for it, an expired one says so of all that are left
        store.forget(lot.batchId(), ride.line());
      } else if (rules.asks()) {
        walk(run.batch(), ride);
      } else {
        run.keep(ride.line(), false, ResultLine.none(run.batch(), ride.line(), ride.customId(), "batch_expired", "This request could not be executed in the provider's batch."));
      }
    }
    store.end(lot);
    return true;
  }

  private void walk(Batch batch, RideRow ride) {
    store.walk(batch.id(), ride.line());
    walked.increment();
  }

  double boarded() {
    return boarded.sum();
  }

  double answered() {
    return answered.sum();
  }

  double walked() {
    return walked.sum();
  }

  double forfeited() {
    return forfeited.sum();
  }

  static boolean isOurs(LineAsker.Told told) {
    return told.status() >= 300 && told.mayRetry() && told.code() != null && BatchRunner.OURS.contains(told.code());
  }
}
