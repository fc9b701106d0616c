package io.dromedary.ranking;

import io.dromedary.catalog.Tier;

/**
 * The model that a conversation is with.
 *
 * @param model its id
 * @param tier of the turn that it was chosen for, the hardest so far
 * @param prefixTokens input tokens of its last turn: what the provider has in its prompt cache at most
 * @param named was the conversation named by a session id, or found by its opening turns?
 */
public record Stay(String model, Tier tier, long prefixTokens, boolean named) {}
