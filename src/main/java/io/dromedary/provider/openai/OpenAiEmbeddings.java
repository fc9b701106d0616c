package io.dromedary.provider.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.EmbeddingRequest;
import io.dromedary.chat.Json;
import io.dromedary.provider.DroppedParams;
import io.dromedary.provider.EmbeddingFormat;
import io.dromedary.provider.VectorReader;
import io.dromedary.provider.WireFormat.Outgoing;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * OpenAI's {@code /embeddings} and its varieties. Read from the providers' specifications, state of 2026-11-20: Mistral says {@code output_dimension}, refuses fields that it does not know, and takes few tokens at once. Others are
 * asked for base64, as OpenAI's SDKs do: a quarter of the bytes, and nothing to parse. Numbers are read as well, since some servers ignore {@code encoding_format}.
 */
public final class OpenAiEmbeddings implements EmbeddingFormat {
  /** OpenAI takes 2,048; half of them, at 3,072 numbers each, are 17 MB of base64: half of the largest answer we take. */
  private static final int MOST_INPUTS = 1_024;
  /** OpenAI, API reference of embeddings: over all inputs of a request. */
  private static final long OPENAI_TOKENS = 300_000;
  /** Mistral answers 400 "Too many tokens in batch" above 16,384. */
  private static final long MISTRAL_TOKENS = 16_000;
  private static final Set<String> ROOT = Set.of("data", "usage");
  private static final Set<String> ITEM = Set.of("index", "embedding");
  private static final Set<String> USAGE = Set.of("prompt_tokens");

  private final boolean mistral;
  /** Knows the paths: Azure's depend on its API version. */
  private final OpenAiChat chat;

  /** @throws IllegalArgumentException for a dialect there is not */
  public OpenAiEmbeddings(String dialect) {
    this(dialect, "");
  }

  /**
   * @param apiVersion for Azure, as {@link OpenAiChat} has it
   * @throws IllegalArgumentException for a dialect or a version there is not
   */
  public OpenAiEmbeddings(String dialect, String apiVersion) {
    this.chat = new OpenAiChat(dialect, apiVersion);
    this.mistral = chat.dialect() == Dialect.MISTRAL;
  }

  @Override
  public List<Part> write(EmbeddingRequest request, Model model) {
    DroppedParams dropped = new DroppedParams();
    ObjectNode rest = Json.object().put("model", model.name());
    for (Map.Entry<String, JsonNode> field : request.json().properties()) {
      String name = field.getKey();
      if (name.equals("model") || name.equals("input") || name.equals("encoding_format") || field.getValue().isNull()) {
        continue;
      }
      if (!mistral) {
        rest.set(name, field.getValue());
      } else if (name.equals("dimensions")) {
        rest.set("output_dimension", field.getValue());
      } else {
        dropped.add(name);
      }
    }
    if (mistral) {
      request.texts(0, request.inputs().size());
    } else {
      rest.put("encoding_format", "base64");
    }
    return EmbeddingFormat.parts(request, MOST_INPUTS, mistral ? MISTRAL_TOKENS : OPENAI_TOKENS, (from, to) -> {
      ObjectNode body = Json.object();
      body.setAll(rest);
      if (to - from == request.inputs().size()) {
        body.set("input", request.json().get("input"));
      } else {
        body.putArray("input").addAll(request.inputs().subList(from, to));
      }
      return new Outgoing(chat.path("/embeddings", model), Json.bytes(body), dropped.names());
    });
  }

  @Override
  public Vectors read(EmbeddingRequest request, Part part, byte[] body) throws IOException {
    float[][] vectors = new float[part.size()][];
    long[] tokens = {-1};
    int[] came = {0};
    try (VectorReader reader = new VectorReader(body)) {
      reader.object(ROOT, (root, value) -> {
        if (root.equals("usage")) {
          if (value.isExpectedStartObjectToken()) {
            reader.object(USAGE, (name, count) -> tokens[0] = reader.count());
          }
          return;
        }
        reader.list((none, item) -> {
          int[] index = {came[0]++};
          float[][] vector = {null};
          if (!item.isExpectedStartObjectToken()) {
            throw new IOException("an item of `data` is no object");
          }
          reader.object(ITEM, (name, field) -> {
            if (name.equals("index")) {
              index[0] = (int) reader.count();
            } else {
              vector[0] = reader.vector();
            }
          });
          if (index[0] < 0 || index[0] >= vectors.length || vectors[index[0]] != null) {
            throw new IOException("`index` of an item is not within the inputs or comes twice");
          }
          vectors[index[0]] = vector[0];
        });
      });
    }
    return new Vectors(VectorReader.checked(vectors, part.size()), tokens[0]);
  }
}
