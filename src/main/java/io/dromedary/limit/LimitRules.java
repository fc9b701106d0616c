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
   * @param where file and key, for messages
   * @param limits the {@code limits} node; a missing one has no windows
   * @throws IllegalArgumentException with all that is wrong
   */
  public static LimitRules ofProject(String where, JsonNode limits, Predicate<String> knownModel) {
    return read(where, windows(where, limits), Scope.PROJECT, Set.of(Scope.PROJECT, Scope.KEY, Scope.USER, Scope.MODEL), knownModel);
  }

  /** The rules of one key; all its windows count for the key. */
  public static LimitRules ofKey(String where, JsonNode limits, Predicate<String> knownModel) {
    return read(where, windows(where, limits), Scope.KEY, Set.of(Scope.KEY), knownModel);
  }

  private static JsonNode windows(String where, JsonNode limits) {
    limits.fieldNames().forEachRemaining(name -> {
      if (!KEYS.contains(name)) {
        throw new IllegalArgumentException(where + "." + name + " is unknown; allowed: " + String.join(", ", KEYS));
      }
    });
    return limits.path("windows");
  }

  /** The rules of a provider account, from a list of windows. */
  public static LimitRules ofAccount(String where, JsonNode windows, Predicate<String> knownModel) {
    return read(where, windows, Scope.ACCOUNT, Set.of(Scope.ACCOUNT, Scope.MODEL), knownModel);
  }

  private static LimitRules read(String where, JsonNode windows, Scope usual, Set<Scope> allowed, Predicate<String> knownModel) {
    if (windows.isMissingNode() || windows.isNull()) {
      return NONE;
    }
    Reader reader = new Reader(where + ".windows", usual, allowed, knownModel);
    reader.read(windows);
    if (!reader.faults.isEmpty()) {
      throw new IllegalArgumentException(String.join("; ", reader.faults));
    }
    return reader.rules;
  }

  private static final class Reader {
    final LimitRules rules = new LimitRules();
    final List<String> faults = new ArrayList<>();
    private final String where;
    private final Scope usual;
    private final Set<Scope> allowed;
    private final Predicate<String> knownModel;

    Reader(String where, Scope usual, Set<Scope> allowed, Predicate<String> knownModel) {
      this.where = where;
      this.usual = usual;
      this.allowed = allowed;
      this.knownModel = knownModel;
    }

    void read(JsonNode windows) {
      if (!windows.isArray() || windows.size() > MOST_WINDOWS) {
        faults.add(where + " must be a list of at most " + MOST_WINDOWS + " windows such as {per: minute, requests: 600}");
        return;
      }
      for (int i = 0; i < windows.size(); i++) {
        window(where + "[" + i + "]", windows.get(i));
      }
    }

    private void fault(String path, JsonNode value, String what) {
      faults.add(path + (value.isMissingNode() ? " is missing" : " = " + Problem.clip(value.isValueNode() ? value.asText() : value.toString())) + ": " + what);
    }

    private void window(String path, JsonNode window) {
      if (!window.isObject()) {
        fault(path, window, "must be a window such as {per: minute, requests: 600}");
        return;
      }
      int before = faults.size();
      window.fieldNames().forEachRemaining(name -> {
        if (!FIELDS.contains(name)) {
          fault(path + "." + name, window.get(name), "is unknown; allowed: " + String.join(", ", FIELDS));
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
        if (faults.size() == before) {
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
        if (faults.size() == before) {
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
            faults.add(path + ": there is another window of " + gauge.id() + " for the same model; one must go");
            return;
          }
        }
        rules.byModel.add(new ModelGauge(models, gauge));
        return;
      }
      List<Gauge> all = rules.gauges.computeIfAbsent(scope, s -> new ArrayList<>(2));
      if (all.stream().anyMatch(other -> other.id().equals(gauge.id()))) {
        faults.add(path + ": there is another window of " + gauge.id() + " for the same " + scope.word() + "; one must go");
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
