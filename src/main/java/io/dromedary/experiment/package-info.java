/**
 * Experiments that compare ways of routing on live traffic, and feature flags. Both assign by a stable hash, so that whoever is in stays in. Routes call {@code experiments} and {@code featureFlags}.
 */
@NullMarked
package io.dromedary.experiment;

import org.jspecify.annotations.NullMarked;
