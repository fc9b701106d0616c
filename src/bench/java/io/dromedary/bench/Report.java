package io.dromedary.bench;

import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What the run found: a row per scenario and target, and figures held against the floor and the goal that the job names. Prints text, keeps JSON. */
final class Report {
  /** A scenario of one target. NaN: not measured. {@code cpu} is milliseconds per request, or per 1,000 chunks where {@code perChunks}. */
  record Row(String scenario, String target, double perSecond, double p50, double p99, double p999, long ok, long failed, double cpu, boolean perChunks, double rssMib, int threads, int gcs, String note) {}

  /** A figure with its bars; {@code NaN} bars: for information. */
  record Figure(String name, double value, String unit, double floor, double goal, boolean moreIsBetter) {
    String verdict() {
      if (Double.isNaN(value)) {
        return "not measured";
      }
      if (Double.isNaN(floor)) {
        return "";
      }
      boolean goalMet = moreIsBetter ? value >= goal : value <= goal;
      boolean floorMet = moreIsBetter ? value >= floor : value <= floor;
      return goalMet ? "GOAL" : floorMet ? "floor" : "BELOW";
    }
  }

  private final List<Row> rows = new ArrayList<>();
  private final List<Figure> figures = new ArrayList<>();

  void add(Row row) {
    rows.add(row);
    System.out.println(line(row));
  }

  void figure(String name, double value, String unit, double floor, double goal, boolean moreIsBetter) {
    figures.add(new Figure(name, value, unit, floor, goal, moreIsBetter));
  }

  /** NaN when it was not measured. */
  double perSecond(String scenario, String target) {
    return rows.stream().filter(row -> row.scenario.startsWith(scenario) && row.target.equals(target)).mapToDouble(Row::perSecond).findFirst().orElse(Double.NaN);
  }

  double cpu(String scenario, String target) {
    return rows.stream().filter(row -> row.scenario.startsWith(scenario) && row.target.equals(target)).mapToDouble(Row::cpu).findFirst().orElse(Double.NaN);
  }

  static void header() {
    System.out.printf("%-22s %-9s %10s %9s %9s %9s %8s %6s %12s %8s %8s %5s  %s%n", "scenario", "target", "per s", "p50 ms", "p99 ms", "p99.9", "ok", "errors", "CPU ms", "RSS MiB", "threads", "GCs", "note");
  }

  private static String line(Row row) {
    return String.format(Locale.ROOT, "%-22s %-9s %10s %9s %9s %9s %8d %6d %12s %8s %8s %5s  %s", row.scenario, row.target, number(row.perSecond, 0), number(row.p50, 2), number(row.p99, 2), number(row.p999, 2),
        row.ok, row.failed, number(row.cpu, row.perChunks ? 1 : 3) + (Double.isNaN(row.cpu) ? "" : row.perChunks ? "/1k ch" : "/req"), number(row.rssMib, 0), row.threads == 0 ? "-" : Integer.toString(row.threads),
        row.gcs < 0 ? "-" : Integer.toString(row.gcs), row.note);
  }

  private static String number(double value, int digits) {
    return Double.isNaN(value) ? "-" : String.format(Locale.ROOT, "%." + digits + "f", value);
  }

  void print() {
    System.out.println();
    System.out.printf("%-58s %12s %-10s %10s %10s  %s%n", "figure", "measured", "", "floor", "goal", "verdict");
    for (Figure figure : figures) {
      System.out.printf(Locale.ROOT, "%-58s %12s %-10s %10s %10s  %s%n", figure.name, number(figure.value, figure.value < 10 ? 3 : 0), figure.unit, bar(figure.floor), bar(figure.goal), figure.verdict());
    }
  }

  private static String bar(double value) {
    return Double.isNaN(value) ? "-" : java.math.BigDecimal.valueOf(value).stripTrailingZeros().toPlainString();
  }

  void write(Path file, Options options, String machine) throws IOException {
    ObjectNode json = Json.object();
    json.put("at", java.time.Instant.now().toString());
    json.put("machine", machine);
    ObjectNode used = json.putObject("options");
    options.all().forEach(used::put);
    ArrayNode list = json.putArray("rows");
    for (Row row : rows) {
      ObjectNode node = list.addObject();
      node.put("scenario", row.scenario).put("target", row.target);
      put(node, "per_second", row.perSecond);
      put(node, "p50_ms", row.p50);
      put(node, "p99_ms", row.p99);
      put(node, "p999_ms", row.p999);
      node.put("ok", row.ok).put("errors", row.failed);
      put(node, row.perChunks ? "cpu_ms_per_1000_chunks" : "cpu_ms_per_request", row.cpu);
      put(node, "rss_mib", row.rssMib);
      node.put("threads", row.threads).put("gcs", row.gcs).put("note", row.note);
    }
    ArrayNode found = json.putArray("figures");
    for (Figure figure : figures) {
      ObjectNode node = found.addObject();
      node.put("name", figure.name);
      put(node, "value", figure.value);
      node.put("unit", figure.unit);
      put(node, "floor", figure.floor);
      put(node, "goal", figure.goal);
      node.put("verdict", figure.verdict());
    }
    Files.write(file, Json.mapper().writer().with(SerializationFeature.INDENT_OUTPUT).writeValueAsBytes(json));
  }

  private static void put(ObjectNode node, String name, double value) {
    if (Double.isNaN(value)) {
      node.putNull(name);
    } else {
      node.put(name, Math.round(value * 10_000) / 10_000.0);
    }
  }
}
