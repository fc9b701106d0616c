package io.dromedary.provider.openai;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usage;
import io.dromedary.provider.StreamDecoder;
import io.dromedary.provider.WireFormat;
import java.io.IOException;
import java.time.Instant;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class OpenAiChatTest {
  static final String HI = "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";

  @Tag("T7")
  @Test void a_plain_request_goes_out_byte_for_byte_but_for_model_and_our_fields() {
    byte[] out = outgoing("openai", "gpt-4o", "{\"model\":\"auto\"," + HI + ",\"future\":{\"a\":1.5},\"routing\":{},\"models\":[\"x\"],\"provider\":{}}").body();
    assertThat(new String(out, UTF_8)).isEqualTo("{\"model\":\"gpt-4o\"," + HI + ",\"future\":{\"a\":1.5}}");
  }

  @Tag("T3")
  @Test void messages_keep_their_bytes_towards_a_server_that_takes_cache_marks() {
    String messages = "\"messages\":[{\"role\":\"system\",\"content\":[{\"cache_control\":{\"type\":\"ephemeral\"},\"text\":\"S\",\"type\":\"text\"}]},{\"content\":\"\\u00e9\",\"role\":\"user\",\"x\":1e3}]";
    String out = new String(outgoing("openrouter", "m", "{" + messages + "}").body(), UTF_8);
    assertThat(out).contains("[{\"cache_control\":{\"type\":\"ephemeral\"},\"text\":\"S\",\"type\":\"text\"}]},{\"content\":\"é\",\"role\":\"user\"");
  }

  @Test void a_dialect_is_found_by_its_name_or_not_at_all() {
    assertThat(new OpenAiChat().dialect()).isEqualTo(Dialect.OPENAI);
    assertThat(new OpenAiChat("Groq").dialect()).isEqualTo(Dialect.GROQ);
    assertThatThrownBy(() -> new OpenAiChat("grok")).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("`grok`").hasMessageContaining("openrouter");
  }

  @Test void azure_takes_its_key_in_its_own_header() {
    assertThat(new OpenAiChat("azure").authentication("k")).containsExactly(Map.entry("api-key", "k"));
    assertThat(new OpenAiChat("compatible").authentication("k")).containsExactly(Map.entry("Authorization", "Bearer k"));
  }

  @Test void models_that_reason_are_known_by_name() {
    assertThat(new String[] {"o1", "o3-mini", "o4-mini-2025", "gpt-5", "gpt-5.1-nano", "gpt-6"}).allMatch(OpenAiChat::reasons);
    assertThat(new String[] {"gpt-4o", "gpt-4.1", "gpt-5-chat-latest", "omni-x", "o", "chatgpt-4o", "gpt-"}).noneMatch(OpenAiChat::reasons);
  }

  @Tag("T1")
  @Test void ids_of_nine_characters_are_kept_and_others_always_become_the_same() {
    assertThat(Messages.nineCharacters("aB3dE6gH9")).isEqualTo("aB3dE6gH9");
    Random random = new Random(1);
    for (int i = 0; i < 1_000; i++) {
      String id = "call_" + Long.toString(random.nextLong(), 36);
      assertThat(Messages.nineCharacters(id)).hasSize(9).isAlphanumeric().isEqualTo(Messages.nineCharacters(id)).isNotEqualTo(Messages.nineCharacters(id + "x"));
    }
    assertThat(Messages.nineCharacters("a_3dE6gH9")).isNotEqualTo("a_3dE6gH9").hasSize(9);
  }

  @Test void an_id_too_long_for_openai_is_shortened_alike_in_call_and_result() throws IOException {
    String id = "x".repeat(60);
    JsonNode out = write("openai", "gpt-4o", "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"" + id + "\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
        + "{\"role\":\"tool\",\"tool_call_id\":\"" + id + "\",\"content\":\"1\"}]}");
    String called = out.at("/messages/0/tool_calls/0/id").asText();
    assertThat(called).hasSizeLessThanOrEqualTo(40).isEqualTo(out.at("/messages/1/tool_call_id").asText());
  }

  @Tag("M7")
  @Test void usage_is_never_negative_and_a_lie_is_counted_anew() throws IOException {
    for (String lie : new String[] {"{\"prompt_tokens\":-7,\"completion_tokens\":-3}", "{\"prompt_tokens\":4000000000000,\"completion_tokens\":1}", "{\"prompt_tokens\":1e300,\"completion_tokens\":1}", "{\"prompt_tokens\":\"9\"}", "{}", "7", "null"}) {
      ChatResponse response = read("{\"choices\":[{\"message\":{\"content\":\"one two three\"},\"finish_reason\":\"stop\"}],\"usage\":" + lie + "}");
      assertThat(response.usage().counted()).as(lie).isTrue();
      assertThat(response.usage().output()).isEqualTo(3);
      assertThat(response.usage().input()).isBetween(1L, 20L);
    }
    Usage clamped = read("{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":2,\"prompt_tokens_details\":{\"cached_tokens\":50},"
        + "\"completion_tokens_details\":{\"reasoning_tokens\":9}}}").usage();
    assertThat(clamped).isEqualTo(new Usage(0, 10, 0, 2, 2, false));
  }

  @Tag("M6")
  @Test void a_stream_that_reports_no_usage_says_so() throws IOException {
    StreamDecoder decoder = new OpenAiChat().decoder(request("{" + HI + "}"), Model.unlisted("openai", "m"));
    decoder.accept(null, "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":-1,\"completion_tokens\":1}}".getBytes(UTF_8));
    assertThat(decoder.usage()).isNull();
    assertThat(decoder.wholeAtEnd()).isFalse();
  }

  @Test void a_stream_of_two_choices_is_whole_when_both_are() throws IOException {
    StreamDecoder decoder = new OpenAiChat().decoder(request("{\"n\":2," + HI + "}"), Model.unlisted("openai", "m"));
    decoder.accept(null, "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}".getBytes(UTF_8));
    assertThat(decoder.wholeAtEnd()).isFalse();
    decoder.accept(null, "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"},\"finish_reason\":\"length\"}]}".getBytes(UTF_8));
    assertThat(decoder.wholeAtEnd()).isTrue();
    assertThat(decoder.complete()).as("usage and [DONE] may follow").isFalse();
    decoder.accept(null, "[DONE]".getBytes(UTF_8));
    assertThat(decoder.complete()).isTrue();
    assertThat(decoder.accept(null, "junk".getBytes(UTF_8))).isEmpty();
  }

  @Test void a_frame_without_choices_or_usage_is_not_its_language() {
    StreamDecoder decoder = new OpenAiChat().decoder(request("{" + HI + "}"), Model.unlisted("openai", "m"));
    assertThatThrownBy(() -> decoder.accept(null, "{\"a\":1}".getBytes(UTF_8))).isInstanceOf(IOException.class).hasMessageContaining("`choices`");
  }

  static ChatResponse read(String answer) throws IOException {
    return new OpenAiChat().read(request("{" + HI + "}"), Model.unlisted("openai", "m"), answer.getBytes(UTF_8));
  }

  static JsonNode write(String dialect, String model, String body) throws IOException {
    return Json.read(outgoing(dialect, model, body).body());
  }

  static WireFormat.Outgoing outgoing(String dialect, String model, String body) {
    return new OpenAiChat(dialect).write(request(body), Model.unlisted(dialect, model));
  }

  static ChatRequest request(String body) {
    Instant now = Instant.parse("2026-11-20T00:00:00Z");
    return new ChatRequest("r1", Json.readStrictly(body.getBytes(UTF_8)), Map.of(), now, now.plusSeconds(60));
  }
}
