package io.dromedary.admin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Problem;
import io.dromedary.spend.Store;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AuditLogTest {
  static final Caller ADMIN = new Caller("admin", "admin-token", true, Set.of());
  @TempDir Path dir;
  Store store;
  AuditLog log;

  @BeforeEach
  void open() {
    store = Store.open(dir.resolve("data"), null);
    log = new AuditLog(store.dataSource(), store.node(), Clock.systemUTC());
  }

  @AfterEach
  void close() {
    store.close();
  }

  static Inbound in(String method, String path, Map<String, String> query, String body) {
    return new Inbound("req-1", "http", method, path, query, Map.of(), body.getBytes(StandardCharsets.UTF_8), Instant.now());
  }

  void change(String path) {
    Inbound in = in("POST", path, Map.of(), "{\"secret\": \"words\"}");
    log.asked(in, ADMIN);
    log.answered(in, "admin-token", true, 200);
  }

  void sql(String statement) throws SQLException {
    try (Connection connection = store.dataSource().getConnection(); Statement run = connection.createStatement()) {
      run.execute(statement);
    }
  }

  JsonNode lines() {
    return log.page(in("GET", "/admin/audit", Map.of(), "")).path("data");
  }

  @Test
  void a_change_is_noted_before_and_after_it_with_the_digest_of_its_body_and_not_the_body() throws SQLException {
    change("/admin/keys");
    assertThat(lines()).hasSize(2);
    assertThat(lines().path(1).path("kind").asText()).isEqualTo("asked");
    assertThat(lines().path(0).path("kind").asText()).isEqualTo("done");
    assertThat(lines().path(0).path("status").asInt()).isEqualTo(200);
    assertThat(lines().path(0).path("body_sha256").asText()).isEqualTo(AuditEntry.sha256("{\"secret\": \"words\"}".getBytes(StandardCharsets.UTF_8)));
    assertThat(lines().toString()).doesNotContain("words");
    assertThat(log.verify().whole()).isTrue();
  }

  @Test
  void a_flood_of_refusals_is_one_line_at_once_and_one_with_their_number() {
    for (int i = 0; i < 500; i++) {
      log.answered(in("GET", "/admin/projects", Map.of(), ""), "team-a/ci", false, 401);
    }
    assertThat(lines()).hasSize(2);
    assertThat(lines().path(0).path("times").asInt() + lines().path(1).path("times").asInt()).isEqualTo(500);
    assertThat(lines().path(0).path("actor").asText()).isEqualTo("team-a/ci");
  }

  @ParameterizedTest
  @ValueSource(strings = {"UPDATE dromedary_audit SET status = 500 WHERE seq = 4", "UPDATE dromedary_audit SET actor = 'nobody' WHERE seq = 4", "UPDATE dromedary_audit SET at_ms = at_ms + 1 WHERE seq = 4",
      "UPDATE dromedary_audit SET path = '/admin/key', request_id = 'sreq-1' WHERE seq = 4", "DELETE FROM dromedary_audit WHERE seq = 4", "UPDATE dromedary_audit SET previous = 'x' WHERE seq = 4",
      "UPDATE dromedary_audit SET hash = 'x' WHERE seq = 4"})
  void a_line_that_is_changed_or_taken_out_breaks_the_chain_there(String tampering) throws SQLException {
    change("/admin/keys");
    change("/admin/projects");
    change("/admin/keys");
    assertThat(log.verify()).isEqualTo(new AuditLog.Verdict(true, 6, 0, "", log.verify().head()));
    sql(tampering);
    assertThat(log.verify().whole()).isFalse();
    assertThat(log.verify().brokenAt()).isEqualTo(4);
  }

  @Test
  void a_cut_end_does_not_fit_the_head() throws SQLException {
    change("/admin/keys");
    sql("DELETE FROM dromedary_audit WHERE seq = 2");
    assertThat(log.verify().whole()).isFalse();
    assertThat(log.verify().why()).contains("the head stands at line 2", "ends at line 1");
  }

  @Test
  void two_nodes_write_one_chain() throws Exception {
    AuditLog other = new AuditLog(store.dataSource(), "other-node", Clock.systemUTC());
    List<Thread> threads = new ArrayList<>();
    for (AuditLog node : List.of(log, other, log, other)) {
      Thread thread = new Thread(() -> {
        for (int i = 0; i < 25; i++) {
          node.asked(in("POST", "/admin/keys", Map.of(), "{}"), ADMIN);
        }
      });
      thread.start();
      threads.add(thread);
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(log.verify()).isEqualTo(new AuditLog.Verdict(true, 100, 0, "", log.verify().head()));
  }

  @Test
  void what_cannot_be_noted_is_not_done() throws SQLException {
    sql("DROP TABLE dromedary_audit");
    assertThatThrownBy(() -> change("/admin/keys")).isInstanceOfSatisfying(Problem.class, problem -> assertThat(problem.status()).isEqualTo(503)).hasMessageContaining("nothing is changed");
  }

  @Test
  void odd_parameters_are_named() {
    for (Map<String, String> query : List.of(Map.of("limit", "0"), Map.of("limit", "x"), Map.of("limit", "99999999999999999999"), Map.of("before", "-1"), Map.of("verify", "yes"))) {
      assertThatThrownBy(() -> log.page(in("GET", "/admin/audit", query, ""))).isInstanceOfSatisfying(Problem.class, problem -> assertThat(problem.param()).isEqualTo(query.keySet().iterator().next()));
    }
  }
}
