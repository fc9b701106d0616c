/**
 * Room: agents, which are models {@code agent/<name>} with a prompt, a role and a memory of their own. Routes call {@code agents} ({@link io.dromedary.agent.Agents}) and {@code agentAdmin}
 * ({@link io.dromedary.agent.AgentAdmin}).
 */
@NullMarked
package io.dromedary.agent;

import org.jspecify.annotations.NullMarked;
