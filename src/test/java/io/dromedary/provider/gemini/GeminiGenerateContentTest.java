package io.dromedary.provider.gemini;

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
import io.dromedary.chat.ChatResponse;
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

class GeminiGenerateContentTest {
  static final Model THREE = Model.unlisted("gemini", "gemini-3-flash");
  static final Model TWO = Model.unlisted("gemini", "gemini-2.5-flash");
  final GeminiGenerateContent format = new GeminiGenerateContent();

  JsonNode config(String fields, Model model) {
    return WireSamples.body(format, ask(fields), model).path("generationConfig");
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

  static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Test
  @Tag("X3")
  void the_models_name_is_encoded_in_the_path_and_the_key_is_a_header() {
    assertThat(format.write(ask(""), THREE).path()).isEqualTo("/v1beta/models/gemini-3-flash:generateContent");
    assertThat(format.write(ask("'stream':true"), THREE).path()).isEqualTo("/v1beta/models/gemini-3-flash:streamGenerateContent?alt=sse");
    assertThat(format.write(ask(""), Model.unlisted("gemini", "models/a/../b?key=é")).path()).isEqualTo("/v1beta/models/a%2F..%2Fb%3Fkey%3D%C3%A9:generateContent");
    assertThat(format.authentication("k")).containsExactly(Map.entry("x-goog-api-key", "k"));
    assertThat(format.authentication("")).isEmpty();
  }

  @Test
  @DisplayName("D03 max_tokens")
  void max_output_tokens_is_sent_only_if_asked_and_never_above_the_models_own() {
    Model listed = new Model("gemini/g", "gemini", "gemini-3-pro", "chat", List.of(), 1_000_000, 8_000, EnumSet.allOf(Capability.class), 0.5, 1, Set.of(), List.of(), Map.of(), true);
    assertThat(config("", listed).isMissingNode()).isTrue();
    assertThat(config("'max_tokens':100000", listed).path("maxOutputTokens").asInt()).isEqualTo(8_000);
    assertThat(config("'max_tokens':5,'max_completion_tokens':7", listed).path("maxOutputTokens").asInt()).isEqualTo(7);
  }

  @Test
  @DisplayName("D04 what cannot be mapped: one table")
  @Tag("T5")
  void what_gemini_lacks_is_dropped_and_named_and_never_sent() {
    String asked = "'user':'u','logit_bias':{'1':2},'store':false,'metadata':{'a':'b'},'prediction':null,'n':1,'verbosity':'low','service_tier':'auto','made_up':1,'routing':{'x':1},'models':['a'],"
        + "'parallel_tool_calls':false,'tools':[{'type':'function','function':{'name':'f','strict':true}}],'thinking':{'type':'enabled'}";
    assertThat(dropped(asked, THREE)).containsExactlyInAnyOrder("user", "logit_bias", "metadata", "verbosity", "service_tier", "made_up", "parallel_tool_calls", "tools[].function.strict", "thinking");
    assertThat(WireSamples.body(format, ask(asked), THREE).fieldNames()).toIterable().containsExactlyInAnyOrder("contents", "tools");
  }

  @ParameterizedTest
  @ValueSource(strings = {"'n':9", "'stop':['1','2','3','4','5','6']", "'modalities':['audio']", "'functions':[{'name':'f'}]", "'tool_choice':'required'", "'tools':[{'type':'custom'}]"})
  @DisplayName("D04 what would change the meaning is refused")
  void what_would_change_the_meaning_is_a_400_that_names_the_field(String field) {
    assertThatThrownBy(() -> format.write(ask(field), THREE)).isInstanceOfSatisfying(Problem.class, problem -> {
      assertThat(problem.status()).isEqualTo(400);
      assertThat(field).contains(problem.param().replace("[0]", ""));
    });
  }

  @Test
  @DisplayName("D05 stop")
  void stop_becomes_a_list() {
    assertThat(config("'stop':'X'", THREE).path("stopSequences")).isEqualTo(json("[\"X\"]"));
    assertThat(config("'stop':['1','2','3','4','5']", THREE).path("stopSequences")).hasSize(5);
    assertThat(config("'stop':null", THREE).isMissingNode()).isTrue();
    assertThat(config("'stop':[]", THREE).isMissingNode()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"https://example.com/a.png", "http://169.254.169.254/", "data:image/png,notbase64", "data:text/html;base64,PHA+", ""})
  @DisplayName("D06 images")
  @Tag("X3")
  void an_image_that_cannot_be_sent_is_a_400_that_names_it(String url) {
    assertThatThrownBy(() -> format.write(talk("{'role':'user','content':[{'type':'text','text':'a'},{'type':'image_url','image_url':{'url':'" + url + "'}}]}"), THREE))
        .isInstanceOfSatisfying(Problem.class, problem -> assertThat(problem.param()).isEqualTo("messages[0].content[1].image_url"));
  }

  @Test
  void audio_and_pdf_are_inlined() {
    JsonNode parts = WireSamples.body(format, talk("{'role':'user','content':[{'type':'input_audio','input_audio':{'data':'UklGRg==','format':'wav'}},{'type':'file','file':{'file_data':'data:application/pdf;base64,JVBERi0='}}]}"),
        THREE).path("contents").path(0).path("parts");
    assertThat(parts.findValuesAsText("mimeType")).containsExactly("audio/wav", "application/pdf");
  }

  @Test
  @DisplayName("D07 response_format")
  @Tag("T4")
  void json_is_native_but_for_old_models_with_functions() {
    assertThat(config("'response_format':{'type':'json_object'}", TWO).path("responseMimeType").asText()).isEqualTo("application/json");
    String withTools = "'tools':[{'type':'function','function':{'name':'f'}}],'response_format':{'type':'json_schema','json_schema':{'name':'s','schema':{'type':'object'}}}";
    assertThat(config(withTools, THREE).has("responseJsonSchema")).isTrue();
    assertThat(config(withTools, TWO).isMissingNode()).isTrue();
    assertThat(WireSamples.body(format, ask(withTools), TWO).path("systemInstruction").path("parts").path(0).path("text").asText()).contains("JSON Schema: {\"type\":\"object\"}");
    assertThat(config("'response_format':{'type':'text'}", THREE).isMissingNode()).isTrue();
  }

  @Test
  @DisplayName("D07 JSON by instruction")
  void a_fence_around_json_that_was_asked_for_by_words_is_taken_off_streamed_and_not() throws IOException {
    ChatRequest request = ask("'tools':[{'type':'function','function':{'name':'f'}}],'response_format':{'type':'json_object'}");
    String answer = "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"```json\\n{\\\"a\\\":1}\\n```\"}]},\"finishReason\":\"STOP\"}]}";
    assertThat(format.read(request, TWO, utf8(answer)).text()).isEqualTo("{\"a\":1}");
    StringBuilder streamed = new StringBuilder();
    for (ObjectNode chunk : format.decoder(request, TWO).accept(null, utf8(answer))) {
      streamed.append(chunk.path("choices").path(0).path("delta").path("content").asText(""));
    }
    assertThat(streamed).hasToString("{\"a\":1}");
    assertThat(format.read(request, THREE, utf8(answer)).text()).startsWith("```");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      'auto'                                      | {"mode":"AUTO"}
      'required'                                  | {"mode":"ANY"}
      'none'                                      | {"mode":"NONE"}
      {'type':'function','function':{'name':'f'}} | {"mode":"ANY","allowedFunctionNames":["f"]}
      {'type':'allowed_tools','allowed_tools':{'mode':'auto','tools':[{'type':'function','function':{'name':'f'}}]}} | {"mode":"VALIDATED","allowedFunctionNames":["f"]}
      """, quoteCharacter = '~')
  @DisplayName("D08 tool_choice")
  void tool_choice_has_its_counterpart(String choice, String expected) {
    JsonNode body = WireSamples.body(format, ask("'tools':[{'type':'function','function':{'name':'f'}}],'tool_choice':" + choice), THREE);
    assertThat(body.path("toolConfig").path("functionCallingConfig")).isEqualTo(json(expected));
  }

  @Test
  void a_function_whose_name_gemini_refuses_keeps_its_name_for_the_client() throws IOException {
    ChatRequest request = ask("'tools':[{'type':'function','function':{'name':'3d-view'}}]");
    assertThat(WireSamples.body(format, request, THREE).path("tools").findValuesAsText("name")).containsExactly("_3d-view");
    ChatResponse response = format.read(request, THREE, utf8("{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"_3d-view\",\"args\":{}}}]},\"finishReason\":\"STOP\"}]}"));
    JsonNode call = response.json().path("choices").path(0).path("message").path("tool_calls").path(0);
    assertThat(call.path("function").path("name").asText()).isEqualTo("3d-view");
    assertThat(call.path("id").asText()).startsWith("call_").hasSize(14);
  }

  @Test
  @DisplayName("D09 tool results")
  void a_result_that_answers_no_call_is_a_400_and_an_image_in_a_result_follows_it() {
    assertThatThrownBy(() -> format.write(talk("{'role':'user','content':'a'},{'role':'tool','tool_call_id':'x','content':'y'}"), THREE))
        .isInstanceOfSatisfying(Problem.class, problem -> assertThat(problem.param()).isEqualTo("messages[1].tool_call_id"));
    JsonNode contents = WireSamples.body(format, talk("{'role':'user','content':'a'},{'role':'assistant','tool_calls':[{'id':'1','function':{'name':'f','arguments':'{}'}}]},"
        + "{'role':'tool','tool_call_id':'1','content':[{'type':'text','text':'see'},{'type':'image_url','image_url':{'url':'data:image/png;base64,iVBORw0KGgo='}}]},{'role':'user','content':'and?'}"), THREE).path("contents");
    assertThat(contents).hasSize(4);
    assertThat(contents.path(2).path("parts")).isEqualTo(json("[{\"functionResponse\":{\"name\":\"f\",\"response\":{\"result\":\"see\"}}}]"));
    assertThat(contents.path(3).path("parts").path(0).has("inlineData")).isTrue();
    assertThat(contents.path(3).path("parts").path(1).path("text").asText()).isEqualTo("and?");
  }

  @Test
  @Tag("T2")
  void only_the_third_generation_is_told_of_lost_signatures() {
    String loop = "{'role':'user','content':'a'},{'role':'assistant','tool_calls':[{'id':'1','function':{'name':'f','arguments':'{}'}}]},{'role':'tool','tool_call_id':'1','content':'x'}";
    assertThat(WireSamples.body(format, talk(loop), TWO).findValues("thoughtSignature")).isEmpty();
    for (String name : List.of("gemini-3-flash", "gemini-3.1-pro-preview", "gemini-flash-latest")) {
      assertThat(WireSamples.body(format, talk(loop), Model.unlisted("gemini", name)).findValuesAsText("thoughtSignature")).containsExactly("skip_thought_signature_validator");
    }
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', nullValues = "-", textBlock = """
      gemini-3-flash   | none   | {"thinkingLevel":"MINIMAL","includeThoughts":false}
      gemini-3-pro     | none   | {"thinkingLevel":"LOW","includeThoughts":false}
      gemini-3-pro     | medium | {"thinkingLevel":"MEDIUM","includeThoughts":true}
      gemini-3-pro     | xhigh  | {"thinkingLevel":"HIGH","includeThoughts":true}
      gemini-2.5-flash | none   | {"thinkingBudget":0,"includeThoughts":false}
      gemini-2.5-pro   | none   | {"thinkingBudget":128,"includeThoughts":false}
      gemini-2.5-pro   | high   | {"thinkingBudget":24576,"includeThoughts":true}
      gemini-2.0-flash | high   | -
      """, quoteCharacter = '~')
  void reasoning_effort_is_a_level_or_a_budget(String name, String effort, String expected) {
    JsonNode thinking = config("'reasoning_effort':'" + effort + "'", Model.unlisted("gemini", name)).path("thinkingConfig");
    assertThat(thinking).isEqualTo(expected == null ? com.fasterxml.jackson.databind.node.MissingNode.getInstance() : json(expected));
    assertThat(dropped("'reasoning_effort':'" + effort + "'", Model.unlisted("gemini", name)).isEmpty()).isEqualTo(expected != null);
  }

  @Test
  @DisplayName("D10 RetryInfo")
  void the_retry_hint_is_in_the_error_itself() {
    String quota = "{\"error\":{\"code\":429,\"message\":\"Quota\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.QuotaFailure\"},"
        + "{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"20.5s\"}]}}";
    assertThat(fail(429, quota).retryAfter()).isEqualTo(Duration.ofMillis(20_500));
    assertThat(fail(429, "[" + quota + "]").kind()).isEqualTo(Kind.BUSY);
    assertThat(fail(429, quota.replace("20.5s", "soon")).retryAfter()).isNull();
    ProviderFailure inStream = catchThrowableOfType(ProviderFailure.class, () -> format.decoder(ask(""), THREE).accept(null, utf8(quota)));
    assertThat(inStream.kind()).isEqualTo(Kind.BUSY);
    assertThat(inStream.retryAfter()).isEqualTo(Duration.ofMillis(20_500));
    assertThat(inStream.providerStatus()).isEqualTo(429);
  }

  @ParameterizedTest
  @CsvSource({"400,INVALID_ARGUMENT,REFUSED,", "400,FAILED_PRECONDITION,CREDENTIALS,", "403,PERMISSION_DENIED,CREDENTIALS,", "404,NOT_FOUND,REFUSED,model_not_found", "429,RESOURCE_EXHAUSTED,BUSY,", "500,INTERNAL,DOWN,",
      "503,UNAVAILABLE,DOWN,", "504,DEADLINE_EXCEEDED,DOWN,"})
  @DisplayName("D11 errors")
  @Tag("T8")
  void an_error_has_its_kind_and_the_providers_words(int status, String code, Kind kind, String ours) {
    String body = "{\"error\":{\"code\":" + status + ",\"message\":\"words\",\"status\":\"" + code + "\"}}";
    ProviderFailure failure = fail(status, body);
    assertThat(failure.kind()).isEqualTo(kind);
    assertThat(failure.code()).isEqualTo(ours);
    assertThat(failure.getMessage()).isEqualTo("words");
    ProviderFailure inside = catchThrowableOfType(ProviderFailure.class, () -> format.read(ask(""), THREE, utf8("[" + body + "]")));
    assertThat(inside.kind()).isEqualTo(kind);
  }

  @Test
  @DisplayName("D11 errors in the wild")
  void an_error_that_is_odd_is_still_one() {
    assertThat(fail(400, "{\"error\":{\"message\":\"API key not valid. AIzaSyA1234567890\",\"details\":[{\"reason\":\"API_KEY_INVALID\"}]}}")).satisfies(failure -> {
      assertThat(failure.kind()).isEqualTo(Kind.CREDENTIALS);
      assertThat(failure.getMessage()).isEqualTo("API key not valid. ***");
    });
    assertThat(fail(400, "{\"error\":{\"message\":\"The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).\"}}").code()).isEqualTo("context_length_exceeded");
    for (String body : List.of("", "<html>", "[]", "null", "{\"error\":\"x\"}", "{")) {
      assertThat(fail(502, body).kind()).isEqualTo(Kind.DOWN);
    }
  }

  ProviderFailure fail(int status, String body) {
    return format.failure("gemini", new Incoming(status, Map.of(), utf8(body)));
  }

  @ParameterizedTest
  @CsvSource({"STOP,stop", "MAX_TOKENS,length", "SAFETY,content_filter", "RECITATION,content_filter", "LANGUAGE,content_filter", "BLOCKLIST,content_filter", "PROHIBITED_CONTENT,content_filter", "SPII,content_filter",
      "IMAGE_SAFETY,content_filter", "OTHER,stop", "NEW_REASON,stop"})
  @DisplayName("D13 finish_reason")
  void every_finish_reason_has_its_counterpart(String theirs, String ours) throws IOException {
    String answer = "{\"candidates\":[{\"finishReason\":\"" + theirs + "\"}]}";
    assertThat(format.read(ask(""), THREE, utf8(answer)).finishReason()).isEqualTo(ours);
    List<ObjectNode> chunks = format.decoder(ask(""), THREE).accept(null, utf8(answer));
    assertThat(chunks.get(chunks.size() - 1).path("choices").path(0).path("finish_reason").asText()).isEqualTo(ours);
  }

  @ParameterizedTest
  @ValueSource(strings = {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"})
  @DisplayName("D13 a malformed call is a failure that another model may make good")
  void a_malformed_call_is_junk(String reason) {
    byte[] answer = utf8("{\"candidates\":[{\"finishReason\":\"" + reason + "\",\"finishMessage\":\"bad call\"}]}");
    assertThatThrownBy(() -> format.read(ask(""), THREE, answer)).isInstanceOfSatisfying(ProviderFailure.class, failure -> assertThat(failure.kind()).isEqualTo(Kind.JUNK)).hasMessageContaining("bad call");
    assertThatThrownBy(() -> format.decoder(ask(""), THREE).accept(null, answer)).isInstanceOfSatisfying(ProviderFailure.class, failure -> assertThat(failure.kind()).isEqualTo(Kind.JUNK));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{", "<html>", "[]", "{}", "\"x\"", "null", "{\"candidates\":[]}"})
  @DisplayName("D11 a 200 that is no answer")
  void a_200_that_is_no_answer_is_an_io_exception(String junk) {
    assertThatThrownBy(() -> format.read(ask(""), THREE, utf8(junk))).isInstanceOf(IOException.class);
  }

  @Test
  @DisplayName("D14 two choices in one stream")
  void a_stream_of_two_choices_is_complete_when_both_are() throws IOException {
    StreamDecoder decoder = format.decoder(ask("'n':2,'stream':true"), THREE);
    List<ObjectNode> chunks = new ArrayList<>();
    WireSamples.decodeInto(chunks, decoder, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"STOP\"},{\"index\":1,\"content\":{\"parts\":[{\"text\":\"b\"}]}}]}\r\n\r\n");
    assertThat(decoder.complete()).isFalse();
    assertThat(decoder.wholeAtEnd()).isFalse();
    WireSamples.decodeInto(chunks, decoder, "data: {\"candidates\":[{\"index\":1,\"finishReason\":\"MAX_TOKENS\"}],\"usageMetadata\":{\"promptTokenCount\":1}}\r\n\r\n");
    assertThat(decoder.complete()).isTrue();
    WireSamples.checkEnvelope(chunks, "gemini");
    assertThat(chunks.stream().map(chunk -> chunk.path("choices").path(0).path("index").asInt() + ":" + chunk.path("choices").path(0).path("finish_reason").asText()))
        .containsExactly("0:null", "0:stop", "1:null", "1:length");
    assertThatThrownBy(() -> format.decoder(ask(""), THREE).accept(null, utf8("{\"candidates\":[{\"index\":1}]}"))).isInstanceOf(IOException.class);
  }

  @Test
  @DisplayName("D14 fewer choices than asked for")
  void a_stream_that_ends_after_the_choices_it_began_is_whole() throws IOException {
    StreamDecoder decoder = format.decoder(ask("'n':2,'stream':true"), THREE);
    assertThat(decoder.wholeAtEnd()).isFalse();
    decoder.accept(null, utf8("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"STOP\"}]}"));
    assertThat(decoder.complete()).isFalse();
    assertThat(decoder.wholeAtEnd()).isTrue();
  }

  @Test
  @Tag("M7")
  @Tag("M8")
  void streamed_and_whole_usage_are_equal_and_cumulative_counts_replace() throws IOException {
    String last = "{\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":100,\"cachedContentTokenCount\":40,\"candidatesTokenCount\":10,\"thoughtsTokenCount\":5,\"toolUsePromptTokenCount\":3}}";
    Usage whole = format.read(ask(""), THREE, utf8(last)).usage();
    StreamDecoder decoder = format.decoder(ask(""), THREE);
    assertThat(decoder.usage()).isNull();
    decoder.accept(null, utf8("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}],\"usageMetadata\":{\"promptTokenCount\":100,\"candidatesTokenCount\":2,\"thoughtsTokenCount\":5}}"));
    decoder.accept(null, utf8(last));
    assertThat(decoder.usage()).isEqualTo(whole).isEqualTo(new Usage(63, 40, 0, 15, 5, false));
  }
}
