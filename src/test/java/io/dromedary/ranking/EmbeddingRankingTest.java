package io.dromedary.ranking;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Candidates;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.chat.EmbeddingRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("D15")
class EmbeddingRankingTest {
  private static final ModelCatalog CATALOGUE = ModelCatalog.read("""
      defaults: {source: a test, from: 2026-01-01}
      models:
      - {id: openai/small, mode: embedding, prices: [{in: 0.02, out: 0}], aliases: [old]}
      - {id: azure/small, mode: embedding, prices: [{in: 0.02, out: 0}]}
      - {id: mistral/embed, mode: embedding, aliases: [old]}
      - {id: anthropic/small, mode: embedding}
      - {id: openai/chatty}
      """.getBytes(StandardCharsets.UTF_8), "models.yaml");

  private static EmbeddingRequest request(String model) {
    return new EmbeddingRequest("r", Json.object().put("model", model).put("input", "a text"), Map.of(), Instant.parse("2026-11-20T00:00:00Z"), Instant.parse("2026-11-20T00:02:00Z"), () -> false);
  }

  private static Candidates rank(String model, Set<String> active, Set<String> unwell) {
    ProviderStates states = new ProviderStates() {
      @Override
      public boolean active(String provider) {
        return active.contains(provider);
      }

      @Override
      public boolean available(String provider) {
        return active(provider) && !unwell.contains(provider);
      }
    };
    return new EmbeddingRanking(() -> CATALOGUE, states, provider -> !provider.equals("anthropic")).rank(request(model));
  }

  private static List<String> ids(Candidates candidates) {
    return candidates.ranked().stream().map(Candidate::model).map(model -> model.id()).toList();
  }

  @Test
  void a_bare_name_is_asked_at_every_account_that_has_the_model_the_unwell_last() {
    assertThat(ids(rank("small", Set.of("openai", "azure", "mistral", "anthropic"), Set.of()))).containsExactly("openai/small", "azure/small");
    assertThat(ids(rank("small", Set.of("openai", "azure"), Set.of("openai")))).containsExactly("azure/small", "openai/small");
    assertThat(ids(rank("small", Set.of("azure"), Set.of()))).containsExactly("azure/small");
  }

  @Test
  void a_full_name_is_that_model_alone_and_never_is_another_model_asked() {
    assertThat(ids(rank("azure/small", Set.of("openai", "azure", "mistral"), Set.of("azure")))).containsExactly("azure/small");
    assertThat(ids(rank("old", Set.of("openai", "mistral"), Set.of("openai")))).as("an alias that two models share").containsExactly("openai/small");
    assertThat(rank("openai/small", Set.of("openai"), Set.of()).ranked().get(0).expectedCost()).isNotNull();
    assertThat(ids(rank("openai/unlisted", Set.of("openai"), Set.of()))).containsExactly("openai/unlisted");
  }

  @Test
  void what_does_not_embed_is_refused() {
    assertRefused("openai/chatty", 400, "chat model");
    assertRefused("auto", 400, "such as `openai/small`");
    assertRefused("anthropic/small", 400, "provider `anthropic` has no embeddings");
    assertRefused("anthropic/any", 400, "provider `anthropic` has no embeddings");
    assertRefused("mistral/embed", 404, "has no key");
    assertRefused("mistral/any", 404, "does not exist");
    assertRefused("nothing", 404, "does not exist");
  }

  private static void assertRefused(String model, int status, String words) {
    assertThatThrownBy(() -> rank(model, Set.of("openai", "anthropic"), Set.of())).isInstanceOfSatisfying(Problem.class, problem -> {
      assertThat(problem.status()).isEqualTo(status);
      assertThat(problem.param()).isEqualTo("model");
    }).hasMessageContaining(words);
  }
}
