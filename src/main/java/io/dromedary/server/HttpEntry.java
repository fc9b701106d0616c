package io.dromedary.server;

import io.dromedary.chat.Inbound;
import jakarta.servlet.http.HttpServletRequest;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** Makes an {@link Inbound} of a servlet request: body, path, query and the few headers that mean something here. Nothing is taken from forms. */
public final class HttpEntry {
  /** All that is read of a request's headers, in lower case. */
  private static final String[] HEADERS = {"authorization", "x-api-key", "api-key", "idempotency-key", "x-dromedary-preference", "x-dromedary-project", "x-dromedary-session-id", "x-dromedary-tags",
      "x-dromedary-cache", "x-dromedary-timeout-ms", "anthropic-version", "anthropic-beta", "host", "origin"};

  private final BodyReader bodies;

  public HttpEntry(BodyReader bodies) {
    this.bodies = bodies;
  }

  /**
   * Reads the request.
   *
   * @param slots where a place is taken while the body is read, so that slow or large senders cannot take every thread and all memory
   */
  public Inbound inbound(String requestId, HttpServletRequest request, BodyReader.Slots slots) {
    Instant now = Instant.now();
    Map<String, String> metadata = new HashMap<>(8);
    for (String name : HEADERS) {
      String value = request.getHeader(name);
      if (value != null) {
        metadata.put(name, value);
      }
    }
    byte[] body = new byte[0];
    if ("POST".equals(request.getMethod()) || "PUT".equals(request.getMethod()) || "PATCH".equals(request.getMethod())) {
      body = bodies.readJson(request, slots);
    }
    BooleanSupplier gone = request.getAttribute(CallerConnection.ATTRIBUTE) instanceof CallerConnection connection ? connection : () -> false;
    return new Inbound(requestId, "http", request.getMethod(), request.getRequestURI(), query(request.getQueryString()), metadata, body, now, gone);
  }

  private static Map<String, String> query(@Nullable String query) {
    if (query == null || query.isEmpty()) {
      return Map.of();
    }
    Map<String, String> values = new HashMap<>(4);
    for (String pair : query.split("&", 64)) {
      int equals = pair.indexOf('=');
      if (equals > 0) {
        values.putIfAbsent(decode(pair.substring(0, equals)), decode(pair.substring(equals + 1)));
      }
    }
    return values;
  }

  private static String decode(String text) {
    try {
      return URLDecoder.decode(text, StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      return text;
    }
  }
}
