/**
 * Shadow calls: a share of the answered requests is asked again of a second model, which nobody waits for, to see what it would have said, for how much and how fast. Routes call {@code shadows}.
 */
@NullMarked
package io.dromedary.shadow;

import org.jspecify.annotations.NullMarked;
