package io.dromedary.sealed;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.ProducerTemplate;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Nothing that a caller sends steers the engine inside, and nothing but our fixed lists goes out or comes back. */
class InjectionTest {
  private static final String CHAT = "/v1/chat/completions";
  private static final String MARK = "evil-marker";
  private static final Set<String> TO_PROVIDER = Set.of("host", "authorization", "content-type", "content-length", "accept", "accept-encoding", "user-agent", "connection", "transfer-encoding");
  private static final Set<String> TO_CALLER = Set.of("x-request-id", "x-dromedary-model", "x-dromedary-provider", "x-dromedary-tier", "x-dromedary-strategy", "x-dromedary-task", "x-dromedary-domain", "x-dromedary-optimized", "x-dromedary-reason", "x-dromedary-attempts", "x-dromedary-cache",
      "x-dromedary-cost-usd", "x-dromedary-saved-usd", "x-dromedary-overhead-ms", "x-dromedary-dropped-params", "content-type", "content-length", "date", "connection", "keep-alive", "x-content-type-options", "transfer-encoding",
      "cache-control", "x-accel-buffering");
  private static final List<String> NAMES = List.of("CamelHttpUri", "cAmelHttpUri", "CAMELHTTPURI", "CamelHttpPath", "CamelHttpQuery", "CamelHttpMethod", "CamelHttpResponseCode", "CamelHttpCharacterEncoding", "CamelCaffeineKey",
      "camelcaffeinekey", "CamelCaffeineAction", "CamelCaffeineKeys", "CamelCaffeineValue", "CamelToEndpoint", "CamelFileName", "CamelBeanMethodName", "CamelBeanParameterMapping", "CamelExecCommandExecutable", "CamelSplitIndex",
      "CamelRedelivered", "CamelFailureRouteId", "CamelCharsetName", "kafka.OVERRIDE_TOPIC", "KAFKA.override_topic", "kafka.KEY", "kafka.PARTITION_KEY", "JMSReplyTo", "jmsreplyto", "JMSDestination", "JMSCorrelationID", "JMSType",
      "Long-Running-Action", "long-running-action", "breadcrumbId", "org.apache.camel.x", "x-dromedary-internal", "X-HTTP-Method-Override", "X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "Cookie");

  @BeforeEach
  void forget() {
    Sealed.PROVIDER.reset();
    Sealed.GEMINI.reset();
    Sealed.TESTY.redirect = 0;
  }

  private static void unmoved(Wire.Answer answer, String how, boolean bodyMayHaveMark) {
    assertThat(answer.status()).as("%s: %s", how, answer).isEqualTo(200);
    assertThat(answer.json().at("/choices/0/message/content").asText()).as(how).isEqualTo("w1 w2 w3 w4 w5");
    assertThat(TO_CALLER).as(how).containsAll(answer.headers().keySet());
    assertThat(answer.headers().toString()).as(how).doesNotContain(MARK);
    assertThat(Sealed.PROVIDER.calls()).as("%s: calls", how).isEqualTo(1);
    FakeProvider.Call call = Sealed.PROVIDER.last();
    assertThat(call.method() + " " + call.path()).as(how).isEqualTo("POST /v1/chat/completions");
    assertThat(TO_PROVIDER).as(how).containsAll(call.headers().keySet());
    assertThat(call.headers().toString()).as(how).doesNotContain(MARK);
    assertThat(call.header("authorization")).as(how).isEqualTo("Bearer sk-test-openai-0123456789");
    if (!bodyMayHaveMark) {
      assertThat(call.toString()).as(how).doesNotContain(MARK);
    }
    Sealed.PROVIDER.reset();
  }

  @Tag("X2")
  @Test
  void control_headers_of_the_engine_have_no_effect_wherever_they_come_from() throws IOException {
    for (String name : NAMES) {
      for (String value : List.of("http://" + MARK + "/?k={{env:PATH}}", "DELETE", "0", "true", "${env.PATH}")) {
        String marked = value.contains(MARK) ? value : value + " " + MARK;
        try (Wire wire = new Wire(Sealed.GATEWAY.port())) {
          unmoved(wire.send(Wire.post(CHAT, Sealed.chat("hi"), name + ": " + marked, name.toUpperCase(Locale.ROOT) + ": " + marked)).read(), "header " + name, false);
          String query = URLEncoder.encode(name, StandardCharsets.UTF_8) + "=" + URLEncoder.encode(marked, StandardCharsets.UTF_8);
          unmoved(wire.send(Wire.post(CHAT + "?" + query, Sealed.chat("hi"))).read(), "query " + name, false);
        }
        if (value.startsWith("http")) {
          ObjectNode json = Gateway.request(Sealed.MODEL, "hi");
          json.putObject("metadata").put(name, marked);
          unmoved(Sealed.ask(Wire.post(CHAT, json.toString())), "metadata " + name, true);
          Sealed.ask(Wire.post(CHAT, name + "=" + marked, "Content-Type: application/x-www-form-urlencoded")).isError(415);
          assertThat(Sealed.PROVIDER.calls()).as("form %s", name).isZero();
        }
      }
    }
  }

  @Tag("X2")
  @Test
  void a_forged_cache_key_or_action_finds_nothing() throws IOException {
    try (Gateway cached = Sealed.beside(Gateway.with("openai", Sealed.PROVIDER)).start(); Wire wire = new Wire(cached.port())) {
      Sealed.PROVIDER.says("the first answer");
      Wire.Answer first = wire.send(Wire.post(CHAT, Gateway.request(Sealed.MODEL, "one").put("temperature", 0).toString())).read();
      assertThat(first.header("x-dromedary-cache")).isEqualTo("miss");
      Sealed.PROVIDER.says("the second answer");
      for (String forged : List.of("CamelCaffeineAction: INVALIDATE_ALL", "CamelCaffeineAction: CLEANUP", "camelcaffeineaction: PUT", "CamelCaffeineKey: x", "CamelCaffeineValue: forged")) {
        Wire.Answer again = wire.send(Wire.post(CHAT, Gateway.request(Sealed.MODEL, "one").put("temperature", 0).toString(), forged, "CamelCaffeineKey: k")).read();
        assertThat(again.header("x-dromedary-cache")).as(forged).isEqualTo("hit");
        assertThat(again.json().at("/choices/0/message/content").asText()).as(forged).isEqualTo("the first answer");
      }
    } finally {
      Sealed.PROVIDER.says(5);
    }
  }

  @Tag("X2")
  @ParameterizedTest
  @ValueSource(strings = {"{{env:PATH}}", "{{sys:user.home}}", "${env:PATH}", "${env.PATH}", "${body}", "${header.authorization}", "${sys.user.home}", "${bean:ledger?method=waiting}", "${jndi:ldap://127.0.0.1:9/x}", "#{T(System).exit(1)}",
      "#{1+1}", "{{dromedary.providers.openai.api-key}}", "${dromedary.providers.openai.api-key}", "#bean:ledger", "RAW(x)", "$simple{body}", "{{?x}}", "${", "{{", "}}", "%s %n", "\\u0024{env.PATH}"})
  void templates_in_prompts_and_metadata_are_literal_text(String text) throws IOException {
    ObjectNode json = Gateway.request(Sealed.MODEL, text).put("user", text.length() > 60 ? "u" : text);
    json.putObject("metadata").put("note", text);
    json.putObject("routing").put("session_id", "s");
    Wire.Answer answer = Sealed.ask(Wire.post(CHAT, json.toString(), "x-dromedary-tags: " + text, "x-dromedary-session-id: " + text));
    if (answer.status() == 200) {
      FakeProvider.Call call = Sealed.PROVIDER.last();
      assertThat(call.json().at("/messages/0/content").asText()).isEqualTo(text);
      if (call.json().has("metadata")) {
        assertThat(call.json().at("/metadata/note").asText()).isEqualTo(text);
      }
    } else {
      answer.isError(400);
    }
    Wire.Answer plain = Sealed.ask(Wire.post(CHAT, Sealed.chat(text)));
    assertThat(plain.status()).isEqualTo(200);
    assertThat(Sealed.PROVIDER.last().json().at("/messages/0/content").asText()).isEqualTo(text);
    Wire.Answer sandbox = Sealed.ask(Wire.post(CHAT, Sealed.sandbox(text)));
    assertThat(sandbox.status()).isEqualTo(200);
    assertThat(sandbox.body()).doesNotContain("/usr/bin", "sk-test", System.getProperty("user.home") + "/");
    for (String place : List.of("/v1/models/", "/v1/requests/")) {
      Sealed.ask(("GET " + place + URLEncoder.encode(text, StandardCharsets.UTF_8) + " HTTP/1.1\r\nHost: x\r\n\r\n").getBytes(StandardCharsets.US_ASCII)).isError(400, 404);
    }
  }

  @Tag("X3")
  @Test
  void a_model_name_leads_nowhere_but_to_a_model() throws IOException {
    List<String> names = new ArrayList<>();
    for (String provider : List.of("openai/", "gemini/", "")) {
      names.addAll(List.of(provider + "../../files", provider + "..", provider + "a/../b", provider + "%2e%2e%2ffiles", provider + "a%2fb", provider + "a\r\nX-Evil: " + MARK, provider + "a\nb", provider + "a b", provider + "a?b=c", provider + "a#b",
          provider + "a&b", provider + "${env.PATH}", provider + "{{env:PATH}}", provider + "#{1}", provider + "a;b", provider + "a\\b", provider + "a\u0000b", provider + "\u2024\u2024/x", provider + "a//b", provider + "/etc/passwd", provider + "a".repeat(500),
          "http://127.0.0.1/" + provider, "direct:chat" + provider + "?x=1"));
    }
    for (String name : names) {
      Sealed.ask(Wire.post(CHAT, Gateway.request(name, "hi").toString())).isError(400, 404);
      Sealed.ask(Wire.post("/v1/route", Gateway.request(name, "hi").toString())).isError(400, 404);
    }
    assertThat(Sealed.PROVIDER.calls() + Sealed.GEMINI.calls()).isZero();

    Wire.Answer odd = Sealed.ask(Wire.post(CHAT, Gateway.request("gemini/tuned@x:y+z", "hi").toString()));
    if (odd.status() == 200) {
      assertThat(Sealed.GEMINI.last().path()).startsWith("/v1beta/models/tuned%40x%3Ay%2Bz:generateContent");
    } else {
      odd.isError(404, 422);
    }
  }

  @Tag("X3")
  @Test
  void redirects_of_a_provider_are_not_followed() throws IOException {
    for (int status : new int[] {301, 302, 303, 307, 308}) {
      Sealed.TESTY.redirect = status;
      Sealed.ask(Wire.post(CHAT, Gateway.request("groq/llama-3.3-70b-versatile", "hi").put("stream", status == 302).toString())).isError(502, 503, 504);
    }
    assertThat(Sealed.TESTY.elsewhere).hasValue(0);
  }

  @Tag("X3")
  @Test
  void no_url_that_a_request_names_is_fetched() throws IOException {
    String trap = Sealed.TESTY.url().replace("/v1", "/elsewhere");
    for (String model : List.of("openai/gpt-4o", "gemini/gemini-3.5-flash-lite", "sandbox/echo", "groq/llama-3.3-70b-versatile")) {
      for (String part : List.of("{\"type\":\"image_url\",\"image_url\":{\"url\":\"" + trap + "/x.png\"}}", "{\"type\":\"file\",\"file\":{\"file_data\":\"" + trap + "/x.pdf\"}}",
          "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"" + trap + "\",\"format\":\"wav\"}}")) {
        Wire.Answer answer = Sealed.ask(Wire.post(CHAT, "{\"model\":\"" + model + "\",\"base_url\":\"" + trap + "\",\"webhook\":\"" + trap + "\",\"messages\":[{\"role\":\"user\",\"content\":[" + part + "]}]}"));
        assertThat(answer.status()).as("%s %s: %s", model, part, answer).isIn(200, 400, 422);
      }
    }
    assertThat(Sealed.TESTY.elsewhere).hasValue(0);
  }

  @Tag("X1")
  @Test
  void headers_of_a_provider_do_not_reach_the_caller() throws IOException {
    Wire.Answer answer = Sealed.ask(Wire.post(CHAT, Gateway.request("groq/llama-3.3-70b-versatile", "hi").toString()));
    assertThat(answer.status()).isEqualTo(200);
    assertThat(TO_CALLER).containsAll(answer.headers().keySet());
    assertThat(answer.toString()).doesNotContain(MARK);
    assertThat(answer.header("x-request-id")).startsWith("req-");
  }

  @Tag("X1")
  @Test
  void a_callers_key_and_id_do_not_travel_to_a_provider() throws IOException {
    unmoved(Sealed.ask(Wire.post(CHAT, Sealed.chat("hi"), "Authorization: Bearer " + MARK, "X-Request-Id: " + MARK, "traceparent: " + MARK, "User-Agent: " + MARK, "OpenAI-Organization: " + MARK, "Accept: " + MARK,
        "anthropic-beta: " + MARK)), "ordinary headers", false);
  }

  @Tag("X1")
  @Tag("X2")
  @Test
  void a_route_of_the_host_application_steers_nothing_by_headers_or_variables_either() {
    CamelContext camel = Sealed.GATEWAY.bean(CamelContext.class);
    for (String name : NAMES) {
      Exchange exchange = camel.getEndpoint("direct:chat").createExchange();
      exchange.getMessage().setBody(Sealed.chat("hi"));
      exchange.getMessage().setHeader(name, "http://" + MARK + "/?k={{env:PATH}}");
      for (String learned : List.of("answer", "bill", "caller", "candidates", "request", "provider", "found", "reservation", "recollection")) {
        exchange.setVariable(learned, MARK);
      }
      try (ProducerTemplate template = camel.createProducerTemplate()) {
        template.send("direct:chat", exchange);
      } catch (IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
      assertThat(exchange.getException()).as(name).isNull();
      assertThat(TO_CALLER).as(name).containsAll(exchange.getMessage().getHeaders().keySet());
      assertThat(exchange.getMessage().getHeaders().toString()).as(name).doesNotContain(MARK);
      assertThat(Sealed.PROVIDER.calls()).as(name).isEqualTo(1);
      FakeProvider.Call call = Sealed.PROVIDER.last();
      assertThat(call.path()).isEqualTo("/v1/chat/completions");
      assertThat(TO_PROVIDER).containsAll(call.headers().keySet());
      assertThat(call.headers() + call.toString()).doesNotContain(MARK);
      Sealed.PROVIDER.reset();
    }
  }

  @Test
  void the_variables_that_routes_set_are_all_forgotten_at_the_ingress() throws Exception {
    var field = io.dromedary.camel.Ingress.class.getDeclaredField("LEARNED");
    field.setAccessible(true);
    Set<String> set = new java.util.TreeSet<>();
    try (var files = java.nio.file.Files.list(java.nio.file.Path.of("routes"))) {
      for (var file : files.toList()) {
        for (String line : java.nio.file.Files.readAllLines(file)) {
          if (line.strip().startsWith("variableReceive: ")) {
            set.add(line.strip().substring(17));
          }
        }
      }
    }
    assertThat((List<?>) field.get(null)).as("every variable that a route sets must be named in Ingress.LEARNED").asInstanceOf(org.assertj.core.api.InstanceOfAssertFactories.LIST).containsAll(set);
  }

  @Tag("X6")
  @Test
  void the_project_header_of_an_open_gateway_is_a_name_and_nothing_else() throws IOException {
    assertThat(Sealed.ask(Wire.post(CHAT, Sealed.sandbox("x"), "x-dromedary-project: team-a")).status()).isEqualTo(200);
    for (String bad : List.of("a b", "../x", "${env.PATH}", "a".repeat(65), "a'; drop table requests; --", "\u00e4")) {
      Sealed.ask(Wire.post(CHAT, Sealed.sandbox("x"), "x-dromedary-project: " + bad)).isError(400);
    }
  }
}
