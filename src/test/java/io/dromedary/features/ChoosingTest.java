package io.dromedary.features;

import static io.dromedary.testing.Gateway.request;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Gateway.Answer;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What settings, domains, conversations and judges add to the choice of a model. */
class ChoosingTest {
  private static final String HARD = "As an expert in distributed systems, explain the consensus algorithm rigorously";
  private static final FakeProvider OPENAI = FakeProvider.openai();
  private static final FakeProvider ANTHROPIC = FakeProvider.anthropic();
  private static Gateway gateway;


  @BeforeAll
  static void start() throws Exception {
    String routing = Files.readString(Path.of("config/routing.yaml"))
        .replaceFirst("(?m)^scorer: .*$", "scorer: keywords")
        .replace("  medical: {}", "  medical: {models: [anthropic/claude-sonnet-5, openai/gpt-4o], min-quality: 0.5}\n  insurance: {terms: [policyholder, no claims bonus], preference: cost}")
        .replace("  legal: {}", "  legal: {require-tags: [hipaa]}")
        .replace("  scientific: {}", "  scientific: {enabled: false}")
        .replace("  weak: openai/gpt-4o-mini", "  weak: openai/gpt-4o-mini\n  causal: {model: openai/gpt-4.1-nano, timeout-ms: 700}");
    gateway = Gateway.with("openai", OPENAI).and("anthropic", ANTHROPIC).set("dromedary.cache.enabled", false).set("dromedary.failover.max-retries", 0).routing(routing).start();
  }

  @AfterAll
  static void stop() {
    gateway.close();
    OPENAI.close();
    ANTHROPIC.close();
  }

  @BeforeEach
  void forget() {
    OPENAI.reset();
    ANTHROPIC.reset();
  }

  private static JsonNode decision(ObjectNode request, String... headers) {
    Answer answer = gateway.post("/v1/route", request, headers);
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    return answer.json();
  }

  private static List<String> models(JsonNode decision) {
    List<String> models = new ArrayList<>();
    decision.path("candidates").forEach(candidate -> models.add(candidate.path("model").asText()));
    return models;
  }

  private static void refused(int status, ObjectNode request, String... told) {
    Answer answer = gateway.chat(request);
    assertThat(answer.status()).as(answer.text()).isEqualTo(status);
    assertThat(answer.json().at("/error/message").asText()).contains(told);
    assertThat(OPENAI.calls() + ANTHROPIC.calls()).isZero();
  }

  // ---- domains and tasks --------------------------------------------------------------------------------------------------------------------------------------------------------------------

  @Test
  void a_domain_may_have_models_tags_and_a_preference_of_its_own() {
    JsonNode medical = decision(request("auto", "Which dosage of ibuprofen is safe for a patient with asthma?"));
    assertThat(medical.path("domain").asText()).isEqualTo("medical");
    assertThat(medical.at("/domains/medical").asDouble()).isGreaterThan(0.8);
    assertThat(models(medical)).startsWith("anthropic/claude-sonnet-5", "openai/gpt-4o");
    assertThat(decision(request("auto", "Does the policyholder keep it?")).path("reason").asText()).contains("by cost");
    refused(422, request("auto", "Can my landlord evict me for breach of the lease agreement?"), "require_tags");
  }

  @Test
  void a_request_may_name_its_domain_by_the_model_or_by_routing() {
    assertThat(models(decision(request("auto:medical", "Hello there")))).startsWith("anthropic/claude-sonnet-5");
    assertThat(decision(request("auto", "Hello there", "{'routing':{'domain':'medical'}}")).path("domain").asText()).isEqualTo("medical");
    refused(400, request("auto:scientific", "Hello"), "scientific", "medical", "balanced");
    refused(400, request("auto", "Hello", "{'routing':{'domain':'astrology'}}"), "routing.domain", "astrology", "insurance");
  }

  @Test
  void task_and_domain_are_on_the_ledger_in_headers_and_in_reports() {
    Answer answer = gateway.chat(request("openai/gpt-4o-mini", "Translate this prescription for my patient into French"));
    assertThat(answer.header("x-dromedary-task")).isEqualTo("translation");
    assertThat(answer.header("x-dromedary-domain")).isEqualTo("medical");
    JsonNode page = Row.of(gateway, answer.requestId()).page();
    assertThat(page.path("task").asText()).isEqualTo("translation");
    assertThat(page.path("domain").asText()).isEqualTo("medical");
    JsonNode usage = gateway.get("/v1/usage?group_by=task,domain").json();
    assertThat(usage.path("data").findValuesAsText("task")).contains("translation");
  }

  // ---- bad input ----------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      {'weights':{'cost':-1}}                      | routing.weights.cost
      {'weights':{'cost':0,'quality':0,'speed':0}} | routing.weights
      {'weights':{'cost':'NaN'}}                   | routing.weights.cost
      {'weights':{'price':1}}                      | routing.weights
      {'weights':{}}                               | routing.weights
      {'min_quality':1.5}                          | routing.min_quality
      {'require_tags':['nonsense']}                | routing.require_tags
      {'strategy':'waterfall'}                     | routing.strategy
      {'optimize':'yes'}                           | routing.optimize
      {'domain':'nowhere'}                         | routing.domain
      {'tag':'x'}                                  | routing.tag
      """)
  void a_bad_wish_is_a_400_that_names_its_field(String routing, String field) {
    Answer answer = gateway.chat(request("auto", "Hello", "{'routing':" + routing + "}"));
    assertThat(answer.status()).as(answer.text()).isEqualTo(400);
    assertThat(answer.json().at("/error/param").asText()).isEqualTo(field);
    assertThat(OPENAI.calls()).isZero();
  }

  @Test
  @Tag("T6")
  void a_tag_that_is_known_and_that_no_model_has_is_a_422() {
    refused(422, request("auto", "Hello", "{'routing':{'require_tags':['hipaa']}}"), "routing.require_tags", "hipaa");
    refused(422, request("openai/gpt-4o", "Hello", "{'routing':{'require_tags':['hipaa']}}"), "routing.require_tags");
    refused(400, request("auto", "Hello", "{'routing':{'require_tags':['nonsense']}}"), "nonsense", "hipaa", "local");
  }

  // ---- a pair of models, and judges that score ----------------------------------------------------------------------------------------------------------------------------------------------

  @Test
  void a_request_may_name_its_own_strong_and_weak_model() {
    String pair = "{'routing':{'strong':'anthropic/claude-opus-5','weak':'anthropic/claude-haiku-4-5'}}";
    assertThat(models(decision(request("router-keywords-0.9", "Hello", pair)))).startsWith("anthropic/claude-haiku-4-5");
    assertThat(models(decision(request("router-keywords-0.1", HARD, pair)))).startsWith("anthropic/claude-opus-5");
    refused(400, request("router-mf-0.5", "Hello", "{'routing':{'strong':'nobody/none'}}"), "routing.strong", "nobody/none");
  }

  @Test
  @Tag("M5")
  void a_judge_scores_for_the_causal_router_and_is_on_the_bill_apart() {
    OPENAI.says("0.9");
    Answer answer = gateway.chat("router-causal-0.5", "Is it?");
    assertThat(answer.header("x-dromedary-model")).as(answer.text()).isEqualTo("openai/gpt-4o");
    assertThat(answer.header("x-dromedary-reason")).contains("0.9 >= 0.5 by causal");
    assertThat(answer.header("x-dromedary-attempts")).isEqualTo("1");
    JsonNode page = Row.of(gateway, answer.requestId()).page();
    assertThat(page.path("attempts").findValuesAsText("purpose")).containsExactly("judge", "answer");
    assertThat(page.path("attempts").findValuesAsText("model")).containsExactly("openai/gpt-4.1-nano", "openai/gpt-4o");
    assertThat(page.path("judge_cost_nanos").asLong()).isPositive().isLessThan(page.path("cost_nanos").asLong());

    OPENAI.says("0.1");
    assertThat(gateway.chat("router-causal-0.5", "Is it?").header("x-dromedary-model")).isEqualTo("openai/gpt-4o-mini");
    OPENAI.says("hard to say");
    Answer unclear = gateway.chat("router-causal-0.5", HARD);
    assertThat(unclear.header("x-dromedary-reason")).as("the scorer in force decides").contains("by keywords");
    int before = OPENAI.calls();
    assertThat(decision(request("router-causal-0.5", HARD)).path("scorer").asText()).as("a dry run asks nobody").isEqualTo("keywords");
    assertThat(OPENAI.calls()).isEqualTo(before);
  }

  // ---- conversations ------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  @Test
  void a_named_session_stays_with_its_model_and_only_moves_up() {
    String session = "{'routing':{'session_id':'s-1'}}";
    String first = gateway.chat(request("auto", "Who was the first man on the moon?", session)).header("x-dromedary-model");
    assertThat(gateway.chat(request("auto", HARD, session)).header("x-dromedary-model")).as("a harder turn goes to a better model").isEqualTo("anthropic/claude-opus-5").isNotEqualTo(first);
    Answer easy = gateway.chat(request("auto", "What is the capital of France?", session));
    assertThat(easy.header("x-dromedary-model")).isEqualTo("anthropic/claude-opus-5");
    assertThat(easy.header("x-dromedary-reason")).contains("session stays with anthropic/claude-opus-5");
    assertThat(Row.of(gateway, easy.requestId()).page().at("/decision/session/kept").asBoolean()).isTrue();
    assertThat(gateway.chat(request("auto", "What is the capital of France?", "{'routing':{'session_id':'s-2'}}")).header("x-dromedary-model")).isEqualTo(first);
    assertThat(gateway.chat(request("auto", "What is the capital of France?"), "x-dromedary-session-id", "s-1").header("x-dromedary-model")).isEqualTo("anthropic/claude-opus-5");
  }

  @Test
  void a_conversation_found_by_its_opening_stays_only_where_a_prompt_cache_would_be_lost() {
    for (boolean long_ : List.of(true, false)) {
      ANTHROPIC.usage(long_ ? 6_000 : 30, 20);
      String opening = HARD + (long_ ? " " + "and consider this trace of events ".repeat(700) : " again");
      ObjectNode first = request("auto", opening);
      assertThat(gateway.chat(first).header("x-dromedary-model")).isEqualTo("anthropic/claude-opus-5");
      ObjectNode next = first.deepCopy();
      ArrayNode messages = (ArrayNode) next.get("messages");
      messages.addObject().put("role", "assistant").put("content", "Well.");
      messages.addObject().put("role", "user").put("content", "Thanks! And what is the capital of France, by the way?");
      JsonNode decision = decision(next);
      if (long_) {
        assertThat(decision.path("model").asText()).as(decision.toString()).isEqualTo("anthropic/claude-opus-5");
        assertThat(new BigDecimal(decision.at("/session/lost_by_switching_usd").asText())).isPositive();
      } else {
        assertThat(decision.at("/session/why").asText()).contains("no kept prompt");
      }
    }
  }

  @Test
  void earlier_turns_count_less_than_the_latest() {
    ObjectNode request = request("auto", HARD);
    ArrayNode messages = (ArrayNode) request.get("messages");
    messages.addObject().put("role", "assistant").put("content", "Done.");
    messages.addObject().put("role", "user").put("content", "What is the capital of France?");
    JsonNode decision = decision(request);
    assertThat(decision.at("/signals/earlier_turns").asInt()).isEqualTo(1);
    assertThat(decision.path("score").asDouble()).isBetween(decision.at("/signals/latest_score").asDouble() + 0.01, 0.5);
  }

  // ---- the optimizer ------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  @Test
  void a_request_is_trimmed_only_when_it_says_so_and_is_told_what_was_changed() {
    Answer plain = gateway.chat(request("openai/gpt-4o-mini", "Translate good morning into French"));
    assertThat(plain.header("x-dromedary-optimized")).isNull();
    assertThat(OPENAI.last().json().has("max_tokens")).isFalse();

    Answer trimmed = gateway.chat(request("openai/gpt-4o-mini", "Translate good morning into French", "{'max_tokens':9000,'routing':{'optimize':true}}"));
    assertThat(trimmed.status()).as(trimmed.text()).isEqualTo(200);
    long cap = OPENAI.last().json().path("max_tokens").asLong(OPENAI.last().json().path("max_completion_tokens").asLong());
    assertThat(cap).isBetween(64L, 2_000L);
    assertThat(OPENAI.last().json().path("temperature").asDouble()).isEqualTo(0.3);
    assertThat(trimmed.header("x-dromedary-optimized")).contains("max_tokens=" + cap + " (was 9000)", "temperature=0.3");
    assertThat(Row.of(gateway, trimmed.requestId()).page().at("/decision/optimizer/0/from").asInt()).isEqualTo(9000);

    gateway.chat(request("openai/gpt-4o-mini", "Translate good morning into French", "{'max_tokens':70,'temperature':1,'routing':{'optimize':true}}"));
    assertThat(OPENAI.last().json().path("temperature").asDouble()).as("what the client sets stays").isEqualTo(1);
    assertThat(OPENAI.last().json().toString()).contains(":70");
  }

  // ---- a described task ---------------------------------------------------------------------------------------------------------------------------------------------------------------------

  @Test
  void a_described_task_and_a_budget_bring_suggestions() {
    Answer answer = gateway.post("/v1/route", Json.object().put("task", "Summarize long customer reviews for our sales team").put("budget_usd", 5).put("calls", 200));
    assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    JsonNode json = answer.json();
    assertThat(json.path("object").asText()).isEqualTo("route.suggestion");
    assertThat(json.at("/task/type").asText()).isEqualTo("summary");
    assertThat(json.path("models")).isNotEmpty();
    JsonNode first = json.at("/models/0");
    BigDecimal cost = first.path("expected_cost_usd").decimalValue();
    assertThat(first.path("calls_within_budget").asLong()).isEqualTo(new BigDecimal("5").divideToIntegralValue(cost).longValue());
    BigDecimal shares = BigDecimal.ZERO;
    for (JsonNode part : json.path("split")) {
      shares = shares.add(part.path("share").decimalValue());
    }
    assertThat(shares).isEqualByComparingTo(BigDecimal.ONE);
    assertThat(json.path("budget_suffices").isBoolean()).isTrue();
    assertThat(OPENAI.calls()).isZero();

    for (String wrong : List.of("{\"task\":\"\"}", "{\"task\":\"x\",\"budget_usd\":-1}", "{\"task\":\"x\",\"budget_usd\":\"5\"}", "{\"task\":5}", "{\"task\":\"x\",\"calls\":0}")) {
      assertThat(gateway.post("/v1/route", wrong).status()).as(wrong).isEqualTo(400);
    }
  }

  @Test
  void a_decision_estimates_the_cost_before_the_call() {
    JsonNode estimate = decision(request("openai/gpt-4o", "Write a poem about the sea")).path("estimate");
    assertThat(estimate.path("input_tokens").asLong()).isPositive();
    assertThat(estimate.path("output_tokens").asLong()).isPositive();
    assertThat(estimate.path("at_most_usd").decimalValue()).isGreaterThan(estimate.path("cost_usd").decimalValue());
  }
}
