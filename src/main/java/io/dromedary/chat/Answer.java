package io.dromedary.chat;

/** What a model said: whole, or as a stream that is pulled chunk by chunk. Always in the canonical form. */
public sealed interface Answer permits ChatResponse, ChatStream {}
