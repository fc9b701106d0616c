package io.dromedary.capacity;

import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/** How much of one commitment is used in the minute, by whichever node. */
public interface Count {
  /** Makes the count of a commitment. */
  interface Maker {
    Count of(Commitment commitment);
  }

  /** Takes one call with so many tokens. @return takes the tokens that it needed in the end; null when there is not so much left */
  @Nullable LongConsumer take(long tokensAtMost);

  /** Is something left, as far as this node knows? Asks nobody. */
  boolean isFree();

  /** The part of the minute's capacity that is used, 0..1 and above. */
  double utilisation();

  long secondsToNext();
}
