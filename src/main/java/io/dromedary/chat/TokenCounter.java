package io.dromedary.chat;

import com.fasterxml.jackson.databind.JsonNode;
import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingType;

/** Counts tokens where no provider did: for the upper bound that a call reserves, and for calls that broke off. Uses o200k_base for all models; others differ by a few per cent. */
public final class TokenCounter {
  /** Longer texts are bounded instead of counted: byte-level BPE never makes more than one token of two bytes of real text. */
  private static final int COUNTED_CHARS = 8_192;
  /** What the chat format adds to a message (OpenAI cookbook, "How to count tokens with tiktoken"). */
  private static final int PER_MESSAGE = 4;
  /** What an image may cost at most in high detail (OpenAI vision guide: 85 + 170 x 8 tiles). */
  private static final int PER_IMAGE = 1_445;

  /** What an image may cost at most where images are tiled finer (Anthropic: 4,784 at full resolution; Gemini: 258 a tile). */
  private static final int MOST_PER_IMAGE = 5_000;

  private static final class Lazy {
    static final Encoding O200K = Encodings.newLazyEncodingRegistry().getEncoding(EncodingType.O200K_BASE);
  }

  private TokenCounter() {}

  public static long count(String text) {
    if (text.isEmpty()) {
      return 0;
    }
    return text.length() <= COUNTED_CHARS ? Lazy.O200K.countTokensOrdinary(text) : text.length() / 2;
  }

  /** Input tokens of a request: text, tools, a constant per message and image. */
  public static long input(ChatRequest request) {
    long tokens = count(request.text()) + (long) PER_MESSAGE * request.messages().size() + 3;
    if (request.hasTools()) {
      tokens += count(Json.text(request.json().path("tools")));
    }
    tokens += images(request) * PER_IMAGE;
    return tokens;
  }

  /** Input tokens of a part of the inputs. */
  public static long input(EmbeddingRequest request, int from, int to) {
    long tokens = 0;
    for (JsonNode input : request.inputs().subList(from, to)) {
      tokens += input.isArray() ? input.size() : count(input.textValue());
    }
    return tokens;
  }

  private static long images(ChatRequest request) {
    long images = 0;
    for (var message : request.messages()) {
      for (var part : message.path("content")) {
        if ("image_url".equals(part.path("type").asText())) {
          images++;
        }
      }
    }
    return images;
  }

  /**
   * More than the input can be, without counting it: three tokens for four ASCII characters and one for any other, which is more than o200k_base makes of prose, code, digits, base64 or Chinese. Costs a twentieth of a count.
   */
  public static long inputAtMost(ChatRequest request) {
    long tokens = atMost(request.text()) + 8L * request.messages().size() + 8;
    if (request.hasTools()) {
      tokens += atMost(Json.text(request.json().path("tools")));
    }
    return tokens + mediaAtMost(request);
  }

  /** Images by the dearest tiling of a large one; files and sound by their size, which is more than their pages or seconds make. */
  private static long mediaAtMost(ChatRequest request) {
    long tokens = 0;
    for (var message : request.messages()) {
      for (var part : message.path("content")) {
        JsonNode type = part.path("type");
        if (type.isTextual() && !type.textValue().equals("text")) {
          tokens += type.textValue().equals("image_url") ? MOST_PER_IMAGE : Json.text(part).length() / 2;
        }
      }
    }
    return tokens;
  }

  /** As for a chat request: more than the input can be. */
  public static long inputAtMost(EmbeddingRequest request) {
    long tokens = 0;
    for (JsonNode input : request.inputs()) {
      tokens += inputAtMost(input);
    }
    return tokens;
  }

  /** More than one input of an embeddings request can be. */
  public static long inputAtMost(JsonNode input) {
    return input.isArray() ? input.size() : atMost(input.textValue()) + 2;
  }

  private static long atMost(String text) {
    long other = 0;
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) > 127) {
        other++;
      }
    }
    return (text.length() - other) * 3 / 4 + other + 1;
  }

  /** A quick guess for ranking: four characters a token. */
  public static long estimate(String text) {
    return text.length() / 4 + 1;
  }
}
