package io.dromedary.complexity;

import static io.dromedary.complexity.ComplexityScorersTest.asking;
import static org.assertj.core.api.Assertions.assertThat;

import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.Tier;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** Laws that hold for any input. */
class ComplexityScorersPropertyTest {
  @Property(tries = 300)
  void the_score_always_lies_in_its_tier(@ForAll String text) {
    for (ComplexityScorer scorer : List.of(new KeywordScorer(), new LengthScorer())) {
      Complexity complexity = scorer.score(asking("auto", text));
      assertThat(complexity.score()).isBetween(0.0, 1.0);
      assertThat(Tier.of(complexity.score())).isEqualTo(complexity.tier());
    }
  }
}
