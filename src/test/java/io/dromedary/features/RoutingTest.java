package io.dromedary.features;

import static io.dromedary.testing.Gateway.request;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import io.dromedary.limit.InFlight;
import io.dromedary.provider.CallWatch;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Gateway.Answer;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.camel.Exchange;
import org.apache.camel.ProducerTemplate;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Who is asked: one gateway with five providers, as the shipped configuration routes. */
class RoutingTest {
  private static final String GREETING = "Hello there";
  private static final String FACT = "What is the capital of France?";
  private static final String EVERYDAY = "My neighbour next door borrowed a ladder from me last summer and still has it, so please help me to find some friendly words for asking";
  private static final String ANALYSIS = "Analyze the pros and cons of microservices";
  private static final String EXPERT = "As an expert in distributed systems, explain consensus";

  private static final Map<String, FakeProvider> PROVIDERS = new LinkedHashMap<>();
  private static Gateway gateway;

  @BeforeAll
  static void start() {
    Gateway.Setup setup = Gateway.bare().set("dromedary.cache.enabled", false);
    for (String provider : List.of("openai", "anthropic", "gemini", "groq", "ollama")) {
      PROVIDERS.put(provider, FakeProvider.speaking(provider, 0).strict());
      setup.and(provider, PROVIDERS.get(provider));
    }
    gateway = setup.start();
  }

  @AfterAll
  static void stop() {
    gateway.close();
    PROVIDERS.values().forEach(FakeProvider::close);
  }

  @BeforeEach
  void forget() {
    PROVIDERS.values().forEach(FakeProvider::reset);
  }

  @AfterEach
  void nothing_is_left() {
    // Whatever became of a request, its place is free again.
    await().atMost(Duration.ofSeconds(10)).until(() -> gateway.bean(InFlight.class).underWay() == 0 && gateway.bean(InFlight.class).openStreams() == 0 && gateway.bean(CallWatch.class).size() == 0);
  }

  private static int calls() {
    return PROVIDERS.values().stream().mapToInt(FakeProvider::calls).sum();
  }

  private static JsonNode decision(ObjectNode request, String... headers) {
    Answer answer = gateway.post("/v1/route", request, headers);
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    return answer.json();
  }

  private static List<String> candidates(JsonNode decision) {
    List<String> models = new ArrayList<>();
    decision.path("candidates").forEach(candidate -> models.add(candidate.path("model").asText()));
    return models;
  }

  // ---- by how hard it looks -----------------------------------------------------------------------------------------------------------------------------------------------------------------

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      TRIVIAL | Hello there | ollama | llama3.2
      SIMPLE | What is the capital of France? | ollama | llama3.2
      MEDIUM | My neighbour next door borrowed a ladder from me last summer and still has it, so please help me to find some friendly words for asking | groq | llama-3.3-70b-versatile
      COMPLEX | Analyze the pros and cons of microservices | gemini | gemini-3.1-pro-preview
      EXPERT | As an expert in distributed systems, explain consensus | anthropic | claude-opus-5
      """)
  void a_request_to_auto_goes_to_the_chain_of_its_tier(String tier, String prompt, String provider, String model) {
    Answer answer = gateway.chat("auto", prompt);

    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    assertThat(answer.content()).isEqualTo("w1 w2 w3 w4 w5");
    assertThat(answer.header("x-dromedary-tier")).isEqualTo(tier);
    assertThat(answer.header("x-dromedary-strategy")).isEqualTo("tier");
    assertThat(answer.header("x-dromedary-provider")).isEqualTo(provider);
    assertThat(answer.header("x-dromedary-model")).isEqualTo(provider + "/" + model);
    assertThat(answer.json().path("model").asText()).as("the model that served").isEqualTo(provider + "/" + model);
    assertThat(PROVIDERS.get(provider).last().model()).isEqualTo(model);
    assertThat(calls()).as("nobody else is asked").isEqualTo(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"auto", "route-llm", "router-auto", "auto:balanced"})
  void these_names_all_leave_the_choice_to_the_gateway(String name) {
    assertThat(decision(request(name, EXPERT)).path("tier").asText()).isEqualTo("EXPERT");
  }

  @Test
  void the_answer_says_in_its_headers_who_answered_why_and_at_what_cost() {
    Answer answer = gateway.chat("auto", ANALYSIS);

    assertThat(answer.requestId()).isNotEmpty();
    assertThat(answer.header("x-dromedary-reason")).isEqualTo("COMPLEX by learned");
    assertThat(answer.header("x-dromedary-attempts")).isEqualTo("1");
    assertThat(answer.header("x-dromedary-cache")).isEqualTo("bypass");
    assertThat(new BigDecimal(answer.header("x-dromedary-cost-usd"))).isPositive();
    assertThat(new BigDecimal(answer.header("x-dromedary-saved-usd"))).isNotNull();
    assertThat(Double.parseDouble(answer.header("x-dromedary-overhead-ms"))).isPositive();
    assertThat(answer.headers().keySet()).as("nothing of the provider's head comes through").noneMatch(name -> name.equals("x-powered-by") || name.equals("server"));
    assertThat(answer.requestId()).isNotEqualTo("req_fake");
  }

  // ---- by name ------------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  @ParameterizedTest
  @CsvSource({"openai/gpt-4o-mini, openai, gpt-4o-mini", "gpt-4o-mini, openai, gpt-4o-mini", "claude-sonnet-5, anthropic, claude-sonnet-5", "gemini/gemini-3.5-flash-lite, gemini, gemini-3.5-flash-lite",
      "groq/llama-3.3-70b-versatile, groq, llama-3.3-70b-versatile", "ollama/llama3.2, ollama, llama3.2", "chatgpt-4o-latest, openai, gpt-4o"})
  void a_model_is_found_by_full_name_bare_name_or_alias(String name, String provider, String model) {
    Answer answer = gateway.chat(name, GREETING);

    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    assertThat(answer.header("x-dromedary-strategy")).isEqualTo("model");
    assertThat(PROVIDERS.get(provider).last().model()).isEqualTo(model);
    assertThat(calls()).isEqualTo(1);
  }

  @Test
  void a_model_that_the_catalogue_lacks_goes_to_its_provider_as_it_stands_and_is_unpriced() {
    Answer answer = gateway.chat("openai/ft:gpt-4o:acme::x1", GREETING);

    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    assertThat(PROVIDERS.get("openai").last().model()).isEqualTo("ft:gpt-4o:acme::x1");
    assertThat(decision(request("openai/ft:gpt-4o:acme::x1", GREETING)).at("/candidates/0/expected_cost_usd").isNull()).as("unpriced is not free").isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpt-17", "nobody/gpt-4o", "mistral/mistral-large-latest"})
  void a_model_that_is_not_served_here_is_not_found(String name) {
    Answer answer = gateway.chat(name, GREETING);

    assertThat(answer.status()).as(answer.text()).isEqualTo(404);
    assertThat(answer.json().at("/error/code").asText()).isEqualTo("model_not_found");
    assertThat(answer.json().at("/error/param").asText()).isEqualTo("model");
    assertThat(answer.json().at("/error/message").asText()).contains(name);
    assertThat(calls()).isZero();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      router-astrology-0.5 | astrology
      router-mf-1.5        | 1.5
      router-mf--0.1       | -0.1
      router-mf-often      | often
      router-bert-0.5      | routers.bert
      auto:astrology       | astrology
      """)
  void a_router_or_domain_that_there_is_not_is_told_with_what_is_allowed(String name, String told) {
    Answer answer = gateway.chat(name, GREETING);

    assertThat(answer.status()).as(answer.text()).isEqualTo(400);
    assertThat(answer.json().at("/error/param").asText()).isEqualTo("model");
    assertThat(answer.json().at("/error/message").asText()).contains(told);
    assertThat(calls()).isZero();
  }

  @Test
  void models_name_further_ones_to_try_in_their_order() {
    JsonNode decision = decision(request("openai/gpt-4o", GREETING, "{'models':['anthropic/claude-sonnet-5','groq/llama-3.3-70b-versatile']}"));

    assertThat(candidates(decision)).containsExactly("openai/gpt-4o", "anthropic/claude-sonnet-5", "groq/llama-3.3-70b-versatile");
  }

  // ---- wishes -------------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  @Test
  void a_preference_reorders_the_chain_of_the_tier() {
    List<String> byDefault = candidates(decision(request("auto", ANALYSIS)));
    List<String> byCost = candidates(decision(request("auto", ANALYSIS), "x-dromedary-preference", "cost"));
    List<String> byQuality = candidates(decision(request("auto", ANALYSIS), "x-dromedary-preference", "quality"));

    assertThat(byDefault).startsWith("gemini/gemini-3.1-pro-preview", "anthropic/claude-sonnet-5", "openai/gpt-4o");
    assertThat(byCost.subList(0, 3)).containsExactlyInAnyOrderElementsOf(byDefault.subList(0, 3));
    assertThat(byQuality.subList(0, 3)).containsExactlyInAnyOrderElementsOf(byDefault.subList(0, 3));
    assertThat(byCost).isNotEqualTo(byQuality);
    JsonNode priced = decision(request("auto:cost", ANALYSIS)).path("candidates");
    assertThat(new BigDecimal(priced.at("/0/expected_cost_usd").asText())).isLessThanOrEqualTo(new BigDecimal(priced.at("/1/expected_cost_usd").asText()));
    assertThat(new BigDecimal(priced.at("/1/expected_cost_usd").asText())).isLessThanOrEqualTo(new BigDecimal(priced.at("/2/expected_cost_usd").asText()));
  }

  @Test
  void a_preference_that_is_none_is_told_with_those_that_exist() {
    Answer answer = gateway.chat("auto", ANALYSIS, "x-dromedary-preference", "cheapest");

    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.json().at("/error/message").asText()).contains("cheapest", "cost", "quality", "speed", "balanced");
  }

  @Test
  void provider_only_keeps_the_request_with_those_providers() {
    Answer answer = gateway.chat(request("auto", ANALYSIS, "{'provider':{'only':['openai']}}"));

    assertThat(answer.header("x-dromedary-provider")).isEqualTo("openai");
    assertThat(PROVIDERS.get("openai").calls()).isEqualTo(calls()).isEqualTo(1);
    assertThat(PROVIDERS.get("openai").last().json().has("provider")).as("our own field does not travel").isFalse();
  }

  @Test
  void a_threshold_router_asks_the_strong_model_from_its_score_on() {
    String fifty = "word ".repeat(50);
    JsonNode short_ = decision(request("router-length-0.5", GREETING));
    JsonNode long_ = decision(request("router-length-0.01", fifty));

    assertThat(candidates(short_)).startsWith("openai/gpt-4o-mini", "openai/gpt-4o");
    assertThat(candidates(long_)).startsWith("openai/gpt-4o", "openai/gpt-4o-mini");
    assertThat(gateway.chat("router-length-0.01", fifty).header("x-dromedary-model")).isEqualTo("openai/gpt-4o");
    assertThat(gateway.chat("router-length-0.01", fifty).header("x-dromedary-strategy")).isEqualTo("threshold");
  }

  @Test
  @Tag("T6")
  void when_no_model_is_eligible_the_constraint_that_took_the_last_is_named() {
    ObjectNode impossible = request("auto", ANALYSIS, "{'routing':{'min_context':9000000}}");
    Answer answer = gateway.chat(impossible);

    assertThat(answer.status()).as(answer.text()).isEqualTo(422);
    assertThat(answer.json().at("/error/code").asText()).isEqualTo("no_eligible_model");
    assertThat(answer.json().at("/error/message").asText()).contains("min_context");
    assertThat(answer.header("x-should-retry")).isEqualTo("false");
    assertThat(calls()).isZero();
  }

  @Test
  @Tag("T6")
  void a_request_with_an_image_goes_past_the_models_that_cannot_see() {
    ObjectNode request = request("auto", FACT);
    var parts = ((ObjectNode) request.at("/messages/0")).putArray("content");
    parts.addObject().put("type", "text").put("text", FACT);
    parts.addObject().put("type", "image_url").putObject("image_url").put("url", "data:image/png;base64,iVBORw0KGgo=");

    JsonNode decision = decision(request);

    assertThat(candidates(decision)).isNotEmpty().doesNotContain("ollama/llama3.2", "groq/llama-3.3-70b-versatile");
    assertThat(decision.path("dropped").findValuesAsText("model")).contains("ollama/llama3.2");
    assertThat(gateway.chat(request).status()).isEqualTo(200);
  }

  // ---- a decision without the call --------------------------------------------------------------------------------------------------------------------------------------------------------------

  @Test
  void a_decision_can_be_had_without_the_call() {
    JsonNode decision = decision(request("auto", EVERYDAY));

    assertThat(decision.path("tier").asText()).isEqualTo("MEDIUM");
    assertThat(decision.path("score").asDouble()).isBetween(0.15, 0.25);
    assertThat(decision.at("/signals/words").asInt()).isGreaterThan(20);
    assertThat(decision.path("reason").asText()).isEqualTo("MEDIUM by learned");
    assertThat(candidates(decision)).startsWith("groq/llama-3.3-70b-versatile", "gemini/gemini-3.5-flash-lite", "openai/gpt-4o-mini");
    for (JsonNode candidate : decision.path("candidates")) {
      assertThat(new BigDecimal(candidate.path("expected_cost_usd").asText())).isPositive();
      assertThat(candidate.path("expected_quality").asDouble()).isBetween(0.0, 1.0);
      assertThat(candidate.path("expected_latency_ms").asInt()).isPositive();
      assertThat(candidate.path("reason").asText()).isNotEmpty();
    }
    assertThat(calls()).isZero();
  }

  @Test
  void a_dry_run_is_the_same_decision_and_calls_nobody() {
    Answer dry = gateway.chat(request("auto", EXPERT, "{'routing':{'dry_run':true}}"));
    JsonNode routed = decision(request("auto", EXPERT, "{'routing':{}}"));

    assertThat(dry.status()).isEqualTo(200);
    assertThat(dry.json()).isEqualTo(routed);
    assertThat(calls()).isZero();
    assertThat(gateway.metric("dromedary_requests_in_flight")).as("and takes no place").isZero();
    assertThat(gateway.metric("dromedary_provider_calls_running")).isZero();
  }

  @Test
  @Tag("M5")
  void any_route_of_the_host_may_ask_by_direct_chat_and_is_metered() throws Exception {
    ObjectNode asked = request("auto", FACT, "{'stream':true,'stream_options':{'include_usage':true}}"); // which a message cannot do
    Exchange out = gateway.bean(ProducerTemplate.class).request("direct:chat", exchange -> exchange.getMessage().setBody(Json.text(asked)));

    assertThat(out.getException()).isNull();
    assertThat(Json.read(out.getMessage().getBody(String.class)).at("/choices/0/message/content").asText()).isEqualTo("w1 w2 w3 w4 w5");
    assertThat(out.getMessage().getHeader("x-dromedary-model")).isEqualTo("ollama/llama3.2");
    assertThat(Row.of(gateway, out.getVariable("requestId", String.class)).page().path("entry").asText()).isEqualTo("direct");
  }

  @Test
  @Tag("S1")
  void a_stream_carries_the_same_headers_and_ends_with_done() {
    Gateway.Streamed stream = gateway.stream(request("auto", EXPERT));

    assertThat(stream.status()).isEqualTo(200);
    assertThat(stream.header("content-type")).startsWith("text/event-stream");
    assertThat(stream.header("x-dromedary-tier")).isEqualTo("EXPERT");
    assertThat(stream.header("x-dromedary-model")).isEqualTo("anthropic/claude-opus-5");
    assertThat(stream.content()).isEqualTo("w1 w2 w3 w4 w5");
    assertThat(stream.finish()).isEqualTo("stop");
    assertThat(stream.done()).isTrue();
    assertThat(stream.events()).filteredOn(event -> !event.data().equals("[DONE]")).allSatisfy(event -> assertThat(event.json().path("model").asText()).isEqualTo("anthropic/claude-opus-5"));
  }

  @Test
  @Tag("T5")
  void a_strict_request_goes_to_a_model_that_takes_all_its_parameters_or_nowhere() {
    String strict = "{'logprobs':true,'provider':{'require_parameters':true}}";

    Answer alone = gateway.chat(request("groq/llama-3.3-70b-versatile", GREETING, strict));
    Answer withOther = gateway.chat(request("groq/llama-3.3-70b-versatile", GREETING, strict, "{'models':['anthropic/claude-sonnet-5','openai/gpt-4o']}"));
    Answer trimmed = gateway.chat(request("groq/llama-3.3-70b-versatile", GREETING, "{'logprobs':true}"));

    assertThat(alone.status()).as(alone.text()).isEqualTo(400);
    assertThat(alone.json().at("/error/param").asText()).isEqualTo("logprobs");
    assertThat(alone.json().at("/error/code").asText()).isEqualTo("unsupported_parameter");
    assertThat(withOther.status()).as(withOther.text()).isEqualTo(200);
    assertThat(withOther.header("x-dromedary-model")).isEqualTo("openai/gpt-4o");
    assertThat(withOther.header("x-dromedary-attempts")).as("nobody else was tried").isEqualTo("1");
    assertThat(withOther.header("x-dromedary-dropped-params")).isNull();
    assertThat(trimmed.header("x-dromedary-dropped-params")).isEqualTo("logprobs");
    assertThat(PROVIDERS.get("anthropic").calls()).isZero();
  }
}
