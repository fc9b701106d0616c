package io.dromedary.bench;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The command line: {@code --name=value}, each with a default; {@code BENCH_NAME} in the environment stands in for a missing one. */
final class Options {
  private static final Map<String, String> DEFAULTS = new LinkedHashMap<>();

  static {
    DEFAULTS.put("scenarios", "open-streams,passthrough,cached,latency,streaming,first-chunk");
    DEFAULTS.put("seconds", "10");
    DEFAULTS.put("warmup", "60");
    DEFAULTS.put("connections", "64");
    DEFAULTS.put("rate", "250");
    DEFAULTS.put("stream-rate", "50");
    DEFAULTS.put("streams", "1000");
    DEFAULTS.put("prompt-chars", "240");
    DEFAULTS.put("jar", "target/dromedary-app.jar");
    DEFAULTS.put("java", Path.of(System.getProperty("java.home"), "bin", "java").toString());
    DEFAULTS.put("java-opts", "");
    DEFAULTS.put("gateway-args", "");
    DEFAULTS.put("gateway-env", "src/bench/gateway.env");
    DEFAULTS.put("gateway-url", "");
    DEFAULTS.put("gateway-pid", "");
    DEFAULTS.put("stand-in", "false");
    DEFAULTS.put("model", "openai/gpt-4o-mini");
    DEFAULTS.put("auto-model", "auto:balanced");
    DEFAULTS.put("nginx", "auto");
    DEFAULTS.put("wrk", "false");
    DEFAULTS.put("soak-minutes", "30");
    DEFAULTS.put("kill-requests", "3000");
    DEFAULTS.put("sink-requests", "3000");
    DEFAULTS.put("queue-requests", "20000");
    DEFAULTS.put("flood-rate", "2000");
    DEFAULTS.put("hung-sink", "");
    DEFAULTS.put("out", "target/bench");
  }

  private final Map<String, String> values = new LinkedHashMap<>(DEFAULTS);

  /** @throws IllegalArgumentException naming an unknown option and the known ones */
  Options(String[] args) {
    for (String name : DEFAULTS.keySet()) {
      String fromEnvironment = System.getenv("BENCH_" + name.toUpperCase(java.util.Locale.ROOT).replace('-', '_'));
      if (fromEnvironment != null) {
        values.put(name, fromEnvironment);
      }
    }
    for (String arg : args) {
      int equals = arg.indexOf('=');
      String name = arg.startsWith("--") ? arg.substring(2, equals < 0 ? arg.length() : equals) : "";
      if (!DEFAULTS.containsKey(name)) {
        throw new IllegalArgumentException("unknown option `" + arg + "`; known: --" + String.join("= --", DEFAULTS.keySet()) + "=");
      }
      values.put(name, equals < 0 ? "true" : arg.substring(equals + 1));
    }
  }

  String text(String name) {
    String value = values.get(name);
    if (value == null) {
      throw new IllegalArgumentException(name);
    }
    return value;
  }

  boolean flag(String name) {
    return text(name).equals("true");
  }

  int number(String name) {
    return Integer.parseInt(text(name));
  }

  double decimal(String name) {
    return Double.parseDouble(text(name));
  }

  List<String> words(String name) {
    return text(name).isBlank() ? List.of() : Arrays.asList(text(name).strip().split("\\s+"));
  }

  Set<String> scenarios() {
    return new LinkedHashSet<>(Arrays.asList(text("scenarios").split(",")));
  }

  Map<String, String> all() {
    return values;
  }
}
