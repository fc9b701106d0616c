package io.dromedary.provider.bedrock;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.EmbeddingRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
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
 * Bedrock's InvokeModel for the embeddings of Amazon (Titan Text) and Cohere (Embed), each with a body of its own; read from "Inference request parameters" of the Bedrock user guide, 2026-11-27. Titan takes one text a call and
 * counts its tokens in the answer; Cohere takes 96, wants to know what the vectors are for, and has its tokens counted in a header.
 */
public final class BedrockEmbeddings implements EmbeddingFormat {
  private static final int COHERE_INPUTS = 96;
  /** More than any call can have: such a count is taken for none. */
  private static final long MOST_TOKENS = 100_000_000;
  private static final String COUNT_HEADER = "x-amzn-bedrock-input-token-count";
  /** Cohere's own parameter, which a client may send beside OpenAI's. */
  private static final String INPUT_TYPE = "input_type";
  private static final String DOCUMENT = "search_document";
  private static final Set<String> TAKEN = Set.of("model", "input", "dimensions", "encoding_format");
  private static final Set<String> TITAN_ROOT = Set.of("embedding", "inputTextTokenCount");
  private static final Set<String> COHERE_ROOT = Set.of("embeddings");
  private static final Set<String> FLOATS = Set.of("float");

  /** Who made the model, by its id, in front of which a geography or an ARN may stand. */
  private enum Family {
    TITAN_1(List.of(1_536)), TITAN_2(List.of(256, 512, 1_024)), COHERE_3(List.of(1_024)), COHERE_4(List.of(256, 512, 1_024, 1_536));

    /** What lengths its vectors may have. */
    final List<Integer> dimensions;

    Family(List<Integer> dimensions) {
      this.dimensions = dimensions;
    }

    static Family of(Model model) {
      String name = model.name();
      if (name.contains("titan-embed-text-v2")) {
        return TITAN_2;
      }
      if (name.contains("titan-embed-text") || name.contains("titan-embed-g1-text")) {
        return TITAN_1;
      }
      if (name.contains("cohere.embed-v4")) {
        return COHERE_4;
      }
      if (name.contains("cohere.embed-")) {
        return COHERE_3;
      }
      throw Problem.badField("model", "`" + Problem.clip(model.id()) + "` is no model that provider `bedrock` is asked for embeddings here; it is asked Titan Text Embeddings and Cohere Embed, such as `bedrock/amazon.titan-embed-text-v2:0`");
    }

    boolean cohere() {
      return this == COHERE_3 || this == COHERE_4;
    }

    /** May the length be told at all, or is there only one? */
    boolean shortens() {
      return dimensions.size() > 1;
    }
  }

  /** Goes before the names of the catalogue's models that have inference profiles, with its dot. */
  private final String profile;

  public BedrockEmbeddings() {
    this("none");
  }

  /** @param inferenceProfile such as {@code eu} or {@code global}; of the embedding models only Cohere Embed v4 has any */
  public BedrockEmbeddings(String inferenceProfile) {
    this.profile = BedrockConverse.prefix(inferenceProfile);
  }

  @Override
  public List<Part> write(EmbeddingRequest request, Model model) {
    Family family = Family.of(model);
    DroppedParams dropped = new DroppedParams();
    for (Map.Entry<String, JsonNode> field : request.json().properties()) {
      if (!TAKEN.contains(field.getKey()) && !field.getValue().isNull() && !(family.cohere() && field.getKey().equals(INPUT_TYPE))) {
        dropped.add(field.getKey());
      }
    }
    request.dimensions().ifPresent(dimensions -> {
      if (!family.dimensions.contains(dimensions)) {
        throw Problem.badField("dimensions", "`dimensions` is " + dimensions + ", but model `" + model.id() + "` makes vectors of " + String.join(", ", family.dimensions.stream().map(String::valueOf).toList()));
      }
    });
    JsonNode type = request.json().path(INPUT_TYPE);
    if (family.cohere() && !type.isMissingNode() && !type.isNull() && !type.isTextual()) {
      throw Problem.badField(INPUT_TYPE, "`" + INPUT_TYPE + "` must be a string, such as `search_document` or `search_query`");
    }
    request.texts(0, request.inputs().size());
    String path = "/model/" + ModelPath.segment((family == Family.COHERE_4 && model.listed() ? profile : "") + model.name()) + "/invoke";
    return EmbeddingFormat.parts(request, family.cohere() ? COHERE_INPUTS : 1, Long.MAX_VALUE,
        (from, to) -> new Outgoing(path, Json.bytes(family.cohere() ? cohere(request, family, from, to) : titan(request, family, from)), dropped.names()));
  }

  private static ObjectNode titan(EmbeddingRequest request, Family family, int at) {
    ObjectNode body = Json.object().put("inputText", request.texts(at, at + 1).get(0));
    if (family.shortens()) {
      request.dimensions().ifPresent(dimensions -> body.put("dimensions", dimensions));
      body.put("normalize", true);
    }
    return body;
  }

  private static ObjectNode cohere(EmbeddingRequest request, Family family, int from, int to) {
    ObjectNode body = Json.object();
    ArrayNode texts = body.putArray("texts");
    request.texts(from, to).forEach(texts::add);
    JsonNode type = request.json().path(INPUT_TYPE);
    body.put(INPUT_TYPE, type.isTextual() ? type.textValue() : DOCUMENT);
    body.putArray("embedding_types").add("float");
    // a vector of half a text is a wrong answer: it is to say so
    body.put("truncate", "NONE");
    if (family.shortens()) {
      request.dimensions().ifPresent(dimensions -> body.put("output_dimension", dimensions));
    }
    return body;
  }

  @Override
  public Vectors read(EmbeddingRequest request, Part part, byte[] body) throws IOException {
    List<float[]> vectors = new ArrayList<>(part.size());
    long[] tokens = {-1};
    try (VectorReader reader = new VectorReader(body)) {
      // The part's own path tells whom it asked; the two shapes have no field in common.
      if (part.outgoing().path().contains("titan-embed")) {
        reader.object(TITAN_ROOT, (name, value) -> {
          if (name.equals("embedding")) {
            vectors.add(reader.vector());
          } else {
            tokens[0] = reader.count();
          }
        });
      } else {
        // by type, as it is asked for; or a bare list, as it came before there were types
        reader.object(COHERE_ROOT, (root, value) -> {
          if (value.isExpectedStartObjectToken()) {
            reader.object(FLOATS, (name, list) -> vectors(reader, list, vectors));
          } else {
            vectors(reader, value, vectors);
          }
        });
      }
    }
    return new Vectors(VectorReader.checked(vectors.toArray(float[][]::new), part.size()), tokens[0]);
  }

  private static void vectors(VectorReader reader, JsonParser at, List<float[]> into) throws IOException {
    if (at.currentToken() != JsonToken.START_ARRAY) {
      throw new IOException("`embeddings` is no list");
    }
    reader.list((none, vector) -> into.add(reader.vector()));
  }

  @Override
  public long inputTokens(Map<String, String> headers) {
    try {
      long tokens = Long.parseLong(headers.getOrDefault(COUNT_HEADER, "").strip());
      return tokens <= MOST_TOKENS ? tokens : -1;
    } catch (NumberFormatException noCount) {
      return -1;
    }
  }
}
