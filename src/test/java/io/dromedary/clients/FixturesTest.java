package io.dromedary.clients;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.OpenAiSchema;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Every fixture of every wire format (answers, streams, errors) said by a provider to the whole gateway: what the client reads is what OpenAI's schemas say. */
class FixturesTest {
  private static final Path HOME = Path.of("src/test/resources/wire");
  private static final Map<String, FakeProvider> FAKES = new LinkedHashMap<>();
  private static Gateway gateway;

  @BeforeAll
  static void start() throws IOException {
    Gateway.Setup setup = Gateway.bare().set("dromedary.cache.enabled", false).set("dromedary.failover.max-retries", 0);
    try (Stream<Path> providers = Files.list(HOME)) {
      for (Path provider : providers.filter(Files::isDirectory).sorted().toList()) {
        String name = provider.getFileName().toString();
        FakeProvider fake = FakeProvider.speaking(name, 0);
        FAKES.put(name, fake);
        setup.and(name, fake);
      }
    }
    gateway = setup.start();
    await().atMost(Duration.ofSeconds(20)).until(() -> gateway.chat("ollama/llama3.1", "are you there?").status() == 200);
  }

  @AfterAll
  static void stop() {
    gateway.close();
    FAKES.values().forEach(FakeProvider::close);
  }

  private static List<Path> files(String like) throws IOException {
    try (Stream<Path> files = Files.walk(HOME)) {
      return files.filter(file -> file.getFileName().toString().matches(like)).sorted().toList();
    }
  }

  private static String provider(Path file) {
    return HOME.relativize(file).getName(0).toString();
  }

  /** The fixture's own request, to that provider's model. */
  private static ObjectNode request(Path file, boolean stream) throws IOException {
    Path own = file.resolveSibling("request.json");
    ObjectNode request = Files.exists(own) ? (ObjectNode) Json.read(Files.readAllBytes(own)) : Gateway.request("m", "hello");
    request.put("model", provider(file) + "/" + request.path("model").asText("m")).put("stream", stream);
    if (!stream) {
      request.remove("stream_options");
    }
    return request;
  }

  private static ObjectNode plain(Path file, boolean stream) {
    return Gateway.request(provider(file) + "/m", "hello").put("stream", stream);
  }

  private static FakeProvider saying(Path file, int status, String type, String headers, byte[] body) {
    gateway.bean(CircuitBreakerRegistry.class).getAllCircuitBreakers().forEach(CircuitBreaker::reset);
    ByteArrayOutputStream answer = new ByteArrayOutputStream();
    answer.writeBytes(("HTTP/1.1 " + status + " X\r\nContent-Type: " + type + "\r\nContent-Length: " + body.length + "\r\n" + headers + "\r\n").getBytes(ISO_8859_1));
    answer.writeBytes(body);
    return FAKES.get(provider(file)).reset().by((call, wire) -> {
      wire.send(answer.toByteArray());
      return true;
    });
  }

  private static List<DynamicTest> tests(List<Path> files, Check check) {
    List<DynamicTest> tests = new ArrayList<>();
    files.forEach(file -> tests.add(dynamicTest(HOME.relativize(file).toString(), () -> check.of(file))));
    return tests;
  }

  private interface Check {
    void of(Path file) throws Exception;
  }

  @TestFactory
  @Tag("D14")
  List<DynamicTest> a_whole_answer_conforms() throws IOException {
    return tests(files("answer\\.json"), file -> {
      FakeProvider fake = saying(file, 200, "application/json", "", Files.readAllBytes(file));
      Gateway.Answer answer = gateway.chat(request(file, false));
      OpenAiSchema.assertConforms(answer);
      if (fake.calls() == 0) {
        // the gateway or the wire format refuses the fixture's own request; the provider's answer must conform all the same
        answer = gateway.chat(plain(file, false));
        OpenAiSchema.assertConforms(answer);
      }
      assertThat(fake.calls()).as(answer.text()).isEqualTo(1);
      assertThat(answer.status()).as(answer.text()).isNotEqualTo(500);
    });
  }

  @TestFactory
  @Tag("D14")
  List<DynamicTest> a_stream_conforms_chunk_by_chunk() throws IOException {
    return tests(files("stream\\.txt"), file -> {
      String type = provider(file).equals("ollama") ? "application/x-ndjson" : "text/event-stream";
      FakeProvider fake = saying(file, 200, type, "", Files.readAllBytes(file));
      for (boolean usage : List.of(false, true)) {
        ObjectNode request = request(file, true);
        request.putObject("stream_options").put("include_usage", usage);
        int before = fake.calls();
        Gateway.Streamed stream = gateway.stream(request);
        if (fake.calls() == before) {
          stream = gateway.stream(plain(file, true).set("stream_options", request.get("stream_options")));
        }
        OpenAiSchema.assertConforms(stream);
        assertThat(stream.usage().isObject()).as(stream.raw()).isEqualTo(usage && stream.done());
        assertThat(stream.status()).as(stream.raw()).isNotEqualTo(500);
      }
      assertThat(fake.calls()).isEqualTo(2);
    });
  }

  @TestFactory
  @Tag("T8")
  List<DynamicTest> an_error_conforms_whole_and_streamed() throws IOException {
    return tests(files("error-\\d.*\\.json"), file -> {
      JsonNode fixture = Json.read(Files.readAllBytes(file));
      StringBuilder headers = new StringBuilder();
      fixture.path("headers").properties().stream().filter(header -> !header.getKey().equalsIgnoreCase("content-type"))
          .forEach(header -> headers.append(header.getKey()).append(": ").append(header.getValue().asText()).append("\r\n"));
      byte[] body = fixture.path("body").isTextual() ? fixture.path("body").textValue().getBytes(UTF_8) : Json.bytes(fixture.path("body"));
      int status = Integer.parseInt(file.getFileName().toString().substring(6, 9));
      for (boolean stream : List.of(false, true)) {
        saying(file, status, "application/json", headers.toString(), body);
        Gateway.Answer answer = gateway.chat(request(file, stream));
        assertThat(answer.status()).as(answer.text()).isBetween(400, 599).isNotEqualTo(401).isNotEqualTo(500);
        OpenAiSchema.assertConforms(answer);
      }
    });
  }

  @Test
  void the_list_of_models_conforms() {
    OpenAiSchema.assertModels(gateway.get("/v1/models").json());
  }
}
