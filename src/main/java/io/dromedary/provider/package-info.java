/**
 * Room: speaking to providers. A {@link io.dromedary.provider.WireFormat} translates the canonical form to one provider's and back; an {@link io.dromedary.provider.EmbeddingFormat} does the same for embeddings; a {@code ProviderClient} makes the call. Routes call
 * {@code providerClient} beans inside the provider Kamelets.
 */
@NullMarked
package io.dromedary.provider;

import org.jspecify.annotations.NullMarked;
