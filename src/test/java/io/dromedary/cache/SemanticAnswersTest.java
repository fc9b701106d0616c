package io.dromedary.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import io.dromedary.provider.local.MiniLm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Questions in other words, with the real vectors. */
@Tag("C2")
class SemanticAnswersTest {
  private static final double THRESHOLD = 0.80;
  private static MiniLm model;
  private static SemanticAnswers answers;

  @TempDir static Path dir;

  @BeforeAll
  static void load() {
    model = new MiniLm(1, dir.resolve("native"));
    answers = made(null);
  }

  private static SemanticAnswers made(Path file) {
    SemanticRules everybody = new SemanticRules() {
      @Override
      public boolean allows(Caller caller) {
        return true;
      }

      @Override
      public double threshold(Caller caller) {
        return THRESHOLD;
      }
    };
    return new SemanticAnswers(model::vector, everybody, new SemanticAnswers.Settings(1 << 20, Duration.ofDays(7), 1_000, 1, Duration.ofSeconds(10), file), Clock.systemUTC());
  }

  @AfterAll
  static void unload() {
    answers.close();
    model.close();
  }

  private record Pair(String a, String b) {}

  private static List<Pair> pairs(String name) throws IOException {
    List<Pair> pairs = new ArrayList<>();
    for (String line : Files.readAllLines(Path.of("src/test/resources/semantic", name))) {
      String[] both = line.split(" \\| ");
      pairs.add(new Pair(both[0], both[1]));
    }
    return pairs;
  }

  private static ChatRequest request(String text, String... more) throws IOException {
    return new ChatRequest("r", io.dromedary.testing.Gateway.request("openai/gpt-4o", text, more), Map.of(), Instant.now(), Instant.now().plusSeconds(60));
  }

  private static CachedAnswer answer(String project, String body) {
    return new CachedAnswer(project, Json.bytes(Json.object().put("text", body)), Usage.NONE, "openai/gpt-4o", "openai", Usd.of("0.01"), Instant.now());
  }

  private static boolean hits(String stored, String asked) {
    return answers.verdict(stored, asked).same(THRESHOLD);
  }

  @Test
  void a_hundred_pairs_that_differ_in_one_number_name_negation_date_or_unit_are_no_hits() throws IOException {
    List<Pair> pairs = pairs("contrasts.txt");
    assertThat(pairs).hasSizeGreaterThanOrEqualTo(100);
    assertThat(pairs).noneMatch(pair -> hits(pair.a(), pair.b()));
    assertThat(pairs).noneMatch(pair -> hits(pair.b(), pair.a()));
  }

  @Test
  void most_questions_in_other_words_are_hits() throws IOException {
    List<Pair> pairs = pairs("paraphrases.txt");
    List<Pair> missed = pairs.stream().filter(pair -> !hits(pair.a(), pair.b())).toList();
    missed.forEach(pair -> System.out.println(pair + " " + answers.verdict(pair.a(), pair.b())));
    assertThat(pairs.size() - missed.size()).as("of %s", pairs.size()).isGreaterThanOrEqualTo(pairs.size() * 3 / 4);
  }
}
