package io.dromedary.agent;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An agent: a prompt that stands before what its callers say, and how it is answered.
 *
 * @param owner who may ask it: {@code *} for all, {@code org:<org>}, {@code project:<project>}
 * @param system the prompt, shown to nobody but the admin
 * @param model what answers: any model name but an agent's
 * @param profile the preference of requests that state none, "" for their project's
 * @param temperature of requests that say none, null for the model's own
 * @param maxTokens of requests that say none, 0 for the model's own
 * @param historyTurns turns of a conversation that are said again, 0 for none
 * @param historyChars at most so long
 * @param useCache may its answers be recalled, where the request does not say?
 * @param definition all that was said of it
 */
record Agent(String owner, String name, String description, String system, String model, String profile, @Nullable Double temperature, long maxTokens, List<String> tags, int historyTurns, int historyChars, boolean useCache,
    boolean fromFile, ObjectNode definition) {
  static final String PREFIX = "agent/";

  String key() {
    return key(owner, name);
  }

  static String key(String owner, String name) {
    return owner + "/" + name;
  }
}
