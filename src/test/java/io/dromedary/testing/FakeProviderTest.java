package io.dromedary.testing;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.time.Duration.ofMillis;
import static java.time.Duration.ofSeconds;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dromedary.chat.Json;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class FakeProviderTest {
  static final String ASK = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";
  static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  final List<FakeProvider> started = new ArrayList<>();

  @AfterEach void stop() {
    started.forEach(FakeProvider::close);
  }

  @Test void openai_answers_whole_and_streamed() throws Exception {
    FakeProvider openai = start(FakeProvider.openai().says(3).usage(7, 3));
    HttpResponse<String> whole = post(openai.url() + "/chat/completions", ASK + "}");
    assertThat(Json.read(whole.body()).at("/choices/0/message/content").asText()).isEqualTo("w1 w2 w3");
    assertThat(Json.read(whole.body()).at("/usage/total_tokens").asInt()).isEqualTo(10);
    String stream = post(openai.url() + "/chat/completions", ASK + ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}").body();
    assertThat(List.of(stream.split("\n\n"))).hasSize(7).last().isEqualTo("data: [DONE]");
    assertThat(stream).contains("\"usage\":{\"prompt_tokens\":7");
    assertThat(openai.calls()).isEqualTo(2);
    assertThat(openai.last().json().path("stream").asBoolean()).isTrue();
    assertThat(openai.unknownFields()).isEmpty();
  }

  @Test void the_others_speak_their_own_language() throws Exception {
    FakeProvider anthropic = start(FakeProvider.anthropic());
    assertThat(Json.read(post(anthropic.url() + "/v1/messages", ASK + "}").body()).at("/content/0/text").asText()).isEqualTo("w1 w2 w3 w4 w5");
    assertThat(post(anthropic.url() + "/v1/messages", ASK + ",\"stream\":true}").body()).startsWith("event: message_start").contains("event: message_stop");
    FakeProvider gemini = start(FakeProvider.gemini());
    assertThat(Json.read(post(gemini.url() + "/v1beta/models/g-1:generateContent", "{\"contents\":[]}").body()).at("/candidates/0/content/parts/0/text").asText()).isEqualTo("w1 w2 w3 w4 w5");
    assertThat(post(gemini.url() + "/v1beta/models/g-1:streamGenerateContent?alt=sse", "{\"contents\":[]}").body()).contains("\"finishReason\":\"STOP\"");
    assertThat(gemini.calls("g-1")).isEqualTo(2);
    FakeProvider ollama = start(FakeProvider.ollama().callsTool("f", "{\"a\":1}"));
    assertThat(List.of(post(ollama.url() + "/api/chat", ASK + "}").body().split("\n"))).hasSize(2).first().asString().contains("\"arguments\":{\"a\":1}");
    assertThat(Json.read(post(ollama.url() + "/api/chat", ASK + ",\"stream\":false}").body()).path("done").asBoolean()).isTrue();
  }

  @Test void moods_come_by_sequence_then_model_then_provider() throws Exception {
    FakeProvider openai = start(FakeProvider.openai().mood(Mood.DOWN).mood("m", Mood.BUSY).next(Mood.REFUSES, Mood.BAD_KEY));
    String url = openai.url() + "/chat/completions";
    assertThat(post(url, ASK + "}").statusCode()).isEqualTo(400);
    assertThat(post(url, ASK + "}").statusCode()).isEqualTo(401);
    HttpResponse<String> busy = post(url, ASK + "}");
    assertThat(busy.statusCode()).isEqualTo(429);
    assertThat(busy.headers().firstValue("retry-after")).hasValue("1");
    assertThat(post(url, ASK.replace("\"m\"", "\"other\"") + "}").statusCode()).isEqualTo(503);
  }

  @Test void a_strict_one_refuses_unknown_fields_and_foreign_keys() throws Exception {
    FakeProvider openai = start(FakeProvider.openai().strict());
    assertThat(post(openai.url() + "/chat/completions", ASK + ",\"top_k\":1}").body()).contains("Unknown parameter: 'top_k'");
    openai.key("right");
    assertThat(post(openai.url() + "/chat/completions", ASK + "}").statusCode()).isEqualTo(401);
  }

  @Test void broken_answers_are_broken_in_their_own_way() throws Exception {
    FakeProvider openai = start(FakeProvider.openai());
    String url = openai.url() + "/chat/completions";
    String stream = ASK + ",\"stream\":true}";
    openai.next(Mood.HTML, Mood.EMPTY, Mood.JUNK, Mood.TRUNCATED, Mood.ERROR_MID_STREAM, Mood.ERROR_IN_STREAM_FIRST);
    assertThat(post(url, stream).body()).startsWith("<!doctype html>");
    assertThat(post(url, stream).body()).isEmpty();
    assertThat(post(url, stream).body()).doesNotContain("]}");
    assertThat(post(url, stream).body()).contains("w5").doesNotContain("\"finish_reason\":\"stop\"").doesNotContain("[DONE]");
    assertThat(post(url, stream).body()).contains("w2").contains("\"error\":{").doesNotContain("w3");
    assertThat(post(url, stream).body()).contains("\"error\":{").doesNotContain("w1");
    openai.next(Mood.DIES_MID_STREAM, Mood.HANGS_UP, Mood.DIES_MID_STREAM);
    assertThatThrownBy(() -> post(url, stream)).isInstanceOf(IOException.class);
    assertThatThrownBy(() -> post(url, ASK + "}")).isInstanceOf(IOException.class);
  }

  @Test void usage_can_be_a_lie() throws Exception {
    FakeProvider openai = start(FakeProvider.openai().mood(Mood.LIES_ABOUT_USAGE));
    String url = openai.url() + "/chat/completions";
    assertThat(Json.read(post(url, ASK + "}").body()).at("/usage/prompt_tokens").asLong()).isNegative();
    openai.lie(FakeProvider.Lie.ABSURD);
    assertThat(Json.read(post(url, ASK + "}").body()).at("/usage/prompt_tokens").asLong()).isGreaterThan(1_000_000_000L);
    openai.lie(FakeProvider.Lie.MISSING);
    assertThat(Json.read(post(url, ASK + "}").body()).has("usage")).isFalse();
  }

  @Test void it_notices_a_client_that_goes_away() throws Exception {
    for (Mood mood : List.of(Mood.HANGS, Mood.STALLS_MID_STREAM, Mood.DRIPS, Mood.SLOW, Mood.ENDLESS)) {
      FakeProvider openai = start(FakeProvider.openai().mood(mood).delay(ofSeconds(30)).every(ofMillis(200)).says(100));
      try (Socket client = new Socket("127.0.0.1", openai.port())) {
        byte[] body = (ASK + ",\"stream\":true}").getBytes(UTF_8);
        client.getOutputStream().write(("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: " + body.length + "\r\n\r\n").getBytes(UTF_8));
        client.getOutputStream().write(body);
        openai.await(call -> call.mood() == mood, ofSeconds(20));
        assertThat(openai.open()).isEqualTo(1);
      }
      assertThat(openai.await(FakeProvider.Call::cancelled, ofSeconds(20)).cancelledAt()).as(mood.name()).isNotNull();
      openai.await(FakeProvider.Call::over, ofSeconds(20));
    }
  }

  @Test void a_thousand_streams_are_open_at_once_and_a_connection_is_used_again() throws Exception {
    FakeProvider openai = start(FakeProvider.openai().mood(Mood.DRIPS).every(ofSeconds(30)));
    List<Socket> clients = new ArrayList<>();
    byte[] body = (ASK + ",\"stream\":true}").getBytes(UTF_8);
    byte[] request = ("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: " + body.length + "\r\n\r\n" + new String(body, UTF_8)).getBytes(UTF_8);
    try {
      for (int i = 0; i < 1_000; i++) {
        Socket client = new Socket("127.0.0.1", openai.port());
        clients.add(client);
        client.getOutputStream().write(request);
      }
      for (Socket client : clients) {
        assertThat(client.getInputStream().read()).isEqualTo('H');
      }
      assertThat(openai.mostOpen()).isEqualTo(1_000);
    } finally {
      for (Socket client : clients) {
        client.close();
      }
    }
    openai.mood(Mood.WELL).reset();
    try (Socket client = new Socket("127.0.0.1", openai.port())) {
      InputStream in = client.getInputStream();
      for (int i = 0; i < 3; i++) {
        client.getOutputStream().write(request);
        StringBuilder answer = new StringBuilder();
        while (answer.indexOf("\r\n0\r\n\r\n") < 0) {
          answer.append((char) in.read());
        }
        assertThat(answer).contains("[DONE]");
      }
    }
    assertThat(openai.calls()).isEqualTo(3);
  }

  private FakeProvider start(FakeProvider provider) {
    started.add(provider);
    return provider;
  }

  private static HttpResponse<String> post(String url, String body) throws IOException, InterruptedException {
    return CLIENT.send(HttpRequest.newBuilder(URI.create(url)).header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofString(body)).build(), HttpResponse.BodyHandlers.ofString());
  }
}
