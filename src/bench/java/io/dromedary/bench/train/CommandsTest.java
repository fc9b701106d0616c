package io.dromedary.bench.train;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dromedary.complexity.LearnedModel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands that train, replay and calibrate, end to end on made files. Run by {@code mvn -Pbench test -Dtest=CommandsTest}. */
class CommandsTest {
  @TempDir
  static Path dir;
  static Path prompts;
  static Path trained;
  static String said;

  @FunctionalInterface
  interface Command {
    void run(String[] args) throws IOException;
  }

  static String run(Command command, String... args) throws IOException {
    PrintStream before = System.out;
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    System.setOut(new PrintStream(out, true, UTF_8));
    try {
      command.run(args);
    } finally {
      System.setOut(before);
    }
    return out.toString(UTF_8);
  }

  @BeforeAll
  static void train() throws IOException {
    StringBuilder log = new StringBuilder();
    StringBuilder asked = new StringBuilder();
    for (int i = 0; i < 120; i++) {
      boolean hard = i % 2 == 0;
      String prompt = hard ? "Which stamp is number " + i : "Name a colour that is seen in flag number " + i;
      log.append("{\"id\":\"").append(i).append("\",\"prompt\":\"").append(prompt).append("\",\"weak\":").append(hard ? 0 : 1).append(",\"strong\":1}\n");
      asked.append("{\"id\":\"p,").append(i).append("\",\"prompt\":\"").append(prompt).append("\"}\n");
    }
    Path outcomes = Files.writeString(dir.resolve("outcomes.jsonl"), log);
    prompts = Files.writeString(dir.resolve("prompts.jsonl"), asked);
    trained = dir.resolve("own.bin");
    said = run(TrainRouter::main, "--log=" + outcomes, "--minilm=false", "--out=" + trained);
  }

  @Test
  void training_on_a_log_of_outcomes_writes_a_router_that_beats_the_shipped_one_there() throws IOException {
    assertThat(LearnedModel.read(Files.newInputStream(trained)).quality()).as("kept from the shipped file").isNotNull();
    assertThat(figure("trained on them")).isGreaterThan(0.7).isGreaterThan(figure("as shipped"));
  }

  static double figure(String name) {
    return said.lines().filter(line -> line.startsWith(name)).mapToDouble(line -> Double.parseDouble(line.substring(name.length()).strip())).findFirst().orElseThrow();
  }

  @Test
  void replay_writes_a_score_per_prompt_and_calibrate_finds_the_threshold_for_a_share_of_them() throws IOException {
    Path scores = dir.resolve("scores.csv");
    run(Replay::main, "--in=" + prompts, "--out=" + scores, "--router=" + trained);
    List<String> lines = Files.readAllLines(scores);
    assertThat(lines).hasSize(121).startsWith("id,score");
    assertThat(lines.get(1)).startsWith("\"p,0\",0.");
    String fromScores = run(Calibrate::main, "--share=0.3", "--scores=" + scores);
    assertThat(fromScores).startsWith("120 scores by learned").contains("30.0 %", "router-learned-0.");
    assertThat(run(Calibrate::main, "--share=0.3", "--in=" + prompts, "--router=" + trained)).isEqualTo(fromScores);
  }

  @Test
  void a_wrong_line_is_named_and_no_half_of_a_result_is_left() throws IOException {
    Path out = dir.resolve("never.csv");
    for (var wrong : Map.of("{\"prompt\":\"hi\"}", "an `id` is wanted", "{\"id\":\"a\",\"prompt\":\"again\"}", "`a` was met before", "{\"id\":\"b\"}", "`prompt` is wanted", "hello", "no JSON", "{\"id\":\"b\",\"prom", "no JSON").entrySet()) {
      Path in = Files.writeString(dir.resolve("wrong.jsonl"), "{\"id\":\"a\",\"prompt\":\"\"}\n\n" + wrong.getKey() + "\n");
      assertThatThrownBy(() -> Replay.main(new String[] {"--in=" + in, "--out=" + out, "--router=" + trained})).isInstanceOf(IOException.class).hasMessageContainingAll("wrong.jsonl, line 3: ", wrong.getValue());
    }
    Path tooLong = Files.writeString(dir.resolve("long.jsonl"), "{\"id\":\"a\",\"prompt\":\"" + "word ".repeat(200_000) + "\"}\n");
    assertThatThrownBy(() -> Replay.main(new String[] {"--in=" + tooLong, "--out=" + out, "--router=" + trained, "--models=src/bench/nine-models.yaml", "--settings=0"})).hasMessageContainingAll("long.jsonl, line 1: ", "reads 128000 tokens");
    assertThat(dir).isDirectoryNotContaining(file -> file.getFileName().toString().startsWith("never.csv"));
    Path nothing = Files.writeString(dir.resolve("nothing.jsonl"), "\n");
    assertThatThrownBy(() -> Replay.main(new String[] {"--in=" + nothing, "--out=" + out, "--router=" + trained})).hasMessageContaining("has no prompts");
    assertThatThrownBy(() -> Replay.main(new String[] {"--in=" + prompts, "--out=" + out, "--router=" + dir.resolve("none.bin")})).hasMessageContaining("does not exist");
  }

  @Test
  void replay_writes_to_the_standard_output_when_asked_to() throws IOException {
    Path in = Files.writeString(dir.resolve("one.jsonl"), "{\"id\":1,\"prompt\":\"hi\"}\n");
    assertThat(run(Replay::main, "--in=" + in, "--out=-", "--router=" + trained)).startsWith("id,score\n1,0.").hasLineCount(2);
  }

  @Test
  void a_share_or_a_position_of_the_knob_outside_0_to_1_is_refused_before_anything_is_scored() {
    for (String wrong : List.of("2", "-0.1", "NaN", "half", "0.3,")) {
      assertThatThrownBy(() -> Calibrate.main(new String[] {"--share=" + wrong, "--in=" + prompts})).isInstanceOf(IllegalArgumentException.class).hasMessageContainingAll("--share=" + wrong, "no number from 0 to 1");
      assertThatThrownBy(() -> Replay.main(new String[] {"--in=" + prompts, "--out=" + dir.resolve("never.csv"), "--settings=" + wrong})).hasMessageContaining("--settings=" + wrong);
    }
  }

  @Test
  void training_says_what_is_wrong_with_its_data() throws IOException {
    Path folder = Files.createDirectories(dir.resolve("folder"));
    String[] there = {folder.toString(), "--minilm=false", "--out=" + dir.resolve("never.bin")};
    assertThatThrownBy(() -> TrainRouter.main(there)).hasMessageContainingAll("has no pairs_dev.jsonl.gz", "--log=FILE");
    Path file = Files.writeString(folder.resolve("pairs_dev.jsonl.gz"), "no gzip");
    assertThatThrownBy(() -> TrainRouter.main(there)).isInstanceOf(IOException.class).hasMessageContainingAll("pairs_dev.jsonl.gz", "not gzipped");
    String row = "{\"id\":\"%s\",\"benchmark\":\"b\",\"fold\":0,\"prompt\":\"hi\",\"weak\":0,\"strong\":%s}\n";
    gzip(file, row.formatted("a", 1) + row.formatted("b", 2));
    assertThatThrownBy(() -> TrainRouter.main(there)).hasMessageContainingAll("line 2", "`strong` must be a number from 0 to 1, not 2");
    gzip(file, row.formatted("a", 1) + row.formatted("b", 1));
    assertThatThrownBy(() -> TrainRouter.main(there)).hasMessageContaining("at least 2 folds and 20 examples, not 1 and 2");
    assertThatThrownBy(() -> TrainRouter.main(new String[] {"--seed=first"})).hasMessageContaining("--seed=first: a whole number is wanted");
  }

  static void gzip(Path file, String text) throws IOException {
    try (GZIPOutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
      out.write(text.getBytes(UTF_8));
    }
  }

  @Test
  void replay_chooses_a_model_for_each_position_of_the_knob() throws IOException {
    Path choices = dir.resolve("choices.csv");
    run(Replay::main, "--in=" + prompts, "--out=" + choices, "--models=src/bench/nine-models.yaml", "--settings=0,1");
    List<String> lines = Files.readAllLines(choices);
    assertThat(lines).hasSize(241).startsWith("id,setting,model");
    assertThat(lines.stream().filter(line -> line.contains(",1.0,")).map(line -> line.substring(line.lastIndexOf(',') + 1)).distinct()).as("the cheapest when only cost counts").hasSize(1);
  }

  @Test
  void calibrate_reads_the_scores_that_a_ledger_recorded() throws Exception {
    Path state = Files.createDirectories(dir.resolve("state"));
    try (Connection connection = DriverManager.getConnection("jdbc:h2:" + state.toAbsolutePath() + "/ledger", "sa", ""); Statement sql = connection.createStatement()) {
      sql.execute("CREATE TABLE dromedary_requests (score DOUBLE, reason VARCHAR(200))");
      for (int i = 0; i < 10; i++) {
        sql.execute("INSERT INTO dromedary_requests VALUES (" + i / 10.0 + ", 'tier SIMPLE by learned'), (1, 'tier EXPERT by keywords')");
      }
    }
    assertThat(run(Calibrate::main, "--share=0.2", "--ledger=" + state)).startsWith("10 scores by learned").contains("0.80000", "router-learned-0.80000");
    assertThatThrownBy(() -> Calibrate.main(new String[] {"--share=0.2", "--ledger=" + dir.resolve("nowhere")})).isInstanceOf(IOException.class).hasMessageContaining("cannot be read as a ledger");
  }

  @Test
  void a_sentence_vector_is_made_once_and_a_cut_off_one_is_dropped() throws Exception {
    Path cache = dir.resolve("vectors.bin");
    ByteBuffer entry = ByteBuffer.allocate(16 + 4 * LearnedModel.VECTOR).put(Arrays.copyOf(MessageDigest.getInstance("SHA-256").digest("hello".getBytes(UTF_8)), 16)).putFloat(0.5f);
    Files.write(cache, entry.array());
    Files.write(cache, new byte[] {1, 2, 3}, StandardOpenOption.APPEND);
    assertThat(VectorCache.of(List.of("hello", "hello"), cache)).hasSize(2).allSatisfy(vector -> assertThat(vector[0]).isEqualTo(0.5f));
    assertThat(Files.size(cache)).isEqualTo(entry.capacity());
  }
}
