/**
 * Room: who is asking, and whether it is safe to listen. Routes call {@code callerRegistry} ({@link io.dromedary.access.CallerRegistry}); the start calls {@link io.dromedary.access.AdminToken} and
 * {@link io.dromedary.access.ProductionCheck}.
 */
@NullMarked
package io.dromedary.access;

import org.jspecify.annotations.NullMarked;
