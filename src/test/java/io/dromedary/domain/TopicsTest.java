package io.dromedary.domain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.ConfigError;
import io.dromedary.catalog.Topic;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TopicsTest {
  private static final Set<String> RESERVED = Set.of("cost");

  private static Topics topics(String yaml) {
    TopicPolicy policy = TopicPolicy.read(yaml.getBytes(StandardCharsets.UTF_8), "routing.yaml", RESERVED);
    return new Topics(() -> policy);
  }

  private final Topics topics = topics("{}");

  /** Role and text, alternating. */
  private static ChatRequest request(String... turns) {
    ObjectNode json = Json.object().put("model", "auto");
    ArrayNode messages = json.putArray("messages");
    for (int i = 0; i < turns.length; i += 2) {
      messages.addObject().put("role", turns[i]).put("content", turns[i + 1]);
    }
    return new ChatRequest("r", json, Map.of(), Instant.EPOCH, Instant.EPOCH);
  }

  private Topic of(String text) {
    return topics.of(request("user", text));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      What are the contraindications of warfarin for a patient with atrial fibrillation? | medical
      I have had a headache and a fever for three days, should I see a doctor?           | medical
      My employer fired me without notice. Can I sue for wrongful termination?           | legal
      Draft a non-disclosure agreement between two companies                             | legal
      Write a short story about a dragon who is afraid of the dark                       | creative
      Compose a haiku on autumn rain                                                     | creative
      My Kubernetes pod keeps restarting with an out of memory error                     | technical
      Write a Python function that reverses a linked list                                | technical
      Why does entropy always increase according to thermodynamics?                      | scientific
      Explain how CRISPR edits the genome of a cell                                      | scientific
      Should I put my savings into index funds or bonds before I retire?                 | financial
      How do rising interest rates affect mortgage payments?                             | financial
      Make a lesson plan on fractions for my 4th grade students                          | educational
      Write five multiple choice questions for a quiz on the French Revolution           | educational
      Hello there                                                                        | ''
      What is the capital of France?                                                     | ''
      """)
  void a_request_is_about_what_its_words_are_about(String text, String domain) {
    assertThat(of(text).domain()).as("%s", of(text)).isEqualTo(domain);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      Write a Python function that checks whether a number is prime       | code
      Why does this code throw a NullPointerException?                    | code
      Solve 3x + 5 = 20 for x                                             | maths
      What is 12 * 7 + 3?                                                 | maths
      Tom has 12 apples and gives 5 away. How many apples are left?       | maths
      Write a poem about the sea                                          | creative
      Come up with ten slogans for a coffee shop                          | creative
      Compare the pros and cons of remote work                            | analysis
      Evaluate the strengths and weaknesses of this business plan         | analysis
      What is the capital of Australia?                                   | question_answering
      Who wrote Don Quixote?                                              | question_answering
      Please summarize the following article in three sentences: The ...  | summary
      Give me the key takeaways of this meeting transcript                | summary
      Translate 'good evening' into Japanese                              | translation
      How do you say thank you in Polish?                                 | translation
      Hi, how are you today?                                              | chat
      Thanks a lot!                                                       | chat
      Extract all email addresses and phone numbers from the text below   | extraction
      Pull out the invoice number and total as JSON                       | extraction
      """)
  void a_request_wants_done_what_it_says(String text, String task) {
    assertThat(of(text).task()).as("%s", of(text)).isEqualTo(task);
  }

  @Test
  void politeness_before_the_verb_changes_nothing() {
    assertThat(of("Could you please translate this into German: the cat").task()).isEqualTo("translation");
    assertThat(of("I want you to summarize this chapter").task()).isEqualTo("summary");
  }

  @Test
  void the_latest_turn_counts_most_and_the_earlier_ones_count_too() {
    Topic latest = topics.of(request("user", "My patient takes metformin for diabetes, which dosage is usual?", "assistant", "...", "user", "Now write a Python function that sorts an array, with a unit test"));
    assertThat(latest.domain()).isEqualTo("technical");
    assertThat(latest.domains()).containsKey("medical");
    Topic short_ = topics.of(request("user", "My patient takes metformin for diabetes, which dosage is usual?", "assistant", "...", "user", "And for children?"));
    assertThat(short_.domain()).isEqualTo("medical");
    assertThat(topics.of(request("system", "You are a helpful assistant for a law firm: lawsuits, litigation, contracts.", "user", "Help me with this one")).domain()).isEqualTo("legal");
  }

  @Test
  void a_request_may_name_its_domain() {
    ObjectNode json = Json.object().put("model", "auto:legal");
    json.putArray("messages").addObject().put("role", "user").put("content", "Write a Python script");
    Topic named = topics.of(new ChatRequest("r", json, Map.of(), Instant.EPOCH, Instant.EPOCH));
    assertThat(named.domain()).isEqualTo("legal");
    assertThat(named.chosen()).isTrue();
    json.put("model", "auto").putObject("routing").put("domain", "medical");
    assertThat(topics.of(new ChatRequest("r", json, Map.of(), Instant.EPOCH, Instant.EPOCH)).domain()).isEqualTo("medical");
  }

  @Test
  void operators_add_domains_raise_thresholds_and_switch_domains_off() {
    Topics own = topics("domains: {insurance: {terms: [policyholder, no claims bonus, underwrit*], weak-terms: [claim]}, medical: {threshold: 0.95}, legal: {enabled: false}}");
    assertThat(own.domains()).contains("insurance", "medical").doesNotContain("legal");
    assertThat(own.of(request("user", "Who is underwriting this for the policyholder?")).domain()).isEqualTo("insurance");
    assertThat(own.of(request("user", "Does my no claims bonus survive?")).domain()).isEqualTo("insurance");
    assertThat(own.of(request("user", "I have a headache")).domain()).as("0.63 is below 0.95").isEmpty();
    assertThat(own.of(request("user", "The plaintiff filed a lawsuit in court")).domain()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      domains: {a: {}}                               | terms
      domains: {a: {terms: ['*']}}                   | one to four words
      domains: {a: {terms: ['a b c d e']}}           | one to four words
      domains: {cost: {terms: [price]}}              | domains.cost
      domains: {Legal: {terms: [law]}}               | small letters
      domains: {legal: {threshold: 1.5}}             | domains.legal.threshold
      domains: {legal: {enabled: 'perhaps'}}         | true or false
      """)
  void a_mistake_in_the_settings_is_told_with_its_key(String yaml, String told) {
    assertThatThrownBy(() -> topics(yaml)).isInstanceOf(ConfigError.class).hasMessageContaining("routing.yaml").hasMessageContaining(told);
  }

  @Test
  void no_text_is_too_long_or_too_strange() {
    List<String> texts = new ArrayList<>(List.of("", " ", "????", "\u0000\uD800", "日本語のテキストを英語に翻訳してください", "a".repeat(100_000), "lawsuit ".repeat(50_000)));
    for (String text : texts) {
      assertThat(of(text).task()).isNotEmpty();
    }
    assertThat(of("lawsuit ".repeat(50_000)).domain()).isEqualTo("legal");
  }
}
