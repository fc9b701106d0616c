package io.dromedary.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.Usage;
import io.dromedary.chat.Usd;
import io.dromedary.provider.local.MiniLm;
import io.dromedary.testing.Gateway;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
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
    return new SemanticAnswers(SemanticAnswersTest::vector, everybody, new SemanticAnswers.Settings(1 << 20, Duration.ofDays(7), 1_000, 1, Duration.ofSeconds(10), file), Clock.systemUTC());
  }

  private static final Map<String, float[]> VECTORS = new ConcurrentHashMap<>();

  private static float[] vector(String text, Duration most) {
    return VECTORS.computeIfAbsent(text, t -> model.wholeVector(t, most));
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
    return new ChatRequest("r", Gateway.request("openai/gpt-4o", text, more), Map.of(), Instant.now(), Instant.now().plusSeconds(60));
  }

  private static CachedAnswer answer(String project, String body) {
    return new CachedAnswer(project, Json.bytes(Json.object().put("text", body)), Usage.NONE, "openai/gpt-4o", "openai", Usd.of("0.01"), Instant.now());
  }

  private static boolean hits(String stored, String asked) {
    return answers.verdict(stored, asked).same(THRESHOLD);
  }

  @Test
  void pairs_that_differ_in_one_number_name_negation_date_unit_or_direction_are_no_hits() throws IOException {
    List<Pair> pairs = pairs("contrasts.txt");
    assertThat(pairs).hasSizeGreaterThanOrEqualTo(400);
    assertThat(pairs).noneMatch(pair -> hits(pair.a(), pair.b()));
    assertThat(pairs).noneMatch(pair -> hits(pair.b(), pair.a()));
  }

  /** Who says it in other words may exchange a word; what is asked for may not be another thing for that. */
  @Test
  void another_thing_in_other_words_is_no_hit() throws IOException {
    assertThat(pairs("other-things.txt")).hasSize(30).noneMatch(pair -> hits(pair.a(), pair.b()) || hits(pair.b(), pair.a()));
  }

  /** One frame, two fillings: every kind of difference in several languages, the frames and the fillings made to fit. */
  @Test
  void whatever_the_frame_one_number_name_denial_date_or_unit_makes_another_question() {
    Map<String, List<String>> frames = Map.of(
        "number", List.of("How do I divide % apples among my friends?", "Wie viele Stunden sind % Tage?", "Combien coûtent % billets de train ?", "¿Cuánto cuestan % entradas de cine?", "Quanto costano % biglietti?"),
        "name", List.of("Where can I eat well in %?", "Wo wohnt die Familie % heute?", "Qui était le maire de % cette année ?", "¿Dónde nació la señora %?"),
        "denial", List.of("Should I % sell my house?", "Is it % allowed to park here?", "Can a cat % swim?", "Do they % want to come?"),
        "date", List.of("What is on at the theatre on %?", "Is the library open on %?", "Who was born on %?"),
        "unit", List.of("Is 12 % too much for a beginner?", "How should I imagine 40 %?", "Was sind 7 % auf Englisch?"));
    Map<String, List<String>> fillings = Map.of(
        "number", List.of("3", "4", "30", "33", "three hundred", "3.5"),
        "name", List.of("Meyer", "Okafor", "Lindqvist", "Petrov"),
        "denial", List.of("", "not", "never"),
        "date", List.of("Monday", "Sunday", "3 May", "5 May", "13 June 2021", "13 June 2022"),
        "unit", List.of("kg", "g", "miles", "km", "hours", "days", "%", "€", "$"));
    int pairs = 0;
    for (Map.Entry<String, List<String>> kind : frames.entrySet()) {
      List<String> all = fillings.get(kind.getKey());
      for (String frame : kind.getValue()) {
        for (int i = 0; i < all.size(); i++) {
          for (int j = i + 1; j < all.size(); j++) {
            String a = frame.replace("%", all.get(i)).replace("  ", " ");
            String b = frame.replace("%", all.get(j)).replace("  ", " ");
            // not and never deny alike
            if (!kind.getKey().equals("denial") || i == 0) {
              pairs++;
              assertThat(hits(a, b)).as("%s | %s", a, b).isFalse();
            }
          }
        }
      }
    }
    assertThat(pairs).isGreaterThanOrEqualTo(200);
  }

  @Test
  void most_questions_in_other_words_are_hits() throws IOException {
    List<Pair> pairs = pairs("paraphrases.txt");
    assertThat(pairs.stream().filter(pair -> hits(pair.a(), pair.b())).count()).as("of %s", pairs.size()).isGreaterThanOrEqualTo(pairs.size() * 93 / 100);
  }

  private static List<JsonNode> lines(String name) throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    for (String line : Files.readAllLines(Path.of("src/test/resources/semantic", name))) {
      lines.add(Json.read(line));
    }
    return lines;
  }

  /** Prompts of everyday topics, each asked again in one to three ways, among others of the same topics that nobody asks for. */
  @Test
  void who_asks_again_in_other_words_gets_the_answer_to_that_question_and_to_no_other() throws IOException {
    int asked = 0;
    int right = 0;
    try (SemanticRehearsal cache = new SemanticRehearsal(SemanticAnswersTest::vector, THRESHOLD)) {
      List<JsonNode> lines = lines("asked-again.jsonl");
      lines.forEach(line -> cache.store(line.path("stored").asText()));
      for (JsonNode line : lines) {
        if (line.has("asked")) {
          asked++;
          SemanticRehearsal.Judgement found = cache.ask(line.path("asked").asText());
          if (found != null && found.hit()) {
            assertThat(found.stored()).as(line.path("asked").asText()).isEqualTo(line.path("stored").asText());
            right++;
          }
        }
      }
    }
    assertThat(asked).isGreaterThan(240);
    assertThat(right).as("of %s", asked).isGreaterThan(asked * 85 / 100);
  }

  /** Questions as people ask them, and such that only look alike: whoever ranks by similarity finds the same ones first, and what is refused behind all hits. */
  @Test
  void similarity_ranks_what_is_the_same_before_what_only_looks_alike() throws IOException {
    record Ranked(double similarity, boolean same, boolean hit) {}
    List<Ranked> ranked = new ArrayList<>();
    for (JsonNode line : lines("hard.jsonl")) {
      SameQuestion.Verdict verdict = answers.verdict(line.path("a").asText(), line.path("b").asText());
      ranked.add(new Ranked(verdict.similarity(), line.path("label").asInt() == 1, verdict.same(THRESHOLD)));
      assertThat(verdict.refusedBy() == null || verdict.similarity() < SameQuestion.REFUSED).isTrue();
    }
    ranked.sort(Comparator.comparingDouble(Ranked::similarity).reversed());
    double precisions = 0;
    int same = 0;
    for (int i = 0; i < ranked.size(); i++) {
      same += ranked.get(i).same() ? 1 : 0;
      precisions += ranked.get(i).same() ? (double) same / (i + 1) : 0;
    }
    assertThat(precisions / same).as("average precision; by the cosine alone 0.61").isGreaterThan(0.95);
    assertThat(ranked.stream().filter(each -> each.hit() && !each.same()).count()).isLessThanOrEqualTo(2);
  }

  private static void keep(SemanticAnswers answers, String project, String text, String... more) throws IOException {
    ChatRequest request = request(text, more);
    answers.keep(answers.question(Caller.OPEN, project, request), CacheKey.of(project, request), answer(project, text));
  }

  private static boolean finds(SemanticAnswers answers, String project, String text, String... more) throws IOException {
    SemanticAnswers.Found found = answers.look(answers.question(Caller.OPEN, project, request(text, more)));
    return found != null && found.hit();
  }

  @Test
  void another_project_model_system_prompt_format_or_sampling_has_answers_of_its_own() throws IOException {
    keep(answers, "p", "How do I bake a cake?");
    assertThat(finds(answers, "p", "How can I bake a cake?")).isTrue();
    assertThat(finds(answers, "q", "How can I bake a cake?")).isFalse();
    assertThat(finds(answers, "p", "How can I bake a cake?", "{'model': 'openai/gpt-4o-mini'}")).isFalse();
    assertThat(finds(answers, "p", "How can I bake a cake?", "{'response_format': {'type': 'json_object'}}")).isFalse();
    assertThat(finds(answers, "p", "How can I bake a cake?", "{'max_tokens': 5}")).isFalse();
    assertThat(finds(answers, "p", "", "{'messages': [{'role': 'system', 'content': 'be brief'}, {'role': 'user', 'content': 'How can I bake a cake?'}]}")).isFalse();
  }

  @Test
  void conversations_tools_images_and_variety_take_no_part() throws IOException {
    for (String more : List.of("{'tools': [{'type': 'function', 'function': {'name': 'f'}}]}", "{'temperature': 1.5}", "{'n': 2}",
        "{'messages': [{'role': 'user', 'content': 'a question'}, {'role': 'assistant', 'content': 'b'}, {'role': 'user', 'content': 'and a question'}]}",
        "{'messages': [{'role': 'user', 'content': [{'type': 'image_url', 'image_url': {'url': 'data:,'}}]}]}")) {
      assertThat(answers.question(Caller.OPEN, "p", request("a question", more))).as(more).isNull();
    }
  }

  @Test
  @Tag("C3")
  void it_is_bounded_and_purged_by_project() throws IOException {
    SemanticAnswers small = made(null);
    for (int i = 0; i < 5; i++) {
      ChatRequest request = request("question number " + i);
      CachedAnswer large = new CachedAnswer("p", new byte[300_000], Usage.NONE, "openai/gpt-4o", "openai", Usd.ZERO, Instant.now());
      small.keep(small.question(Caller.OPEN, "p", request), CacheKey.of("p", request), large);
    }
    assertThat(small.stats().entries()).isLessThan(5);
    assertThat(small.purge(new AnswerCache.Purge("other", null, null, null))).isZero();
    assertThat(small.purge(new AnswerCache.Purge("p", null, null, null))).isPositive();
    assertThat(small.stats().entries()).isZero();
    assertThat(small.stats().partitions()).isZero();
  }

  @Test
  void it_outlives_a_restart_and_a_broken_file_loses_what_is_broken_and_no_more() throws IOException {
    Path file = dir.resolve("kept.bin");
    SemanticAnswers before = made(file);
    writeTwo(before);
    long whole = Files.size(file);
    byte[] bytes = Files.readAllBytes(file);

    SemanticAnswers after = made(file);
    await().atMost(Duration.ofSeconds(10)).until(() -> after.stats().entries() == 2);
    assertThat(finds(after, "p", "How can I bake a cake?")).isTrue();

    Files.write(file, Arrays.copyOf(bytes, (int) whole - 3));
    SemanticAnswers cut = made(file);
    await().atMost(Duration.ofSeconds(10)).until(() -> cut.stats().entries() == 1 && Files.size(file) < whole - 3);
    assertThat(finds(cut, "p", "How can I bake a cake?")).isTrue();

    bytes[40] ^= 1;
    Files.write(file, bytes);
    SemanticAnswers broken = made(file);
    await().atMost(Duration.ofSeconds(10)).until(() -> Files.size(file) < 100);
    assertThat(broken.stats().entries()).isZero();
  }

  private static void writeTwo(SemanticAnswers answers) throws IOException {
    keep(answers, "p", "How do I bake a cake?");
    keep(answers, "p", "Where is the Eiffel Tower?");
  }
}
