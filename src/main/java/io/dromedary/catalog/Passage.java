package io.dromedary.catalog;

import java.math.BigDecimal;

/**
 * Leave to ride: with whom a request may wait in a provider's own batch instead of being asked at once.
 *
 * @param batchId the batch of ours that it belongs to
 * @param factor of the list price that is charged there, such as 0.5
 */
public record Passage(Candidate candidate, String batchId, BigDecimal factor) {}
