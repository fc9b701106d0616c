/**
 * Room: which models may answer a request, in which order, and why. Routes call the bean {@code candidateRanking}: {@code strategy} for the choice, then {@code namedModel}, {@code byTier} or {@code byThreshold},
 * and {@code explain} for {@code POST /v1/route}; for embeddings {@code embeddingRanking}. Settings come from {@code config/routing.yaml}.
 */
@NullMarked
package io.dromedary.ranking;

import org.jspecify.annotations.NullMarked;
