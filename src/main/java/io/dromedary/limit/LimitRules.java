package io.dromedary.limit;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Problem;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * The windows of a {@code limits} node, read strictly (M4): a limit with a mistake in it is refused with place, value and what is allowed, never left out.
 *
 * <pre>
 * limits:
 *   windows:
 *     - {per: minute, requests: 600, burst: 100}
 *     - {per: day, tokens: 1000000, for: user}
 *     - {concurrent: 8, for: key}
 *     - {per: minute, requests: 60, for: model, models: ["openai/gpt-4o"]}
 * </pre>
 */
public final class LimitRules {
  /** The largest limit that is taken for a meant one. */
  private static final long MOST_A_SECOND = 1_000_000_000L;
  private static final long MOST = 10_000_000_000L;
  private static final long MOST_AT_ONCE = 10_000;
  private static final int MOST_WINDOWS = 32;
  private static final Set<String> FIELDS = new TreeSet<>(Set.of("per", "requests", "tokens", "concurrent", "burst", "for", "models"));

  /** Of the {@code limits} node; {@code in-flight} and {@code priority} are read elsewhere. */
  private static final Set<String> KEYS = new TreeSet<>(Set.of("in-flight", "priority", "windows"));

  static final LimitRules NONE = new LimitRules();

  /** A gauge that counts for some models, each apart; for all when none is named. */
  record ModelGauge(Set<String> models, Gauge gauge) {
    boolean counts(String model) {
      return models.isEmpty() || models.contains(model);
    }
  }

  private final Map<Scope, List<Gauge>> gauges = new EnumMap<>(Scope.class);
  private final List<ModelGauge> byModel = new ArrayList<>();

  private LimitRules() {}

  List<Gauge> of(Scope scope) {
    return gauges.getOrDefault(scope, List.of());
  }

  List<ModelGauge> byModel() {
    return byModel;
  }

  boolean isEmpty() {
    return gauges.isEmpty() && byModel.isEmpty();
  }

  /**
   * The rules of a project.
   *
   * @param limits the {@code limits} node; a missing one has no windows
   * @throws IllegalArgumentException with all that is wrong
   */
  public static LimitRules ofProject(JsonNode limits, Predicate<String> knownModel) {
    return told("", faults -> read(limits, false, knownModel, faults));
  }

  /** The rules of one key; all its windows count for the key. */
  public static LimitRules ofKey(JsonNode limits, Predicate<String> knownModel) {
    return told("", faults -> read(limits, true, knownModel, faults));
  }

  /** The rules of a provider account, from a list of windows. @throws IllegalArgumentException with all that is wrong, below {@code where} */
  public static LimitRules ofAccount(String where, JsonNode windows, Predicate<String> knownModel) {
    return told(where, faults -> read(windows, Scope.ACCOUNT, Set.of(Scope.ACCOUNT, Scope.MODEL), knownModel, faults));
  }

  /**
   * Says all that is wrong in a {@code limits} node.
   *
   * @param faults takes the place below {@code limits} and what is wrong there
   */
  public static void check(JsonNode limits, boolean ofKey, Predicate<String> knownModel, BiConsumer<String, String> faults) {
    read(limits, ofKey, knownModel, faults);
  }

  private static LimitRules told(String where, Function<BiConsumer<String, String>, LimitRules> reading) {
    List<String> faults = new ArrayList<>();
    LimitRules rules = reading.apply((place, what) -> faults.add(where + place + " " + what));
    if (!faults.isEmpty()) {
      throw new IllegalArgumentException(String.join("; ", faults));
    }
    return rules;
  }

  private static LimitRules read(JsonNode limits, boolean ofKey, Predicate<String> knownModel, BiConsumer<String, String> faults) {
    if (ofKey && !limits.isMissingNode() && !limits.isNull() && !limits.isObject()) {
      faults.accept("", "must be a map such as {windows: [{per: minute, requests: 600}]}");
    }
    Set<String> known = ofKey ? Set.of("windows") : KEYS;
    limits.fieldNames().forEachRemaining(name -> {
      if (!known.contains(name)) {
        faults.accept("." + Problem.clip(name), "is unknown; allowed: " + String.join(", ", known));
      }
    });
    JsonNode priority = limits.path("priority");
    if (!priority.isMissingNode() && !priority.asText().equals("interactive") && !priority.asText().equals("batch")) {
      faults.accept(".priority", "= " + Problem.clip(priority.asText()) + ": allowed: interactive, batch");
    }
    return ofKey ? read(limits.path("windows"), Scope.KEY, Set.of(Scope.KEY), knownModel, faults)
        : read(limits.path("windows"), Scope.PROJECT, Set.of(Scope.PROJECT, Scope.KEY, Scope.USER, Scope.MODEL), knownModel, faults);
  }

  private static LimitRules read(JsonNode windows, Scope usual, Set<Scope> allowed, Predicate<String> knownModel, BiConsumer<String, String> faults) {
    if (windows.isMissingNode() || windows.isNull()) {
      return NONE;
    }
    Reader reader = new Reader(usual, allowed, knownModel, faults);
    reader.read(windows);
    return reader.rules;
  }

  private static final class Reader {
    final LimitRules rules = new LimitRules();
    private final BiConsumer<String, String> faults;
    /** How many there are so far. */
    private int faulty;
    private final Scope usual;
    private final Set<Scope> allowed;
    private final Predicate<String> knownModel;

    Reader(Scope usual, Set<Scope> allowed, Predicate<String> knownModel, BiConsumer<String, String> faults) {
      this.faults = faults;
      this.usual = usual;
      this.allowed = allowed;
      this.knownModel = knownModel;
    }

    void read(JsonNode windows) {
      if (!windows.isArray() || windows.size() > MOST_WINDOWS) {
        faults.accept(".windows", "must be a list of at most " + MOST_WINDOWS + " windows such as {per: minute, requests: 600}");
        return;
      }
      for (int i = 0; i < windows.size(); i++) {
        window(".windows[" + i + "]", windows.get(i));
      }
    }

    private void fault(String path, JsonNode value, String what) {
      faulty++;
      faults.accept(path, (value.isMissingNode() ? "is missing" : "= " + Problem.clip(value.isValueNode() ? value.asText() : value.toString())) + ": " + what);
    }

    private void twice(String path, String what) {
      faulty++;
      faults.accept(path, what);
    }

    private void window(String path, JsonNode window) {
      if (!window.isObject()) {
        fault(path, window, "must be a window such as {per: minute, requests: 600}");
        return;
      }
      int before = faulty;
      window.fieldNames().forEachRemaining(name -> {
        if (!FIELDS.contains(name)) {
          fault(path + "." + Problem.clip(name), window.get(name), "is unknown; allowed: " + String.join(", ", FIELDS));
        }
      });
      Scope scope = scope(path, window.path("for"), window.has("models"));
      Set<String> models = models(path, window.path("models"), scope);
      boolean counted = window.has("requests") || window.has("tokens");
      if (window.has("concurrent") == counted) {
        fault(path, window, "wants requests or tokens (with per), or concurrent alone");
        return;
      }
      if (window.has("concurrent")) {
        if (window.has("per") || window.has("burst")) {
          fault(path, window, "concurrent knows neither per nor burst");
        }
        long most = number(path + ".concurrent", window.path("concurrent"), MOST_AT_ONCE);
        if (faulty == before) {
          add(path, scope, models, Gauge.atOnce(most));
        }
        return;
      }
      Gauge.Period per = period(path + ".per", window.path("per"));
      long most = per == Gauge.Period.SECOND ? MOST_A_SECOND : MOST;
      if (window.has("burst") && window.has("requests") && window.has("tokens")) {
        fault(path, window, "burst wants requests or tokens, not both: write two windows");
      }
      for (Gauge.Unit unit : new Gauge.Unit[] {Gauge.Unit.REQUESTS, Gauge.Unit.TOKENS}) {
        String name = unit.name().toLowerCase(Locale.ROOT);
        if (!window.has(name)) {
          continue;
        }
        long limit = number(path + "." + name, window.path(name), most);
        long burst = window.has("burst") ? number(path + ".burst", window.path("burst"), Math.max(1, limit)) : 0;
        if (faulty == before) {
          add(path, scope, models, Gauge.window(unit, per, limit));
          if (burst > 0 && burst < limit) {
            add(path, scope, models, Gauge.burst(unit, per, limit, burst));
          }
        }
      }
    }

    private void add(String path, Scope scope, Set<String> models, Gauge gauge) {
      if (scope == Scope.MODEL) {
        for (ModelGauge other : rules.byModel) {
          if (other.gauge().id().equals(gauge.id()) && (other.models().isEmpty() || models.isEmpty() || other.models().stream().anyMatch(models::contains))) {
            twice(path, "there is another window of " + gauge.id() + " for the same model; one must go");
            return;
          }
        }
        rules.byModel.add(new ModelGauge(models, gauge));
        return;
      }
      List<Gauge> all = rules.gauges.computeIfAbsent(scope, s -> new ArrayList<>(2));
      if (all.stream().anyMatch(other -> other.id().equals(gauge.id()))) {
        twice(path, "there is another window of " + gauge.id() + " for the same " + scope.word() + "; one must go");
        return;
      }
      all.add(gauge);
    }

    private Scope scope(String path, JsonNode node, boolean models) {
      if (node.isMissingNode()) {
        return models ? Scope.MODEL : usual;
      }
      for (Scope scope : allowed) {
        if (scope.word().equals(node.asText())) {
          return scope;
        }
      }
      fault(path + ".for", node, "allowed: " + allowed.stream().map(Scope::word).sorted().collect(Collectors.joining(", ")));
      return usual;
    }

    private Set<String> models(String path, JsonNode node, Scope scope) {
      if (node.isMissingNode()) {
        return Set.of();
      }
      Set<String> models = new TreeSet<>();
      if (scope != Scope.MODEL || !allowed.contains(Scope.MODEL) || !node.isArray() || node.isEmpty()) {
        fault(path + ".models", node, "must be a list of models, in a window that counts for: model");
        return models;
      }
      for (JsonNode model : node) {
        if (!model.isTextual() || !knownModel.test(model.textValue())) {
          fault(path + ".models", model, "is not in the catalogue (config/models.yaml): write provider/model");
        }
        models.add(model.asText());
      }
      return models;
    }

    private Gauge.Period period(String path, JsonNode node) {
      for (Gauge.Period period : Gauge.Period.values()) {
        if (period.word().equals(node.asText())) {
          return period;
        }
      }
      fault(path, node, "allowed: second, minute, hour, day");
      return Gauge.Period.MINUTE;
    }

    private long number(String path, JsonNode node, long most) {
      if (!node.isIntegralNumber() || !node.canConvertToLong() || node.longValue() < 1 || node.longValue() > most) {
        fault(path, node, "must be a whole number from 1 to " + most);
        return 1;
      }
      return node.longValue();
    }
  }

  /** Both together: a project's own and its key's. */
  static LimitRules joined(LimitRules project, LimitRules key) {
    if (key.isEmpty()) {
      return project;
    }
    LimitRules both = new LimitRules();
    project.gauges.forEach((scope, gauges) -> both.gauges.put(scope, new ArrayList<>(gauges)));
    both.byModel.addAll(project.byModel);
    // A key's own windows go before the project's for all keys.
    List<Gauge> own = key.of(Scope.KEY);
    Collection<String> named = own.stream().map(Gauge::id).toList();
    List<Gauge> keys = new ArrayList<>(own);
    project.of(Scope.KEY).stream().filter(gauge -> !named.contains(gauge.id())).forEach(keys::add);
    both.gauges.put(Scope.KEY, keys);
    return both;
  }
}
