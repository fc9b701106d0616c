package io.dromedary.testing;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import io.dromedary.chat.Json;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** OpenAI's own schemas of what a client reads ({@code src/test/resources/openai-schema}). Fields that they do not know are allowed; what they say of the others holds. */
public final class OpenAiSchema {
  private static final JsonSchema ANSWER = schema("CreateChatCompletionResponse");
  private static final JsonSchema CHUNK = schema("CreateChatCompletionStreamResponse");
  private static final JsonSchema ERROR = schema("ErrorResponse");
  private static final JsonSchema MODELS = schema("ListModelsResponse");
  private static final JsonSchema EMBEDDINGS = schema("CreateEmbeddingResponse");

  private OpenAiSchema() {}

  private static JsonSchema schema(String name) {
    try {
      ObjectNode definitions = (ObjectNode) Json.read(Files.readAllBytes(Path.of("src/test/resources/openai-schema/chat-completions.schema.json")));
      return JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012).getSchema(definitions.put("$ref", "#/$defs/" + name));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public static void assertAnswer(JsonNode json) {
    conforms(ANSWER, json);
  }

  public static void assertChunk(JsonNode json) {
    conforms(CHUNK, json);
  }

  public static void assertError(JsonNode json) {
    conforms(ERROR, json);
  }

  public static void assertModels(JsonNode json) {
    conforms(MODELS, json);
  }

  /** Vectors as numbers; the schema does not know of base64, which OpenAI's own service and clients speak. */
  public static void assertEmbeddings(JsonNode json) {
    conforms(EMBEDDINGS, json);
  }

  /** A whole HTTP answer, good or bad: one of the two, and nothing else. */
  public static void assertConforms(Gateway.Answer answer) {
    assertThat(answer.header("content-type")).as("the type of %s", answer.text()).startsWith("application/json");
    if (answer.status() == 200) {
      assertAnswer(answer.json());
    } else {
      assertError(answer.json());
    }
  }

  /** Every event of a stream: chunks, then {@code [DONE]}; or an error event as the last one. */
  public static void assertConforms(Gateway.Streamed stream) {
    if (stream.status() != 200) {
      assertError(parsed(stream.raw()));
      return;
    }
    assertThat(stream.events()).as(stream.raw()).isNotEmpty();
    for (int i = 0; i < stream.events().size(); i++) {
      Gateway.Event event = stream.events().get(i);
      boolean last = i == stream.events().size() - 1;
      if (event.json().has("error")) {
        assertError(event.json());
        assertThat(stream.done()).as("after an error nothing is done").isFalse();
      } else if (!(last && event.data().equals("[DONE]"))) {
        assertChunk(event.json());
      }
    }
    assertThat(stream.done() || stream.error().isObject()).as("an end: %s", stream.raw()).isTrue();
  }

  private static JsonNode parsed(String raw) {
    try {
      return Json.read(raw);
    } catch (IOException e) {
      throw new AssertionError("no JSON: " + raw, e);
    }
  }

  private static void conforms(JsonSchema schema, JsonNode json) {
    assertThat(schema.validate(json)).as("what OpenAI's schema says of %s", json).isEmpty();
  }
}
