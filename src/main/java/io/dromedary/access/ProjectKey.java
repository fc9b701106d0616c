package io.dromedary.access;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Globs;
import io.dromedary.chat.Policy;
import java.time.Instant;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A project's key. What is known of the key itself is its SHA-256 and, where it was made here, its last four characters.
 *
 * @param last4 to recognise it by, "" when that is not known
 * @param expires not valid from then on, null for never
 * @param tags labels beside its project's
 * @param user the one person it is for, "" for anybody
 * @param endpoints where it may be used: paths below {@code /v1/}, or entries such as {@code kafka}
 * @param rule which models may answer, within what its project allows
 * @param limits its own {@code limits}, a missing node if there are none
 * @param budgets its own {@code budgets}, a missing node if there are none
 * @param credit its own {@code credit}, a missing node if there is none: drawn from beside its project's
 * @param fromFile true for one of {@code callers.yaml}, false for one made by the admin
 * @param definition all that was said of it but the key
 */
public record ProjectKey(String project, String id, String sha256, String last4, @Nullable Instant expires, boolean revoked, Set<String> tags, String user, Globs endpoints, Policy.Rule rule, JsonNode limits,
    JsonNode budgets, JsonNode credit, boolean fromFile, ObjectNode definition) {
  /** Has another key taken its place, beside which it lives on for a while? */
  public boolean isReplaced() {
    return definition.hasNonNull(ProjectReader.REPLACED_BY);
  }

  /** The same, not to be used any more. */
  ProjectKey revokedNow() {
    return new ProjectKey(project, id, sha256, last4, expires, true, tags, user, endpoints, rule, limits, budgets, credit, fromFile, definition);
  }
}
