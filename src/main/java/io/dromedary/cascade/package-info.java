/**
 * Room: cheap first. Climbs the rungs of a cascade and tests each answer: was it refused, cut, of the wrong shape, unsure, or does a judge say no? Routes call the beans {@code cascades} ({@code begin}, {@code climb}, {@code take},
 * {@code fell}, {@code conclude}), {@code answerTests} for the tests, one method each, and {@code judges} for what a judge is asked and what it said. Settings come from {@code cascades} in {@code config/routing.yaml}.
 */
@NullMarked
package io.dromedary.cascade;

import org.jspecify.annotations.NullMarked;
