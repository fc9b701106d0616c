package io.dromedary.provider;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Capability;
import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ChatResponse;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.Usage;
import io.dromedary.chat.UsageJson;
import io.dromedary.testing.RequestRules;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.function.Executable;

/**
 * What every provider's wire format must do. A provider is proved by fixtures in {@code src/test/resources/wire/<provider>/<case>/}:
 *
 * <ul>
 *   <li>{@code request.json}: what the client asks; its {@code model} is the provider's name for it. The request's id is {@code r1}, received at 1795218700
 *   <li>{@code upstream.json}: what goes out; or {@code problem.json}: {@code {"status", "param"}} where it cannot
 *   <li>{@code dropped.json}: the names of dropped parameters; none when there is no such file
 *   <li>{@code model.json}: {@code {"traits": {}, "without": ["REASONING"], "maxOutputTokens": 0}}; a model that can do all when there is no such file
 *   <li>{@code answer.json}, {@code stream.txt}: what the provider answers; with {@code expected.json}: the whole canonical answer, or for a stream alone the list of its chunks,
 *       or {@code {"failure": kind}} where it is none
 *   <li>{@code usage.json}: the canonical usage of a stream alone
 *   <li>{@code error-<status>[-why].json}: {@code {"headers": {}, "body": JSON or text, "expected": {"kind", "code", "param", "message" (a part), "retryAfterMs"}}}
 * </ul>
 */
public abstract class ProviderContract {
  private static final Instant RECEIVED = Instant.ofEpochSecond(1_795_218_700L);
  private static final int CUTS = 25;
  private static final int ODD_TRIES = 300;
  private static final String[] ODD = {"null", "true", "-1", "1e999999999", "\"\"", "\"x\"", "[]", "{}", "[null]", "[[1]]", "{\"type\":\"text\"}", "{\"type\":null}"};

  /** The folder's name and the provider's id. */
  protected abstract String provider();

  protected abstract WireFormat format();

  /** The stream of a case as bytes: {@code stream.txt} as it stands, where the framing is text. */
  protected byte[] stream(Path dir) throws IOException {
    return Files.readAllBytes(dir.resolve("stream.txt"));
  }

  @Tag("T1")
  @TestFactory Stream<DynamicTest> a_request_goes_out_in_the_providers_language() {
    return cases(dir -> has(dir, "upstream.json"), dir -> {
      ChatRequest request = request(dir);
      String before = Json.text(request.json());
      WireFormat.Outgoing out = format().write(request, model(dir, request));
      assertThat(Json.text(sorted(Json.read(out.body())))).isEqualTo(Json.text(sorted(read(dir, "upstream.json"))));
      assertThat(RequestRules.complaint(provider(), request.model(), Json.read(out.body()))).as("what the real service says of %s", new String(out.body(), UTF_8)).isNull();
      assertThat(out.dropped()).containsExactlyInAnyOrderElementsOf(has(dir, "dropped.json") ? texts(read(dir, "dropped.json")) : List.of());
      assertThat(Json.text(request.json())).as("the client's own JSON is not touched").isEqualTo(before);
      assertThat(out.path()).startsWith("/").doesNotContain(" ");
    });
  }

  @Tag("T5")
  @TestFactory Stream<DynamicTest> a_request_that_it_cannot_serve_is_a_problem_that_names_the_parameter() {
    return cases(dir -> has(dir, "problem.json"), dir -> {
      ChatRequest request = request(dir);
      JsonNode expected = read(dir, "problem.json");
      assertThatThrownBy(() -> format().write(request, model(dir, request))).isInstanceOfSatisfying(Problem.class, problem -> {
        assertThat(problem.status()).isEqualTo(expected.path("status").asInt());
        assertThat(problem.param()).isEqualTo(expected.path("param").asText());
      });
    });
  }

  @Tag("M7")
  @Tag("T7")
  @TestFactory Stream<DynamicTest> a_whole_answer_comes_back_canonical() {
    return cases(dir -> has(dir, "answer.json"), dir -> {
      ChatRequest request = request(dir);
      JsonNode expected = read(dir, "expected.json");
      byte[] answer = Files.readAllBytes(dir.resolve("answer.json"));
      if (expected.has("failure")) {
        assertThat(kindOf(catchThrowable(() -> format().read(request, model(dir, request), answer)))).isEqualTo(expected.path("failure").asText());
        return;
      }
      ChatResponse response = format().read(request, model(dir, request), answer);
      assertThat(Json.text(sorted(response.json()))).isEqualTo(Json.text(sorted(expected)));
      hygienic(response);
    });
  }

  @Tag("S2")
  @TestFactory Stream<DynamicTest> a_stream_comes_back_as_canonical_chunks() {
    return cases(dir -> has(dir, "stream.txt"), dir -> {
      JsonNode expected = read(dir, "expected.json");
      byte[] bytes = stream(dir);
      if (expected.has("failure")) {
        assertThat(kindOf(catchThrowable(() -> pull(dir, new ByteArrayInputStream(bytes))))).isEqualTo(expected.path("failure").asText());
        return;
      }
      Pulled pulled = pull(dir, new ByteArrayInputStream(bytes));
      hygienic(pulled.chunks, model(dir, request(dir)).provider());
      if (expected.isArray()) {
        assertThat(pulled.chunks.stream().map(chunk -> Json.text(sorted(chunk)))).containsExactlyElementsOf(stream(expected).map(chunk -> Json.text(sorted(chunk))).toList());
      } else {
        assertThat(Json.text(sorted(join(pulled.chunks)))).isEqualTo(Json.text(sorted(essence(expected))));
      }
    });
  }

  @Tag("M8")
  @TestFactory Stream<DynamicTest> a_stream_uses_what_the_whole_answer_uses() {
    return cases(dir -> has(dir, "stream.txt") && read(dir, "expected.json").has("usage"), dir -> {
      Usage streamed = pull(dir, new ByteArrayInputStream(stream(dir))).usage;
      assertThat(streamed).isNotNull();
      if (has(dir, "answer.json")) {
        ChatRequest request = request(dir);
        assertThat(streamed).isEqualTo(format().read(request, model(dir, request), Files.readAllBytes(dir.resolve("answer.json"))).usage());
      }
      JsonNode usage = read(dir, "expected.json").path("usage");
      assertThat(streamed.input()).isEqualTo(usage.path("prompt_tokens").asLong());
      assertThat(streamed.output()).isEqualTo(usage.path("completion_tokens").asLong());
    });
  }

  @Tag("M7")
  @Tag("M8")
  @TestFactory Stream<DynamicTest> a_stream_knows_its_usage() {
    return cases(dir -> has(dir, "usage.json"), dir -> {
      Usage streamed = pull(dir, new ByteArrayInputStream(stream(dir))).usage;
      assertThat(streamed).isNotNull();
      assertThat(Json.text(sorted(UsageJson.write(streamed)))).isEqualTo(Json.text(sorted(read(dir, "usage.json"))));
    });
  }

  @Tag("S1")
  @TestFactory Stream<DynamicTest> whatever_the_chunking_the_stream_is_the_same() {
    return cases(dir -> has(dir, "stream.txt") && !read(dir, "expected.json").has("failure"), dir -> {
      byte[] bytes = stream(dir);
      Pulled whole = pull(dir, new ByteArrayInputStream(bytes));
      for (int seed = 0; seed < CUTS; seed++) {
        Pulled cut = pull(dir, new FrameReaderTest.Cut(bytes, new Random(seed), seed % 3 == 0 ? 1 : 40));
        assertThat(cut.chunks.toString()).as("seed %d", seed).isEqualTo(whole.chunks.toString());
        assertThat(cut.usage).isEqualTo(whole.usage);
      }
    });
  }

  @Tag("S3")
  @TestFactory Stream<DynamicTest> a_stream_that_breaks_off_before_its_finish_is_cut() {
    return cases(dir -> has(dir, "stream.txt") && !read(dir, "expected.json").has("failure"), dir -> {
      ChatRequest request = request(dir);
      StreamDecoder decoder = format().decoder(request, model(dir, request));
      FrameReader frames = new FrameReader(new ByteArrayInputStream(stream(dir)), format().framing(), provider());
      boolean finished = false;
      for (Frame frame = frames.next(); frame != null; frame = frames.next()) {
        if (!finished) {
          assertThat(decoder.complete() || decoder.wholeAtEnd()).as("before frame %s", new String(frame.data(), UTF_8)).isFalse();
        }
        for (ObjectNode chunk : decoder.accept(frame.event(), frame.data())) {
          finished |= !chunk.at("/choices/0/finish_reason").isNull();
        }
        finished |= decoder.complete();
      }
      assertThat(decoder.wholeAtEnd()).isTrue();
    });
  }

  @Tag("T8")
  @TestFactory Stream<DynamicTest> an_error_becomes_a_failure_of_the_right_kind() {
    try (Stream<Path> files = Files.walk(home())) {
      return files.filter(file -> Files.isRegularFile(file) && file.getFileName().toString().startsWith("error-")).sorted().map(file -> dynamicTest(home().relativize(file).toString(), () -> {
        int status = Integer.parseInt(file.getFileName().toString().substring(6, 9));
        JsonNode fixture = Json.read(Files.readAllBytes(file));
        Map<String, String> headers = new HashMap<>();
        fixture.path("headers").properties().forEach(header -> headers.put(header.getKey(), header.getValue().asText()));
        byte[] body = fixture.path("body").isTextual() ? fixture.path("body").textValue().getBytes(UTF_8) : Json.bytes(fixture.path("body"));
        ProviderFailure failure = format().failure(provider(), new WireFormat.Incoming(status, headers, body));
        JsonNode expected = fixture.path("expected");
        assertThat(failure.kind().name()).isEqualTo(expected.path("kind").asText());
        assertThat(failure.code()).isEqualTo(expected.path("code").isTextual() ? expected.path("code").textValue() : null);
        assertThat(failure.param()).isEqualTo(expected.path("param").isTextual() ? expected.path("param").textValue() : null);
        assertThat(failure.getMessage()).contains(expected.path("message").asText()).isNotBlank();
        assertThat(failure.retryAfter()).isEqualTo(expected.has("retryAfterMs") ? Duration.ofMillis(expected.path("retryAfterMs").asLong()) : null);
        assertThat(failure.provider()).isEqualTo(provider());
        assertThat(failure.providerStatus()).isEqualTo(status);
      })).toList().stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Tag("T8")
  @Test void whatever_an_error_says_reading_it_does_not_fail() {
    Random random = new Random(7);
    List<byte[]> bodies = new ArrayList<>(List.of(new byte[0], "null".getBytes(UTF_8), "[]".getBytes(UTF_8), "[[]]".getBytes(UTF_8), "\"x\"".getBytes(UTF_8), "{\"error\":null}".getBytes(UTF_8),
        "{\"error\":{\"code\":{},\"message\":[],\"details\":7}}".getBytes(UTF_8), "{\"error\":[1]}".getBytes(UTF_8), "<html>502</html>".getBytes(UTF_8), "{\"detail\":[1]}".getBytes(UTF_8)));
    for (int i = 0; i < 20; i++) {
      byte[] noise = new byte[random.nextInt(40)];
      random.nextBytes(noise);
      bodies.add(noise);
    }
    for (int status : new int[] {301, 400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 529}) {
      for (byte[] body : bodies) {
        ProviderFailure failure = format().failure(provider(), new WireFormat.Incoming(status, Map.of("retry-after", "soon", "retry-after-ms", "NaN"), body));
        assertThat(failure.getMessage()).isNotBlank();
        assertThat(failure.retryAfter()).isNull();
        assertThat(failure.kind().countsAgainstProvider()).as("status %d", status).isEqualTo(status == 301 || status == 408 || status == 429 || status >= 500);
      }
    }
  }

  @Tag("T8")
  @Test void a_200_that_is_no_answer_is_told_apart() {
    ChatRequest request = new ChatRequest("r1", Json.readStrictly("{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}".getBytes(UTF_8)), Map.of(), RECEIVED, RECEIVED.plusSeconds(60));
    Model model = Model.unlisted(provider(), "m");
    for (String junk : List.of("", " ", "null", "[]", "7", "\"x\"", "{}", "{\"a\":1}", "<!doctype html>", "{\"id\":\"x\",\"choices\":[{\"ind", "{\"choices\":[7]}", "{\"choices\":{}}", "{\"message\":7}")) {
      assertThat(catchThrowable(() -> format().read(request, model, junk.getBytes(UTF_8)))).as(junk).isInstanceOfAny(IOException.class, ProviderFailure.class);
    }
    for (String junk : List.of("null", "[]", "7", "\"x\"", "<!doctype html>", "{\"id\":\"x\",\"choices\":[{\"ind")) {
      assertThat(catchThrowable(() -> format().decoder(request, model).accept(null, junk.getBytes(UTF_8)))).as(junk).isInstanceOfAny(IOException.class, ProviderFailure.class);
    }
  }

  @Tag("T8")
  @TestFactory Stream<DynamicTest> odd_requests_are_the_clients_fault() {
    return cases(dir -> true, dir -> {
      ObjectNode json = request(dir).json();
      Model model = model(dir, request(dir));
      Random random = new Random(42);
      for (int i = 0; i < ODD_TRIES; i++) {
        ObjectNode odd = json.deepCopy();
        oddly(odd, random);
        if (!(odd.path("messages") instanceof ArrayNode)) {
          continue; // the reader at the door checks this
        }
        try {
          Json.readStrictly(format().write(request(odd), model).body());
        } catch (Problem problem) {
          assertThat(problem.status()).isEqualTo(400);
          assertThat(problem.param()).isNotNull();
        }
      }
    });
  }

  @Tag("T8")
  @TestFactory Stream<DynamicTest> odd_answers_are_the_providers_fault() {
    return cases(dir -> has(dir, "answer.json"), dir -> {
      ChatRequest request = request(dir);
      Model model = model(dir, request);
      byte[] answer = Files.readAllBytes(dir.resolve("answer.json"));
      Random random = new Random(42);
      for (int i = 0; i < ODD_TRIES; i++) {
        JsonNode odd = Json.read(answer);
        oddly(odd, random);
        try {
          hygienic(format().read(request, model, Json.bytes(odd)));
        } catch (IOException | ProviderFailure agreed) {
          assertThat(agreed.getMessage()).isNotNull();
        }
        assertThat(format().failure(provider(), new WireFormat.Incoming(400 + random.nextInt(200), Map.of("retry-after", "x"), Json.bytes(odd))).getMessage()).isNotEmpty();
      }
    });
  }

  @Tag("T8")
  @TestFactory Stream<DynamicTest> odd_frames_are_the_providers_fault() {
    return cases(dir -> has(dir, "stream.txt"), dir -> {
      ChatRequest request = request(dir);
      Model model = model(dir, request);
      byte[] stream = stream(dir);
      Random random = new Random(42);
      for (int i = 0; i < ODD_TRIES; i++) {
        StreamDecoder decoder = format().decoder(request, model);
        List<ObjectNode> chunks = new ArrayList<>();
        FrameReader frames = new FrameReader(new ByteArrayInputStream(stream), format().framing(), provider());
        for (Frame frame = frames.next(); frame != null; frame = frames.next()) {
          byte[] data = frame.data();
          if (random.nextInt(4) == 0 && data.length > 0 && data[0] == '{') {
            JsonNode odd = Json.read(data);
            oddly(odd, random);
            data = Json.bytes(odd);
          }
          try {
            chunks.addAll(decoder.accept(frame.event(), data));
          } catch (IOException | ProviderFailure agreed) {
            assertThat(agreed.getMessage()).isNotNull();
          }
        }
        if (!chunks.isEmpty()) {
          WireSamples.checkEnvelope(chunks, provider());
        }
        assertThat(chunks.stream().flatMap(chunk -> stream(chunk.path("choices"))).filter(choice -> choice.hasNonNull("finish_reason")).map(choice -> choice.path("index"))).doesNotHaveDuplicates();
      }
    });
  }

  @Tag("X7")
  @Test void a_key_is_in_a_header_or_there_is_none() {
    assertThat(format().authentication("")).isEmpty();
    assertThat(format().authentication("k3y").values()).filteredOn(value -> value.endsWith("k3y")).hasSize(1);
  }

  @Test void there_are_fixtures() {
    assertThat(home()).isDirectory();
    assertThat(dirs()).isNotEmpty();
  }

  // ---- how chunks are read --------------------------------------------------------------------------------------------------------------------------------------------------------------------

  private record Pulled(List<ObjectNode> chunks, @Nullable Usage usage) {}

  private Pulled pull(Path dir, InputStream in) throws IOException {
    ChatRequest request = request(dir);
    StreamDecoder decoder = format().decoder(request, model(dir, request));
    FrameReader frames = new FrameReader(in, format().framing(), provider());
    List<ObjectNode> chunks = new ArrayList<>();
    while (!decoder.complete()) {
      Frame frame = frames.next();
      if (frame == null) {
        if (!decoder.wholeAtEnd()) {
          throw ProviderFailure.of(ProviderFailure.Kind.JUNK, provider(), "the stream was cut");
        }
        break;
      }
      chunks.addAll(decoder.accept(frame.event(), frame.data()));
    }
    return new Pulled(chunks, decoder.usage());
  }

  private static void hygienic(ChatResponse response) {
    ObjectNode json = response.json();
    assertThat(json.path("id").asText()).isNotEmpty();
    assertThat(json.path("object").asText()).isEqualTo("chat.completion");
    assertThat(json.path("created").longValue()).isPositive();
    assertThat(json.path("model").asText()).contains("/");
    assertThat(json.path("usage").path("prompt_tokens").asLong()).isEqualTo(response.usage().input());
    assertThat(json.path("usage").path("completion_tokens").asLong()).isEqualTo(response.usage().output());
    assertThat(json.path("usage").path("total_tokens").asLong()).isEqualTo(response.usage().total());
    assertThat(json.path("usage").path("prompt_tokens_details").path("cached_tokens").asLong()).isEqualTo(response.usage().cacheRead());
    assertThat(json.path("usage").path("completion_tokens_details").path("reasoning_tokens").asLong()).isEqualTo(response.usage().reasoning());
    assertThat(json.path("choices")).isNotEmpty();
    for (JsonNode choice : json.path("choices")) {
      assertThat(choice.path("index").isInt() && choice.has("logprobs")).isTrue();
      assertThat(choice.path("finish_reason").asText()).isIn("stop", "length", "tool_calls", "content_filter", "function_call");
      assertThat(choice.path("message").path("role").asText()).isEqualTo("assistant");
      assertThat(choice.path("message").has("content") && choice.path("message").has("refusal")).isTrue();
    }
  }

  private static void hygienic(List<ObjectNode> chunks, String provider) {
    assertThat(chunks).isNotEmpty();
    ObjectNode first = chunks.get(0);
    Set<Integer> begun = new HashSet<>();
    Set<Integer> finished = new HashSet<>();
    Set<String> calls = new HashSet<>();
    for (ObjectNode chunk : chunks) {
      for (String field : List.of("id", "object", "created", "model")) {
        assertThat(chunk.get(field)).isNotNull().isEqualTo(first.get(field));
      }
      assertThat(chunk.path("object").asText()).isEqualTo("chat.completion.chunk");
      assertThat(chunk.path("model").asText()).startsWith(provider + "/");
      assertThat(chunk.has("usage")).isFalse();
      assertThat(chunk.path("choices")).isNotEmpty();
      for (JsonNode choice : chunk.path("choices")) {
        int index = choice.path("index").asInt(-1);
        JsonNode delta = choice.path("delta");
        assertThat(delta.isObject() && choice.has("finish_reason") && index >= 0).as(choice.toString()).isTrue();
        assertThat(delta.has("role")).as("the role comes first and once: %s", choice).isEqualTo(begun.add(index));
        for (JsonNode call : delta.path("tool_calls")) {
          assertThat(call.path("index").isInt()).isTrue();
          boolean begins = calls.add(index + "/" + call.path("index").asInt());
          assertThat(call.has("id")).as(call.toString()).isEqualTo(begins);
          assertThat(call.path("function").has("name")).isEqualTo(begins);
          assertThat(call.path("function").path("arguments").isTextual()).isTrue();
        }
        if (!choice.path("finish_reason").isNull()) {
          assertThat(finished.add(index)).as("one finish").isTrue();
          assertThat(delta.size()).as("the finish says nothing: %s", choice).isEqualTo(delta.has("role") ? 1 : 0);
        }
      }
    }
    assertThat(finished).isEqualTo(begun);
  }

  /** What a stream of one choice said. */
  private static ObjectNode join(List<ObjectNode> chunks) {
    Map<String, StringBuilder> texts = new TreeMap<>();
    Map<Integer, ObjectNode> calls = new TreeMap<>();
    ObjectNode joined = Json.object();
    for (ObjectNode chunk : chunks) {
      JsonNode choice = chunk.path("choices").path(0);
      for (String field : List.of("content", "reasoning_content", "refusal")) {
        if (choice.path("delta").path(field).isTextual()) {
          texts.computeIfAbsent(field, f -> new StringBuilder()).append(choice.path("delta").path(field).textValue());
        }
      }
      for (JsonNode piece : choice.path("delta").path("tool_calls")) {
        ObjectNode call = calls.computeIfAbsent(piece.path("index").asInt(), i -> Json.object().put("arguments", ""));
        if (piece.has("id")) {
          call.put("id", piece.path("id").asText()).put("name", piece.path("function").path("name").asText());
        }
        call.put("arguments", call.path("arguments").asText() + piece.path("function").path("arguments").asText());
      }
      if (!choice.path("finish_reason").isNull()) {
        joined.put("finish_reason", choice.path("finish_reason").asText());
      }
    }
    texts.forEach((field, text) -> {
      if (!text.isEmpty()) {
        joined.put(field, text.toString());
      }
    });
    if (!calls.isEmpty()) {
      joined.putArray("tool_calls").addAll(calls.values());
    }
    return joined;
  }

  /** The same of a whole answer. */
  private static ObjectNode essence(JsonNode whole) {
    JsonNode choice = whole.path("choices").path(0);
    ObjectNode essence = Json.object().put("finish_reason", choice.path("finish_reason").asText());
    for (String field : List.of("content", "reasoning_content", "refusal")) {
      if (!choice.path("message").path(field).asText("").isEmpty() && choice.path("message").path(field).isTextual()) {
        essence.set(field, choice.path("message").path(field));
      }
    }
    if (choice.path("message").has("tool_calls")) {
      ArrayNode calls = essence.putArray("tool_calls");
      for (JsonNode call : choice.path("message").path("tool_calls")) {
        calls.addObject().put("id", call.path("id").asText()).put("name", call.path("function").path("name").asText()).put("arguments", call.path("function").path("arguments").asText());
      }
    }
    return essence;
  }

  private static String kindOf(@Nullable Throwable thrown) {
    return thrown instanceof ProviderFailure failure ? failure.kind().name() : thrown instanceof IOException ? "JUNK" : String.valueOf(thrown);
  }

  /** Puts something odd at a random place. */
  private static void oddly(JsonNode root, Random random) throws IOException {
    JsonNode at = root;
    while (true) {
      if (at.isEmpty()) {
        return;
      }
      int which = random.nextInt(at.size());
      JsonNode child;
      if (at instanceof ObjectNode object) {
        String name = new ArrayList<>(object.properties()).get(which).getKey();
        child = object.get(name);
        if (!child.isContainerNode() || child.isEmpty() || random.nextInt(4) == 0) {
          object.set(name, Json.read(ODD[random.nextInt(ODD.length)]));
          return;
        }
      } else {
        child = at.get(which);
        if (!child.isContainerNode() || child.isEmpty() || random.nextInt(4) == 0) {
          ((ArrayNode) at).set(which, Json.read(ODD[random.nextInt(ODD.length)]));
          return;
        }
      }
      at = child;
    }
  }

  // ---- how fixtures are found -----------------------------------------------------------------------------------------------------------------------------------------------------------------

  private interface CaseTest {
    void run(Path dir) throws Throwable;
  }

  private Stream<DynamicTest> cases(Predicate<Path> fits, CaseTest test) {
    List<DynamicTest> tests = new ArrayList<>();
    for (Path dir : dirs()) {
      if (fits.test(dir)) {
        Executable run = () -> test.run(dir);
        tests.add(dynamicTest(dir.getFileName().toString(), dir.toUri(), run));
      }
    }
    return tests.stream();
  }

  private Path home() {
    return Path.of("src/test/resources/wire", provider());
  }

  private List<Path> dirs() {
    try (Stream<Path> dirs = Files.list(home())) {
      return dirs.filter(dir -> has(dir, "request.json")).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean has(Path dir, String file) {
    return Files.exists(dir.resolve(file));
  }

  private static JsonNode read(Path dir, String file) {
    try {
      return Json.read(Files.readAllBytes(dir.resolve(file)));
    } catch (IOException e) {
      throw new UncheckedIOException(dir.resolve(file).toString(), e);
    }
  }

  private static ChatRequest request(Path dir) throws IOException {
    return request(Json.readStrictly(Files.readAllBytes(dir.resolve("request.json"))));
  }

  private static ChatRequest request(ObjectNode json) {
    return new ChatRequest("r1", json, Map.of(), RECEIVED, RECEIVED.plusSeconds(60));
  }

  private Model model(Path dir, ChatRequest request) {
    JsonNode facts = has(dir, "model.json") ? read(dir, "model.json") : Json.object();
    Map<String, String> traits = new HashMap<>();
    facts.path("traits").properties().forEach(trait -> traits.put(trait.getKey(), trait.getValue().asText()));
    EnumSet<Capability> capabilities = EnumSet.allOf(Capability.class);
    texts(facts.path("without")).forEach(name -> capabilities.remove(Capability.valueOf(name)));
    return new Model(provider() + "/" + request.model(), provider(), request.model(), "chat", List.of(), 0, facts.path("maxOutputTokens").asLong(0), capabilities, 0.5, 1_000, Set.of(), List.of(), traits, true);
  }

  private static Stream<JsonNode> stream(JsonNode array) {
    List<JsonNode> nodes = new ArrayList<>();
    array.forEach(nodes::add);
    return nodes.stream();
  }

  private static List<String> texts(JsonNode array) {
    return stream(array).map(JsonNode::asText).toList();
  }

  /** With keys in order, so that a difference reads well. */
  private static JsonNode sorted(JsonNode node) {
    if (node.isObject()) {
      TreeMap<String, JsonNode> fields = new TreeMap<>();
      node.properties().forEach(field -> fields.put(field.getKey(), sorted(field.getValue())));
      ObjectNode copy = Json.object();
      copy.setAll(fields);
      return copy;
    }
    if (node.isArray()) {
      ArrayNode copy = Json.array();
      node.forEach(each -> copy.add(sorted(each)));
      return copy;
    }
    return node;
  }
}
