package io.dromedary.batch;

import io.dromedary.chat.Problem;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Files, batches and answered lines in the ledger's database. Whatever is large goes in and out piece by piece, and no connection is held while a caller reads or writes. */
public final class BatchStore {
  /** The states that OpenAI tells the time of, by their names there. */
  static final List<String> STATES = List.of("in_progress_at", "finalizing_at", "completed_at", "failed_at", "expired_at", "cancelling_at", "cancelled_at");

  private static final Logger LOG = LoggerFactory.getLogger(BatchStore.class);
  private static final int CHUNK_BYTES = 256 << 10;
  /** How much of a batch's lines is read at once. */
  private static final int PAGE_BYTES = 1 << 20;
  private static final int PAGE_LINES = 500;
  private static final String OPEN = Batch.OPEN.stream().sorted().collect(Collectors.joining("', '", "('", "')"));
  private static final String FILE = "id, project, filename, purpose, bytes, ready, batch_id, created_at_ms";
  private static final String BATCH = "id, project, key_id, entry, endpoint, input_file_id, completion_window, metadata, status, total, completed, failed, errors, output_file_id, error_file_id, created_at_ms, expires_at_ms,"
      + " in_progress_at_ms, finalizing_at_ms, completed_at_ms, failed_at_ms, expired_at_ms, cancelling_at_ms, cancelled_at_ms, outbox_name";

  private final DataSource dataSource;
  private final String node;
  private final Clock clock;

  public BatchStore(DataSource dataSource, String node, Clock clock) {
    this.dataSource = dataSource;
    this.node = node;
    this.clock = clock;
  }

  interface Work<T> {
    T on(Connection connection) throws SQLException;
  }

  /** @throws Problem 503 when the store cannot be reached */
  <T> T with(Work<T> work) {
    try (Connection connection = dataSource.getConnection()) {
      return work.on(connection);
    } catch (SQLException e) {
      throw unavailable(e);
    }
  }

  <T> T together(Work<T> work) {
    return with(connection -> {
      connection.setAutoCommit(false);
      try {
        T result = work.on(connection);
        connection.commit();
        return result;
      } catch (SQLException | RuntimeException e) {
        connection.rollback();
        throw e;
      } finally {
        connection.setAutoCommit(true);
      }
    });
  }

  private static Problem unavailable(SQLException e) {
    LOG.debug("the store of files and batches failed", e);
    return new Problem(503, "service_unavailable_error", "the store of files and batches cannot be reached; try again").code("ledger_unavailable").retryAfter(Duration.ofSeconds(1));
  }

  static int run(Connection connection, String sql, @Nullable Object... values) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      bind(statement, values);
      return statement.executeUpdate();
    }
  }

  static void bind(PreparedStatement statement, @Nullable Object... values) throws SQLException {
    for (int i = 0; i < values.length; i++) {
      statement.setObject(i + 1, values[i]);
    }
  }

  private long number(String sql, @Nullable Object... values) {
    return with(connection -> {
      try (PreparedStatement select = connection.prepareStatement(sql)) {
        bind(select, values);
        try (ResultSet row = select.executeQuery()) {
          row.next();
          return row.getLong(1);
        }
      }
    });
  }

  // ---- files

  /** Begins a file that nobody sees until it is {@link #ready}. */
  void begin(String id, String project) {
    with(connection -> run(connection, "INSERT INTO dromedary_files (id, project, filename, purpose, bytes, ready, created_at_ms) VALUES (?, ?, '', '', 0, FALSE, ?)", id, project, clock.millis()));
  }

  /** Writes a file's content. @return its bytes, -1 if there are more than {@code most} */
  long write(String id, InputStream content, long most) throws IOException {
    long total = 0;
    for (int chunk = 0; ; chunk++) {
      byte[] bytes = content.readNBytes(CHUNK_BYTES);
      if (bytes.length == 0) {
        return total;
      }
      total += bytes.length;
      if (total > most) {
        return -1;
      }
      int number = chunk;
      with(connection -> {
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO dromedary_file_chunks (file_id, chunk_no, content) VALUES (?, ?, ?)")) {
          insert.setString(1, id);
          insert.setInt(2, number);
          insert.setBytes(3, bytes);
          return insert.executeUpdate();
        }
      });
    }
  }

  /** Shows a file that was written. @return false if its key has made another one meanwhile: then it is gone */
  boolean ready(BatchFile file, @Nullable Once once) {
    return once(file.project(), file.id(), once, connection -> ready(connection, file.id(), file.filename(), file.purpose(), file.bytes()));
  }

  private static int ready(Connection connection, String id, String filename, String purpose, long bytes) throws SQLException {
    return run(connection, "UPDATE dromedary_files SET filename = ?, purpose = ?, bytes = ?, ready = TRUE WHERE id = ?", filename, purpose, bytes, id);
  }

  /** A whole file of this project, null if it has none of that id. */
  @Nullable BatchFile file(String project, String id) {
    List<BatchFile> found = files("project = ? AND id = ? AND ready = TRUE", "", 1, project, id);
    return found.isEmpty() ? null : found.get(0);
  }

  /** @param after the last one of the page before, null for the first page */
  List<BatchFile> files(String project, @Nullable String purpose, @Nullable BatchFile after, boolean ascending, int most) {
    List<Object> values = new ArrayList<>(List.of(project));
    String where = "project = ? AND ready = TRUE";
    if (purpose != null) {
      where += " AND purpose = ?";
      values.add(purpose);
    }
    if (after != null) {
      String beyond = ascending ? ">" : "<";
      where += " AND (created_at_ms " + beyond + " ? OR created_at_ms = ? AND id " + beyond + " ?)";
      values.addAll(List.of(after.createdAtMs(), after.createdAtMs(), after.id()));
    }
    String order = ascending ? "" : " DESC";
    return files(where, " ORDER BY created_at_ms" + order + ", id" + order, most, values.toArray());
  }

  private List<BatchFile> files(String where, String order, int most, Object... values) {
    return with(connection -> {
      List<BatchFile> found = new ArrayList<>();
      try (PreparedStatement select = connection.prepareStatement("SELECT " + FILE + " FROM dromedary_files WHERE " + where + order + " LIMIT " + most)) {
        bind(select, values);
        try (ResultSet row = select.executeQuery()) {
          while (row.next()) {
            found.add(new BatchFile(row.getString(1), row.getString(2), row.getString(3), row.getString(4), row.getLong(5), row.getBoolean(6), row.getString(7), row.getLong(8)));
          }
        }
      }
      return found;
    });
  }

  /** What a project's files hold. */
  long bytes(String project) {
    return number("SELECT COALESCE(SUM(bytes), 0) FROM dromedary_files WHERE project = ?", project);
  }

  /** Does a batch that has not ended read this file? */
  boolean inUse(String fileId) {
    return number("SELECT COUNT(*) FROM dromedary_batches WHERE input_file_id = ? AND status IN " + OPEN, fileId) > 0;
  }

  void delete(BatchFile file) {
    together(connection -> {
      delete(connection, file.id());
      if (file.batchId() != null) {
        run(connection, "DELETE FROM dromedary_batch_lines WHERE batch_id = ? AND good = (SELECT CASE WHEN output_file_id = ? THEN TRUE ELSE FALSE END FROM dromedary_batches WHERE id = ?)", file.batchId(), file.id(), file.batchId());
      }
      return null;
    });
  }

  /** Takes back what was begun. */
  void discard(String fileId) {
    together(connection -> delete(connection, fileId));
  }

  private static int delete(Connection connection, String fileId) throws SQLException {
    run(connection, "DELETE FROM dromedary_file_chunks WHERE file_id = ?", fileId);
    return run(connection, "DELETE FROM dromedary_files WHERE id = ?", fileId);
  }

  /** A file's content; holds one piece of it at a time. */
  InputStream content(String fileId) {
    return new InputStream() {
      private byte[] chunk = new byte[0];
      private int at;
      private int next;

      private boolean ended() throws IOException {
        if (at < chunk.length) {
          return false;
        }
        try {
          byte[] read = with(connection -> {
            try (PreparedStatement select = connection.prepareStatement("SELECT content FROM dromedary_file_chunks WHERE file_id = ? AND chunk_no = ?")) {
              select.setString(1, fileId);
              select.setInt(2, next);
              try (ResultSet row = select.executeQuery()) {
                return row.next() ? row.getBytes(1) : new byte[0];
              }
            }
          });
          chunk = read;
        } catch (Problem unreachable) {
          throw new IOException(unreachable.getMessage(), unreachable);
        }
        at = 0;
        next++;
        return chunk.length == 0;
      }

      @Override
      public int read() throws IOException {
        return ended() ? -1 : chunk[at++] & 0xFF;
      }

      @Override
      public int read(byte[] into, int from, int most) throws IOException {
        if (most == 0) {
          return 0;
        }
        if (ended()) {
          return -1;
        }
        int n = Math.min(most, chunk.length - at);
        System.arraycopy(chunk, at, into, from, n);
        at += n;
        return n;
      }
    };
  }

  /** Writes a file out, whether it has content of its own or shows a batch's lines. */
  void copy(BatchFile file, OutputStream out) throws IOException {
    if (file.batchId() == null) {
      content(file.id()).transferTo(out);
      return;
    }
    boolean good = number("SELECT COUNT(*) FROM dromedary_batches WHERE id = ? AND output_file_id = ?", file.batchId(), file.id()) == 1;
    lines(file.batchId(), good, out);
  }

  /** Writes a batch's answers or failures out, in the order of its lines. */
  void lines(String batchId, boolean good, OutputStream out) throws IOException {
    int after = 0;
    while (true) {
      int from = after;
      int upTo = with(connection -> pageEnd(connection, batchId, good, from));
      if (upTo == from) {
        return;
      }
      List<byte[]> page = with(connection -> {
        List<byte[]> read = new ArrayList<>();
        try (PreparedStatement select = connection.prepareStatement("SELECT content FROM dromedary_batch_lines WHERE batch_id = ? AND good = ? AND line_no > ? AND line_no <= ? ORDER BY line_no")) {
          bind(select, batchId, good, from, upTo);
          try (ResultSet row = select.executeQuery()) {
            while (row.next()) {
              read.add(row.getBytes(1));
            }
          }
        }
        return read;
      });
      for (byte[] line : page) {
        out.write(line);
      }
      after = upTo;
    }
  }

  private static int pageEnd(Connection connection, String batchId, boolean good, int from) throws SQLException {
    try (PreparedStatement select = connection.prepareStatement("SELECT line_no, bytes FROM dromedary_batch_lines WHERE batch_id = ? AND good = ? AND line_no > ? ORDER BY line_no LIMIT " + PAGE_LINES)) {
      bind(select, batchId, good, from);
      try (ResultSet row = select.executeQuery()) {
        int end = from;
        long total = 0;
        while (row.next() && (total == 0 || total + row.getInt(2) <= PAGE_BYTES)) {
          end = row.getInt(1);
          total += row.getInt(2);
        }
        return end;
      }
    }
  }

  // ---- batches

  /** A batch of the API. @return false if its key has made another one meanwhile */
  boolean create(Batch batch, @Nullable Once once) {
    return once(batch.project(), batch.id(), once, connection -> insert(connection, batch, null));
  }

  // ---- idempotency keys

  /** Another request was first. */
  private static final class Taken extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Taken() {
      super("the key is taken", null, false, false);
    }
  }

  private boolean once(String project, String objectId, @Nullable Once once, Work<Integer> make) {
    try {
      together(connection -> {
        if (once != null) {
          run(connection, "DELETE FROM dromedary_batch_keys WHERE project = ? AND idempotency_key = ? AND created_at_ms <= ?", project, once.key(), clock.millis() - Once.KEPT.toMillis());
          try {
            run(connection, "INSERT INTO dromedary_batch_keys (project, idempotency_key, request_hash, object_id, created_at_ms) VALUES (?, ?, ?, ?, ?)", project, once.key(), once.hash(), objectId, clock.millis());
          } catch (SQLException e) {
            if (exists(e)) {
              throw new Taken();
            }
            throw e;
          }
        }
        return make.on(connection);
      });
      return true;
    } catch (Taken meanwhile) {
      return false;
    }
  }

  /** What this key has made in the last day, null for nothing. */
  Once.@Nullable Made made(String project, String key) {
    return with(connection -> {
      try (PreparedStatement select = connection.prepareStatement("SELECT request_hash, object_id FROM dromedary_batch_keys WHERE project = ? AND idempotency_key = ? AND created_at_ms > ?")) {
        bind(select, project, key, clock.millis() - Once.KEPT.toMillis());
        try (ResultSet row = select.executeQuery()) {
          return row.next() ? new Once.Made(row.getString(1), row.getString(2)) : null;
        }
      }
    });
  }

  /** The key is free again: what it made is gone. */
  void freeKey(String project, String key, String objectId) {
    with(connection -> run(connection, "DELETE FROM dromedary_batch_keys WHERE project = ? AND idempotency_key = ? AND object_id = ?", project, key, objectId));
  }

  /** A file of the inbox and its batch, both or none. */
  void create(BatchFile file, Batch batch, String source) {
    together(connection -> {
      ready(connection, file.id(), file.filename(), file.purpose(), file.bytes());
      return insert(connection, batch, source);
    });
  }

  private int insert(Connection connection, Batch batch, @Nullable String source) throws SQLException {
    return run(connection, "INSERT INTO dromedary_batches (id, project, key_id, entry, endpoint, input_file_id, completion_window, metadata, status, total, completed, failed, created_at_ms, expires_at_ms, in_progress_at_ms,"
        + " lease_until_ms, source, outbox_node, outbox_name) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, 0, ?, ?, ?)",
        batch.id(), batch.project(), batch.keyId(), batch.entry(), batch.endpoint(), batch.inputFileId(), batch.completionWindow(), batch.metadata(), batch.status(), batch.total(), batch.createdAtMs(), batch.expiresAtMs(),
        batch.times().get("in_progress_at"), source, batch.outboxName() == null ? null : node, batch.outboxName());
  }

  /** A batch of this project, null if it has none of that id. */
  @Nullable Batch batch(String project, String id) {
    List<Batch> found = batches("project = ? AND id = ?", "", 1, project, id);
    return found.isEmpty() ? null : found.get(0);
  }

  @Nullable Batch batch(String id) {
    List<Batch> found = batches("id = ?", "", 1, id);
    return found.isEmpty() ? null : found.get(0);
  }

  /** Newest first. @param after the last one of the page before, null for the first page */
  List<Batch> batches(String project, @Nullable Batch after, int most) {
    return after == null ? batches("project = ?", " ORDER BY created_at_ms DESC, id DESC", most, project)
        : batches("project = ? AND (created_at_ms < ? OR created_at_ms = ? AND id < ?)", " ORDER BY created_at_ms DESC, id DESC", most, project, after.createdAtMs(), after.createdAtMs(), after.id());
  }

  private List<Batch> batches(String where, String order, int most, Object... values) {
    return with(connection -> {
      List<Batch> found = new ArrayList<>();
      try (PreparedStatement select = connection.prepareStatement("SELECT " + BATCH + " FROM dromedary_batches WHERE " + where + order + " LIMIT " + most)) {
        bind(select, values);
        try (ResultSet row = select.executeQuery()) {
          while (row.next()) {
            found.add(batch(row));
          }
        }
      }
      return found;
    });
  }

  private static Batch batch(ResultSet row) throws SQLException {
    Map<String, Long> times = new HashMap<>();
    for (int i = 0; i < STATES.size(); i++) {
      long at = row.getLong(18 + i);
      if (!row.wasNull()) {
        times.put(STATES.get(i), at);
      }
    }
    return new Batch(row.getString(1), row.getString(2), row.getString(3), row.getString(4), row.getString(5), row.getString(6), row.getString(7), row.getString(8), row.getString(9), row.getInt(10), row.getInt(11), row.getInt(12),
        row.getString(13), row.getString(14), row.getString(15), row.getLong(16), row.getLong(17), times, row.getString(25));
  }

  /** Batches of a project that have not ended. */
  int open(String project) {
    return (int) number("SELECT COUNT(*) FROM dromedary_batches WHERE project = ? AND status IN " + OPEN, project);
  }

  /** Was this file of the inbox taken in before? */
  boolean known(String source) {
    return number("SELECT COUNT(*) FROM dromedary_batches WHERE outbox_node = ? AND source = ?", node, source) > 0;
  }

  /** Does another batch of this node's inbox have results of this name? */
  boolean named(String outboxName) {
    return number("SELECT COUNT(*) FROM dromedary_batches WHERE outbox_name = ?", outboxName) > 0;
  }

  /** Those that have ended and whose results this node has not yet put into its outbox. */
  List<Batch> toPutOut() {
    return batches("outbox_node = ? AND status NOT IN " + OPEN, " ORDER BY created_at_ms", 20, node);
  }

  void putOut(String batchId) {
    with(connection -> run(connection, "UPDATE dromedary_batches SET outbox_node = NULL WHERE id = ?", batchId));
  }

  /** @return false if it has ended already */
  boolean cancel(String batchId) {
    return with(connection -> run(connection, "UPDATE dromedary_batches SET status = 'cancelling', cancelling_at_ms = ?, lease_until_ms = CASE WHEN lease_node IS NULL THEN 0 ELSE lease_until_ms END WHERE id = ? AND status IN ('validating', 'in_progress')", clock.millis(), batchId)) == 1;
  }

  // ---- work

  /** Batches that no living node works on, oldest first. */
  List<String> waiting() {
    return with(connection -> {
      List<String> ids = new ArrayList<>();
      try (PreparedStatement select = connection.prepareStatement("SELECT id FROM dromedary_batches WHERE status IN " + OPEN + " AND (lease_until_ms < ? OR lease_node = ?) ORDER BY created_at_ms, id LIMIT 100")) {
        bind(select, clock.millis(), node);
        try (ResultSet row = select.executeQuery()) {
          while (row.next()) {
            ids.add(row.getString(1));
          }
        }
      }
      return ids;
    });
  }

  /** Takes a batch for this node. @return false if another was first */
  boolean lease(String batchId, Duration lease) {
    long now = clock.millis();
    return with(connection -> run(connection, "UPDATE dromedary_batches SET lease_node = ?, lease_until_ms = ? WHERE id = ? AND status IN " + OPEN + " AND (lease_until_ms < ? OR lease_node = ?)", node, now + lease.toMillis(), batchId, now,
        node)) == 1;
  }

  /** Says how far it has come and that this node still works on it. @return false if it is another's by now */
  boolean renew(String batchId, Duration lease, int completed, int failed) {
    return with(connection -> run(connection, "UPDATE dromedary_batches SET lease_until_ms = ?, completed = ?, failed = ? WHERE id = ? AND lease_node = ?", clock.millis() + lease.toMillis(), completed, failed, batchId, node)) == 1;
  }

  /** Leaves a batch to whoever takes it next. */
  void release(String batchId) {
    with(connection -> run(connection, "UPDATE dromedary_batches SET lease_node = NULL, lease_until_ms = 0 WHERE id = ? AND lease_node = ?", batchId, node));
  }

  /** Leaves a batch, whose lines wait at a provider, to whoever takes it after that time; at once if it is cancelled. */
  void park(String batchId, Duration time, int completed, int failed) {
    with(connection -> run(connection, "UPDATE dromedary_batches SET lease_node = NULL, lease_until_ms = CASE WHEN status = 'cancelling' THEN CAST(0 AS BIGINT) ELSE CAST(? AS BIGINT) END, completed = ?, failed = ? WHERE id = ? AND lease_node = ?",
        clock.millis() + time.toMillis(), completed, failed, batchId, node));
  }

  /** Its file is right. @return false if it is no longer this node's, or was cancelled meanwhile */
  boolean valid(String batchId, int total) {
    return with(connection -> run(connection, "UPDATE dromedary_batches SET status = 'in_progress', total = ?, in_progress_at_ms = ? WHERE id = ? AND lease_node = ? AND status = 'validating'", total, clock.millis(), batchId, node)) == 1;
  }

  /** Its file is wrong. */
  void invalid(String batchId, String errors) {
    with(connection -> run(connection, "UPDATE dromedary_batches SET status = 'failed', errors = ?, failed_at_ms = ? WHERE id = ? AND lease_node = ? AND status IN ('validating', 'cancelling')", errors, clock.millis(), batchId, node));
  }

  /** Lines that have been answered. @param counts of those that are good and those that are not */
  BitSet answered(String batchId, int[] counts) {
    return with(connection -> {
      BitSet lines = new BitSet();
      try (PreparedStatement select = connection.prepareStatement("SELECT line_no, good FROM dromedary_batch_lines WHERE batch_id = ?")) {
        select.setString(1, batchId);
        try (ResultSet row = select.executeQuery()) {
          while (row.next()) {
            lines.set(row.getInt(1));
            counts[row.getBoolean(2) ? 0 : 1]++;
          }
        }
      }
      return lines;
    });
  }

  /** Keeps a line's answer. @return false if it has one already */
  boolean answer(String batchId, int line, boolean good, byte[] content) {
    return with(connection -> {
      try {
        return insert(connection, batchId, line, good, content) == 1;
      } catch (SQLException e) {
        if (exists(e)) {
          return false;
        }
        throw e;
      }
    });
  }

  /** The same for a line that waited in a provider's batch, or might have: it waits no more. */
  boolean answerRide(String batchId, int line, boolean good, byte[] content) {
    return together(connection -> {
      boolean known;
      try (PreparedStatement select = connection.prepareStatement("SELECT 1 FROM dromedary_batch_lines WHERE batch_id = ? AND line_no = ?")) {
        bind(select, batchId, line);
        try (ResultSet row = select.executeQuery()) {
          known = row.next();
        }
      }
      if (!known) {
        insert(connection, batchId, line, good, content);
      }
      LotStore.forget(connection, batchId, line);
      return !known;
    });
  }

  private static int insert(Connection connection, String batchId, int line, boolean good, byte[] content) throws SQLException {
    return run(connection, "INSERT INTO dromedary_batch_lines (batch_id, line_no, good, bytes, content) VALUES (?, ?, ?, ?, ?)", batchId, line, good, content.length, content);
  }

  static boolean exists(SQLException e) {
    return e.getSQLState() != null && e.getSQLState().startsWith("23");
  }

  void finalizing(String batchId) {
    with(connection -> run(connection, "UPDATE dromedary_batches SET status = 'finalizing', finalizing_at_ms = ? WHERE id = ? AND lease_node = ? AND status = 'in_progress'", clock.millis(), batchId, node));
  }

  /** It has ended, with a file of its answers and one of its failures where there are any. @return false if it is no longer this node's */
  boolean end(Batch batch, String status, String outputFileId, String errorFileId) {
    return together(connection -> {
      int[] lines = new int[2];
      long[] bytes = new long[2];
      try (PreparedStatement select = connection.prepareStatement("SELECT good, COUNT(*), SUM(bytes) FROM dromedary_batch_lines WHERE batch_id = ? GROUP BY good")) {
        select.setString(1, batch.id());
        try (ResultSet row = select.executeQuery()) {
          while (row.next()) {
            int which = row.getBoolean(1) ? 0 : 1;
            lines[which] = row.getInt(2);
            bytes[which] = row.getLong(3);
          }
        }
      }
      String output = lines[0] > 0 ? outputFileId : null;
      String errors = lines[1] > 0 ? errorFileId : null;
      int ended = run(connection, "UPDATE dromedary_batches SET status = ?, " + status + "_at_ms = ?, completed = ?, failed = ?, output_file_id = ?, error_file_id = ?, lease_node = NULL, lease_until_ms = 0"
          + " WHERE id = ? AND lease_node = ? AND status IN " + OPEN, status, clock.millis(), lines[0], lines[1], output, errors, batch.id(), node);
      if (ended == 1 && output != null) {
        show(connection, output, batch, "output", bytes[0]);
      }
      if (ended == 1 && errors != null) {
        show(connection, errors, batch, "error", bytes[1]);
      }
      return ended == 1;
    });
  }

  private void show(Connection connection, String fileId, Batch batch, String what, long bytes) throws SQLException {
    run(connection, "INSERT INTO dromedary_files (id, project, filename, purpose, bytes, ready, batch_id, created_at_ms) VALUES (?, ?, ?, ?, ?, TRUE, ?, ?)", fileId, batch.project(), batch.id() + "_" + what + ".jsonl",
        BatchFile.OUTPUT, bytes, batch.id(), clock.millis());
  }

  // ---- forgetting

  /** Forgets files that no open batch reads, and ended batches with their lines. @return how many of both */
  int forget(@Nullable String project, long beforeMs) {
    String which = " AND created_at_ms < ?" + (project == null ? "" : " AND project = ?");
    Object[] values = project == null ? new Object[] {beforeMs} : new Object[] {beforeMs, project};
    return together(connection -> {
      String ended = "SELECT id FROM dromedary_batches WHERE status NOT IN " + OPEN + " AND outbox_node IS NULL" + which;
      run(connection, "DELETE FROM dromedary_batch_lines WHERE batch_id IN (" + ended + ")", values);
      run(connection, "DELETE FROM dromedary_rides WHERE batch_id IN (" + ended + ")", values);
      run(connection, "DELETE FROM dromedary_files WHERE batch_id IN (" + ended + ")", values);
      int forgotten = run(connection, "DELETE FROM dromedary_batches WHERE status NOT IN " + OPEN + " AND outbox_node IS NULL" + which, values);
      String unread = " FROM dromedary_files WHERE batch_id IS NULL AND id NOT IN (SELECT input_file_id FROM dromedary_batches WHERE status IN " + OPEN + ")" + which;
      run(connection, "DELETE FROM dromedary_file_chunks WHERE file_id IN (SELECT id" + unread + ")", values);
      return forgotten + run(connection, "DELETE" + unread, values);
    });
  }

  /** Forgets files whose writing was cut off, and keys after their day. */
  void forgetUnfinished(Instant before) {
    together(connection -> {
      run(connection, "DELETE FROM dromedary_batch_keys WHERE created_at_ms <= ?", clock.millis() - Once.KEPT.toMillis());
      run(connection, "DELETE FROM dromedary_file_chunks WHERE file_id IN (SELECT id FROM dromedary_files WHERE ready = FALSE AND created_at_ms < ?)", before.toEpochMilli());
      return run(connection, "DELETE FROM dromedary_files WHERE ready = FALSE AND created_at_ms < ?", before.toEpochMilli());
    });
  }

  /** A text no longer than a column, free of NUL, which PostgreSQL does not take. */
  static String clip(String text, int most) {
    String clean = text.replace('\0', ' ');
    return clean.length() <= most ? clean : new String(Arrays.copyOf(clean.toCharArray(), most));
  }
}
