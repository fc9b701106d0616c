package io.dromedary.server;

import io.dromedary.chat.Inbound;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Upload;
import jakarta.servlet.http.HttpServletRequest;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Makes an {@link Inbound} of a servlet request: body, path, query and the few headers that mean something here. Nothing is taken from forms. */
public final class HttpEntry {
  /** All that is read of a request's headers, in lower case. */
  private static final String[] HEADERS = {"authorization", "x-api-key", "api-key", "idempotency-key", "x-dromedary-preference", "x-dromedary-project", "x-dromedary-session-id", "x-dromedary-tags",
      "x-dromedary-cache", "x-dromedary-cache-threshold", "x-dromedary-timeout-ms", "anthropic-version", "anthropic-beta", "host", "origin"};

  /** Names under which keys are sent in URLs elsewhere. What stands in a URL stands in logs and histories. */
  private static final Set<String> KEY_NAMES = Set.of("api_key", "api-key", "apikey", "x-api-key", "access_token", "token", "authorization", "auth", "bearer", "admin_token", "secret", "password");
  /** A value of the parameter {@code key} from this length on is a key, not the name of one. */
  private static final int KEY_CHARS = 24;
  private static final Pattern KEY_IN_PATH = Pattern.compile("/d[ak]-[A-Za-z0-9_-]{20}");

  private final BodyReader bodies;
  private final UploadReader uploads;

  public HttpEntry(BodyReader bodies, UploadReader uploads) {
    this.bodies = bodies;
    this.uploads = uploads;
  }

  /**
   * Reads the request. A key in its URL is refused unread: who sent it has to hear that it is now in logs.
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
    Map<String, String> query = query(request.getQueryString());
    if (holdsKey(query) || holdsKey(request.getRequestURI())) {
      throw Problem.badRequest("a key must not stand in a URL, where logs and histories keep it; send it as `Authorization: Bearer <key>`, `x-api-key` or `api-key`, and replace one that was sent so").code("key_in_url")
          .shouldRetry(false);
    }
    byte[] body = new byte[0];
    if (isUpload(request) || isCancel(request)) {
      // an upload is read by who takes it, after its sender is known; cancelling has no body
      return new Inbound(requestId, "http", request.getMethod(), path(request), query, metadata, body, now);
    }
    if ("POST".equals(request.getMethod()) || "PUT".equals(request.getMethod()) || "PATCH".equals(request.getMethod())) {
      body = bodies.readJson(request, slots);
    }
    BooleanSupplier gone = request.getAttribute(CallerConnection.ATTRIBUTE) instanceof CallerConnection connection ? connection : () -> false;
    return new Inbound(requestId, "http", request.getMethod(), path(request), query, metadata, body, now, gone);
  }

  /** The path as it came, without what our doors stand under in this server. */
  static String path(HttpServletRequest request) {
    String uri = request.getRequestURI();
    int under = request.getContextPath().length() + request.getServletPath().length();
    // at the root, where servlets of another kind would name the whole path, nothing stands before it
    return under == 0 || request.getPathInfo() == null || under >= uri.length() ? uri : uri.substring(under);
  }

  /** A form with a file, where one may be sent. */
  public static boolean isUpload(HttpServletRequest request) {
    String type = request.getContentType();
    return type != null && type.regionMatches(true, 0, "multipart/form-data", 0, 19) && "POST".equals(request.getMethod()) && "/v1/files".equals(path(request));
  }

  /** OpenAI's clients send it without a body, and then without a content type. */
  private static boolean isCancel(HttpServletRequest request) {
    return "POST".equals(request.getMethod()) && request.getContentType() == null && request.getContentLengthLong() <= 0 && request.getHeader("Transfer-Encoding") == null && request.getRequestURI().endsWith("/cancel");
  }

  public Upload upload(HttpServletRequest request) {
    return uploads.of(request);
  }

  private static boolean holdsKey(Map<String, String> query) {
    return query.entrySet().stream().anyMatch(parameter -> {
      String name = parameter.getKey().toLowerCase(Locale.ROOT);
      String value = parameter.getValue();
      return KEY_NAMES.contains(name) || name.equals("key") && value.length() >= KEY_CHARS || value.startsWith("dk-") || value.startsWith("da-") || value.startsWith("sk-");
    });
  }

  /** Is one of our keys a part of this path? */
  static boolean holdsKey(String path) {
    return KEY_IN_PATH.matcher(path).find();
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
