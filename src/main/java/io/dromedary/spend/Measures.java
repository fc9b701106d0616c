package io.dromedary.spend;

import java.math.BigDecimal;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * What is added up over requests. Whole numbers only, so that sums of sums are exact; a sum that would leave 64 bits (9.2 billion dollars) stays at the end, since one absurd row must not stop all reports. Latencies are counted by
 * size: percentiles do not add up, counts do.
 */
final class Measures {
  /** Upper ends of the latency classes, milliseconds; the last has none. */
  static final long[] SLOWNESS_MS = {1, 2, 5, 10, 20, 50, 100, 150, 200, 300, 400, 500, 750, 1_000, 1_500, 2_000, 3_000, 4_000, 6_000, 8_000, 12_000, 20_000, 40_000, Long.MAX_VALUE / 1_000};
  static final int CLASSES = SLOWNESS_MS.length;

  /** In this order everywhere. */
  static final String COLUMNS = "requests, succeeded, hits, input, cache_read, cache_write, output, reasoning, cost_nanos, cache_saved_nanos, routing_saved_nanos, total_us" + classes(", %s");
  /** How many those are. */
  static final int WIDTH = 12 + CLASSES;
  /** The same added up by the store. */
  static final String SUMS = sums();
  /** {@code column = column + ?} for each. */
  static final String ADDED = added();
  /** The ledger's columns that one row is read from; {@link #ofLedger} knows their order. */
  static final String LEDGER = "status, cache, uncached_input, cache_read, cache_write, output, reasoning, cost_nanos, cache_saved_nanos, routing_saved_nanos, total_us";
  static final int LEDGER_WIDTH = 11;

  private static final BigDecimal LEAST = BigDecimal.valueOf(Long.MIN_VALUE);
  private static final BigDecimal MOST = BigDecimal.valueOf(Long.MAX_VALUE);

  final long[] values = new long[WIDTH];
  long minSeq = Long.MAX_VALUE;
  long maxSeq = Long.MIN_VALUE;

  private static String classes(String format) {
    StringBuilder all = new StringBuilder();
    for (int i = 0; i < CLASSES; i++) {
      all.append(String.format(format, String.format("l%02d", i)));
    }
    return all.toString();
  }

  private static String sums() {
    StringBuilder all = new StringBuilder();
    for (String column : COLUMNS.split(", ")) {
      all.append(all.isEmpty() ? "" : ", ").append("SUM(").append(column).append(')');
    }
    return all.toString();
  }

  private static String added() {
    StringBuilder all = new StringBuilder();
    for (String column : COLUMNS.split(", ")) {
      all.append(all.isEmpty() ? "" : ", ").append(column).append(" = ").append(column).append(" + ?");
    }
    return all.toString();
  }

  /** One request: {@link #LEDGER} from that column on. */
  static Measures ofLedger(ResultSet row, int column, long seq) throws SQLException {
    Measures one = new Measures();
    String cache = row.getString(column + 1);
    boolean hit = cache.equals("hit") || cache.equals("semantic");
    long read = row.getLong(column + 3);
    long write = row.getLong(column + 4);
    long micros = row.getLong(column + 10);
    one.values[0] = 1;
    one.values[1] = row.getString(column).equals("ok") ? 1 : 0;
    one.values[2] = hit ? 1 : 0;
    if (!hit) {
      one.values[3] = plus(plus(row.getLong(column + 2), read), write);
      one.values[4] = read;
      one.values[5] = write;
      one.values[6] = row.getLong(column + 5);
      one.values[7] = row.getLong(column + 6);
    }
    one.values[8] = row.getLong(column + 7);
    one.values[9] = row.getLong(column + 8);
    one.values[10] = row.getLong(column + 9);
    one.values[11] = micros;
    one.values[12 + slowness(micros)] = 1;
    one.minSeq = seq;
    one.maxSeq = seq;
    return one;
  }

  /** One call below its list price: on provisioned capacity, or in a provider's batch. */
  static Measures ofCapacity(long sparedNanos, long seq) {
    Measures one = new Measures();
    one.values[0] = 1;
    one.values[8] = sparedNanos;
    one.minSeq = seq;
    one.maxSeq = seq;
    return one;
  }

  /** Sums that the store has made: {@link #SUMS} from that column on. */
  static Measures ofSums(ResultSet row, int column) throws SQLException {
    Measures sums = new Measures();
    for (int i = 0; i < WIDTH; i++) {
      // whole numbers of either store may come as decimals
      if (i < 3 || i > 11) {
        sums.values[i] = row.getLong(column + i);
      } else {
        BigDecimal sum = row.getBigDecimal(column + i);
        sums.values[i] = sum == null ? 0 : sum.compareTo(LEAST) < 0 ? Long.MIN_VALUE : sum.compareTo(MOST) > 0 ? Long.MAX_VALUE : sum.longValue();
      }
    }
    return sums;
  }

  /** The latency class of one request. */
  int slowness() {
    return slowness(values[11]);
  }

  private static int slowness(long micros) {
    int i = 0;
    while (micros > SLOWNESS_MS[i] * 1_000 && i < CLASSES - 1) {
      i++;
    }
    return i;
  }

  void add(Measures other) {
    for (int i = 0; i < WIDTH; i++) {
      values[i] = plus(values[i], other.values[i]);
    }
    minSeq = Math.min(minSeq, other.minSeq);
    maxSeq = Math.max(maxSeq, other.maxSeq);
  }

  static long plus(long a, long b) {
    long sum = a + b;
    return ((a ^ sum) & (b ^ sum)) < 0 ? a < 0 ? Long.MIN_VALUE : Long.MAX_VALUE : sum;
  }

  /** @return the next free index */
  int bind(PreparedStatement statement, int index) throws SQLException {
    for (int i = 0; i < WIDTH; i++) {
      statement.setLong(index + i, values[i]);
    }
    return index + WIDTH;
  }

  long requests() {
    return values[0];
  }

  long succeeded() {
    return values[1];
  }

  long hits() {
    return values[2];
  }

  long input() {
    return values[3];
  }

  long cacheRead() {
    return values[4];
  }

  long cacheWrite() {
    return values[5];
  }

  long output() {
    return values[6];
  }

  long reasoning() {
    return values[7];
  }

  long cost() {
    return values[8];
  }

  long cacheSaved() {
    return values[9];
  }

  long routingSaved() {
    return values[10];
  }

  long saved() {
    return plus(values[9], values[10]);
  }

  long micros() {
    return values[11];
  }

  /** The latency that this part of the requests stayed within, milliseconds, as good as the classes are: between two of their ends it is taken as even. Null without requests. */
  @Nullable BigDecimal latency(double part) {
    long counted = 0;
    long wanted = Math.max(1, (long) Math.ceil(part * requests()));
    for (int i = 0; i < CLASSES && requests() > 0; i++) {
      long here = values[12 + i];
      if (here > 0 && counted + here >= wanted) {
        long low = i == 0 ? 0 : SLOWNESS_MS[i - 1];
        long high = i == CLASSES - 1 ? low * 2 : SLOWNESS_MS[i];
        return BigDecimal.valueOf(low * 1_000 + (high - low) * 1_000 * (wanted - counted) / here, 3);
      }
      counted += here;
    }
    return null;
  }
}
