/**
 * Batches of requests in files, in OpenAI's format: files, batches over them, the work on their lines, the inbox and the outbox. Routes call {@code filePages}, {@code batchPages}, {@code batchRunner} and {@code batchInbox}.
 */
@NullMarked
package io.dromedary.batch;

import org.jspecify.annotations.NullMarked;
