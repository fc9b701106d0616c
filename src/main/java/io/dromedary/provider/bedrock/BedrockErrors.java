package io.dromedary.provider.bedrock;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Json;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.ProviderFailure.Kind;
import io.dromedary.provider.Refusals;
import io.dromedary.provider.WireFormat.Incoming;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Reads Bedrock's errors: a type in {@code x-amzn-errortype} (or {@code __type}) and a message, and the exceptions inside a stream. */
final class BedrockErrors {
  private BedrockErrors() {}

  /** Never throws. */
  static ProviderFailure failure(String provider, Incoming answer) {
    String type = answer.headers().getOrDefault("x-amzn-errortype", "");
    String message = "";
    try {
      JsonNode body = Json.read(answer.body());
      if (body != null) {
        message = text(body);
        type = type.isEmpty() && body.path("__type").isTextual() ? body.path("__type").textValue() : type;
      }
    } catch (IOException notJson) {
      // such as a proxy's page; its status is all we know
    }
    return failure(provider, answer.status(), bare(type), message, Refusals.retryAfter(answer.headers(), Instant.now()));
  }

  /** An exception inside a stream; its type begins with a small letter there. */
  static ProviderFailure inStream(String provider, String exception, JsonNode payload) {
    String type = bare(exception);
    type = type.isEmpty() ? "" : Character.toUpperCase(type.charAt(0)) + type.substring(1);
    return failure(provider, statusOf(type), type, text(payload), null);
  }

  private static String text(JsonNode body) {
    return body.path("message").isTextual() ? body.path("message").textValue() : body.path("Message").asText("");
  }

  /** {@code com.amazon.coral#ThrottlingException:http://...} is a {@code ThrottlingException}. */
  private static String bare(String type) {
    int colon = type.indexOf(':');
    String name = colon < 0 ? type : type.substring(0, colon);
    return name.substring(name.lastIndexOf('#') + 1).strip();
  }

  private static ProviderFailure failure(String provider, int status, String type, String message, @Nullable Duration wait) {
    Kind kind = kind(status, type);
    String words = message.toLowerCase(Locale.ROOT);
    String code = code(kind, type, words);
    String told;
    if (kind == Kind.CREDENTIALS) {
      // the service's own text names accounts and roles
      told = "provider `" + provider + "` refused our credentials with status " + status + (type.isEmpty() ? "" : " (" + Refusals.safe(type) + ")");
    } else if (message.isBlank()) {
      told = "provider `" + provider + "` answered status " + status + (type.isEmpty() ? " without a reason" : " (" + Refusals.safe(type) + ")");
    } else {
      told = Refusals.safe(message);
    }
    return new ProviderFailure(kind, provider, status, told, code, null, wait, null);
  }

  private static Kind kind(int status, String type) {
    return switch (type) {
      case "ThrottlingException", "TooManyRequestsException", "ServiceQuotaExceededException" -> Kind.BUSY;
      // 429 like throttling, but the model is being loaded: nobody asked too much
      case "ModelNotReadyException", "ServiceUnavailableException", "InternalServerException", "ModelTimeoutException", "ModelErrorException", "ModelStreamErrorException" -> Kind.DOWN;
      case "AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException", "IncompleteSignatureException", "MissingAuthenticationTokenException", "ExpiredTokenException",
          "InvalidClientTokenId" -> Kind.CREDENTIALS;
      case "ResourceNotFoundException", "ValidationException" -> Kind.REFUSED;
      default -> status == 424 ? Kind.DOWN : Refusals.kind(status);
    };
  }

  private static @Nullable String code(Kind kind, String type, String words) {
    if (kind == Kind.BUSY) {
      return "rate_limit_exceeded";
    }
    if (kind != Kind.REFUSED) {
      return null;
    }
    if (type.equals("ResourceNotFoundException") || words.contains("model identifier is invalid") || words.contains("on-demand throughput isn")) {
      return "model_not_found";
    }
    boolean tooLong = words.contains("too long") || words.contains("context window") || words.contains("context limit") || words.contains("too many input tokens") || words.contains("maximum context length");
    return tooLong ? "context_length_exceeded" : null;
  }

  private static int statusOf(String type) {
    return switch (type) {
      case "ValidationException" -> 400;
      case "AccessDeniedException" -> 403;
      case "ResourceNotFoundException" -> 404;
      case "ModelTimeoutException" -> 408;
      case "ModelErrorException", "ModelStreamErrorException" -> 424;
      case "ThrottlingException", "ModelNotReadyException" -> 429;
      case "ServiceUnavailableException" -> 503;
      default -> 500;
    };
  }
}
