package io.dromedary.client.chatcompletions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ChatRequestReaderTest {
  static final Instant NOW = Instant.parse("2026-11-21T00:00:00Z");
  static final String RICH = """
      {"model":"openai/gpt-4o-mini","messages":[
        {"role":"developer","content":"D"},{"role":"system","content":[{"type":"text","text":"S","cache_control":{"type":"ephemeral"}}]},
        {"role":"user","name":"ann","content":[{"type":"text","text":"what is it?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA==","detail":"low"}},
          {"type":"input_audio","input_audio":{"data":"AA==","format":"wav"}},{"type":"file","file":{"file_id":"f1"}}]},
        {"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"f","arguments":""}}]},
        {"role":"tool","tool_call_id":"b","content":"21"},{"role":"tool","tool_call_id":"a","content":[{"type":"text","text":"x"}]},
        {"role":"assistant","content":[{"type":"text","text":"ok"},{"type":"refusal","refusal":"no"}],"refusal":null},{"role":"user","content":"go on"}],
       "temperature":1.5,"top_p":0.5,"n":2,"stop":["a","b"],"max_tokens":10,"max_completion_tokens":20,"frequency_penalty":-2,"presence_penalty":2,"seed":-7,"logprobs":true,"top_logprobs":3,
       "stream":true,"stream_options":{"include_usage":true},"user":"u","metadata":{"k":"v"},"logit_bias":{"50256":-100},"parallel_tool_calls":false,"reasoning_effort":"low",
       "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{}},"strict":true}}],
       "tool_choice":{"type":"function","function":{"name":"f"}},"response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"object"},"strict":true}},
       "models":["auto","groq/llama"],"provider":{"order":["groq"]},"routing":{"min_quality":0.5},"store":false,"frobnicate":{"a":[1,null]}}""";

  final ChatRequestReader reader = new ChatRequestReader(Duration.ofSeconds(120));

  static Inbound inbound(String body, Map<String, String> headers) {
    return inbound(body.getBytes(StandardCharsets.UTF_8), headers);
  }

  static Inbound inbound(byte[] body, Map<String, String> headers) {
    return new Inbound("r1", "http", "POST", "/v1/chat/completions", Map.of(), headers, body, NOW);
  }

  ChatRequest read(String body) {
    return reader.read(inbound(body, Map.of()));
  }

  Problem refused(String body) {
    Problem problem = catchThrowableOfType(Problem.class, () -> read(body));
    assertThat(problem).as("accepted: " + body).isNotNull();
    assertThat(problem.status()).isEqualTo(400);
    assertThat(problem.type()).isEqualTo("invalid_request_error");
    return problem;
  }

  static String with(String field) {
    return "{\"model\":\"auto\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]," + field + "}";
  }

  static String messages(String messages) {
    return "{\"model\":\"auto\",\"messages\":[" + messages + "]}";
  }

  @Test
  @Tag("T7")
  void a_request_with_every_field_is_read_and_unknown_fields_survive() {
    ChatRequest request = read(RICH);
    assertThat(request.id()).isEqualTo("r1");
    assertThat(request.model()).isEqualTo("openai/gpt-4o-mini");
    assertThat(request.wantsUsage()).isTrue();
    assertThat(request.maxOutputTokens()).hasValue(20);
    assertThat(request.deadline()).isEqualTo(NOW.plusSeconds(120));
    assertThat(request.forProvider().path("frobnicate")).hasToString("{\"a\":[1,null]}");
    assertThat(request.forProvider().has("routing")).isFalse();
  }

  @Test
  void a_null_counts_as_left_out() {
    assertThat(read(with("\"temperature\":null,\"tools\":null,\"stop\":null,\"stream\":null,\"stream_options\":null,\"tool_choice\":null,\"models\":null")).stream()).isFalse();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
      "\"temperature\":2.1 | temperature | decimal_above_max_value", "\"temperature\":-0.1 | temperature | decimal_below_min_value", "\"temperature\":\"1\" | temperature | invalid_type",
      "\"temperature\":1e999999999 | temperature | decimal_above_max_value", "\"top_p\":1.01 | top_p | decimal_above_max_value", "\"presence_penalty\":-3 | presence_penalty | decimal_below_min_value",
      "\"frequency_penalty\":true | frequency_penalty | invalid_type", "\"n\":9 | n | integer_above_max_value", "\"n\":0 | n | integer_below_min_value", "\"n\":1.5 | n | invalid_type",
      "\"max_tokens\":0 | max_tokens | integer_below_min_value", "\"max_tokens\":-5 | max_tokens | integer_below_min_value", "\"max_completion_tokens\":99999999999999999999 | max_completion_tokens | integer_above_max_value",
      "\"max_tokens\":1e400 | max_tokens | integer_above_max_value", "\"stream\":\"yes\" | stream | invalid_type", "\"stream_options\":{} | stream_options | invalid_value",
      "\"stream\":true,\"stream_options\":{\"include_usage\":1} | stream_options.include_usage | invalid_type", "\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"] | stop | array_above_max_length",
      "\"stop\":[1] | stop[0] | invalid_type", "\"stop\":5 | stop | invalid_type", "\"top_logprobs\":3 | top_logprobs | invalid_value", "\"logprobs\":true,\"top_logprobs\":21 | top_logprobs | integer_above_max_value",
      "\"tools\":[] | tools | empty_array", "\"tools\":[{}] | tools[0].type | missing_required_parameter", "\"tools\":[{\"type\":\"x\"}] | tools[0].type | invalid_value",
      "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a b\"}}] | tools[0].function.name | invalid_value",
      "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\",\"parameters\":[]}}] | tools[0].function.parameters | invalid_type",
      "\"tool_choice\":\"auto\" | tool_choice | invalid_value", "\"tool_choice\":\"perhaps\" | tool_choice | invalid_value", "\"tool_choice\":3 | tool_choice | invalid_type", "\"parallel_tool_calls\":true | parallel_tool_calls | invalid_value",
      "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"}}],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"b\"}} | tool_choice.function.name | invalid_value",
      "\"response_format\":{\"type\":\"xml\"} | response_format.type | invalid_value", "\"response_format\":{\"type\":\"json_schema\"} | response_format.json_schema | missing_required_parameter",
      "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"a!\"}} | response_format.json_schema.name | invalid_value", "\"response_format\":\"json\" | response_format | invalid_type",
      "\"metadata\":{\"k\":1} | metadata.k | invalid_type", "\"metadata\":[] | metadata | invalid_type", "\"logit_bias\":{\"1\":101} | logit_bias.1 | decimal_above_max_value", "\"user\":5 | user | invalid_type",
      "\"routing\":[] | routing | invalid_type", "\"provider\":\"groq\" | provider | invalid_type", "\"models\":\"a\" | models | invalid_type", "\"models\":[\"a\",\"../b\"] | models[1] | invalid_value"})
  void a_wrong_field_is_named_with_its_code(String field, String param, String code) {
    Problem problem = refused(with(field));
    assertThat(problem.param()).isEqualTo(param);
    assertThat(problem.code()).isEqualTo(code);
    assertThat(problem.getMessage()).contains("`" + param + "`");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
      "5 | messages[0] | invalid_type", "{} | messages[0].role | missing_required_parameter", "{\"role\":\"wizard\",\"content\":\"x\"} | messages[0].role | invalid_value",
      "{\"role\":\"user\"} | messages[0].content | missing_required_parameter", "{\"role\":\"user\",\"content\":null} | messages[0].content | invalid_type", "{\"role\":\"user\",\"content\":[]} | messages[0].content | empty_array",
      "{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]} | messages[0].content[0].text | missing_required_parameter", "{\"role\":\"user\",\"content\":[{\"type\":\"video\"}]} | messages[0].content[0].type | invalid_value",
      "{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":\"u\"}]} | messages[0].content[0].image_url | invalid_type",
      "{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"file:///etc/passwd\"}}]} | messages[0].content[0].image_url.url | invalid_value",
      "{\"role\":\"system\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x\"}}]} | messages[0].content[0].type | invalid_value", "{\"role\":\"assistant\"} | messages[0].content | missing_required_parameter",
      "{\"role\":\"assistant\",\"tool_calls\":[]} | messages[0].tool_calls | empty_array", "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\"}]} | messages[0].tool_calls[0].function | missing_required_parameter",
      "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":{}}}]} | messages[0].tool_calls[0].function.arguments | invalid_type",
      "{\"role\":\"tool\",\"content\":\"x\",\"tool_call_id\":\"z\"} | messages[0].tool_call_id | invalid_value", "{\"role\":\"tool\",\"content\":\"x\"} | messages[0].tool_call_id | missing_required_parameter"})
  void a_wrong_message_is_named_with_its_place(String message, String param, String code) {
    Problem problem = refused(messages(message));
    assertThat(problem.param()).isEqualTo(param);
    assertThat(problem.code()).isEqualTo(code);
  }

  @Test
  @Tag("T1")
  void every_tool_call_is_answered_before_another_role_speaks() {
    String calls = "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}";
    String answer = "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"1\"}";
    assertThat(refused(messages(calls + "," + answer + ",{\"role\":\"user\",\"content\":\"x\"}")).param()).isEqualTo("messages[2].role");
    assertThat(refused(messages(calls + "," + answer)).getMessage()).contains("unanswered: `b`");
    assertThat(refused(messages(calls + "," + answer + "," + answer)).param()).isEqualTo("messages[2].tool_call_id");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "../x", "a//b", "a/", "/a", "a b", "a\\n", "${x}", "{{env:X}}", "a?b", "a#b", "a%2fb", "é"})
  @Tag("X3")
  void a_model_name_outside_the_strict_pattern_is_refused(String model) {
    assertThat(refused("{\"model\":\"" + model + "\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}").param()).isEqualTo("model");
  }

  @ParameterizedTest
  @ValueSource(strings = {"auto", "auto:cost", "router-mf-0.11593", "openai/gpt-4o", "bedrock/anthropic.claude-3-5:0", "arn:aws:bedrock:eu::foundation-model/x", "ollama/hf.co/a_b/c:Q4_K_M", "agent/name"})
  void usual_model_names_are_taken(String model) {
    assertThat(read("{\"model\":\"" + model + "\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}").model()).isEqualTo(model);
  }

  @Test
  @Tag("X4")
  void more_messages_than_the_limit_are_refused_and_the_limit_is_not() {
    String one = "{\"role\":\"user\",\"content\":\"a\"}";
    assertThat(read(messages(String.join(",", java.util.Collections.nCopies(2_000, one)))).messages()).hasSize(2_000);
    assertThat(refused(messages(String.join(",", java.util.Collections.nCopies(2_001, one)))).code()).isEqualTo("array_above_max_length");
    assertThat(refused(messages("")).code()).isEqualTo("empty_array");
    assertThat(refused("{\"model\":\"auto\"}").code()).isEqualTo("missing_required_parameter");
    assertThat(refused("{\"messages\":[" + one + "]}").param()).isEqualTo("model");
    assertThat(refused("[]").code()).isEqualTo("invalid_json");
    assertThat(refused("").code()).isEqualTo("invalid_json");
  }

  @Test
  void the_timeout_header_sets_the_deadline_and_a_bad_one_is_named() {
    String body = with("\"n\":1");
    assertThat(reader.read(inbound(body, Map.of("x-dromedary-timeout-ms", "1500", "x-dromedary-cache", "no-store", "idempotency-key", "k", "user-agent", "x"))))
        .satisfies(request -> assertThat(request.deadline()).isEqualTo(NOW.plusMillis(1500)))
        .satisfies(request -> assertThat(request.hints()).containsOnlyKeys("x-dromedary-timeout-ms", "x-dromedary-cache", "idempotency-key"));
    for (String bad : List.of("0", "-1", "600001", "1e3", "abc", "", "99999999999999999999", "1.5")) {
      Problem problem = catchThrowableOfType(Problem.class, () -> reader.read(inbound(body, Map.of("x-dromedary-timeout-ms", bad))));
      assertThat(problem).as(bad).isNotNull();
      assertThat(problem.status()).isEqualTo(400);
      assertThat(problem.param()).isEqualTo("x-dromedary-timeout-ms");
    }
  }

  @Test
  void half_a_surrogate_pair_is_kept_and_can_be_written() throws Exception {
    ChatRequest request = read(messages("{\"role\":\"user\",\"content\":\"a\\ud83d b\\ude00 \u00e9\"}"));
    byte[] written = Json.bytes(request.json());
    assertThat(Json.read(written)).isEqualTo(request.json());
  }

  @Test
  @Tag("X1")
  void whatever_the_bytes_only_a_request_or_a_400_comes_out() {
    Random random = new Random(42);
    byte[] seed = RICH.getBytes(StandardCharsets.UTF_8);
    String[] values = {"null", "5", "-1", "1e99999", "\"\"", "\"x\"", "[]", "{}", "[null]", "[[]]", "[{}]", "true", "\"\\ud800\"", "{\"type\":5}"};
    int accepted = 0;
    for (int round = 0; round < 20_000; round++) {
      byte[] body = round % 2 == 0 ? flipped(seed, random) : replaced(RICH, values[random.nextInt(values.length)], random).getBytes(StandardCharsets.UTF_8);
      try {
        ChatRequest request = reader.read(inbound(body, Map.of()));
        accepted++;
        Json.bytes(request.forProvider());
        request.text();
        request.lastUserText();
        request.hasImages();
        request.maxOutputTokens();
      } catch (Problem problem) {
        assertThat(problem.status()).isEqualTo(400);
        Json.bytes(ErrorFormat.error(problem));
      }
    }
    assertThat(accepted).isGreaterThan(500);
  }

  private static byte[] flipped(byte[] seed, Random random) {
    byte[] body = seed.clone();
    for (int i = random.nextInt(3); i >= 0; i--) {
      body[random.nextInt(body.length)] = (byte) (random.nextInt(4) == 0 ? random.nextInt(256) : "{}[]\":,0159aetnrsuf".charAt(random.nextInt(19)));
    }
    return body;
  }

  /** The JSON with one random value put in the place of another: stays JSON, so that it gets past the parser. */
  private static String replaced(String json, String value, Random random) {
    var root = Json.readStrictly(json.getBytes(StandardCharsets.UTF_8));
    var node = (com.fasterxml.jackson.databind.JsonNode) root;
    try {
      var replacement = Json.read(value);
      while (true) {
        if (node instanceof com.fasterxml.jackson.databind.node.ObjectNode object) {
          var names = new java.util.ArrayList<String>();
          object.fieldNames().forEachRemaining(names::add);
          String name = names.get(random.nextInt(names.size()));
          var child = object.get(name);
          if (!child.isContainerNode() || child.isEmpty() || random.nextInt(4) == 0) {
            object.set(name, replacement);
            break;
          }
          node = child;
        } else {
          var array = (com.fasterxml.jackson.databind.node.ArrayNode) node;
          int index = random.nextInt(array.size());
          var child = array.get(index);
          if (!child.isContainerNode() || child.isEmpty() || random.nextInt(4) == 0) {
            array.set(index, replacement);
            break;
          }
          node = child;
        }
      }
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
    return Json.text(root);
  }
}
