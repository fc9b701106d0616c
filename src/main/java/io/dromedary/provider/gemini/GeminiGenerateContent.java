package io.dromedary.provider.gemini;

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
 * Google's generateContent as a wire format.
 *
 * <p>Traits of a model it reads, as the head of {@code config/models.yaml} tells them: {@code reasoning} ({@code level} or {@code budget}), {@code reasoning_off}, {@code thought_signatures}; without them the
 * generation in the model's name decides.
 */
public final class GeminiGenerateContent implements WireFormat {
  @Override
  public Framing framing() {
    return Framing.SSE;
  }

  @Override
  public Map<String, String> authentication(String apiKey) {
    return apiKey.isEmpty() ? Map.of() : Map.of("x-goog-api-key", apiKey);
  }

  @Override
  public Outgoing write(ChatRequest request, Model model) {
    return new GeminiRequest(request, model).write();
  }

  @Override
  public ChatResponse read(ChatRequest request, Model model, byte[] body) throws IOException {
    return GeminiAnswer.read(request, model, body);
  }

  @Override
  public StreamDecoder decoder(ChatRequest request, Model model) {
    return new GeminiStream(request, model);
  }

  @Override
  public ProviderFailure failure(String provider, Incoming answer) {
    Duration wait = Refusals.retryAfter(answer.headers(), Instant.now());
    try {
      JsonNode body = Json.read(answer.body());
      // a stream without alt=sse has its error in a list
      JsonNode error = body == null ? null : body.isArray() ? body.path(0).path("error") : body.path("error");
      if (error != null && error.isObject()) {
        return failure(provider, answer.status(), error, wait);
      }
    } catch (IOException notJson) {
      // such as a proxy's page; its status is all we know
    }
    return new ProviderFailure(Refusals.kind(answer.status()), provider, answer.status(), provider + " answered " + answer.status() + " without saying why", answer.status() == 404 ? "model_not_found" : null, null, wait,
        null);
  }

  /**
   * An error object, of an error answer or inside a 200.
   *
   * @param status the HTTP status, or 200: then the error's own code counts
   */
  static ProviderFailure failure(String provider, int status, JsonNode error, @Nullable Duration wait) {
    int actual = status >= 400 ? status : error.path("code").asInt(500);
    String message = Refusals.safe(error.path("message").asText(""));
    Kind kind = Refusals.kind(actual);
    Duration retryAfter = wait;
    for (JsonNode detail : error.path("details")) {
      String reason = detail.path("reason").asText("");
      if (reason.startsWith("API_KEY_") && actual == 400) {
        kind = Kind.CREDENTIALS;
      }
      String delay = detail.path("retryDelay").asText("");
      if (retryAfter == null && delay.endsWith("s")) {
        retryAfter = Refusals.duration(delay.substring(0, delay.length() - 1), 1_000);
      }
    }
    if (actual == 400 && error.path("status").asText("").equals("FAILED_PRECONDITION")) {
      // the account's fault (region, billing), not the request's
      kind = Kind.CREDENTIALS;
    }
    if (kind == Kind.JUNK) {
      kind = Kind.DOWN;
    }
    return new ProviderFailure(kind, provider, actual, message.isEmpty() ? provider + " answered " + actual + " " + error.path("status").asText("") : message, codeOf(actual, message), null, retryAfter, null);
  }

  private static @Nullable String codeOf(int status, String message) {
    if (status == 404) {
      return "model_not_found";
    }
    String words = status == 400 ? message.toLowerCase(Locale.ROOT) : "";
    return words.contains("input token count") && words.contains("exceeds") ? "context_length_exceeded" : null;
  }
}
