package io.dromedary.features;

import static io.dromedary.testing.Gateway.request;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import io.dromedary.testing.EventStream;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.FakeProvider.Call;
import io.dromedary.testing.FakeProvider.Wire;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Gateway.Streamed;
import io.dromedary.testing.RequestRules;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Tool loops of models that sign their thoughts, by clients that know OpenAI's fields only and drop all others. The providers are as strict as the real ones: a next turn whose signature is missing or changed is a 400.
 */
@Tag("T2")
class SignedThoughtsTest {
  private static final String TOOLS = "{'tools':[{'type':'function','function':{'name':'weather','parameters':{'type':'object','properties':{'city':{'type':'string'}}}}}],'reasoning_effort':'high','max_tokens':8000}";
  private static final String CALLERS = """
      projects:
        - id: ann
          keys: [{id: ann-1, sha256: 913bba919a5c402ec15d75818f972065c2d51cf0e8a3f1ac2047e06e911e39c3}]
        - id: bob
          keys: [{id: bob-1, sha256: 62201985bafcac77b4e057c12a1e11b2e2b0e6921a3207b2c2f980809099a496}]
      """;
  private static final String REDACTED = "EmwKAhgBEgy3va3/p+==";
  private static final Map<String, FakeProvider> FAKES = new LinkedHashMap<>();
  private static Gateway gateway;

  @BeforeAll
  static void start() {
    Gateway.Setup setup = Gateway.bare().set("dromedary.cache.enabled", false).set("dromedary.failover.max-retries", 0);
    for (String provider : new String[] {"anthropic", "bedrock", "gemini", "deepseek"}) {
      FakeProvider fake = FakeProvider.speaking(provider, 0).strict();
      fake.by((call, wire) -> new Signing(provider, call, wire).answer());
      FAKES.put(provider, fake);
      setup.and(provider, fake);
    }
    gateway = setup.callers(CALLERS).start();
  }

  @AfterAll
  static void stop() {
    gateway.close();
    FAKES.values().forEach(FakeProvider::close);
  }

  /** A model that asks for the weather of two cities, one after the other, and then tells it; it signs each step. */
  private static final class Signing {
    final String provider;
    final Call call;
    final Wire wire;
    final boolean stream;
    /** Which step of the loop is asked for: how many results have come. */
    final int step;

    Signing(String provider, Call call, Wire wire) {
      this.provider = provider;
      this.call = call;
      this.wire = wire;
      this.stream = call.path().contains("stream") || call.json().path("stream").asBoolean();
      String body = new String(call.body(), UTF_8);
      this.step = count(body, provider.equals("gemini") ? "functionResponse" : provider.equals("bedrock") ? "\"toolResult\"" : provider.equals("deepseek") ? "\"tool_call_id\"" : "\"tool_result\"");
    }

    static int count(String text, String part) {
      return (text.length() - text.replace(part, "").length()) / part.length();
    }

    static String signature(int step) {
      return "c2ln+/" + step + "KYg3Jh4/w8==";
    }

    boolean answer() throws IOException {
      for (int earlier = 0; earlier < step; earlier++) {
        String body = new String(call.body(), UTF_8);
        boolean there = provider.equals("deepseek") ? body.contains("\"reasoning_content\":\"thought " + earlier + "\"") : body.contains("\"" + signature(earlier) + "\"") && body.indexOf(signature(earlier)) < body.lastIndexOf("Rome");
        if (!there || provider.equals("anthropic") && earlier == 0 && !body.contains(REDACTED)) {
          return send(400, "application/json", wire.error(400, "thought " + earlier + " is missing or changed in " + body).getBytes(UTF_8));
        }
      }
      return switch (provider) {
        case "anthropic" -> anthropic();
        case "bedrock" -> bedrock();
        case "gemini" -> gemini();
        default -> deepseek();
      };
    }

    boolean send(int status, String type, byte[] body) throws IOException {
      wire.send(("HTTP/1.1 " + status + " X\r\nContent-Type: " + type + "\r\nContent-Length: " + body.length + "\r\n\r\n").getBytes(ISO_8859_1));
      wire.send(body);
      return true;
    }

    boolean anthropic() throws IOException {
      ArrayNode blocks = Json.array();
      blocks.addObject().put("type", "thinking").put("thinking", "thought " + step).put("signature", signature(step));
      if (step == 0) {
        blocks.addObject().put("type", "redacted_thinking").put("data", REDACTED);
      }
      if (step < 2) {
        blocks.addObject().put("type", "tool_use").put("id", "toolu_fixed" + step).put("name", "weather").set("input", Json.object().put("city", "Rome"));
      } else {
        blocks.addObject().put("type", "text").put("text", "sunny");
      }
      if (!stream) {
        ObjectNode json = Json.object().put("id", "msg_1").put("type", "message").put("role", "assistant").put("stop_reason", step < 2 ? "tool_use" : "end_turn");
        json.set("content", blocks);
        json.putObject("usage").put("input_tokens", 9).put("output_tokens", 5);
        return send(200, "application/json", Json.bytes(json));
      }
      StringBuilder sse = new StringBuilder("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n");
      for (int i = 0; i < blocks.size(); i++) {
        ObjectNode start = blocks.get(i).deepCopy();
        String type = start.path("type").asText();
        String delta = switch (type) {
          case "thinking" -> "{\"type\":\"thinking_delta\",\"thinking\":\"thought " + step + "\"}";
          case "text" -> "{\"type\":\"text_delta\",\"text\":\"sunny\"}";
          default -> "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"city\\\":\\\"Rome\\\"}\"}";
        };
        switch (type) {
          case "thinking" -> start.put("thinking", "").put("signature", "");
          case "text" -> start.put("text", "");
          case "tool_use" -> start.putObject("input");
          default -> { }
        }
        sse.append(event("content_block_start", "\"index\":" + i + ",\"content_block\":" + Json.text(start)));
        if (!type.startsWith("redacted")) {
          sse.append(event("content_block_delta", "\"index\":" + i + ",\"delta\":" + delta));
        }
        if (type.equals("thinking")) {
          sse.append(event("content_block_delta", "\"index\":" + i + ",\"delta\":{\"type\":\"signature_delta\",\"signature\":\"" + signature(step) + "\"}"));
        }
        sse.append(event("content_block_stop", "\"index\":" + i));
      }
      sse.append(event("message_delta", "\"delta\":{\"stop_reason\":\"" + (step < 2 ? "tool_use" : "end_turn") + "\"},\"usage\":{\"output_tokens\":5}")).append(event("message_stop", "\"x\":1"));
      return send(200, "text/event-stream", sse.toString().getBytes(UTF_8));
    }

    static String event(String type, String fields) {
      return "event: " + type + "\ndata: {\"type\":\"" + type + "\"," + fields + "}\n\n";
    }

    boolean bedrock() throws IOException {
      String usage = "{\"inputTokens\":9,\"outputTokens\":5,\"totalTokens\":14}";
      String reason = step < 2 ? "tool_use" : "end_turn";
      if (!stream) {
        String said = step < 2 ? "{\"toolUse\":{\"toolUseId\":\"tooluse_fixed" + step + "\",\"name\":\"weather\",\"input\":{\"city\":\"Rome\"}}}" : "{\"text\":\"sunny\"}";
        return send(200, "application/json", ("{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"reasoningContent\":{\"reasoningText\":{\"text\":\"thought " + step + "\",\"signature\":\"" + signature(step) + "\"}}}," + said
            + "]}},\"stopReason\":\"" + reason + "\",\"usage\":" + usage + "}").getBytes(UTF_8));
      }
      java.io.ByteArrayOutputStream out = new java.io.ByteArrayOutputStream();
      out.write(EventStream.message("messageStart", "{\"role\":\"assistant\"}"));
      out.write(EventStream.message("contentBlockDelta", "{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"text\":\"thought " + step + "\"}}}"));
      out.write(EventStream.message("contentBlockDelta", "{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"signature\":\"" + signature(step) + "\"}}}"));
      out.write(EventStream.message("contentBlockStop", "{\"contentBlockIndex\":0}"));
      if (step < 2) {
        out.write(EventStream.message("contentBlockStart", "{\"contentBlockIndex\":1,\"start\":{\"toolUse\":{\"toolUseId\":\"tooluse_fixed" + step + "\",\"name\":\"weather\"}}}"));
        out.write(EventStream.message("contentBlockDelta", "{\"contentBlockIndex\":1,\"delta\":{\"toolUse\":{\"input\":\"{\\\"city\\\":\\\"Rome\\\"}\"}}}"));
      } else {
        out.write(EventStream.message("contentBlockDelta", "{\"contentBlockIndex\":1,\"delta\":{\"text\":\"sunny\"}}"));
      }
      out.write(EventStream.message("contentBlockStop", "{\"contentBlockIndex\":1}"));
      out.write(EventStream.message("messageStop", "{\"stopReason\":\"" + reason + "\"}"));
      out.write(EventStream.message("metadata", "{\"usage\":" + usage + "}"));
      return send(200, "application/vnd.amazon.eventstream", out.toByteArray());
    }

    boolean gemini() throws IOException {
      ArrayNode parts = Json.array();
      if (step < 2) {
        ObjectNode part = parts.addObject();
        part.putObject("functionCall").put("name", "weather").set("args", Json.object().put("city", "Rome"));
        part.put("thoughtSignature", signature(step));
      } else {
        parts.addObject().put("text", "sunny").put("thoughtSignature", signature(step));
      }
      ObjectNode json = Json.object();
      ObjectNode candidate = json.putArray("candidates").addObject().put("index", 0).put("finishReason", "STOP");
      candidate.putObject("content").put("role", "model").set("parts", parts);
      json.putObject("usageMetadata").put("promptTokenCount", 9).put("candidatesTokenCount", 5);
      return stream ? send(200, "text/event-stream", ("data: " + Json.text(json) + "\r\n\r\n").getBytes(UTF_8)) : send(200, "application/json", Json.bytes(json));
    }

    boolean deepseek() throws IOException {
      ObjectNode json = Json.object().put("id", "1").put("object", "chat.completion").put("created", 1).put("model", "m");
      ObjectNode choice = json.putArray("choices").addObject().put("index", 0);
      ObjectNode said = choice.putObject(stream ? "delta" : "message").put("role", "assistant").put("reasoning_content", "thought " + step);
      if (step < 2) {
        said.putNull("content").putArray("tool_calls").addObject().put("index", 0).put("id", "call_fixed" + step).put("type", "function").putObject("function").put("name", "weather").put("arguments", "{\"city\":\"Rome\"}");
      } else {
        said.put("content", "sunny");
      }
      choice.put("finish_reason", step < 2 ? "tool_calls" : "stop");
      json.putObject("usage").put("prompt_tokens", 9).put("completion_tokens", 5);
      return stream ? send(200, "text/event-stream", ("data: " + Json.text(json) + "\n\ndata: [DONE]\n\n").getBytes(UTF_8)) : send(200, "application/json", Json.bytes(json));
    }
  }

  // ---- the client -----------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  /** What an OpenAI SDK makes of an answer: role, content, and calls with id, type and function. */
  private static ObjectNode message(String key, ObjectNode request, boolean stream) throws IOException {
    String[] headers = {"Authorization", "Bearer " + key};
    ObjectNode message = Json.object().put("role", "assistant");
    if (!stream) {
      Gateway.Answer answer = gateway.chat(request, headers);
      assertThat(answer.status()).as(answer.text()).isEqualTo(200);
      JsonNode said = answer.json().at("/choices/0/message");
      message.set("content", said.path("content"));
      if (said.has("tool_calls")) {
        ArrayNode calls = message.putArray("tool_calls");
        said.path("tool_calls").forEach(call -> calls.add(((ObjectNode) call.deepCopy()).retain("id", "type", "function")));
      }
      return message;
    }
    Streamed streamed = gateway.stream(request, headers);
    assertThat(streamed.status()).as(streamed.raw()).isEqualTo(200);
    assertThat(streamed.done()).as(streamed.raw()).isTrue();
    Map<Integer, ObjectNode> calls = new LinkedHashMap<>();
    streamed.events().stream().flatMap(event -> java.util.stream.StreamSupport.stream(event.json().at("/choices/0/delta/tool_calls").spliterator(), false)).forEach(piece -> {
      ObjectNode call = calls.computeIfAbsent(piece.path("index").asInt(), index -> Json.object().put("type", "function").set("function", Json.object().put("arguments", "")));
      ObjectNode function = (ObjectNode) call.get("function");
      if (piece.has("id")) {
        call.set("id", piece.get("id"));
        function.set("name", piece.at("/function/name"));
      }
      function.put("arguments", function.path("arguments").asText() + piece.at("/function/arguments").asText());
    });
    message.put("content", streamed.content().isEmpty() ? null : streamed.content());
    if (!calls.isEmpty()) {
      calls.values().forEach(message.putArray("tool_calls")::add);
    }
    return message;
  }

  private static String key(String project) {
    return "dk-" + project + "-0123456789abcdefghijklmnopqrstuv";
  }

  private static void result(ObjectNode request, ObjectNode message, String text) {
    ArrayNode messages = (ArrayNode) request.get("messages");
    messages.add(message);
    for (JsonNode call : message.path("tool_calls")) {
      messages.addObject().put("role", "tool").put("tool_call_id", call.path("id").asText()).put("content", text);
    }
  }

  @ParameterizedTest(name = "{0}, streamed: {1}")
  @CsvSource({"anthropic/claude-sonnet-4-5,false", "anthropic/claude-sonnet-4-5,true", "anthropic/claude-opus-5,true", "bedrock/anthropic.claude-haiku-4-5-20251001-v1:0,false",
      "bedrock/anthropic.claude-haiku-4-5-20251001-v1:0,true", "gemini/gemini-3.1-pro-preview,false", "gemini/gemini-3.1-pro-preview,true", "deepseek/deepseek-v4-flash,false", "deepseek/deepseek-v4-flash,true"})
  void a_thought_comes_back_byte_by_byte_though_the_client_dropped_it(String model, boolean stream) throws IOException {
    ObjectNode request = request(model, "weather of Rome, twice? " + model + stream, TOOLS);
    for (int step = 0; step < 2; step++) {
      ObjectNode message = message(key("ann"), request, stream);
      assertThat(message.path("tool_calls")).as(message.toString()).hasSize(1);
      result(request, message, "21 in Rome");
    }
    ObjectNode last = message(key("ann"), request, stream);
    assertThat(last.path("content").asText()).isEqualTo("sunny");
  }

  @ParameterizedTest
  @CsvSource({"anthropic/claude-sonnet-4-5", "gemini/gemini-3.1-pro-preview"})
  @Tag("X6")
  void a_thought_is_never_another_projects(String model) throws IOException {
    String provider = model.substring(0, model.indexOf('/'));
    ObjectNode request = request(model, "mine? " + model, TOOLS);
    result(request, message(key("ann"), request, false), "21 in Rome");

    gateway.chat(request, "Authorization", "Bearer " + key("bob"));

    JsonNode sent = FAKES.get(provider).last().json();
    assertThat(Json.text(sent)).doesNotContain(Signing.signature(0)).doesNotContain("thought 0");
    assertThat(RequestRules.complaint(provider, model.substring(model.indexOf('/') + 1), sent)).as("and it goes without").isNull();
  }
}
