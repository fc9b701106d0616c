package io.dromedary.catalog;

import io.dromedary.chat.Problem;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/** What a call costs here and now: its model's list price, or nothing while it runs on capacity that is paid for by the hour. */
public interface Tariff {
  /** Everything at its list price. */
  Tariff LISTED = new Tariff() {
    @Override
    public @Nullable Price marginal(Model model, @Nullable Price listed) {
      return listed;
    }

    @Override
    public Terms take(Model model, @Nullable Price listed, long tokensAtMost) {
      return new Terms(listed, null, null);
    }
  };

  /**
   * What one call is charged.
   *
   * @param price that it is booked at, null when unpriced
   * @param instead the list price that it is spared, null when nothing is
   * @param used told the call's tokens once they are known, null when nobody counts them
   */
  record Terms(@Nullable Price price, @Nullable Price instead, @Nullable LongConsumer used) {}

  /** The price that one more call would have now, for ranking; takes nothing. */
  @Nullable Price marginal(Model model, @Nullable Price listed);

  /**
   * Takes capacity for a call.
   *
   * @throws Problem 429 {@code capacity_exceeded} when the model's capacity is used up and nothing may be bought beside it
   */
  Terms take(Model model, @Nullable Price listed, long tokensAtMost);
}
