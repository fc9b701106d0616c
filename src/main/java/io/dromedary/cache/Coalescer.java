package io.dromedary.cache;

import io.dromedary.chat.Problem;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Lets the first of many equal requests ask for all of them: the leader calls a provider, the others wait for its answer.
 *
 * <p>A leader that fails fails all that wait: the provider just said no, and asking it 199 times more would be a stampede. A leader that leaves without a word (its client went away) hands over to exactly one of them.
 */
public final class Coalescer {
  private final ConcurrentHashMap<String, Flight> flights = new ConcurrentHashMap<>();

  /** One provider call and those who wait for it; changed only inside {@link ConcurrentHashMap#compute}. */
  private static final class Flight {
    private final ArrayDeque<Turn> waiting = new ArrayDeque<>(4);
  }

  private sealed interface Outcome {
    record Answered(CachedAnswer answer) implements Outcome {}

    record Failed(RuntimeException failure) implements Outcome {}

    record Promoted() implements Outcome {}

    record GaveUp() implements Outcome {}
  }

  /** Takes part. The caller must end a leading turn by {@link Turn#answered}, {@link Turn#failed} or {@link Turn#close}. */
  public Turn join(String key) {
    Turn turn = new Turn(key);
    flights.compute(key, (k, flight) -> {
      if (flight == null) {
        turn.leads = true;
        return new Flight();
      }
      flight.waiting.add(turn);
      return flight;
    });
    return turn;
  }

  /** Provider calls under way that others may wait for. */
  public int inFlight() {
    return flights.size();
  }

  private void end(String key, Outcome outcome) {
    Flight[] ended = {null};
    flights.computeIfPresent(key, (k, flight) -> {
      ended[0] = flight;
      return null;
    });
    if (ended[0] != null) {
      for (Turn turn : List.copyOf(ended[0].waiting)) {
        turn.outcome.complete(outcome);
      }
    }
  }

  private void handOver(String key) {
    flights.computeIfPresent(key, (k, flight) -> {
      for (Turn next = flight.waiting.poll(); next != null; next = flight.waiting.poll()) {
        if (next.outcome.complete(new Outcome.Promoted())) {
          return flight;
        }
      }
      return null;
    });
  }

  private void leave(Turn turn) {
    flights.computeIfPresent(turn.key, (k, flight) -> {
      flight.waiting.remove(turn);
      return flight;
    });
  }

  /** One request's part in a shared call. Used by one thread at a time; {@link #close} is idempotent. */
  public final class Turn implements AutoCloseable {
    private final String key;
    private final CompletableFuture<Outcome> outcome = new CompletableFuture<>();
    private volatile boolean leads;
    private boolean ended;

    private Turn(String key) {
      this.key = key;
    }

    /** True for the one that has to ask the provider; may become true in {@link #await}. */
    public boolean leads() {
      return leads;
    }

    /**
     * Waits for the leader.
     *
     * @param most the caller's own time left
     * @return the leader's answer, its hit counted; null when this turn leads (now)
     * @throws RuntimeException the leader's failure
     * @throws Problem 504 when time is up, 503 when the thread was interrupted
     */
    public @Nullable CachedAnswer await(Duration most) {
      if (leads) {
        return null;
      }
      Outcome result;
      try {
        result = outcome.get(most.toNanos(), TimeUnit.NANOSECONDS);
      } catch (TimeoutException e) {
        result = giveUp(new Problem(504, "server_error", "an equal request was being answered, and no answer came in time").code("provider_timeout"));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        result = giveUp(Problem.overloaded(503, "the gateway stops", Duration.ofSeconds(1)));
      } catch (ExecutionException e) {
        throw new IllegalStateException("outcomes are never exceptional", e);
      }
      if (result instanceof Outcome.Answered answered) {
        ended = true;
        return answered.answer().hit();
      }
      if (result instanceof Outcome.Failed failed) {
        ended = true;
        throw failed.failure();
      }
      leads = true;
      return null;
    }

    /** The outcome that came in the same moment, if one did. */
    private Outcome giveUp(Problem problem) {
      if (outcome.complete(new Outcome.GaveUp())) {
        ended = true;
        leave(this);
        throw problem;
      }
      return outcome.join();
    }

    /** The leader's whole answer, for all that wait; whether it is also kept is another matter. */
    public void answered(CachedAnswer answer) {
      if (leads && !ended) {
        ended = true;
        end(key, new Outcome.Answered(answer));
      }
    }

    /** The leader's failure, for all that wait. */
    public void failed(RuntimeException failure) {
      if (leads && !ended) {
        ended = true;
        end(key, new Outcome.Failed(failure));
      }
    }

    /** Leaves; a leader that has not said how it ended hands over to one that waits. */
    @Override
    public void close() {
      if (ended) {
        return;
      }
      ended = true;
      if (leads) {
        handOver(key);
      } else if (outcome.complete(new Outcome.GaveUp())) {
        leave(this);
      } else if (outcome.join() instanceof Outcome.Promoted) {
        handOver(key);
      }
    }
  }
}
