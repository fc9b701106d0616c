package io.dromedary.spend;

/** What an idempotency key's request may do. */
public sealed interface Claim {
  /** First of its kind: go on, then {@link Idempotency#complete} or {@link Idempotency#release}. */
  record Fresh() implements Claim {}

  /**
   * It has been answered: give the same again.
   *
   * @param requestId the request that was answered
   * @param contentType of {@code body}: {@code text/event-stream} for a stream
   */
  record Replay(String requestId, int status, String contentType, byte[] body) implements Claim {}

  /** The first one is still under way: {@link Idempotency#await}, or 409. */
  record InProgress(String requestId) implements Claim {}

  /** The key was used with another body: 422. */
  record Mismatch() implements Claim {}
}
