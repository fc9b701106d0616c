package io.dromedary.chat;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A provider call that brought no (whole) answer: what went wrong, whether another model may be asked, whether it counts against the provider's health, and whether the provider charges for it.
 */
public final class ProviderFailure extends RuntimeException {
  /** What kind of failure it was; decides failover, breaker and bill. */
  public enum Kind {
    /** Could not connect: nothing was accepted, nothing is charged. */
    UNREACHABLE(true, true, 502),
    /** 429: the provider's own limit. */
    BUSY(true, true, 429),
    /** 5xx, 408, 529. */
    DOWN(true, true, 503),
    /** No first token, no next chunk or no answer in time. */
    TIMEOUT(true, true, 504),
    /** A 200 that is no answer: HTML, broken or empty JSON, a stream cut before its last event, an error inside a 200 stream. */
    JUNK(true, true, 502),
    /** 401 or 403 for our own key (402 too): another provider can help, a person must act. */
    CREDENTIALS(true, false, 502),
    /** 400, 404, 413, 422: the request's fault, the same everywhere. */
    REFUSED(false, false, 400),
    /** The provider's breaker is open or its permits are used up: it was not called. */
    NOT_CALLED(true, false, 503),
    /** A limit of ours on the model or the account is used up: it was not called. */
    LIMITED(true, false, 429),
    /** The caller went away or the gateway stops. */
    CANCELLED(false, false, 499);

    private final boolean failover;
    private final boolean countsAgainstProvider;
    private final int status;

    Kind(boolean failover, boolean countsAgainstProvider, int status) {
      this.failover = failover;
      this.countsAgainstProvider = countsAgainstProvider;
      this.status = status;
    }

    /** May the next candidate be asked? */
    public boolean failover() {
      return failover;
    }

    /** Does the circuit breaker count it? */
    public boolean countsAgainstProvider() {
      return countsAgainstProvider;
    }

    /** The status a client sees when this is the last word. */
    public int clientStatus() {
      return status;
    }
  }

  private final Kind kind;
  private final String provider;
  private final int providerStatus;
  private final @Nullable String code;
  private final @Nullable String param;
  private final @Nullable Duration retryAfter;
  private final boolean aside;

  /**
   * @param provider the provider's id
   * @param providerStatus its HTTP status, 0 if there was none
   * @param message the provider's own words, free of keys and internal URLs
   * @param code OpenAI's error code where one fits ({@code model_not_found}, {@code context_length_exceeded} ...)
   * @param retryAfter when the provider wants to be asked again
   */
  public ProviderFailure(Kind kind, String provider, int providerStatus, String message, @Nullable String code, @Nullable String param, @Nullable Duration retryAfter, @Nullable Throwable cause) {
    this(kind, provider, providerStatus, message, code, param, retryAfter, cause, false);
  }

  private ProviderFailure(Kind kind, String provider, int providerStatus, String message, @Nullable String code, @Nullable String param, @Nullable Duration retryAfter, @Nullable Throwable cause, boolean aside) {
    super(message, cause, false, false);
    this.aside = aside;
    this.kind = kind;
    this.provider = provider;
    this.providerStatus = providerStatus;
    this.code = code;
    this.param = param;
    this.retryAfter = retryAfter;
  }

  public static ProviderFailure of(Kind kind, String provider, String message) {
    return new ProviderFailure(kind, provider, 0, message, null, null, null, null);
  }

  public static ProviderFailure of(Kind kind, String provider, String message, Throwable cause) {
    return new ProviderFailure(kind, provider, 0, message, null, null, null, cause);
  }

  /** The same, of a call that no caller waits for: it closes no account to those who do. */
  public ProviderFailure aside() {
    return new ProviderFailure(kind, provider, providerStatus, String.valueOf(getMessage()), code, param, retryAfter, getCause(), true);
  }

  public Kind kind() {
    return kind;
  }

  /** Does the circuit breaker count it? */
  public boolean countsAgainstProvider() {
    return !aside && kind.countsAgainstProvider();
  }

  public String provider() {
    return provider;
  }

  public int providerStatus() {
    return providerStatus;
  }

  public @Nullable String code() {
    return code;
  }

  public @Nullable String param() {
    return param;
  }

  public @Nullable Duration retryAfter() {
    return retryAfter;
  }
}
