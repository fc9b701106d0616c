package io.dromedary.ranking;

import static io.dromedary.ranking.CandidateRankingTest.CATALOGUE;
import static io.dromedary.ranking.CandidateRankingTest.MODELS;
import static io.dromedary.ranking.CandidateRankingTest.ROUTING;
import static io.dromedary.ranking.CandidateRankingTest.SCORERS;
import static io.dromedary.ranking.CandidateRankingTest.ids;
import static io.dromedary.ranking.CandidateRankingTest.looking;
import static io.dromedary.ranking.CandidateRankingTest.ranking;
import static io.dromedary.ranking.CandidateRankingTest.request;
import static org.assertj.core.api.Assertions.assertThat;

import io.dromedary.catalog.Candidates;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Tier;
import io.dromedary.chat.ChatRequest;
import io.dromedary.ranking.CandidateRankingTest.Providers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** Laws that hold for any input. */
class CandidateRankingPropertyTest {
  @Property(tries = 25)
  void ranking_ignores_the_order_of_the_catalogue(@ForAll int seed) {
    String text = new String(MODELS, StandardCharsets.UTF_8);
    int start = text.indexOf("- id:");
    List<String> entries = new ArrayList<>(Arrays.asList(text.substring(start + 2).split("\n- ")));
    Collections.shuffle(entries, new Random(seed));
    String shuffled = text.substring(0, start) + "- " + String.join("\n- ", entries.stream().map(String::stripTrailing).toList()) + "\n";
    ModelCatalog other = ModelCatalog.read(shuffled.getBytes(StandardCharsets.UTF_8), "shuffled");
    assertThat(other.all()).hasSameSizeAs(CATALOGUE.all());
    for (Providers providers : List.of(new Providers("openai", "anthropic", "gemini", "groq", "ollama"), new Providers("mistral", "deepseek"), new Providers("openrouter"), new Providers("azure", "bedrock"))) {
      CandidateRanking there = new CandidateRanking(() -> other, () -> RoutingPolicy.read(ROUTING, "routing.yaml", other, SCORERS), providers, ExpectedLatency.PRIOR);
      for (Tier tier : Tier.values()) {
        ChatRequest asked = request("'model':'auto:balanced','models':['gpt-4.1']");
        Candidates expected = ranking(providers).byTier(asked, looking(tier));
        Candidates actual = there.byTier(asked, looking(tier));
        assertThat(ids(actual)).isEqualTo(ids(expected));
        assertThat(actual.decision()).isEqualTo(expected.decision());
      }
    }
  }
}
