package io.dromedary.client.chatcompletions;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Caller;
import io.dromedary.chat.EmbeddingRequest;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.time.Duration;
import java.util.Map;

/** Reads OpenAI's {@code CreateEmbeddingRequest} (openai-openapi 2.3.0): strict JSON, every known field checked, unknown ones kept. What comes out can be trusted by all later steps. */
public final class EmbeddingRequestReader {
  private static final int MOST_INPUTS = 2_048;
  /** Of one list of token numbers; OpenAI's models read 8,192. */
  private static final int MOST_TOKENS = 8_192;
  private static final int LARGEST_TOKEN = 1_000_000;
  private static final int MOST_DIMENSIONS = 100_000;

  private final Duration defaultTimeout;

  /** @param defaultTimeout the deadline of a request that names none */
  public EmbeddingRequestReader(Duration defaultTimeout) {
    this.defaultTimeout = defaultTimeout;
  }

  /** Under the policy of who asks. @throws Problem as {@link #read(Inbound)} */
  public EmbeddingRequest read(Inbound in, Caller caller) {
    return read(in).under(caller.policy());
  }

  /** @throws Problem 400 with {@code param} and {@code code} that say which field is wrong, and how */
  public EmbeddingRequest read(Inbound in) {
    ObjectNode json = Json.readStrictly(in.body());
    JsonNode model = json.get("model");
    if (model == null || model.isNull()) {
      throw Fields.missing("model");
    }
    ChatRequestRules.model(model, "model");
    JsonNode input = json.get("input");
    if (input == null || input.isNull()) {
      throw Fields.missing("input");
    }
    input(input);
    for (Map.Entry<String, JsonNode> field : json.properties()) {
      if (!field.getValue().isNull()) {
        check(field.getKey(), field.getValue());
      }
    }
    return new EmbeddingRequest(in.requestId(), json, ChatRequestReader.hints(in.metadata()), in.receivedAt(),
        in.receivedAt().plus(ChatRequestReader.timeout(in.header(ChatRequestReader.TIMEOUT_HEADER), defaultTimeout)), in.callerGone());
  }

  private static void check(String name, JsonNode value) {
    switch (name) {
      case "encoding_format" -> {
        String format = Fields.string(value, name);
        if (!format.equals("float") && !format.equals("base64")) {
          throw Fields.unknownValue(name, format, "`float`, `base64`");
        }
      }
      case "dimensions" -> Fields.integer(value, name, 1, MOST_DIMENSIONS);
      case "user" -> Fields.string(value, name);
      case "models", "provider", "routing" -> throw Fields.invalid(name, "`" + name + "` cannot stand in an embeddings request: vectors of two models cannot be compared, so exactly the named model is asked");
      default -> { } // unknown fields survive
    }
  }

  private static void input(JsonNode input) {
    if (input.isTextual()) {
      text(input, "input");
      return;
    }
    if (!input.isArray()) {
      throw Fields.type("input", "a string, an array of strings, or an array of tokens", input);
    }
    if (input.path(0).isNumber()) {
      tokens(input, "input");
      return;
    }
    Fields.array(input, "input", MOST_INPUTS);
    boolean lists = input.path(0).isArray();
    for (int i = 0; i < input.size(); i++) {
      JsonNode one = input.get(i);
      if (lists) {
        tokens(one, "input[" + i + "]");
      } else if (!one.isTextual() || one.textValue().isEmpty()) {
        text(one, "input[" + i + "]");
      }
    }
  }

  private static void text(JsonNode value, String path) {
    if (Fields.string(value, path).isEmpty()) {
      throw Problem.badRequest("`" + path + "` must not be an empty string").param(path).code("invalid_value");
    }
  }

  private static void tokens(JsonNode value, String path) {
    Fields.array(value, path, MOST_TOKENS);
    for (int i = 0; i < value.size(); i++) {
      JsonNode token = value.get(i);
      // the name of a field is only made where it is wrong: there may be millions
      if (!token.isInt() || token.intValue() < 0 || token.intValue() > LARGEST_TOKEN) {
        Fields.integer(token, path + "[" + i + "]", 0, LARGEST_TOKEN);
      }
    }
  }
}
