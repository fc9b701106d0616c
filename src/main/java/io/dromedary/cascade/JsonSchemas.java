package io.dromedary.cascade;

import com.fasterxml.jackson.databind.JsonNode;
import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SchemaValidatorsConfig;
import com.networknt.schema.SpecVersion.VersionFlag;
import com.networknt.schema.ValidationMessage;
import com.networknt.schema.regex.RegularExpression;
import com.networknt.schema.resource.DisallowSchemaLoader;
import io.dromedary.chat.Json;
import java.io.IOException;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * JSON schemas as clients send them: compiled once, bounded, and harmless. A schema that refers to another document fetches nothing (X3), and a pattern that would search for ever ends after a bounded number of steps.
 */
final class JsonSchemas {
  private static final int KEPT = 256;
  /** Characters a pattern may look at. */
  private static final long MOST_STEPS = 2_000_000;
  private static final SchemaValidatorsConfig CONFIG = SchemaValidatorsConfig.builder().failFast(true).locale(Locale.ENGLISH).regularExpressionFactory(JsonSchemas::bounded).build();
  private static final JsonSchemaFactory FACTORY = JsonSchemaFactory.getInstance(VersionFlag.V202012, builder -> builder.schemaLoaders(loaders -> loaders.add(DisallowSchemaLoader.getInstance())).enableSchemaCache(false));

  private final Cache<JsonNode, Optional<JsonSchema>> compiled = Caffeine.newBuilder().maximumSize(KEPT).build();

  static JsonSchema compile(JsonNode schema) {
    JsonSchema made = FACTORY.getSchema(schema, CONFIG);
    made.initializeValidators();
    return made;
  }

  /** The schema of a request, null if it cannot be used: then the provider's word on it stands. */
  @Nullable JsonSchema of(JsonNode schema) {
    return compiled.get(schema, node -> {
      try {
        return Optional.of(compile(node));
      } catch (RuntimeException | StackOverflowError unusable) {
        return Optional.empty();
      }
    }).orElse(null);
  }

  /** Why a text does not meet the schema, null if it does. */
  static @Nullable String broken(@Nullable JsonSchema schema, String text) {
    JsonNode json;
    try {
      json = Json.read(text);
    } catch (IOException noJson) {
      json = null;
    }
    if (json == null || json.isMissingNode()) {
      return "it is no JSON";
    }
    if (schema == null) {
      return json.isObject() ? null : "it is no JSON object";
    }
    try {
      Set<ValidationMessage> wrong = schema.validate(json);
      return wrong.isEmpty() ? null : wrong.iterator().next().getMessage();
    } catch (com.networknt.schema.JsonSchemaException broken) {
      return broken.getValidationMessage() == null ? broken.getMessage() : broken.getValidationMessage().getMessage();
    } catch (RuntimeException | StackOverflowError unusable) {
      // a reference without end, a pattern too slow: no verdict
      return null;
    }
  }

  private static RegularExpression bounded(String pattern) {
    Pattern compiled = Pattern.compile(pattern);
    return text -> compiled.matcher(new Counted(text, new long[1])).find();
  }

  /** A text that may be looked at only so often. */
  private record Counted(CharSequence text, long[] steps) implements CharSequence {
    @Override
    public char charAt(int index) {
      if (++steps[0] > MOST_STEPS) {
        throw new IllegalStateException("the pattern needs more than " + MOST_STEPS + " steps");
      }
      return text.charAt(index);
    }

    @Override
    public int length() {
      return text.length();
    }

    @Override
    public CharSequence subSequence(int start, int end) {
      return new Counted(text.subSequence(start, end), steps);
    }

    @Override
    public String toString() {
      return text.toString();
    }
  }
}
