package io.dromedary.spend;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The ledger's rows once more, by column: what no set of sums tells apart is added up from these, some ten million numbers a second where the store adds up some hundred thousand rows.
 *
 * <p>A piece holds the rows of a span of keys. It is made from the ledger alone, so that one that may be wrong is made anew. Names are numbered per piece; each column is its least value and the differences from it, in as many bits
 * as the largest needs (frame of reference; Goldstein, Ramakrishnan, Shaft 1998). That is some 25 bytes a request. A small piece is joined to those before it while they are at most twice as large, so that a quiet ledger has few
 * pieces and each row is written about ten times in all.
 */
final class Columns {
  /** Rows in one piece, at the most. */
  static final int PIECE = 16_384;
  private static final int DIMENSIONS = Dimension.values().length;
  private static final int TIME = 0;
  private static final int FIRST_DIMENSION = 1;
  /** {@link Measures#values} without the count of requests and without latency classes, of which the one it is in follows. */
  private static final int FIRST_MEASURE = FIRST_DIMENSION + DIMENSIONS;
  private static final int MEASURES = 11;
  private static final int CLASS = FIRST_MEASURE + MEASURES;
  private static final int COLUMNS = CLASS + 1;
  /** Of a column: where it begins, how many bits a value has, the least value. */
  private static final int HEAD = 13;
  private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private Columns() {}

  /** Rows on their way into a piece. */
  static final class Rows {
    final long[][] columns = new long[COLUMNS][64];
    final List<Map<String, Integer>> names = new ArrayList<>();
    int size;

    Rows() {
      for (int i = 0; i < DIMENSIONS; i++) {
        names.add(new LinkedHashMap<>());
      }
    }

    void add(long receivedMs, String[] dimensions, Measures one) {
      if (size == columns[0].length) {
        for (int i = 0; i < COLUMNS; i++) {
          columns[i] = Arrays.copyOf(columns[i], size * 2);
        }
      }
      columns[TIME][size] = receivedMs;
      for (int i = 0; i < DIMENSIONS; i++) {
        Map<String, Integer> known = names.get(i);
        Integer code = known.putIfAbsent(dimensions[i], known.size());
        columns[FIRST_DIMENSION + i][size] = code == null ? known.size() - 1 : code;
      }
      for (int i = 0; i < MEASURES; i++) {
        columns[FIRST_MEASURE + i][size] = one.values[1 + i];
      }
      columns[CLASS][size] = one.slowness();
      size++;
    }

    byte[] names() {
      int bytes = 0;
      List<List<byte[]>> all = new ArrayList<>();
      for (Map<String, Integer> known : names) {
        List<byte[]> texts = known.keySet().stream().map(name -> name.getBytes(StandardCharsets.UTF_8)).toList();
        all.add(texts);
        bytes += 8 + texts.stream().mapToInt(text -> 4 + text.length).sum();
      }
      ByteBuffer out = ByteBuffer.allocate(bytes);
      for (List<byte[]> texts : all) {
        out.putInt(4 + texts.stream().mapToInt(text -> 4 + text.length).sum()).putInt(texts.size());
        texts.forEach(text -> out.putInt(text.length).put(text));
      }
      return out.array();
    }

    byte[] content() {
      int[] bits = new int[COLUMNS];
      long[] least = new long[COLUMNS];
      int bytes = COLUMNS * HEAD;
      for (int c = 0; c < COLUMNS; c++) {
        long low = Arrays.stream(columns[c], 0, size).min().orElse(0);
        long widest = 0;
        for (int i = 0; i < size; i++) {
          widest |= columns[c][i] - low;
        }
        least[c] = low;
        bits[c] = 64 - Long.numberOfLeadingZeros(widest);
        // a value is read with one look at eight bytes
        bits[c] = bits[c] > 57 ? 64 : bits[c];
        bytes += (int) (((long) size * bits[c] + 7) / 8);
      }
      byte[] out = new byte[bytes + Long.BYTES];
      ByteBuffer head = ByteBuffer.wrap(out);
      int at = COLUMNS * HEAD;
      for (int c = 0; c < COLUMNS; c++) {
        head.putInt(at).put((byte) bits[c]).putLong(least[c]);
        for (int i = 0; i < size && bits[c] > 0; i++) {
          long bit = (long) i * bits[c];
          int where = at + (int) (bit >>> 3);
          LONGS.set(out, where, (long) LONGS.get(out, where) | columns[c][i] - least[c] << (bit & 7));
        }
        at += (int) (((long) size * bits[c] + 7) / 8);
      }
      return out;
    }
  }

  /** One column of a piece. */
  private record Column(byte[] content, int at, int bits, long mask, long least) {
    static Column of(byte[] content, int column) {
      ByteBuffer head = ByteBuffer.wrap(content, column * HEAD, HEAD);
      int at = head.getInt();
      int bits = head.get();
      return new Column(content, at, bits, bits == 64 ? -1 : (1L << bits) - 1, head.getLong());
    }

    long get(int row) {
      long bit = (long) row * bits;
      return least + ((long) LONGS.get(content, at + (int) (bit >>> 3)) >>> (bit & 7) & mask);
    }
  }

  // Writing

  /** The ledger's rows of a span of keys, one after the other. */
  interface Ledger {
    void read(long fromSeq, long untilSeq, Rows into) throws SQLException;
  }

  /** Adds a span that follows all there are; joins it to small pieces before it. */
  static void append(Connection connection, long fromSeq, long untilSeq, int size, long version, Ledger ledger) throws SQLException {
    long from = fromSeq;
    int all = size;
    try (PreparedStatement select = connection.prepareStatement("SELECT from_seq, requests FROM dromedary_columns WHERE from_seq < ? ORDER BY from_seq DESC LIMIT 40")) {
      select.setLong(1, fromSeq);
      try (ResultSet row = select.executeQuery()) {
        while (row.next() && row.getInt(2) <= 2L * all && row.getInt(2) + all <= PIECE) {
          from = row.getLong(1);
          all += row.getInt(2);
        }
      }
    }
    make(connection, from, untilSeq, version, ledger);
  }

  /** Makes the pieces that hold keys of this span anew, and one for keys that none holds. */
  static void renew(Connection connection, long fromSeq, long untilSeq, long version, Ledger ledger) throws SQLException {
    List<long[]> spans = new ArrayList<>();
    try (PreparedStatement select = connection.prepareStatement("SELECT from_seq, until_seq FROM dromedary_columns WHERE until_seq > ? AND from_seq < ? ORDER BY from_seq")) {
      select.setLong(1, fromSeq);
      select.setLong(2, untilSeq);
      try (ResultSet row = select.executeQuery()) {
        while (row.next()) {
          spans.add(new long[] {row.getLong(1), row.getLong(2)});
        }
      }
    }
    if (spans.isEmpty()) {
      spans.add(new long[] {fromSeq, untilSeq});
    }
    for (int i = 0; i < spans.size(); i++) {
      make(connection, spans.get(i)[0], i + 1 < spans.size() ? spans.get(i + 1)[0] : Math.max(spans.get(i)[1], untilSeq), version, ledger);
    }
  }

  /** Makes the pieces anew that name this user; null for those that name any. @return how many */
  static int forget(Connection connection, @Nullable String user, long version, Ledger ledger) throws SQLException {
    List<long[]> spans = new ArrayList<>();
    try (PreparedStatement select = connection.prepareStatement("SELECT from_seq, until_seq, names FROM dromedary_columns"); ResultSet row = select.executeQuery()) {
      while (row.next()) {
        ByteBuffer names = ByteBuffer.wrap(row.getBytes(3));
        List<String> users = values(names, starts(names)[Dimension.USER.ordinal()]);
        if (user == null ? users.stream().anyMatch(name -> !name.isEmpty()) : users.contains(user)) {
          spans.add(new long[] {row.getLong(1), row.getLong(2)});
        }
      }
    }
    for (long[] span : spans) {
      make(connection, span[0], span[1], version, ledger);
    }
    return spans.size();
  }

  private static void make(Connection connection, long fromSeq, long untilSeq, long version, Ledger ledger) throws SQLException {
    Rows rows = new Rows();
    ledger.read(fromSeq, untilSeq, rows);
    try (PreparedStatement delete = connection.prepareStatement("DELETE FROM dromedary_columns WHERE from_seq >= ? AND from_seq < ?")) {
      delete.setLong(1, fromSeq);
      delete.setLong(2, untilSeq);
      delete.executeUpdate();
    }
    try (PreparedStatement insert = connection.prepareStatement("INSERT INTO dromedary_columns (from_seq, until_seq, made, min_ms, max_ms, requests, names, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")) {
      insert.setLong(1, fromSeq);
      insert.setLong(2, untilSeq);
      insert.setLong(3, version);
      insert.setLong(4, Arrays.stream(rows.columns[TIME], 0, rows.size).min().orElse(0));
      insert.setLong(5, Arrays.stream(rows.columns[TIME], 0, rows.size).max().orElse(0));
      insert.setInt(6, rows.size);
      insert.setBytes(7, rows.names());
      insert.setBytes(8, rows.content());
      insert.executeUpdate();
    }
  }

  // Reading

  /** One piece as a scan needs it: of the dimensions that it groups by, the scan's own number of each name; of those that it narrows down, which names count. */
  private record Piece(long fromSeq, int size, boolean wholly, int[][] codes, boolean[][] counts) {}

  /** How many requests the pieces of a span of time hold, at the least those in it. */
  static long requests(Connection connection, long fromMs, long toMs) throws SQLException {
    try (PreparedStatement select = connection.prepareStatement("SELECT SUM(requests) FROM dromedary_columns WHERE max_ms >= ? AND min_ms < ?")) {
      select.setLong(1, fromMs);
      select.setLong(2, toMs);
      try (ResultSet row = select.executeQuery()) {
        row.next();
        return row.getLong(1);
      }
    }
  }

  /** Adds up what is in the pieces. @throws Rollups.TooMany if that are more groups or more requests than the scan allows */
  static void read(Connection connection, Rollups.Scan scan, Rollups.Visitor visitor) throws SQLException {
    List<Dimension> by = List.copyOf(scan.dimensions());
    List<Dimension> only = List.copyOf(scan.only().keySet());
    List<Map<String, Integer>> known = new ArrayList<>();
    by.forEach(dimension -> known.add(new HashMap<>()));
    List<Piece> pieces = new ArrayList<>();
    long requests = 0;
    try (PreparedStatement select = connection.prepareStatement("SELECT from_seq, requests, min_ms, max_ms, names FROM dromedary_columns WHERE max_ms >= ? AND min_ms < ? ORDER BY from_seq")) {
      select.setLong(1, scan.fromMs());
      select.setLong(2, scan.toMs());
      try (ResultSet row = select.executeQuery()) {
        while (row.next()) {
          Piece piece = piece(row, scan, by, only, known);
          if (piece != null) {
            pieces.add(piece);
            requests += piece.size;
            if (requests > scan.mostRequests()) {
              throw Rollups.TooMany.requests(scan.mostRequests());
            }
          }
        }
      }
    }
    Groups groups = new Groups(scan, known);
    try (PreparedStatement select = connection.prepareStatement("SELECT content FROM dromedary_columns WHERE from_seq = ?")) {
      for (Piece piece : pieces) {
        select.setLong(1, piece.fromSeq);
        try (ResultSet row = select.executeQuery()) {
          // gone when a fold came in between: then all is read again
          if (row.next()) {
            groups.add(piece, row.getBytes(1), by, only);
          }
        }
      }
    }
    groups.visit(by, visitor);
  }

  /** Null for one that has nothing of what counts. */
  private static @Nullable Piece piece(ResultSet row, Rollups.Scan scan, List<Dimension> by, List<Dimension> only, List<Map<String, Integer>> known) throws SQLException {
    ByteBuffer names = ByteBuffer.wrap(row.getBytes(5));
    int[] starts = starts(names);
    boolean[][] counts = new boolean[only.size()][];
    for (int i = 0; i < counts.length; i++) {
      List<String> values = values(names, starts[only.get(i).ordinal()]);
      counts[i] = new boolean[values.size()];
      boolean any = false;
      for (int v = 0; v < values.size(); v++) {
        counts[i][v] = Rollups.counts(only.get(i), values.get(v), scan.only().get(only.get(i)));
        any |= counts[i][v];
      }
      if (!any) {
        return null;
      }
    }
    int[][] codes = new int[by.size()][];
    for (int i = 0; i < codes.length; i++) {
      List<String> values = values(names, starts[by.get(i).ordinal()]);
      codes[i] = new int[values.size()];
      Map<String, Integer> all = known.get(i);
      for (int v = 0; v < codes[i].length; v++) {
        Integer code = all.putIfAbsent(values.get(v), all.size());
        codes[i][v] = code == null ? all.size() - 1 : code;
      }
    }
    return new Piece(row.getLong(1), row.getInt(2), row.getLong(3) >= scan.fromMs() && row.getLong(4) < scan.toMs(), codes, counts);
  }

  /** Where each dimension's names begin. */
  private static int[] starts(ByteBuffer names) {
    int[] starts = new int[DIMENSIONS];
    for (int i = 0; i < DIMENSIONS; i++) {
      starts[i] = names.position() + 4;
      names.position(starts[i] + names.getInt());
    }
    return starts;
  }

  private static List<String> values(ByteBuffer names, int start) {
    names.position(start);
    int count = names.getInt();
    List<String> values = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      int length = names.getInt();
      values.add(new String(names.array(), names.position(), length, StandardCharsets.UTF_8));
      names.position(names.position() + length);
    }
    return values;
  }

  /** The groups of one scan: by their number, their time and names and their sums. */
  private static final class Groups {
    private final Rollups.Scan scan;
    private final List<String[]> names = new ArrayList<>();
    /** By dimension, and one for all: a group's number by its number without that dimension and by the name's number. */
    private final List<Numbers> numbers = new ArrayList<>();
    private final Numbers last = new Numbers();
    private final int[] sizes;
    private int[][] codes;
    private long[] starts = new long[64];
    private long[] sums = new long[64 * Measures.WIDTH];
    private int size;

    Groups(Rollups.Scan scan, List<Map<String, Integer>> known) {
      this.scan = scan;
      this.sizes = new int[known.size()];
      this.codes = new int[known.size()][64];
      for (int i = 0; i < sizes.length; i++) {
        sizes[i] = known.get(i).size();
        String[] all = new String[sizes[i]];
        known.get(i).forEach((name, code) -> all[code] = name);
        names.add(all);
        numbers.add(new Numbers());
      }
    }

    void add(Piece piece, byte[] content, List<Dimension> by, List<Dimension> only) {
      int[] rows = rows(piece, content, only);
      long[] keys = new long[rows.length];
      // as long as the product fits a number it is the key; where it would not, what there is so far is numbered anew
      long radix = 1;
      if (scan.time() != Rollups.Time.NONE) {
        Column times = Column.of(content, TIME);
        for (int k = 0; k < rows.length; k++) {
          keys[k] = scan.time().number(times.get(rows[k]));
        }
        radix = Rollups.Time.MOST;
      }
      for (int d = 0; d < by.size(); d++) {
        Column column = Column.of(content, FIRST_DIMENSION + by.get(d).ordinal());
        int[] known = piece.codes[d];
        if (radix > Long.MAX_VALUE / sizes[d]) {
          for (int k = 0; k < rows.length; k++) {
            keys[k] = numbers.get(d).of(keys[k]);
          }
          radix = Integer.MAX_VALUE;
        }
        for (int k = 0; k < rows.length; k++) {
          keys[k] = keys[k] * sizes[d] + known[(int) column.get(rows[k])];
        }
        radix *= sizes[d];
      }
      int[] group = new int[rows.length];
      for (int k = 0; k < rows.length; k++) {
        group[k] = last.of(keys[k]);
        if (group[k] == size) {
          open(piece, content, by, rows[k]);
        }
        sums[group[k] * Measures.WIDTH]++;
      }
      for (int m = 0; m < MEASURES; m++) {
        Column column = Column.of(content, FIRST_MEASURE + m);
        for (int k = 0; k < rows.length; k++) {
          int at = group[k] * Measures.WIDTH + 1 + m;
          sums[at] = Measures.plus(sums[at], column.get(rows[k]));
        }
      }
      Column classes = Column.of(content, CLASS);
      for (int k = 0; k < rows.length; k++) {
        sums[group[k] * Measures.WIDTH + 1 + MEASURES + (int) classes.get(rows[k])]++;
      }
    }

    private int[] rows(Piece piece, byte[] content, List<Dimension> only) {
      int[] rows = new int[piece.size];
      for (int i = 0; i < rows.length; i++) {
        rows[i] = i;
      }
      int count = rows.length;
      if (!piece.wholly) {
        Column times = Column.of(content, TIME);
        int kept = 0;
        for (int k = 0; k < count; k++) {
          long ms = times.get(rows[k]);
          rows[kept] = rows[k];
          kept += ms >= scan.fromMs() && ms < scan.toMs() ? 1 : 0;
        }
        count = kept;
      }
      for (int i = 0; i < only.size(); i++) {
        Column column = Column.of(content, FIRST_DIMENSION + only.get(i).ordinal());
        boolean[] counts = piece.counts[i];
        int kept = 0;
        for (int k = 0; k < count; k++) {
          rows[kept] = rows[k];
          kept += counts[(int) column.get(rows[k])] ? 1 : 0;
        }
        count = kept;
      }
      return count == rows.length ? rows : Arrays.copyOf(rows, count);
    }

    private void open(Piece piece, byte[] content, List<Dimension> by, int row) {
      if (size == scan.mostGroups()) {
        throw Rollups.TooMany.groups(size);
      }
      if (size == starts.length) {
        starts = Arrays.copyOf(starts, size * 2);
        sums = Arrays.copyOf(sums, size * 2 * Measures.WIDTH);
        for (int d = 0; d < codes.length; d++) {
          codes[d] = Arrays.copyOf(codes[d], size * 2);
        }
      }
      starts[size] = scan.time() == Rollups.Time.NONE ? 0 : scan.time().floor(Column.of(content, TIME).get(row));
      for (int d = 0; d < codes.length; d++) {
        codes[d][size] = piece.codes[d][(int) Column.of(content, FIRST_DIMENSION + by.get(d).ordinal()).get(row)];
      }
      size++;
    }

    void visit(List<Dimension> by, Rollups.Visitor visitor) {
      for (int i = 0; i < size; i++) {
        String[] values = new String[DIMENSIONS];
        Arrays.fill(values, "");
        for (int d = 0; d < codes.length; d++) {
          values[by.get(d).ordinal()] = names.get(d)[codes[d][i]];
        }
        Measures measures = new Measures();
        System.arraycopy(sums, i * Measures.WIDTH, measures.values, 0, Measures.WIDTH);
        visitor.visit(starts[i], values, measures);
      }
    }
  }

  /** Numbers keys in the order of their coming, from 0: a hash table of longs, open, its places tried one after the other. */
  private static final class Numbers {
    private long[] keys = new long[1_024];
    private int[] numbers = new int[1_024];
    private int size;

    int of(long key) {
      int at = place(key);
      if (numbers[at] == 0) {
        if (size * 2 == keys.length) {
          grow();
          at = place(key);
        }
        keys[at] = key;
        numbers[at] = ++size;
      }
      return numbers[at] - 1;
    }

    private int place(long key) {
      long mixed = key * 0x9E3779B97F4A7C15L;
      int at = (int) (mixed >>> 32) & keys.length - 1;
      while (numbers[at] != 0 && keys[at] != key) {
        at = at + 1 & keys.length - 1;
      }
      return at;
    }

    private void grow() {
      long[] oldKeys = keys;
      int[] oldNumbers = numbers;
      keys = new long[oldKeys.length * 2];
      numbers = new int[oldKeys.length * 2];
      for (int i = 0; i < oldKeys.length; i++) {
        if (oldNumbers[i] != 0) {
          int at = place(oldKeys[i]);
          keys[at] = oldKeys[i];
          numbers[at] = oldNumbers[i];
        }
      }
    }
  }
}
