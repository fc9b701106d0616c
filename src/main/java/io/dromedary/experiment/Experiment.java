package io.dromedary.experiment;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.ConfigError;
import io.dromedary.catalog.ConfigNode;
import io.dromedary.chat.Json;
import io.dromedary.chat.StableHash;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * One experiment of {@code config/experiments.yaml}.
 *
 * @param running whether it runs where nobody has said otherwise at run time
 * @param unit what stays in its arm: {@code project}, {@code session} or {@code request}
 * @param traffic the share of units that take part, in per cent
 * @param models the requested names that it is about
 * @param arms at least two; the first is what the others are compared with
 */
record Experiment(String id, boolean running, String unit, double traffic, Set<String> models, List<Arm> arms) {
  static final List<String> UNITS = List.of("project", "session", "request");
  private static final List<String> KEYS = List.of("id", "running", "unit", "traffic", "models", "arms");
  private static final List<String> ARM_KEYS = List.of("id", "share", "model", "scorer", "strategy", "weights");
  private static final List<String> WEIGHTS = List.of("cost", "quality", "speed");
  private static final List<String> STRATEGIES = List.of("direct", "cascade");
  private static final List<String> AUTO = List.of("auto", "route-llm", "router-auto", "auto:cost", "auto:quality", "auto:speed", "auto:balanced");
  private static final Pattern NAME = Pattern.compile("[a-z0-9][a-z0-9._-]{0,63}");
  private static final Pattern ROUTER = Pattern.compile("router-([a-z]+)-(0(\\.\\d{1,9})?|1(\\.0{1,9})?)");
  private static final BigDecimal HUNDRED = new BigDecimal("100");
  private static final BigDecimal MOST_WEIGHT = new BigDecimal("1000");

  /**
   * One way of routing. Where a value is absent, all is as without the experiment.
   *
   * @param share in per cent of those that take part
   * @param model asked for in place of the requested name, such as {@code router-learned-0.3}
   * @param scorer who says how hard the request is
   */
  record Arm(String id, double share, @Nullable String model, @Nullable String scorer, @Nullable String strategy, @Nullable ObjectNode weights) {}

  /**
   * Reads the file.
   *
   * @param scorers the kinds of scorers that there are
   * @throws ConfigError naming file, key, value and what is allowed
   */
  static Map<String, Experiment> read(byte[] yaml, String file, Set<String> scorers) {
    Map<String, Experiment> experiments = new LinkedHashMap<>();
    for (ConfigNode node : ConfigNode.read(yaml, file).onlyKeys(List.of("experiments")).get("experiments").list()) {
      node.onlyKeys(KEYS);
      Experiment experiment = experiment(node, scorers);
      if (experiments.putIfAbsent(experiment.id(), experiment) != null) {
        throw node.get("id").error("is there twice");
      }
    }
    return experiments;
  }

  private static Experiment experiment(ConfigNode node, Set<String> scorers) {
    String id = name(node.get("id"));
    String unit = node.get("unit").text("project");
    if (!UNITS.contains(unit)) {
      throw node.get("unit").error("allowed are " + String.join(", ", UNITS));
    }
    double traffic = node.get("traffic").present() ? node.get("traffic").decimal(HUNDRED).doubleValue() : 100;
    Set<String> models = new HashSet<>();
    for (ConfigNode model : node.get("models").list()) {
      models.add(routed(model, scorers));
    }
    List<Arm> arms = new ArrayList<>();
    Set<String> ids = new HashSet<>();
    double shares = 0;
    for (ConfigNode entry : node.get("arms").list()) {
      Arm arm = arm(entry.onlyKeys(ARM_KEYS), scorers);
      if (!ids.add(arm.id())) {
        throw entry.get("id").error("is there twice");
      }
      arms.add(arm);
      shares += arm.share();
    }
    if (arms.size() < 2) {
      throw node.get("arms").error("must list at least two arms, each {id, share} and what it does otherwise");
    }
    if (Math.abs(shares - 100) > 1e-6) {
      throw node.get("arms").error("the shares must sum to 100, not " + shares);
    }
    return new Experiment(id, truth(node.get("running")), unit, traffic, models.isEmpty() ? Set.of("auto", "route-llm", "router-auto") : Set.copyOf(models), List.copyOf(arms));
  }

  private static Arm arm(ConfigNode entry, Set<String> scorers) {
    if (!entry.get("share").present()) {
      throw entry.get("share").error("must be a number from 0 to 100, per cent of those that take part");
    }
    ConfigNode scorer = entry.get("scorer");
    if (scorer.present() && !scorers.contains(scorer.text())) {
      throw scorer.error("allowed are " + String.join(", ", scorers.stream().sorted().toList()));
    }
    ConfigNode strategy = entry.get("strategy");
    if (strategy.present() && !STRATEGIES.contains(strategy.text())) {
      throw strategy.error("allowed are " + String.join(", ", STRATEGIES));
    }
    ConfigNode model = entry.get("model");
    ConfigNode weights = entry.get("weights");
    ObjectNode wishes = null;
    if (weights.present()) {
      weights.onlyKeys(WEIGHTS);
      wishes = Json.object();
      double sum = 0;
      for (Map.Entry<String, ConfigNode> weight : weights.entries().entrySet()) {
        BigDecimal value = weight.getValue().decimal(MOST_WEIGHT);
        wishes.put(weight.getKey(), value);
        sum += value.doubleValue();
      }
      if (sum == 0) {
        throw weights.error("one of the weights must be more than 0");
      }
    }
    return new Arm(name(entry.get("id")), entry.get("share").decimal(HUNDRED).doubleValue(), model.present() ? routed(model, scorers) : null, scorer.present() ? scorer.text() : null,
        strategy.present() ? strategy.text() : null, wishes);
  }

  private static String name(ConfigNode node) {
    String name = node.text();
    if (!NAME.matcher(name).matches()) {
      throw node.error("must be 1 to 64 of a-z, 0-9, `.`, `_`, `-`");
    }
    return name;
  }

  private static boolean truth(ConfigNode node) {
    String text = node.present() ? node.scalar() : "false";
    if (!text.equals("true") && !text.equals("false")) {
      throw node.error("must be true or false");
    }
    return text.equals("true");
  }

  /** A name that leaves the choice to the gateway. */
  private static String routed(ConfigNode node, Set<String> scorers) {
    String name = node.text();
    var router = ROUTER.matcher(name);
    boolean known = router.matches() && (scorers.contains(router.group(1)) || router.group(1).equals("mf") || router.group(1).equals("lexical"));
    if (!known && !AUTO.contains(name)) {
      throw node.error("allowed are " + String.join(", ", AUTO) + " and router-<kind>-<threshold> with a kind of " + String.join(", ", scorers.stream().sorted().toList()) + ", lexical, mf and a threshold from 0 to 1");
    }
    return name;
  }

  /** The arm of a unit, null when it takes no part. The share that takes part and the arms are drawn apart, so that more traffic moves nobody to another arm. */
  @Nullable Arm arm(String unitKey) {
    if (StableHash.place(id + "/traffic", unitKey) * 100 >= traffic) {
      return null;
    }
    double place = StableHash.place(id + "/arm", unitKey) * 100;
    for (Arm arm : arms) {
      place -= arm.share();
      if (place < 0) {
        return arm;
      }
    }
    return arms.get(arms.size() - 1);
  }
}
