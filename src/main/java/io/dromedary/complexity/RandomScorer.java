package io.dromedary.complexity;

import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.Tier;
import io.dromedary.chat.ChatRequest;
import java.util.Map;
import java.util.SplittableRandom;

/** Chance, to compare the others with: evenly spread over 0..1 by the request's id, so that one request has one score however often it is asked for. */
public final class RandomScorer implements ComplexityScorer {
  @Override
  public String kind() {
    return "random";
  }

  @Override
  public Complexity score(ChatRequest request) {
    long seed = 0;
    String id = request.id();
    for (int i = 0; i < id.length(); i++) {
      seed = 31 * seed + id.charAt(i);
    }
    double score = new SplittableRandom(seed).nextDouble();
    return new Complexity(score, Tier.of(score), "random", Map.of());
  }
}
