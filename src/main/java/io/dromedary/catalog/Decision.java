package io.dromedary.catalog;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Why these candidates: told in response headers, {@code POST /v1/route} and on the request's ledger page.
 *
 * @param requestedModel what the client wrote
 * @param strategy {@code model}, {@code tier}, {@code threshold}, {@code cascade}, ...
 * @param complexity null when the request named its model
 * @param reason in one short sentence of plain ASCII
 * @param dropped models that were considered and left out
 * @param topic what the request is about
 * @param more what else played a part, in the names of {@code POST /v1/route}: {@code session}, {@code cascade}, {@code optimizer}; values are what JSON can say
 */
public record Decision(String requestedModel, String strategy, @Nullable Complexity complexity, String reason, List<Dropped> dropped, Topic topic, Map<String, Object> more) {
  /** A model that was not eligible, and why. */
  public record Dropped(String model, String why) {}

  public Decision(String requestedModel, String strategy, @Nullable Complexity complexity, String reason, List<Dropped> dropped) {
    this(requestedModel, strategy, complexity, reason, dropped, Topic.NONE, Map.of());
  }

  public String tier() {
    return complexity == null ? "" : complexity.tier().name();
  }

  /** The same, with a further reason. */
  public Decision because(String otherReason) {
    return new Decision(requestedModel, strategy, complexity, otherReason, dropped, topic, more);
  }

  /** The same, with something more to tell. */
  public Decision with(String name, Object value) {
    Map<String, Object> all = new LinkedHashMap<>(more);
    all.put(name, value);
    return new Decision(requestedModel, strategy, complexity, reason, dropped, topic, all);
  }
}
