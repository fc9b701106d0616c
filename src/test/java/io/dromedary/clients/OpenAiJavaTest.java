package io.dromedary.clients;

import static io.dromedary.testing.Gateway.request;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.core.MultipartField;
import com.openai.core.http.HttpResponse;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.errors.InternalServerException;
import com.openai.errors.NotFoundException;
import com.openai.errors.OpenAIException;
import com.openai.errors.OpenAIIoException;
import com.openai.errors.OpenAIServiceException;
import com.openai.errors.RateLimitException;
import com.openai.errors.UnauthorizedException;
import com.openai.errors.UnprocessableEntityException;
import com.openai.helpers.ChatCompletionAccumulator;
import com.openai.models.FunctionDefinition;
import com.openai.models.FunctionParameters;
import com.openai.models.ResponseFormatJsonSchema;
import com.openai.models.batches.Batch;
import com.openai.models.batches.BatchCreateParams;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionContentPart;
import com.openai.models.chat.completions.ChatCompletionContentPartImage;
import com.openai.models.chat.completions.ChatCompletionContentPartText;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionMessageFunctionToolCall;
import com.openai.models.chat.completions.ChatCompletionStreamOptions;
import com.openai.models.chat.completions.ChatCompletionToolMessageParam;
import com.openai.models.embeddings.EmbeddingCreateParams;
import com.openai.models.files.FileCreateParams;
import com.openai.models.files.FileObject;
import com.openai.models.files.FilePurpose;
import com.openai.models.models.Model;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.FakeProvider.Call;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Mood;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerRegistry;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** OpenAI's own Java client against the gateway: the same code whoever answers. The providers are strict: a field that the real one does not know is a 400. */
@Timeout(60)
class OpenAiJavaTest {
  private static final String KEY = "dk-openai-java-0123456789abcdef0123456789";
  private static final String KEY_SHA256 = "94b286bb854a20e4d36774cf8f730e3a78e4dc8bc50e09d730fdc2c44836c12a";
  /** A PNG of one pixel. */
  private static final String IMAGE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
  private static final Map<String, FakeProvider> FAKES = new LinkedHashMap<>();

  private static Gateway gateway;
  private static OpenAIClient client;

  @BeforeAll
  static void start() {
    Gateway.Setup setup = Gateway.bare().set("dromedary.cache.enabled", false).set("dromedary.failover.max-retries", 0)
        .callers("projects: [{id: team-a, keys: [{id: ci, sha256: " + KEY_SHA256 + "}]}]");
    for (String provider : List.of("openai", "anthropic", "gemini", "ollama", "mistral", "deepseek", "groq", "azure", "bedrock")) {
      FakeProvider fake = FakeProvider.speaking(provider, 0).strict();
      FAKES.put(provider, fake);
      setup.and(provider, fake);
    }
    gateway = setup.start();
    client = OpenAIOkHttpClient.builder().baseUrl(gateway.url() + "/v1").apiKey(KEY).maxRetries(0).timeout(Duration.ofSeconds(20)).build();
    await().atMost(Duration.ofSeconds(20)).until(() -> gateway.chat(request("ollama/llama3.1", "are you there?"), "authorization", "Bearer " + KEY).status() == 200);
  }

  @AfterAll
  static void stop() {
    client.close();
    gateway.close();
    FAKES.values().forEach(FakeProvider::close);
  }

  @AfterEach
  void recover() {
    FAKES.values().forEach(fake -> fake.mood(Mood.WELL).says(5).callsTools().reset());
    gateway.bean(CircuitBreakerRegistry.class).getAllCircuitBreakers().forEach(CircuitBreaker::reset);
  }

  private static OpenAIClient client(String key, int retries, Duration timeout) {
    return client.withOptions(options -> options.apiKey(key).maxRetries(retries).timeout(timeout));
  }

  /** One model of each provider that can do all that is asked of it here. */
  static List<String> models() {
    return List.of("openai/gpt-4o", "anthropic/claude-sonnet-5", "gemini/gemini-2.5-flash", "ollama/llama3.1", "mistral/mistral-large-latest", "deepseek/deepseek-chat", "groq/openai/gpt-oss-120b",
        "azure/gpt-4o", "bedrock/anthropic.claude-haiku-4-5-20251001-v1:0");
  }

  static List<String> modelsThatSee() {
    return List.of("openai/gpt-4o", "anthropic/claude-sonnet-5", "gemini/gemini-2.5-flash", "ollama/llava", "mistral/mistral-large-latest", "groq/meta-llama/llama-4-scout-17b-16e-instruct", "azure/gpt-4o",
        "bedrock/anthropic.claude-haiku-4-5-20251001-v1:0");
  }

  static List<String> modelsOfSchemas() {
    return models().stream().filter(model -> !model.startsWith("deepseek/")).toList();
  }

  private static FakeProvider fake(String model) {
    return FAKES.get(model.substring(0, model.indexOf('/')));
  }

  private static ChatCompletionCreateParams.Builder ask(String model) {
    return ChatCompletionCreateParams.builder().model(model).addUserMessage("What is the weather in Paris and in Rome?");
  }

  private static ChatCompletionCreateParams.Builder askWithTool(String model) {
    return ask(model).addFunctionTool(FunctionDefinition.builder().name("weather").description("The weather in a city").parameters(FunctionParameters.builder()
        .putAdditionalProperty("type", JsonValue.from("object"))
        .putAdditionalProperty("properties", JsonValue.from(Map.of("city", Map.of("type", "string"))))
        .putAdditionalProperty("required", JsonValue.from(List.of("city"))).build()).build());
  }

  private static List<ChatCompletionChunk> chunks(ChatCompletionCreateParams params) {
    try (StreamResponse<ChatCompletionChunk> stream = client.chat().completions().createStreaming(params)) {
      return stream.stream().toList();
    }
  }

  private static ChatCompletion accumulated(List<ChatCompletionChunk> chunks) {
    ChatCompletionAccumulator accumulator = ChatCompletionAccumulator.create();
    chunks.forEach(accumulator::accumulate);
    return accumulator.chatCompletion();
  }

  private static ChatCompletion.Choice only(ChatCompletion completion) {
    completion.validate();
    assertThat(completion.choices()).hasSize(1);
    return completion.choices().get(0);
  }

  // ---- what works -----------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  @ParameterizedTest
  @MethodSource("models")
  void a_chat_is_answered(String model) {
    ChatCompletion completion = client.chat().completions().create(ask(model).build());

    assertThat(only(completion).message().content()).contains("w1 w2 w3 w4 w5");
    assertThat(only(completion).finishReason()).isEqualTo(ChatCompletion.Choice.FinishReason.STOP);
    assertThat(completion.model()).isEqualTo(model);
    assertThat(completion.usage().orElseThrow().promptTokens()).isEqualTo(9);
    assertThat(completion.usage().orElseThrow().completionTokens()).isEqualTo(5);
    assertThat(completion.usage().orElseThrow().totalTokens()).isEqualTo(14);
  }

  @ParameterizedTest
  @MethodSource("models")
  @Tag("S2")
  void a_stream_is_the_same_answer_in_pieces_and_says_nothing_of_usage(String model) {
    List<ChatCompletionChunk> chunks = chunks(ask(model).build());

    chunks.forEach(ChatCompletionChunk::validate);
    assertThat(chunks).allSatisfy(chunk -> {
      assertThat(chunk.choices()).hasSize(1);
      assertThat(chunk.usage()).isEmpty();
      assertThat(chunk.id()).isEqualTo(chunks.get(0).id());
      assertThat(chunk.created()).isEqualTo(chunks.get(0).created());
      assertThat(chunk.model()).isEqualTo(model);
    });
    assertThat(only(accumulated(chunks)).message().content()).contains("w1 w2 w3 w4 w5");
    assertThat(chunks).filteredOn(chunk -> chunk.choices().get(0).finishReason().isPresent()).hasSize(1);
  }

  @ParameterizedTest
  @MethodSource("models")
  @Tag("S2")
  void usage_ends_a_stream_for_those_who_asked(String model) {
    List<ChatCompletionChunk> chunks = chunks(ask(model).streamOptions(ChatCompletionStreamOptions.builder().includeUsage(true).build()).build());

    ChatCompletionChunk last = chunks.get(chunks.size() - 1);
    assertThat(last.choices()).isEmpty();
    assertThat(last.usage().orElseThrow().promptTokens()).isEqualTo(9);
    assertThat(last.usage().orElseThrow().completionTokens()).isEqualTo(5);
    assertThat(chunks.subList(0, chunks.size() - 1)).allSatisfy(chunk -> assertThat(chunk.usage()).isEmpty());
  }

  @ParameterizedTest
  @MethodSource("models")
  @Tag("T1")
  void a_tool_is_called_and_its_result_comes_back_on_the_next_turn(String model) {
    fake(model).callsTools("weather", "{\"city\":\"Paris\"}");
    ChatCompletion first = client.chat().completions().create(askWithTool(model).build());

    assertThat(only(first).finishReason()).isEqualTo(ChatCompletion.Choice.FinishReason.TOOL_CALLS);
    ChatCompletionMessageFunctionToolCall call = only(first).message().toolCalls().orElseThrow().get(0).asFunction();
    assertThat(call.function().name()).isEqualTo("weather");
    assertThat(call.function().arguments(Map.class)).isEqualTo(Map.of("city", "Paris"));

    fake(model).callsTools();
    ChatCompletion second = client.chat().completions().create(askWithTool(model).addMessage(only(first).message())
        .addMessage(ChatCompletionToolMessageParam.builder().toolCallId(call.id()).content("{\"celsius\":21}").build()).build());

    assertThat(only(second).message().content()).contains("w1 w2 w3 w4 w5");
    assertThat(fake(model).last().toString()).contains("celsius").contains("Paris");
  }

  @ParameterizedTest
  @MethodSource("models")
  @Tag("T1")
  void parallel_calls_come_whole_and_streamed_and_take_their_results_in_any_order(String model) {
    fake(model).callsTools("weather", "{\"city\":\"Paris\"}", "weather", "{\"city\":\"Rome\"}");
    ChatCompletion whole = client.chat().completions().create(askWithTool(model).parallelToolCalls(true).build());
    ChatCompletion streamed = accumulated(chunks(askWithTool(model).parallelToolCalls(true).build()));

    List<ChatCompletionMessageFunctionToolCall> calls = new ArrayList<>();
    for (ChatCompletion completion : List.of(whole, streamed)) {
      calls.clear();
      only(completion).message().toolCalls().orElseThrow().forEach(call -> calls.add(call.asFunction()));
      assertThat(only(completion).finishReason()).isEqualTo(ChatCompletion.Choice.FinishReason.TOOL_CALLS);
      assertThat(calls).extracting(call -> (Object) call.function().arguments(Map.class)).containsExactly(Map.of("city", "Paris"), Map.of("city", "Rome"));
      assertThat(calls).extracting(ChatCompletionMessageFunctionToolCall::id).doesNotHaveDuplicates();
    }

    fake(model).callsTools();
    ChatCompletion next = client.chat().completions().create(askWithTool(model).addMessage(only(streamed).message())
        .addMessage(ChatCompletionToolMessageParam.builder().toolCallId(calls.get(1).id()).content("rainy in Rome").build())
        .addMessage(ChatCompletionToolMessageParam.builder().toolCallId(calls.get(0).id()).content("sunny in Paris").build()).build());
    assertThat(only(next).message().content()).contains("w1 w2 w3 w4 w5");
    assertThat(fake(model).last().toString()).contains("rainy in Rome").contains("sunny in Paris");
  }

  /** What structured output is to look like. */
  static final class Weather {
    public String city = "";
    public int celsius;
  }

  @ParameterizedTest
  @MethodSource("modelsOfSchemas")
  @Tag("T4")
  void structured_output_is_the_object_that_was_asked_for(String model) {
    String json = "{\"city\": \"Paris\", \"celsius\": 21}";
    if (model.startsWith("bedrock/")) {
      // its models are made to call a tool that takes the answer
      fake(model).callsTools("json_answer", json);
    } else {
      fake(model).says(json);
    }
    var params = ChatCompletionCreateParams.builder().model(model).addUserMessage("The weather in Paris, as JSON").responseFormat(Weather.class).build();

    var completion = client.chat().completions().create(params);
    Weather weather = completion.choices().get(0).message().content().orElseThrow();
    assertThat(weather.city).isEqualTo("Paris");
    assertThat(weather.celsius).isEqualTo(21);
    assertThat(completion.choices().get(0).finishReason()).isEqualTo(ChatCompletion.Choice.FinishReason.STOP);
    assertThat(fake(model).last().toString()).contains("celsius");

    ChatCompletionAccumulator accumulator = ChatCompletionAccumulator.create();
    try (StreamResponse<ChatCompletionChunk> stream = client.chat().completions().createStreaming(params)) {
      stream.stream().forEach(accumulator::accumulate);
    }
    Weather streamed = accumulator.chatCompletion(Weather.class).choices().get(0).message().content().orElseThrow();
    assertThat(streamed.city).isEqualTo("Paris");
    assertThat(streamed.celsius).isEqualTo(21);
  }

  @ParameterizedTest
  @MethodSource("modelsThatSee")
  void an_image_is_seen(String model) {
    var picture = ChatCompletionContentPartImage.builder().imageUrl(ChatCompletionContentPartImage.ImageUrl.builder().url(IMAGE).build()).build();
    ChatCompletion completion = client.chat().completions().create(ChatCompletionCreateParams.builder().model(model).addUserMessageOfArrayOfContentParts(List.of(
        ChatCompletionContentPart.ofText(ChatCompletionContentPartText.builder().text("What is this?").build()), ChatCompletionContentPart.ofImageUrl(picture))).build());

    assertThat(only(completion).message().content()).contains("w1 w2 w3 w4 w5");
    assertThat(fake(model).last().toString()).contains(IMAGE.substring(IMAGE.indexOf(',') + 1));
  }

  @ParameterizedTest
  @MethodSource("modelsThatSee")
  void an_image_by_its_address_is_seen_by_those_who_fetch_it_and_refused_by_the_others(String model) {
    var picture = ChatCompletionContentPartImage.builder().imageUrl(ChatCompletionContentPartImage.ImageUrl.builder().url("https://example.org/a.png").build()).build();
    var params = ChatCompletionCreateParams.builder().model(model).addUserMessageOfArrayOfContentParts(List.of(
        ChatCompletionContentPart.ofText(ChatCompletionContentPartText.builder().text("What is this?").build()), ChatCompletionContentPart.ofImageUrl(picture))).build();

    if (List.of("gemini", "ollama", "bedrock").contains(model.substring(0, model.indexOf('/')))) {
      assertThat(refused(BadRequestException.class, client, params).param().orElseThrow()).startsWith("messages[0].content");
      assertThat(fake(model).calls()).isZero();
    } else {
      assertThat(only(client.chat().completions().create(params)).message().content()).contains("w1 w2 w3 w4 w5");
      assertThat(fake(model).last().toString()).contains("https://example.org/a.png");
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void system_and_developer_messages_are_heard(String model) {
    ChatCompletion completion = client.chat().completions().create(
        ChatCompletionCreateParams.builder().model(model).addDeveloperMessage("Be brief.").addSystemMessage("Be kind.").addUserMessage("hello").build());

    assertThat(only(completion).message().content()).contains("w1 w2 w3 w4 w5");
    assertThat(fake(model).last().toString()).contains("Be brief.").contains("Be kind.");
  }

  @Test
  void models_are_listed_and_looked_up() {
    List<Model> list = client.models().list().data();

    assertThat(list).extracting(Model::id).containsAll(models());
    assertThat(client.models().retrieve("openai/gpt-4o").id()).isEqualTo("openai/gpt-4o");
    assertThat(client.models().retrieve("groq/openai/gpt-oss-120b").id()).isEqualTo("groq/openai/gpt-oss-120b");
    assertThat(catchThrowableOfType(NotFoundException.class, () -> client.models().retrieve("no-such-model")).code()).contains("model_not_found");
    list.forEach(Model::validate);
  }

  @Test
  @Tag("D15")
  void embeddings_come_as_the_client_asks_for_them() {
    var embeddings = client.embeddings().create(EmbeddingCreateParams.builder().model("openai/text-embedding-3-small").inputOfArrayOfStrings(List.of("one", "two")).build());

    assertThat(embeddings.data()).hasSize(2);
    assertThat(embeddings.data().get(0).embedding()).isNotEmpty().allSatisfy(number -> assertThat(number).isFinite());
    assertThat(embeddings.usage().totalTokens()).isPositive();
  }

  @Test
  void nothing_in_the_shape_of_an_answer_tells_who_gave_it() {
    Map<String, TreeSet<String>> whole = new LinkedHashMap<>();
    Map<String, TreeSet<String>> streamed = new LinkedHashMap<>();
    for (String model : models()) {
      whole.put(model, shape(gateway.chat(request(model, "hello"), "authorization", "Bearer " + KEY).json()));
      TreeSet<String> paths = new TreeSet<>();
      gateway.stream(request(model, "hello", "{'stream_options':{'include_usage':true}}"), "authorization", "Bearer " + KEY).events().forEach(event -> paths.addAll(shape(event.json())));
      streamed.put(model, paths);
    }
    assertThat(whole.values()).allSatisfy(paths -> assertThat(paths).isEqualTo(whole.get("openai/gpt-4o")));
    assertThat(streamed.values()).allSatisfy(paths -> assertThat(paths).isEqualTo(streamed.get("openai/gpt-4o")));
  }

  /** The paths in it, but for what only some providers know and OpenAI's schema leaves open. */
  private static TreeSet<String> shape(JsonNode json) {
    TreeSet<String> paths = new TreeSet<>();
    shape("", json, paths);
    paths.removeIf(path -> path.contains("system_fingerprint") || path.contains("service_tier") || path.contains("_tokens_details/") || path.contains("annotations") || path.contains("delta/refusal"));
    return paths;
  }

  private static void shape(String path, JsonNode node, TreeSet<String> paths) {
    if (node.isContainerNode()) {
      node.properties().forEach(field -> shape(path + "/" + field.getKey(), field.getValue(), paths));
      node.elements().forEachRemaining(each -> {
        if (node.isArray()) {
          shape(path + "/*", each, paths);
        }
      });
    } else {
      paths.add(path + " " + node.getNodeType());
    }
  }

  // ---- what fails -----------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  private static <T extends OpenAIServiceException> T refused(Class<T> as, OpenAIClient client, ChatCompletionCreateParams params) {
    T thrown = catchThrowableOfType(as, () -> client.chat().completions().create(params));
    assertThat(thrown).as("the exception").isNotNull();
    assertThat(thrown.type()).isPresent();
    T streamed = catchThrowableOfType(as, () -> client.chat().completions().createStreaming(params).close());
    assertThat(streamed).as("the exception of a stream").isNotNull();
    assertThat(streamed.code()).isEqualTo(thrown.code());
    return thrown;
  }

  @ParameterizedTest
  @MethodSource("models")
  @Tag("T8")
  void a_bad_request_is_told_as_such(String model) {
    BadRequestException ours = refused(BadRequestException.class, client, ask(model).temperature(7).build());
    assertThat(ours.param()).contains("temperature");

    fake(model).mood(Mood.REFUSES);
    BadRequestException theirs = refused(BadRequestException.class, client, ask(model).build());
    assertThat(theirs.getMessage()).contains("not to my taste");
    assertThat(fake(model).calls()).as("one call each, never again").isEqualTo(2);
  }

  @Test
  @Tag("X5")
  void a_wrong_key_is_unauthorized() {
    OpenAIClient stranger = client("dk-nobody", 0, Duration.ofSeconds(10));
    assertThat(refused(UnauthorizedException.class, stranger, ask("openai/gpt-4o").build()).code()).contains("invalid_api_key");
  }

  @Test
  void an_unknown_model_is_not_found() {
    NotFoundException thrown = refused(NotFoundException.class, client, ask("no-such-model").build());
    assertThat(thrown.code()).contains("model_not_found");
    assertThat(thrown.param()).contains("model");
  }

  @Test
  @Tag("T6")
  void a_wish_that_no_model_fulfils_is_unprocessable() {
    var wish = ask("auto").putAdditionalBodyProperty("routing", JsonValue.from(Map.of("min_context", 999_999_999))).build();
    assertThat(refused(UnprocessableEntityException.class, client, wish).code()).contains("no_eligible_model");
  }

  @ParameterizedTest
  @MethodSource("models")
  @Tag("D10")
  void a_busy_provider_is_a_rate_limit_and_is_asked_again_when_it_said(String model) {
    fake(model).retryAfter(1).next(Mood.BUSY);
    OpenAIClient patient = client(KEY, 2, Duration.ofSeconds(20));
    ChatCompletion completion = patient.chat().completions().create(ask(model).build());

    assertThat(only(completion).message().content()).contains("w1 w2 w3 w4 w5");
    List<Call> calls = fake(model).requests();
    assertThat(calls).extracting(Call::mood).containsExactly(Mood.BUSY, Mood.WELL);
    assertThat(Duration.between(calls.get(0).at(), calls.get(1).at())).isGreaterThanOrEqualTo(Duration.ofMillis(900));
  }

  @ParameterizedTest
  @EnumSource(names = {"HTML", "EMPTY", "JUNK", "HANGS_UP", "BAD_KEY"})
  @Tag("T8")
  void what_a_provider_does_wrong_is_a_server_error_whichever_it_is(Mood mood) {
    for (String model : models()) {
      fake(model).mood(mood);
      InternalServerException thrown = refused(InternalServerException.class, client, ask(model).build());
      assertThat(thrown.statusCode()).as(model).isEqualTo(502);
      assertThat(thrown.getMessage()).doesNotContain("sk-");
    }
  }

  @Test
  @Tag("D10")
  void a_busy_provider_is_a_rate_limit() {
    fake("openai/gpt-4o").retryAfter(0).next(Mood.BUSY, Mood.BUSY);
    RateLimitException thrown = refused(RateLimitException.class, client, ask("openai/gpt-4o").build());
    assertThat(thrown.code()).contains("rate_limit_exceeded");
    assertThat(thrown.headers().values("retry-after")).containsExactly("1");
  }

  @ParameterizedTest
  @MethodSource("models")
  @Tag("T8")
  void a_provider_that_is_down_is_a_server_error_and_the_client_does_not_come_back(String model) {
    fake(model).mood(Mood.DOWN);
    OpenAIClient eager = client(KEY, 3, Duration.ofSeconds(20));
    InternalServerException thrown = refused(InternalServerException.class, eager, ask(model).build());

    assertThat(thrown.statusCode()).isEqualTo(503);
    assertThat(thrown.headers().values("x-should-retry")).containsExactly("false");
    assertThat(fake(model).calls()).as("a call for the whole answer and one for the stream").isEqualTo(2);
  }

  @ParameterizedTest
  @MethodSource("models")
  @Tag("S3")
  void a_stream_that_breaks_is_an_error_and_never_a_short_answer(String model) {
    fake(model).mood(Mood.DIES_MID_STREAM);
    List<ChatCompletionChunk> seen = new ArrayList<>();
    OpenAIException thrown = catchThrowableOfType(OpenAIException.class, () -> {
      try (StreamResponse<ChatCompletionChunk> stream = client.chat().completions().createStreaming(ask(model).build())) {
        stream.stream().forEach(seen::add);
      }
    });

    assertThat(thrown).isNotNull();
    assertThat(seen).isNotEmpty().noneMatch(chunk -> chunk.choices().get(0).finishReason().isPresent());
  }

  @ParameterizedTest
  @MethodSource("models")
  @Tag("S5")
  void a_client_that_leaves_a_stream_cancels_the_providers_work(String model) {
    fake(model).says(400).every(Duration.ofMillis(50)).mood(Mood.DRIPS);
    try (StreamResponse<ChatCompletionChunk> stream = client.chat().completions().createStreaming(ask(model).build())) {
      assertThat(stream.stream().limit(2)).hasSize(2);
    }

    assertThat(fake(model).await(Call::cancelled, Duration.ofSeconds(10)).chunks()).isLessThan(400);
  }

  @ParameterizedTest
  @MethodSource("models")
  @Tag("S5")
  void a_client_that_tires_of_waiting_cancels_the_providers_work(String model) {
    fake(model).mood(Mood.HANGS);
    OpenAIClient hasty = client(KEY, 0, Duration.ofMillis(600));
    @Nullable OpenAIIoException thrown = catchThrowableOfType(OpenAIIoException.class, () -> hasty.chat().completions().create(ask(model).build()));

    assertThat(thrown).isNotNull();
    fake(model).await(Call::cancelled, Duration.ofSeconds(10));
  }

  @Test
  @Tag("S5")
  void a_stream_that_falls_silent_is_given_up_by_a_client_that_tires_and_its_work_cancelled() {
    for (String model : List.of("openai/gpt-4o", "anthropic/claude-sonnet-5", "gemini/gemini-2.5-flash", "ollama/llama3.1", "bedrock/anthropic.claude-haiku-4-5-20251001-v1:0")) {
      fake(model).mood(Mood.STALLS_MID_STREAM);
      OpenAIClient hasty = client(KEY, 0, Duration.ofMillis(400));
      List<ChatCompletionChunk> seen = new ArrayList<>();
      OpenAIException thrown = catchThrowableOfType(OpenAIException.class, () -> {
        try (StreamResponse<ChatCompletionChunk> stream = hasty.chat().completions().createStreaming(ask(model).build())) {
          stream.stream().forEach(seen::add);
        }
      });
      assertThat(thrown).as(model).isNotNull();
      assertThat(seen).as(model).isNotEmpty().noneMatch(chunk -> chunk.choices().get(0).finishReason().isPresent());
      fake(model).await(Call::cancelled, Duration.ofSeconds(10));
    }
  }

  @Test
  void the_asynchronous_client_is_answered_streams_and_embeds_too() {
    var async = client.async();
    assertThat(only(async.chat().completions().create(ask("anthropic/claude-sonnet-5").build()).join()).message().content()).contains("w1 w2 w3 w4 w5");
    ChatCompletionAccumulator accumulator = ChatCompletionAccumulator.create();
    async.chat().completions().createStreaming(ask("gemini/gemini-2.5-flash").build()).subscribe(accumulator::accumulate).onCompleteFuture().join();
    assertThat(only(accumulator.chatCompletion()).message().content()).contains("w1 w2 w3 w4 w5");
    assertThat(async.embeddings().create(EmbeddingCreateParams.builder().model("bedrock/cohere.embed-v4:0").input("one").build()).join().data()).hasSize(1);
    assertThat(async.chat().completions().create(ask("no-such-model").build()).handle((completion, thrown) -> thrown.getCause()).join()).isInstanceOf(NotFoundException.class);
  }

  @Test
  void files_and_batches_are_those_of_openai() throws Exception {
    String line = "{\"custom_id\":\"one\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":{\"model\":\"openai/gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}}\n";
    FileObject file = client.files().create(FileCreateParams.builder().purpose(FilePurpose.BATCH)
        .file(MultipartField.<InputStream>builder().value(new ByteArrayInputStream(line.getBytes(UTF_8))).filename("night.jsonl").build()).build()).validate();
    assertThat(file.filename()).isEqualTo("night.jsonl");
    assertThat(client.files().retrieve(file.id()).bytes()).isEqualTo(line.length());
    assertThat(client.files().list().autoPager()).extracting(FileObject::id).contains(file.id());

    Batch batch = client.batches().create(BatchCreateParams.builder().inputFileId(file.id()).endpoint(BatchCreateParams.Endpoint.V1_CHAT_COMPLETIONS).completionWindow(BatchCreateParams.CompletionWindow._24H)
        .metadata(BatchCreateParams.Metadata.builder().putAdditionalProperty("night", JsonValue.from("1")).build()).build()).validate();
    assertThat(batch.status()).isEqualTo(Batch.Status.VALIDATING);
    await().atMost(Duration.ofSeconds(20)).until(() -> client.batches().retrieve(batch.id()).status().equals(Batch.Status.COMPLETED));
    Batch ended = client.batches().retrieve(batch.id()).validate();
    assertThat(ended.requestCounts().orElseThrow().completed()).isEqualTo(1);
    try (HttpResponse content = client.files().content(ended.outputFileId().orElseThrow())) {
      assertThat(new String(content.body().readAllBytes(), UTF_8)).contains("\"custom_id\":\"one\"").contains("w1 w2 w3 w4 w5");
    }
    assertThat(client.batches().list().autoPager()).extracting(Batch::id).contains(batch.id());
    assertThat(catchThrowableOfType(OpenAIServiceException.class, () -> client.batches().cancel(batch.id())).statusCode()).isEqualTo(409);
    assertThat(client.files().delete(file.id()).deleted()).isTrue();
    assertThat(catchThrowableOfType(NotFoundException.class, () -> client.files().retrieve(file.id()))).isNotNull();
  }
}
