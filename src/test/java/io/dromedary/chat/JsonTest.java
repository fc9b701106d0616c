package io.dromedary.chat;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("X1")
class JsonTest {
  @ParameterizedTest
  @ValueSource(strings = {"{\"a\":1e99999999999999999999}", "{\"a\":1e-99999999999999999999}", "{\"a\":1e2147483648}"})
  void a_number_that_no_number_can_hold_is_the_senders_mistake(String json) {
    assertThatThrownBy(() -> Json.readStrictly(json.getBytes(UTF_8))).isInstanceOfSatisfying(Problem.class, problem -> assertThat(problem.code()).isEqualTo("invalid_json"));
    assertThatThrownBy(() -> Json.read(json)).isInstanceOf(IOException.class);
    assertThatThrownBy(() -> Json.read(json.getBytes(UTF_8))).isInstanceOf(IOException.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"{} {}", "{\"a\":NaN}", "{\"a\":1,\"a\":2}", "[]", "", "{", "{\"a\":[1", "{\"a\":'x'}"})
  void what_is_refused_is_told_without_names_of_classes(String json) {
    assertThatThrownBy(() -> Json.readStrictly(json.getBytes(UTF_8))).isInstanceOf(Problem.class).message().doesNotContain("com.", "java", "Jackson", "Stream", "FAIL_ON", "Feature");
  }
}
