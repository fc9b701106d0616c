package io.dromedary.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Secret;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("X5")
class CallerRegistryTest {
  static final Instant NOW = Instant.parse("2026-11-21T00:00:00Z");
  static final Secret ADMIN = Secret.of("da-0123456789abcdefghij");
  static final String TWO = """
      projects:
        - id: team-a
          tags: [eu]
          keys:
            - {id: k1, sha256: %s}
            - {id: k2, sha256: %s, expires: 2026-11-22}
            - {id: old, sha256: %s, expires: 2026-11-21T00:00:00Z}
            - {id: gone, sha256: %s, revoked: true}
          limits: {in-flight: 5}
        - id: team-b
          share-cache: true
          keys: [{id: k1, sha256: %s}]
      """.formatted(ApiKey.sha256Hex("one"), ApiKey.sha256Hex("two"), ApiKey.sha256Hex("old"), ApiKey.sha256Hex("gone"), ApiKey.sha256Hex("bee"));

  String yaml = TWO;

  CallerRegistry registry() {
    return new CallerRegistry("callers.yaml", () -> yaml.getBytes(StandardCharsets.UTF_8), ADMIN, Clock.fixed(NOW, ZoneOffset.UTC));
  }

  static Inbound with(String... headers) {
    Map<String, String> metadata = new java.util.HashMap<>();
    for (int i = 0; i < headers.length; i += 2) {
      metadata.put(headers[i], headers[i + 1]);
    }
    return new Inbound("r", "http", "POST", "/", Map.of(), metadata, new byte[0], NOW);
  }

  @Test
  void a_key_is_taken_in_any_of_three_headers_and_two_keys_live_at_once() {
    Caller first = new Caller("team-a", "k1", false, Set.of("eu"));
    assertThat(registry().identify(with("authorization", "Bearer one"))).isEqualTo(first);
    assertThat(registry().identify(with("authorization", "bearer  one "))).isEqualTo(first);
    assertThat(registry().identify(with("x-api-key", "one"))).isEqualTo(first);
    assertThat(registry().identify(with("api-key", "one", "authorization", "Bearer one"))).isEqualTo(first);
    assertThat(registry().identify(with("api-key", "two")).keyId()).isEqualTo("k2");
    assertThat(registry().identify(with("api-key", "bee")).project()).isEqualTo("team-b");
  }

  @Test
  void every_bad_key_is_refused_in_the_same_words() {
    CallerRegistry registry = registry();
    Set<String> answers = new HashSet<>();
    for (Inbound bad : List.of(with(), with("api-key", "wrong"), with("api-key", "old"), with("api-key", "gone"), with("api-key", "one", "x-api-key", "bee"), with("authorization", "Basic one"),
        with("authorization", "Bearer "), with("authorization", "one"), with("api-key", ADMIN.value()), with("api-key", ApiKey.sha256Hex("one")), with("api-key", "é"))) {
      Problem problem = (Problem) catchThrowable(() -> registry.identify(bad));
      assertThat(problem).as(bad.metadata().toString()).isNotNull();
      answers.add(problem.status() + problem.getMessage() + problem.code() + problem.param());
    }
    assertThat(answers).hasSize(1).first().asString().startsWith("401");
  }

  @Test
  @Tag("X6")
  void no_project_key_reaches_admin_and_the_admin_token_always_does() {
    for (String state : List.of(TWO, "projects: []")) {
      yaml = state;
      CallerRegistry registry = registry();
      assertThat(registry.requireAdmin(with("authorization", "Bearer " + ADMIN.value())).admin()).isTrue();
      for (Inbound bad : List.of(with(), with("api-key", "one"), with("api-key", ADMIN.value() + "x"), with("api-key", ADMIN.value(), "x-api-key", "one"))) {
        assertThatThrownBy(() -> registry.requireAdmin(bad)).isInstanceOfSatisfying(Problem.class, problem -> assertThat(problem.status()).isEqualTo(401));
      }
    }
  }

  @Test
  void without_projects_any_key_or_none_is_the_open_project() {
    for (String empty : List.of("projects: []", "", "# nothing\n", "projects:\n")) {
      yaml = empty;
      CallerRegistry registry = registry();
      assertThat(registry.isOpen()).isTrue();
      assertThat(registry.identify(with())).isSameAs(Caller.OPEN);
      assertThat(registry.identify(with("authorization", "Bearer sk-any", "x-api-key", "other"))).isSameAs(Caller.OPEN);
      assertThat(registry.identify(with("x-dromedary-project", "mine")).project()).isEqualTo("mine");
      assertThatThrownBy(() -> registry.identify(with("x-dromedary-project", "../x"))).isInstanceOfSatisfying(Problem.class, problem -> assertThat(problem.status()).isEqualTo(400));
    }
    yaml = TWO;
    assertThat(registry().identify(with("api-key", "one", "x-dromedary-project", "team-b")).project()).isEqualTo("team-a");
  }

  @Test
  @Tag("F9")
  void a_reload_takes_a_good_file_whole_and_a_bad_one_not_at_all() {
    CallerRegistry registry = registry();
    yaml = "projects: [{id: c, keys: [{id: k, sha256: nope}]}]";
    assertThatThrownBy(registry::reload).isInstanceOf(IllegalArgumentException.class);
    assertThat(registry.version()).isEqualTo(1);
    assertThat(registry.identify(with("api-key", "one")).project()).isEqualTo("team-a");
    yaml = TWO.replace("id: k1, sha256: " + ApiKey.sha256Hex("one"), "id: k1, revoked: true, sha256: " + ApiKey.sha256Hex("one"));
    assertThat(registry.reload()).isEqualTo(2);
    assertThatThrownBy(() -> registry.identify(with("api-key", "one"))).isInstanceOf(Problem.class);
    assertThat(registry.project("team-a").inFlight()).isEqualTo(5);
    assertThat(registry.project("team-b").inFlight()).isEqualTo(32);
    assertThat(registry.project("team-b").sharesCache()).isTrue();
    assertThat(registry.project("team-c")).isNull();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '~', value = {"projects: {} | projects", "project: [] | `project` is unknown", "projects: [5] | projects[0]", "projects: [{id: a b}] | projects[0].id", "projects: [{id: a}, {id: a}] | projects[1].id",
      "projects: [{id: a, colour: red}] | projects[0].colour", "projects: [{id: a, limits: {in-flight: 0}}] | projects[0].limits.in-flight", "projects: [{id: a, limits: 3}] | projects[0].limits",
      "projects: [{id: a, keys: [{id: k, sha256: sk-live-secret}]}] | projects[0].keys[0].sha256", "projects: [{id: a, keys: [{sha256: abc}]}] | projects[0].keys[0].id", "projects: [{id: a, keys: 5}] | projects[0].keys",
      "projects: [{id: a, tags: [a b]}] | projects[0].tags", "projects: [{id: a, id: b}] | no YAML", "projects: [ | no YAML", "[] | projects"})
  void a_bad_file_is_refused_with_its_name_and_key(String bad, String named) {
    yaml = bad;
    assertThatThrownBy(this::registry).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("callers.yaml").hasMessageContaining(named).hasMessageNotContaining("sk-live");
  }

  @Test
  void one_digest_belongs_to_one_project_and_all_faults_are_told_at_once() {
    String digest = ApiKey.sha256Hex("x");
    yaml = "projects: [{id: a, keys: [{id: k, sha256: " + digest + "}]}, {id: b, keys: [{id: k, sha256: " + digest + ", expires: soon}, {id: l, sha256: " + ApiKey.sha256Hex("y") + ", expires: soon}]}]";
    assertThatThrownBy(this::registry).hasMessageContaining("projects[1].keys[0].sha256").hasMessageContaining("projects[1].keys[1].expires");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '~', value = {"models: []~ | projects[0].models", "models: [7] | projects[0].models", "models: ['a b'] | projects[0].models", "providers: openai | projects[0].providers",
      "require-tags: [a b] | projects[0].require-tags", "regions: {a: b} | projects[0].regions", "profile: fast | projects[0].profile", "org: ~a/b~ | projects[0].org", "retention: 5y | projects[0].retention",
      "retention: -3d | projects[0].retention", "retention: 99999d | projects[0].retention", "limits: {per-minute: 5} | projects[0].limits.per-minute", "budgets: [] | projects[0].budgets", "credit: 5 | projects[0].credit",
      "keys: [{id: k, sha256: %s, endpoints: ['']}] | projects[0].keys[0].endpoints", "keys: [{id: k, sha256: %s, user: ' '}] | projects[0].keys[0].user", "keys: [{id: k, sha256: %s, limits: {}}] | projects[0].keys[0].limits",
      "keys: [{id: k, sha256: %s, colour: red}] | projects[0].keys[0].colour"})
  @Tag("M4")
  void what_a_project_says_wrongly_is_named_and_what_nobody_enforces_is_refused(String bad, String named) {
    yaml = "projects: [{id: a, " + bad.replace("~", "").replace("%s", ApiKey.sha256Hex("x")) + "}]";
    assertThatThrownBy(this::registry).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("callers.yaml: `" + named + "`");
  }

  @Test
  @Tag("M4")
  void parts_are_checked_by_those_who_read_them() {
    PartRules budgets = new PartRules() {
      @Override
      public String part() {
        return "budgets";
      }

      @Override
      public void check(com.fasterxml.jackson.databind.JsonNode part, boolean ofKey, java.util.function.BiConsumer<String, String> faults) {
        if (part.path(0).path("hard").asInt() < 0) {
          faults.accept("[0].hard", ofKey ? "of a key must be positive" : "must be positive");
        }
      }
    };
    yaml = "projects: [{id: a, budgets: [{hard: -1}], keys: [{id: k, sha256: " + ApiKey.sha256Hex("x") + ", budgets: [{hard: -1}]}]}]";
    assertThatThrownBy(() -> new CallerRegistry("callers.yaml", () -> yaml.getBytes(StandardCharsets.UTF_8), ADMIN, Clock.systemUTC(), List.of(budgets)))
        .hasMessageContaining("`projects[0].budgets[0].hard` must be positive").hasMessageContaining("`projects[0].keys[0].budgets[0].hard` of a key must be positive");
    yaml = yaml.replace("-1", "1");
    CallerRegistry registry = new CallerRegistry("callers.yaml", () -> yaml.getBytes(StandardCharsets.UTF_8), ADMIN, Clock.systemUTC(), List.of(budgets));
    assertThat(registry.project("a").budgets().path(0).path("hard").asInt()).isEqualTo(1);
    assertThat(registry.key("a", "k").budgets().path(0).path("hard").asInt()).isEqualTo(1);
  }

  @Test
  void a_key_is_for_its_endpoints_its_user_and_its_models_within_those_of_its_project() {
    yaml = """
        projects:
          - id: team-a
            org: acme
            tags: [eu]
            models: [openai/*]
            keys:
              - {id: narrow, sha256: %s, endpoints: [chat/*, kafka], user: alice, tags: [nightly], models: ["*", "!*-pro"]}
        """.formatted(ApiKey.sha256Hex("one"));
    Inbound chat = new Inbound("r", "http", "POST", "/v1/chat/completions", Map.of(), Map.of("api-key", "one"), new byte[0], NOW);
    Caller caller = registry().identify(chat);
    assertThat(caller.org()).isEqualTo("acme");
    assertThat(caller.user()).isEqualTo("alice");
    assertThat(caller.tags()).containsExactlyInAnyOrder("eu", "nightly");
    assertThat(caller.policy().forbids("openai", "gpt-4o", "openai/gpt-4o", Set.of())).isNull();
    assertThat(caller.policy().forbids("groq", "llama", "groq/llama", Set.of())).contains("project `team-a`", "openai/*", "groq/llama");
    assertThat(caller.policy().forbids("openai", "o3-pro", "openai/o3-pro", Set.of())).contains("key `narrow`", "!*-pro");
    Inbound vectors = new Inbound("r", "http", "POST", "/v1/embeddings", Map.of(), Map.of("api-key", "one"), new byte[0], NOW);
    assertThatThrownBy(() -> registry().identify(vectors)).isInstanceOfSatisfying(Problem.class, problem -> assertThat(problem.status()).isEqualTo(403)).hasMessageContaining("chat/*, kafka").hasMessageContaining("embeddings");
  }

  @Test
  void the_file_we_ship_is_an_open_gateway() throws Exception {
    yaml = Files.readString(Path.of("config/callers.yaml"));
    assertThat(registry().isOpen()).isTrue();
    yaml = yaml.replace("projects: []", "").replaceAll("(?m)^# (projects:|  )", "$1");
    List<PartRules> others = Stream.of("limits", "budgets", "credit").map(CallerRegistryTest::checkedByItsOwnRoom).toList();
    CallerRegistry example = new CallerRegistry("callers.yaml", () -> yaml.getBytes(StandardCharsets.UTF_8), ADMIN, Clock.fixed(NOW, ZoneOffset.UTC), others);
    assertThat(example.project("team-a").tags()).containsExactlyInAnyOrder("research", "eu");
  }

  private static PartRules checkedByItsOwnRoom(String part) {
    return new PartRules() {
      @Override
      public String part() {
        return part;
      }

      @Override
      public void check(JsonNode node, boolean ofKey, BiConsumer<String, String> faults) {
        // nothing is wrong with it here
      }
    };
  }

  @Test
  void a_generated_key_has_192_random_bits_and_never_prints() {
    Set<String> keys = new HashSet<>();
    for (int i = 0; i < 1_000; i++) {
      ApiKey key = ApiKey.generate();
      assertThat(key.key().value()).matches("dk-[A-Za-z0-9_-]{32}").endsWith(key.last4());
      assertThat(key.sha256()).isEqualTo(ApiKey.sha256Hex(key.key().value()));
      assertThat(key.toString()).doesNotContain(key.key().value());
      keys.add(key.key().value());
    }
    assertThat(keys).hasSize(1_000);
    assertThat(Secret.of("a")).isEqualTo(Secret.of("a")).isNotEqualTo(Secret.of("b")).hasToString("***");
  }

  @Test
  @Tag("X9")
  void the_admin_token_is_made_once_for_its_owner_only(@TempDir Path dir) throws Exception {
    Path state = dir.resolve("data");
    AdminToken first = AdminToken.load(state, null);
    assertThat(first.value().value()).hasSizeGreaterThanOrEqualTo(30);
    assertThat(AdminToken.load(state, " ").value()).isEqualTo(first.value());
    assertThat(AdminToken.load(state, "0123456789012345678901")).isEqualTo(new AdminToken(Secret.of("0123456789012345678901"), true));
    assertThatThrownBy(() -> AdminToken.load(state, "admin")).hasMessageContaining("DROMEDARY_ADMIN_TOKEN").hasMessageNotContaining("`admin`");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(state.resolve("admin-token")))).isEqualTo("rw-------");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(state))).isEqualTo("rwx------");
    try (var files = Files.list(state)) {
      assertThat(files).hasSize(1);
    }
    Files.setPosixFilePermissions(state.resolve("admin-token"), PosixFilePermissions.fromString("rw-r--r--"));
    AdminToken.load(state, null);
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(state.resolve("admin-token")))).isEqualTo("rw-------");
  }
}
