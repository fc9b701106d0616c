package io.dromedary.provider;

import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import java.io.IOException;
import java.net.URI;
import java.util.List;
import java.util.Map;

/**
 * One provider's language: canonical request to its HTTP body, its answer and stream back to the canonical form, its errors to {@link ProviderFailure}. Stateless and thread-safe; knows no sockets. Authentication is
 * part of the language ({@link #authentication}), the base URL is not.
 */
public interface WireFormat {
  /** How the provider cuts its stream into frames. */
  enum Framing {
    SSE("text/event-stream"),
    NDJSON("application/x-ndjson"),
    /** Amazon's binary messages with checksums. */
    EVENT_STREAM("application/vnd.amazon.eventstream");

    private final String mediaType;

    Framing(String mediaType) {
      this.mediaType = mediaType;
    }

    String mediaType() {
      return mediaType;
    }
  }

  /**
   * What goes out.
   *
   * @param path appended to the account's base URL, percent-encoded where it carries a model name
   * @param body JSON bytes
   * @param dropped request parameters that the provider does not take, for {@code x-dromedary-dropped-params}
   */
  record Outgoing(String path, byte[] body, List<String> dropped) {}

  /** Response headers that matter, names in lower case. */
  record Incoming(int status, Map<String, String> headers, byte[] body) {}

  Framing framing();

  /** The headers that carry the key: such as {@code Authorization: Bearer ...}. Empty for an empty key. */
  Map<String, String> authentication(String apiKey);

  /**
   * The headers that open the account for this one request; for those who sign what they send. By default {@link #authentication}.
   *
   * @param uri as it is sent, percent-encoded
   * @throws ProviderFailure {@link ProviderFailure.Kind#CREDENTIALS} if there is nothing to sign with
   */
  default Map<String, String> headers(String apiKey, String method, URI uri, byte[] body) {
    return authentication(apiKey);
  }

  /**
   * Translates a request.
   *
   * @throws Problem 400 naming the parameter, where the provider cannot do what was asked and dropping it would change the meaning
   */
  Outgoing write(ChatRequest request, Model model);

  /**
   * Translates a whole 200 answer. {@code model} in it is {@code provider/name} as served; missing ids and dates are made up.
   *
   * @throws IOException if it is no answer of this provider; the caller makes it {@link ProviderFailure.Kind#JUNK}
   * @throws ProviderFailure if a 200 carries an error
   */
  ChatResponse read(ChatRequest request, Model model, byte[] body) throws IOException;

  /** A fresh decoder for one stream. */
  StreamDecoder decoder(ChatRequest request, Model model);

  /** Translates an answer whose status is not 2xx. Never throws, whatever the body is; the message is the provider's, without secrets. */
  ProviderFailure failure(String provider, Incoming answer);
}
