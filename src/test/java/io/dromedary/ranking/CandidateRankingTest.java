package io.dromedary.ranking;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Candidates;
import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.ConfigError;
import io.dromedary.catalog.Decision;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Tier;
import io.dromedary.catalog.Topic;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Usd;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CandidateRankingTest {
  static final Set<String> SCORERS = Set.of("keywords", "learned", "length", "random");
  static final byte[] MODELS = read("config/models.yaml");
  static final byte[] ROUTING = read("config/routing.yaml");
  static final ModelCatalog CATALOGUE = ModelCatalog.read(MODELS, "config/models.yaml");
  static final RoutingPolicy POLICY = RoutingPolicy.read(ROUTING, "config/routing.yaml", CATALOGUE, SCORERS);

  /** Providers as the test says they are. */
  static final class Providers implements ProviderStates {
    final Set<String> active = new HashSet<>();
    final Set<String> failing = new HashSet<>();

    Providers(String... active) {
      this.active.addAll(Arrays.asList(active));
    }

    @Override
    public boolean active(String provider) {
      return active.contains(provider);
    }

    @Override
    public boolean available(String provider) {
      return !failing.contains(provider);
    }
  }

  final Providers all = new Providers("openai", "anthropic", "gemini", "groq", "ollama", "mistral", "deepseek");

  static byte[] read(String path) {
    try {
      return Files.readAllBytes(Path.of(path));
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  static CandidateRanking ranking(ProviderStates states) {
    return new CandidateRanking(() -> CATALOGUE, () -> POLICY, states, ExpectedLatency.PRIOR);
  }

  static ChatRequest request(String fields) {
    return request(fields, Map.of());
  }

  static ChatRequest request(String fields, Map<String, String> hints) {
    String json = "{\"messages\":[{\"role\":\"user\",\"content\":\"Tell me a joke\"}]" + (fields.isEmpty() ? "" : "," + fields.replace('\'', '"')) + "}";
    return new ChatRequest("r1", Json.readStrictly(json.getBytes(StandardCharsets.UTF_8)), hints, Instant.parse("2026-11-21T00:00:00Z"), Instant.parse("2026-11-21T00:01:00Z"));
  }

  static Complexity looking(Tier tier) {
    return new Complexity(tier.ordinal() / 5.0 + 0.1, tier, "keywords", Map.of("words", 4));
  }

  static List<String> ids(Candidates candidates) {
    return candidates.ranked().stream().map(candidate -> candidate.model().id()).toList();
  }

  static void refused(int status, String words, Runnable asking) {
    assertThatThrownBy(asking::run).isInstanceOfSatisfying(Problem.class, problem -> {
      assertThat(problem.status()).isEqualTo(status);
      assertThat(problem.getMessage()).contains(words);
    });
  }

  @Test
  void each_tier_has_its_chain_and_the_fallback_closes_it() {
    CandidateRanking ranking = ranking(all);
    List<String> light = List.of("ollama/llama3.2", "groq/llama-3.3-70b-versatile", "gemini/gemini-3.5-flash-lite", "openai/gpt-4o-mini");
    assertThat(ids(ranking.byTier(request(""), looking(Tier.TRIVIAL)))).isEqualTo(light);
    assertThat(ids(ranking.byTier(request(""), looking(Tier.SIMPLE)))).isEqualTo(light);
    assertThat(ids(ranking.byTier(request(""), looking(Tier.MEDIUM)))).containsExactly("groq/llama-3.3-70b-versatile", "gemini/gemini-3.5-flash-lite", "openai/gpt-4o-mini");
    assertThat(ids(ranking.byTier(request(""), looking(Tier.COMPLEX)))).containsExactly("gemini/gemini-3.1-pro-preview", "anthropic/claude-sonnet-5", "openai/gpt-4o", "openai/gpt-4o-mini");
    assertThat(ids(ranking.byTier(request(""), looking(Tier.EXPERT)))).containsExactly("anthropic/claude-opus-5", "openai/gpt-4o", "anthropic/claude-sonnet-5", "openai/gpt-4o-mini");
  }

  @Test
  void providers_without_a_key_drop_out_and_are_told() {
    Candidates candidates = ranking(new Providers("openai", "groq")).byTier(request(""), looking(Tier.COMPLEX));
    assertThat(ids(candidates)).containsExactly("openai/gpt-4o", "openai/gpt-4o-mini");
    assertThat(candidates.decision().dropped()).extracting(Decision.Dropped::model).containsExactly("gemini/gemini-3.1-pro-preview", "anthropic/claude-sonnet-5");
    assertThat(candidates.decision().reason()).isEqualTo("COMPLEX by keywords");
    assertThat(candidates.decision().tier()).isEqualTo("COMPLEX");
  }

  @ParameterizedTest
  @ValueSource(strings = {"openai", "anthropic", "gemini", "groq", "ollama", "mistral", "deepseek", "openrouter", "azure", "bedrock", "routellm", "sandbox"})
  void any_single_provider_serves_every_tier(String provider) {
    for (Tier tier : Tier.values()) {
      Candidates candidates = ranking(new Providers(provider)).byTier(request("'model':'auto'"), looking(tier));
      assertThat(candidates.ranked()).isNotEmpty().allMatch(candidate -> candidate.provider().equals(provider));
    }
  }

  @Test
  void a_provider_outside_the_chains_serves_its_cheapest_model_that_is_good_enough() {
    CandidateRanking ranking = ranking(new Providers("mistral"));
    Candidates simple = ranking.byTier(request(""), looking(Tier.SIMPLE));
    Candidates complex = ranking.byTier(request(""), looking(Tier.COMPLEX));
    assertThat(simple.ranked().get(0).expectedCost()).isLessThan(complex.ranked().get(0).expectedCost());
    assertThat(complex.ranked().get(0).expectedQuality()).isGreaterThanOrEqualTo(0.74);
    assertThat(complex.decision().reason()).contains("no model of the chain fits");
    assertThat(ids(ranking(new Providers("ollama")).byTier(request(""), looking(Tier.EXPERT)))).containsExactly("ollama/llama3.2");
  }

  @Test
  void the_sandbox_alone_answers_everything_known_and_nothing_unknown() {
    CandidateRanking ranking = ranking(new Providers("sandbox"));
    assertThat(ids(ranking.byTier(request(""), looking(Tier.EXPERT)))).containsExactly("sandbox/echo");
    assertThat(ids(ranking.namedModel(request("'model':'gpt-4o'")))).containsExactly("sandbox/echo");
    assertThat(ids(ranking.namedModel(request("'model':'sandbox/echo'")))).containsExactly("sandbox/echo");
    refused(404, "gpt-nonsense", () -> ranking.namedModel(request("'model':'gpt-nonsense'")));
  }

  @Test
  void the_sandbox_closes_a_chain_beside_others() {
    assertThat(ids(ranking(new Providers("openai", "sandbox")).byTier(request(""), looking(Tier.MEDIUM)))).containsExactly("openai/gpt-4o-mini", "sandbox/echo");
    assertThat(ids(ranking(new Providers("mistral", "sandbox")).byTier(request(""), looking(Tier.MEDIUM))).get(0)).startsWith("mistral/");
  }

  @ParameterizedTest
  @CsvSource({"auto,tier", "route-llm,tier", "router-auto,tier", "auto:cost,tier", "router-mf-0.11593,threshold", "router-keywords-1,threshold", "gpt-4o,model", "openai/gpt-4o,model", "router-x,threshold"})
  void the_model_name_picks_the_strategy(String model, String strategy) {
    assertThat(ranking(all).strategy(request("'model':'" + model + "'"))).isEqualTo(strategy);
  }

  @Test
  void a_request_without_a_model_is_auto_or_goes_by_its_models() {
    assertThat(ranking(all).strategy(request(""))).isEqualTo("tier");
    ChatRequest byModels = request("'models':['no-such','gpt-4o','claude-haiku-4-5']");
    assertThat(ranking(all).strategy(byModels)).isEqualTo("model");
    assertThat(ids(ranking(all).namedModel(byModels))).containsExactly("openai/gpt-4o", "anthropic/claude-haiku-4-5");
  }

  @Test
  void a_named_model_is_asked_alone_and_a_bare_name_also_where_else_it_is_served() {
    Providers both = new Providers("openai", "azure", "anthropic");
    assertThat(ids(ranking(both).namedModel(request("'model':'openai/gpt-4o'")))).containsExactly("openai/gpt-4o");
    assertThat(ids(ranking(both).namedModel(request("'model':'gpt-4o'")))).containsExactly("openai/gpt-4o", "azure/gpt-4o");
    assertThat(ids(ranking(both).namedModel(request("'model':'gpt-4o','provider':{'only':['Azure']}")))).containsExactly("azure/gpt-4o");
    assertThat(ids(ranking(both).namedModel(request("'model':'gpt-4o','provider':{'order':['azure'],'allow_fallbacks':false}")))).containsExactly("azure/gpt-4o");
    assertThat(ids(ranking(both).namedModel(request("'model':'openai/gpt-4o','models':['claude-opus-5']")))).containsExactly("openai/gpt-4o", "anthropic/claude-opus-5");
    refused(404, "provider `groq` has no key", () -> ranking(both).namedModel(request("'model':'groq/llama-3.3-70b-versatile'")));
    refused(400, "cannot stand in `models`", () -> ranking(both).namedModel(request("'model':'gpt-4o','models':['auto']")));
  }

  @Test
  void a_retired_name_leads_to_the_model_of_today_and_says_so() {
    Candidates candidates = ranking(all).namedModel(request("'model':'gemini-1.5-pro'"));
    assertThat(ids(candidates)).containsExactly("gemini/gemini-3.1-pro-preview");
    assertThat(candidates.ranked().get(0).reason()).contains("alias");
  }

  @Test
  void a_decision_tells_some_twenty_left_out_models_and_how_many_more() {
    List<Decision.Dropped> dropped = ranking(new Providers("mistral", "openrouter")).byTier(request(""), looking(Tier.EXPERT)).decision().dropped();
    assertThat(dropped).hasSizeBetween(21, 24);
    assertThat(dropped.get(dropped.size() - 1).model()).matches("[0-9]+ more");
    Occasion dry = ranking(all).occasion(request(""), Caller.OPEN, Topic.NONE, true);
    assertThat(ranking(new Providers("mistral", "openrouter")).byTier(request(""), looking(Tier.EXPERT), dry).decision().dropped()).as("a dry run tells all").hasSizeGreaterThan(30).allMatch(drop -> !drop.model().endsWith(" more"));
  }

  @Test
  void an_unlisted_model_goes_to_its_provider_unpriced() {
    Candidates candidates = ranking(all).namedModel(request("'model':'openai/my-own-model'"));
    assertThat(ids(candidates)).containsExactly("openai/my-own-model");
    assertThat(candidates.ranked().get(0).expectedCost()).isNull();
    refused(422, "routing.max_cost", () -> ranking(all).namedModel(request("'model':'openai/my-own-model','routing':{'max_cost':5}")));
  }

  @Test
  void a_threshold_splits_strong_from_weak() {
    CandidateRanking ranking = ranking(all);
    assertThat(ids(ranking.byThreshold(request("'model':'router-keywords-0.5'"), looking(Tier.MEDIUM)))).containsExactly("openai/gpt-4o", "openai/gpt-4o-mini");
    assertThat(ids(ranking.byThreshold(request("'model':'router-keywords-0.51'"), looking(Tier.MEDIUM)))).containsExactly("openai/gpt-4o-mini", "openai/gpt-4o");
    assertThat(ranking.byThreshold(request("'model':'router-keywords-0.51'"), looking(Tier.MEDIUM)).decision().reason()).isEqualTo("score 0.5 < 0.51 by keywords");
    refused(400, "router-zz-0.5`: the kinds of `router-<kind>-<threshold>` are keywords, learned, length, lexical, mf, random", () -> ranking.byThreshold(request("'model':'router-zz-0.5'"), looking(Tier.MEDIUM)));
    Complexity asMf = new Complexity(0.3, Tier.MEDIUM, "learned", Map.of("asked_as", "mf"));
    assertThat(ids(ranking.byThreshold(request("'model':'router-mf-0.25'"), asMf)).get(0)).isEqualTo("openai/gpt-4o");
    refused(400, "from 0 to 1", () -> ranking.byThreshold(request("'model':'router-keywords-1.5'"), looking(Tier.MEDIUM)));
    Complexity fallen = new Complexity(0.5, Tier.MEDIUM, "keywords", Map.of("fallback_from", "length"));
    assertThat(ids(ranking.byThreshold(request("'model':'router-length-0.4'"), fallen)).get(0)).isEqualTo("openai/gpt-4o");
  }

  @Test
  void a_tier_a_project_and_a_domain_may_each_say_how_their_requests_are_routed() {
    String yaml = new String(ROUTING, StandardCharsets.UTF_8).replace("    min-quality: 0.85", "    min-quality: 0.85\n    strategy: cascade").replace("projects: {}", "projects: {team: {preference: quality, require-tags: [eu], models: [openai/gpt-4o-mini, openai/gpt-4o]}}")
        .replace("  creative: {}", "  creative: {models: [anthropic/claude-haiku-4-5]}");
    RoutingPolicy policy = RoutingPolicy.read(yaml.getBytes(StandardCharsets.UTF_8), "routing.yaml", CATALOGUE, SCORERS);
    CandidateRanking ranking = new CandidateRanking(() -> CATALOGUE, () -> policy, all, ExpectedLatency.PRIOR);
    Caller team = new Caller("team", "", false, Set.of());
    Topic story = new Topic("creative", Map.of(), false, "creative", Map.of());

    assertThat(ranking.byTier(request(""), looking(Tier.EXPERT), Occasion.NONE).decision().strategy()).isEqualTo("cascade");
    assertThat(ranking.byTier(request(""), looking(Tier.COMPLEX), Occasion.NONE).decision().strategy()).isEqualTo("tier");
    assertThat(ids(ranking.byTier(request(""), looking(Tier.SIMPLE), ranking.occasion(request(""), Caller.OPEN, story)))).startsWith("anthropic/claude-haiku-4-5");
    refused(422, "require_tags", () -> ranking.namedModel(request("'model':'gpt-4o'"), ranking.occasion(request("'model':'gpt-4o'"), team, Topic.NONE)));
  }

  @Test
  void a_preference_sorts_the_chain_and_the_fallback_stays_behind() {
    CandidateRanking ranking = ranking(all);
    assertThat(ids(ranking.byTier(request("'model':'auto:cost'"), looking(Tier.COMPLEX)))).startsWith("openai/gpt-4o").endsWith("openai/gpt-4o-mini");
    assertThat(ids(ranking.byTier(request("'model':'auto:quality'"), looking(Tier.EXPERT)))).containsExactly("anthropic/claude-opus-5", "anthropic/claude-sonnet-5", "openai/gpt-4o", "openai/gpt-4o-mini");
    assertThat(ids(ranking.byTier(request("", Map.of("x-dromedary-preference", "speed")), looking(Tier.COMPLEX))).get(0)).isEqualTo("openai/gpt-4o");
    assertThat(ids(ranking.byTier(request("'model':'auto:cost','routing':{'weights':{'quality':1}}"), looking(Tier.EXPERT))).get(0)).isEqualTo("anthropic/claude-opus-5");
    assertThat(ids(ranking.byTier(request("'provider':{'sort':'price'}"), looking(Tier.COMPLEX))).get(0)).isEqualTo("openai/gpt-4o");
    assertThat(ranking.byTier(request("'model':'auto:balanced'"), looking(Tier.COMPLEX)).decision().reason()).isEqualTo("COMPLEX by keywords, by balanced");
  }

  @Test
  void provider_preferences_mean_what_they_mean_at_openrouter() {
    CandidateRanking ranking = ranking(all);
    assertThat(ids(ranking.byTier(request("'provider':{'order':['openai','anthropic']}"), looking(Tier.COMPLEX))))
        .containsExactly("openai/gpt-4o", "openai/gpt-4o-mini", "anthropic/claude-sonnet-5", "gemini/gemini-3.1-pro-preview");
    assertThat(ids(ranking.byTier(request("'provider':{'ignore':['gemini','openai']}"), looking(Tier.COMPLEX)))).containsExactly("anthropic/claude-sonnet-5");
    assertThat(ids(ranking.byTier(request("'provider':{'allow_fallbacks':false}"), looking(Tier.COMPLEX)))).containsExactly("gemini/gemini-3.1-pro-preview");
    assertThat(ids(ranking.byTier(request("'provider':{'only':['mistral']}"), looking(Tier.COMPLEX)))).isNotEmpty().allMatch(id -> id.startsWith("mistral/"));
    assertThat(ids(ranking.byTier(request("'provider':{'max_price':{'prompt':2.5,'completion':10}}"), looking(Tier.COMPLEX)))).containsExactly("openai/gpt-4o", "openai/gpt-4o-mini");
    assertThat(ids(ranking.byTier(request("'temperature':0.5,'provider':{'require_parameters':true}"), looking(Tier.EXPERT)))).containsExactly("openai/gpt-4o", "openai/gpt-4o-mini");
    refused(422, "`provider.only`", () -> ranking.byTier(request("'provider':{'only':['nobody']}"), looking(Tier.COMPLEX)));
  }

  @Test
  void what_provider_says_is_said_of_each_named_model_apart() {
    CandidateRanking ranking = ranking(new Providers("openai", "azure", "anthropic"));
    String two = "'model':'claude-haiku-4-5','models':['gpt-4o']";
    assertThat(ids(ranking.namedModel(request(two + ",'provider':{'order':['azure']}")))).containsExactly("anthropic/claude-haiku-4-5", "azure/gpt-4o", "openai/gpt-4o");
    assertThat(ids(ranking.namedModel(request(two + ",'provider':{'allow_fallbacks':false}")))).as("no other provider, but the next model").containsExactly("anthropic/claude-haiku-4-5", "openai/gpt-4o");
    assertThat(ids(ranking.namedModel(request(two + ",'provider':{'order':['azure'],'allow_fallbacks':false}")))).containsExactly("azure/gpt-4o");
    String dear = "'model':'claude-opus-5','models':['gpt-4o']";
    assertThat(ids(ranking.namedModel(request(dear + ",'provider':{'sort':'price'}"))).get(0)).isEqualTo("anthropic/claude-opus-5");
    assertThat(ids(ranking.namedModel(request(dear + ",'provider':{'sort':{'by':'price','partition':'none'}}"))).get(2)).isEqualTo("anthropic/claude-opus-5");
    refused(422, "`provider.order`", () -> ranking.namedModel(request("'model':'claude-opus-5','provider':{'order':['azure'],'allow_fallbacks':false}")));
    assertThat(ids(ranking.byTier(request("'models':['azure/gpt-4o'],'provider':{'allow_fallbacks':false}"), looking(Tier.COMPLEX)))).containsExactly("anthropic/claude-sonnet-5", "azure/gpt-4o");
  }

  @Test
  void a_cascade_climbs_in_the_order_of_providers_and_ends_with_the_models_that_the_request_names() {
    CandidateRanking ranking = ranking(all);
    String cascade = "'routing':{'strategy':'cascade'}";
    List<String> usual = ids(ranking.byTier(request(cascade), looking(Tier.COMPLEX)));
    Candidates ordered = ranking.byTier(request(cascade + ",'provider':{'order':['openai','anthropic']}"), looking(Tier.COMPLEX));
    assertThat(usual.get(0)).doesNotStartWith("openai/");
    assertThat(ids(ordered)).hasSize(3).startsWith("openai/gpt-4o-mini").doesNotHaveDuplicates();
    for (int i = 1; i < 3; i++) {
      assertThat(ordered.ranked().get(i).expectedQuality()).isGreaterThan(ordered.ranked().get(i - 1).expectedQuality());
    }
    assertThat(ids(ranking.byTier(request(cascade + ",'provider':{'order':['openai'],'allow_fallbacks':false}"), looking(Tier.COMPLEX)))).isNotEmpty().allMatch(id -> id.startsWith("openai/"));
    assertThat(ids(ranking.byTier(request(cascade + ",'provider':{'only':['anthropic']}"), looking(Tier.COMPLEX)))).isNotEmpty().allMatch(id -> id.startsWith("anthropic/"));
    refused(422, "`provider.order`", () -> ranking.byTier(request(cascade + ",'provider':{'order':['azure'],'allow_fallbacks':false}"), looking(Tier.COMPLEX)));

    assertThat(usual).doesNotContain("openai/gpt-4o");
    assertThat(ids(ranking.byTier(request(cascade + ",'models':['claude-haiku-4-5','gpt-4o','" + usual.get(0) + "']"), looking(Tier.COMPLEX)))).as("the usual rungs, then those named that are none").containsAll(usual).startsWith(usual.get(0))
        .endsWith("anthropic/claude-haiku-4-5", "openai/gpt-4o").hasSize(usual.size() + 2);
    assertThat(ids(ranking.namedModel(request("'model':'gpt-4o','models':['claude-haiku-4-5','openai/gpt-4o-mini']," + cascade + ",'provider':{'sort':'price'}")))).containsExactly("openai/gpt-4o", "anthropic/claude-haiku-4-5", "openai/gpt-4o-mini");
    assertThat(ids(ranking.byThreshold(request("'model':'router-keywords-0.9'," + cascade, Map.of("x-dromedary-preference", "quality")), looking(Tier.SIMPLE)))).as("cheap first, whatever is preferred").containsExactly("openai/gpt-4o-mini", "openai/gpt-4o");
  }

  @Test
  @Tag("T6")
  void those_who_host_a_model_can_be_chosen_by_what_they_do_with_prompts() {
    CandidateRanking ranking = ranking(all);
    refused(422, "`provider.quantizations`", () -> ranking.namedModel(request("'model':'gpt-4o','provider':{'quantizations':['fp8']}")));
    assertThat(ids(ranking.namedModel(request("'model':'gpt-4o','provider':{'quantizations':['fp8','unknown']}")))).containsExactly("openai/gpt-4o");
    assertThat(ids(ranking.byTier(request("'provider':{'zdr':true}"), looking(Tier.SIMPLE)))).isNotEmpty().allMatch(id -> id.startsWith("ollama/"));
    assertThat(ids(ranking.byTier(request("'provider':{'data_collection':'deny'}"), looking(Tier.SIMPLE)))).isNotEmpty().allMatch(id -> id.startsWith("ollama/"));
    refused(422, "`provider.zdr`", () -> ranking.namedModel(request("'model':'gpt-4o','provider':{'zdr':true}")));
    assertThat(ids(ranking.byTier(request("'provider':{'preferred_max_latency':0.45}"), looking(Tier.COMPLEX))).get(0)).as("slow ones go behind").isEqualTo("openai/gpt-4o-mini");
    assertThat(ranking.judge(request("'provider':{'zdr':true}"), "openai/gpt-4o-mini", null, Occasion.NONE)).as("a judge sees the prompt as well").isNull();
  }

  @ParameterizedTest
  @Tag("T6")
  @CsvSource(delimiter = '|', value = {
      "'routing':{'min_quality':0.99}|routing.min_quality", "'routing':{'max_latency_ms':1}|routing.max_latency_ms", "'routing':{'require_tags':['hipaa']}|routing.require_tags",
      "'routing':{'min_context':99000000}|routing.min_context", "'max_tokens':900000,'provider':{'ignore':['ollama']}|max_tokens", "'routing':{'max_cost':0},'provider':{'ignore':['ollama']}|routing.max_cost",
      "'routing':{'max_cost_per_mtok':0.0001},'provider':{'ignore':['ollama']}|routing.max_cost_per_mtok", "'provider':{'only':['openai'],'max_price':{'prompt':0.000001}}|provider.max_price"})
  void the_constraint_that_left_no_model_is_named(String fields, String constraint) {
    refused(422, constraint, () -> ranking(all).byTier(request(fields), looking(Tier.SIMPLE)));
  }

  @Test
  @Tag("T6")
  void models_that_cannot_do_what_the_request_needs_are_left_out_before_ranking() {
    CandidateRanking ranking = ranking(all);
    String image = "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AA\"}}]}]}";
    ChatRequest seeing = new ChatRequest("r1", Json.readStrictly(image.getBytes(StandardCharsets.UTF_8)), Map.of(), Instant.parse("2026-11-21T00:00:00Z"), Instant.parse("2026-11-21T00:01:00Z"));
    assertThat(ids(ranking.byTier(seeing, looking(Tier.SIMPLE)))).containsExactly("gemini/gemini-3.5-flash-lite", "openai/gpt-4o-mini");
    assertThat(ids(ranking(new Providers("groq")).byTier(seeing, looking(Tier.SIMPLE)))).isNotEmpty().allMatch(id -> id.contains("llama-4"));
    refused(422, "the request has images", () -> ranking(new Providers("deepseek")).byTier(seeing, looking(Tier.SIMPLE)));
    assertThat(ids(ranking.byTier(request("'response_format':{'type':'json_schema','json_schema':{'name':'a','schema':{}}}"), looking(Tier.MEDIUM)))).doesNotContain("groq/llama-3.3-70b-versatile");
    refused(422, "the request has tools", () -> ranking(all).namedModel(request("'model':'gemma2','tools':[{'type':'function','function':{'name':'f'}}]")));
    refused(422, "chat model", () -> ranking(all).namedModel(request("'model':'text-embedding-3-small'")));
  }

  @Test
  @Tag("T6")
  void an_input_longer_than_a_model_reads_leaves_that_model_out() {
    ChatRequest longer = request("");
    ((ObjectNode) longer.messages().get(0)).put("content", "word ".repeat(120_000));
    assertThat(ids(ranking(all).byTier(longer, looking(Tier.SIMPLE)))).containsExactly("gemini/gemini-3.5-flash-lite");
    refused(422, "the length of the input", () -> ranking(all).namedModel(new ChatRequest("r1", longer.json().deepCopy().put("model", "gpt-4o"), Map.of(), longer.receivedAt(), longer.deadline())));
  }

  @Test
  void a_failing_provider_is_tried_last() {
    all.failing.add("gemini");
    Candidates candidates = ranking(all).byTier(request(""), looking(Tier.COMPLEX));
    assertThat(ids(candidates)).containsExactly("anthropic/claude-sonnet-5", "openai/gpt-4o", "openai/gpt-4o-mini", "gemini/gemini-3.1-pro-preview");
    assertThat(candidates.decision().reason()).contains("provider gemini is failing");
    assertThat(candidates.ranked().get(3).reason()).contains("tried last");
    all.failing.addAll(all.active);
    assertThat(ids(ranking(all).byTier(request(""), looking(Tier.COMPLEX)))).hasSize(4);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "'model':'auto:fast'|model", "'routing':7|routing", "'routing':{'max_costs':1}|routing.max_costs", "'routing':{'max_cost':-1}|routing.max_cost", "'routing':{'max_cost':'1'}|routing.max_cost",
      "'routing':{'max_cost':1e999}|routing.max_cost", "'routing':{'min_quality':1.1}|routing.min_quality", "'routing':{'min_context':1.5}|routing.min_context",
      "'routing':{'max_latency_ms':-5}|routing.max_latency_ms", "'routing':{'require_tags':'eu'}|routing.require_tags", "'routing':{'require_tags':[1]}|routing.require_tags",
      "'routing':{'weights':{'cost':-1}}|routing.weights.cost", "'routing':{'weights':{'cost':0}}|routing.weights", "'routing':{'weights':{'price':1}}|routing.weights",
      "'routing':{'weights':[1]}|routing.weights", "'routing':{'strategy':'best'}|routing.strategy", "'routing':{'dry_run':'yes'}|routing.dry_run", "'routing':{'baseline_model':'no-such'}|routing.baseline_model",
      "'routing':{'domain':''}|routing.domain", "'models':'gpt-4o'|models", "'models':[1]|models", "'provider':'openai'|provider", "'provider':{'only':'openai'}|provider.only",
      "'provider':{'allow_fallbacks':1}|provider.allow_fallbacks", "'provider':{'max_price':{'prompt':-1}}|provider.max_price.prompt", "'provider':{'max_price':3}|provider.max_price",
      "'provider':{'sort':'luck'}|provider.sort", "'provider':{'sort':{'by':'price','partition':'luck'}}|provider.sort", "'provider':{'quantizations':['fp3']}|provider.quantizations",
      "'provider':{'data_collection':'maybe'}|provider.data_collection", "'provider':{'zdr':1}|provider.zdr", "'provider':{'preferred_max_latency':'quick'}|provider.preferred_max_latency",
      "'provider':{'max_price':{'request':-1}}|provider.max_price.request"})
  void a_bad_value_is_a_400_that_names_the_field(String fields, String field) {
    assertThatThrownBy(() -> ranking(all).check(request(fields))).isInstanceOfSatisfying(Problem.class, problem -> {
      assertThat(problem.status()).isEqualTo(400);
      assertThat(problem.param()).isEqualTo(field);
      assertThat(problem.getMessage()).contains(field);
    });
  }

  @Test
  void an_unknown_preference_in_the_header_is_a_400() {
    refused(400, "cost, quality, speed, balanced", () -> ranking(all).check(request("", Map.of("x-dromedary-preference", "cheap"))));
  }

  @ParameterizedTest
  @ValueSource(strings = {"1e-999999999", "1e-400", "0.00000000000000000000000000000000000001", "1E-2147483640"})
  void an_absurdly_small_limit_is_zero_and_costs_no_time(String number) {
    ranking(all).check(request("'routing':{'max_cost':" + number + ",'min_quality':" + number + ",'max_cost_per_mtok':" + number + "}"));
  }

  @Test
  void expected_cost_counts_the_input_and_the_answer_that_the_tier_expects() {
    Candidates candidates = ranking(all).namedModel(request("'model':'openai/gpt-4o','max_tokens':100"));
    // 14 characters: 4 tokens, 4 for the message; 8 x 2.5 + 100 x 10 USD per million
    assertThat(candidates.ranked().get(0).expectedCost()).isEqualTo(Usd.of("0.00102"));
    assertThat(ranking(all).namedModel(request("'model':'openai/gpt-4o'")).ranked().get(0).expectedCost()).isEqualTo(Usd.of("0.00514"));
  }

  @Test
  void the_decision_is_explained() {
    CandidateRanking ranking = ranking(all);
    ChatRequest asked = request("'model':'auto','routing':{'baseline_model':'gpt-4','dry_run':true}");
    JsonNode json = ranking.explain(asked, ranking.byTier(asked, looking(Tier.COMPLEX)));
    assertThat(json.path("requested_model").asText()).isEqualTo("auto");
    assertThat(json.path("strategy").asText()).isEqualTo("tier");
    assertThat(json.path("tier").asText()).isEqualTo("COMPLEX");
    assertThat(json.path("score").asDouble()).isEqualTo(0.7);
    assertThat(json.path("scorer").asText()).isEqualTo("keywords");
    assertThat(json.path("signals").path("words").asInt()).isEqualTo(4);
    assertThat(json.path("model").asText()).isEqualTo("gemini/gemini-3.1-pro-preview");
    JsonNode first = json.path("candidates").path(0);
    assertThat(first.path("provider").asText()).isEqualTo("gemini");
    assertThat(first.path("expected_cost_usd").decimalValue()).isPositive();
    assertThat(first.path("expected_quality").asDouble()).isEqualTo(0.92);
    assertThat(first.path("expected_latency_ms").asLong()).isEqualTo(2000);
    assertThat(first.path("reason").asText()).isEqualTo("in the COMPLEX chain");
    assertThat(json.path("baseline").path("model").asText()).isEqualTo("openai/gpt-4");
    assertThat(ranking.check(asked)).isTrue();
    assertThat(ranking.baseline(request("")).id()).isEqualTo("openai/gpt-4o");
  }

  @Test
  void where_no_provider_of_the_chain_is_active_stand_ins_fill_the_list() {
    CandidateRanking ranking = ranking(new Providers("mistral", "deepseek", "openrouter", "azure", "bedrock"));
    assertThat(ranking.byTier(request("'model':'auto:balanced'"), looking(Tier.EXPERT)).ranked()).hasSize(6);
  }

  @ParameterizedTest
  @CsvSource({"learned,0.04,TRIVIAL", "learned,0.05,SIMPLE", "learned,0.15,MEDIUM", "learned,0.25,COMPLEX", "learned,0.4,EXPERT", "length,0.3,TRIVIAL"})
  void cut_offs_give_a_score_its_tier_and_leave_other_scorers_alone(String scorer, double score, Tier tier) {
    assertThat(POLICY.tiered(new Complexity(score, Tier.TRIVIAL, scorer, Map.of())).tier()).isEqualTo(tier);
  }

  @ParameterizedTest
  @Tag("F9")
  @CsvSource(delimiter = '|', value = {"scorer: learned|scorer: magic|scorer = magic", "baseline-model: openai/gpt-4o|baseline-model: no-such|baseline-model = no-such",
      "ollama/llama3.2, groq|ollama/llama9, groq|tiers.TRIVIAL.models[0] = ollama/llama9", "min-quality: 0.4|min-quality: 4|tiers.TRIVIAL.min-quality = 4",
      "minilm: false|minilm: perhaps|minilm = perhaps", "max-candidates: 6|max-candidates: 99|max-candidates = 99", "max-candidates: 6|max-candidate: 6|max-candidate = 6", "strong: openai/gpt-4o|strong: text-embedding-3-small|routers.strong = text-embedding-3-small",
      "learned: [0.05|unlearned: [0.05|cut-offs.unlearned = ", "[0.05, 0.15, |[0.05, |cut-offs.learned = ", "[0.05, 0.15, |[0.16, 0.15, |cut-offs.learned = ", "[0.05, 0.15, |[1.06, 0.15, |cut-offs.learned[0] = 1.06",
      "{cost: 1, quality: 0, speed: 0}|{cost: -1, quality: 0, speed: 0}|preferences.cost.cost = -1"})
  void invalid_settings_are_refused_with_file_key_value(String right, String wrong, String told) {
    String yaml = new String(ROUTING, StandardCharsets.UTF_8);
    int at = yaml.indexOf(right);
    String broken = yaml.substring(0, at) + wrong + yaml.substring(at + right.length());
    assertThatThrownBy(() -> RoutingPolicy.read(broken.getBytes(StandardCharsets.UTF_8), "routing.yaml", CATALOGUE, SCORERS)).isInstanceOf(ConfigError.class)
        .hasMessageStartingWith("routing.yaml: " + told);
  }
}
