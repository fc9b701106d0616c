package io.dromedary.complexity;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Complexity;
import io.dromedary.catalog.Tier;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ComplexityScorersTest {
  final ComplexityScorers scorers = new ComplexityScorers(List.of(new Broken()), () -> "keywords");

  static final class Broken implements ComplexityScorer {
    @Override
    public Complexity score(ChatRequest request) {
      throw new IllegalStateException("no model file");
    }

    @Override
    public String kind() {
      return "broken";
    }
  }

  static ChatRequest asking(String model, String... turns) {
    ObjectNode json = Json.object();
    json.put("model", model);
    ArrayNode messages = json.putArray("messages");
    for (int i = 0; i < turns.length; i++) {
      messages.addObject().put("role", i % 2 == 0 ? "user" : "assistant").put("content", turns[i]);
    }
    return new ChatRequest("r1", json, Map.of(), Instant.EPOCH, Instant.EPOCH.plusSeconds(60));
  }

  static String words(int count) {
    return "lorem ".repeat(count);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "Hello!|TRIVIAL|greeting", "hi there friend|TRIVIAL|greeting", "good morning|TRIVIAL|greeting", "hello expert|TRIVIAL|greeting",
      "hello there my dear friend|SIMPLE|none",
      "I need EXPERT help|EXPERT|expert word", "an advanced question: what is a monad|EXPERT|expert word", "write a critical review|EXPERT|expert word",
      "Compare Java and Kotlin|COMPLEX|complex word", "what should I write?|COMPLEX|complex word", "design!|COMPLEX|complex word",
      "What is the capital of France?|SIMPLE|question word", "what's up with that|SIMPLE|question word", "how much is it|SIMPLE|question word", "the price, please|SIMPLE|question word",
      "somewhat pricey rewrites|SIMPLE|none", "tell me a joke|SIMPLE|none", "''|SIMPLE|none"})
  void the_classic_rules_hold_in_their_order(String text, Tier tier, String rule) {
    Complexity complexity = scorers.score(asking("auto", text));
    assertThat(complexity.tier()).isEqualTo(tier);
    assertThat(complexity.signals()).containsEntry("rule", rule);
    assertThat(complexity.scorer()).isEqualTo("keywords");
  }

  @Test
  void length_decides_where_no_word_does() {
    assertThat(scorers.score(asking("auto", words(20))).tier()).isEqualTo(Tier.SIMPLE);
    assertThat(scorers.score(asking("auto", words(21))).tier()).isEqualTo(Tier.MEDIUM);
    assertThat(scorers.score(asking("auto", words(100))).tier()).isEqualTo(Tier.MEDIUM);
    assertThat(scorers.score(asking("auto", words(101))).tier()).isEqualTo(Tier.COMPLEX);
    assertThat(scorers.score(asking("auto", "what " + words(100))).tier()).isEqualTo(Tier.COMPLEX);
    assertThat(scorers.score(asking("auto", "what " + words(99))).tier()).isEqualTo(Tier.SIMPLE);
  }

  @Test
  void the_keyword_that_decided_is_told() {
    assertThat(scorers.score(asking("auto", "Please Evaluate this")).signals()).containsEntry("keyword", "evaluate").containsEntry("words", 3);
  }

  @Test
  void length_rises_smoothly_from_trivial_to_expert() {
    LengthScorer length = new LengthScorer();
    assertThat(length.score(asking("auto", words(12))).tier()).isEqualTo(Tier.TRIVIAL);
    assertThat(length.score(asking("auto", words(33))).tier()).isEqualTo(Tier.SIMPLE);
    assertThat(length.score(asking("auto", words(74))).tier()).isEqualTo(Tier.MEDIUM);
    assertThat(length.score(asking("auto", words(199))).tier()).isEqualTo(Tier.COMPLEX);
    assertThat(length.score(asking("auto", words(200))).tier()).isEqualTo(Tier.EXPERT);
  }

  @Test
  void words_are_counted_in_any_language() {
    assertThat(Words.count("Größe, naïve façade — 42 don't")).isEqualTo(5);
    assertThat(Words.count("Привет, как дела?")).isEqualTo(3);
    assertThat(Words.count("今天天气怎么样")).isEqualTo(4);
    assertThat(Words.count("안녕하세요 세계")).isEqualTo(2);
    assertThat(Words.count("  \n\t…!? ")).isZero();
  }

  @Test
  void a_short_follow_up_is_judged_by_the_message_before_it() {
    Complexity complexity = scorers.score(asking("auto", "Design a distributed lock service", "Here is one ...", "go on"));
    assertThat(complexity.tier()).isEqualTo(Tier.COMPLEX);
    assertThat(complexity.signals()).containsKey("scored_message");
    assertThat(scorers.score(asking("auto", "Design a distributed lock service", "Here is one ...", "thanks")).tier()).isEqualTo(Tier.TRIVIAL);
    assertThat(scorers.score(asking("auto", "Design a lock", "Here is one ...", "now tell me a joke")).tier()).isEqualTo(Tier.SIMPLE);
  }

  @Test
  void a_scorer_that_throws_or_does_not_exist_is_replaced_by_the_keywords() {
    assertThat(new ComplexityScorers(List.of(new Broken()), () -> "broken").score(asking("auto", "Compare A and B")).tier()).isEqualTo(Tier.COMPLEX);
    assertThat(new ComplexityScorers(List.of(), () -> "mf").score(asking("auto", "hi")).signals()).containsEntry("fallback_from", "mf");
  }

  @Test
  void a_router_name_picks_its_scorer() {
    assertThat(scorers.score(asking("router-length-0.5", "Compare A and B")).scorer()).isEqualTo("length");
    assertThat(scorers.score(asking("router-broken-0.5", "Compare A and B")).signals()).containsEntry("fallback_from", "broken");
    assertThat(scorers.score(asking("router-nonsense-0.5", "Compare A and B")).scorer()).isEqualTo("keywords");
  }
}
