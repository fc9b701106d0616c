/** Trains the learned scorer and plays prompts through it. */
@NullMarked
package io.dromedary.bench.train;

import org.jspecify.annotations.NullMarked;
