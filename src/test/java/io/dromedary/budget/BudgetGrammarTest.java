package io.dromedary.budget;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BudgetGrammarTest {
  private final BudgetGrammar grammar = new BudgetGrammar(model -> model.startsWith("openai/") ? null : "is not in the catalogue");

  private static JsonNode yaml(String text) throws Exception {
    return new YAMLMapper().readTree(text);
  }

  @Test
  void budgets_are_read_exactly_and_named_by_what_they_are() throws Exception {
    List<BudgetRule> rules = grammar.budgets(yaml("""
        - {per: month, usd: 100.10, soft: 0.8, on_soft: cheaper}
        - {per: day, usd: 0.000000001, for: user, zone: Europe/Berlin}
        - {per: month, usd: 20, for: model, models: [openai/gpt-4o]}
        - {per: total, usd: 100000000, tags: [eu, lab], id: labs}
        """));
    assertThat(rules).extracting(BudgetRule::id).containsExactly("month", "day-user", "month-model[openai/gpt-4o]", "labs");
    assertThat(rules).extracting(BudgetRule::limitNanos).containsExactly(100_100_000_000L, 1L, 20_000_000_000L, 100_000_000_000_000_000L);
    assertThat(rules.get(0).cheaper()).isTrue();
    assertThat(rules.get(2).counts("openai/gpt-4o-mini")).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"{per: month, usd: -1}", "{per: month, usd: NaN}", "{per: month, usd: Infinity}", "{per: month, usd: 1e15}", "{per: month, usd: 0}", "{per: month, usd: '5'}", "{per: month, usd: 1e-10}", "{per: month}",
      "{usd: 5}", "{per: fortnight, usd: 5}", "{per: month, usd: 5, for: team}", "{per: month, usd: 5, limit: 4}", "{per: month, usd: 5, soft: 1}", "{per: month, usd: 5, soft: 0}", "{per: month, usd: 5, soft: lots}",
      "{per: month, usd: 5, on_soft: cheaper}", "{per: month, usd: 5, soft: 0.5, on_soft: stop}", "{per: month, usd: 5, models: [made/up]}", "{per: month, usd: 5, models: []}", "{per: month, usd: 5, models: openai/x}",
      "{per: month, usd: 5, zone: Mars/Base}", "{per: request, usd: 5, for: user}", "month", "{per: month, usd: 5, id: 'a b'}"})
  @Tag("M4")
  void a_budget_with_a_mistake_is_refused_by_name(String budget) throws Exception {
    JsonNode node = yaml("- " + budget);
    assertThatThrownBy(() -> grammar.budgets(node)).isInstanceOf(BudgetGrammar.Fault.class).hasMessageStartingWith("[0]");
  }

  @ParameterizedTest
  @ValueSource(strings = {"{low_usd: -1}", "{low_usd: 1, critical_usd: 2}", "{critical: 2}", "{unlimited_models: [made/up]}", "{high_cost_models: {openai/o1: -5}}", "{high_cost_models: [openai/o1]}", "{on_critical: cheaper}", "5"})
  @Tag("M4")
  void credit_with_a_mistake_is_refused_by_name(String credit) throws Exception {
    JsonNode node = yaml(credit);
    assertThatThrownBy(() -> grammar.credit(node)).isInstanceOf(BudgetGrammar.Fault.class);
  }

  @Test
  @Tag("M4")
  void two_budgets_that_would_share_a_purse_are_refused() throws Exception {
    JsonNode node = yaml("[{per: day, usd: 1}, {per: day, usd: 2}]");
    assertThatThrownBy(() -> grammar.budgets(node)).hasMessageContaining("is the second budget `day`");
    assertThatThrownBy(() -> grammar.budgets(yaml("{per: day, usd: 1}"))).hasMessageContaining("must be a list");
  }

  @ParameterizedTest
  @CsvSource({"DAY, 2026-03-28T23:30:00Z, Europe/Berlin, 2026-03-29, 2026-03-29T22:00:00Z", "WEEK, 2026-12-31T12:00:00Z, UTC, 2026-W53, 2027-01-04T00:00:00Z", "WEEK, 2027-01-03T23:59:59Z, UTC, 2026-W53, 2027-01-04T00:00:00Z",
      "MONTH, 2026-12-31T23:59:59Z, UTC, 2026-12, 2027-01-01T00:00:00Z", "MONTH, 2026-12-31T23:59:59Z, Europe/Berlin, 2027-01, 2027-01-31T23:00:00Z"})
  void periods_end_where_the_calendar_of_their_zone_says(Period period, java.time.Instant at, String zone, String label, java.time.Instant end) {
    Period.Span span = period.at(at.toEpochMilli(), java.time.ZoneId.of(zone));
    assertThat(span.label()).isEqualTo(label);
    assertThat(java.time.Instant.ofEpochMilli(span.resetsAtMs())).isEqualTo(end);
    assertThat(span.isOver(end.toEpochMilli() - 1)).isFalse();
    assertThat(span.isOver(end.toEpochMilli())).isTrue();
  }
}
