/** Room: Google's Gemini API (generativelanguage, v1beta). {@link io.dromedary.provider.gemini.GeminiGenerateContent} is all that the outside needs. */
@NullMarked
package io.dromedary.provider.gemini;

import org.jspecify.annotations.NullMarked;
