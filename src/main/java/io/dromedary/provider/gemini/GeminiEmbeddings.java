package io.dromedary.provider.gemini;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.EmbeddingRequest;
import io.dromedary.chat.Json;
import io.dromedary.provider.DroppedParams;
import io.dromedary.provider.EmbeddingFormat;
import io.dromedary.provider.ModelPath;
import io.dromedary.provider.VectorReader;
import io.dromedary.provider.WireFormat.Outgoing;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Google's batchEmbedContents. It reports no usage. Vectors that are shorter than the model's own come without unit length ("Embeddings", ai.google.dev, read 2026-11-20), unlike OpenAI's: they are given it here.
 */
public final class GeminiEmbeddings implements EmbeddingFormat {
  /** Requests of one batch. */
  private static final int MOST_INPUTS = 100;
  private static final Set<String> TAKEN = Set.of("model", "input", "dimensions", "encoding_format");
  private static final Set<String> ROOT = Set.of("embeddings");
  private static final Set<String> ITEM = Set.of("values");

  @Override
  public List<Part> write(EmbeddingRequest request, Model model) {
    DroppedParams dropped = new DroppedParams();
    for (Map.Entry<String, JsonNode> field : request.json().properties()) {
      if (!TAKEN.contains(field.getKey()) && !field.getValue().isNull()) {
        dropped.add(field.getKey());
      }
    }
    String path = "/v1beta/models/" + ModelPath.segment(model.name()) + ":batchEmbedContents";
    return EmbeddingFormat.parts(request, MOST_INPUTS, Long.MAX_VALUE, (from, to) -> {
      ObjectNode body = Json.object();
      ArrayNode requests = body.putArray("requests");
      for (String text : request.texts(from, to)) {
        ObjectNode one = requests.addObject().put("model", "models/" + model.name());
        one.putObject("content").putArray("parts").addObject().put("text", text);
        request.dimensions().ifPresent(dimensions -> one.put("outputDimensionality", dimensions));
      }
      return new Outgoing(path, Json.bytes(body), dropped.names());
    });
  }

  @Override
  public Vectors read(EmbeddingRequest request, Part part, byte[] body) throws IOException {
    List<float[]> vectors = new ArrayList<>(part.size());
    try (VectorReader reader = new VectorReader(body)) {
      reader.object(ROOT, (root, value) -> reader.list((none, item) -> {
        if (!item.isExpectedStartObjectToken()) {
          throw new IOException("an item of `embeddings` is no object");
        }
        float[][] vector = {null};
        reader.object(ITEM, (name, field) -> vector[0] = reader.vector());
        vectors.add(vector[0]);
      }));
    }
    List<float[]> checked = VectorReader.checked(vectors.toArray(float[][]::new), part.size());
    if (request.dimensions().isPresent()) {
      checked.forEach(GeminiEmbeddings::toUnitLength);
    }
    return new Vectors(checked, -1);
  }

  private static void toUnitLength(float[] vector) {
    double square = 0;
    for (float number : vector) {
      square += (double) number * number;
    }
    double length = Math.sqrt(square);
    if (length > 0 && Math.abs(length - 1) > 1e-6) {
      for (int i = 0; i < vector.length; i++) {
        vector[i] = (float) (vector[i] / length);
      }
    }
  }
}
