/**
 * Room: requests that come as messages of a queue. Routes may call the bean {@code queueDesk} (what becomes of a message: answered, tried again, waiting for a limit, dead) and read a {@link io.dromedary.queue.QueueMessage}.
 * Knows neither Kafka nor JMS: the seam makes messages of theirs.
 */
@NullMarked
package io.dromedary.queue;

import org.jspecify.annotations.NullMarked;
