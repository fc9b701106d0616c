/**
 * Learning from what became of answers: what callers say of them, what went wrong with them, how long they took. Routes call {@code feedback}, {@code outcomes}, {@code learning}, {@code explorer} and {@code trainingData}.
 */
@NullMarked
package io.dromedary.feedback;

import org.jspecify.annotations.NullMarked;
