package io.dromedary.provider.anthropic;

import static io.dromedary.provider.WireSamples.json;
import static io.dromedary.provider.WireSamples.request;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Capability;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.ProviderFailure.Kind;
import io.dromedary.chat.Usage;
import io.dromedary.provider.StreamDecoder;
import io.dromedary.provider.WireSamples;
import io.dromedary.provider.WireFormat.Incoming;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AnthropicMessagesTest {
  static final Model UNLISTED = Model.unlisted("anthropic", "claude-sonnet-4-5");
  final AnthropicMessages format = new AnthropicMessages();

  static Model listed(Map<String, String> traits) {
    return new Model("anthropic/c", "anthropic", "c", "chat", List.of(), 200_000, 64_000, EnumSet.allOf(Capability.class), 0.5, 1, Set.of(), List.of(), traits, true);
  }

  JsonNode body(String fields, Model model) {
    return WireSamples.body(format, ask(fields), model);
  }

  List<String> dropped(String fields, Model model) {
    return format.write(ask(fields), model).dropped();
  }

  static ChatRequest ask(String fields) {
    return request("{'model':'m','messages':[{'role':'user','content':'a'}]" + (fields.isEmpty() ? "" : "," + fields) + "}");
  }

  static ChatRequest talk(String messages) {
    return request("{'model':'m','messages':[" + messages + "]}");
  }

  @Test
  void key_and_version_are_headers_and_an_empty_key_is_none() {
    assertThat(format.authentication("k")).containsOnly(Map.entry("x-api-key", "k"), Map.entry("anthropic-version", "2023-06-01"));
    assertThat(format.authentication("")).isEmpty();
    assertThat(format.write(ask(""), UNLISTED).path()).isEqualTo("/v1/messages");
  }

  @Test
  @DisplayName("D03 max_tokens")
  void max_tokens_is_always_sent_and_never_above_the_models_own() {
    assertThat(body("", UNLISTED).path("max_tokens").asInt()).isEqualTo(4096);
    assertThat(body("", listed(Map.of())).path("max_tokens").asInt()).isEqualTo(8192);
    assertThat(body("", listed(Map.of("default_max_tokens", "1000"))).path("max_tokens").asInt()).isEqualTo(1000);
    assertThat(body("'max_tokens':100000", listed(Map.of())).path("max_tokens").asInt()).isEqualTo(64_000);
    assertThat(body("'max_tokens':5,'max_completion_tokens':7", UNLISTED).path("max_tokens").asInt()).isEqualTo(7);
  }

  @Test
  @DisplayName("D04 sampling by model")
  void sampling_follows_the_models_trait() {
    String asked = "'temperature':1.4,'top_p':0.9,'top_k':5";
    JsonNode free = body(asked, UNLISTED);
    assertThat(free.path("temperature").asInt()).isEqualTo(1);
    assertThat(free.path("top_p").asDouble()).isEqualTo(0.9);
    assertThat(free.path("top_k").asInt()).isEqualTo(5);
    assertThat(dropped(asked, UNLISTED)).isEmpty();
    Model exclusive = listed(Map.of("sampling", "exclusive"));
    assertThat(body(asked, exclusive).has("top_p")).isFalse();
    assertThat(dropped(asked, exclusive)).containsExactly("top_p");
    assertThat(body("'top_p':0.9", exclusive).has("top_p")).isTrue();
    Model none = listed(Map.of("sampling", "none"));
    assertThat(body(asked, none)).noneMatch(JsonNode::isFloatingPointNumber);
    assertThat(dropped(asked, none)).containsExactly("temperature", "top_p", "top_k");
    assertThat(body("'temperature':1", none).has("temperature")).isFalse();
    assertThat(dropped("'temperature':1", none)).isEmpty();
  }

  @Test
  @DisplayName("D04 what cannot be mapped: one table")
  @Tag("T5")
  void what_anthropic_lacks_is_dropped_and_named_and_never_sent() {
    String asked = "'seed':0,'presence_penalty':0.5,'frequency_penalty':0,'logit_bias':{'1':2},'logprobs':true,'top_logprobs':2,'store':false,'metadata':{'a':'b'},'prediction':null,'n':1,'verbosity':'low',"
        + "'service_tier':'flex','made_up':1,'stream_options':{'include_usage':true},'routing':{'x':1},'models':['a'],'provider':{'only':['a']},'user':'u1','parallel_tool_calls':true";
    assertThat(dropped(asked, UNLISTED)).containsExactlyInAnyOrder("seed", "presence_penalty", "logit_bias", "logprobs", "top_logprobs", "metadata", "verbosity", "service_tier", "made_up");
    JsonNode body = body(asked, UNLISTED);
    assertThat(body.fieldNames()).toIterable().containsExactlyInAnyOrder("model", "max_tokens", "messages", "metadata");
    assertThat(body.path("metadata")).isEqualTo(json("{\"user_id\":\"u1\"}"));
  }

  @Test
  @Tag("T5")
  void names_of_dropped_fields_can_stand_in_a_header() {
    StringBuilder fields = new StringBuilder("'a\\r\\nset-cookie: x':1,'" + "y".repeat(65) + "':1");
    for (int i = 0; i < 100; i++) {
      fields.append(",'f").append(i).append("':1");
    }
    assertThat(dropped(fields.toString(), UNLISTED)).hasSize(24).startsWith("(other)", "f0").doesNotHaveDuplicates();
  }

  @ParameterizedTest
  @ValueSource(strings = {"'n':2", "'modalities':['text','audio']", "'functions':[{'name':'f'}]", "'tool_choice':'required'", "'tools':[{'type':'custom','custom':{'name':'x'}}]"})
  @DisplayName("D04 what would change the meaning is refused")
  void what_would_change_the_meaning_is_a_400_that_names_the_field(String field) {
    assertThatThrownBy(() -> format.write(ask(field), UNLISTED)).isInstanceOfSatisfying(Problem.class, problem -> {
      assertThat(problem.status()).isEqualTo(400);
      assertThat(field).contains(problem.param().replace("[0]", ""));
    });
  }

  @Test
  @DisplayName("D05 stop")
  void stop_becomes_a_list_without_blank_entries() {
    assertThat(body("'stop':'X'", UNLISTED).path("stop_sequences")).isEqualTo(json("[\"X\"]"));
    assertThat(body("'stop':['a','\\n','b']", UNLISTED).path("stop_sequences")).isEqualTo(json("[\"a\",\"b\"]"));
    assertThat(dropped("'stop':['a','\\n']", UNLISTED)).containsExactly("stop");
    for (String nothing : List.of("null", "[]", "['\\n']")) {
      assertThat(body("'stop':" + nothing, UNLISTED).has("stop_sequences")).isFalse();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"http://example.com/a.png", "data:image/png,notbase64", "data:image/svg+xml;base64,PHN2Zz4=", "file:///etc/passwd", ""})
  @DisplayName("D06 images")
  void an_image_that_cannot_be_sent_is_a_400_that_names_it(String url) {
    assertThatThrownBy(() -> format.write(talk("{'role':'user','content':[{'type':'text','text':'a'},{'type':'image_url','image_url':{'url':'" + url + "'}}]}"), UNLISTED))
        .isInstanceOfSatisfying(Problem.class, problem -> assertThat(problem.param()).isEqualTo("messages[0].content[1].image_url"));
  }

  @Test
  @DisplayName("D07 JSON by instruction")
  @Tag("T4")
  void json_object_is_asked_for_by_words_and_comes_back_bare_streamed_and_not() throws IOException {
    ChatRequest request = ask("'response_format':{'type':'json_object'}");
    assertThat(WireSamples.body(format, request, UNLISTED).path("system").path(0).path("text").asText()).contains("JSON");
    byte[] answer = "{\"content\":[{\"type\":\"text\",\"text\":\"```json\\n{\\\"a\\\":1}\\n```\"}],\"stop_reason\":\"end_turn\"}".getBytes(StandardCharsets.UTF_8);
    assertThat(format.read(request, UNLISTED, answer).text()).isEqualTo("{\"a\":1}");
    StringBuilder streamed = new StringBuilder();
    StreamDecoder decoder = format.decoder(request, UNLISTED);
    for (String piece : List.of("`", "``js", "on\\n{\\\"a\\\"", ":\\n", "1}", "\\n`", "``\\n")) {
      text(streamed, decoder.accept(null, ("{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"" + piece + "\"}}").getBytes(StandardCharsets.UTF_8)));
    }
    text(streamed, decoder.accept(null, "{\"type\":\"message_stop\"}".getBytes(StandardCharsets.UTF_8)));
    assertThat(streamed).hasToString("{\"a\":\n1}");
  }

  private static void text(StringBuilder all, List<ObjectNode> chunks) {
    chunks.forEach(chunk -> all.append(chunk.path("choices").path(0).path("delta").path("content").asText("")));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      'auto'                                      | true  | {"type":"auto"}
      'required'                                  | true  | {"type":"any"}
      'none'                                      | true  | {"type":"none"}
      {'type':'function','function':{'name':'f'}} | true  | {"type":"tool","name":"f"}
      'auto'                                      | false | {"type":"auto","disable_parallel_tool_use":true}
      'none'                                      | false | {"type":"none"}
      """, quoteCharacter = '~')
  @DisplayName("D08 tool_choice")
  void tool_choice_has_its_counterpart(String choice, boolean parallel, String expected) {
    JsonNode body = body("'tools':[{'type':'function','function':{'name':'f'}}],'parallel_tool_calls':" + parallel + ",'tool_choice':" + choice, UNLISTED);
    assertThat(body.path("tool_choice")).isEqualTo(json(expected));
  }

  @Test
  @DisplayName("D08 allowed tools")
  void allowed_tools_are_the_only_ones_sent() {
    JsonNode body = body("'tools':[{'type':'function','function':{'name':'f'}},{'type':'function','function':{'name':'g'}}],'tool_choice':{'type':'allowed_tools','allowed_tools':{'mode':'required',"
        + "'tools':[{'type':'function','function':{'name':'g'}}]}}", UNLISTED);
    assertThat(body.path("tools").findValuesAsText("name")).containsExactly("g");
    assertThat(body.path("tool_choice").path("type").asText()).isEqualTo("any");
  }

  @Test
  @DisplayName("D08 a history with calls but no tools")
  void tools_that_only_the_history_knows_are_declared_and_not_callable() {
    JsonNode body = WireSamples.body(format, talk("{'role':'user','content':'a'},{'role':'assistant','tool_calls':[{'id':'1','function':{'name':'f','arguments':'{}'}}]},{'role':'tool','tool_call_id':'1','content':'x'}"), UNLISTED);
    assertThat(body.path("tools")).isEqualTo(json("[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}]"));
    assertThat(body.path("tool_choice").path("type").asText()).isEqualTo("none");
  }

  @Test
  @DisplayName("D09 ids")
  @Tag("T1")
  void ids_that_come_again_stay_apart_and_results_follow_their_own_call() {
    JsonNode messages = WireSamples.body(format, talk("{'role':'user','content':'a'},{'role':'assistant','tool_calls':[{'id':'c','function':{'name':'f','arguments':'{}'}}]},{'role':'tool','tool_call_id':'c','content':'x'},"
        + "{'role':'assistant','tool_calls':[{'id':'c','function':{'name':'f','arguments':'[1]'}}]},{'role':'tool','tool_call_id':'c','content':'y'}"), UNLISTED).path("messages");
    assertThat(messages.path(3).path("content").path(0).path("id").asText()).isEqualTo("c_2");
    assertThat(messages.path(3).path("content").path(0).path("input")).isEqualTo(json("{}"));
    assertThat(messages.path(4).path("content").path(0).path("tool_use_id").asText()).isEqualTo("c_2");
  }

  @Test
  @Tag("T3")
  void cache_marks_stay_on_messages_tools_and_results() {
    String mark = "'cache_control':{'type':'ephemeral','ttl':'1h'}";
    JsonNode body = WireSamples.body(format, request("{'model':'m','tools':[{'type':'function','function':{'name':'f'}," + mark + "}],'messages':[{'role':'system','content':'s'," + mark + "},{'role':'user','content':'a'},"
        + "{'role':'assistant','tool_calls':[{'id':'1','function':{'name':'f','arguments':'{}'}}]},{'role':'tool','tool_call_id':'1','content':'x'," + mark + "},{'role':'user','content':[{'type':'text','text':'b'," + mark + "}]}]}"),
        UNLISTED);
    JsonNode expected = json("{\"type\":\"ephemeral\",\"ttl\":\"1h\"}");
    assertThat(body.path("tools").path(0).path("cache_control")).isEqualTo(expected);
    assertThat(body.path("system").path(0).path("cache_control")).isEqualTo(expected);
    assertThat(body.path("messages").path(2).path("content").path(0).path("cache_control")).isEqualTo(expected);
    assertThat(body.path("messages").path(2).path("content").path(1).path("cache_control")).isEqualTo(expected);
  }

  @Test
  void an_answer_begun_by_the_client_goes_on_or_is_asked_for() {
    String begun = "{'role':'user','content':'a'},{'role':'assistant','content':'b '}";
    assertThat(WireSamples.body(format, talk(begun), UNLISTED).path("messages").path(1).path("content").path(0).path("text").asText()).isEqualTo("b");
    assertThat(WireSamples.body(format, talk(begun), listed(Map.of("prefill", "false"))).path("messages").path(2).path("role").asText()).isEqualTo("user");
    assertThat(WireSamples.body(format, talk("{'role':'system','content':'s'}"), UNLISTED).path("messages").path(0).path("role").asText()).isEqualTo("user");
  }

  @Test
  void reasoning_effort_thinks_adaptively_or_within_a_budget() {
    Model adaptive = listed(Map.of("reasoning", "adaptive"));
    JsonNode body = body("'reasoning_effort':'high','temperature':0.5", adaptive);
    assertThat(body.path("thinking")).isEqualTo(json("{\"type\":\"adaptive\"}"));
    assertThat(body.path("output_config").path("effort").asText()).isEqualTo("high");
    assertThat(body.has("temperature")).isFalse();
    Model budget = listed(Map.of("reasoning", "budget"));
    body = body("'reasoning_effort':'medium'", budget);
    assertThat(body.path("thinking").path("budget_tokens").asInt()).isEqualTo(8192);
    assertThat(body.path("max_tokens").asInt()).isEqualTo(16_384);
    body = body("'reasoning_effort':'high','max_tokens':4000", budget);
    assertThat(body.path("thinking").path("budget_tokens").asInt()).isEqualTo(2000);
    assertThat(dropped("'reasoning_effort':'high','max_tokens':1000", budget)).containsExactly("reasoning_effort");
    assertThat(dropped("'reasoning_effort':'high','tool_choice':'required','tools':[{'type':'function','function':{'name':'f'}}]", budget)).containsExactly("reasoning_effort");
    assertThat(body("'reasoning_effort':'none'", budget).path("thinking").path("type").asText()).isEqualTo("disabled");
  }

  @Test
  void a_tool_loop_begun_by_another_provider_goes_on_without_a_thinking_budget() {
    ChatRequest request = request("{'model':'m','reasoning_effort':'high','messages':[{'role':'user','content':'a'},{'role':'assistant','tool_calls':[{'id':'1','function':{'name':'f','arguments':'{}'}}]},"
        + "{'role':'tool','tool_call_id':'1','content':'x'}]}");
    assertThat(format.write(request, listed(Map.of("reasoning", "budget"))).dropped()).contains("reasoning_effort");
  }

  @ParameterizedTest
  @CsvSource({"400,invalid_request_error,REFUSED,", "401,authentication_error,CREDENTIALS,", "402,billing_error,CREDENTIALS,", "403,permission_error,CREDENTIALS,", "404,not_found_error,REFUSED,model_not_found",
      "413,request_too_large,REFUSED,request_too_large", "429,rate_limit_error,BUSY,", "500,api_error,DOWN,", "504,timeout_error,DOWN,", "529,overloaded_error,DOWN,"})
  @DisplayName("D11 errors")
  @Tag("T8")
  void an_error_has_its_kind_and_the_providers_words(int status, String type, Kind kind, String code) {
    String body = "{\"type\":\"error\",\"error\":{\"type\":\"" + type + "\",\"message\":\"words\"},\"request_id\":\"r\"}";
    ProviderFailure failure = format.failure("anthropic", new Incoming(status, Map.of("retry-after", "7"), body.getBytes(StandardCharsets.UTF_8)));
    assertThat(failure.kind()).isEqualTo(kind);
    assertThat(failure.code()).isEqualTo(code);
    assertThat(failure.getMessage()).isEqualTo("words");
    assertThat(failure.providerStatus()).isEqualTo(status);
    assertThat(failure.retryAfter()).isEqualTo(Duration.ofSeconds(7));
    ProviderFailure inStream = catchThrowableOfType(ProviderFailure.class, () -> format.decoder(ask(""), UNLISTED).accept("error", body.getBytes(StandardCharsets.UTF_8)));
    assertThat(inStream.kind()).isEqualTo(kind);
  }

  @Test
  @DisplayName("D11 errors in the wild")
  void an_error_that_is_odd_is_still_one() {
    assertThat(fail(400, "{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 210000 tokens > 200000 maximum\"}}").code()).isEqualTo("context_length_exceeded");
    assertThat(fail(400, "{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"Your credit balance is too low\"}}").kind()).isEqualTo(Kind.CREDENTIALS);
    for (String body : List.of("", "<html>Bad gateway</html>", "[]", "null", "{\"error\":\"text\"}", "{")) {
      assertThat(fail(502, body).kind()).isEqualTo(Kind.DOWN);
      assertThat(fail(502, body).getMessage()).isEqualTo("anthropic answered 502 without saying why");
    }
    assertThat(fail(401, "{\"error\":{\"type\":\"authentication_error\",\"message\":\"bad key sk-ant-api03-abcdefgh.\"}}").getMessage()).isEqualTo("bad key ***");
    assertThat(fail(302, "").kind()).isEqualTo(Kind.JUNK);
  }

  ProviderFailure fail(int status, String body) {
    return format.failure("anthropic", new Incoming(status, Map.of(), body.getBytes(StandardCharsets.UTF_8)));
  }

  @ParameterizedTest
  @CsvSource({"end_turn,stop", "stop_sequence,stop", "pause_turn,stop", "tool_use,stop", "max_tokens,length", "model_context_window_exceeded,length", "refusal,content_filter", "new_reason,stop"})
  @DisplayName("D13 finish_reason")
  void every_stop_reason_has_its_finish_reason(String theirs, String ours) throws IOException {
    assertThat(format.read(ask(""), UNLISTED, ("{\"content\":[],\"stop_reason\":\"" + theirs + "\"}").getBytes(StandardCharsets.UTF_8)).finishReason()).isEqualTo(ours);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{", "<html>", "[]", "{}", "\"x\"", "null", "{\"content\":\"x\"}"})
  @DisplayName("D11 a 200 that is no answer")
  void a_200_that_is_no_answer_is_an_io_exception(String junk) {
    assertThatThrownBy(() -> format.read(ask(""), UNLISTED, junk.getBytes(StandardCharsets.UTF_8))).isInstanceOf(IOException.class);
    if (!junk.equals("{}") && !junk.contains("content")) {
      assertThatThrownBy(() -> format.decoder(ask(""), UNLISTED).accept(null, junk.getBytes(StandardCharsets.UTF_8))).isInstanceOf(IOException.class);
    }
  }

  @Test
  @Tag("M7")
  @Tag("M8")
  void streamed_and_whole_usage_are_equal_and_cumulative_counts_replace() throws IOException {
    String usage = "{\"input_tokens\":9,\"cache_creation_input_tokens\":20,\"cache_read_input_tokens\":100,\"output_tokens\":30,\"output_tokens_details\":{\"thinking_tokens\":5}}";
    Usage whole = format.read(ask(""), UNLISTED, ("{\"content\":[],\"stop_reason\":\"end_turn\",\"usage\":" + usage + "}").getBytes(StandardCharsets.UTF_8)).usage();
    StreamDecoder decoder = format.decoder(ask("'stream':true"), UNLISTED);
    assertThat(decoder.usage()).isNull();
    WireSamples.decodeInto(new ArrayList<>(), decoder, "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":9,\"cache_creation_input_tokens\":20,\"cache_read_input_tokens\":100,\"output_tokens\":1}}}\n\n"
        + "data: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":12}}\n\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":" + usage + "}\n\n");
    assertThat(decoder.usage()).isEqualTo(whole).isEqualTo(new Usage(9, 100, 20, 30, 5, false));
    assertThat(whole.input()).isEqualTo(129);
    assertThat(decoder.complete()).isFalse();
    assertThat(decoder.wholeAtEnd()).isTrue();
  }

  @Test
  void without_usage_we_count() throws IOException {
    Usage usage = format.read(ask(""), UNLISTED, "{\"content\":[{\"type\":\"text\",\"text\":\"hello world\"}]}".getBytes(StandardCharsets.UTF_8)).usage();
    assertThat(usage.counted()).isTrue();
    assertThat(usage.output()).isEqualTo(2);
  }
}
