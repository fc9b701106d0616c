package io.dromedary.features;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.errors.BadRequestException;
import com.openai.models.embeddings.EmbeddingCreateParams;
import io.dromedary.chat.EmbeddingResponse;
import io.dromedary.chat.Json;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Mood;
import io.dromedary.testing.OpenAiSchema;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Texts to vectors, through the running gateway. */
@Tag("D15")
class EmbeddingsTest {
  static final FakeProvider OPENAI = FakeProvider.openai().strict();
  static final FakeProvider AZURE = FakeProvider.azure().strict();
  static final FakeProvider MISTRAL = FakeProvider.speaking("mistral", 0).strict();
  static final FakeProvider GEMINI = FakeProvider.gemini().strict();
  static final FakeProvider BEDROCK = FakeProvider.bedrock().strict();
  static final FakeProvider OLLAMA = FakeProvider.ollama().strict();
  static final Map<String, FakeProvider> FAKES = Map.of("openai", OPENAI, "azure", AZURE, "mistral", MISTRAL, "gemini", GEMINI, "bedrock", BEDROCK, "ollama", OLLAMA);
  private static final String TITAN = "bedrock/amazon.titan-embed-text-v2:0";
  static Gateway gateway;

  @BeforeAll
  static void start() {
    Gateway.Setup setup = Gateway.bare().set("dromedary.providers.azure.api-version", "2024-10-21").set("dromedary.breaker.min-calls", 100).set("dromedary.breaker.window", 100);
    FAKES.forEach(setup::and);
    for (String chatsOnly : List.of("anthropic", "groq", "deepseek", "openrouter", "routellm")) {
      setup.at(chatsOnly, "http://127.0.0.1:9");
    }
    gateway = setup.start();
  }

  @AfterAll
  static void stop() {
    gateway.close();
    FAKES.values().forEach(FakeProvider::close);
  }

  @BeforeEach
  void quiet() {
    FAKES.values().forEach(fake -> fake.mood(Mood.WELL).usage(9, -1).by(null).reset());
    gateway.bean(CircuitBreakerRegistry.class).getAllCircuitBreakers().forEach(CircuitBreaker::reset);
  }

  static ObjectNode request(String model, Object input, String more) {
    ObjectNode json = Json.object().put("model", model);
    json.set("input", Json.mapper().valueToTree(input));
    try {
      json.setAll((ObjectNode) Json.read(more.replace('\'', '"')));
    } catch (java.io.IOException e) {
      throw new AssertionError(more, e);
    }
    return json;
  }

  static Gateway.Answer embed(ObjectNode request, String... headers) {
    return gateway.post("/v1/embeddings", request, headers);
  }

  static void assertVectors(Gateway.Answer answer, boolean base64, int dimensions, List<String> texts) {
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    JsonNode json = answer.json();
    if (!base64) {
      OpenAiSchema.assertEmbeddings(json);
    }
    assertThat(json.path("object").asText()).isEqualTo("list");
    assertThat(json.path("data")).hasSize(texts.size());
    for (int i = 0; i < texts.size(); i++) {
      JsonNode item = json.path("data").get(i);
      assertThat(item.path("object").asText()).isEqualTo("embedding");
      assertThat(item.path("index").asInt()).isEqualTo(i);
      float[] expected = FakeProvider.vector(texts.get(i), dimensions);
      float[] came = base64 ? EmbeddingResponse.vector(item.path("embedding").textValue()) : floats(item.path("embedding"));
      assertThat(came).as("vector %s", i).hasSize(dimensions);
      for (int j = 0; j < dimensions; j++) {
        assertThat(came[j]).isCloseTo(expected[j], within(1e-5f));
      }
    }
  }

  private static float[] floats(JsonNode numbers) {
    assertThat(numbers.isArray()).isTrue();
    float[] vector = new float[numbers.size()];
    for (int i = 0; i < vector.length; i++) {
      vector[i] = numbers.get(i).floatValue();
    }
    return vector;
  }

  @ParameterizedTest
  @CsvSource({"openai/text-embedding-3-small,base64,5", "openai/text-embedding-3-small,float,5", "azure/text-embedding-3-large,base64,5", "azure/text-embedding-3-large,float,5", "mistral/codestral-embed,base64,5",
      "mistral/codestral-embed,float,5", "gemini/gemini-embedding-001,base64,5", "gemini/gemini-embedding-001,float,5", TITAN + ",base64,256", TITAN + ",float,512", "bedrock/cohere.embed-v4:0,base64,256",
      "bedrock/cohere.embed-v4:0,float,1536", "ollama/nomic-embed-text,base64,5", "ollama/nomic-embed-text,float,5"})
  void every_provider_answers_in_openais_shape_in_order_and_in_the_encoding_asked_for(String model, String encoding, int dimensions) {
    List<String> texts = List.of("first " + encoding, "second", "third 🐪");
    Gateway.Answer answer = embed(request(model, texts, "{'encoding_format':'" + encoding + "','dimensions':" + dimensions + "}"));
    assertVectors(answer, encoding.equals("base64"), dimensions, texts);
    assertThat(answer.json().path("model").asText()).isEqualTo(model);
    assertThat(answer.json().at("/usage/prompt_tokens").asLong()).isPositive().isEqualTo(answer.json().at("/usage/total_tokens").asLong());
    assertThat(answer.header("x-dromedary-provider")).isEqualTo(model.substring(0, model.indexOf('/')));
    assertThat(answer.header("x-dromedary-model")).isEqualTo(model);
    assertThat(answer.header("x-dromedary-cost-usd")).isNotNull();
    assertThat(answer.header("x-dromedary-cache")).isEqualTo("miss");
    assertThat(answer.header("x-dromedary-strategy")).isEqualTo("embedding");
  }

  @ParameterizedTest
  @ValueSource(strings = {"openai/text-embedding-3-small", "azure/text-embedding-3-small", "mistral/mistral-embed", "gemini/gemini-embedding-001", TITAN, "bedrock/cohere.embed-multilingual-v3", "ollama/nomic-embed-text",
      "local/all-minilm-l6-v2"})
  void openais_own_client_reads_the_vectors_whoever_made_them(String model) {
    OpenAIClient client = OpenAIOkHttpClient.builder().baseUrl(gateway.url() + "/v1").apiKey("any").maxRetries(0).build();
    try {
      var params = EmbeddingCreateParams.builder().model(model).inputOfArrayOfStrings(List.of("sdk one", "sdk two"));
      var byDefault = client.embeddings().create(params.build());
      var numbers = client.embeddings().create(params.encodingFormat(EmbeddingCreateParams.EncodingFormat.FLOAT).build());
      assertThat(byDefault.data()).hasSize(2);
      assertThat(byDefault.usage().promptTokens()).isPositive();
      for (int i = 0; i < 2; i++) {
        assertThat(byDefault.data().get(i).index()).isEqualTo(i);
        assertThat(byDefault.data().get(i).embedding()).hasSize(model.startsWith("local/") ? 384 : 8).isEqualTo(numbers.data().get(i).embedding());
      }
      assertThatThrownBy(() -> client.embeddings().create(EmbeddingCreateParams.builder().model(model).input("").build())).isInstanceOf(BadRequestException.class);
    } finally {
      client.close();
    }
  }

  @Test
  void one_text_and_a_bare_model_name_will_do() {
    assertVectors(embed(request("text-embedding-3-small", "alone", "{}")), false, 8, List.of("alone"));
  }

  @Tag("M5")
  @Test
  void it_is_booked_and_priced_like_chat() {
    OPENAI.usage(1_000_000, 0);
    Gateway.Answer answer = embed(request("openai/text-embedding-3-small", "booked", "{}"));
    assertThat(answer.header("x-dromedary-cost-usd")).startsWith("0.02");
    Row row = Row.of(gateway, answer.requestId());
    assertThat(row.costNanos()).isEqualTo(20_000_000);
    assertThat(row.status()).isEqualTo("ok");
    assertThat(row.attempts()).hasSize(1);
    assertThat(gateway.metric("dromedary_requests_total{cache=\"miss\",gen_ai_provider_name=\"openai\",gen_ai_response_model=\"openai/text-embedding-3-small\"")).isPositive();
  }

  @Tag("M5")
  @Test
  void tokens_are_counted_where_the_provider_does_not_say() {
    Gateway.Answer answer = embed(request("gemini/gemini-embedding-001", List.of("The quick brown fox jumps over the lazy dog.", "Hello"), "{}"));
    assertThat(answer.json().at("/usage/prompt_tokens").asLong()).isBetween(10L, 13L);
    assertThat(Row.of(gateway, answer.requestId()).costNanos()).isEqualTo(answer.json().at("/usage/prompt_tokens").asLong() * 150);
  }

  @Tag("M6")
  @Test
  void a_call_that_fails_half_way_costs_what_was_embedded_before() {
    List<String> texts = IntStream.range(0, 250).mapToObj(i -> "hello").toList();
    GEMINI.next(Mood.WELL, Mood.WELL, Mood.REFUSES);
    Gateway.Answer answer = embed(request("gemini/gemini-embedding-001", texts, "{}"));
    assertThat(answer.status()).isEqualTo(400);
    assertThat(GEMINI.calls()).isEqualTo(3);
    assertThat(Row.of(gateway, answer.requestId()).costNanos()).isEqualTo(200 * 150);
  }

  @Test
  void long_lists_are_asked_for_in_parts_and_joined_in_order() {
    List<String> texts = IntStream.range(0, 250).mapToObj(i -> "text number " + i).toList();
    Gateway.Answer answer = embed(request("gemini/gemini-embedding-001", texts, "{'encoding_format':'base64'}"));
    // without `dimensions` the fake's vectors are longer than one, and stay so
    assertThat(answer.json().path("data")).hasSize(250);
    for (int i : new int[] {0, 99, 100, 199, 200, 249}) {
      assertThat(EmbeddingResponse.vector(answer.json().path("data").get(i).path("embedding").textValue())[0]).as("text %s", i).isCloseTo(2 * FakeProvider.vector(texts.get(i), 8)[0], within(1e-5f));
    }
    assertThat(GEMINI.requests()).extracting(call -> call.json().path("requests").size()).containsExactly(100, 100, 50);
    assertThat(Row.of(gateway, answer.requestId()).attempts()).as("one attempt, whatever it takes").hasSize(1);
  }

  @Tag("C1")
  @Test
  void an_equal_request_is_recalled_and_another_encoding_is_another_request() {
    ObjectNode request = request("openai/text-embedding-3-small", "remember me", "{'encoding_format':'base64'}");
    Gateway.Answer first = embed(request);
    Gateway.Answer again = embed(request.deepCopy().put("user", "someone else"));
    assertThat(again.header("x-dromedary-cache")).isEqualTo("hit");
    assertThat(again.text()).isEqualTo(first.text());
    assertThat(again.header("x-dromedary-cost-usd")).isEqualTo("0");
    assertThat(OPENAI.calls()).isEqualTo(1);
    assertVectors(embed(request.deepCopy().put("encoding_format", "float")), false, 8, List.of("remember me"));
    assertThat(embed(request, "x-dromedary-cache", "no-store").header("x-dromedary-cache")).isEqualTo("bypass");
    assertThat(OPENAI.calls()).isEqualTo(3);
  }

  @Tag("M10")
  @Test
  void a_key_is_answered_once_and_its_vectors_given_again() {
    ObjectNode request = request("openai/text-embedding-3-small", "once", "{'encoding_format':'base64'}");
    Gateway.Answer first = embed(request, "Idempotency-Key", "k-embed", "x-dromedary-cache", "no-store");
    Gateway.Answer again = embed(request, "Idempotency-Key", "k-embed", "x-dromedary-cache", "no-store");
    assertThat(again.header("idempotent-replayed")).isEqualTo("true");
    assertThat(again.text()).isEqualTo(first.text());
    assertThat(OPENAI.calls()).isEqualTo(1);
    assertError(embed(request("openai/text-embedding-3-small", "another", "{}"), "Idempotency-Key", "k-embed"), 422, null, "idempotency_key_reused");
  }

  @Test
  void a_chat_answer_is_never_taken_for_vectors() {
    // the catalogue does not know it, so both doors let it through
    ObjectNode both = request("ollama/two-doors", "two doors", "{'messages':[{'role':'user','content':'two doors'}]}");
    assertThat(embed(both).status()).isEqualTo(200);
    assertThat(gateway.post("/v1/chat/completions", both).json().path("object").asText()).isEqualTo("chat.completion");
  }

  @Test
  void lists_of_tokens_go_to_openai_and_are_a_400_elsewhere() {
    assertVectors(embed(request("openai/text-embedding-3-small", List.of(List.of(1, 2), List.of(3)), "{}")), false, 8, List.of("[1,2]", "[3]"));
    assertVectors(embed(request("azure/text-embedding-3-large", List.of(List.of(1, 2), List.of(3)), "{}")), false, 8, List.of("[1,2]", "[3]"));
    for (String model : List.of("mistral/mistral-embed", "gemini/gemini-embedding-001", TITAN, "bedrock/cohere.embed-v4:0", "ollama/nomic-embed-text", "local/all-minilm-l6-v2")) {
      assertError(embed(request(model, List.of(1, 2), "{}")), 400, "input", null);
      assertError(embed(request(model, List.of(List.of(1, 2), List.of(3)), "{}")), 400, "input", null);
    }
    assertThat(MISTRAL.calls() + GEMINI.calls() + BEDROCK.calls() + OLLAMA.calls()).isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"anthropic/claude-opus-5", "anthropic/anything", "groq/llama-3.3-70b-versatile", "groq/some-embedding", "deepseek/deepseek-v4-pro", "openrouter/openai/text-embedding-3-small", "routellm/anything",
      "bedrock/amazon.nova-lite-v1:0", "bedrock/amazon.nova-2-multimodal-embeddings-v1:0", "azure/gpt-4o", "openai/gpt-4o-mini", "gpt-4o-mini", "auto", "auto:cost", "sandbox/echo"})
  void a_provider_or_model_without_embeddings_is_a_400(String model) {
    assertError(embed(request(model, "a", "{}")), 400, "model", "invalid_value");
  }

  @Test
  void a_model_that_is_not_there_is_a_404_and_one_that_chats_is_told_so() {
    assertError(embed(request("nobody-knows-it", "a", "{}")), 404, "model", "model_not_found");
    assertError(embed(request("local/other-model", "a", "{}")), 404, "model", "model_not_found");
    assertError(gateway.chat("local/other-model", "hello"), 404, "model", "model_not_found");
    assertThat(gateway.chat("local/all-minilm-l6-v2", "hello").status()).isEqualTo(422);
  }

  @Test
  void an_unlisted_model_goes_to_its_provider_as_it_stands() {
    assertVectors(embed(request("openai/my-own-embedder", "mine", "{}")), false, 8, List.of("mine"));
    assertThat(OPENAI.last().json().path("model").asText()).isEqualTo("my-own-embedder");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '~', value = {"{'model':'openai/text-embedding-3-small','input':''}|input", "{'model':'openai/text-embedding-3-small','input':['a','']}|input[1]",
      "{'model':'openai/text-embedding-3-small'}|input", "{'input':'a'}|model", "{'model':'openai/text-embedding-3-small','input':[]}|input", "{'model':'openai/text-embedding-3-small','input':null}|input", "{'model':'openai/text-embedding-3-small','input':7}|input",
      "{'model':'openai/text-embedding-3-small','input':['a',7]}|input[1]", "{'model':'openai/text-embedding-3-small','input':{'text':'a'}}|input", "{'model':'openai/text-embedding-3-small','input':[[]]}|input[0]",
      "{'model':'openai/text-embedding-3-small','input':'a','dimensions':0}|dimensions", "{'model':'openai/text-embedding-3-small','input':'a','dimensions':'5'}|dimensions",
      "{'model':'bedrock/amazon.titan-embed-text-v2:0','input':'a','dimensions':300}|dimensions", "{'model':'bedrock/cohere.embed-english-v3','input':'a','dimensions':256}|dimensions",
      "{'model':'bedrock/cohere.embed-v4:0','input':['a','']}|input[1]", "{'model':'azure/text-embedding-3-large','input':['']}|input[0]", "{'model':'ollama/nomic-embed-text','input':''}|input", "{'model':'openai/text-embedding-3-small','input':'a','encoding_format':'hex'}|encoding_format",
      "{'model':'openai/text-embedding-3-small','input':'a','dimensions':-1}|dimensions"})
  void bad_input_is_a_400_and_nobody_is_asked(String json, String param) {
    assertError(gateway.post("/v1/embeddings", json.replace('\'', '"')), 400, param, null);
    assertThat(OPENAI.calls()).isZero();
  }

  @Test
  void broken_json_and_other_methods_are_told_as_everywhere() {
    assertError(gateway.post("/v1/embeddings", "{\"model\":"), 400, null, "invalid_json");
    assertThat(gateway.get("/v1/embeddings").status()).isIn(404, 405);
  }

  @ParameterizedTest
  @CsvSource({"BUSY,429", "DOWN,503", "HTML,502", "EMPTY,502", "JUNK,502", "HANGS_UP,502", "REFUSES,400", "BAD_KEY,502"})
  void what_goes_wrong_is_told_in_openais_shape(Mood mood, int status) {
    MISTRAL.mood(mood).retryAfter(30);
    Gateway.Answer answer = embed(request("mistral/mistral-embed", "wrong " + mood, "{}"));
    assertError(answer, status, null, null);
    Row row = Row.of(gateway, answer.requestId());
    assertThat(row.status()).isEqualTo("error");
    MISTRAL.mood(Mood.WELL);
  }

  @Test
  void a_provider_that_hangs_is_given_up_at_the_callers_deadline_and_charged() {
    MISTRAL.mood(Mood.HANGS);
    Gateway.Answer answer = embed(request("mistral/mistral-embed", "hello", "{}"), "x-dromedary-timeout-ms", "400");
    assertError(answer, 504, null, "provider_timeout");
    assertThat(Row.of(gateway, answer.requestId()).costNanos()).as("M6: its input").isEqualTo(100);
    MISTRAL.await(FakeProvider.Call::cancelled, Duration.ofSeconds(10));
  }

  @ParameterizedTest
  @CsvSource({"openai/text-embedding-3-small,", "azure/text-embedding-3-large,", "mistral/mistral-embed,user", "gemini/gemini-embedding-001,user", TITAN + ",user", "bedrock/cohere.embed-v4:0,user", "ollama/nomic-embed-text,user"})
  void a_parameter_that_a_provider_does_not_take_is_named(String model, String dropped) {
    Gateway.Answer answer = embed(request(model, "who asks", "{'user':'u-1'}"));
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    assertThat(answer.header("x-dromedary-dropped-params")).isEqualTo(dropped);
  }

  @Test
  void azure_is_asked_by_deployment_and_bedrock_by_invoke_model() {
    embed(request("azure/text-embedding-3-large", "where to", "{}"));
    assertThat(AZURE.last().path()).isEqualTo("/openai/deployments/text-embedding-3-large/embeddings?api-version=2024-10-21");
    assertThat(AZURE.last().header("api-key")).isEqualTo("sk-test-azure-0123456789");
    embed(request(TITAN, "where to", "{}"));
    assertThat(BEDROCK.last().path()).isEqualTo("/model/amazon.titan-embed-text-v2%3A0/invoke");
    assertThat(BEDROCK.last().header("authorization")).isEqualTo("Bearer sk-test-bedrock-0123456789");
    assertThat(BEDROCK.last().header("accept")).isEqualTo("application/json");
  }

  @Tag("M5")
  @ParameterizedTest
  @CsvSource({TITAN + ",1000000,20000000", "bedrock/cohere.embed-v4:0,1000000,120000000", "azure/text-embedding-3-large,1000000,130000000"})
  void what_azure_and_bedrock_count_is_what_is_paid(String model, long tokens, long nanos) {
    FAKES.values().forEach(fake -> fake.usage(tokens, 0));
    Gateway.Answer answer = embed(request(model, "counted " + model, "{}"));
    assertThat(answer.json().at("/usage/prompt_tokens").asLong()).isEqualTo(tokens);
    assertThat(answer.json().at("/usage/total_tokens").asLong()).isEqualTo(tokens);
    assertThat(Row.of(gateway, answer.requestId()).costNanos()).isEqualTo(nanos);
  }

  @ParameterizedTest
  @CsvSource({TITAN + ",7,1", "bedrock/cohere.embed-english-v3,200,96", "openai/text-embedding-3-small,2048,1024", "azure/text-embedding-3-large,1030,1024", "ollama/nomic-embed-text,520,512"})
  void what_is_more_than_a_provider_takes_at_once_is_asked_for_in_parts_under_one_attempt(String model, int texts, int most) {
    List<String> inputs = IntStream.range(0, texts).mapToObj(i -> "text " + i).toList();
    Gateway.Answer answer = embed(request(model, inputs, "{'encoding_format':'base64'}"));
    assertVectors(answer, true, 8, inputs);
    FakeProvider fake = FAKES.get(model.substring(0, model.indexOf('/')));
    assertThat(fake.calls()).isEqualTo((texts + most - 1) / most);
    assertThat(answer.json().at("/usage/prompt_tokens").asLong()).as("the sum of the parts").isEqualTo(9L * fake.calls());
    assertThat(Row.of(gateway, answer.requestId()).attempts()).hasSize(1);
  }

  @Tag("M6")
  @ParameterizedTest
  @CsvSource({TITAN + ",3,REFUSES,400,2", TITAN + ",3,JUNK,502,3", "bedrock/cohere.embed-v4:0,97,BAD_KEY,502,1", "openai/text-embedding-3-small,1025,REFUSES,400,1"})
  void whichever_part_fails_what_was_embedded_before_it_is_paid(String model, int texts, Mood mood, int status, int paid) {
    FakeProvider fake = FAKES.get(model.substring(0, model.indexOf('/')));
    for (int i = 1; i < (mood == Mood.JUNK ? paid : paid + 1); i++) {
      fake.next(Mood.WELL);
    }
    fake.usage(500_000, 0).next(mood);
    Gateway.Answer answer = embed(request(model, IntStream.range(0, texts).mapToObj(i -> "hello").toList(), "{}"), "x-dromedary-cache", "no-store");
    assertError(answer, status, null, null);
    int whole = mood == Mood.JUNK ? paid - 1 : paid;
    long perCall = Map.of("bedrock/amazon.titan-embed-text-v2:0", 10_000_000L, "bedrock/cohere.embed-v4:0", 60_000_000L, "openai/text-embedding-3-small", 10_000_000L).get(model);
    // what broke after it had been taken in costs its input, counted here: one token
    assertThat(Row.of(gateway, answer.requestId()).costNanos()).isEqualTo(whole * perCall + (paid - whole) * 20L);
  }

  @Test
  void vectors_that_are_none_make_the_same_model_elsewhere_answer() {
    for (Mood mood : List.of(Mood.JUNK, Mood.HTML, Mood.EMPTY, Mood.DOWN, Mood.HANGS_UP)) {
      OPENAI.mood(mood);
      Gateway.Answer answer = embed(request("text-embedding-3-large", "elsewhere " + mood, "{}"));
      assertVectors(answer, false, 8, List.of("elsewhere " + mood));
      assertThat(answer.header("x-dromedary-provider")).isEqualTo("azure");
      assertThat(answer.json().path("model").asText()).isEqualTo("azure/text-embedding-3-large");
      assertThat(Row.of(gateway, answer.requestId()).attempts()).hasSize(2);
    }
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
      "openai/text-embedding-3-small|{'object':'list','data':[{'index':0,'embedding':[0.1,0.2]},{'index':1,'embedding':[0.1]}],'usage':{'prompt_tokens':2}}",
      "openai/text-embedding-3-small|{'object':'list','data':[{'index':0,'embedding':'AACAPw=='}],'usage':{'prompt_tokens':2}}", "azure/text-embedding-3-large|{'data':[{'index':0,'embedding':'!!'},{'index':1,'embedding':'!!'}]}",
      "mistral/mistral-embed|{'data':[{'index':0,'embedding':null},{'index':1,'embedding':[1]}]}", "gemini/gemini-embedding-001|{'embeddings':[{'values':[1]}]}", "gemini/gemini-embedding-001|{'embeddings':[{'values':[1]},{'values':['x']}]}",
      "ollama/nomic-embed-text|{'embeddings':[[1,2],[]]}", TITAN + "|{'embedding':[],'inputTextTokenCount':1}", TITAN + "|{'embedding':'AACA','inputTextTokenCount':1}", TITAN + "|{'message':'hello'}",
      "bedrock/cohere.embed-v4:0|{'embeddings':{'int8':[[1],[2]]}}", "bedrock/cohere.embed-v4:0|{'embeddings':{'float':[[1.5]]}}", "bedrock/cohere.embed-english-v3|{'embeddings':'none'}"})
  void malformed_vectors_are_a_502_and_never_passed_on(String model, String body) {
    answers(model, 200, "application/json", body.replace('\'', '"').getBytes(UTF_8));
    Gateway.Answer answer = embed(request(model, List.of("one", "two"), "{}"), "x-dromedary-cache", "no-store");
    assertError(answer, 502, null, null);
    assertThat(Row.of(gateway, answer.requestId()).status()).isEqualTo("error");
  }

  @ParameterizedTest
  @CsvSource({"openai/text-embedding-3-small", "azure/text-embedding-3-large", "mistral/mistral-embed", "gemini/gemini-embedding-001", TITAN, "bedrock/cohere.embed-v4:0", "ollama/nomic-embed-text"})
  void whoever_embeds_its_faults_are_told_in_openais_shape(String model) {
    FakeProvider fake = FAKES.get(model.substring(0, model.indexOf('/')));
    Map<Mood, Integer> told = Map.of(Mood.DOWN, 503, Mood.HTML, 502, Mood.EMPTY, 502, Mood.JUNK, 502, Mood.HANGS_UP, 502, Mood.REFUSES, 400, Mood.BAD_KEY, 502);
    told.forEach((mood, status) -> {
      fake.mood(mood);
      Gateway.Answer answer = embed(request(model, "fault " + mood, "{}"));
      assertError(answer, status, null, null);
      assertThat(answer.text()).doesNotContain("sk-fake").doesNotContain("sk-test");
    });
  }

  /** This and nothing else is said by the model's provider. */
  private static FakeProvider answers(String model, int status, String headers, byte[] body) {
    return FAKES.get(model.substring(0, model.indexOf('/'))).by((call, wire) -> {
      wire.send(("HTTP/1.1 " + status + " X\r\nContent-Type: " + headers + "\r\nContent-Length: " + body.length + "\r\n\r\n").getBytes(UTF_8));
      wire.send(body);
      return true;
    });
  }

  @ParameterizedTest
  @CsvSource({"401,502", "403,502", "404,404", "408,503", "429,429", "500,503", "503,503", "529,503"})
  void an_error_page_is_told_by_its_status_alone(int status, int told) {
    for (String model : List.of("azure/text-embedding-3-large", "gemini/gemini-embedding-001", TITAN)) {
      answers(model, status, "text/html", "<html><body>sk-secret proxy</body></html>".getBytes(UTF_8));
      Gateway.Answer answer = embed(request(model, "page " + status, "{}"));
      // a 404 of Azure that names no deployment is the operator's mistake
      assertError(answer, status == 404 && model.startsWith("azure/") ? 502 : told, null, null);
      assertThat(answer.text()).doesNotContain("sk-secret").doesNotContain("<html");
      assertThat(Row.of(gateway, answer.requestId()).costNanos()).isZero();
    }
  }

  @ParameterizedTest
  @CsvSource({TITAN + ",{'embedding':[0.5]}", "azure/text-embedding-3-large,{'data':[{'index':0;'embedding':[0.5]}]}", "gemini/gemini-embedding-001,{'embeddings':[{'values':[0.5]}]}"})
  void a_zipped_answer_is_unzipped(String model, String body) throws IOException {
    ByteArrayOutputStream zipped = new ByteArrayOutputStream();
    try (GZIPOutputStream zip = new GZIPOutputStream(zipped)) {
      zip.write(body.replace('\'', '"').replace(';', ',').getBytes(UTF_8));
    }
    answers(model, 200, "application/json\r\nContent-Encoding: gzip", zipped.toByteArray());
    Gateway.Answer answer = embed(request(model, "zipped", "{}"));
    assertThat(answer.json().at("/data/0/embedding/0").floatValue()).as(answer.text()).isEqualTo(0.5f);
  }

  @ParameterizedTest
  @ValueSource(strings = {TITAN, "azure/text-embedding-3-large", "gemini/gemini-embedding-001"})
  void an_answer_that_breaks_off_or_stalls_is_none_and_costs_its_input(String model) {
    FakeProvider fake = FAKES.get(model.substring(0, model.indexOf('/')));
    byte[] half = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{\"embedding\":[0.5".getBytes(UTF_8);
    fake.by((call, wire) -> {
      wire.send(half);
      return false;
    });
    Gateway.Answer broken = embed(request(model, "hello", "{}"), "x-dromedary-cache", "no-store");
    assertError(broken, 502, null, null);
    assertThat(Row.of(gateway, broken.requestId()).costNanos()).isPositive();
    fake.by((call, wire) -> {
      wire.send(half);
      wire.waitForGoodbye();
      return false;
    });
    Gateway.Answer stalled = embed(request(model, "hello", "{}"), "x-dromedary-cache", "no-store", "x-dromedary-timeout-ms", "500");
    assertError(stalled, 504, null, "provider_timeout");
    assertThat(Row.of(gateway, stalled.requestId()).costNanos()).isPositive();
    fake.await(FakeProvider.Call::cancelled, Duration.ofSeconds(10));
  }

  @Test
  void cohere_is_told_what_the_vectors_are_for() {
    embed(request("bedrock/cohere.embed-v4:0", "a question", "{'input_type':'search_query'}"));
    assertThat(BEDROCK.last().json().path("input_type").asText()).isEqualTo("search_query");
    embed(request("bedrock/cohere.embed-v4:0", "a text", "{}"));
    assertThat(BEDROCK.last().json().path("input_type").asText()).isEqualTo("search_document");
    assertError(embed(request("bedrock/cohere.embed-v4:0", "a text", "{'input_type':'poem'}")), 400, null, null);
    assertError(embed(request("bedrock/cohere.embed-v4:0", "a text", "{'input_type':7}")), 400, "input_type", null);
  }

  @Test
  void nothing_in_the_shape_of_the_vectors_tells_who_made_them() {
    Set<String> shape = new TreeSet<>();
    for (String model : List.of("openai/text-embedding-3-small", "azure/text-embedding-3-large", "mistral/mistral-embed", "gemini/gemini-embedding-001", TITAN, "bedrock/cohere.embed-v4:0", "ollama/nomic-embed-text",
        "local/all-minilm-l6-v2")) {
      JsonNode json = embed(request(model, List.of("a shape", "of two"), "{}")).json();
      Set<String> names = new TreeSet<>();
      for (JsonNode node : List.of(json, json.at("/data/0"), json.at("/data/1"), json.path("usage"))) {
        node.properties().forEach(field -> names.add(field.getKey() + " " + field.getValue().getNodeType()));
      }
      shape = shape.isEmpty() ? names : shape;
      assertThat(names).as(model).isEqualTo(shape);
    }
  }

  private static void assertError(Gateway.Answer answer, int status, String param, String code) {
    assertThat(answer.status()).as(answer.text()).isEqualTo(status);
    OpenAiSchema.assertError(answer.json());
    JsonNode error = answer.json().path("error");
    assertThat(error.path("message").asText()).isNotEmpty();
    assertThat(error.has("type") && error.has("param") && error.has("code")).as(answer.text()).isTrue();
    if (param != null) {
      assertThat(error.path("param").asText()).isEqualTo(param);
    }
    if (code != null) {
      assertThat(error.path("code").asText()).isEqualTo(code);
    }
  }

  @Test
  void the_model_in_this_process_works_without_a_network_and_costs_nothing() {
    Gateway.Answer answer = embed(request("local/all-minilm-l6-v2", List.of("A camel crosses the desert.", "A dromedary walks through sand.", "Interest rates rose again."), "{'encoding_format':'base64'}"));
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    List<float[]> vectors = new ArrayList<>();
    answer.json().path("data").forEach(item -> vectors.add(EmbeddingResponse.vector(item.path("embedding").textValue())));
    assertThat(vectors).hasSize(3).allSatisfy(vector -> assertThat(vector).hasSize(384));
    assertThat(dot(vectors.get(0), vectors.get(1))).isGreaterThan(dot(vectors.get(0), vectors.get(2)) + 0.3);
    assertThat(answer.header("x-dromedary-provider")).isEqualTo("local");
    assertThat(answer.header("x-dromedary-cost-usd")).isEqualTo("0");
    assertThat(answer.json().at("/usage/prompt_tokens").asInt()).isBetween(15, 30);
    assertThat(Row.of(gateway, answer.requestId()).attempts()).hasSize(1);
  }

  private static double dot(float[] a, float[] b) {
    double dot = 0;
    for (int i = 0; i < a.length; i++) {
      dot += a[i] * b[i];
    }
    return dot;
  }

  @Test
  void models_list_those_that_embed() {
    ArrayNode data = (ArrayNode) gateway.get("/v1/models").json().path("data");
    List<String> embedding = new ArrayList<>();
    data.forEach(model -> {
      if (model.path("mode").asText().equals("embedding")) {
        embedding.add(model.path("id").asText());
      }
    });
    assertThat(embedding).contains("openai/text-embedding-3-small", "gemini/gemini-embedding-001", "mistral/mistral-embed", "ollama/nomic-embed-text", "local/all-minilm-l6-v2");
  }
}
