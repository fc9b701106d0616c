package io.dromedary.catalog;

import org.jspecify.annotations.Nullable;

/**
 * A batch at a provider: lines of one batch of ours for one endpoint and model.
 *
 * @param id ours, told to the provider; it cannot be guessed
 * @param batchId the batch of ours
 * @param state {@code ready}, {@code sending} (it may be there), {@code sent}, {@code leaving} (to be cancelled), {@code left} (the cancellation was taken)
 * @param theirId the provider's, null before it is known
 * @param done lines that the provider is done with, as it said last
 * @param tries of what has failed in its present state
 * @param sentAtMs when it was first sent, 0 before
 * @param leaveAtMs when it was cancelled, 0 before
 */
public record Lot(String id, String batchId, String provider, String endpoint, String model, int requests, String state, @Nullable String theirId, int done, int tries, long createdAtMs, long sentAtMs, long leaveAtMs) {
  public static final String READY = "ready";
  public static final String SENDING = "sending";
  public static final String SENT = "sent";
  public static final String LEAVING = "leaving";
  public static final String LEFT = "left";

  /** What its lines are called at the provider. */
  public String customId(int line) {
    return id + "_" + line;
  }

  /** The line of that name, -1 if it is none of this lot. */
  public int line(String customId) {
    if (!customId.startsWith(id + "_")) {
      return -1;
    }
    try {
      return Integer.parseInt(customId.substring(id.length() + 1));
    } catch (NumberFormatException anothers) {
      return -1;
    }
  }
}
