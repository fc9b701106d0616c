/**
 * Room: what was spent, kept durably. Routes may call the beans {@code ledger} (begin, settle, note), {@code outbox} (cost events on their way to a sink), {@code idempotency} and {@code reports}.
 * {@link io.dromedary.spend.Store} opens the database, H2 or PostgreSQL, that all of them share.
 */
@NullMarked
package io.dromedary.spend;

import org.jspecify.annotations.NullMarked;
