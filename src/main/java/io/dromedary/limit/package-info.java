/**
 * Room: how much may be under way at once in this node. Routes call {@code inFlight} ({@link io.dromedary.limit.InFlight}); the HTTP door reads bodies under a {@link io.dromedary.limit.BodyBudget}.
 */
@NullMarked
package io.dromedary.limit;

import org.jspecify.annotations.NullMarked;
