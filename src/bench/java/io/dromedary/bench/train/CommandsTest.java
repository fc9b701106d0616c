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
