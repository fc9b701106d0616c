package io.dromedary.chat;

/**
 * Token counts of one provider call, in one shape for all providers: {@code input = uncached + cacheRead + cacheWrite}, and {@code output} includes {@code reasoning}.
 *
 * @param uncachedInput input tokens billed at the full rate
 * @param cacheRead input tokens read from the provider's prompt cache
 * @param cacheWrite input tokens written to the provider's prompt cache
 * @param output generated tokens, reasoning included
 * @param reasoning the part of {@code output} that was reasoning
 * @param counted true when we counted the tokens ourselves because the provider did not say
 */
public record Usage(long uncachedInput, long cacheRead, long cacheWrite, long output, long reasoning, boolean counted) {
  /** No call uses more; a provider that says so lies, and must not overflow anyone's arithmetic. */
  private static final long MOST = 1_000_000_000;

  public static final Usage NONE = new Usage(0, 0, 0, 0, 0, false);

  /** Counts below zero or beyond a billion, which some providers do report, are brought back into range. */
  public Usage {
    uncachedInput = Math.min(MOST, Math.max(0, uncachedInput));
    cacheRead = Math.min(MOST, Math.max(0, cacheRead));
    cacheWrite = Math.min(MOST, Math.max(0, cacheWrite));
    output = Math.min(MOST, Math.max(0, output));
    reasoning = Math.min(Math.max(0, reasoning), output);
  }

  /** For providers whose prompt count includes the cached tokens (OpenAI, Gemini). */
  public static Usage ofPrompt(long prompt, long cacheRead, long cacheWrite, long output, long reasoning) {
    return new Usage(prompt - Math.max(0, cacheRead) - Math.max(0, cacheWrite), cacheRead, cacheWrite, output, reasoning, false);
  }

  /** Our own count of a call whose provider reported nothing. */
  public static Usage counted(long input, long output) {
    return new Usage(input, 0, 0, output, 0, true);
  }

  /** Both together, as one call's. */
  public Usage plus(Usage other) {
    return new Usage(uncachedInput + other.uncachedInput, cacheRead + other.cacheRead, cacheWrite + other.cacheWrite, output + other.output, reasoning + other.reasoning, counted || other.counted);
  }

  public long input() {
    return uncachedInput + cacheRead + cacheWrite;
  }

  public long total() {
    return input() + output;
  }
}
