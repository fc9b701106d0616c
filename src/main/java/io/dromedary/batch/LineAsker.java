package io.dromedary.batch;

import io.dromedary.catalog.Ride;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Has one line of a batch answered, as any other request is. */
public interface LineAsker {
  /**
   * In whose name, by which entry.
   *
   * @param keyId "" for a batch of no key
   * @param rides the batch's id if the line may wait in its provider's own batch, else null
   */
  record Asking(String project, String keyId, String entry, BatchLine line, @Nullable String rides) {}

  /**
   * What came of it.
   *
   * @param body JSON: the answer, or the error as its caller would have got it
   * @param code of the error, null if there is none
   * @param mayRetry false when another try cannot help
   * @param cost in dollars, null where nothing was charged or is known
   * @param ride set when it is to wait in its provider's own batch; then all else says nothing
   */
  record Told(int status, String requestId, byte[] body, @Nullable String code, @Nullable Duration retryAfter, boolean mayRetry, @Nullable String cost, @Nullable Ride ride) {
    public Told(int status, String requestId, byte[] body, @Nullable String code, @Nullable Duration retryAfter, boolean mayRetry) {
      this(status, requestId, body, code, retryAfter, mayRetry, null, null);
    }
  }

  /** Never throws for a request that failed. */
  Told ask(Asking asking);
}
