package io.dromedary;

import io.dromedary.catalog.ConfigError;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.diagnostics.FailureAnalyzer;

/** Tells a person why the gateway does not start, in the words of whoever refused it and without a stack trace. */
public final class StartFailures implements FailureAnalyzer {
  /** A part that can be refused for how it is set up. */
  interface Part<T> {
    T make() throws IOException;
  }

  /** Makes a part whose refusals are for the person who starts the gateway. @throws ConfigError with the part's own words */
  static <T> T told(Part<T> part) {
    try {
      return part.make();
    } catch (IllegalArgumentException | IllegalStateException | IOException | UncheckedIOException e) {
      throw new ConfigError(String.valueOf(e.getMessage()), e);
    }
  }

  @Override
  public @Nullable FailureAnalysis analyze(Throwable failure) {
    int depth = 0;
    for (Throwable cause = failure; cause != null && depth < 32; cause = cause.getCause(), depth++) {
      if (cause instanceof SafeStart.Refused || cause instanceof ConfigError) {
        return new FailureAnalysis(cause instanceof ConfigError ? "Dromedary does not start: " + cause.getMessage() : cause.getMessage(), null, failure);
      }
    }
    return null;
  }
}
