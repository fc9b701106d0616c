package io.dromedary.testing;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What embeddings services refuse, as far as a request alone shows it: fields that they do not know, and what Bedrock's models take. */
final class EmbedRules {
  private static final Set<String> OPENAI = Set.of("model", "input", "encoding_format", "dimensions", "user");
  private static final Set<String> MISTRAL = Set.of("model", "input", "metadata", "encoding_format", "output_dimension", "output_dtype");
  private static final Set<String> TITAN_1 = Set.of("inputText");
  private static final Set<String> TITAN_2 = Set.of("inputText", "dimensions", "normalize", "embeddingTypes");
  private static final Set<String> COHERE_3 = Set.of("texts", "images", "input_type", "truncate", "embedding_types");
  private static final Set<String> COHERE_4 = Set.of("texts", "images", "inputs", "input_type", "truncate", "embedding_types", "output_dimension", "max_tokens");

  private EmbedRules() {}

  static List<String> unknownFields(Speech speech, boolean mistral, FakeProvider.Call call) {
    String model = call.model();
    Set<String> known = switch (speech) {
      case OPENAI, AZURE -> mistral ? MISTRAL : OPENAI;
      case BEDROCK -> model.contains("embed-v4") ? COHERE_4 : model.contains("cohere") ? COHERE_3 : model.contains("text-v2") ? TITAN_2 : TITAN_1;
      // Ollama reads over what it does not know, Gemini's items are looked at one by one
      default -> Set.of();
    };
    List<String> unknown = new ArrayList<>();
    call.json().fieldNames().forEachRemaining(name -> {
      if (!known.isEmpty() && !known.contains(name)) {
        unknown.add(name);
      }
    });
    return unknown;
  }

  /** @return what Bedrock would say, null if nothing is wrong */
  static @Nullable String complaint(FakeProvider.Call call) {
    JsonNode asked = call.json();
    if (!call.model().contains("cohere")) {
      int dimensions = asked.path("dimensions").asInt(1_024);
      return asked.path("inputText").asText("").isEmpty() ? "Malformed input request: #/inputText: expected minLength: 1, actual: 0, please reformat your input and try again."
          : !Set.of(256, 512, 1_024).contains(dimensions) ? "Malformed input request: #/dimensions: " + dimensions + " is not a valid enum value, please reformat your input and try again." : null;
    }
    int texts = asked.path("texts").size();
    boolean four = call.model().contains("embed-v4");
    return texts < 1 || texts > 96 ? "Malformed input request: #/texts: expected maximum item count: 96, found: " + texts + ", please reformat your input and try again."
        : !Set.of("search_document", "search_query", "classification", "clustering").contains(asked.path("input_type").asText()) ? "Malformed input request: #/input_type is not a valid enum value"
        : !(four ? Set.of("NONE", "LEFT", "RIGHT") : Set.of("NONE", "START", "END")).contains(asked.path("truncate").asText("NONE")) ? "Malformed input request: #/truncate is not a valid enum value"
        : !Set.of(256, 512, 1_024, 1_536).contains(asked.path("output_dimension").asInt(1_536)) ? "Malformed input request: #/output_dimension is not a valid enum value" : null;
  }
}
