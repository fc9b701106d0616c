package io.dromedary.chat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.BooleanSupplier;

/**
 * An Embeddings request: a typed view over the client's own JSON, in which unknown fields survive. Never mutated.
 *
 * @param id the gateway's request id, {@code x-request-id}
 * @param json the client's body, checked by {@code embeddingRequestReader}
 * @param inputs what is to be embedded, in order: strings, or lists of token numbers
 * @param hints the {@code x-dromedary-*} headers and {@code idempotency-key}, names in lower case
 * @param receivedAt when it came in
 * @param deadline when the gateway gives up
 * @param callerGone tells whether the caller hung up; asked from other threads
 * @param policy which models may answer its caller
 */
public record EmbeddingRequest(String id, ObjectNode json, List<JsonNode> inputs, Map<String, String> hints, Instant receivedAt, Instant deadline, BooleanSupplier callerGone, Policy policy)
    implements ModelRequest {
  public EmbeddingRequest(String id, ObjectNode json, Map<String, String> hints, Instant receivedAt, Instant deadline, BooleanSupplier callerGone) {
    this(id, json, inputs(json.path("input")), hints, receivedAt, deadline, callerGone, Policy.OPEN);
  }

  /** The same request under its caller's policy. */
  public EmbeddingRequest under(Policy policy) {
    return new EmbeddingRequest(id, json, inputs, hints, receivedAt, deadline, callerGone, policy);
  }

  private static List<JsonNode> inputs(JsonNode input) {
    if (!input.isArray() || input.path(0).isNumber()) {
      return List.of(input);
    }
    List<JsonNode> inputs = new ArrayList<>(input.size());
    input.forEach(inputs::add);
    return List.copyOf(inputs);
  }

  @Override
  public String model() {
    return json.path("model").asText("");
  }

  @Override
  public boolean stream() {
    return false;
  }

  /** Are the vectors wanted as base64 of little-endian 32-bit floats? Otherwise as numbers, which is OpenAI's default; its SDKs ask for base64. */
  public boolean base64() {
    return "base64".equals(json.path("encoding_format").asText());
  }

  /** How long the vectors are to be; empty for the model's own length. */
  public OptionalInt dimensions() {
    JsonNode dimensions = json.path("dimensions");
    return dimensions.isNumber() ? OptionalInt.of(dimensions.intValue()) : OptionalInt.empty();
  }

  /** Is any input a list of token numbers, which only OpenAI's own models can read? */
  public boolean hasTokenLists() {
    for (JsonNode input : inputs) {
      if (input.isArray()) {
        return true;
      }
    }
    return false;
  }

  /** A part of the inputs as text. @throws Problem 400 for lists of tokens, which mean nothing to a model with another vocabulary */
  public List<String> texts(int from, int to) {
    List<String> texts = new ArrayList<>(to - from);
    for (JsonNode input : inputs.subList(from, to)) {
      if (!input.isTextual()) {
        throw Problem.badField("input", "`input` has lists of token numbers, which only OpenAI's own models read; send the text instead");
      }
      texts.add(input.textValue());
    }
    return texts;
  }
}
