package io.dromedary.client.chatcompletions;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.ProviderFailure.Kind;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("T8")
class ErrorFormatTest {
  final ErrorFormat format = new ErrorFormat();

  static ProviderFailure failure(Kind kind, String provider, int status, String message, String code, Duration wait) {
    return new ProviderFailure(kind, provider, status, message, code, null, wait, null);
  }

  JsonNode error(Throwable thrown) throws IOException {
    return Json.read(format.openAi(thrown)).path("error");
  }

  @Test
  void all_four_keys_are_always_there() throws IOException {
    JsonNode error = error(Problem.badRequest("no"));
    assertThat(error.fieldNames()).toIterable().containsExactly("message", "type", "param", "code");
    assertThat(error.get("param").isNull()).isTrue();
    assertThat(error.get("type").textValue()).isEqualTo("invalid_request_error");
  }

  @Test
  @Tag("X7")
  void an_unknown_failure_says_nothing_of_itself() throws IOException {
    JsonNode error = error(new IllegalStateException("jdbc:h2:./data password=hunter2"));
    assertThat(error.toString()).doesNotContain("hunter2").doesNotContain("jdbc").doesNotContain("IllegalState");
    assertThat(error.path("code").asText()).isEqualTo("internal_error");
    assertThat(format.problem(new IllegalStateException()).status()).isEqualTo(500);
  }

  @Test
  void a_wrapped_problem_is_found() {
    Problem problem = Problem.badField("n", "no");
    assertThat(format.problem(new RuntimeException(new java.util.concurrent.ExecutionException(problem)))).isSameAs(problem);
  }

  @ParameterizedTest
  @CsvSource({"REFUSED,400,,400", "REFUSED,422,,400", "REFUSED,404,,404", "REFUSED,413,,413", "REFUSED,400,model_not_found,404", "CREDENTIALS,401,,502", "CREDENTIALS,403,,502", "BUSY,429,,429", "DOWN,529,,503",
      "DOWN,500,,503", "TIMEOUT,0,,504", "JUNK,200,,502", "UNREACHABLE,0,,502", "NOT_CALLED,0,,503", "CANCELLED,0,,499"})
  void one_failure_maps_by_the_table(Kind kind, int status, String code, int seen) {
    Problem problem = format.chainExhausted(List.of(failure(kind, "p", status, "words", code, null)));
    assertThat(problem.status()).isEqualTo(seen);
    assertThat(problem.code()).isNotBlank();
    assertThat(problem.type()).isNotBlank();
  }

  @Test
  @Tag("D10")
  void a_busy_provider_says_when_to_come_back() {
    Problem problem = format.chainExhausted(List.of(failure(Kind.BUSY, "p", 429, "slow down", null, Duration.ofMillis(1_200))));
    assertThat(format.headers(problem)).containsEntry("retry-after", "2").containsEntry("retry-after-ms", "1200").doesNotContainKey("x-should-retry");
    assertThat(format.headers(format.chainExhausted(List.of(failure(Kind.BUSY, "p", 429, "x", null, null))))).containsEntry("retry-after", "1");
  }

  @Test
  void an_exhausted_chain_tells_its_attempts_and_that_another_try_is_useless() throws IOException {
    Problem problem = format.chainExhausted(List.of(failure(Kind.BUSY, "a", 429, "busy", null, null), failure(Kind.TIMEOUT, "b", 0, "no first token in 5 s", null, null), failure(Kind.NOT_CALLED, "c", 0, "open", null, null)));
    assertThat(problem.status()).isEqualTo(504);
    assertThat(format.headers(problem)).containsEntry("x-should-retry", "false");
    assertThat(error(problem).path("attempts")).hasToString("[{\"provider\":\"a\",\"failure\":\"busy\",\"status\":429},{\"provider\":\"b\",\"failure\":\"timeout\"},{\"provider\":\"c\",\"failure\":\"not_called\"}]");
  }

  @Test
  void a_mixed_chain_is_429_only_when_all_were_busy() {
    ProviderFailure busy = failure(Kind.BUSY, "a", 429, "busy", null, Duration.ofSeconds(9));
    ProviderFailure sooner = failure(Kind.BUSY, "b", 429, "busy", null, Duration.ofSeconds(3));
    assertThat(format.chainExhausted(List.of(busy, sooner)).status()).isEqualTo(429);
    assertThat(format.chainExhausted(List.of(busy, sooner)).retryAfter()).isEqualTo(Duration.ofSeconds(3));
    assertThat(format.chainExhausted(List.of(failure(Kind.DOWN, "c", 500, "x", null, null), busy)).status()).isEqualTo(503);
  }

  @Test
  @Tag("X7")
  void keys_in_a_providers_words_are_masked() {
    assertThat(format.chainExhausted(List.of(failure(Kind.CREDENTIALS, "p", 401, "Incorrect API key: sk-abcdef123456", null, null))).getMessage()).doesNotContain("sk-abc");
    assertThat(format.chainExhausted(List.of(failure(Kind.DOWN, "p", 500, "key sk-proj-abcdef123456 and Bearer abcdefghij", null, null))).getMessage()).doesNotContain("abcdef");
  }
}
