package io.dromedary.client;

import io.dromedary.chat.Problem;
import java.util.List;

/** A problem that is the last word of a chain of provider calls: it carries what each attempt came to, free of secrets. */
public final class ChainExhausted extends Problem {
  /**
   * One attempt as a client may see it.
   *
   * @param provider the provider's id
   * @param failure the failure's kind in lower case
   * @param status the provider's HTTP status, 0 if none came
   */
  public record Try(String provider, String failure, int status) {}

  private final transient List<Try> attempts;

  ChainExhausted(int status, String type, String message, List<Try> attempts) {
    super(status, type, message);
    this.attempts = List.copyOf(attempts);
  }

  public List<Try> attempts() {
    return attempts;
  }
}
