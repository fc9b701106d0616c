/** Room {@code provider}: Ollama's own chat API. */
@NullMarked
package io.dromedary.provider.ollama;

import org.jspecify.annotations.NullMarked;
