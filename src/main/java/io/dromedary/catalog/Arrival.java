package io.dromedary.catalog;

/**
 * What became of one request of a provider's batch.
 *
 * @param customId what it was called there
 * @param status as of an HTTP answer: 200 with the provider's answer; else what it failed with, and 0 for one that was never begun (expired, cancelled)
 * @param body the provider's answer or error, as JSON
 */
public record Arrival(String customId, int status, byte[] body) {
  /** It was not begun before its time was over. */
  public static final int NEVER_BEGUN = 0;

  public boolean answered() {
    return status / 100 == 2;
  }
}
