package io.dromedary.complexity;

import static io.dromedary.complexity.ComplexityScorersTest.asking;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.Tier;
import io.dromedary.chat.ChatRequest;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import org.junit.jupiter.api.Test;

class LearnedScorerTest {
  static final LearnedScorer SHIPPED = LearnedScorer.load();
  static final String LETTERED = "Which of the following is a prime number?\nA. 4\nB. 6\nC. 7\nD. 9\nAnswer:";

  /** Made questions: those about integrals need the strong model, those about colours do not. */
  static List<RouterTraining.Example> made() {
    SplittableRandom random = new SplittableRandom(7);
    List<RouterTraining.Example> made = new ArrayList<>();
    for (int i = 0; i < 120; i++) {
      boolean hard = i % 2 == 0;
      String prompt = (hard ? "What is the integral of the polynomial x^" : "Name a colour of the flag number ") + random.nextInt(90) + (i % 3 == 0 ? "?" : "?\nA. one\nB. two\nC. three\nAnswer:");
      made.add(new RouterTraining.Example(prompt, hard && random.nextInt(10) > 1 ? 1 : 0, i % 5));
    }
    return made;
  }

  static byte[] shipped() throws IOException {
    try (InputStream file = LearnedScorerTest.class.getResourceAsStream(LearnedModel.RESOURCE)) {
      return file.readAllBytes();
    }
  }

  @Test
  void the_same_examples_and_seed_give_the_same_bytes_and_another_seed_others() {
    byte[] first = RouterTraining.train(made(), 3).model().bytes();
    assertThat(RouterTraining.train(made(), 3).model().bytes()).isEqualTo(first);
    assertThat(RouterTraining.train(made(), 4).model().bytes()).isNotEqualTo(first);
  }

  @Test
  void training_learns_what_needs_the_strong_model() {
    RouterTraining.Trained trained = RouterTraining.train(made(), 3);
    double hard = 0;
    double easy = 0;
    for (int i = 0; i < 120; i += 2) {
      hard += trained.outOfFold()[i] / 60;
      easy += trained.outOfFold()[i + 1] / 60;
    }
    assertThat(hard).isGreaterThan(easy + 0.3);
  }

  @Test
  void a_trained_model_scores_the_same_when_read_back() throws IOException {
    LearnedModel model = RouterTraining.train(made(), 3).model();
    LearnedScorer back = LearnedScorer.of(LearnedModel.read(new ByteArrayInputStream(model.bytes())));
    assertThat(back.score(LETTERED)).isEqualTo(LearnedScorer.of(model).score(LETTERED));
  }

  @Test
  void the_shipped_file_loads_with_its_calibration_and_stays_below_8_megabytes() throws IOException {
    assertThat(SHIPPED.problem()).isEmpty();
    assertThat(shipped()).hasSizeLessThan(8 << 20);
    LearnedModel model = LearnedModel.read(new ByteArrayInputStream(shipped()));
    assertThat(model.closed.y()).hasSizeGreaterThan(3).isSorted();
    assertThat(model.open.y()).hasSizeGreaterThan(1).isSorted();
  }

  @Test
  void a_broken_file_says_what_is_wrong_and_the_keywords_take_over() throws IOException {
    byte[] flipped = shipped();
    flipped[flipped.length / 2] ^= 1;
    assertThat(LearnedScorer.load(new ByteArrayInputStream(flipped)).problem()).contains("check sum");
    assertThat(LearnedScorer.load(new ByteArrayInputStream(Arrays.copyOf(flipped, 9))).problem()).contains("9 bytes");
    assertThat(LearnedScorer.load(new ByteArrayInputStream("a page of text, not weights".getBytes())).problem()).contains("another kind");
    LearnedScorer absent = LearnedScorer.load(null);
    assertThatThrownBy(() -> absent.score(LETTERED)).isInstanceOf(IllegalStateException.class);
    Complexity complexity = new ComplexityScorers(List.of(absent), () -> "learned").score(asking("auto", "Compare A and B"));
    assertThat(complexity.tier()).isEqualTo(Tier.COMPLEX);
    assertThat(complexity.signals()).containsEntry("fallback_from", "learned");
  }

  @Test
  void every_reason_is_a_trait_or_a_word_of_the_training_questions() {
    Complexity complexity = SHIPPED.score(asking("auto", "My secret zanzibarqux and Xavierowitsch: prove that the equation has no integer solution"));
    assertThat(complexity.signals()).containsEntry("form", "open").containsEntry("words", 13L);
    Map<?, ?> strongest = (Map<?, ?>) complexity.signals().get("strongest");
    assertThat(strongest.containsKey("length")).as("what an open question is scored by").isTrue();
    Map<?, ?> lettered = (Map<?, ?>) SHIPPED.score(asking("auto", LETTERED.replace("prime", "zanzibarqux"))).signals().get("strongest");
    assertThat(lettered).hasSize(5);
    assertThat(strongest.toString() + lettered).doesNotContain("zanzibar").doesNotContain("xavier");
  }

  @Test
  void longer_open_questions_score_higher() {
    String sentence = "Tell me how the people of the coast traded salt and gold with the towns beyond the desert. ";
    double last = -1;
    for (int times : new int[] {1, 3, 8, 20}) {
      double score = SHIPPED.score(sentence.repeat(times));
      assertThat(score).isGreaterThan(last);
      last = score;
    }
  }

  @Test
  void open_questions_rank_exactly_as_their_count_of_words() {
    List<String> open = List.of("Write a poem, please.", "Tell me, in 3 or 4 sentences, what the sea-side towns of Italy are famous for!", "Draft an e-mail to\nmy landlord -- about   the 2 broken windows.",
        "Who ruled France in 1700?", "I am a doctor. Describe how much rest a patient needs after 2 operations in 3 weeks, and why?", "\u201cHello\u201d (twice) + once more & that is all; what do you make of it?");
    Comparator<String> byWords = Comparator.comparingInt(prompt -> prompt.strip().split("\\s+").length);
    assertThat(open.stream().sorted(Comparator.comparingDouble(SHIPPED::score)).toList()).isEqualTo(open.stream().sorted(byWords).toList());
  }

  @Test
  void a_word_problem_is_told_by_two_numbers_and_a_question_for_a_quantity() {
    assertThat(new PromptReading("Ann has 3 apples and buys twice as many. How many apples does she have?").wordProblem).isTrue();
    assertThat(new PromptReading("A book costs $12 and a pen 3. What is the total cost?").wordProblem).isTrue();
    for (String other : List.of("How many people live in Rome?", "Write a story of 3 bears and 2 foxes. How many will they be?", "Let $x^2 = 4$ and $y = 3$. How many solutions are there?", "In 1990 and 1994, who won?", LETTERED)) {
      assertThat(new PromptReading(other).wordProblem).as(other).isFalse();
    }
  }

  @Test
  void code_and_maths_are_taken_to_need_more_than_other_open_questions_of_their_length() {
    double plain = SHIPPED.score("Tell me about the history of the old town");
    assertThat(SHIPPED.score("Write me a function to sort an old list")).isGreaterThan(plain);
    assertThat(SHIPPED.score("Find the largest prime that is below an hundred")).isGreaterThan(plain);
  }

  @Property
  void the_fast_exponential_is_right(@ForAll @DoubleRange(min = -80, max = 0) double power) {
    assertThat((double) Landmarks.exp((float) power)).isCloseTo(Math.exp((float) power), withinPercentage(0.001));
  }

  static RouterTraining.Data several() {
    List<RouterTraining.Scored> scored = made().stream().map(one -> new RouterTraining.Scored(one.prompt(), new double[] {1 - one.gain(), 0.9, one.gain()}, one.fold())).toList();
    return new RouterTraining.Data(made(), made().stream().map(one -> vector(one.gain() > 0.5)).toList(), List.of("plain", "all-round", "maths"), scored, null);
  }

  static float[] vector(boolean hard) {
    float[] vector = new float[LearnedModel.VECTOR];
    vector[hard ? 1 : 2] = 1;
    return vector;
  }

  @Test
  void it_knows_which_of_several_models_is_good_at_a_prompt_and_that_others_find_it_hard_too() throws IOException {
    RouterTraining.Trained trained = RouterTraining.train(several(), 3);
    LearnedScorer scorer = LearnedScorer.of(LearnedModel.read(new ByteArrayInputStream(trained.model().bytes())));
    QualityModel.Read integral = scorer.quality(asking("auto", "What is the integral of the polynomial x^12?"));
    QualityModel.Read colour = scorer.quality(asking("auto", "Name a colour of the flag number 12?"));
    assertThat(scorer.models().models()).containsExactly("plain", "all-round", "maths");
    assertThat(integral.of(2)).isGreaterThan(integral.of(0) + 0.2);
    assertThat(colour.of(0)).isGreaterThan(colour.of(2) + 0.3);
    assertThat(integral.of(0.7) > integral.of(0.6)).isTrue();
    assertThat(Math.signum(integral.of(0.5) - 0.5)).isEqualTo(Math.signum(integral.ease() * trained.model().quality().slope));
  }

  @Test
  void kinds_of_prompts_are_found_by_their_places_and_score_what_their_members_did() throws IOException {
    SplittableRandom random = new SplittableRandom(5);
    float[][] places = new float[90][];
    double[][] scores = new double[90][];
    for (int i = 0; i < 90; i++) {
      places[i] = new float[] {i % 3 + (float) random.nextDouble() / 4, (float) random.nextDouble() / 4};
      scores[i] = new double[] {i % 3 == 2 ? 1 : 0, 0.5};
    }
    Kinds kinds = Kinds.fit(places, scores, new int[] {3, 6}, 1);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    kinds.write(new DataOutputStream(bytes));
    Kinds back = Kinds.read(new DataInputStream(new ByteArrayInputStream(bytes.toByteArray())), 2, 2);
    double[] good = new double[2];
    double[] bad = new double[2];
    back.add(new float[] {2.1f, 0.1f}, good);
    back.add(new float[] {0.1f, 0.1f}, bad);
    assertThat(good[0]).as("what the members scored").isGreaterThan(0.75);
    assertThat(bad[0]).isLessThan(0.25);
    assertThat(good[1]).isCloseTo(0.5, within(1e-6));
    assertThatThrownBy(() -> Kinds.read(new DataInputStream(new ByteArrayInputStream(bytes.toByteArray())), 3, 2)).isInstanceOf(IOException.class).hasMessageContaining("width");
  }

  @Test
  void profiles_of_prompts_are_found_by_their_scores_where_places_alone_do_not_tell_them_apart() throws IOException {
    SplittableRandom random = new SplittableRandom(5);
    float[][] places = new float[200][];
    double[][] scores = new double[200][];
    for (int i = 0; i < 200; i++) {
      // the first coordinate spreads widest and says nothing; what tells is the second one
      boolean tells = random.nextBoolean();
      places[i] = new float[] {3 * (float) random.nextDouble(), (tells ? 0.3f : 0) + (float) random.nextDouble() / 5};
      scores[i] = new double[] {tells ? 1 : 0, 0.5};
    }
    Profiles profiles = Profiles.fit(places, scores, new int[] {2, 4}, 1);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    profiles.write(new DataOutputStream(bytes));
    Profiles back = Profiles.read(new DataInputStream(new ByteArrayInputStream(bytes.toByteArray())), 2, 2);
    double[] good = new double[2];
    double[] bad = new double[2];
    back.add(new float[] {1.5f, 0.4f}, good);
    back.add(new float[] {1.5f, 0.1f}, bad);
    assertThat(good[0]).isGreaterThan(0.75);
    assertThat(bad[0]).isLessThan(0.25);
    assertThat(good[1]).isCloseTo(0.5, within(1e-6));
    double[] far = new double[2];
    back.add(new float[] {1e30f, -1e30f}, far);
    assertThat(far[0]).as("a place far from all").isBetween(0.0, 1.0);
    assertThatThrownBy(() -> Profiles.read(new DataInputStream(new ByteArrayInputStream(bytes.toByteArray())), 3, 2)).isInstanceOf(IOException.class).hasMessageContaining("width");
  }

  @Test
  void a_word_problem_also_scores_by_what_sets_the_better_half_of_several_models_apart() {
    List<RouterTraining.Example> pairs = new ArrayList<>();
    List<RouterTraining.Scored> scored = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      boolean ferry = i % 2 == 0;
      String problem = (ferry ? "A ferry makes " : "A baker sells ") + (i + 2) + " trips or loaves in 3 days. How many are that in a year?";
      pairs.add(new RouterTraining.Example(problem, i % 3 == 0 ? 1 : 0, i % 5));
      scored.add(new RouterTraining.Scored(problem, new double[] {ferry ? 0 : 1, 1}, i % 5));
    }
    LearnedModel model = RouterTraining.train(new RouterTraining.Data(pairs, List.of(), List.of("worse", "better"), scored, null), 3).model();
    assertThat(model.openHalves(new PromptReading("A ferry makes 5 trips in 3 days"))).isGreaterThan(model.openHalves(new PromptReading("A baker sells 5 trips in 3 days")) + 0.3);
    assertThat(model.score(new PromptReading("The ferry has 5 cars and 3 bikes. How many are that?"))).isGreaterThan(model.score(new PromptReading("The baker has 5 cars and 3 bikes. How many are that?")));
  }

  @Test
  void a_sentence_vector_is_averaged_in_and_without_one_the_words_decide() {
    LearnedScorer words = LearnedScorer.of(RouterTraining.train(several(), 3).model());
    String prompt = "What is the integral of the polynomial x^12?\nA. one\nB. two\nC. three\nAnswer:";
    assertThat(words.with(text -> null).score(prompt)).isEqualTo(words.score(prompt));
    assertThat(words.with(text -> vector(true)).score(prompt)).isGreaterThan(words.with(text -> vector(false)).score(prompt));
    assertThat(words.with(text -> vector(true)).score(asking("auto", prompt)).signals()).containsEntry("minilm", true);
    assertThat(words.with(text -> null).score(asking("auto", prompt)).signals()).doesNotContainKey("minilm");
  }

  @Test
  void a_vector_that_fails_costs_nothing_and_a_conversation_waits_for_one_alone() {
    LearnedScorer words = LearnedScorer.of(RouterTraining.train(several(), 3).model());
    ComplexityScorers failing = new ComplexityScorers(List.of(words.with(text -> {
      throw new IllegalStateException("broken");
    })), () -> "learned");
    assertThat(failing.score(asking("auto", LETTERED)).scorer()).isEqualTo("learned");
    assertThat(failing.score(asking("auto", LETTERED)).score()).isEqualTo(words.score(LETTERED));
    List<String> asked = new ArrayList<>();
    ChatRequest conversation = asking("auto", "Name a colour of the flag number 12?");
    for (String turn : List.of("Blue.", LETTERED, "C.", "What is the integral of the polynomial x^12?")) {
      conversation.messages().addObject().put("role", asked.size() % 2 == 0 ? "assistant" : "user").put("content", turn);
      asked.add(turn);
    }
    asked.clear();
    Complexity mixed = new ComplexityScorers(List.of(words.with(text -> {
      asked.add(text);
      return vector(true);
    })), () -> "learned").score(conversation);
    assertThat(mixed.signals()).containsEntry("earlier_turns", 2);
    assertThat(asked).containsExactly("What is the integral of the polynomial x^12?");
  }

  @Test
  void what_a_request_was_read_for_its_score_is_not_read_again_for_the_quality_of_its_answers() {
    ComplexityScorers scorers = new ComplexityScorers(List.of(SHIPPED), () -> "learned");
    for (String prompt : List.of(LETTERED, "How many apples are left if Tom had 12 and ate 5?", "", "Write a poem", "\ud800\n\u0e01\u4e2d")) {
      ChatRequest request = asking("auto", prompt);
      Complexity complexity = scorers.score(request);
      assertThat(complexity.reading()).isNotNull();
      QualityModel.Read handedOn = SHIPPED.quality(request, complexity);
      QualityModel.Read readAnew = SHIPPED.quality(request);
      assertThat(handedOn.ease()).as(prompt).isEqualTo(readAnew.ease());
      assertThat(handedOn.of(0.7)).isEqualTo(readAnew.of(0.7));
      assertThat(SHIPPED.quality(asking("auto", "other words"), complexity)).as("worked out once").isSameAs(handedOn);
      assertThat(SHIPPED.quality(request, complexity.at(Tier.EXPERT).told(Map.of())).ease()).isEqualTo(readAnew.ease());
    }
  }

  @Test
  void a_view_of_prompts_that_was_learned_before_is_kept_when_few_prompts_are_trained_on() {
    RouterTraining.Trained trained = RouterTraining.train(new RouterTraining.Data(made(), List.of(), List.of(), List.of(), baseModel()), 3);
    assertThat(trained.model().embedding).isEqualTo(baseModel().embedding);
    assertThat(trained.model().quality()).isNotNull();
  }

  static LearnedModel baseModel() {
    try {
      return LearnedModel.read(new ByteArrayInputStream(shipped()));
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void words_of_making_and_of_experts_raise_the_tier_of_a_short_request_but_not_its_score() {
    ComplexityScorers scorers = new ComplexityScorers(List.of(SHIPPED), () -> "learned", complexity -> new Complexity(complexity.score(), Tier.TRIVIAL, complexity.scorer(), complexity.signals()));
    assertThat(scorers.score(asking("auto", "Tell me a joke")).tier()).isEqualTo(Tier.TRIVIAL);
    Complexity design = scorers.score(asking("auto", "Design a bridge"));
    assertThat(design.tier()).isEqualTo(Tier.COMPLEX);
    assertThat(design.signals()).containsEntry("tier_raised_by", "design");
    assertThat(design.score()).isEqualTo(SHIPPED.score("Design a bridge"));
    assertThat(scorers.score(asking("auto", "Give me a rigorous argument")).tier()).isEqualTo(Tier.EXPERT);
  }

  @Test
  void lettered_answers_are_told_from_open_questions() {
    assertThat(new PromptReading(LETTERED).closed).isTrue();
    assertThat(new PromptReading("Pick:\n(A) x\n(B) y").closed).isTrue();
    assertThat(new PromptReading("A. Miller wrote this.\nB did not.").closed).isFalse();
  }

  @Test
  void the_published_names_of_routers_mean_the_learned_score() {
    ComplexityScorers scorers = new ComplexityScorers(List.of(SHIPPED), () -> "keywords");
    Complexity learned = scorers.score(asking("router-learned-0.2", LETTERED));
    assertThat(scorers.score(asking("router-mf-0.11593", LETTERED)).score()).isEqualTo(learned.score());
    assertThat(scorers.score(asking("router-lexical-0.2", LETTERED)).signals()).containsEntry("asked_as", "lexical");
  }

  @Test
  void chance_gives_one_request_one_score_and_spreads_requests_evenly() {
    RandomScorer random = new RandomScorer();
    ChatRequest one = asking("auto", "hi");
    assertThat(random.score(one).score()).isEqualTo(random.score(one).score());
    int above = 0;
    for (int i = 0; i < 1000; i++) {
      above += random.score(new ChatRequest("req_" + i, one.json(), Map.of(), one.receivedAt(), one.deadline())).score() >= 0.5 ? 1 : 0;
    }
    assertThat(above).isBetween(400, 600);
  }

  @Property(tries = 500)
  void any_text_gets_a_score_from_0_to_1(@ForAll String text) {
    assertThat(SHIPPED.score(text)).isBetween(0.0, 1.0);
    assertThat(SHIPPED.score(asking("auto", text, "ok", text + "\nA. " + text + "\nB) " + text)).score()).isBetween(0.0, 1.0);
  }

  @Test
  void odd_texts_are_scored_too() {
    for (String odd : List.of("", " ", "\n\n\nA.", "A.", "(", "\ud800", "\ud83d\ude00".repeat(3000), "9".repeat(20_000), "a".repeat(20_000), "__ ".repeat(9000), "\u4eca\u5929".repeat(9000), "A.\nB.")) {
      assertThat(SHIPPED.score(odd)).as(odd.length() > 20 ? odd.substring(0, 20) : odd).isBetween(0.0, 1.0);
    }
  }
}
