/**
 * Room: provisioned throughput. Models with capacity that is paid for by the hour, used or not: a call costs nothing more while some of it is free, then it is bought at the list price or goes to the next candidate. The bean is
 * {@code capacities}.
 */
@NullMarked
package io.dromedary.capacity;

import org.jspecify.annotations.NullMarked;
