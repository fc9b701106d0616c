package io.dromedary.shadow;

import io.dromedary.catalog.Bill;
import io.dromedary.chat.ChatRequest;

/** A request that another model is asked once more, beside what its caller got. Routes read its parts. */
public final class Shadow {
  /** Ends the ids of shadows. */
  static final String SUFFIX = "-shadow";

  private final ChatRequest asked;
  private final String model;
  private final Bill served;
  private final String answer;
  private final long chars;

  /**
   * @param model who shadows
   * @param served the bill of what the caller got
   * @param answer what the caller got
   * @param chars what it keeps in memory, about
   */
  Shadow(ChatRequest asked, String model, Bill served, String answer, long chars) {
    this.asked = asked;
    this.model = model;
    this.served = served;
    this.answer = answer;
    this.chars = chars;
  }

  /** The caller's request. */
  public ChatRequest getAsked() {
    return asked;
  }

  public String getModel() {
    return model;
  }

  Bill served() {
    return served;
  }

  String answer() {
    return answer;
  }

  long chars() {
    return chars;
  }
}
