package io.dromedary.features;

import static io.dromedary.testing.Gateway.request;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.testing.FakeProvider;
import io.dromedary.testing.Gateway;
import io.dromedary.testing.Gateway.Answer;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;

/** What one gateway kept in a real PostgreSQL, by the route that is packed for it, another recalls. One after the other: two do not fit into one process. */
@Tag("C2")
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class SharedSemanticCacheTest {
  private static final String MODEL = "openai/gpt-4o";

  private static EmbeddedPostgres postgres;
  private static FakeProvider openai;
  private static Gateway two;

  @BeforeAll
  static void start() throws IOException {
    postgres = EmbeddedPostgres.builder().start();
    openai = FakeProvider.openai().usage(100, 50);
    try (Gateway one = gateway()) {
      for (String question : List.of("How do I reset my password?", "Where is the Louvre?")) {
        assertThat(one.chat(MODEL, question).status()).isEqualTo(200);
      }
      await().atMost(Duration.ofSeconds(20)).until(() -> one.admin("/admin/cache").json().at("/semantic_store/written").asInt() == 2);
    }
    two = gateway();
  }

  private static Gateway gateway() {
    Gateway made = Gateway.with("openai", openai).set("dromedary.cache.semantic.enabled", true).set("dromedary.cache.semantic.look-up", "5s").set("dromedary.cache.semantic.store", "direct:semantic-store-postgres")
        .set("dromedary.cache.semantic.store-timeout", "2s").set("dromedary.cache.semantic.store-url", "postgres://postgres:postgres@127.0.0.1:" + postgres.getPort() + "/postgres").start();
    await().atMost(Duration.ofSeconds(20)).until(() -> made.admin("/admin/cache").json().at("/semantic_store/up").asBoolean());
    return made;
  }

  @AfterAll
  static void stop() throws IOException {
    two.close();
    openai.close();
    postgres.close();
  }

  private static Answer recalled(String question) {
    return two.chat(request(MODEL, question), "x-dromedary-cache", "only");
  }

  private static int sql(String statement) throws SQLException {
    try (Connection connection = postgres.getPostgresDatabase().getConnection(); Statement run = connection.createStatement()) {
      if (run.execute(statement)) {
        ResultSet row = run.getResultSet();
        return row.next() ? row.getInt(1) : -1;
      }
      return run.getUpdateCount();
    }
  }

  @Test
  @Order(1)
  void what_one_was_told_the_other_finds_whole_and_streamed_and_its_page_says_how_alike_it_was() {
    Answer whole = recalled("How can I reset my password?");
    assertThat(whole.status()).as(whole.text()).isEqualTo(200);
    assertThat(whole.header("x-dromedary-cache")).isEqualTo("semantic");
    assertThat(whole.header("x-dromedary-cache-similarity")).isNotNull();
    JsonNode why = two.get("/v1/requests/" + whole.requestId()).json().at("/decision/semantic_cache");
    assertThat(why.path("hit").asBoolean()).isTrue();
    assertThat(why.path("similarity").asDouble()).isBetween(0.8, 1.0);

    Gateway.Streamed streamed = two.stream(request(MODEL, "How could I reset my password?"), "x-dromedary-cache", "only");
    assertThat(streamed.done()).isTrue();
    assertThat(streamed.header("x-dromedary-cache")).isEqualTo("semantic");
    assertThat(streamed.header("x-dromedary-cache-similarity")).isNotNull();
    assertThat(recalled("How can I not reset my password?").status()).isEqualTo(404);
  }

  @Test
  @Order(2)
  void a_row_that_claims_another_partition_or_project_is_no_hit() throws SQLException {
    String brief = "{'messages': [{'role': 'system', 'content': 'be brief'}, {'role': 'user', 'content': 'Where could the Louvre be?'}]}";
    assertThat(sql("UPDATE dromedary_meanings SET project = 'other'")).isEqualTo(2);
    assertThat(recalled("Where can the Louvre be?").status()).as("another project's by its column").isEqualTo(404);
    sql("UPDATE dromedary_meanings SET project = 'default'");
    // another conversation's entries are put where this one's are looked for
    assertThat(two.chat(request(MODEL, "", brief.replace("Where could the Louvre be", "Who are you"))).status()).isEqualTo(200);
    await().atMost(Duration.ofSeconds(20)).until(() -> two.admin("/admin/cache").json().at("/semantic_store/written").asInt() == 1);
    sql("UPDATE dromedary_meanings SET partition = (SELECT partition FROM dromedary_meanings ORDER BY stored_at DESC LIMIT 1)");
    assertThat(two.chat(request(MODEL, "", brief), "x-dromedary-cache", "only").status()).isEqualTo(404);
    assertThat(two.admin("/admin/cache").json().at("/semantic_store/garbage").asInt()).isPositive();
  }

  @Test
  @Order(3)
  @Tag("C3")
  void a_purge_at_one_empties_the_store() throws SQLException {
    assertThat(sql("SELECT count(*) FROM dromedary_meanings")).isPositive();
    Answer purged = two.admin("/admin/cache/purge", "{\"model\": \"" + MODEL + "\"}");
    assertThat(purged.json().path("semantic_store").asInt()).as(purged.text()).isPositive();
    assertThat(sql("SELECT count(*) FROM dromedary_meanings")).isZero();
  }

  @Test
  @Order(4)
  @Tag("C5")
  void a_database_that_is_gone_is_a_miss_and_no_error() throws IOException {
    postgres.close();
    for (int i = 0; i < 5; i++) {
      Answer answer = two.chat(MODEL, "Who wrote Faust, part " + i + "?");
      assertThat(answer.status()).isEqualTo(200);
      assertThat(answer.header("x-dromedary-cache")).isEqualTo("miss");
    }
    assertThat(two.admin("/admin/cache").json().at("/semantic_store/away").asInt()).isPositive();
    assertThat(two.admin("/admin/cache").json().at("/semantic_store/up").asBoolean()).isFalse();
  }
}
