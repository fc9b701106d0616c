/** Use cases of the durable parts, through the whole application: idempotency, reports, cost events, PostgreSQL, and the real jar killed and stopped. */
@NullMarked
package io.dromedary.durable;

import org.jspecify.annotations.NullMarked;
