package io.dromedary.provider.anthropic;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.ProviderFailure.Kind;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.provider.Refusals;
import io.dromedary.provider.StreamDecoder;
import io.dromedary.provider.WireFormat;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Anthropic's Messages API as a wire format.
 *
 * <p>Traits of a model it reads, as the head of {@code config/models.yaml} tells them: {@code sampling}, {@code reasoning} ({@code adaptive} or {@code budget}), {@code reasoning_off}, {@code prefill},
 * {@code system_turns}, {@code default_max_tokens}.
 */
public final class AnthropicMessages implements WireFormat {
  static final String API_VERSION = "2023-06-01";

  @Override
  public Framing framing() {
    return Framing.SSE;
  }

  @Override
  public Map<String, String> authentication(String apiKey) {
    return apiKey.isEmpty() ? Map.of() : Map.of("x-api-key", apiKey, "anthropic-version", API_VERSION);
  }

  @Override
  public Outgoing write(ChatRequest request, Model model) {
    return new AnthropicRequest(request, model).write();
  }

  @Override
  public ChatResponse read(ChatRequest request, Model model, byte[] body) throws IOException {
    return AnthropicAnswer.read(request, model, body);
  }

  @Override
  public StreamDecoder decoder(ChatRequest request, Model model) {
    return new AnthropicStream(request, model);
  }

  @Override
  public ProviderFailure failure(String provider, Incoming answer) {
    Duration wait = Refusals.retryAfter(answer.headers(), Instant.now());
    try {
      JsonNode error = Json.read(answer.body());
      if (error != null && error.path("error").isObject()) {
        return failure(provider, answer.status(), error.path("error"), wait);
      }
    } catch (IOException notJson) {
      // such as a proxy's page; its status is all we know
    }
    return new ProviderFailure(Refusals.kind(answer.status()), provider, answer.status(), provider + " answered " + answer.status() + " without saying why", codeOf(answer.status(), ""), null, wait, null);
  }

  /** An error object, of an error answer or of an event inside a stream. */
  static ProviderFailure failure(String provider, int status, JsonNode error, @Nullable Duration wait) {
    String type = error.path("type").asText("");
    String message = Refusals.safe(error.path("message").asText(""));
    Kind kind = Refusals.kind(status);
    if (kind == Kind.REFUSED && (type.equals("billing_error") || message.contains("credit balance is too low"))) {
      kind = Kind.CREDENTIALS;
    }
    return new ProviderFailure(kind, provider, status, message.isEmpty() ? provider + " answered " + status + " " + type : message, codeOf(status, message), null, wait, null);
  }

  /** The status that an error type comes with, for errors inside a 200 stream; 500 for types we do not know. */
  static int statusOf(String errorType) {
    return switch (errorType) {
      case "invalid_request_error" -> 400;
      case "authentication_error" -> 401;
      case "billing_error" -> 402;
      case "permission_error" -> 403;
      case "not_found_error" -> 404;
      case "request_too_large" -> 413;
      case "rate_limit_error" -> 429;
      case "timeout_error" -> 504;
      case "overloaded_error" -> 529;
      default -> 500;
    };
  }

  private static @Nullable String codeOf(int status, String message) {
    if (status == 404) {
      return "model_not_found";
    }
    if (status == 413) {
      return "request_too_large";
    }
    String words = message.toLowerCase(Locale.ROOT);
    return status == 400 && (words.contains("prompt is too long") || words.contains("context limit") || words.contains("context window")) ? "context_length_exceeded" : null;
  }
}
