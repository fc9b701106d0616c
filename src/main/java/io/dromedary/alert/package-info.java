/**
 * Room: tells people when money, errors, latency or providers need them. Routes call {@code alerts} (evaluate) and {@code alertPages}; what is to be sent is left in the outbox and leaves by relays of its own.
 */
@NullMarked
package io.dromedary.alert;

import org.jspecify.annotations.NullMarked;
