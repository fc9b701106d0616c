package io.dromedary.complexity;

import io.dromedary.catalog.Complexity;
import io.dromedary.chat.ChatRequest;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;

/**
 * Asks the scorer that a request names ({@code router-<kind>-<threshold>}), else the configured one. When it throws, the keywords decide, and the signals say so: scoring never fails a request.
 */
public final class ComplexityScorers {
  private static final KeywordScorer KEYWORDS = new KeywordScorer();
  private static final String ROUTER = "router-";

  private final Map<String, ComplexityScorer> byKind = new LinkedHashMap<>();
  private final Supplier<String> configured;

  /**
   * @param scorers further scorers; {@code keywords} and {@code length} are always there
   * @param configured the kind in force, asked at every request so that a reload takes effect
   */
  public ComplexityScorers(List<ComplexityScorer> scorers, Supplier<String> configured) {
    byKind.put(KEYWORDS.kind(), KEYWORDS);
    LengthScorer length = new LengthScorer();
    byKind.put(length.kind(), length);
    for (ComplexityScorer scorer : scorers) {
      byKind.put(scorer.kind(), scorer);
    }
    this.configured = configured;
  }

  public Set<String> kinds() {
    return byKind.keySet();
  }

  /** Never throws for a checked request. A kind that we do not have is scored by the configured scorer; the ranking refuses its name. */
  public Complexity score(ChatRequest request) {
    String kind = configured.get();
    String model = request.model();
    if (model.startsWith(ROUTER)) {
      int end = model.lastIndexOf('-');
      if (end > ROUTER.length() && byKind.containsKey(model.substring(ROUTER.length(), end))) {
        kind = model.substring(ROUTER.length(), end);
      }
    }
    ComplexityScorer scorer = byKind.get(kind);
    if (scorer == null) {
      return fallback(request, kind, "there is no such scorer");
    }
    try {
      return scorer.score(request);
    } catch (RuntimeException e) {
      return fallback(request, kind, e.getClass().getSimpleName());
    }
  }

  private static Complexity fallback(ChatRequest request, String kind, String why) {
    Complexity complexity = KEYWORDS.score(request);
    Map<String, Object> signals = new LinkedHashMap<>(complexity.signals());
    signals.put("fallback_from", kind);
    signals.put("fallback_why", why);
    return new Complexity(complexity.score(), complexity.tier(), complexity.scorer(), signals);
  }

  /** The name of a request's tier, for the content-based router. */
  public String tier(Complexity complexity) {
    return complexity.tier().name();
  }
}
