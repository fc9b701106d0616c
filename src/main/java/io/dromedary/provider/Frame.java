package io.dromedary.provider;

import org.jspecify.annotations.Nullable;

/**
 * One piece of a provider's stream.
 *
 * @param event the SSE event's name, null if it has none and for NDJSON
 * @param data the joined data of an SSE event, or one NDJSON line; never empty for NDJSON
 */
public record Frame(@Nullable String event, byte[] data) {}
