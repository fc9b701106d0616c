package io.dromedary.batch;

import io.dromedary.catalog.Cargo;
import io.dromedary.catalog.Lot;
import io.dromedary.catalog.Ride;
import java.io.IOException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Lots and the lines that wait in them, as rows beside their batches. */
final class LotStore {
  private static final int PAGE_LINES = 200;
  private static final String LOT = "id, batch_id, provider, endpoint, model, requests, state, their_id, done, tries, created_at_ms, sent_at_ms, leave_at_ms";

  private final BatchStore store;
  private final Clock clock;

  LotStore(BatchStore store, Clock clock) {
    this.store = store;
    this.clock = clock;
  }

  // ---- lines

  /** Keeps a line that rides. @return false if it has a row already */
  boolean board(String batchId, BatchLine line, Ride ride) {
    return store.with(connection -> {
      try {
        return BatchStore.run(connection, "INSERT INTO dromedary_rides (batch_id, line_no, custom_id, request_id, provider, model, inputs, bytes, ticket, asked, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            batchId, line.number(), BatchStore.clip(line.customId(), BatchLine.LONGEST_ID), ride.requestId(), ride.provider(), ride.model(), ride.inputs(), ride.content().length, ride.ticket(), line.body(), ride.content()) == 1;
      } catch (SQLException e) {
        if (BatchStore.exists(e)) {
          return false;
        }
        throw e;
      }
    });
  }

  /** Lines that wait for a result. @param walking those that are to be asked one by one are set here instead */
  BitSet waiting(String batchId, BitSet walking) {
    return store.with(connection -> {
      BitSet lines = new BitSet();
      select(connection, "SELECT line_no, CASE WHEN content IS NULL THEN 1 ELSE 0 END FROM dromedary_rides WHERE batch_id = ?", row -> (row.getInt(2) == 1 ? walking : lines).set(row.getInt(1)), batchId);
      return lines;
    });
  }

  /** The requests of lines that wait for a result. */
  Set<String> requests(String batchId) {
    return store.with(connection -> {
      Set<String> ids = new HashSet<>();
      select(connection, "SELECT request_id FROM dromedary_rides WHERE batch_id = ? AND content IS NOT NULL", row -> ids.add(row.getString(1)), batchId);
      return ids;
    });
  }

  /** The line of a lot, null if it waits no more. */
  @Nullable RideRow ride(Lot lot, int line) {
    List<RideRow> found = rides("lot_id = ? AND line_no = ?", true, lot.id(), line);
    return found.isEmpty() ? null : found.get(0);
  }

  /** Lines of a lot that still wait; without what they asked. */
  List<RideRow> left(Lot lot) {
    return rides("lot_id = ?", false, lot.id());
  }

  private List<RideRow> rides(String where, boolean asked, Object... values) {
    return store.with(connection -> {
      List<RideRow> rides = new ArrayList<>();
      select(connection, "SELECT line_no, custom_id, request_id, provider" + (asked ? ", ticket, asked" : "") + " FROM dromedary_rides WHERE " + where + " AND content IS NOT NULL ORDER BY line_no",
          row -> rides.add(new RideRow(row.getInt(1), row.getString(2), row.getString(3), row.getString(4), asked ? row.getString(5) : "", asked ? row.getBytes(6) : new byte[0])), values);
      return rides;
    });
  }

  /** It is to be asked one by one. */
  void walk(String batchId, int line) {
    store.with(connection -> BatchStore.run(connection, "UPDATE dromedary_rides SET lot_id = NULL, content = NULL, asked = NULL, ticket = NULL WHERE batch_id = ? AND line_no = ?", batchId, line));
  }

  void forget(String batchId, int line) {
    store.with(connection -> forget(connection, batchId, line));
  }

  static int forget(Connection connection, String batchId, int line) throws SQLException {
    return BatchStore.run(connection, "DELETE FROM dromedary_rides WHERE batch_id = ? AND line_no = ?", batchId, line);
  }

  // ---- lots

  /** What all lines of a lot have in common. */
  private record Lane(String provider, String model) {}

  /** Puts lines that have no lot yet into lots. @return how many lots were made */
  int pack(Batch batch, RideRules rules) {
    return store.together(connection -> {
      Map<Lane, List<Integer>> lots = new HashMap<>();
      Map<Lane, long[]> filled = new HashMap<>();
      List<Map.Entry<Lane, List<Integer>>> made = new ArrayList<>();
      select(connection, "SELECT line_no, provider, model, inputs, bytes FROM dromedary_rides WHERE batch_id = ? AND lot_id IS NULL AND content IS NOT NULL ORDER BY line_no", row -> {
        Lane lane = new Lane(row.getString(2), row.getString(3));
        List<Integer> lines = lots.computeIfAbsent(lane, k -> new ArrayList<>());
        long[] sums = filled.computeIfAbsent(lane, k -> new long[2]);
        if (!lines.isEmpty() && (lines.size() >= rules.maxRequests() || sums[0] + row.getInt(4) > RideRules.MOST_INPUTS || sums[1] + row.getInt(5) > rules.maxBytes())) {
          made.add(Map.entry(lane, List.copyOf(lines)));
          lines.clear();
          sums[0] = sums[1] = 0;
        }
        lines.add(row.getInt(1));
        sums[0] += row.getInt(4);
        // its name, path and brackets come with it
        sums[1] += row.getInt(5) + 200;
      }, batch.id());
      lots.forEach((lane, lines) -> made.add(Map.entry(lane, lines)));
      for (Map.Entry<Lane, List<Integer>> lot : made) {
        List<Integer> lines = lot.getValue();
        String id = Ids.lot();
        BatchStore.run(connection, "INSERT INTO dromedary_lots (id, batch_id, provider, endpoint, model, requests, state, done, tries, created_at_ms, sent_at_ms, leave_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, ?, 0, 0)", id, batch.id(),
            lot.getKey().provider(), batch.endpoint(), lot.getKey().model(), lines.size(), Lot.READY, clock.millis());
        try (PreparedStatement update = connection.prepareStatement("UPDATE dromedary_rides SET lot_id = ? WHERE batch_id = ? AND line_no = ?")) {
          for (int line : lines) {
            update.setString(1, id);
            update.setString(2, batch.id());
            update.setInt(3, line);
            update.addBatch();
          }
          update.executeBatch();
        }
      }
      return made.size();
    });
  }

  List<Lot> lots(String batchId) {
    return lots("batch_id = ?", batchId);
  }

  /** What other lots are called at this provider. */
  Set<String> known(Lot lot) {
    Set<String> ids = new HashSet<>();
    for (Lot other : lots("provider = ? AND their_id IS NOT NULL AND id <> ?", lot.provider(), lot.id())) {
      ids.add(other.theirId());
    }
    return ids;
  }

  private List<Lot> lots(String where, Object... values) {
    return store.with(connection -> {
      List<Lot> lots = new ArrayList<>();
      select(connection, "SELECT " + LOT + " FROM dromedary_lots WHERE " + where + " ORDER BY created_at_ms, id", row -> lots.add(new Lot(row.getString(1), row.getString(2), row.getString(3), row.getString(4), row.getString(5), row.getInt(6),
          row.getString(7), row.getString(8), row.getInt(9), row.getInt(10), row.getLong(11), row.getLong(12), row.getLong(13))), values);
      return lots;
    });
  }

  void state(Lot lot, String state, @Nullable String theirId, int done, int tries) {
    // when it came into these two states is noted, and stays
    String since = state.equals(Lot.SENDING) ? ", sent_at_ms = " + clock.millis() : state.equals(Lot.LEAVING) ? ", leave_at_ms = " + clock.millis() : "";
    store.with(connection -> BatchStore.run(connection, "UPDATE dromedary_lots SET state = ?, their_id = ?, done = ?, tries = ?" + since + " WHERE id = ?", state, theirId, done, tries, lot.id()));
  }

  void end(Lot lot) {
    store.with(connection -> BatchStore.run(connection, "DELETE FROM dromedary_lots WHERE id = ?", lot.id()));
  }

  /** The requests of a lot, some at a time. */
  Cargo cargo(Lot lot) {
    return into -> {
      int after = 0;
      while (true) {
        int from = after;
        Map<Integer, byte[]> page = store.with(connection -> {
          Map<Integer, byte[]> read = new TreeMap<>();
          select(connection, "SELECT line_no, content FROM dromedary_rides WHERE lot_id = ? AND line_no > ? AND content IS NOT NULL ORDER BY line_no LIMIT " + PAGE_LINES, row -> read.put(row.getInt(1), row.getBytes(2)), lot.id(), from);
          return read;
        });
        if (page.isEmpty()) {
          return;
        }
        for (Map.Entry<Integer, byte[]> line : page.entrySet()) {
          into.take(lot.customId(line.getKey()), line.getValue());
          after = line.getKey();
        }
      }
    };
  }

  private interface Each {
    void row(ResultSet row) throws SQLException;
  }

  private static void select(Connection connection, String sql, Each each, Object... values) throws SQLException {
    try (PreparedStatement select = connection.prepareStatement(sql)) {
      BatchStore.bind(select, values);
      try (ResultSet row = select.executeQuery()) {
        while (row.next()) {
          each.row(row);
        }
      }
    }
  }
}
