package io.dromedary.alert;

import org.jspecify.annotations.Nullable;

/**
 * What this node knows of a provider account that takes part.
 *
 * @param breaker {@code CLOSED}, {@code OPEN} ...
 * @param lastFailure the kind of its last failure, null for none
 */
public record ProviderState(String provider, boolean available, String breaker, @Nullable String lastFailure, long lastFailureAtMs) {}
