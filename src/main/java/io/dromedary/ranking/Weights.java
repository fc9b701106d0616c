package io.dromedary.ranking;

/** How much cost, quality and speed count against each other; only their ratio matters. */
record Weights(double cost, double quality, double speed) {}
