package io.dromedary;

import io.dromedary.alert.AlertSink;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/** The settings under {@code dromedary.alerts}: where alerts may go. URIs hold secrets and decide whom we call, so they stand here, from the environment and fixed at the start, and not in the rules, which can be reloaded. */
@ConfigurationProperties("dromedary.alerts")
record AlertSettings(@DefaultValue Map<String, Sink> sinks, @DefaultValue("15000") long everyMs) {
  AlertSettings {
    sinks.forEach((name, sink) -> {
      if (!name.matches("[a-z0-9][a-z0-9._-]{0,62}")) {
        throw new IllegalArgumentException("dromedary.alerts.sinks." + name + ": a name is 1 to 63 of a-z, 0-9, `.`, `_`, `-`");
      }
      sink.kind(name);
    });
    if (everyMs < 1_000 || everyMs > 3_600_000) {
      throw new IllegalArgumentException("dromedary.alerts.every-ms = " + everyMs + ": must be from 1000 to 3600000");
    }
  }

  record Sink(@DefaultValue("") String uri, @DefaultValue("json") String format) {
    AlertSink.Format kind(String name) {
      try {
        return AlertSink.Format.valueOf(format.toUpperCase(Locale.ROOT));
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException("dromedary.alerts.sinks." + name + ".format = " + format + ": must be json or slack", e);
      }
    }

    @Override
    public String toString() {
      return "Sink[" + (uri.isBlank() ? "none" : "***") + ", " + format + "]";
    }
  }

  /** Those that have a URI: one whose URI is empty, as from a variable that is not set, is known and gets nothing. */
  List<AlertSink> active() {
    return sinks.entrySet().stream().filter(sink -> !sink.getValue().uri().isBlank()).map(sink -> new AlertSink(sink.getKey(), outbox(sink.getKey()), sink.getValue().kind(sink.getKey()))).toList();
  }

  /** Their URIs by the names that the outbox has for them. */
  Map<String, String> uris() {
    Map<String, String> uris = new LinkedHashMap<>();
    active().forEach(sink -> uris.put(sink.outbox(), sinks.get(sink.name()).uri().strip()));
    return uris;
  }

  private static String outbox(String name) {
    return "alert:" + name;
  }
}
