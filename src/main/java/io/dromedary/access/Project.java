package io.dromedary.access;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Policy;
import java.time.Duration;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A tenant, as {@code callers.yaml} or the admin has set it up.
 *
 * @param org whom it belongs to, "" if it is not said
 * @param rule which models may answer it
 * @param profile the preference of its requests that state none, "" for none
 * @param inFlight requests it may have under way in this node
 * @param sharesCache may its answers be recalled for other projects that share, and theirs for it?
 * @param retention how long its interactions, conversations and cached answers are kept, null for the gateway's own times
 * @param limits the whole {@code limits} map, a missing node if there is none; the limits room reads it
 * @param budgets the whole {@code budgets} node, a missing node if there is none; the spend room reads it
 * @param credit the {@code credit} node, a missing node if there is none; the spend room reads it
 * @param fromFile true for one of {@code callers.yaml}, false for one made by the admin
 * @param definition all that was said of it but its keys
 */
public record Project(String id, String org, Set<String> tags, Policy.Rule rule, String profile, int inFlight, boolean sharesCache, @Nullable Duration retention, JsonNode limits, JsonNode budgets, JsonNode credit,
    boolean fromFile, ObjectNode definition) {
  /** Requests under way of a project that names no limit of its own. */
  public static final int DEFAULT_IN_FLIGHT = 32;
}
