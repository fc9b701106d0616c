package io.dromedary.catalog;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Why these candidates: told in response headers, {@code POST /v1/route} and on the request's ledger page.
 *
 * @param requestedModel what the client wrote
 * @param strategy {@code model}, {@code tier}, {@code router}, ...
 * @param complexity null when the request named its model
 * @param reason in one short sentence of plain ASCII
 * @param dropped models that were considered and left out
 */
public record Decision(String requestedModel, String strategy, @Nullable Complexity complexity, String reason, List<Dropped> dropped) {
  /** A model that was not eligible, and why. */
  public record Dropped(String model, String why) {}

  public String tier() {
    return complexity == null ? "" : complexity.tier().name();
  }
}
