/** Room {@code provider}: OpenAI Chat Completions and the dialects of it that other providers speak. Wiring makes one {@link io.dromedary.provider.openai.OpenAiChat} per dialect. */
@NullMarked
package io.dromedary.provider.openai;

import org.jspecify.annotations.NullMarked;
