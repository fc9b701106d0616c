package io.dromedary.batch;

import java.time.Duration;

/**
 * How much of everything.
 *
 * @param parallel lines of one batch that are asked at once
 * @param atOnce batches that this node works on at once
 * @param maxFileBytes of one file
 * @param maxProjectBytes of all files of a project
 * @param maxLines requests in one batch
 * @param maxOpen batches of one project that have not ended
 * @param longestLine in bytes
 * @param tries of a line whose model fails; a line that a limit of ours sends away is tried until the batch expires
 * @param retryWait before the second try; doubled for each further one
 * @param retention of files and ended batches
 */
public record BatchLimits(int parallel, int atOnce, long maxFileBytes, long maxProjectBytes, int maxLines, int maxOpen, int longestLine, int tries, Duration retryWait, Duration retention) {}
