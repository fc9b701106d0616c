package io.dromedary.access;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Set;

/**
 * A tenant as {@code callers.yaml} has it.
 *
 * @param inFlight requests it may have under way in this node
 * @param sharesCache may its answers be recalled for other projects that share, and theirs for it?
 * @param limits the whole {@code limits} map, a missing node if there is none; the limits room reads it
 * @param budgets the whole {@code budgets} node, a missing node if there is none; the spend room reads it
 * @param credit the {@code credit} node, a missing node if there is none; the spend room reads it
 */
public record Project(String id, Set<String> tags, int inFlight, boolean sharesCache, JsonNode limits, JsonNode budgets, JsonNode credit) {
  /** Requests under way of a project that names no limit of its own. */
  public static final int DEFAULT_IN_FLIGHT = 32;
}
