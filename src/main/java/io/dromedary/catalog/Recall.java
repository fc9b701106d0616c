package io.dromedary.catalog;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Usd;
import org.jspecify.annotations.Nullable;

/**
 * How the caches answered one request: the key it was looked up under, what was found, and what a hit saves. Made by the cache when it is asked, completed when it has decided; used by the one thread that serves the request.
 */
public class Recall {
  private final String lookUpKey;
  private String status = "bypass";
  private String model = "";
  private String provider = "";
  private Usd originalCost = Usd.ZERO;
  private @Nullable Double similarity;
  private @Nullable JsonNode likeQuestion;

  /** @param lookUpKey "" when nothing may be recalled */
  protected Recall(String lookUpKey) {
    this.lookUpKey = lookUpKey;
  }

  protected final void missed() {
    status = "miss";
  }

  /** @param similarity of a semantic hit to its original, null for an equal request */
  protected final void hit(String model, String provider, Usd originalCost, @Nullable Double similarity) {
    this.status = similarity == null ? "hit" : "semantic";
    this.model = model;
    this.provider = provider;
    this.originalCost = originalCost;
    this.similarity = similarity;
  }

  public final String lookUpKey() {
    return lookUpKey;
  }

  /** {@code hit}, {@code semantic}, {@code miss} or {@code bypass}. */
  public final String status() {
    return status;
  }

  public final boolean hit() {
    return "hit".equals(status) || "semantic".equals(status);
  }

  /** The model that made the recalled answer, "" without one. */
  public final String model() {
    return model;
  }

  public final String provider() {
    return provider;
  }

  /** What the recalled answer cost when it was made. */
  public final Usd originalCost() {
    return originalCost;
  }

  public final @Nullable Double similarity() {
    return similarity;
  }

  protected final void likeQuestion(JsonNode told) {
    likeQuestion = told;
  }

  /** What was thought of the most alike of earlier questions, for the request's page; null when none was looked for. It quotes no prompt. */
  public final @Nullable JsonNode likeQuestion() {
    return likeQuestion;
  }
}
