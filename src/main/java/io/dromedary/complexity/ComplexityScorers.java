package io.dromedary.complexity;

import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.Tier;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/**
 * Asks the scorer that a request names ({@code router-<kind>-<threshold>}), else the configured one. When it throws, the keywords decide, and the signals say so: scoring never fails a request.
 */
public final class ComplexityScorers {
  private static final KeywordScorer KEYWORDS = new KeywordScorer();
  private static final String ROUTER = "router-";
  /** The scorer that an experiment chose for this request; nobody outside can say it. */
  private static final String WISHED = "dromedary.scorer";
  /** Other names in {@code router-<kind>-<threshold>}: our one learned score answers to RouteLLM's matrix factorisation and to its lexical path. */
  private static final Map<String, String> ALIASES = Map.of("mf", "learned", "lexical", "learned");

  private final Map<String, ComplexityScorer> byKind = new LinkedHashMap<>();
  private final Function<String, String> configured;
  private final UnaryOperator<Complexity> tiers;

  /**
   * @param scorers further scorers; {@code keywords}, {@code length} and {@code random} are always there
   * @param configured the kind in force, asked at every request so that a reload takes effect
   */
  public ComplexityScorers(List<ComplexityScorer> scorers, Supplier<String> configured) {
    this(scorers, configured, UnaryOperator.identity());
  }

  /** @param tiers gives a scored request the tier that is configured for its scorer and score */
  public ComplexityScorers(List<ComplexityScorer> scorers, Supplier<String> configured, UnaryOperator<Complexity> tiers) {
    this(scorers, project -> configured.get(), tiers);
  }

  /** @param configured the kind in force for a project */
  public ComplexityScorers(List<ComplexityScorer> scorers, Function<String, String> configured, UnaryOperator<Complexity> tiers) {
    byKind.put(KEYWORDS.kind(), KEYWORDS);
    LengthScorer length = new LengthScorer();
    byKind.put(length.kind(), length);
    RandomScorer random = new RandomScorer();
    byKind.put(random.kind(), random);
    for (ComplexityScorer scorer : scorers) {
      byKind.put(scorer.kind(), scorer);
    }
    this.configured = configured;
    this.tiers = tiers;
  }

  public Set<String> kinds() {
    return byKind.keySet();
  }

  /** Never throws for a checked request. A kind that we do not have is scored by the configured scorer; the ranking refuses its name. */
  public Complexity score(ChatRequest request) {
    return score(request, Caller.OPEN);
  }

  /** The same by the scorer that is in force for who asks. */
  public Complexity score(ChatRequest request, Caller caller) {
    String wished = request.hint(WISHED);
    String asked = wished != null && byKind.containsKey(wished) ? wished : configured.apply(caller.project());
    String model = request.model();
    if (model.startsWith(ROUTER)) {
      int end = model.lastIndexOf('-');
      if (end > ROUTER.length()) {
        String named = model.substring(ROUTER.length(), end);
        asked = byKind.containsKey(ALIASES.getOrDefault(named, named)) ? named : asked;
      }
    }
    String kind = ALIASES.getOrDefault(asked, asked);
    ComplexityScorer scorer = byKind.get(kind);
    if (scorer == null) {
      return fallback(request, asked, "there is no such scorer");
    }
    try {
      Complexity complexity = tiers.apply(Conversation.mixed(scorer, request, scorer.score(request)));
      if (kind.equals("learned")) {
        complexity = raised(complexity, request);
      }
      return kind.equals(asked) ? complexity : told(complexity, Map.of("asked_as", asked));
    } catch (RuntimeException e) {
      return fallback(request, asked, e.getClass().getSimpleName());
    }
  }

  /** A short request can ask for much: words of experts, of making and of judging lift the tier, not the score. */
  private static Complexity raised(Complexity complexity, ChatRequest request) {
    if (complexity.tier() == Tier.EXPERT) {
      return complexity;
    }
    Complexity byWords = KEYWORDS.score(request);
    Object word = byWords.signals().get("keyword");
    if (word == null || byWords.tier().compareTo(Tier.COMPLEX) < 0 || byWords.tier().compareTo(complexity.tier()) <= 0) {
      return complexity;
    }
    Map<String, Object> signals = new LinkedHashMap<>(complexity.signals());
    signals.put("tier_raised_by", word);
    return complexity.at(byWords.tier()).told(signals);
  }

  private static Complexity told(Complexity complexity, Map<String, Object> more) {
    Map<String, Object> signals = new LinkedHashMap<>(complexity.signals());
    signals.putAll(more);
    return complexity.told(signals);
  }

  private static Complexity fallback(ChatRequest request, String kind, String why) {
    return told(KEYWORDS.score(request), Map.of("fallback_from", kind, "fallback_why", why));
  }

  /** The name of a request's tier, for the content-based router. */
  public String tier(Complexity complexity) {
    return complexity.tier().name();
  }
}
