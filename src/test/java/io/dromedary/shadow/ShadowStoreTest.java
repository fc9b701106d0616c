package io.dromedary.shadow;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.chat.Json;
import io.dromedary.spend.Store;
import io.dromedary.testing.Postgres;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ShadowStoreTest {
  @TempDir Path dir;

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void pairs_are_compared_and_forgotten_alike_on_both_stores(boolean postgres) throws Exception {
    try (Store database = Store.open(dir, postgres ? Postgres.freshUrl() : null)) {
      ShadowStore store = new ShadowStore(database.dataSource(), Duration.ofDays(30), Clock.systemUTC());
      long now = System.currentTimeMillis();
      insert(database, "a", "p", "answered", 0.5, 100, now);
      insert(database, "b", "p", "answered", 1.0, 200, now);
      insert(database, "c", "p", "down", null, 0, now - Duration.ofDays(40).toMillis());
      insert(database, "d", "q", "answered", 0.0, 50, now);

      JsonNode all = store.pairs(null);
      assertThat(all).hasSize(1);
      assertThat(all.at("/0/shadows").asInt()).isEqualTo(4);
      JsonNode own = store.pairs("p").get(0);
      assertThat(own.path("answered").asInt()).isEqualTo(2);
      assertThat(own.at("/agreement/value").asDouble()).isEqualTo(0.75);
      assertThat(own.at("/agreement/low").asDouble()).isBetween(0.2, 0.75);
      assertThat(own.at("/agreement/high").asDouble()).isEqualTo(1);
      assertThat(own.at("/mean_cost_usd/shadow").asDouble()).as("of those that answered").isEqualTo(150e-9);
      assertThat(own.path("shadows_cost_nanos").asLong()).isEqualTo(300);
      assertThat(store.onPage(Json.object().put("id", "a")).at("/shadow/agreement").asDouble()).isEqualTo(0.5);
      assertThat(store.onPage(Json.object().put("id", "c")).at("/shadow/agreement").isNull()).isTrue();
      assertThat(store.onPage(Json.object().put("id", "x")).has("shadow")).isFalse();
      assertThat(store.sweep()).as("older than interactions are kept").isEqualTo(1);
      assertThat(store.erase("p", null, Instant.now().plusSeconds(60))).isEqualTo(2);
      assertThat(store.erase(null, "nobody", null)).isZero();
      assertThat(store.pairs(null).at("/0/shadows").asInt()).isEqualTo(1);
    }
  }

  private static void insert(Store database, String id, String project, String outcome, Double agreement, long nanos, long at) throws Exception {
    try (Connection connection = database.dataSource().getConnection();
        PreparedStatement insert = connection.prepareStatement("INSERT INTO dromedary_shadows VALUES (?, ?, ?, 'a/one', 'a/two', ?, ?, 'lexical', 400, ?, 1000, 2000, 5, 6, ?)")) {
      insert.setString(1, id);
      insert.setString(2, id + Shadow.SUFFIX);
      insert.setString(3, project);
      insert.setString(4, outcome);
      insert.setObject(5, agreement, java.sql.Types.DOUBLE);
      insert.setLong(6, nanos);
      insert.setLong(7, at);
      insert.executeUpdate();
    }
  }
}
