package io.dromedary.chat;

/** What a model made: a whole answer, vectors, one kept from before, or a stream that is pulled chunk by chunk. Always in the canonical form. */
public sealed interface Answer permits ChatResponse, EmbeddingResponse, KeptResponse, ChatStream {}
