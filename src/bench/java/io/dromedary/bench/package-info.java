/** The load harness: a mock upstream, a load generator and the scenarios that measure a running gateway from outside. It is no part of the product; {@code src/bench/run} starts it. */
@NullMarked
package io.dromedary.bench;

import org.jspecify.annotations.NullMarked;
