package io.dromedary;

import io.dromedary.catalog.ConfigError;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.diagnostics.FailureAnalyzer;

/** Tells a person why the gateway does not start, in the words of whoever refused it and without a stack trace. */
public final class StartFailures implements FailureAnalyzer {
  @Override
  public @Nullable FailureAnalysis analyze(Throwable failure) {
    int depth = 0;
    for (Throwable cause = failure; cause != null && depth < 32; cause = cause.getCause(), depth++) {
      if (cause instanceof SafeStart.Refused || cause instanceof ConfigError) {
        return new FailureAnalysis(cause.getMessage(), null, failure);
      }
    }
    return null;
  }
}
