package io.dromedary.spend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.dromedary.chat.Usd;
import io.dromedary.testing.Postgres;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class SpendOnPostgresTest extends SumsContract {
  @Override
  String freshUrl() throws Exception {
    return Postgres.freshUrl();
  }

  @Test
  @Tag("F5")
  void cut_connections_are_replaced() {
    Store other = Store.open(dir.resolve("other"), url);
    try {
      ledger.begin(SpendSamples.started("r1", 1), "r1", "default");
      try (Connection connection = other.dataSource().getConnection(); Statement statement = connection.createStatement()) {
        statement.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
      } catch (java.sql.SQLException e) {
        throw new IllegalStateException(e);
      }
      await().ignoreExceptions().atMost(Duration.ofSeconds(10)).until(() -> {
        ledger.begin(SpendSamples.started("r2", 1), "r2", "default");
        return true;
      });
      assertThat(number("SELECT COUNT(*) FROM dromedary_attempts")).isEqualTo(2);
    } finally {
      other.close();
    }
  }

  @Test
  @Tag("M1")
  void a_living_neighbour_is_left_alone_and_a_dead_one_is_settled() throws Exception {
    Store other = Store.open(dir.resolve("other"), url);
    try {
      ledger.begin(SpendSamples.started("r1", 1), "r1", "default");
      Outbox none = new Outbox(other, List.of(), clock);
      AtomicLong nanos = new AtomicLong();
      Nodes neighbour = new Nodes(other, clock, none, nanos::get);
      assertThat(neighbour.recover(true)).as("it lives").isZero();
      clock.ahead = Duration.ofDays(1);
      assertThat(neighbour.recover(true)).as("whatever our clock says").isZero();
      nanos.addAndGet(Nodes.LEASE.plusSeconds(1).toNanos());
      assertThat(neighbour.recover(true)).isEqualTo(1);
      assertThat(number("SELECT COUNT(*) FROM dromedary_requests WHERE request_id = 'r1' AND status = 'unknown'")).isEqualTo(1);
    } finally {
      other.close();
    }
  }

  @Test
  @Tag("M2")
  void two_nodes_spend_one_budget_to_its_last_and_not_beyond() throws Exception {
    Store other = Store.open(dir.resolve("other"), url);
    try (Ledger neighbour = new Ledger(other, new Outbox(other, List.of(), clock), clock)) {
      SpendSamples.Till till = new SpendSamples.Till("t", "0.1");
      AtomicInteger ids = new AtomicInteger();
      assertThat(count(concurrently(1_000, 64, () -> {
        int n = ids.incrementAndGet();
        return spend(n % 2 == 0 ? ledger : neighbour, "r" + n, Usd.of("0.001002"), 1_670, till, new SpendSamples.Till("p" + n % 7, "1"));
      }))).isEqualTo(99);
      assertThat(used("t")).isEqualTo(99 * 1_002_000L).isEqualTo(number("SELECT SUM(cost_nanos) FROM dromedary_requests"));
      assertThat(number("SELECT SUM(used_nanos) FROM dromedary_purses WHERE purse_key LIKE 'p%'")).isEqualTo(used("t"));
      assertThat(number("SELECT SUM(reserved_nanos) FROM dromedary_purses")).isZero();
    } finally {
      other.close();
    }
  }
}
