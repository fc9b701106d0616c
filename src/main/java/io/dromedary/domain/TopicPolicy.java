package io.dromedary.domain;

import io.dromedary.catalog.ConfigError;
import io.dromedary.catalog.ConfigNode;
import io.dromedary.catalog.Topic;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The domains of {@code config/routing.yaml} with the terms that speak for them, and the tasks, ready to be looked for.
 *
 * @param names of the domains that are on, in the order of the file; those that are built in and not named there first
 * @param thresholds score from which a domain counts, by the same index
 * @param terms all terms: labels are the domains, then the tasks
 */
public record TopicPolicy(List<String> names, double[] thresholds, Terms terms) {
  /** What is known without any configuration. */
  public static final List<String> BUILT_IN = Topic.DOMAINS;
  /** What a request can want done. */
  public static final List<String> TASKS = Topic.TASKS;

  private static final double STRONG = 1;
  private static final double USUAL = 0.55;
  private static final double WEAK = 0.25;
  private static final double LEAD = 1.6;
  private static final double THRESHOLD = 0.5;
  private static final int MOST_TERMS = 5_000;
  private static final int MOST_DOMAINS = 50;
  private static final int LONGEST_TERM = 80;
  private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9_-]{0,39}");
  private static final String WEIGHTLESS = "must have one to four words of letters or digits, with a star at most at its end and at least three letters before it";

  /**
   * Reads the key {@code domains}; what else stands in the file is others' business.
   *
   * @param file its name, for messages
   * @param reserved names that model names such as {@code auto:<name>} already use
   * @throws ConfigError naming file, key, value and what is allowed
   */
  public static TopicPolicy read(byte[] yaml, String file, Set<String> reserved) {
    ConfigNode lexicon = Lexicon.root();
    Map<String, ConfigNode> own = ConfigNode.read(yaml, file).get("domains").entries();
    Set<String> all = new LinkedHashSet<>(BUILT_IN);
    all.addAll(own.keySet());
    List<String> names = new ArrayList<>();
    List<Double> thresholds = new ArrayList<>();
    List<Terms.Term> terms = new ArrayList<>(4_096);
    for (String name : all) {
      ConfigNode entry = own.get(name);
      if (entry != null && (!NAME.matcher(name).matches() || reserved.contains(name))) {
        throw entry.error("a domain's name is of small letters, digits, - and _, at most 40, and none of " + String.join(", ", reserved));
      }
      if (entry != null && entry.present() && !entry.get("enabled").flag(true)) {
        continue;
      }
      int label = names.size();
      names.add(name);
      ConfigNode threshold = entry == null ? null : entry.get("threshold");
      thresholds.add(threshold == null || !threshold.present() ? THRESHOLD : threshold.decimal(BigDecimal.ONE).doubleValue());
      if (BUILT_IN.contains(name)) {
        add(terms, lexicon.get("domains").get(name), label);
      }
      if (entry != null && entry.present()) {
        add(terms, entry.get("terms"), label, STRONG, false);
        add(terms, entry.get("weak-terms"), label, WEAK, false);
        if (!BUILT_IN.contains(name) && !entry.get("terms").present()) {
          throw entry.error("a domain of your own needs `terms`, a list of words and phrases that speak for it");
        }
      }
      if (names.size() > MOST_DOMAINS || terms.size() > MOST_TERMS) {
        throw entry == null ? new ConfigError(file + ": domains: too many terms") : entry.error("at most " + MOST_DOMAINS + " domains and " + MOST_TERMS + " terms in all");
      }
    }
    for (int i = 0; i < TASKS.size(); i++) {
      add(terms, lexicon.get("tasks").get(TASKS.get(i)), names.size() + i);
    }
    return new TopicPolicy(List.copyOf(names), thresholds.stream().mapToDouble(Double::doubleValue).toArray(), new Terms(terms));
  }

  private static void add(List<Terms.Term> terms, ConfigNode label, int index) {
    Map<String, ConfigNode> groups = new LinkedHashMap<>(label.entries());
    groups.forEach((group, list) -> add(terms, list, index, switch (group) {
      case "strong" -> STRONG;
      case "usual" -> USUAL;
      case "weak" -> WEAK;
      case "lead" -> LEAD;
      default -> throw list.error("unknown group");
    }, group.equals("lead")));
  }

  private static void add(List<Terms.Term> terms, ConfigNode list, int label, double weight, boolean lead) {
    for (ConfigNode element : list.list()) {
      String text = element.text();
      int words = Terms.words(text);
      int star = text.indexOf('*');
      if (words < 1 || words > Terms.LONGEST_PHRASE || text.length() > LONGEST_TERM || star >= 0 && (star != text.length() - 1 || star < 3 || lead)) {
        throw element.error(WEIGHTLESS);
      }
      terms.add(new Terms.Term(text, label, weight, lead));
    }
  }
}
