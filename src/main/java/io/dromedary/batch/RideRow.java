package io.dromedary.batch;

/**
 * A line that waits in a provider's batch, as it is kept.
 *
 * @param asked what its caller asked, as JSON
 * @param ticket how it was chosen and priced
 */
public record RideRow(int line, String customId, String requestId, String provider, String ticket, byte[] asked) {}
