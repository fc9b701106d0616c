package io.dromedary.chat;

import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * What a client asked of an agent, before that became a request to a model.
 *
 * @param agent its name, without {@code agent/}
 * @param body the client's own body
 * @param conversation which conversation it belongs to, "" for none
 */
public record AgentCall(String agent, ObjectNode body, String conversation) {}
