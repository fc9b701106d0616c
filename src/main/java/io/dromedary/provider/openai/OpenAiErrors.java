package io.dromedary.provider.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.dromedary.chat.Json;
import io.dromedary.chat.ProviderFailure.Kind;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.provider.Refusals;
import io.dromedary.provider.WireFormat.Incoming;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Reads errors in the shapes that OpenAI and those who imitate it write: {@code error} as object or text, Mistral's {@code detail} and {@code object:error}, a bare {@code message}, HTML, nothing. */
public final class OpenAiErrors {
  private OpenAiErrors() {}

  /** A whole answer whose status is not 2xx. Never throws. */
  public static ProviderFailure failure(String provider, Incoming answer) {
    JsonNode body = MissingNode.getInstance();
    try {
      JsonNode read = Json.read(answer.body());
      if (read != null) {
        body = read.isArray() ? read.path(0) : read;
      }
    } catch (IOException notJson) {
      // the status says enough
    }
    return failure(provider, answer.status(), body, Refusals.retryAfter(answer.headers(), Instant.now()));
  }

  /** An error that came inside a 200: {@code body} is the frame or answer that holds it. */
  public static ProviderFailure inside200(String provider, JsonNode body) {
    JsonNode error = errorIn(body);
    int status = error.path("code").asInt(error.path("status").asInt(0));
    return failure(provider, status >= 400 && status < 600 ? status : 200, body, null);
  }

  private static JsonNode errorIn(JsonNode body) {
    JsonNode error = body.path("error");
    return error.isObject() ? error : body;
  }

  private static ProviderFailure failure(String provider, int status, JsonNode body, @Nullable Duration retryAfter) {
    JsonNode error = errorIn(body);
    String text = message(body, error);
    String type = error.path("type").asText("");
    String code = code(status, type, error.path("code"), text.toLowerCase(Locale.ROOT));
    Kind kind = kind(status, type, code);
    if (code == null && kind == Kind.BUSY) {
      code = "rate_limit_exceeded";
    }
    String message;
    if (kind == Kind.CREDENTIALS && status != 402 && status != 429) {
      // the provider's own text quotes parts of the key
      message = "provider `" + provider + "` refused our key with status " + status;
    } else if (text.isEmpty()) {
      message = "provider `" + provider + "` answered status " + status + " without a reason";
    } else {
      message = Refusals.safe(text);
    }
    return new ProviderFailure(kind, provider, status, message, code, param(body, error), retryAfter, null);
  }

  private static Kind kind(int status, String type, @Nullable String code) {
    if ("model_not_found".equals(code) && (status == 200 || status == 400 || status == 403 || status == 404 || status == 422)) {
      return Kind.REFUSED;
    }
    if ("insufficient_quota".equals(code) || "invalid_api_key".equals(code)) {
      return Kind.CREDENTIALS;
    }
    if (status == 413 && "rate_limit_exceeded".equals(code)) {
      // Groq: the request is larger than our tokens per minute; another provider can help
      return Kind.BUSY;
    }
    if (status == 400 && "tool_use_failed".equals(code)) {
      // Groq: the model wrote a broken tool call, the request is fine
      return Kind.JUNK;
    }
    return status == 200 ? kindInside200(type, code) : Refusals.kind(status);
  }

  private static Kind kindInside200(String type, @Nullable String code) {
    if ("rate_limit_exceeded".equals(code)) {
      return Kind.BUSY;
    }
    if ("context_length_exceeded".equals(code) || "content_filter".equals(code)) {
      return Kind.REFUSED;
    }
    return switch (type) {
      case "server_error", "service_unavailable_error", "overloaded_error", "api_error" -> Kind.DOWN;
      default -> Kind.JUNK;
    };
  }

  private static @Nullable String code(int status, String type, JsonNode given, String text) {
    String code = given.isTextual() && !isNumber(given.textValue()) ? given.textValue() : null;
    if (code == null) {
      code = switch (type) {
        case "insufficient_quota", "rate_limit_exceeded", "tool_use_failed", "content_filter", "model_not_found" -> type;
        case "invalid_model" -> "model_not_found";
        case "rate_limited", "rate_limit_error" -> "rate_limit_exceeded";
        default -> null;
      };
    }
    if ("DeploymentNotFound".equals(code) || "invalid_model".equals(code) || "model_decommissioned".equals(code)) {
      return "model_not_found";
    }
    if ((code == null || "invalid_request_error".equals(code)) && (status == 400 || status == 404 || status == 422 || status == 200)) {
      boolean model = text.contains("model");
      if (model && (text.contains("not exist") || text.contains("not found") || text.contains("invalid model") || text.contains("not a valid model"))) {
        return "model_not_found";
      }
    }
    if ((code == null || "invalid_request_error".equals(code)) && (status == 400 || status == 413 || status == 422)
        && (text.contains("context length") || text.contains("context window") || text.contains("context_length") || text.contains("too large for model"))) {
      return "context_length_exceeded";
    }
    return code;
  }

  private static boolean isNumber(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) < '0' || text.charAt(i) > '9') {
        return false;
      }
    }
    return true;
  }

  private static String message(JsonNode body, JsonNode error) {
    if (body.path("error").isTextual()) {
      return body.path("error").textValue();
    }
    JsonNode message = error.path("message");
    if (message.isTextual()) {
      return message.textValue();
    }
    JsonNode detail = message.isObject() ? message.path("detail") : error.path("detail");
    if (detail.isTextual()) {
      return detail.textValue();
    }
    JsonNode first = detail.path(0);
    return first.path("msg").isTextual() ? location(first) + ": " + first.path("msg").textValue() : "";
  }

  private static @Nullable String param(JsonNode body, JsonNode error) {
    if (error.path("param").isTextual()) {
      return error.path("param").textValue();
    }
    JsonNode detail = error.path("message").isObject() ? error.path("message").path("detail") : body.path("detail");
    String location = location(detail.path(0));
    return location.isEmpty() ? null : location;
  }

  private static String location(JsonNode detail) {
    StringBuilder path = new StringBuilder();
    for (JsonNode step : detail.path("loc")) {
      if (!"body".equals(step.asText())) {
        path.append(path.isEmpty() ? "" : ".").append(step.asText());
      }
    }
    return path.toString();
  }
}
