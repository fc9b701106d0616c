package io.dromedary.catalog;

/**
 * A request that waits for its provider's own batch.
 *
 * @param requestId under which its money is held and its bill will be written
 * @param provider whose batch it waits for
 * @param endpoint such as {@code /v1/chat/completions}
 * @param model what the provider calls the model
 * @param inputs what it counts of the texts that a batch of embeddings may have
 * @param content the request in the provider's words
 * @param ticket how it was chosen and priced, as JSON text
 */
public record Ride(String requestId, String provider, String endpoint, String model, int inputs, byte[] content, String ticket) {}
