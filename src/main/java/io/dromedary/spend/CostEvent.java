package io.dromedary.spend;

/**
 * A cost event claimed for delivery.
 *
 * @param id for {@link Outbox#delivered} and {@link Outbox#failed}
 * @param eventId unique in the world of one ledger: receivers drop what they have seen
 * @param sink the sink it goes to
 * @param payload one JSON object
 * @param tries deliveries that failed before this one
 */
public record CostEvent(long id, String eventId, String sink, String payload, int tries) {}
