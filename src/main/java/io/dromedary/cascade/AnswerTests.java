package io.dromedary.cascade;

import com.fasterxml.jackson.databind.JsonNode;
import com.networknt.schema.JsonSchema;
import io.dromedary.chat.ChatResponse;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The tests of a cascade that need nobody else: each looks at the answer in hand and says what it found. A test that is off, or comes after one that failed, says nothing. */
public final class AnswerTests {
  /** How models decline. Only at the beginning of an answer: a text about refusals is none. */
  private static final Pattern REFUSES = Pattern.compile(
      "^\\W*(?:(?:i(?:'|\u2019)?m|i am|we(?:'|\u2019)?re) (?:(?:very|really|so|truly) )?(?:sorry(?! to hear| for your| about your| that you)|afraid|unable|not able|not comfortable|not going to)\\b"
          + "|i (?:(?:really|simply|just) )?(?:can(?:no|'|\u2019)?t|can not|won(?:'|\u2019)?t|will not|do not|don(?:'|\u2019)?t|am not able|must decline|have to decline|decline)\\b"
          + "(?! (?:see|find) (?:any|a) (?:problem|issue|error|bug))"
          + "|(?:my )?apolog(?:ies|ize|ise)\\b|i apolog|unfortunately,? i\\b|sorry,? (?:but )?(?:i|we|that|this|as)\\b|as an ai\\b|as a (?:large )?language model\\b"
          + "|(?:it|that|this) (?:is|would be) (?:not appropriate|inappropriate|against my)\\b|this request (?:violates|goes against)|no puedo|lo siento|je suis d\u00e9sol\u00e9|d\u00e9sol\u00e9|es tut mir leid|ich kann (?:dir |ihnen )?(?:dabei|das|leider) )");
  private static final Pattern DECLINES = Pattern.compile(
      "\\b(?:can(?:no|'|\u2019)?t|can not|cannot|unable|not able|won(?:'|\u2019)?t|will not|refuse|decline|not comfortable|not allowed|not permitted|don(?:'|\u2019)?t (?:have|know)|do not (?:have|know)|inappropriate|against (?:my|our)|policy|policies|guidelines|lack the|puedo|nicht)\\b"
          + "|\\bnot (?:appropriate|something i)|d\u00e9sol");
  private static final int OPENING = 280;

  private final JsonSchemas schemas = new JsonSchemas();

  /** Was it refused, filtered, empty or cut? */
  public void refusal(Cascade cascade) {
    if (!cascade.stillFine()) {
      return;
    }
    ChatResponse answer = cascade.getAnswer();
    for (JsonNode choice : answer.json().path("choices")) {
      JsonNode message = choice.path("message");
      String finish = choice.path("finish_reason").asText("");
      String text = message.path("content").asText("");
      boolean calls = !message.path("tool_calls").isEmpty();
      if (cascade.accept().refusal() && (finish.equals("content_filter") || message.path("refusal").isTextual() && !message.path("refusal").textValue().isBlank() || !calls && refuses(text))) {
        cascade.failed("refusal", finish.equals("content_filter") ? "filtered" : "refused");
        return;
      }
      if (cascade.accept().truncated() && text.isBlank() && !calls) {
        cascade.failed("empty", "it is empty");
        return;
      }
      if (cascade.accept().truncated() && finish.equals("length") && !ownLimit(cascade, answer)) {
        cascade.failed("truncated", "cut after " + answer.usage().output() + " tokens");
        return;
      }
    }
    if (cascade.accept().refusal()) {
      cascade.passed("refusal", "passed");
    }
    if (cascade.accept().truncated()) {
      cascade.passed("truncated", "passed");
    }
  }

  /** A client that allows so many tokens gets no more of a dearer model. */
  private static boolean ownLimit(Cascade cascade, ChatResponse answer) {
    var limit = cascade.getAsked().maxOutputTokens();
    return limit.isPresent() && answer.usage().output() >= limit.getAsLong();
  }

  static boolean refuses(String text) {
    String opening = text.substring(0, Math.min(text.length(), OPENING)).strip().toLowerCase(Locale.ROOT);
    return REFUSES.matcher(opening).find() && DECLINES.matcher(opening).find();
  }

  /** Is it JSON of the shape that the request's {@code response_format} or the settings want? */
  public void schema(Cascade cascade) {
    if (!cascade.stillFine()) {
      return;
    }
    JsonNode format = cascade.getAsked().json().path("response_format");
    String type = cascade.accept().responseFormat() ? format.path("type").asText("") : "";
    if (type.equals("json_schema")) {
      JsonSchema schema = schemas.of(format.path("json_schema").path("schema"));
      if (schema != null) {
        shaped(cascade, "json_schema", schema);
      } else {
        cascade.passed("json_schema", "the request's schema cannot be used here");
      }
    } else if (type.equals("json_object")) {
      shaped(cascade, "json_object", null);
    }
    if (cascade.stillFine() && cascade.accept().schema() != null) {
      shaped(cascade, "json_schema", cascade.accept().schema());
    }
  }

  private static void shaped(Cascade cascade, String test, @Nullable JsonSchema schema) {
    for (JsonNode choice : cascade.getAnswer().json().path("choices")) {
      if (!choice.path("message").path("tool_calls").isEmpty()) {
        continue;
      }
      String wrong = JsonSchemas.broken(schema, choice.path("message").path("content").asText(""));
      if (wrong != null) {
        cascade.failed(test, clip(wrong));
        return;
      }
    }
    cascade.passed(test, "passed");
  }

  /** Is it XML as the schema of the settings wants it? */
  public void xsd(Cascade cascade) {
    if (!cascade.stillFine() || cascade.accept().xsd() == null) {
      return;
    }
    for (JsonNode choice : cascade.getAnswer().json().path("choices")) {
      if (choice.path("message").path("tool_calls").isEmpty()) {
        String wrong = XmlSchemas.broken(cascade.accept().xsd(), choice.path("message").path("content").asText(""));
        if (wrong != null) {
          cascade.failed("xsd", clip(wrong));
          return;
        }
      }
    }
    cascade.passed("xsd", "passed");
  }

  /** Was the model sure of its words? Where it told no log probabilities there is no verdict. */
  public void logprob(Cascade cascade) {
    Double least = cascade.accept().minLogprob();
    if (!cascade.stillFine() || least == null) {
      return;
    }
    double sum = 0;
    int tokens = 0;
    for (JsonNode choice : cascade.getAnswer().json().path("choices")) {
      for (JsonNode token : choice.path("logprobs").path("content")) {
        if (token.path("logprob").isNumber()) {
          sum += Math.max(-100, token.path("logprob").doubleValue());
          tokens++;
        }
      }
    }
    if (tokens == 0) {
      cascade.passed("logprob", "the model tells none");
      return;
    }
    double mean = Math.round(sum / tokens * 1_000) / 1_000.0;
    if (mean < least) {
      cascade.failed("logprob", "mean " + mean + ", wanted are " + least);
    } else {
      cascade.passed("logprob", Map.of("mean", mean));
    }
  }

  /** What the endpoint of the settings said: {@code true} or {@code accept} is yes, {@code false} or {@code reject} no; with a colon after it, why. */
  public void checked(Cascade cascade, @Nullable String said) {
    String word = said == null ? "" : said.strip();
    String lower = word.toLowerCase(Locale.ROOT);
    if (lower.startsWith("false") || lower.startsWith("reject")) {
      cascade.failed("check", clip(word.contains(":") ? word.substring(word.indexOf(':') + 1).strip() : "rejected by " + cascade.getCheck()));
    } else if (lower.startsWith("true") || lower.startsWith("accept")) {
      cascade.passed("check", "passed");
    } else {
      cascade.passed("check", cascade.getCheck() + " said neither accept nor reject");
    }
  }

  /** The endpoint of the settings does not exist. */
  public void unchecked(Cascade cascade) {
    cascade.passed("check", "there is no endpoint " + cascade.getCheck());
  }

  /** The endpoint threw: that is how Camel's validators say no. */
  public void threw(Cascade cascade, Throwable thrown) {
    cascade.failed("check", clip(thrown.getClass().getSimpleName()));
  }

  private static String clip(String text) {
    String line = text.replace('\n', ' ');
    return line.length() <= 160 ? line : line.substring(0, 157) + "...";
  }
}
