package io.dromedary.batch;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Has one line of a batch answered, as any other request is. */
public interface LineAsker {
  /**
   * In whose name, by which entry.
   *
   * @param keyId "" for a batch of no key
   */
  record Asking(String project, String keyId, String entry, BatchLine line) {}

  /**
   * What came of it.
   *
   * @param body JSON: the answer, or the error as its caller would have got it
   * @param code of the error, null if there is none
   * @param mayRetry false when another try cannot help
   */
  record Told(int status, String requestId, byte[] body, @Nullable String code, @Nullable Duration retryAfter, boolean mayRetry) {}

  /** Never throws for a request that failed. */
  Told ask(Asking asking);
}
