package io.dromedary.provider.ollama;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.EmbeddingRequest;
import io.dromedary.chat.Json;
import io.dromedary.provider.DroppedParams;
import io.dromedary.provider.EmbeddingFormat;
import io.dromedary.provider.VectorReader;
import io.dromedary.provider.WireFormat.Outgoing;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Ollama's {@code /api/embed}. It cuts inputs that are too long unless told not to; it is told, for a vector of half a text is a wrong answer. */
public final class OllamaEmbeddings implements EmbeddingFormat {
  /** Ollama has no limit; beyond this it works longer than one call should last. */
  private static final int MOST_INPUTS = 512;
  private static final Set<String> TAKEN = Set.of("model", "input", "dimensions", "encoding_format");
  private static final Set<String> ROOT = Set.of("embeddings", "prompt_eval_count");

  @Override
  public List<Part> write(EmbeddingRequest request, Model model) {
    DroppedParams dropped = new DroppedParams();
    for (Map.Entry<String, JsonNode> field : request.json().properties()) {
      if (!TAKEN.contains(field.getKey()) && !field.getValue().isNull()) {
        dropped.add(field.getKey());
      }
    }
    return EmbeddingFormat.parts(request, MOST_INPUTS, Long.MAX_VALUE, (from, to) -> {
      ObjectNode body = Json.object().put("model", model.name());
      ArrayNode input = body.putArray("input");
      request.texts(from, to).forEach(input::add);
      body.put("truncate", false);
      request.dimensions().ifPresent(dimensions -> body.put("dimensions", dimensions));
      return new Outgoing("/api/embed", Json.bytes(body), dropped.names());
    });
  }

  @Override
  public Vectors read(EmbeddingRequest request, Part part, byte[] body) throws IOException {
    List<float[]> vectors = new ArrayList<>(part.size());
    long[] tokens = {-1};
    try (VectorReader reader = new VectorReader(body)) {
      reader.object(ROOT, (root, value) -> {
        if (root.equals("prompt_eval_count")) {
          tokens[0] = reader.count();
        } else {
          reader.list((none, vector) -> vectors.add(reader.vector()));
        }
      });
    }
    return new Vectors(VectorReader.checked(vectors.toArray(float[][]::new), part.size()), tokens[0]);
  }
}
