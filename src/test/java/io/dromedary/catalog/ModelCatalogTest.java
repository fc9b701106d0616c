package io.dromedary.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dromedary.chat.Problem;
import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModelCatalogTest {
  static final Instant NOW = Instant.parse("2026-11-21T00:00:00Z");
  static final ModelCatalog SHIPPED = shipped();

  static ModelCatalog shipped() {
    try {
      return ModelCatalog.read(Files.readAllBytes(Path.of("config/models.yaml")), "config/models.yaml");
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void the_shipped_catalogue_lists_about_150_models_of_all_our_providers() {
    assertThat(SHIPPED.all().size()).isBetween(140, 180);
    assertThat(SHIPPED.all()).extracting(Model::provider).contains("openai", "anthropic", "gemini", "groq", "ollama", "mistral", "deepseek", "openrouter", "azure", "bedrock", "sandbox", "routellm");
    assertThat(SHIPPED.version()).matches("[0-9a-f]{12}");
  }

  @ParameterizedTest
  @CsvSource({"gpt-4o,openai/gpt-4o", "gpt-4o-mini,openai/gpt-4o-mini", "gpt-4,openai/gpt-4", "gpt-4-turbo,openai/gpt-4-turbo", "gpt-3.5-turbo,openai/gpt-3.5-turbo",
      "claude-opus-4-5,anthropic/claude-opus-4-5", "claude-sonnet-4-5,anthropic/claude-sonnet-4-5", "claude-haiku-4-5,anthropic/claude-haiku-4-5",
      "gemini-1.5-pro,gemini/gemini-3.1-pro-preview", "gemini-1.5-flash,gemini/gemini-3.5-flash-lite", "gemini-2.0-flash-exp,gemini/gemini-3.5-flash-lite",
      "llama-3.3-70b-versatile,groq/llama-3.3-70b-versatile", "mixtral-8x7b-32768,groq/llama-3.3-70b-versatile", "groq/mixtral-8x7b-32768,groq/llama-3.3-70b-versatile",
      "llama3.2,ollama/llama3.2", "mistral,ollama/mistral", "gemma2,ollama/gemma2"})
  void every_well_known_name_leads_to_a_model_of_today(String name, String id) {
    assertThat(SHIPPED.find(name)).map(Model::id).contains(id);
  }

  @Test
  @Tag("M11")
  void a_price_has_source_date_cache_rates_and_long_prompt_rates() {
    Price price = SHIPPED.find("openai/gpt-5.6").orElseThrow().price(NOW);
    assertThat(price.base()).isEqualTo(new Price.Rates(5_000_000_000L, 30_000_000_000L, 500_000_000L, 6_250_000_000L));
    assertThat(price.longPrompt()).containsExactly(new Price.LongPrompt(272_000, new Price.Rates(10_000_000_000L, 45_000_000_000L, 1_000_000_000L, 12_500_000_000L)));
    assertThat(price.source()).contains("2026-08-01");
    assertThat(price.version()).isEqualTo("openai/gpt-5.6@2026-08-01");
  }

  @Test
  @Tag("M11")
  void an_announced_price_change_holds_from_its_day() {
    Model sonnet = SHIPPED.find("claude-sonnet-5").orElseThrow();
    Usage million = new Usage(1_000_000, 0, 0, 0, 0, false);
    assertThat(sonnet.price(Instant.parse("2026-08-31T23:59:59Z")).cost(million)).isEqualTo(Usd.of("2"));
    assertThat(sonnet.price(Instant.parse("2026-09-01T00:00:00Z")).cost(million)).isEqualTo(Usd.of("3"));
  }

  @Test
  @Tag("M9")
  void a_hosted_model_listed_at_zero_is_unpriced_and_only_what_runs_here_is_free() {
    assertThat(SHIPPED.find("gemini/gemma-3-27b-it").orElseThrow().prices()).isEmpty();
    assertThat(SHIPPED.find("openrouter/openrouter/auto").orElseThrow().prices()).isEmpty();
    assertThat(SHIPPED.find("routellm/route-llm").orElseThrow().prices()).isEmpty();
    for (Model model : SHIPPED.all()) {
      boolean free = !model.prices().isEmpty() && model.price(NOW).base().equals(Price.Rates.FREE);
      assertThat(free).as(model.id()).isEqualTo(Set.of("ollama", "sandbox", "local").contains(model.provider()));
    }
  }

  @Test
  void wire_formats_find_the_facts_they_need() {
    assertThat(SHIPPED.find("claude-opus-5").orElseThrow().traits()).containsEntry("sampling", "none").containsEntry("system_turns", "true").containsEntry("reasoning", "adaptive")
        .containsEntry("default_max_tokens", "8192");
    assertThat(SHIPPED.find("claude-opus-4-5").orElseThrow().traits()).containsEntry("sampling", "exclusive").containsEntry("reasoning", "budget");
    assertThat(SHIPPED.find("gpt-5").orElseThrow().traits()).containsEntry("max_tokens_field", "max_completion_tokens");
    assertThat(SHIPPED.find("gpt-4o").orElseThrow().traits()).isEmpty();
    assertThat(SHIPPED.find("gemini-3.6-flash").orElseThrow().traits()).containsEntry("reasoning", "level");
    assertThat(SHIPPED.find("text-embedding-3-small").orElseThrow().mode()).isEqualTo("embedding");
  }

  @Test
  void a_bare_name_goes_home_first_and_to_another_provider_that_has_it_when_home_is_out() {
    assertThat(SHIPPED.resolve("gpt-4o", Set.of("azure", "openai")).id()).isEqualTo("openai/gpt-4o");
    assertThat(SHIPPED.resolve("gpt-4o", Set.of("azure")).id()).isEqualTo("azure/gpt-4o");
    assertThat(SHIPPED.resolve("openai/gpt-oss-120b", Set.of("groq")).id()).isEqualTo("groq/openai/gpt-oss-120b");
    assertThatThrownBy(() -> SHIPPED.resolve("gpt-4o", Set.of("anthropic"))).isInstanceOfSatisfying(Problem.class, p -> assertThat(p.status()).isEqualTo(404));
  }

  @Test
  @Tag("X3")
  void a_full_name_that_is_not_listed_is_passed_on_unpriced() {
    Model model = SHIPPED.resolve("openrouter/some/new-model:free", Set.of("openrouter"));
    assertThat(model.provider()).isEqualTo("openrouter");
    assertThat(model.name()).isEqualTo("some/new-model:free");
    assertThat(model.prices()).isEmpty();
    assertThat(model.listed()).isFalse();
  }

  @ParameterizedTest
  @Tag("X3")
  @ValueSource(strings = {"no-such-model", "openai/../admin", "openai/a b", "openai/", "/gpt", "openai//x", "openai/a/b/c/d", "nobody/gpt", "openai/${env:X}", "openai/{{x}}", "openai/%2e", "openai/ä", "openai/.x",
      "anthropic/not-active", "sandbox/other", "openai/x\n", ""})
  void what_is_neither_listed_nor_of_the_strict_pattern_is_not_found(String name) {
    assertThatThrownBy(() -> SHIPPED.resolve(name, Set.of("openai", "sandbox", "nobody"))).isInstanceOfSatisfying(Problem.class, p -> {
      assertThat(p.status()).isEqualTo(404);
      assertThat(p.code()).isEqualTo("model_not_found");
    });
  }

  @Test
  @Tag("X3")
  void a_name_may_have_200_characters_and_no_more() {
    String longest = "openai/" + "a".repeat(193);
    assertThat(ModelCatalog.passable(longest)).isTrue();
    assertThat(ModelCatalog.passable(longest + "a")).isFalse();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "id: gpt|id = gpt|provider/name",
      "id: a/b, mode: image|mode = image|chat, embedding",
      "id: a/b, colour: red|colour = red|unknown key",
      "id: a/b, capabilities: [fly]|capabilities[0] = fly|prompt_caching",
      "id: a/b, quality: 1.5|quality = 1.5|from 0 to 1",
      "id: a/b, context: -1|context = -1|from 0 to",
      "id: a/b, prices: [{in: -1, out: 2}]|prices[0].in = -1|from 0 to 1000",
      "id: a/b, prices: [{in: 1, out: 99999}]|prices[0].out = 99999|from 0 to 1000",
      "id: a/b, prices: [{in: 1, out: two}]|prices[0].out = two|from 0 to 1000",
      "id: a/b, prices: [{in: 1}]|prices[0].out is missing|from 0 to 1000",
      "id: a/b, prices: [{in: 1, out: 2, from: yesterday}]|prices[0].from = yesterday|2026-08-01",
      "id: a/b, prices: [{in: 1, out: 2, above: [{tokens: 0, in: 1, out: 1}]}]|above[0].tokens = 0|more than 0",
      "id: a/b, aliases: [c, c]|aliases[1] = c|already",
      "id: a/b, aliases: [b]|aliases[0] = b|already"})
  @Tag("F9")
  void an_invalid_entry_is_refused_with_file_key_value_and_what_is_allowed(String entry, String where, String allowed) {
    String yaml = "defaults: {source: test, from: 2026-01-01}\nmodels:\n- {" + entry + "}\n";
    assertThatThrownBy(() -> ModelCatalog.read(yaml)).isInstanceOf(ConfigError.class).hasMessageContaining("models.yaml: models[").hasMessageContaining(where).hasMessageContaining(allowed);
  }

  @Test
  @Tag("F9")
  void an_id_that_is_listed_twice_is_refused() {
    assertThatThrownBy(() -> ModelCatalog.read("models: [{id: a/b}, {id: a/b}]")).hasMessageContaining("a/b").hasMessageContaining("twice");
  }

  @Test
  @Tag("F9")
  void a_broken_file_leaves_the_old_catalogue_in_force() {
    AtomicReference<String> file = new AtomicReference<>("models: [{id: a/b}]");
    Reloadable<ModelCatalog> holder = new Reloadable<>(() -> file.get().getBytes(StandardCharsets.UTF_8), bytes -> ModelCatalog.read(bytes, "models.yaml"));
    ModelCatalog old = holder.get();
    for (String broken : List.of("models: [{id: a/b", "models: []", "- 1", "", "models: [{id: a/b, mode: x}]", "models: [{id: a/b}]\nmodels: []")) {
      file.set(broken);
      assertThatThrownBy(holder::reload).as(broken).isInstanceOf(ConfigError.class).hasMessageContaining("models.yaml");
      assertThat(holder.get()).isSameAs(old);
    }
    file.set("models: [{id: a/c}]");
    assertThat(holder.reload().version()).isNotEqualTo(old.version());
    assertThat(holder.get().find("a/c")).isPresent();
  }
}
