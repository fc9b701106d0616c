package io.dromedary.complexity;

import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.Tier;
import io.dromedary.chat.ChatRequest;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The honest baseline: longer is harder. {@code score = words / (words + 50)}, which rises smoothly from 0 towards 1; by {@link Tier#of} TRIVIAL is up to 12 words, SIMPLE to 33, MEDIUM to 74, COMPLEX to 199,
 * EXPERT from 200.
 */
public final class LengthScorer implements ComplexityScorer {
  private static final double HALF_WAY = 50;

  @Override
  public String kind() {
    return "length";
  }

  @Override
  public Complexity score(ChatRequest request) {
    Turn turn = Turn.of(request);
    int words = Words.count(turn.text());
    double score = words / (words + HALF_WAY);
    Map<String, Object> signals = new LinkedHashMap<>(4);
    signals.put("words", words);
    if (turn.earlier()) {
      signals.put("scored_message", "the one before a short follow-up");
    }
    return new Complexity(score, Tier.of(score), "length", signals);
  }
}
