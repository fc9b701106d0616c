package io.dromedary.alert;

import io.dromedary.catalog.ConfigNode;
import io.dromedary.chat.Globs;
import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/** The rules of {@code config/alerts.yaml}, checked: a rule with a mistake in it must not lie there silently. */
public record AlertRules(List<AlertRule> rules) {
  private static final List<String> KEYS = List.of("id", "on", "per", "projects", "above", "below", "over", "at-least", "severity", "to", "again-every", "resolve-after");
  private static final List<String> SEVERITIES = List.of("info", "warning", "critical");
  private static final Pattern ID = Pattern.compile("[a-z0-9][a-z0-9._-]{0,62}");
  static final Duration LONGEST = Duration.ofHours(24);

  /**
   * Reads the file.
   *
   * @param sinks names that {@code to} may have, from {@code dromedary.alerts.sinks}
   * @throws io.dromedary.catalog.ConfigError naming file, key, value and what is allowed
   */
  public static AlertRules read(byte[] yaml, String file, Set<String> sinks) {
    ConfigNode root = ConfigNode.read(yaml, file).onlyKeys(List.of("rules"));
    List<AlertRule> rules = new ArrayList<>();
    Set<String> ids = new HashSet<>();
    for (ConfigNode node : root.get("rules").list()) {
      AlertRule rule = rule(node.onlyKeys(KEYS), sinks);
      if (!ids.add(rule.id())) {
        throw node.get("id").error("two rules have this id");
      }
      rules.add(rule);
    }
    return new AlertRules(List.copyOf(rules));
  }

  private static AlertRule rule(ConfigNode node, Set<String> sinks) {
    String id = node.get("id").text();
    if (!ID.matcher(id).matches()) {
      throw node.get("id").error("must be 1 to 63 of a-z, 0-9, `.`, `_`, `-`");
    }
    AlertRule.Kind on = one(node.get("on"), AlertRule.Kind.values(), "");
    AlertRule.Scope per = one(node.get("per"), AlertRule.Scope.values(), "gateway");
    boolean below = on == AlertRule.Kind.CACHE_HIT_RATE;
    String bound = below ? "below" : "above";
    ConfigNode other = node.get(below ? "above" : "below");
    if (other.present()) {
      throw other.error("`" + on.word() + "` takes " + (on.measured ? "`" + bound + "`" : "no bound"));
    }
    if (!on.measured) {
      for (String key : List.of("above", "over", "at-least", "per")) {
        if (node.get(key).present()) {
          throw node.get(key).error("`" + on.word() + "` is told as it happens and takes no `" + key + "`");
        }
      }
    }
    double limit = !on.measured ? 0 : node.get(bound).number(0, on == AlertRule.Kind.SPEND_RATE || on == AlertRule.Kind.LATENCY_P95 ? 1e9 : 1);
    Duration over = time(node.get("over"), Duration.ofMinutes(5), Duration.ofMinutes(1), LONGEST);
    if (over.toSecondsPart() != 0 || over.toMillisPart() != 0) {
      throw node.get("over").error("must be whole minutes");
    }
    List<String> to = node.get("to").texts();
    for (String sink : to) {
      if (!sinks.contains(sink)) {
        throw node.get("to").error("`" + sink + "` is no sink; " + (sinks.isEmpty() ? "there is none in dromedary.alerts.sinks" : "dromedary.alerts.sinks has " + String.join(", ", new TreeSet<>(sinks))));
      }
    }
    String severity = node.get("severity").text("warning");
    if (!SEVERITIES.contains(severity)) {
      throw node.get("severity").error("must be one of " + String.join(", ", SEVERITIES));
    }
    return new AlertRule(id, on, per, Globs.of(node.get("projects").texts()), limit, over, node.get("at-least").count(20, 1_000_000_000), severity, List.copyOf(to),
        time(node.get("again-every"), Duration.ofHours(4), Duration.ofMinutes(1), Duration.ofDays(30)), time(node.get("resolve-after"), Duration.ofMinutes(2), Duration.ofMinutes(1), LONGEST));
  }

  private static <E extends Enum<E>> E one(ConfigNode node, E[] values, String absent) {
    String text = node.text(absent);
    for (E value : values) {
      if (value.name().toLowerCase(Locale.ROOT).equals(text)) {
        return value;
      }
    }
    throw node.error("must be one of " + String.join(", ", Arrays.stream(values).map(value -> value.name().toLowerCase(Locale.ROOT)).toList()));
  }

  private static Duration time(ConfigNode node, Duration absent, Duration least, Duration most) {
    if (!node.present()) {
      return absent;
    }
    String text = node.scalar();
    Duration time;
    try {
      time = Duration.parse(text.endsWith("d") ? "P" + text : "PT" + text);
    } catch (DateTimeParseException e) {
      throw node.error("must be a time such as 30s, 5m, 4h or 1d");
    }
    if (time.compareTo(least) < 0 || time.compareTo(most) > 0) {
      throw node.error("must be from " + words(least) + " to " + words(most));
    }
    return time;
  }

  static String words(Duration time) {
    return time.toDays() > 1 && time.toHours() % 24 == 0 ? time.toDays() + "d" : time.toMinutes() % 60 == 0 && time.toHours() > 0 ? time.toHours() + "h" : time.toMinutes() + "m";
  }

  /** Does any rule look at requests? If not, none needs to be counted. */
  boolean measure() {
    return rules.stream().anyMatch(rule -> rule.on().measured);
  }

  Map<String, AlertRule> byId() {
    Map<String, AlertRule> all = new HashMap<>();
    rules.forEach(rule -> all.put(rule.id(), rule));
    return all;
  }
}
