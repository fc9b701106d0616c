/**
 * Kernel: what a chat request, an answer and its money are. Every other room speaks in these types; they know neither Camel nor HTTP.
 *
 * <p>One canonical form, OpenAI Chat Completions, so that N doors and M providers need N + M translators.
 */
@NullMarked
package io.dromedary.chat;

import org.jspecify.annotations.NullMarked;
