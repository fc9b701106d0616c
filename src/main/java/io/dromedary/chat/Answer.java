package io.dromedary.chat;

/** What a model said: whole, kept from before, or as a stream that is pulled chunk by chunk. Always in the canonical form. */
public sealed interface Answer permits ChatResponse, KeptResponse, ChatStream {}
