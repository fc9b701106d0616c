package io.dromedary.bench.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * {@code src/bench/run calibrate --share=0.3}: the threshold of {@code router-<kind>-<threshold>} that sends that share of calls to the strong model. Scores come from prompts ({@code --in=FILE.jsonl}), from a replay's
 * {@code id,score} ({@code --scores=FILE.csv}) or from the ledger's recorded traffic ({@code --ledger=STATE_DIR or JDBC URL}).
 */
public final class Calibrate {
  private static final int MOST_ROWS = 1_000_000;
  private static final String ALLOWED = "--share=0.3[,0.5] and one of --in=prompts.jsonl, --scores=scores.csv, --ledger=state directory or JDBC URL; [--scorer=learned] [--minilm] [--router=FILE]";

  private Calibrate() {}

  /** @throws IOException if there is nothing to read */
  public static void main(String[] args) throws IOException {
    String in = "";
    String csv = "";
    String ledger = "";
    String kind = "learned";
    String router = "";
    String shares = "";
    boolean minilm = false;
    for (String arg : args) {
      String name = arg.contains("=") ? arg.substring(0, arg.indexOf('=')) : arg;
      String value = arg.substring(arg.indexOf('=') + 1);
      switch (name) {
        case "--in" -> in = value;
        case "--scores" -> csv = value;
        case "--ledger" -> ledger = value;
        case "--scorer" -> kind = value;
        case "--router" -> router = value;
        case "--share" -> shares = value;
        case "--minilm" -> minilm = !value.equals("false");
        default -> throw new IllegalArgumentException(name + " is not known; wanted: " + ALLOWED);
      }
    }
    if (shares.isEmpty() || in.isEmpty() && csv.isEmpty() && ledger.isEmpty()) {
      throw new IllegalArgumentException("wanted: " + ALLOWED);
    }
    double[] wanted = Rows.shares("--share", shares);
    double[] scores = !csv.isEmpty() ? ofCsv(Path.of(csv)) : !ledger.isEmpty() ? ofLedger(ledger, kind) : ofPrompts(Path.of(in), kind, minilm, router);
    if (scores.length == 0) {
      throw new IOException("there are no scores by `" + kind + "` in " + (ledger.isEmpty() ? in + csv : ledger));
    }
    System.out.printf(Locale.ROOT, "%d scores by %s%n share wanted  threshold  share reached  model name%n", scores.length, kind);
    for (double share : wanted) {
      double threshold = threshold(scores, share);
      long above = Arrays.stream(scores).filter(score -> score >= threshold).count();
      System.out.printf(Locale.ROOT, " %11.1f %%  %.5f    %9.1f %%  router-%s-%.5f%n", 100 * share, threshold, 100.0 * above / scores.length, kind, threshold);
    }
  }

  /** The highest of five decimals at which at least that share scores as much. */
  static double threshold(double[] scores, double share) {
    double[] sorted = scores.clone();
    Arrays.sort(sorted);
    int strong = (int) Math.ceil(share * sorted.length - 1e-9);
    return strong == 0 ? 1 : Math.floor(sorted[sorted.length - strong] * 100_000) / 100_000;
  }

  private static double[] ofPrompts(Path in, String kind, boolean minilm, String router) throws IOException {
    List<Double> scores = new ArrayList<>();
    try (Scoring scoring = new Scoring(kind, minilm, router)) {
      Rows.read(in, row -> scores.add(scoring.score(Scoring.request(row.path("id").asText("" + scores.size()), Rows.text(row, "prompt"))).score()));
    }
    return scores.stream().mapToDouble(Double::doubleValue).toArray();
  }

  private static double[] ofCsv(Path csv) throws IOException {
    List<Double> scores = new ArrayList<>();
    if (!Files.isRegularFile(csv)) {
      throw new IOException(csv + " does not exist");
    }
    List<String> lines = Files.readAllLines(csv);
    for (int i = 1; i < lines.size(); i++) {
      if (!lines.get(i).isBlank()) {
        String score = lines.get(i).substring(lines.get(i).lastIndexOf(',') + 1).strip();
        try {
          scores.add(Rows.shares("score", score)[0]);
        } catch (IllegalArgumentException e) {
          throw new IOException(csv + ", line " + (i + 1) + ": `" + score + "` is no score; wanted are the lines id,score that replay writes");
        }
      }
    }
    return scores.stream().mapToDouble(Double::doubleValue).toArray();
  }

  private static double[] ofLedger(String ledger, String kind) throws IOException {
    String url = ledger.startsWith("jdbc:") ? ledger : "jdbc:h2:" + Path.of(ledger).toAbsolutePath().normalize() + "/ledger;ACCESS_MODE_DATA=r;IFEXISTS=TRUE";
    List<Double> scores = new ArrayList<>();
    try (Connection connection = DriverManager.getConnection(url, url.startsWith("jdbc:h2:") ? "sa" : null, url.startsWith("jdbc:h2:") ? "" : null);
        PreparedStatement query = connection.prepareStatement("SELECT score FROM dromedary_requests WHERE reason LIKE ?")) {
      query.setMaxRows(MOST_ROWS);
      query.setString(1, "% by " + kind + "%");
      try (ResultSet rows = query.executeQuery()) {
        while (rows.next()) {
          scores.add(rows.getDouble(1));
        }
      }
    } catch (SQLException e) {
      throw new IOException(ledger + " cannot be read as a ledger (is its gateway stopped, or is it PostgreSQL's JDBC URL?): " + e.getMessage(), e);
    }
    return scores.stream().mapToDouble(Double::doubleValue).toArray();
  }
}
