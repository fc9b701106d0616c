package io.dromedary.chat;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Base64;
import java.util.List;

/**
 * Vectors, ready to be sent: OpenAI's {@code list} of embeddings, written once and straight to bytes, since trees of a million numbers are slow and large.
 *
 * @param bytes the JSON, with the encoding that the request asked for; not to be changed
 * @param usage what it used
 */
public record EmbeddingResponse(byte[] bytes, Usage usage) implements Answer {

  /**
   * Writes the answer.
   *
   * @param model {@code provider/name} as served
   * @param vectors in the order of the inputs
   * @param base64 little-endian 32-bit floats in base64, otherwise numbers
   */
  public static EmbeddingResponse of(String model, List<float[]> vectors, boolean base64, Usage usage) {
    long numbers = vectors.isEmpty() ? 0 : (long) vectors.size() * vectors.get(0).length;
    ByteArrayOutputStream out = new ByteArrayOutputStream((int) Math.min(64 << 20, 256 + vectors.size() * 64L + numbers * (base64 ? 6 : 12)));
    try (JsonGenerator json = Json.mapper().createGenerator(out)) {
      json.writeStartObject();
      json.writeStringField("object", "list");
      json.writeArrayFieldStart("data");
      int index = 0;
      for (float[] vector : vectors) {
        json.writeStartObject();
        json.writeStringField("object", "embedding");
        json.writeNumberField("index", index++);
        if (base64) {
          json.writeStringField("embedding", base64(vector));
        } else {
          json.writeArrayFieldStart("embedding");
          for (float number : vector) {
            json.writeNumber(number);
          }
          json.writeEndArray();
        }
        json.writeEndObject();
      }
      json.writeEndArray();
      json.writeStringField("model", model);
      json.writeObjectFieldStart("usage");
      json.writeNumberField("prompt_tokens", usage.input());
      json.writeNumberField("total_tokens", usage.total());
      json.writeEndObject();
      json.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new EmbeddingResponse(out.toByteArray(), usage);
  }

  /** A vector as OpenAI's base64 says it: its numbers as little-endian 32-bit floats, one after the other. */
  public static String base64(float[] vector) {
    byte[] bytes = new byte[vector.length * 4];
    for (int i = 0; i < vector.length; i++) {
      int bits = Float.floatToRawIntBits(vector[i]);
      bytes[4 * i] = (byte) bits;
      bytes[4 * i + 1] = (byte) (bits >>> 8);
      bytes[4 * i + 2] = (byte) (bits >>> 16);
      bytes[4 * i + 3] = (byte) (bits >>> 24);
    }
    return Base64.getEncoder().encodeToString(bytes);
  }

  /** The vector behind such base64. @throws IllegalArgumentException if it is not base64 of whole floats */
  public static float[] vector(String base64) {
    byte[] bytes = Base64.getDecoder().decode(base64);
    if (bytes.length % 4 != 0) {
      throw new IllegalArgumentException(bytes.length + " bytes are no whole number of floats");
    }
    float[] vector = new float[bytes.length / 4];
    for (int i = 0; i < vector.length; i++) {
      vector[i] = Float.intBitsToFloat(bytes[4 * i] & 0xff | (bytes[4 * i + 1] & 0xff) << 8 | (bytes[4 * i + 2] & 0xff) << 16 | bytes[4 * i + 3] << 24);
    }
    return vector;
  }
}
