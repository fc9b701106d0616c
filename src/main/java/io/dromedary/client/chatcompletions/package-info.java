/**
 * Room: OpenAI Chat Completions and Embeddings, the gateway's own face. Routes call {@code chatRequestReader} ({@link io.dromedary.client.chatcompletions.ChatRequestReader}), {@code embeddingRequestReader}, {@code errorFormat}
 * ({@link io.dromedary.client.chatcompletions.ErrorFormat}) and {@code modelList} ({@link io.dromedary.client.chatcompletions.ModelList}); the reply uses a
 * {@link io.dromedary.client.chatcompletions.ChunkWriter} per stream.
 */
@NullMarked
package io.dromedary.client.chatcompletions;

import org.jspecify.annotations.NullMarked;
