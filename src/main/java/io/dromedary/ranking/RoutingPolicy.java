package io.dromedary.ranking;

import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.ConfigError;
import io.dromedary.catalog.ConfigNode;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Tier;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * The settings of {@code config/routing.yaml}, checked.
 *
 * @param scorer kind of the complexity scorer in force
 * @param baselineModel what routing savings are counted against, "" for none
 * @param fallback closes every chain, "" for none
 * @param maxCandidates most models of one ranking
 * @param tiers a chain for every tier
 * @param preferences weights by name
 * @param strong asked for scores from the threshold on
 * @param weak asked below it
 * @param named ids that occur in some chain
 * @param scorers kinds of scorers that there are, in the order that messages name them
 * @param cutOffs per scorer the four scores at which SIMPLE, MEDIUM, COMPLEX and EXPERT begin
 * @param minilm whether the learned scorer averages a sentence vector in
 * @param choosing domains, projects, cascades, sessions and the like
 * @param catalogue the models that it was checked against: they are ranked with it, whatever is reloaded meanwhile
 */
public record RoutingPolicy(String scorer, String baselineModel, String fallback, int maxCandidates, Map<Tier, TierPolicy> tiers, Map<String, Weights> preferences, String strong, String weak,
    Set<String> named, List<String> scorers, Map<String, List<Double>> cutOffs, boolean minilm, Choosing choosing, ModelCatalog catalogue) {
  static final List<String> PREFERENCES = List.of("cost", "quality", "speed", "balanced");
  private static final Tier[] TIERS = Tier.values();
  static final String BERT = "bert";
  static final String CAUSAL = "causal";
  private static final BigDecimal MOST_WEIGHT = new BigDecimal("1000");

  /**
   * One tier.
   *
   * @param models ids in the order of trying
   * @param defaultMaxOutputTokens answer length expected, in tokens
   * @param minQuality 0..1, where the chain is of no use
   */
  record TierPolicy(List<String> models, long defaultMaxOutputTokens, double minQuality) {}

  /**
   * Reads the settings.
   *
   * @param file its name, for messages
   * @throws ConfigError naming file, key, value and what is allowed
   */
  public static RoutingPolicy read(byte[] yaml, String file, ModelCatalog catalogue, Set<String> scorers) {
    List<String> keys = new ArrayList<>(List.of("scorer", "baseline-model", "fallback", "max-candidates", "tiers", "preferences", "routers", "cut-offs", "minilm"));
    keys.addAll(Choosing.KEYS);
    ConfigNode root = ConfigNode.read(yaml, file).onlyKeys(keys);
    String scorer = root.get("scorer").text("learned");
    if (!scorers.contains(scorer) && !(scorer.equals(BERT) && root.get("routers").get(BERT).present())) {
      throw root.get("scorer").error("allowed are " + String.join(", ", new TreeSet<>(scorers)) + (scorer.equals(BERT) ? "; bert needs routers.bert" : ""));
    }
    long maxCandidates = root.get("max-candidates").count(6, 1, 20);
    Set<String> named = new HashSet<>();
    Map<Tier, TierPolicy> tiers = new EnumMap<>(Tier.class);
    root.get("tiers").onlyKeys(Arrays.stream(Tier.values()).map(Tier::name).toList());
    for (Tier tier : Tier.values()) {
      ConfigNode entry = root.get("tiers").get(tier.name()).onlyKeys(List.of("models", "default-max-output-tokens", "min-quality", "strategy", "cascade", "preference", "require-tags"));
      List<String> models = new ArrayList<>();
      for (ConfigNode model : entry.get("models").list()) {
        models.add(chatModel(model, catalogue));
      }
      named.addAll(models);
      ConfigNode quality = entry.get("min-quality");
      tiers.put(tier, new TierPolicy(List.copyOf(models), entry.get("default-max-output-tokens").count(512, 1, 1_000_000), quality.present() ? quality.decimal(BigDecimal.ONE).doubleValue() : 0.5));
    }
    Map<String, Weights> preferences = new LinkedHashMap<>();
    root.get("preferences").onlyKeys(PREFERENCES);
    for (String name : PREFERENCES) {
      ConfigNode entry = root.get("preferences").get(name).onlyKeys(PREFERENCES.subList(0, 3));
      Weights weights = new Weights(weight(entry.get("cost")), weight(entry.get("quality")), weight(entry.get("speed")));
      if (weights.cost() + weights.quality() + weights.speed() == 0) {
        throw entry.error("one of the weights must be more than 0");
      }
      preferences.put(name, weights);
    }
    ConfigNode routers = root.get("routers").onlyKeys(List.of("strong", "weak", "bert", "causal"));
    String strong = chatModel(routers.get("strong"), catalogue);
    String weak = chatModel(routers.get("weak"), catalogue);
    String fallback = optionalModel(root.get("fallback"), catalogue);
    named.addAll(List.of(strong, weak, fallback));
    return new RoutingPolicy(scorer, optionalModel(root.get("baseline-model"), catalogue), fallback, (int) maxCandidates, tiers, preferences, strong, weak, Set.copyOf(named),
        scorers.stream().sorted().toList(), cutOffs(root.get("cut-offs"), scorers), flag(root.get("minilm")), Choosing.read(root, catalogue, routers), catalogue);
  }

  private static Map<String, List<Double>> cutOffs(ConfigNode node, Set<String> scorers) {
    Map<String, List<Double>> cutOffs = new LinkedHashMap<>();
    List<String> allowed = scorers.stream().filter(kind -> !kind.equals("keywords")).sorted().toList(); // the keywords' rules are their tiers
    if (node.present()) {
      node.onlyKeys(allowed);
    }
    for (Map.Entry<String, ConfigNode> entry : node.entries().entrySet()) {
      List<Double> scores = entry.getValue().list().stream().map(score -> score.decimal(BigDecimal.ONE).doubleValue()).toList();
      if (scores.size() != Tier.values().length - 1) {
        throw entry.getValue().error("must be 4 scores: where SIMPLE, MEDIUM, COMPLEX and EXPERT begin");
      }
      for (int i = 1; i < scores.size(); i++) {
        if (scores.get(i) < scores.get(i - 1)) {
          throw entry.getValue().error("must rise");
        }
      }
      cutOffs.put(entry.getKey(), scores);
    }
    return cutOffs;
  }

  /** The request's complexity with the tier that the cut-offs of its scorer give its score; as it was where none are configured. */
  public Complexity tiered(Complexity complexity) {
    List<Double> scores = cutOffs.get(complexity.scorer());
    if (scores == null) {
      return complexity;
    }
    int tier = 0;
    while (tier < scores.size() && complexity.score() >= scores.get(tier)) {
      tier++;
    }
    return complexity.at(TIERS[tier]);
  }

  /** What {@code <kind>} in {@code router-<kind>-<threshold>} may be: the scorers, other names for the learned one, and the judge where one is configured. */
  Set<String> kinds() {
    Set<String> kinds = new TreeSet<>(scorers);
    kinds.addAll(List.of("mf", "lexical"));
    if (choosing.bert()) {
      kinds.add(BERT);
    }
    if (!choosing.causalModel().isEmpty()) {
      kinds.add(CAUSAL);
    }
    return kinds;
  }

  /** What to do about a kind that exists and is not configured, "" for any other. */
  String unconfigured(String kind) {
    return kind.equals(BERT) || kind.equals(CAUSAL) ? "; `" + kind + "` needs `routers." + kind + "` in config/routing.yaml" : "";
  }

  private static String optionalModel(ConfigNode value, ModelCatalog catalogue) {
    return !value.present() || value.scalar().isEmpty() ? "" : chatModel(value, catalogue);
  }

  static String chatModel(ConfigNode value, ModelCatalog catalogue) {
    Model model = catalogue.find(value.text()).orElseThrow(() -> value.error("is not in the catalogue; list it in models.yaml or name another"));
    if (!model.mode().equals("chat")) {
      throw value.error("is no chat model");
    }
    return model.id();
  }

  private static boolean flag(ConfigNode value) {
    String said = value.present() ? value.scalar() : "false";
    if (!said.equals("true") && !said.equals("false")) {
      throw value.error("must be true or false");
    }
    return said.equals("true");
  }

  private static double weight(ConfigNode value) {
    return value.present() ? value.decimal(MOST_WEIGHT).doubleValue() : 0;
  }
}
