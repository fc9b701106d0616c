package io.dromedary.provider;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.client.Problems;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/** Walks the tables of answers in {@code src/docs/providers.md}: each provider says its word, and the client gets what stands beside it. */
class AnswersTableTest {
  private static final List<String> PROVIDERS = List.of("openai", "azure", "groq", "mistral", "deepseek", "openrouter", "routellm", "anthropic", "bedrock", "gemini", "ollama");
  private static final String CALL = " with a call";

  private interface Proof {
    void of(String provider, String said, String seen) throws IOException;
  }

  private static List<DynamicTest> walk(String section, Proof proof) throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    List<String> providers = new ArrayList<>();
    List<String> lines = Files.readAllLines(Path.of("src/docs/providers.md")).stream().dropWhile(line -> !line.startsWith("### " + section)).skip(1).takeWhile(line -> !line.startsWith("#")).filter(line -> line.startsWith("| `")).toList();
    for (String line : lines) {
      String[] cells = line.substring(2, line.length() - 2).split(" \\| ");
      String provider = cells[0].replace("`", "");
      providers.add(provider);
      tests.add(dynamicTest(provider + ": " + cells[1] + " is " + cells[2], () -> proof.of(provider, cells[1].replace("`", ""), cells[2].replace("`", ""))));
    }
    assertThat(providers).as("every provider has a row").containsAll(PROVIDERS);
    return tests;
  }

  @Tag("D13")
  @Tag("D12")
  @TestFactory
  List<DynamicTest> an_answer_ends_as_the_table_says_whole_and_streamed() throws IOException {
    return walk("How an answer ends", (provider, said, seen) -> {
      boolean call = said.endsWith(CALL);
      String word = call ? said.substring(0, said.length() - CALL.length()) : said;
      assertThat(outcome(() -> whole(provider, word, call))).isEqualTo(seen);
      assertThat(outcome(() -> streamed(provider, word, call))).as("streamed").isEqualTo(seen);
    });
  }

  @Tag("D11")
  @TestFactory
  List<DynamicTest> an_error_is_what_the_table_says() throws IOException {
    return walk("Errors", (provider, said, seen) -> {
      ProviderFailure failure = HardRequestsTest.format(provider).failure(provider, new WireFormat.Incoming(Integer.parseInt(said.substring(0, 3)), Map.of(), said.substring(4).getBytes(UTF_8)));
      Problem problem = Problems.chainExhausted(List.of(failure));
      assertThat(problem.status() + " " + problem.code()).isEqualTo(seen);
      assertThat(problem.type()).isNotBlank();
      assertThat(problem.getMessage()).isNotBlank().doesNotContain("sk-abc").doesNotContain("arn:aws").doesNotContain("<html");
    });
  }

  @Tag("D10")
  @TestFactory
  List<DynamicTest> a_hint_when_to_come_back_reaches_the_client() throws IOException {
    return walk("When to come back", (provider, said, seen) -> {
      boolean header = !said.startsWith("{");
      Map<String, String> headers = header ? Map.of(said.substring(0, said.indexOf(':')), said.substring(said.indexOf(':') + 2)) : Map.of();
      String body = header ? "{\"error\":{\"message\":\"slow down\",\"type\":\"rate_limit_error\"},\"message\":\"slow down\"}" : said;
      ProviderFailure failure = HardRequestsTest.format(provider).failure(provider, new WireFormat.Incoming(429, headers, body.getBytes(UTF_8)));
      Map<String, String> told = Problems.headers(Problems.chainExhausted(List.of(failure)));
      assertThat(told.get("retry-after-ms")).isEqualTo(seen);
      assertThat(Long.parseLong(told.get("retry-after")) * 1_000).isGreaterThanOrEqualTo(Long.parseLong(seen));
    });
  }

  // ---- what providers say ---------------------------------------------------------------------------------------------------------------------------------------------------------------------

  private interface Saying {
    String finishReason() throws IOException;
  }

  private static String outcome(Saying saying) {
    String[] reason = new String[1];
    Throwable thrown = catchThrowable(() -> reason[0] = saying.finishReason());
    if (thrown instanceof ProviderFailure failure) {
      return "failure " + Problems.chainExhausted(List.of(failure)).status();
    }
    assertThat(thrown).isNull();
    return reason[0];
  }

  private static ChatRequest request() {
    return WireSamples.request("{'messages':[{'role':'user','content':'hi'}],'tools':[{'type':'function','function':{'name':'f'}}]}");
  }

  private static String whole(String provider, String word, boolean call) throws IOException {
    String json = switch (provider) {
      case "anthropic" -> "{'content':[" + (call ? "{'type':'tool_use','id':'t1','name':'f','input':{}}" : "{'type':'text','text':'x'}") + "],'stop_reason':'" + word + "','usage':{'input_tokens':1,'output_tokens':1}}";
      case "bedrock" -> "{'output':{'message':{'role':'assistant','content':[" + (call ? "{'toolUse':{'toolUseId':'t1','name':'f','input':{}}}" : "{'text':'x'}") + "]}},'stopReason':'" + word + "'}";
      case "gemini" -> gemini(word, call);
      case "ollama" -> ollama(word, call);
      default -> "{'id':'1','choices':[{'index':0,'message':{'role':'assistant','content':'x'" + (call ? ",'tool_calls':[{'id':'c1','type':'function','function':{'name':'f','arguments':'{}'}}]" : "") + "},'finish_reason':'" + word + "'}]}";
    };
    JsonNode answer = HardRequestsTest.format(provider).read(request(), Model.unlisted(provider, "m"), utf8(json)).json();
    assertThat(answer.at("/choices/0/message/role").asText()).isEqualTo("assistant");
    return answer.at("/choices/0/finish_reason").asText();
  }

  private static String gemini(String word, boolean call) {
    if (word.equals("blockReason")) {
      return "{'promptFeedback':{'blockReason':'SAFETY'},'usageMetadata':{'promptTokenCount':1}}";
    }
    return "{'candidates':[{'index':0,'content':{'parts':[" + (call ? "{'functionCall':{'name':'f','args':{}}}" : "{'text':'x'}") + "]},'finishReason':'" + word + "'}]}";
  }

  private static String ollama(String word, boolean call) {
    return "{'message':{'role':'assistant','content':''" + (call ? ",'tool_calls':[{'function':{'name':'f','arguments':{}}}]" : "") + "},'done':true,'done_reason':'" + word + "'}";
  }

  private static String streamed(String provider, String word, boolean call) throws IOException {
    StreamDecoder decoder = HardRequestsTest.format(provider).decoder(request(), Model.unlisted(provider, "m"));
    List<ObjectNode> chunks = new ArrayList<>();
    switch (provider) {
      case "anthropic" -> {
        chunks.addAll(decoder.accept("content_block_start", utf8("{'type':'content_block_start','index':0,'content_block':" + (call ? "{'type':'tool_use','id':'t1','name':'f','input':{}}" : "{'type':'text','text':'x'}") + "}")));
        chunks.addAll(decoder.accept("content_block_stop", utf8("{'type':'content_block_stop','index':0}")));
        chunks.addAll(decoder.accept("message_delta", utf8("{'type':'message_delta','delta':{'stop_reason':'" + word + "'},'usage':{'output_tokens':1}}")));
        chunks.addAll(decoder.accept("message_stop", utf8("{'type':'message_stop'}")));
      }
      case "bedrock" -> {
        if (call) {
          chunks.addAll(decoder.accept("contentBlockStart", utf8("{'contentBlockIndex':0,'start':{'toolUse':{'toolUseId':'t1','name':'f'}}}")));
        }
        chunks.addAll(decoder.accept("contentBlockStop", utf8("{'contentBlockIndex':0}")));
        chunks.addAll(decoder.accept("messageStop", utf8("{'stopReason':'" + word + "'}")));
        chunks.addAll(decoder.accept("metadata", utf8("{'usage':{'inputTokens':1,'outputTokens':1}}")));
      }
      case "gemini" -> chunks.addAll(decoder.accept(null, utf8(gemini(word, call))));
      case "ollama" -> chunks.addAll(decoder.accept(null, utf8(ollama(word, call))));
      default -> {
        String delta = call ? "{'role':'assistant','tool_calls':[{'index':0,'id':'c1','type':'function','function':{'name':'f','arguments':''}}]}" : "{'role':'assistant','content':'x'}";
        chunks.addAll(decoder.accept(null, utf8("{'id':'1','choices':[{'index':0,'delta':" + delta + ",'finish_reason':null}]}")));
        chunks.addAll(decoder.accept(null, utf8("{'id':'1','choices':[{'index':0,'delta':{},'finish_reason':'" + word + "'}]}")));
      }
    }
    assertThat(decoder.wholeAtEnd()).as("the stream is whole").isTrue();
    WireSamples.checkEnvelope(chunks, provider);
    if (call) {
      StringBuilder arguments = new StringBuilder();
      chunks.forEach(chunk -> arguments.append(chunk.at("/choices/0/delta/tool_calls/0/function/arguments").asText("")));
      assertThat(arguments.toString()).as("a call without arguments has empty ones").isEqualTo("{}");
    }
    List<String> reasons = chunks.stream().map(chunk -> chunk.at("/choices/0/finish_reason")).filter(JsonNode::isTextual).map(JsonNode::asText).toList();
    assertThat(reasons).as("one finish").hasSize(1);
    return reasons.get(0);
  }

  private static byte[] utf8(String json) throws IOException {
    return Json.bytes(Json.read(json.replace("'{}'", "'~'").replace('\'', '"').replace("~", "{}")));
  }
}
