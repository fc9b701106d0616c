/**
 * Room: the doors' formats. One package per entry's language ({@code chatcompletions}, {@code messages}, {@code responses}); here is what they share: how a failure becomes a status, headers and words. Routes call
 * nothing in this package itself.
 */
@NullMarked
package io.dromedary.client;

import org.jspecify.annotations.NullMarked;
