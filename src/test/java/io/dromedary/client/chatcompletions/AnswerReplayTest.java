package io.dromedary.client.chatcompletions;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usage;
import io.dromedary.chat.UsageJson;
import io.dromedary.chat.Usd;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Tag;
import org.junit.jupiter.api.Test;

class AnswerReplayTest {
  static final Usage USAGE = Usage.ofPrompt(9, 4, 2, 7, 3);

  static ChatResponse answer(long seed) {
    Random random = new Random(seed);
    ObjectNode json = Json.object().put("id", "chatcmpl-" + seed).put("object", "chat.completion").put("created", 5).put("model", "openai/m");
    ArrayNode choices = json.putArray("choices");
    for (int i = 0; i < 1 + random.nextInt(3); i++) {
      ObjectNode choice = choices.addObject().put("index", i);
      ObjectNode message = choice.putObject("message").put("role", "assistant");
      boolean calls = random.nextInt(3) == 0;
      message.put("content", calls && random.nextBoolean() ? null : text(random, calls ? 1 : 0));
      message.put("refusal", random.nextInt(5) == 0 ? text(random, 1) : null);
      if (message.get("content").isTextual() && message.get("content").textValue().isEmpty() && message.get("refusal").isTextual()) {
        message.putNull("content");
      }
      if (random.nextBoolean()) {
        message.put("reasoning_content", text(random, 1));
      }
      if (calls) {
        ArrayNode list = message.putArray("tool_calls");
        for (int c = 0; c < 1 + random.nextInt(3); c++) {
          ObjectNode call = list.addObject().put("id", "call_" + c).put("type", "function");
          call.putObject("function").put("name", "f" + c).put("arguments", "{\"a\":\"" + c + "\"}");
          if (random.nextBoolean()) {
            call.putObject("extra_content").putObject("google").put("thought_signature", "SIG" + c);
          }
        }
      }
      if (random.nextInt(3) == 0) {
        message.putArray("annotations").addObject().put("type", "url_citation");
      }
      if (random.nextInt(3) == 0) {
        ObjectNode logprobs = choice.putObject("logprobs");
        ObjectNode token = logprobs.putArray("content").addObject().put("token", "a").put("logprob", -1).putNull("bytes");
        token.putArray("top_logprobs");
        logprobs.putNull("refusal");
      } else {
        choice.putNull("logprobs");
      }
      choice.put("finish_reason", calls ? "tool_calls" : random.nextBoolean() ? "stop" : "length");
    }
    json.set("usage", UsageJson.write(USAGE));
    if (random.nextBoolean()) {
      json.put("system_fingerprint", "fp");
    }
    return new ChatResponse(json, USAGE);
  }

  static String text(Random random, int least) {
    StringBuilder text = new StringBuilder();
    int length = least + random.nextInt(random.nextInt(10) == 0 ? 6_000 : 40);
    while (text.length() < length) {
      text.appendCodePoint(random.nextInt(8) == 0 ? 0x1F600 + random.nextInt(40) : ' ' + random.nextInt(90));
    }
    return text.toString();
  }

  static ChatResponse assembled(List<ObjectNode> chunks) {
    AnswerAssembler assembler = new AnswerAssembler();
    chunks.forEach(assembler::accept);
    assertThat(assembler.finished()).isTrue();
    return assembler.response(USAGE);
  }

  @Property(tries = 500)
  @Tag("S7")
  void a_replayed_answer_assembles_to_itself(@ForAll long seed) {
    ChatResponse answer = answer(seed);
    assertThat(assembled(AnswerReplay.chunks(answer)).json()).isEqualTo(answer.json());
  }

  @Property(tries = 300)
  @Tag("M8")
  void whatever_the_chunking_the_joined_answer_is_the_same(@ForAll long seed) {
    Random random = new Random(seed);
    String content = text(random, 1);
    ChatResponse answer = answer(0);
    ObjectNode message = Json.object().put("role", "assistant").put("content", content).putNull("refusal");
    ArrayNode list = Json.array();
    list.addObject().put("index", 0).<ObjectNode>set("message", message).putNull("logprobs").put("finish_reason", "stop");
    answer.json().set("choices", list);
    List<ObjectNode> chunks = new java.util.ArrayList<>(AnswerReplay.chunks(answer));
    ObjectNode template = chunks.get(0);
    ObjectNode last = chunks.get(chunks.size() - 1);
    chunks.subList(1, chunks.size()).clear();
    for (int at = 0; at < content.length();) {
      int to = Math.min(content.length(), at + 1 + random.nextInt(9)); // splits surrogate pairs too
      ObjectNode chunk = template.deepCopy();
      ((ObjectNode) chunk.get("choices").get(0)).set("delta", Json.object().put("content", content.substring(at, to)));
      chunks.add(chunk);
      at = to;
    }
    chunks.add(last);
    assertThat(assembled(chunks).json()).isEqualTo(answer.json());
  }

  @Test
  void tool_arguments_come_in_pieces_and_by_index() throws IOException {
    AnswerAssembler assembler = new AnswerAssembler();
    for (String delta : List.of("{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}",
        "{\"tool_calls\":[{\"index\":1,\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"{\"}}]}", "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"x\\\"\"}}]}",
        "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}},{\"index\":1,\"function\":{\"arguments\":\"}\"}}]}")) {
      assembler.accept((ObjectNode) Json.read("{\"id\":\"i\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":" + delta + ",\"finish_reason\":null}]}"));
    }
    assertThat(assembler.finished()).isFalse();
    assembler.accept((ObjectNode) Json.read("{\"id\":\"i\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}"));
    assertThat(assembler.finished()).isTrue();
    assertThat(assembler.response(USAGE).json().at("/choices/0/message").toString()).isEqualTo("{\"role\":\"assistant\",\"content\":null,\"refusal\":null,\"tool_calls\":["
        + "{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\":1}\"}},{\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]}");
  }

  @Test
  void an_answer_longer_than_the_limit_is_let_go() {
    AnswerAssembler assembler = new AnswerAssembler(3);
    AnswerReplay.chunks(answer(1)).forEach(assembler::accept);
    assertThat(assembler.finished()).isFalse();
  }

  @Test
  @org.junit.jupiter.api.Tag("S2")
  void usage_is_told_only_to_those_who_asked() throws IOException {
    ObjectNode chunk = AnswerReplay.chunks(answer(3)).get(0);
    String before = chunk.toString();
    ChunkWriter silent = new ChunkWriter(false);
    assertThat(text(silent.chunk(chunk))).isEqualTo("data: " + before + "\n\n");
    assertThat(silent.usage(USAGE, Usd.of("0.0031"))).isEmpty();
    ChunkWriter telling = new ChunkWriter(true);
    assertThat(event(telling.chunk(chunk)).get("usage").isNull()).isTrue();
    assertThat(chunk.toString()).isEqualTo(before);
    JsonNode last = event(telling.usage(USAGE, Usd.of("0.0031")));
    assertThat(last.path("choices")).isEmpty();
    assertThat(last.path("id")).isEqualTo(chunk.path("id"));
    assertThat(last.path("usage").path("prompt_tokens").asLong()).isEqualTo(9);
    assertThat(last.path("usage").path("cost").decimalValue()).isEqualByComparingTo("0.0031");
    assertThat(text(telling.done())).isEqualTo("data: [DONE]\n\n");
    assertThat(event(telling.error(new IllegalStateException("x"))).path("error").path("code").asText()).isEqualTo("internal_error");
    chunk.put("usage", 5);
    assertThat(event(silent.chunk(chunk)).has("usage")).isFalse();
  }

  @Test
  void half_an_emoji_in_a_chunk_does_not_break_the_stream() throws IOException {
    ObjectNode chunk = Json.object();
    chunk.putArray("choices").addObject().putObject("delta").put("content", "a\ud83d");
    assertThat(event(new ChunkWriter(true).chunk(chunk)).at("/choices/0/delta/content").textValue()).isEqualTo("a\ud83d");
  }

  @Test
  void usage_is_read_back_as_it_was_written() {
    assertThat(UsageJson.read(UsageJson.write(USAGE))).isEqualTo(USAGE);
    assertThat(UsageJson.read(Json.object().put("prompt_tokens", "odd"))).isEqualTo(Usage.NONE);
  }

  static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }

  static JsonNode event(byte[] bytes) throws IOException {
    String text = text(bytes);
    assertThat(text).startsWith("data: ").endsWith("\n\n");
    return Json.read(text.substring(6));
  }
}
