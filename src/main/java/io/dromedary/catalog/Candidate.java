package io.dromedary.catalog;

import io.dromedary.chat.Usd;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A model that may answer this request, with what we expect of it.
 *
 * @param expectedCost null when the model is unpriced
 * @param expectedQuality 0..1
 * @param expectedLatency to the first token
 * @param reason why it stands where it stands, for people
 */
public record Candidate(Model model, @Nullable Usd expectedCost, double expectedQuality, Duration expectedLatency, String reason) {
  public String provider() {
    return model.provider();
  }

  /** Whose failures are told apart; the provider, of most models. */
  public String account() {
    return model.account();
  }
}
