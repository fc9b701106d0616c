package io.dromedary.provider;

import io.dromedary.chat.ProviderFailure.Kind;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What the error answers of all providers have in common: the kind by status, retry hints in headers, words that may be passed on. */
public final class Refusals {
  private static final int MAX_MESSAGE = 1_000;
  private static final long MAX_WAIT_MILLIS = Duration.ofDays(1).toMillis();
  /** Keys, and plain HTTP addresses, which are somebody's inside. */
  private static final Pattern SECRET = Pattern.compile("\\b(?:sk-|gsk_|xai-|AIza|http://|(?i:bearer\\s+))[^\\s\"'<>]{4,}");

  private Refusals() {}

  /** 425 is too early, 498 is Groq's "no capacity left in this tier". */
  public static Kind kind(int status) {
    return switch (status) {
      case 401, 402, 403 -> Kind.CREDENTIALS;
      case 429 -> Kind.BUSY;
      case 408, 409, 425, 498 -> Kind.DOWN;
      default -> status >= 500 ? Kind.DOWN : status >= 400 ? Kind.REFUSED : Kind.JUNK;
    };
  }

  /** {@code retry-after-ms}, else {@code retry-after} in seconds or as a date; null if there is none to be trusted. Names in lower case. */
  public static @Nullable Duration retryAfter(Map<String, String> headers, Instant now) {
    Duration exact = duration(headers.get("retry-after-ms"), 1);
    if (exact != null) {
      return exact;
    }
    String hint = headers.get("retry-after");
    Duration seconds = duration(hint, 1_000);
    if (seconds != null || hint == null) {
      return seconds;
    }
    try {
      Duration untilThen = Duration.between(now, ZonedDateTime.parse(hint.strip(), DateTimeFormatter.RFC_1123_DATE_TIME).toInstant());
      return untilThen.isNegative() ? Duration.ZERO : untilThen.toMillis() > MAX_WAIT_MILLIS ? null : untilThen;
    } catch (DateTimeException notADate) {
      return null;
    }
  }

  /** A decimal number of units; null if it is none, negative or longer than a day. */
  public static @Nullable Duration duration(@Nullable String number, long unitMillis) {
    if (number == null) {
      return null;
    }
    try {
      double millis = Double.parseDouble(number.strip()) * unitMillis;
      return millis >= 0 && millis <= MAX_WAIT_MILLIS ? Duration.ofMillis((long) Math.ceil(millis)) : null;
    } catch (NumberFormatException notANumber) {
      return null;
    }
  }

  /** The provider's words without what looks like a key or an internal address, short enough to be quoted. */
  public static String safe(String message) {
    String clean = SECRET.matcher(message).replaceAll("***");
    return clean.length() <= MAX_MESSAGE ? clean : clean.substring(0, MAX_MESSAGE - 3) + "...";
  }
}
