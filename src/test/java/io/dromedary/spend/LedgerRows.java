package io.dromedary.spend;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import javax.sql.DataSource;

/** Requests as the ledger has them, made up: many, and quickly. For tests of reports and for their bench. */
public final class LedgerRows {
  private static final long DAY_MS = 86_400_000;

  /** One settled request. */
  public record Row(long seq, long receivedMs, Map<String, String> labels, String baseline, String status, String cache, long uncached, long cacheRead, long cacheWrite, long output, long reasoning, long cost, long cacheSaved,
      long routingSaved, long totalUs) {
    public boolean hit() {
      return !cache.equals("miss");
    }
  }

  private LedgerRows() {}

  /**
   * Makes rows, their keys in the order of time but for a few that were settled out of order.
   *
   * @param size how many
   * @param days how far back
   * @param projects how many projects, with three keys each, and 50 users
   */
  public static void make(long seed, int size, long nowMs, int days, int projects, Consumer<Row> each) {
    Random random = new Random(seed);
    long span = days * DAY_MS;
    for (int i = 0; i < size; i++) {
      long received = nowMs - span + (long) ((double) span * i / size);
      long seq = Sequence.at(received + random.nextInt(50)) | (long) (i % 1_024) << 6 | (long) (i & 1) << 15;
      int project = (int) Math.min(projects - 1, Math.abs(random.nextGaussian()) * projects / 2.5);
      boolean hit = random.nextInt(10) < 2;
      int model = Math.min(7, (int) (Math.abs(random.nextGaussian()) * 3));
      String tags = List.of("", "team-" + project % 7, "team-" + project % 7 + ",web").get(random.nextInt(3));
      long cost = hit ? 0 : random.nextInt(5_000_000);
      each.accept(new Row(seq, received,
          Map.of("project", "project-" + project, "key", "key-" + random.nextInt(3), "user", "user-" + project + "-" + random.nextInt(50), "agent", random.nextInt(5) == 0 ? "agent-" + project % 3 : "", "provider", "provider-" + model % 4,
              "model", "provider-" + model % 4 + "/model-" + model, "tier", "tier-" + Math.min(4, model), "task", "task-" + random.nextInt(6), "domain", "domain-" + random.nextInt(5), "tags", tags),
          random.nextInt(20) == 0 ? "" : "provider-0/model-0", random.nextInt(25) == 0 ? "error" : "ok", hit ? random.nextBoolean() ? "hit" : "semantic" : "miss", random.nextInt(4_000), random.nextInt(500), random.nextInt(100),
          random.nextInt(900), random.nextInt(50), cost, hit ? random.nextInt(5_000_000) : 0, hit ? 0 : random.nextInt(9_000_000) - cost, (long) (Math.exp(random.nextGaussian() + 13))));
    }
  }

  public static List<Row> list(long seed, int size, long nowMs, int days, int projects) {
    List<Row> rows = new ArrayList<>(size);
    make(seed, size, nowMs, days, projects, rows::add);
    return rows;
  }

  /** Takes rows and writes them in batches; closing writes the last. */
  public static final class Writer implements AutoCloseable {
    private final Connection connection;
    private final PreparedStatement insert;
    private int waiting;

    public Writer(DataSource store) throws SQLException {
      connection = store.getConnection();
      connection.setAutoCommit(false);
      insert = connection.prepareStatement("INSERT INTO dromedary_requests (seq, request_id, project, key_id, tags, entry, requested_model, served_model, provider, tier, task, domain, score, strategy, reason, status,"
          + " http_status, streamed, cache, uncached_input, cache_read, cache_write, output, reasoning, counted, cost_nanos, cache_saved_nanos, routing_saved_nanos, baseline_model, attempts, received_at_ms, settled_at_ms,"
          + " first_token_us, total_us, overhead_us, prompt_hash, user_id, agent) VALUES (?, ?, ?, ?, ?, 'http', 'auto', ?, ?, ?, ?, ?, 0.25, 'tier', 'cheapest of its tier', ?, 200, FALSE, ?, ?, ?, ?, ?, ?, FALSE, ?, ?, ?, ?, 1,"
          + " ?, ?, 100000, ?, 300, 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', ?, ?)");
    }

    public void write(Row row) {
      try {
        int at = 1;
        insert.setLong(at++, row.seq());
        insert.setString(at++, "req-" + row.seq());
        for (String label : new String[] {"project", "key", "tags", "model", "provider", "tier", "task", "domain"}) {
          insert.setString(at++, row.labels().get(label));
        }
        insert.setString(at++, row.status());
        insert.setString(at++, row.cache());
        for (long number : new long[] {row.uncached(), row.cacheRead(), row.cacheWrite(), row.output(), row.reasoning(), row.cost(), row.cacheSaved(), row.routingSaved()}) {
          insert.setLong(at++, number);
        }
        insert.setString(at++, row.baseline());
        insert.setLong(at++, row.receivedMs());
        insert.setLong(at++, row.receivedMs() + row.totalUs() / 1_000);
        insert.setLong(at++, row.totalUs());
        insert.setString(at++, row.labels().get("user"));
        insert.setString(at, row.labels().get("agent"));
        insert.addBatch();
        if (++waiting == 1_000) {
          flush();
        }
      } catch (SQLException e) {
        throw new IllegalStateException(e);
      }
    }

    private void flush() throws SQLException {
      insert.executeBatch();
      connection.commit();
      waiting = 0;
    }

    @Override
    public void close() throws SQLException {
      flush();
      insert.close();
      connection.close();
    }
  }
}
