package io.dromedary.provider;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.dromedary.chat.EmbeddingResponse;
import io.dromedary.chat.Json;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/** Reads embeddings answers token by token, since trees of a million numbers are slow and large: a vector as numbers or base64, wherever a provider puts it. */
public final class VectorReader implements AutoCloseable {
  private static final int LONGEST = 100_000;

  private final JsonParser json;

  public VectorReader(byte[] body) throws IOException {
    json = Json.mapper().createParser(body);
    if (json.nextToken() != JsonToken.START_OBJECT) {
      throw new IOException("the answer is no JSON object");
    }
  }

  /** What is done with a field; the parser stands on its value's first token and must be left on its last. */
  public interface Field {
    void read(String name, JsonParser value) throws IOException;
  }

  /** Reads the object that the parser stands at the start of; fields that are not among {@code names} are skipped. */
  public void object(Set<String> names, Field field) throws IOException {
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String name = json.currentName();
      json.nextToken();
      if (names.contains(name)) {
        field.read(name, json);
      } else {
        json.skipChildren();
      }
    }
    if (json.currentToken() != JsonToken.END_OBJECT) {
      throw new IOException("the answer ends early");
    }
  }

  /** Reads the list that the parser stands at the start of. @param element as {@link Field}, its name is "" */
  public void list(Field element) throws IOException {
    if (json.currentToken() != JsonToken.START_ARRAY) {
      throw new IOException("a list was expected, there is " + json.currentToken());
    }
    for (JsonToken token = json.nextToken(); token != JsonToken.END_ARRAY; token = json.nextToken()) {
      if (token == null) {
        throw new IOException("the answer ends early");
      }
      element.read("", json);
    }
  }

  /** The vector that the parser stands at the start of, as numbers or as base64 of little-endian floats. */
  public float[] vector() throws IOException {
    float[] vector;
    if (json.currentToken() == JsonToken.VALUE_STRING) {
      try {
        vector = EmbeddingResponse.vector(json.getText());
      } catch (IllegalArgumentException e) {
        throw new IOException("a vector is no base64 of floats", e);
      }
    } else if (json.currentToken() == JsonToken.START_ARRAY) {
      float[] growing = new float[1_536];
      int length = 0;
      for (JsonToken token = json.nextToken(); token != JsonToken.END_ARRAY; token = json.nextToken()) {
        if (token == null || !token.isNumeric() || length == LONGEST) {
          throw new IOException("a vector holds something that is no number, or has more than " + LONGEST);
        }
        if (length == growing.length) {
          growing = Arrays.copyOf(growing, length * 2);
        }
        growing[length++] = json.getFloatValue();
      }
      vector = growing.length == length ? growing : Arrays.copyOf(growing, length);
    } else {
      throw new IOException("a vector was expected, there is " + json.currentToken());
    }
    if (vector.length == 0) {
      throw new IOException("a vector is empty");
    }
    for (float number : vector) {
      if (!Float.isFinite(number)) {
        throw new IOException("a vector holds a number that is not finite");
      }
    }
    return vector;
  }

  /** The count that the parser stands on; -1 if it is none that can be. */
  public long count() throws IOException {
    if (!json.currentToken().isNumeric()) {
      json.skipChildren();
      return -1;
    }
    double count = json.getDoubleValue();
    return count >= 0 && count <= 100_000_000 ? (long) count : -1;
  }

  /** Is there one vector for each of {@code expected} inputs, all of one length? @throws IOException if not */
  public static List<float[]> checked(float[][] vectors, int expected) throws IOException {
    if (vectors.length != expected) {
      throw new IOException(vectors.length + " vectors came for " + expected + " inputs");
    }
    for (float[] vector : vectors) {
      if (vector == null || vector.length != vectors[0].length) {
        throw new IOException("a vector is missing or of another length");
      }
    }
    return Arrays.asList(vectors);
  }

  @Override
  public void close() throws IOException {
    json.close();
  }
}
