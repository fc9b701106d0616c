package io.dromedary.alert;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dromedary.catalog.ConfigError;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("M4")
class AlertRulesTest {
  private static AlertRules read(String yaml) {
    return AlertRules.read(yaml.getBytes(UTF_8), "alerts.yaml", Set.of("ops", "bus"));
  }

  @Test
  void the_rules_we_ship_tell_what_happens_and_measure_nothing() throws Exception {
    AlertRules rules = AlertRules.read(Files.readAllBytes(Path.of("config/alerts.yaml")), "alerts.yaml", Set.of());
    assertThat(rules.rules()).hasSizeGreaterThan(5).allSatisfy(rule -> assertThat(rule.to()).isEmpty());
    assertThat(rules.measure()).isFalse();
  }

  @Test
  void a_rule_says_what_when_and_to_whom() {
    AlertRule rule = read("rules: [{id: spend, on: spend_rate, per: project, projects: [team-*, '!team-x'], above: 12.5, over: 1h, severity: critical, to: [ops], again-every: 1d, resolve-after: 5m}]").rules().get(0);
    assertThat(rule.on()).isEqualTo(AlertRule.Kind.SPEND_RATE);
    assertThat(rule.bound()).isEqualTo(12.5);
    assertThat(rule.over()).isEqualTo(Duration.ofHours(1));
    assertThat(rule.againEvery()).isEqualTo(Duration.ofDays(1));
    assertThat(rule.concerns("team-a")).isTrue();
    assertThat(rule.concerns("team-x")).isFalse();
    assertThat(rule.concerns("other")).isFalse();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      {id: a, on: mood}                                              | rules[a].on = mood: must be one of spend_rate
      {id: a, on: error_rate}                                        | rules[a].above is missing
      {id: a, on: error_rate, above: 1.5}                            | rules[a].above = 1.5: must be a number from 0.0 to 1.0
      {id: a, on: error_rate, above: '.nan'}                         | rules[a].above = .nan: must be a number
      {id: a, on: error_rate, above: -0.1}                           | rules[a].above = -0.1
      {id: a, on: cache_hit_rate, above: 0.5}                        | rules[a].above = 0.5: `cache_hit_rate` takes `below`
      {id: a, on: breaker_open, above: 1}                            | rules[a].above = 1: `breaker_open` is told as it happens
      {id: a, on: error_rate, above: 0.5, over: 90s}                 | rules[a].over = 90s: must be whole minutes
      {id: a, on: error_rate, above: 0.5, over: 2d}                  | rules[a].over = 2d: must be from 1m to 24h
      {id: a, on: error_rate, above: 0.5, over: soon}                | must be a time such as 30s
      {id: a, on: breaker_open, to: [pager]}                         | `pager` is no sink; dromedary.alerts.sinks has bus, ops
      {id: a, on: breaker_open, too: [ops]}                          | rules[a].too = ["ops"]: unknown key
      {id: a, on: breaker_open, severity: huge}                      | must be one of info, warning, critical
      {id: 'A B', on: breaker_open}                                  | must be 1 to 63 of a-z
      {on: breaker_open}                                             | .id is missing
      """)
  void a_mistake_is_told_with_its_place_and_what_is_allowed(String rule, String message) {
    assertThatThrownBy(() -> read("rules: [" + rule + "]")).isInstanceOf(ConfigError.class).hasMessageStartingWith("alerts.yaml: ").hasMessageContaining(message);
  }

  @Test
  void two_rules_of_one_id_are_refused() {
    assertThatThrownBy(() -> read("rules: [{id: a, on: breaker_open}, {id: a, on: credit_low}]")).isInstanceOf(ConfigError.class).hasMessageContaining("two rules have this id");
  }
}
