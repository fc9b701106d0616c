package io.dromedary;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.admin.AuditLog;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Inbound;
import io.dromedary.spend.Store;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Clock;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The doctor and the other commands, and the same by HTTP. */
class DoctorTest {
  private static final List<String> KEYED = List.of("openai", "anthropic", "gemini", "groq", "mistral", "deepseek", "openrouter", "routellm", "azure", "bedrock");
  @TempDir Path dir;

  private Commands.Outcome run(String command, String... settings) {
    Map<String, String> all = new LinkedHashMap<>(Map.of("dromedary.state-dir", dir.resolve("data").toString(), "dromedary.database-url", "", "dromedary.profile", "development", "dromedary.providers.bedrock.identity", "none"));
    KEYED.forEach(provider -> all.put("dromedary.providers." + provider + ".api-key", ""));
    for (String setting : settings) {
      all.put(setting.substring(0, setting.indexOf('=')), setting.substring(setting.indexOf('=') + 1));
    }
    return Commands.run(command, all.entrySet().stream().map(setting -> "--" + setting.getKey() + "=" + setting.getValue()).toArray(String[]::new));
  }

  private Path config(String file, String text) throws Exception {
    Path config = Files.createDirectories(dir.resolve("config"));
    for (String name : List.of("models.yaml", "routing.yaml", "callers.yaml", "agents.yaml")) {
      Files.copy(Path.of("config", name), config.resolve(name));
    }
    Files.writeString(config.resolve(file), text);
    return config;
  }

  @Test
  void a_fresh_directory_is_fine_and_nothing_is_made_in_it() {
    Commands.Outcome outcome = run("doctor");
    assertThat(outcome.text()).contains("ok    configuration  config/models.yaml", "no provider has a key", "is made at the first start");
    assertThat(outcome.exitCode()).as(outcome.text()).isZero();
    assertThat(dir.resolve("data")).doesNotExist();
  }

  @Test
  void a_bad_file_a_bad_key_and_an_unsafe_setting_are_errors_with_what_to_do() throws Exception {
    Path config = config("callers.yaml", "projects: [{id: a, limits: {in-flight: 0}, colour: red}]");
    Commands.Outcome outcome = run("doctor", "dromedary.config.dir=" + config, "dromedary.providers.openai.api-key=sk-your-key-here", "dromedary.providers.groq.api-key=sk-this-is-not-a-groq-key-0123",
        "dromedary.providers.groq.base-url=https://api.groq.com/openai/v1", "dromedary.providers.mistral.api-key=abcdefghijklmnopqrstuvwx", "dromedary.providers.mistral.base-url=http://mistral.example", "server.address=0.0.0.0");
    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.text()).contains("`projects[0].colour` is unknown", "`projects[0].limits.in-flight`", "error providers      the key of `openai` looks like a placeholder", "does not begin with gsk_", "travels in clear text to mistral.example",
        "-> ").doesNotContain("sk-your-key-here", "sk-this-is-not", "abcdefghijklmnop");
  }

  @Test
  void a_mistake_in_the_catalogue_is_told_beside_those_of_the_other_files_and_not_by_a_stack_trace() throws Exception {
    Path config = config("models.yaml", "models: [{id: openai/gpt-4o, prices: [{in: -5, out: 1}]}]");
    Files.writeString(config.resolve("callers.yaml"), "projects: [{id: a, budgets: [{per: day, usd: 1}], colour: red}]");
    Files.writeString(config.resolve("alerts.yaml"), "rules: [{id: x, on: nope}]");
    Files.writeString(config.resolve("experiments.yaml"), "experiments: 3");
    Commands.Outcome outcome = run("doctor", "dromedary.config.dir=" + config);
    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.text()).contains("config/models.yaml: ", "`projects[0].colour` is unknown", "config/alerts.yaml: ", "config/experiments.yaml: ").doesNotContain("budgets` is enforced by no part", "Exception");
  }

  @Test
  void settings_that_a_start_refuses_are_an_error() {
    Commands.Outcome outcome = run("doctor", "dromedary.pacing.least=many", "dromedary.alerts.every-ms=5", "dromedary.limits.in-flight=-5");
    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.text()).contains("dromedary.pacing.least", "many", "dromedary.alerts.every-ms = 5: must be from 1000", "dromedary.limits.in-flight = -5: must be at least 1");
  }

  @Test
  void an_unsafe_production_and_an_unreachable_redis_are_errors() {
    Commands.Outcome outcome = run("doctor", "dromedary.profile=production", "REDIS_URL=redis://:geheim@127.0.0.1:9");
    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.text()).contains("error safety", "no callers are configured", "error redis", "127.0.0.1:9 cannot be reached").doesNotContain("geheim");
  }

  @Test
  void budgets_that_stand_in_the_future_since_the_clock_was_wrong_once_are_an_error_with_its_cure() throws Exception {
    try (Store store = Store.open(dir.resolve("data"), null); Connection connection = store.dataSource().getConnection(); Statement statement = connection.createStatement()) {
      statement.execute("INSERT INTO dromedary_purses (purse_key, project, name, subject, period, ends_at_ms, granted_nanos, used_nanos, reserved_nanos, opened_at_ms) VALUES ('x', 'a', 'x', '', '2099-01', 0, 0, 0, 0, "
          + Instant.parse("2099-01-01T00:00:00Z").toEpochMilli() + ")");
    }
    Commands.Outcome outcome = run("doctor");
    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.text()).contains("error clock", "2099-01-01T00:00:00Z", "UPDATE dromedary_purses SET opened_at_ms = 0");
  }

  @Test
  void a_running_gateway_looks_at_itself_and_asks_no_provider() {
    try (FakeProvider openai = FakeProvider.openai(); Gateway gateway = Gateway.with("openai", openai).start()) {
      JsonNode page = gateway.admin("/admin/doctor").json();
      assertThat(page.path("status").asText()).as(page.toString()).isEqualTo("warn");
      assertThat(page.path("findings").toString()).contains("reads and writes", "the chain of", "with a key: openai", "MiB are free").doesNotContain("sk-test-openai");
      assertThat(openai.calls()).isZero();
    }
  }

  @Test
  void the_audit_log_is_verified_by_a_command() throws Exception {
    assertThat(run("audit-verify").exitCode()).as("there is none yet").isEqualTo(2);
    try (Store store = Store.open(dir.resolve("data"), null)) {
      AuditLog log = new AuditLog(store.dataSource(), store.node(), Clock.systemUTC());
      for (int i = 0; i < 3; i++) {
        log.asked(new Inbound("req-" + i, "http", "POST", "/admin/keys", Map.of(), Map.of(), "{}".getBytes(StandardCharsets.UTF_8), Instant.now()), new Caller("admin", "admin-token", true, Set.of()));
      }
    }
    Commands.Outcome whole = run("audit-verify");
    assertThat(whole.exitCode()).as(whole.text()).isZero();
    assertThat(whole.text()).contains("is whole: 3 lines");
    try (Store store = Store.open(dir.resolve("data"), null); Connection connection = store.dataSource().getConnection(); Statement statement = connection.createStatement()) {
      statement.execute("UPDATE dromedary_audit SET path = '/admin/other' WHERE seq = 2");
    }
    Commands.Outcome broken = run("audit-verify");
    assertThat(broken.exitCode()).isEqualTo(1);
    assertThat(broken.text()).contains("broken at line 2");
    assertThat(run("doctor").text()).contains("error audit");
  }
}
