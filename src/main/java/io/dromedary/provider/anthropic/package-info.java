/** Room: Anthropic's Messages, API version 2023-06-01. {@link io.dromedary.provider.anthropic.AnthropicMessages} is all that the outside needs. */
@NullMarked
package io.dromedary.provider.anthropic;

import org.jspecify.annotations.NullMarked;
