package io.dromedary.limit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dromedary.catalog.ModelCatalog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("M4")
class LimitRulesTest {
  private static final Set<String> CATALOGUE = Set.of("openai/gpt-4o", "openai/gpt-4o-mini");

  private static LimitRules read(String windows) {
    return LimitRules.ofProject(LimitSamples.yaml("windows: [" + windows + "]"), CATALOGUE::contains);
  }

  @Test
  void windows_count_for_projects_keys_users_and_models() {
    LimitRules rules = read("{per: minute, requests: 600, tokens: 90000}, {per: second, requests: 20, burst: 5}, {per: day, tokens: 1000, for: user}, {concurrent: 3, for: key}, {per: hour, requests: 9, for: model}");
    assertThat(rules.of(Scope.PROJECT)).extracting(Gauge::id).containsExactly("requests/minute", "tokens/minute", "requests/second", "requests/second/burst");
    assertThat(rules.of(Scope.USER)).extracting(Gauge::id).containsExactly("tokens/day");
    assertThat(rules.of(Scope.KEY)).extracting(Gauge::id).containsExactly("at-once");
    assertThat(rules.byModel()).hasSize(1).allSatisfy(each -> assertThat(each.counts("any/model")).isTrue());
    assertThat(read("{per: minute, requests: 6, models: [openai/gpt-4o]}").byModel().get(0).counts("openai/gpt-4o-mini")).isFalse();
  }

  @Test
  void the_example_in_the_file_we_ship_is_right() throws IOException {
    String example = Files.readString(Path.of("config/callers.yaml")).replace("projects: []", "").replaceAll("(?m)^# (projects:|  )", "$1");
    ModelCatalog catalogue = ModelCatalog.read(Files.readAllBytes(Path.of("config/models.yaml")), "config/models.yaml");
    LimitRules rules = LimitRules.ofProject(LimitSamples.yaml(example).at("/projects/0/limits"), model -> catalogue.find(model).isPresent());
    assertThat(rules.of(Scope.PROJECT)).extracting(Gauge::id).containsExactly("requests/minute", "requests/minute/burst", "tokens/minute");
  }

  @Test
  void no_windows_are_no_limit() {
    assertThat(LimitRules.ofProject(LimitSamples.yaml("in-flight: 3"), CATALOGUE::contains).isEmpty()).isTrue();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
      "{per: minute, requests: -1}                                           | windows[0].requests = -1: must be a whole number from 1 to",
      "{per: minute, requests: 0}                                            | requests = 0: must be",
      "{per: minute, requests: NaN}                                          | requests = NaN: must be",
      "{per: minute, requests: 1e3}                                          | must be a whole number",
      "{per: minute, requests: 99999999999999999999}                         | must be a whole number",
      "{per: minute, tokens: 10000000001}                                    | from 1 to 10000000000",
      "{per: minute, requests: '600'}                                        | must be a whole number",
      "{per: fortnight, requests: 3}                                         | windows[0].per = fortnight: allowed: second, minute, hour, day",
      "{requests: 3}                                                         | per is missing: allowed: second, minute, hour, day",
      "{per: minute}                                                         | wants requests or tokens",
      "{per: minute, request: 3}                                             | request = 3: is unknown; allowed: burst, concurrent, for",
      "{per: minute, requests: 3, burst: 4}                                  | burst = 4: must be a whole number from 1 to 3",
      "{per: minute, requests: 3, tokens: 5, burst: 2}                       | burst wants requests or tokens, not both",
      "{per: minute, requests: 3, for: everybody}                            | for = everybody: allowed: key, model, project, user",
      "{per: minute, requests: 3, for: model, models: [openai/gpt-99]}       | models = openai/gpt-99: is not in the catalogue",
      "{per: minute, requests: 3, for: user, models: [openai/gpt-4o]}        | models = [`openai/gpt-4o`]",
      "{concurrent: 3, per: minute}                                          | concurrent knows neither per nor burst",
      "{concurrent: 3, requests: 5}                                          | concurrent alone",
      "{per: minute, requests: 3}, {per: minute, requests: 5}                | another window of requests/minute",
      "{per: minute, requests: 3, for: model}, {per: minute, requests: 5, models: [openai/gpt-4o]} | another window of requests/minute for the same model",
      "all of them                                                           | must be a window such as"})
  void a_mistake_is_refused_with_place_value_and_what_is_allowed(String windows, String told) {
    assertThatThrownBy(() -> read(windows)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining(".windows[").hasMessageContaining(told.replace('`', '"'));
  }

  @Test
  void limits_that_are_no_map_are_not_taken_for_none() {
    assertThatThrownBy(() -> LimitRules.ofKey(LimitSamples.yaml("[{per: minute, requests: 3}]"), CATALOGUE::contains)).hasMessageContaining("must be a map such as {windows: ");
  }

  @Test
  void all_mistakes_are_told_at_once_and_unknown_keys_beside_windows_too() {
    assertThatThrownBy(() -> read("{per: minute, requests: -1}, {per: eon, tokens: 1}")).hasMessageContaining("windows[0]").hasMessageContaining("windows[1]");
    assertThatThrownBy(() -> LimitRules.ofProject(LimitSamples.yaml("window: []"), CATALOGUE::contains)).hasMessageContaining(".window is unknown; allowed: in-flight, priority, windows");
    assertThatThrownBy(() -> LimitRules.ofKey(LimitSamples.yaml("windows: [{per: minute, requests: 3, for: project}]"), CATALOGUE::contains)).hasMessageContaining("allowed: key");
  }
}
