package io.dromedary.sealed;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.dromedary.testing.Gateway;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever comes in gets a 4xx in OpenAI's shape, and the next request is served. */
@Tag("X4")
class BadRequestsTest {
  private static final String CHAT = "/v1/chat/completions";
  private static final int MIB = 1 << 20;

  private static Wire wire() throws IOException {
    return new Wire(Sealed.GATEWAY.port());
  }

  /** On this connection if it is still there, else on a new one. */
  private static void nextIsServed(Wire wire, Wire.Answer answer) throws IOException {
    if ("close".equalsIgnoreCase(answer.header("connection"))) {
      assertThat(Sealed.ask(Wire.post(CHAT, Sealed.sandbox("next"))).status()).isEqualTo(200);
    } else {
      assertThat(wire.send(Wire.post(CHAT, Sealed.sandbox("next"))).read().status()).as("the next request on a kept connection").isEqualTo(200);
    }
  }

  static Stream<Arguments> bad() {
    String user = "{\"role\":\"user\",\"content\":\"hi\"}";
    String good = "\"model\":\"sandbox/echo\",\"messages\":[" + user + "]";
    return Map.<String, String>ofEntries(
        Map.entry("nothing", ""), Map.entry("a brace", "{"), Map.entry("no object", "[1,2]"), Map.entry("a string", "\"hello\""), Map.entry("null", "null"), Map.entry("two objects", "{" + good + "}{}"),
        Map.entry("a duplicate key", "{" + good + ",\"model\":\"gpt-4o\"}"), Map.entry("a duplicate key inside", "{\"model\":\"sandbox/echo\",\"messages\":[{\"role\":\"user\",\"role\":\"system\",\"content\":\"x\"}]}"),
        Map.entry("NaN", "{" + good + ",\"temperature\":NaN}"), Map.entry("Infinity", "{" + good + ",\"temperature\":Infinity}"), Map.entry("too deep", "{" + good + ",\"x\":" + "[".repeat(100) + "]".repeat(100) + "}"),
        Map.entry("far too deep", "{" + good + ",\"x\":" + "[".repeat(100_000) + "}"), Map.entry("a comment", "{" + good + "/* c */}"), Map.entry("single quotes", "{'model':'sandbox/echo'}"),
        Map.entry("no model", "{\"messages\":[" + user + "]}"), Map.entry("a number as model", "{\"model\":7,\"messages\":[" + user + "]}"), Map.entry("an unknown model", "{\"model\":\"no-such-model\",\"messages\":[" + user + "]}"),
        Map.entry("no messages", "{\"model\":\"sandbox/echo\"}"), Map.entry("empty messages", "{\"model\":\"sandbox/echo\",\"messages\":[]}"), Map.entry("messages as text", "{\"model\":\"sandbox/echo\",\"messages\":\"hi\"}"),
        Map.entry("a null message", "{\"model\":\"sandbox/echo\",\"messages\":[null]}"), Map.entry("an odd role", "{\"model\":\"sandbox/echo\",\"messages\":[{\"role\":\"king\",\"content\":\"x\"}]}"),
        Map.entry("no content", "{\"model\":\"sandbox/echo\",\"messages\":[{\"role\":\"user\"}]}"), Map.entry("content as number", "{\"model\":\"sandbox/echo\",\"messages\":[{\"role\":\"user\",\"content\":1}]}"),
        Map.entry("n too large", "{" + good + ",\"n\":9}"), Map.entry("n negative", "{" + good + ",\"n\":-1}"), Map.entry("n huge", "{" + good + ",\"n\":99999999999999999999}"), Map.entry("max_tokens negative", "{" + good + ",\"max_tokens\":-5}"),
        Map.entry("max_tokens huge", "{" + good + ",\"max_tokens\":1e400}"), Map.entry("a number of 1,000 digits", "{" + good + ",\"max_tokens\":" + "9".repeat(1_000) + "}"), Map.entry("temperature as text", "{" + good + ",\"temperature\":\"hot\"}"),
        Map.entry("stream as text", "{" + good + ",\"stream\":\"yes\"}"), Map.entry("tools as text", "{" + good + ",\"tools\":\"all\"}"), Map.entry("routing as text", "{" + good + ",\"routing\":\"cheap\"}"),
        Map.entry("provider as list", "{" + good + ",\"provider\":[1]}"), Map.entry("2,001 messages", "{\"model\":\"sandbox/echo\",\"messages\":[" + String.join(",", java.util.Collections.nCopies(2_001, user)) + "]}"),
        Map.entry("an unescaped newline", "{\"model\":\"sandbox/echo\",\"messages\":[{\"role\":\"user\",\"content\":\"a\nb\"}]}")).entrySet().stream().map(e -> Arguments.of(e.getKey(), e.getValue()));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("bad")
  void a_bad_body_is_a_400_that_says_why(String name, String body) throws IOException {
    for (String path : List.of(CHAT, "/v1/route")) {
      try (Wire wire = wire()) {
        Wire.Answer answer = wire.send(Wire.post(path, body)).read().isError(400, 404, 422);
        assertThat(answer.header("x-request-id")).startsWith("req-");
        nextIsServed(wire, answer);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"max_tokens", "temperature", "n", "seed", "top_p", "top_logprobs", "presence_penalty", "logit_bias", "metadata", "unknown_field", "routing", "stop", "x-nested"})
  void a_number_with_a_huge_exponent_costs_no_time_and_no_memory(String field) throws IOException {
    for (String number : List.of("1e999999999", "-1e999999999", "1e-999999999", "9.9e2147483647", "1e99999999999999999999", "1000e2147483647", "0.001e-2147483640", "1e-99999999999999999999")) {
      for (String model : List.of("sandbox/echo", Sealed.MODEL)) {
        String value = switch (field) {
          case "logit_bias", "metadata", "x-nested" -> "{\"1\":" + number + "}";
          case "routing" -> "{\"max_cost\":" + number + ",\"min_quality\":" + number + ",\"weights\":{\"cost\":" + number + "}}";
          case "stop" -> "[" + number + "]";
          default -> number;
        };
        Wire.Answer answer = Sealed.ask(Wire.post(CHAT, "{\"model\":\"" + model + "\",\"temperature\":0,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"" + field + "\":" + value + "}"));
        if (answer.status() != 200) {
          answer.isError(400);
        }
      }
    }
  }

  @Test
  void bytes_that_are_no_utf_8_are_a_400() throws IOException {
    for (byte[] junk : List.of(new byte[] {(byte) 0xC3, 0x28}, new byte[] {(byte) 0xED, (byte) 0xA0, (byte) 0x80}, new byte[] {(byte) 0xFF}, new byte[] {(byte) 0xC0, (byte) 0xAF}, new byte[] {0})) {
      byte[] request = Wire.post(CHAT, Sealed.sandbox("????????"));
      System.arraycopy(junk, 0, request, new String(request, StandardCharsets.ISO_8859_1).indexOf("????????"), junk.length);
      try (Wire wire = wire()) {
        nextIsServed(wire, wire.send(request).read().isError(400));
      }
    }
  }

  @Test
  void a_body_that_says_it_is_too_large_is_refused_before_it_is_read() throws IOException {
    try (Wire wire = wire()) {
      Wire.Answer answer = wire.send("POST " + CHAT + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: " + (11 * MIB) + "\r\n\r\n{").read().isError(413);
      assertThat(answer.json().at("/error/message").asText()).contains(String.valueOf(10 * MIB));
    }
    try (Wire wire = wire()) {
      wire.send("POST " + CHAT + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999999999\r\nExpect: 100-continue\r\n\r\n").read().isError(413);
    }
    assertThat(Sealed.ask(Wire.post(CHAT, Sealed.sandbox("next"))).status()).isEqualTo(200);
  }

  @Test
  void a_chunked_body_that_grows_too_large_is_refused_while_it_is_read() throws IOException {
    byte[] chunk = ("10000\r\n" + " ".repeat(65_536) + "\r\n").getBytes(UTF_8);
    try (Wire wire = wire()) {
      wire.send("POST " + CHAT + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
      int sent = 0;
      try {
        for (; sent < 64 * MIB && wire.socket().getInputStream().available() == 0; sent += 65_536) {
          wire.send(chunk);
        }
      } catch (IOException closedOnUs) {
        // it need not listen to the rest
      }
      assertThat(sent).isGreaterThan(9 * MIB).isLessThan(32 * MIB);
      wire.read().isError(413);
    }
    assertThat(Sealed.ask(Wire.post(CHAT, Sealed.sandbox("next"))).status()).isEqualTo(200);
  }

  @Test
  void ten_mebibytes_are_read() throws IOException {
    String filling = "x".repeat(9 * MIB);
    Wire.Answer answer = Sealed.ask(Wire.post(CHAT, Sealed.sandbox(filling)));
    // whether a model takes that many tokens is another question
    assertThat(answer.status()).isIn(200, 400, 422);
    assertThat(answer.body()).doesNotContain(filling.substring(0, 5_000));
  }

  @Test
  void headers_beyond_sixteen_kibibytes_are_refused() throws IOException {
    try (Wire wire = wire()) {
      wire.send(Wire.post(CHAT, Sealed.sandbox("x"), "X-Big: " + "a".repeat(20_000))).read().isError(400, 431);
    }
    try (Wire wire = wire()) {
      wire.send("GET /v1/models?" + "a".repeat(20_000) + " HTTP/1.1\r\nHost: x\r\n\r\n").read().isError(400, 414, 431);
    }
    try (Wire wire = wire()) {
      String many = IntStream.range(0, 500).mapToObj(i -> "X-H" + i + ": 1\r\n").reduce("", String::concat);
      wire.send("GET /v1/models HTTP/1.1\r\nHost: x\r\n" + many + "\r\n").read().isError(400, 431);
    }
    assertThat(Sealed.ask(Wire.post(CHAT, Sealed.sandbox("next"))).status()).isEqualTo(200);
  }

  @ParameterizedTest
  @ValueSource(strings = {"Content-Encoding: gzip", "Content-Encoding: br", "Content-Encoding: identity, gzip", "Content-Type: application/x-www-form-urlencoded", "Content-Type: text/plain", "Content-Type: application/jsonp",
      "Content-Type: multipart/form-data; boundary=x", "Content-Type: ", "Content-Type: application/json-seq", "Content-Type: */*", "Content-Type: application/json; charset=utf-16"})
  void another_content_type_or_encoding_is_a_415(String header) throws IOException {
    try (Wire wire = wire()) {
      nextIsServed(wire, wire.send(Wire.post(CHAT, Sealed.sandbox("x"), header)).read().isError(415));
    }
  }

  @Test
  void no_content_type_at_all_is_a_415() throws IOException {
    byte[] request = new String(Wire.post(CHAT, Sealed.sandbox("x")), UTF_8).replace("Content-Type: application/json\r\n", "").getBytes(UTF_8);
    try (Wire wire = wire()) {
      nextIsServed(wire, wire.send(request).read().isError(415));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"Content-Type: application/json; charset=utf-8", "Content-Type: APPLICATION/JSON", "Content-Encoding: identity", "Content-Type: application/json;charset=\"UTF-8\""})
  void json_in_other_words_is_json(String header) throws IOException {
    assertThat(Sealed.ask(Wire.post(CHAT, Sealed.sandbox("x"), header)).status()).isEqualTo(200);
  }

  @ParameterizedTest
  @ValueSource(strings = {"/", "/v1", "/v1/", "/v2/chat/completions", "/v1/chat", "/v1/chat/completions/x", "/index.html", "/actuator", "/actuator/env", "/camel", "/WEB-INF/web.xml", "/.env", "/error",
      "/admin", "/admin/", "/health", "/health/x", "/favicon.ico"})
  void an_unknown_path_is_a_404(String path) throws IOException {
    for (String method : List.of("GET", "POST")) {
      try (Wire wire = wire()) {
        Wire.Answer answer = wire.send(method + " " + path + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}").read().isError(404);
        nextIsServed(wire, answer);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"GET /v1/chat/completions", "PUT /v1/chat/completions", "DELETE /v1/chat/completions", "PATCH /v1/chat/completions", "POST /v1/models", "DELETE /v1/models/gpt-4o", "POST /metrics", "GET /v1/route",
      "GET /admin/cache/purge", "BREW /v1/chat/completions", "CONNECT /v1/models", "TRACE /v1/models", "TRACE /", "OPTIONS /v1/chat/completions", "OPTIONS *"})
  void a_wrong_method_is_a_405_or_so_and_never_an_echo(String line) throws IOException {
    try (Wire wire = wire()) {
      Wire.Answer answer = wire.send(line + " HTTP/1.1\r\nHost: x\r\nX-Secret: echo-me\r\nContent-Length: 0\r\n\r\n").read();
      if (!(line.startsWith("OPTIONS") && answer.status() < 300)) {
        answer.isError(405, 501, 400, 404);
      }
      assertThat(answer.tellsNothing().body()).doesNotContain("echo-me");
      assertThat(answer.headers()).doesNotContainKey("access-control-allow-origin");
      nextIsServed(wire, answer);
    }
  }

  @Test
  void head_is_get_without_its_body() throws IOException {
    for (String path : List.of("/health/liveness", "/health/readiness", "/v1/models", "/metrics", "/nothing")) {
      try (Wire wire = wire()) {
        Wire.Answer answer = wire.send("HEAD " + path + " HTTP/1.1\r\nHost: x\r\n\r\n").read(false);
        assertThat(answer.status()).as(path).isIn(200, 404, 405);
        assertThat(answer.tellsNothing().body()).isEmpty();
        nextIsServed(wire, answer);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"hello\r\n\r\n", "GET\r\n\r\n", "GET /v1/models HTTP/9.9\r\n\r\n", "GET /v1/models HTTP/1.1\r\n\r\n", "GET /v1/models HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "GET / v1 HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /v1/models HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n", "GET /v1/models HTTP/1.1\r\nHost: x\r\nNoColon\r\n\r\n", "GET /v1/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /v1%2fmodels HTTP/1.1\r\nHost: x\r\n\r\n", "GET /v1/models%00 HTTP/1.1\r\nHost: x\r\n\r\n", "GET /v1/models\\x HTTP/1.1\r\nHost: x\r\n\r\n", "GET /v1/models/%zz HTTP/1.1\r\nHost: x\r\n\r\n", "GET /v1/models?a=%zz&b[=1 HTTP/1.1\r\nHost: x\r\n\r\n",
      "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
      "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
      "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
      "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
      "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: cow\r\n\r\n{}"})
  void what_is_no_http_gets_an_answer_of_the_same_shape_or_a_closed_door(String bytes) throws IOException {
    try (Wire wire = wire()) {
      wire.send(bytes);
      wire.socket().shutdownOutput();
      try {
        Wire.Answer answer = wire.read();
        if (answer.status() >= 300) {
          answer.isError(400, 404, 405, 408, 413, 415, 501, 505);
        } else {
          answer.tellsNothing();
        }
      } catch (java.io.EOFException closed) {
        // without an answer nothing is told either
      }
    }
    assertThat(Sealed.ask(Wire.post(CHAT, Sealed.sandbox("next"))).status()).isEqualTo(200);
  }

  @Test
  void pipelined_requests_are_answered_in_order_the_bad_ones_too() throws IOException {
    byte[] good = Wire.post(CHAT, Sealed.sandbox("a"));
    byte[] bad = Wire.post(CHAT, Gateway.request("no-such-model", "x").toString());
    byte[] all = Arrays.copyOf(good, good.length * 2 + bad.length);
    System.arraycopy(bad, 0, all, good.length, bad.length);
    System.arraycopy(good, 0, all, good.length + bad.length, good.length);
    try (Wire wire = wire()) {
      wire.send(all);
      assertThat(wire.read().status()).isEqualTo(200);
      wire.read().isError(404);
      assertThat(wire.read().status()).isEqualTo(200);
    }
  }

  @Test
  void a_connection_that_is_closed_after_a_bad_request_says_so() throws IOException {
    // Tomcat does not keep a connection after 400, 408, 413, 414, 500, 501 and 503.
    assertThat(Sealed.ask(Wire.post(CHAT, "{")).header("connection")).isEqualTo("close");
  }

  @Test
  void a_body_that_breaks_off_harms_nobody() throws IOException {
    try (Wire wire = wire()) {
      wire.send("POST " + CHAT + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"model\":");
      wire.socket().shutdownOutput();
      try {
        wire.read().isError(400, 408);
      } catch (IOException closed) {
        // nobody is left to tell
      }
    }
    assertThat(Sealed.ask(Wire.post(CHAT, Sealed.sandbox("next"))).status()).isEqualTo(200);
  }

  @Test
  void good_answers_tell_nothing_of_the_machine_either() throws IOException {
    for (String path : List.of("/health/liveness", "/health/readiness", "/health/providers", "/v1/models", "/metrics")) {
      try (Wire wire = wire()) {
        Wire.Answer answer = wire.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n").read();
        assertThat(answer.status()).as(path).isEqualTo(200);
        assertThat(answer.headers()).as(path).doesNotContainKeys("server", "x-powered-by", "set-cookie", "access-control-allow-origin").containsEntry("x-content-type-options", "nosniff");
      }
    }
    assertThat(Sealed.ask(Wire.post(CHAT, Sealed.sandbox("x"))).header("x-content-type-options")).isEqualTo("nosniff");
  }
}
