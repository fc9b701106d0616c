package io.dromedary.provider;

import io.dromedary.chat.ProviderFailure.Kind;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What the error answers of all providers have in common: the kind by status, retry hints in headers, words that may be passed on. */
public final class Refusals {
  private static final int MAX_MESSAGE = 1_000;
  private static final long MAX_WAIT_MILLIS = Duration.ofDays(1).toMillis();
  private static final String[] KEY_PREFIXES = {"sk-", "AIza", "gsk_", "Bearer "};

  private Refusals() {}

  public static Kind kind(int status) {
    return switch (status) {
      case 401, 402, 403 -> Kind.CREDENTIALS;
      case 429 -> Kind.BUSY;
      case 408, 409 -> Kind.DOWN;
      default -> status >= 500 ? Kind.DOWN : status >= 400 ? Kind.REFUSED : Kind.JUNK;
    };
  }

  /** {@code retry-after-ms}, else {@code retry-after} in seconds or as a date; null if there is none to be trusted. */
  public static @Nullable Duration retryAfter(Map<String, String> headers) {
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
      Duration untilThen = Duration.between(Instant.now(), ZonedDateTime.parse(hint.trim(), DateTimeFormatter.RFC_1123_DATE_TIME).toInstant());
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
      double millis = Double.parseDouble(number.trim()) * unitMillis;
      return millis >= 0 && millis <= MAX_WAIT_MILLIS ? Duration.ofMillis((long) Math.ceil(millis)) : null;
    } catch (NumberFormatException notANumber) {
      return null;
    }
  }

  /** The provider's words, cut to a sensible length, with anything that looks like a key blanked out. */
  public static String safe(String message) {
    String safe = message.length() <= MAX_MESSAGE ? message : message.substring(0, MAX_MESSAGE) + "...";
    for (String prefix : KEY_PREFIXES) {
      int at = safe.indexOf(prefix);
      while (at >= 0) {
        int end = at + prefix.length();
        while (end < safe.length() && isKeyLetter(safe.charAt(end))) {
          end++;
        }
        if (end - at - prefix.length() >= 8) {
          safe = safe.substring(0, at) + "***" + safe.substring(end);
        }
        at = safe.indexOf(prefix, at + 3);
      }
    }
    return safe;
  }

  private static boolean isKeyLetter(char c) {
    return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '*' || c == '.';
  }
}
