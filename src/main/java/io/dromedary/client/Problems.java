package io.dromedary.client;

import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.ProviderFailure.Kind;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The one table of what a client sees of a failure: any throwable to a {@link Problem}, a chain of provider failures to its last word, a problem to its response headers. */
public final class Problems {
  /** What a client learns of our own mistakes: nothing else. */
  public static final String INTERNAL = "the gateway made a mistake; the request id is in x-request-id";

  private static final int CLIENT_CLOSED = 499;
  private static final int QUOTED_CHARS = 1_000;
  private static final Duration SOON = Duration.ofSeconds(1);
  /** A second line of defence: adapters already keep keys out of their words. */
  private static final Pattern KEY = Pattern.compile("(?i)\\b(?:bearer\\s+|sk-|gsk_|dk-|xai-|AIza|AKIA)[A-Za-z0-9_*.\\-]{6,}");

  private Problems() {}

  /** The problem in {@code thrown} or its causes; provider failures by the table; anything else is a 500 with a fixed message. */
  public static Problem of(Throwable thrown) {
    Throwable cause = thrown;
    for (int depth = 0; cause != null && depth < 16; depth++) {
      if (cause instanceof Problem problem) {
        return problem;
      }
      if (cause instanceof ProviderFailure failure) {
        return chainExhausted(List.of(failure));
      }
      cause = cause.getCause();
    }
    return Problem.internal(INTERNAL);
  }

  /**
   * The last word after every candidate failed. A refusal ends a chain, so it speaks for it; else the last provider that was really called does; 429 only when all that were called were busy.
   *
   * @param failures in the order of the attempts; empty is an internal error
   */
  public static Problem chainExhausted(List<ProviderFailure> failures) {
    if (failures.isEmpty()) {
      return Problem.internal(INTERNAL);
    }
    ProviderFailure last = speaker(failures);
    int status = status(last, failures);
    ChainExhausted problem = new ChainExhausted(status, type(status), message(last, failures), tries(failures));
    problem.code(code(last, status));
    if (last.kind() == Kind.REFUSED && last.param() != null) {
      problem.param(last.param());
    }
    boolean mayHelp = status == 429 || !called(last);
    Duration wait = last.kind() == Kind.REFUSED ? null : shortestWait(failures);
    problem.retryAfter(wait == null && mayHelp ? SOON : wait);
    if (last.kind() == Kind.LIMITED ? wait == null : failures.size() > 1 || !mayHelp) {
      problem.shouldRetry(false);
    }
    return problem;
  }

  /** The headers that go with a problem: its own, {@code retry-after} (whole seconds, rounded up), {@code retry-after-ms} and {@code x-should-retry}. */
  public static Map<String, String> headers(Problem problem) {
    Map<String, String> headers = new LinkedHashMap<>(problem.headers());
    Duration wait = problem.retryAfter();
    if (wait != null) {
      long millis = Math.max(0, wait.toMillis());
      headers.put("retry-after", Long.toString(Math.max(1, (millis + 999) / 1_000)));
      headers.put("retry-after-ms", Long.toString(millis));
    }
    Boolean shouldRetry = problem.shouldRetry();
    if (shouldRetry != null) {
      headers.put("x-should-retry", shouldRetry.toString());
    }
    return headers;
  }

  private static ProviderFailure speaker(List<ProviderFailure> failures) {
    for (int i = failures.size() - 1; i >= 0; i--) {
      if (called(failures.get(i))) {
        return failures.get(i);
      }
    }
    // Nobody was: a limit of ours has the last word, since it says when to come back.
    return failures.stream().filter(failure -> failure.kind() == Kind.LIMITED).findFirst().orElse(failures.get(failures.size() - 1));
  }

  private static boolean called(ProviderFailure failure) {
    return failure.kind() != Kind.NOT_CALLED && failure.kind() != Kind.LIMITED;
  }

  private static int status(ProviderFailure last, List<ProviderFailure> failures) {
    return switch (last.kind()) {
      case REFUSED -> "model_not_found".equals(last.code()) ? 404 : last.providerStatus() == 404 || last.providerStatus() == 413 ? last.providerStatus() : 400;
      case BUSY -> failures.stream().allMatch(f -> f.kind() == Kind.BUSY || !called(f)) ? 429 : 503;
      case CANCELLED -> CLIENT_CLOSED;
      default -> last.kind().clientStatus();
    };
  }

  private static String type(int status) {
    return switch (status) {
      case 429 -> "requests";
      case 503 -> "service_unavailable_error";
      default -> status < 500 ? "invalid_request_error" : "server_error";
    };
  }

  private static String code(ProviderFailure last, int status) {
    String given = last.code();
    if (last.kind() == Kind.REFUSED) {
      return given != null ? given : status == 404 ? "not_found" : status == 413 ? "request_too_large" : "invalid_request";
    }
    return switch (last.kind()) {
      case BUSY -> status == 429 ? "rate_limit_exceeded" : "provider_busy";
      case LIMITED -> "rate_limit_exceeded";
      case TIMEOUT -> "provider_timeout";
      case UNREACHABLE -> "provider_unreachable";
      case CREDENTIALS -> "provider_credentials";
      case JUNK -> "provider_bad_answer";
      case CANCELLED -> "cancelled";
      default -> "provider_unavailable";
    };
  }

  private static String message(ProviderFailure last, List<ProviderFailure> failures) {
    if (last.kind() == Kind.REFUSED) {
      return quote(last);
    }
    if (last.kind() == Kind.LIMITED) {
      return quote(last);
    }
    StringBuilder text = new StringBuilder(160);
    if (failures.size() > 1) {
      text.append("none of ").append(failures.size()).append(" attempts brought an answer; the last: ");
    }
    text.append("provider `").append(last.provider()).append("` ");
    switch (last.kind()) {
      case BUSY -> text.append("is at its rate limit: ").append(quote(last));
      case DOWN -> text.append("is down: ").append(quote(last));
      case TIMEOUT -> text.append("did not answer in time: ").append(quote(last));
      case JUNK -> text.append("sent something that is no answer: ").append(quote(last));
      case UNREACHABLE -> text.append("could not be reached");
      case CREDENTIALS -> text.append("did not accept the gateway's own key; the operator must act");
      case NOT_CALLED -> text.append("is not being called for now, after failures or at its limit of calls in flight");
      default -> text.append("was not waited for: the request was cancelled");
    }
    return text.toString();
  }

  private static String quote(ProviderFailure failure) {
    String words = failure.getMessage();
    if (words == null || words.isBlank()) {
      return "it gave no reason";
    }
    String shorter = words.length() <= QUOTED_CHARS ? words : words.substring(0, QUOTED_CHARS) + "...";
    return KEY.matcher(shorter).replaceAll("***");
  }

  private static List<ChainExhausted.Try> tries(List<ProviderFailure> failures) {
    List<ChainExhausted.Try> tries = new ArrayList<>(failures.size());
    for (ProviderFailure failure : failures) {
      tries.add(new ChainExhausted.Try(failure.provider(), failure.kind().name().toLowerCase(Locale.ROOT), failure.providerStatus()));
    }
    return tries;
  }

  private static @Nullable Duration shortestWait(List<ProviderFailure> failures) {
    Duration shortest = null;
    for (ProviderFailure failure : failures) {
      Duration wait = failure.retryAfter();
      if (wait != null && (shortest == null || wait.compareTo(shortest) < 0)) {
        shortest = wait;
      }
    }
    return shortest;
  }
}
