package io.dromedary.batch;

import io.dromedary.catalog.Arrival;
import io.dromedary.catalog.Arrivals;
import io.dromedary.catalog.Lot;
import java.util.List;

/** Carries lots to their providers and results back, by the routes. */
public interface Carrier {
  /** Goes one step with a lot: sends it, looks for it, at it, or cancels it. @return what is to be done with its lines */
  Lots.Verdict step(Lot lot);

  /** The results of a lot that has ended. @throws RuntimeException if they cannot be had now */
  Arrivals fetch(Lot lot);

  /**
   * Has a result settled and put into the caller's form.
   *
   * @param ride whose result it is
   */
  LineAsker.Told deliver(LineAsker.Asking asking, RideRow ride, Arrival arrival);

  /** The requests that money is held for, of this batch. */
  List<String> held(String batchId);

  /** Gives back what is held for a request; does nothing if nothing is. */
  void release(String requestId);

  /** Charges what is held for a request; does nothing if nothing is. */
  void forfeit(String requestId);
}
