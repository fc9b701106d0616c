package io.dromedary.features;

import static io.dromedary.testing.Gateway.request;
import static java.nio.charset.StandardCharsets.UTF_8;
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
import io.dromedary.testing.Gateway.Streamed;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.camel.CamelContext;
import org.apache.camel.builder.RouteBuilder;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Cheap first: which answers are accepted, who is asked next, and what it costs. */
class CascadeTest {
  private static final String SMALL = "gpt-4o-mini";
  private static final String LARGE = "gpt-4o";
  private static final String JUDGE = "gpt-4.1-nano";
  private static final FakeProvider OPENAI = FakeProvider.openai();
  private static final FakeProvider ANTHROPIC = FakeProvider.anthropic();
  /** What each model says: a choice as OpenAI has it; a text is a choice that stopped. */
  private static final Map<String, ObjectNode> SAYS = new LinkedHashMap<>();
  private static Gateway gateway;

  @TempDir
  private static Path files;

  @BeforeAll
  static void start() throws Exception {
    Path xsd = Files.writeString(files.resolve("answer.xsd"), "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'><xs:element name='ok' type='xs:int'/></xs:schema>");
    Path schema = Files.writeString(files.resolve("answer.json"), "{\"type\":\"object\",\"required\":[\"sum\"],\"properties\":{\"sum\":{\"type\":\"integer\"}}}");
    String routing = Files.readString(Path.of("config/routing.yaml")).replace("\ncascades:\n", """

        cascades:
          judged: {models: [openai/gpt-4o-mini, openai/gpt-4o], accept: {judge: {model: openai/gpt-4.1-nano, min-score: 0.6, timeout-ms: 700}}}
          sure: {models: [openai/gpt-4o-mini, openai/gpt-4o], accept: {min-logprob: -0.5}}
          xml: {models: [openai/gpt-4o-mini, openai/gpt-4o], accept: {xsd: '%s'}}
          shaped: {models: [openai/gpt-4o-mini, openai/gpt-4o], accept: {json-schema: '%s'}}
          checked: {models: [openai/gpt-4o-mini, openai/gpt-4o], accept: {check: 'direct:my-check'}}
          unchecked: {models: [openai/gpt-4o-mini, openai/gpt-4o], accept: {check: 'direct:nobody'}}
        """.formatted(xsd, schema)).replace("  legal: {}", "  legal: {strategy: cascade}");
    gateway = Gateway.with("openai", OPENAI).and("anthropic", ANTHROPIC).set("dromedary.cache.enabled", false).set("dromedary.failover.max-retries", 0).routing(routing).start();
    gateway.bean(CamelContext.class).addRoutes(new RouteBuilder() {
      @Override
      public void configure() {
        from("direct:my-check").choice().when(body().contains("boom")).throwException(new IllegalStateException("no")).when(body().contains("rude")).setBody(constant("reject: it is rude")).otherwise().setBody(constant("accept"));
      }
    });
  }

  @AfterAll
  static void stop() {
    gateway.close();
    OPENAI.close();
    ANTHROPIC.close();
  }

  @BeforeEach
  void forget() {
    SAYS.clear();
    ANTHROPIC.reset();
    OPENAI.reset().by((call, wire) -> {
      ObjectNode choice = SAYS.get(call.model());
      if (choice == null) {
        byte[] error = wire.error(503, "down").getBytes(UTF_8);
        wire.send(("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: " + error.length + "\r\n\r\n").getBytes(UTF_8));
        wire.send(error);
        return true;
      }
      if (choice.has("late_ms")) {
        wire.pause(Duration.ofMillis(choice.get("late_ms").asLong()));
      }
      byte[] whole = Json.bytes(whole(call.model(), choice));
      wire.send(("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + whole.length + "\r\n\r\n").getBytes(UTF_8));
      wire.send(whole);
      return true;
    });
  }

  @AfterEach
  void nothing_is_left() {
    // Whatever became of a request, its place is free again.
    await().atMost(Duration.ofSeconds(10)).until(() -> gateway.bean(InFlight.class).underWay() == 0 && gateway.bean(InFlight.class).openStreams() == 0 && gateway.bean(CallWatch.class).size() == 0);
  }

  private static ObjectNode whole(String model, ObjectNode choice) {
    ObjectNode json = Json.object().put("id", "chatcmpl-1").put("object", "chat.completion").put("created", 1).put("model", model);
    ObjectNode made = choice.deepCopy().put("index", 0);
    made.remove(List.of("late_ms", "output"));
    json.putArray("choices").add(made);
    json.putObject("usage").put("prompt_tokens", 10).put("completion_tokens", choice.path("output").asInt(5)).put("total_tokens", 15);
    return json;
  }

  private static ObjectNode choice(String text, String finish) {
    ObjectNode choice = Json.object();
    choice.putObject("message").put("role", "assistant").put("content", text);
    return choice.put("finish_reason", finish);
  }

  private static void says(String model, String text) {
    SAYS.put(model, choice(text, "stop"));
  }

  private static ObjectNode cascade(String prompt, String... more) {
    ObjectNode request = request("openai/" + SMALL, prompt, "{'models':['openai/" + LARGE + "'],'routing':{'strategy':'cascade'}}");
    for (String fields : more) {
      ObjectNode others = request("x", "x", fields);
      others.remove(List.of("model", "messages"));
      request.setAll(others);
    }
    return request;
  }

  private static ObjectNode named(String cascade, String prompt) {
    return request("auto", prompt, "{'routing':{'strategy':'cascade','cascade':'" + cascade + "'}}");
  }

  private static List<String> asked() {
    List<String> models = new ArrayList<>();
    OPENAI.requests().forEach(call -> models.add(call.model()));
    return models;
  }

  private static JsonNode page(Answer answer) {
    return Row.of(gateway, answer.requestId()).page();
  }

  @Test
  void an_answer_that_passes_is_the_cheap_one_and_nobody_else_is_asked() {
    says(SMALL, "Paris.");
    says(LARGE, "Paris, of course.");

    Answer answer = gateway.chat(cascade("What is the capital of France?"));

    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    assertThat(answer.content()).isEqualTo("Paris.");
    assertThat(asked()).containsExactly(SMALL);
    assertThat(answer.header("x-dromedary-strategy")).isEqualTo("cascade");
    assertThat(answer.header("x-dromedary-attempts")).isEqualTo("1");
    assertThat(page(answer).at("/decision/cascade/accepted").asBoolean()).isTrue();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      I'm sorry, but I can't help with that.           | stop           | refusal
      I cannot assist with this request.               | stop           | refusal
      As an AI language model, I am unable to do this. | stop           | refusal
      anything                                         | content_filter | refusal
      ''                                               | stop           | empty
      The answer is that the                           | length         | truncated
      """)
  @Tag("M6")
  void an_answer_that_fails_leads_to_the_next_model_and_both_are_on_the_bill(String text, String finish, String failed) {
    SAYS.put(SMALL, choice(text, finish));
    says(LARGE, "A good answer.");

    Answer answer = gateway.chat(cascade("Do it"));

    assertThat(answer.content()).as(answer.text()).isEqualTo("A good answer.");
    assertThat(answer.header("x-dromedary-model")).isEqualTo("openai/" + LARGE);
    assertThat(answer.header("x-dromedary-attempts")).isEqualTo("2");
    assertThat(answer.header("x-dromedary-reason")).contains("openai/" + SMALL + " " + failed);
    JsonNode page = page(answer);
    assertThat(page.path("strategy").asText()).isEqualTo("cascade");
    assertThat(page.path("status").asText()).isEqualTo("ok");
    assertThat(page.path("attempts").findValuesAsText("model")).containsExactly("openai/" + SMALL, "openai/" + LARGE);
    long sum = page.at("/attempts/0/cost_nanos").asLong() + page.at("/attempts/1/cost_nanos").asLong();
    assertThat(page.at("/attempts/0/cost_nanos").asLong()).as("the answer that was not taken is paid for").isPositive();
    assertThat(page.path("cost_nanos").asLong()).isEqualTo(sum);
    assertThat(new BigDecimal(answer.header("x-dromedary-cost-usd")).movePointRight(9).longValueExact()).isEqualTo(sum);
    assertThat(page.at("/decision/cascade/rungs/0/failed").asText()).isEqualTo(failed);
    assertThat(page.at("/decision/cascade/rungs/1/accepted").asBoolean()).isTrue();
  }

  @Test
  void sympathy_is_no_refusal() {
    says(SMALL, "I'm sorry to hear that you can't sleep. Try a warm drink.");
    says(LARGE, "x");

    assertThat(gateway.chat(cascade("I can't sleep")).header("x-dromedary-model")).isEqualTo("openai/" + SMALL);
  }

  @Test
  void an_answer_cut_by_the_clients_own_limit_is_what_it_asked_for() {
    SAYS.put(SMALL, choice("one two three four five", "length"));
    says(LARGE, "x");

    assertThat(gateway.chat(cascade("Count", "{'max_tokens':5}")).header("x-dromedary-model")).isEqualTo("openai/" + SMALL);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '~', textBlock = """
      not json                 | {"sum":3}
      {"sum":"three"}          | {"sum":3}
      {"total":3}              | {"sum":3}
      """)
  void an_answer_of_another_shape_than_the_requests_schema_is_not_taken(String wrong, String right) {
    says(SMALL, wrong);
    says(LARGE, right);

    Answer answer = gateway.chat(cascade("Add 1 and 2", "{'response_format':{'type':'json_schema','json_schema':{'name':'a','schema':{'type':'object','required':['sum'],'properties':{'sum':{'type':'integer'}}}}}}"));

    assertThat(answer.content()).as(answer.text()).isEqualTo(right);
    assertThat(answer.header("x-dromedary-reason")).contains("json_schema");
  }

  @Test
  @Tag("X3")
  void a_schema_that_names_another_place_fetches_nothing_and_one_without_an_end_is_let_go() {
    says(SMALL, "{\"a\":1}");
    says(LARGE, "{\"a\":2}");
    String remote = "{'response_format':{'type':'json_schema','json_schema':{'name':'a','schema':{'$ref':'" + OPENAI.url() + "/schema.json'}}}}";
    String slow = "{'response_format':{'type':'json_schema','json_schema':{'name':'a','schema':{'type':'object','properties':{'a':{'pattern':'^(a+)+$'}}}}}}";

    assertThat(gateway.chat(cascade("Go", remote)).status()).isEqualTo(200);
    assertThat(OPENAI.requests()).allMatch(call -> call.method().equals("POST"));
    says(SMALL, "{\"a\":\"" + "a".repeat(40) + "!\"}");
    assertThat(gateway.chat(cascade("Go", slow)).took()).isLessThan(Duration.ofSeconds(20));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '~', textBlock = """
      xml     | <no/>           | <ok>3</ok>
      xml     | <ok>x</ok>      | <ok>3</ok>
      shaped  | {"sum":"three"} | {"sum":3}
      checked | a rude answer   | a kind answer
      checked | boom            | a kind answer
      """)
  void the_settings_may_demand_a_shape_or_ask_any_endpoint(String cascade, String wrong, String right) {
    says(SMALL, wrong);
    says(LARGE, right);

    Answer answer = gateway.chat(named(cascade, "Go"));

    assertThat(answer.content()).as(answer.text()).isEqualTo(right);
    assertThat(answer.header("x-dromedary-attempts")).isEqualTo("2");
    says(SMALL, right);
    assertThat(gateway.chat(named(cascade, "Go")).header("x-dromedary-attempts")).isEqualTo("1");
  }

  @Test
  void an_endpoint_that_does_not_exist_has_no_say() {
    says(SMALL, "a rude answer");
    assertThat(gateway.chat(named("unchecked", "Go")).header("x-dromedary-attempts")).isEqualTo("1");
  }

  @Test
  void a_model_unsure_of_its_words_is_not_taken_and_the_client_sees_no_logprobs_it_did_not_ask_for() {
    ObjectNode unsure = choice("Maybe Lyon", "stop");
    unsure.putObject("logprobs").putArray("content").add(Json.object().put("token", "Maybe").put("logprob", -2.5)).add(Json.object().put("token", " Lyon").put("logprob", -1.5));
    ObjectNode sure = choice("Paris", "stop");
    sure.putObject("logprobs").putArray("content").add(Json.object().put("token", "Paris").put("logprob", -0.01));
    SAYS.put(SMALL, unsure);
    SAYS.put(LARGE, sure);

    Answer answer = gateway.chat(named("sure", "Capital of France?"));

    assertThat(answer.content()).isEqualTo("Paris");
    assertThat(OPENAI.requests()).allMatch(call -> call.json().path("logprobs").asBoolean());
    assertThat(answer.json().at("/choices/0/logprobs").isNull()).isTrue();
    assertThat(page(answer).at("/decision/cascade/rungs/0/tests/logprob").asText()).contains("-2.0");
  }

  @Test
  @Tag("M5")
  void a_judge_grades_by_the_same_way_and_its_cost_is_shown_apart() {
    says(SMALL, "Lyon");
    says(LARGE, "Paris");
    says(JUDGE, "0.2");

    Answer answer = gateway.chat(named("judged", "Capital of France?"));

    assertThat(asked()).containsExactly(SMALL, JUDGE, LARGE, JUDGE);
    assertThat(answer.content()).as("nobody passed: the strongest answer is given").isEqualTo("Paris");
    assertThat(answer.header("x-dromedary-attempts")).as("the judge does not count").isEqualTo("2");
    assertThat(answer.header("x-dromedary-model")).isEqualTo("openai/" + LARGE);
    JsonNode page = page(answer);
    assertThat(page.path("attempts").findValuesAsText("purpose")).containsExactly("answer", "judge", "answer", "judge");
    long judged = page.at("/attempts/1/cost_nanos").asLong() + page.at("/attempts/3/cost_nanos").asLong();
    assertThat(page.path("judge_cost_nanos").asLong()).isEqualTo(judged).isPositive();
    assertThat(page.path("cost_nanos").asLong()).isEqualTo(judged + page.at("/attempts/0/cost_nanos").asLong() + page.at("/attempts/2/cost_nanos").asLong());
    assertThat(page.path("model").asText()).isEqualTo("openai/" + LARGE);

    says(JUDGE, "I'd say 0.9");
    assertThat(gateway.chat(named("judged", "Capital of France?")).content()).isEqualTo("Lyon");
  }

  @Test
  void a_judge_that_is_late_down_or_unclear_has_no_say() {
    says(SMALL, "Lyon");
    assertThat(gateway.chat(named("judged", "Down")).content()).isEqualTo("Lyon");
    says(JUDGE, "a fine answer");
    assertThat(gateway.chat(named("judged", "Unclear")).content()).isEqualTo("Lyon");
    says(JUDGE, "0.1");
    SAYS.get(JUDGE).put("late_ms", 15_000);
    Answer late = gateway.chat(named("judged", "Late"));
    assertThat(late.content()).isEqualTo("Lyon");
    assertThat(late.took()).isLessThan(Duration.ofSeconds(12));
    assertThat(page(late).path("status").asText()).isEqualTo("ok");
  }

  @Test
  @Tag("T6")
  void what_the_request_demands_holds_for_rungs_and_judges_alike() {
    says(SMALL, "Lyon");
    says(LARGE, "Paris");
    says(JUDGE, "0.1");
    ObjectNode cheap = named("judged", "Capital?");
    cheap.set("provider", Json.object().set("max_price", Json.object().put("prompt", 0.2).put("completion", 0.7)));

    assertThat(gateway.chat(cheap).header("x-dromedary-model")).as("the dear rung is out").isEqualTo("openai/" + SMALL);
    ObjectNode cheaper = named("judged", "Capital?");
    cheaper.set("provider", Json.object().set("max_price", Json.object().put("prompt", 0.16).put("completion", 0.61)));
    OPENAI.requests();
    Answer tagged = gateway.chat(request("auto", "Capital?", "{'routing':{'strategy':'cascade','cascade':'judged','require_tags':['hipaa']}}"));
    assertThat(tagged.status()).isEqualTo(422);
    assertThat(tagged.json().at("/error/message").asText()).contains("require_tags");
  }

  @Test
  void a_rung_whose_provider_fails_is_passed_over_and_an_earlier_answer_is_better_than_none() {
    says(LARGE, "Paris");
    Answer passed = gateway.chat(cascade("Capital?"));
    assertThat(passed.content()).isEqualTo("Paris");
    assertThat(passed.header("x-dromedary-attempts")).isEqualTo("2");

    SAYS.clear();
    SAYS.put(SMALL, choice("The capital is", "length"));
    Answer kept = gateway.chat(cascade("Capital?"));
    assertThat(kept.status()).as(kept.text()).isEqualTo(200);
    assertThat(kept.content()).isEqualTo("The capital is");
    assertThat(kept.header("x-dromedary-model")).isEqualTo("openai/" + SMALL);
    assertThat(kept.header("x-dromedary-reason")).contains("no answer was accepted");
    assertThat(page(kept).path("status").asText()).isEqualTo("ok");

    SAYS.clear();
    assertThat(gateway.chat(cascade("Capital?")).status()).isEqualTo(503);
  }

  @Test
  void without_fallbacks_an_answer_that_will_not_do_leads_up_and_a_failure_does_not() {
    says(LARGE, "Paris");
    String alone = "{'provider':{'allow_fallbacks':false}}";
    assertThat(gateway.chat(cascade("Capital?", alone)).status()).as("the first is down, and nobody stands in").isEqualTo(503);
    assertThat(asked()).doesNotContain(LARGE);
    SAYS.put(SMALL, choice("The capital is", "length"));
    assertThat(gateway.chat(cascade("Capital?", alone)).content()).isEqualTo("Paris");
  }

  @Test
  void a_stream_is_held_back_until_an_answer_is_accepted() {
    says(SMALL, "I'm sorry, I can't do that.");
    says(LARGE, "Here it is.");

    Streamed stream = gateway.stream(cascade("Do it", "{'stream_options':{'include_usage':true}}"));

    assertThat(stream.status()).isEqualTo(200);
    assertThat(stream.content()).isEqualTo("Here it is.");
    assertThat(stream.done()).isTrue();
    assertThat(stream.header("x-dromedary-attempts")).isEqualTo("2");
    assertThat(stream.usage().path("cost").decimalValue()).isPositive();
    assertThat(OPENAI.requests()).as("the rungs are asked for whole answers").noneMatch(call -> call.json().path("stream").asBoolean());
    assertThat(Row.of(gateway, stream.requestId()).page().path("stream").asBoolean()).isTrue();
  }

  @Test
  void max_cost_ends_the_climb() {
    SAYS.put(SMALL, choice("cut", "length").put("output", 5_000));
    says(LARGE, "x");

    Answer answer = gateway.chat(cascade("Do it", "{'routing':{'strategy':'cascade','max_cost':0.0055}}"));

    assertThat(asked()).as("either model is cheap enough, both are not").containsExactly(SMALL);
    assertThat(answer.content()).isEqualTo("cut");
    assertThat(answer.header("x-dromedary-reason")).contains("max_cost");
  }

  @Test
  void auto_climbs_from_the_cheapest_of_all_chains_each_rung_better_than_the_one_before() {
    JsonNode decision = gateway.post("/v1/route", request("auto", "Analyze the causes of inflation", "{'routing':{'strategy':'cascade'}}")).json();

    assertThat(decision.path("strategy").asText()).isEqualTo("cascade");
    JsonNode rungs = decision.path("candidates");
    assertThat(rungs).hasSizeBetween(2, 3);
    for (int i = 1; i < rungs.size(); i++) {
      assertThat(rungs.get(i).path("expected_cost_usd").decimalValue()).isGreaterThanOrEqualTo(rungs.get(i - 1).path("expected_cost_usd").decimalValue());
      assertThat(rungs.get(i).path("expected_quality").asDouble()).isGreaterThan(rungs.get(i - 1).path("expected_quality").asDouble());
    }
  }

  @Test
  void a_domain_may_go_by_a_cascade_of_its_own() {
    JsonNode decision = gateway.post("/v1/route", request("auto", "Can my landlord evict me for breach of the lease agreement?")).json();
    assertThat(decision.path("domain").asText()).isEqualTo("legal");
    assertThat(decision.path("strategy").asText()).isEqualTo("cascade");
    assertThat(gateway.post("/v1/route", request("auto", "Can my landlord evict me?", "{'routing':{'strategy':'direct'}}")).json().path("strategy").asText()).isEqualTo("tier");
  }

  @Test
  void an_unknown_cascade_is_a_400_with_those_that_exist() throws IOException {
    Answer answer = gateway.chat(named("steep", "Go"));
    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.json().at("/error/param").asText()).isEqualTo("routing.cascade");
    assertThat(answer.json().at("/error/message").asText()).contains("steep", "default", "judged");
  }
}
