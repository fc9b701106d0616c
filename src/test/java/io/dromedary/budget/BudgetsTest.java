package io.dromedary.budget;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.dromedary.catalog.ConfigError;
import io.dromedary.catalog.Draw;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Purse;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.ModelRequest;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Usd;
import io.dromedary.spend.Store;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BudgetsTest {
  @TempDir Path dir;
  Store store;
  final Hand clock = new Hand();
  final File file = new File();
  final List<BudgetSignals.Signal> signals = new CopyOnWriteArrayList<>();
  final ModelCatalog catalogue = catalogue();
  final Model mini = catalogue.find("openai/gpt-4o-mini").orElseThrow();

  /** A clock that is set by hand, backwards too. */
  static final class Hand extends Clock {
    volatile Instant now = Instant.parse("2026-11-27T12:00:00Z");

    @Override
    public Instant instant() {
      return now;
    }

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      return this;
    }
  }

  /** What stands in {@code callers.yaml}. */
  static final class File implements Tenants {
    private long version;
    private List<Tenant> all = List.of();

    void write(Tenant... tenants) {
      all = List.of(tenants);
      version++;
    }

    @Override
    public long version() {
      return version;
    }

    @Override
    public List<Tenant> all() {
      return all;
    }
  }

  static ModelCatalog catalogue() {
    try {
      return ModelCatalog.read(Files.readAllBytes(Path.of("config/models.yaml")), "config/models.yaml");
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  static JsonNode yaml(String text) {
    try {
      return text.isEmpty() ? MissingNode.getInstance() : new YAMLMapper().readTree(text);
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  static Tenants.Tenant project(String budgets, String credit) {
    return new Tenants.Tenant("a", "", yaml(budgets), yaml(credit));
  }

  @BeforeEach
  void open() {
    store = Store.open(dir.resolve("data"), null);
  }

  @AfterEach
  void close() {
    store.close();
  }

  Budgets budgets() {
    return new Budgets(file, () -> catalogue, store.dataSource(), clock, List.of(signals::add));
  }

  static final Caller CALLER = new Caller("a", "k1", false, Set.of());

  ModelRequest request(String json) {
    return new ChatRequest("r1", Json.readStrictly(json.replace('\'', '"').getBytes(java.nio.charset.StandardCharsets.UTF_8)), Map.of(), clock.now, clock.now.plusSeconds(60));
  }

  List<String> keys(Budgets budgets, String json) {
    return budgets.draws(request(json), CALLER, new ArrayList<>(), mini, Usd.of("0.01")).stream().map(Draw::purse).map(Purse::key).toList();
  }

  @Test
  @Tag("M4")
  void a_gateway_whose_budgets_are_wrong_does_not_start_and_a_reload_of_such_serves_that_project_nothing() {
    file.write(project("[{per: month, usd: 1, models: [openai/no-such]}]", ""));
    assertThatThrownBy(this::budgets).isInstanceOf(ConfigError.class).hasMessageContaining("project `a`").hasMessageContaining("`openai/no-such`, which is not in the catalogue");
    file.write(project("[{per: month, usd: 1, models: [gemini/gemma-3-27b-it]}]", ""));
    assertThatThrownBy(this::budgets).hasMessageContaining("has no price");
    file.write(project("[{per: month, usd: 1}]", ""));
    Budgets budgets = budgets();
    file.write(project("[{per: month, usd: minus}]", ""));
    assertThatThrownBy(() -> keys(budgets, "{}")).isInstanceOfSatisfying(Problem.class, p -> assertThat(p.status()).isEqualTo(503));
    file.write(project("[{per: month, usd: 2}]", ""));
    assertThat(keys(budgets, "{}")).containsExactly("a/month@2026-11");
  }

  @Test
  void a_project_and_its_key_each_have_their_own() {
    file.write(project("[{per: day, usd: 1}, {per: week, usd: 1, for: key}]", ""), new Tenants.Tenant("a", "k1", yaml("[{per: day, usd: 1}]"), yaml("{}")));
    assertThat(keys(budgets(), "{}")).containsExactly("a/day@2026-11-27", "a/week-key=k1@2026-W48", "a:k1/day@2026-11-27", "a:k1/credit@prepaid");
  }

  @Test
  void a_tag_makes_no_key_that_is_too_long_or_another_ones() {
    file.write(project("[{per: day, usd: 1, for: tag}]", ""));
    Budgets budgets = budgets();
    assertThat(tagged(budgets, "x".repeat(4_000) + "1")).hasSizeLessThan(120).isNotEqualTo(tagged(budgets, "x".repeat(4_000) + "2"));
    assertThat(keys(budgets, "{}")).containsExactly("a/day-tag=@2026-11-27");
  }

  private String tagged(Budgets budgets, String tag) {
    ChatRequest request = new ChatRequest("r1", Json.object(), Map.of("x-dromedary-tags", tag), clock.now, clock.now.plusSeconds(60));
    return budgets.draws(request, CALLER, List.of(), mini, Usd.of("0.01")).get(0).purse().key();
  }

  @Test
  @Tag("M2")
  void a_clock_that_goes_back_reopens_no_period_not_even_over_a_restart() throws Exception {
    file.write(project("[{per: month, usd: 1}]", ""));
    Budgets budgets = budgets();
    clock.now = Instant.parse("2026-12-01T00:00:00Z");
    assertThat(keys(budgets, "{}")).containsExactly("a/month@2026-12");
    clock.now = Instant.parse("2026-11-30T23:59:59Z");
    assertThat(keys(budgets, "{}")).containsExactly("a/month@2026-12");
    file.write(project("[{per: month, usd: 3}]", ""));
    assertThat(keys(budgets, "{}")).as("nor does a reload").containsExactly("a/month@2026-12");
    try (Connection connection = store.dataSource().getConnection(); Statement statement = connection.createStatement()) {
      statement.execute("INSERT INTO dromedary_purses (purse_key, project, name, subject, period, ends_at_ms, granted_nanos, used_nanos, reserved_nanos, opened_at_ms) VALUES ('x', 'a', 'x', '', '2026-12', 0, 0, 0, 0, "
          + Instant.parse("2026-12-01T00:00:00Z").toEpochMilli() + ")");
    }
    assertThat(keys(budgets(), "{}")).as("nor a restart").containsExactly("a/month@2026-12");
  }

  @Test
  @Tag("M2")
  void a_purse_known_to_be_spent_refuses_without_the_store_and_tells_once() {
    file.write(project("[{per: month, usd: 1, soft: 0.8}]", ""));
    Budgets budgets = budgets();
    Purse purse = budgets.draws(request("{}"), CALLER, List.of(), mini, Usd.of("0.01")).get(0).purse();
    purse.changed(new Purse.Balance(0, 790_000_000, 9_999_999));
    assertThat(signals).isEmpty();
    purse.changed(new Purse.Balance(0, 790_000_000, 10_000_000));
    purse.changed(new Purse.Balance(0, 995_000_000, 0));
    assertThatThrownBy(() -> keys(budgets, "{}")).isInstanceOfSatisfying(Problem.class, p -> assertThat(p.shouldRetry()).isFalse())
        .hasMessage("budget `a/month` is too low for this request: 0.995 of 1.00 USD are spent, and the call may cost up to 0.01 USD; lower `max_tokens` or ask a cheaper model; it resets 2026-12-01");
    purse.changed(new Purse.Balance(0, 1_000_000_000, 0));
    assertThatThrownBy(() -> keys(budgets, "{}")).hasMessage("budget `a/month` is spent: 1.00 of 1.00 USD; it resets 2026-12-01");
    await().untilAsserted(() -> assertThat(signals).extracting(BudgetSignals.Signal::kind).containsExactly(BudgetSignals.Kind.BUDGET_LOW, BudgetSignals.Kind.BUDGET_SPENT));
  }

  @Test
  void credit_tells_when_it_gets_low_then_critical_and_again_after_it_was_topped_up() {
    file.write(project("", "{low_usd: 0.5, critical_usd: 0.1}"));
    Purse purse = budgets().draws(request("{}"), CALLER, List.of(), mini, Usd.of("0.01")).get(0).purse();
    for (long used : new long[] {0, 500_000_000, 600_000_000, 900_000_000, 950_000_000}) {
      purse.changed(new Purse.Balance(1_000_000_000, used, 0));
    }
    purse.changed(new Purse.Balance(1_300_000_000, 950_000_000, 0));
    await().untilAsserted(() -> assertThat(signals).extracting(BudgetSignals.Signal::kind)
        .containsExactly(BudgetSignals.Kind.CREDIT_LOW, BudgetSignals.Kind.CREDIT_CRITICAL, BudgetSignals.Kind.CREDIT_LOW));
  }

  @Test
  void who_has_neither_budget_nor_credit_draws_nothing_even_on_an_unpriced_model() {
    file.write(new Tenants.Tenant("b", "", yaml("[{per: day, usd: 1}]"), yaml("")));
    assertThat(budgets().draws(request("{}"), CALLER, List.of(), mini, null)).isEmpty();
  }
}
