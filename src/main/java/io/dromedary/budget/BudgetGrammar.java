package io.dromedary.budget;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.catalog.ConfigError;
import io.dromedary.chat.Problem;
import java.math.BigDecimal;
import java.time.DateTimeException;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Reads {@code budgets} and {@code credit} nodes. What it does not understand it refuses: a budget with a mistake in it must not be a budget that nobody enforces (M4). */
final class BudgetGrammar {
  /** No budget is larger, in dollars; a larger figure is a slip. */
  static final BigDecimal MOST = new BigDecimal("100000000");

  private static final Set<String> BUDGET = new TreeSet<>(Set.of("per", "usd", "soft", "on_soft", "for", "models", "tags", "zone", "id"));
  private static final Set<String> CREDIT = new TreeSet<>(Set.of("low_usd", "critical_usd", "on_critical", "unlimited_models", "high_cost_models"));

  /** What is wrong, and where below the node that was read. */
  static final class Fault extends RuntimeException {
    private final String place;
    private final String what;

    Fault(String place, String what) {
      super(place + " " + what, null, false, false);
      this.place = place;
      this.what = what;
    }

    /** As a file's reader tells it. */
    ConfigError in(String part) {
      return new ConfigError(part + place + "` " + what);
    }

    String place() {
      return place;
    }

    String what() {
      return what;
    }
  }

  /** Null for a model that is fit for a budget, else what is wrong with the name or pattern. */
  private final Function<String, @Nullable String> modelFault;

  BudgetGrammar(Function<String, @Nullable String> modelFault) {
    this.modelFault = modelFault;
  }

  /** @throws Fault for the first mistake */
  List<BudgetRule> budgets(JsonNode node) {
    if (absent(node)) {
      return List.of();
    }
    if (!node.isArray()) {
      throw fault("", "must be a list such as [{per: month, usd: 100.00}]");
    }
    if (node.size() > 20) {
      throw fault("", "has " + node.size() + " entries; at most 20 are allowed");
    }
    List<BudgetRule> rules = new ArrayList<>(node.size());
    Set<String> ids = new TreeSet<>();
    for (int i = 0; i < node.size(); i++) {
      BudgetRule rule = budget(node.get(i), "[" + i + "]");
      if (!ids.add(rule.id())) {
        throw fault("[" + i + "]", "is the second budget `" + rule.id() + "`; give each an `id` of its own");
      }
      rules.add(rule);
    }
    return List.copyOf(rules);
  }

  private BudgetRule budget(JsonNode node, String where) {
    known(node, where, BUDGET);
    Period per = oneOf(node.path("per"), Period.class, where + ".per", null);
    BudgetRule.Scope scope = oneOf(node.path("for"), BudgetRule.Scope.class, where + ".for", BudgetRule.Scope.PROJECT);
    long limit = nanos(node.path("usd"), where + ".usd");
    if (limit == 0) {
      throw fault(where + ".usd", "is 0; leave the project's keys out or revoke them if nothing may be spent");
    }
    BigDecimal soft = null;
    if (!absent(node.path("soft"))) {
      soft = number(node.path("soft"), where + ".soft");
      if (soft.signum() <= 0 || soft.compareTo(BigDecimal.ONE) >= 0) {
        throw fault(where + ".soft", "= " + soft.toPlainString() + " must be more than 0 and less than 1, such as 0.8");
      }
    }
    boolean cheaper = false;
    if (!absent(node.path("on_soft"))) {
      if (soft == null || !Set.of("cheaper", "alert").contains(node.path("on_soft").asText())) {
        throw fault(where + ".on_soft", "must be `cheaper` or `alert`, beside `soft`");
      }
      cheaper = node.path("on_soft").asText().equals("cheaper");
    }
    if (per == Period.REQUEST && (soft != null || scope != BudgetRule.Scope.PROJECT)) {
      throw fault(where, "is per request: it has no `soft` and no `for`");
    }
    ZoneId zone = ZoneOffset.UTC;
    if (!absent(node.path("zone"))) {
      try {
        zone = ZoneId.of(node.path("zone").asText());
      } catch (DateTimeException e) {
        throw fault(where + ".zone", "= " + Problem.clip(node.path("zone").asText()) + " must be a time zone such as Europe/Berlin");
      }
    }
    ModelPatterns models = models(node.path("models"), where + ".models");
    Set<String> tags = new TreeSet<>(names(node.path("tags"), where + ".tags"));
    String id;
    if (absent(node.path("id"))) {
      StringBuilder made = new StringBuilder(per.label());
      if (scope != BudgetRule.Scope.PROJECT) {
        made.append('-').append(scope.name().toLowerCase(Locale.ROOT));
      }
      if (!models.isEmpty()) {
        made.append('[').append(String.join("+", new TreeSet<>(models.patterns()))).append(']');
      }
      if (!tags.isEmpty()) {
        made.append('{').append(String.join("+", tags)).append('}');
      }
      id = made.toString();
    } else {
      id = node.path("id").asText();
      if (!id.matches("[A-Za-z0-9._-]{1,64}")) {
        throw fault(where + ".id", "must be 1 to 64 letters, digits, `.`, `_` or `-`");
      }
    }
    if (id.length() > 160) {
      throw fault(where, "names so many models or tags that it needs an `id`");
    }
    return new BudgetRule(id, per, scope, limit, soft, cheaper, models, Set.copyOf(tags), zone);
  }

  /** @throws Fault for the first mistake */
  @Nullable CreditRule credit(JsonNode node) {
    if (absent(node)) {
      return null;
    }
    known(node, "", CREDIT);
    long low = absent(node.path("low_usd")) ? -1 : nanos(node.path("low_usd"), ".low_usd");
    long critical = absent(node.path("critical_usd")) ? -1 : nanos(node.path("critical_usd"), ".critical_usd");
    if (low >= 0 && critical > low) {
      throw fault(".critical_usd", "must be at most `low_usd`");
    }
    boolean cheaper = false;
    if (!absent(node.path("on_critical"))) {
      if (critical < 0 || !Set.of("cheaper", "alert").contains(node.path("on_critical").asText())) {
        throw fault(".on_critical", "must be `cheaper` or `alert`, beside `critical_usd`");
      }
      cheaper = node.path("on_critical").asText().equals("cheaper");
    }
    Map<String, Long> highCost = new LinkedHashMap<>();
    JsonNode map = node.path("high_cost_models");
    if (!absent(map)) {
      if (!map.isObject()) {
        throw fault(".high_cost_models", "must be a map of model to the balance that it needs, such as {\"openai/o1*\": 5.00}");
      }
      map.fields().forEachRemaining(entry -> {
        check(entry.getKey(), ".high_cost_models");
        highCost.put(entry.getKey(), nanos(entry.getValue(), ".high_cost_models." + Problem.clip(entry.getKey())));
      });
    }
    return new CreditRule(low, critical, cheaper, models(node.path("unlimited_models"), ".unlimited_models"), Map.copyOf(highCost));
  }

  private ModelPatterns models(JsonNode node, String where) {
    List<String> patterns = names(node, where);
    patterns.forEach(pattern -> check(pattern, where));
    return patterns.isEmpty() ? ModelPatterns.NONE : new ModelPatterns(List.copyOf(patterns));
  }

  private void check(String pattern, String where) {
    String wrong = modelFault.apply(pattern);
    if (wrong != null) {
      throw fault(where, "has `" + Problem.clip(pattern) + "`, which " + wrong);
    }
  }

  private static List<String> names(JsonNode node, String where) {
    if (absent(node)) {
      return List.of();
    }
    List<String> names = new ArrayList<>(node.size());
    if (!node.isArray() || node.isEmpty() || node.size() > 50) {
      throw fault(where, "must be a list of 1 to 50 names");
    }
    for (JsonNode name : node) {
      if (!name.isTextual() || name.textValue().isBlank() || name.textValue().length() > 200) {
        throw fault(where, "must hold names of 1 to 200 characters");
      }
      names.add(name.textValue());
    }
    return names;
  }

  private static void known(JsonNode node, String where, Set<String> allowed) {
    if (!node.isObject()) {
      throw fault(where, "must be a map with the keys " + String.join(", ", allowed));
    }
    node.fieldNames().forEachRemaining(name -> {
      if (!allowed.contains(name)) {
        throw fault(where + "." + Problem.clip(name), "is unknown; allowed are " + String.join(", ", allowed));
      }
    });
  }

  private static <E extends Enum<E>> E oneOf(JsonNode node, Class<E> type, String where, @Nullable E absent) {
    if (absent(node) && absent != null) {
      return absent;
    }
    List<String> allowed = new ArrayList<>();
    for (E value : type.getEnumConstants()) {
      String name = value.name().toLowerCase(Locale.ROOT);
      if (node.isTextual() && node.textValue().equals(name)) {
        return value;
      }
      allowed.add(name);
    }
    throw fault(where, (absent(node) ? "is missing" : "= " + Problem.clip(node.asText())) + "; allowed are " + String.join(", ", allowed));
  }

  /** Dollars to nano-dollars, exact. */
  static long nanos(JsonNode node, String where) {
    BigDecimal dollars = number(node, where);
    if (dollars.signum() < 0 || dollars.compareTo(MOST) > 0) {
      throw fault(where, "= " + Problem.clip(dollars.toString()) + " must be from 0 to " + MOST.toPlainString() + " USD");
    }
    if (dollars.stripTrailingZeros().scale() > 9) {
      throw fault(where, "= " + Problem.clip(dollars.toPlainString()) + " is finer than a nano-dollar (nine decimals)");
    }
    return dollars.movePointRight(9).longValueExact();
  }

  private static BigDecimal number(JsonNode node, String where) {
    boolean finite = node.isNumber() && (!(node.isDouble() || node.isFloat()) || Double.isFinite(node.doubleValue()));
    if (!finite) {
      throw fault(where, (absent(node) ? "is missing" : "= " + Problem.clip(node.asText())) + "; it must be a number");
    }
    return node.decimalValue();
  }

  static boolean absent(JsonNode node) {
    return node.isMissingNode() || node.isNull();
  }

  private static Fault fault(String place, String what) {
    return new Fault(place, what);
  }
}
