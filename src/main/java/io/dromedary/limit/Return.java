package io.dromedary.limit;

/**
 * What goes back to a gauge when a request is settled.
 *
 * @param amount below zero when more was used than was taken
 * @param until the {@link Level#until} of what was taken
 * @param own the {@link Level#own} of what was taken
 */
record Return(String book, Gauge gauge, long amount, long until, boolean own) {}
