package io.dromedary.limit;

import io.github.bucket4j.BucketState;
import io.github.bucket4j.MathType;
import io.github.bucket4j.distributed.serialization.DataOutputSerializationAdapter;
import io.github.bucket4j.distributed.serialization.Scope;
import io.github.bucket4j.distributed.versioning.Versions;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The gauges of one project, key, user, model or account. Not safe for use by several threads: its store sees to that.
 *
 * <p>The arithmetic is Bucket4j's ({@link BucketState}); here it is only asked first for all gauges and then, if all agree, taken from all. A book has a time of its own, which advances by what passes on the store's clock and never
 * goes back: a clock that is set back neither grants anything nor freezes the book until it has caught up. A limit that was changed leaves what is used as it is.
 */
final class Book {
  private static final long SOON_NANOS = 1_000_000_000L;
  /** So much may two nodes' notions of one clock differ. */
  private static final long JITTER_NANOS = 1_000_000_000L;
  private static final int FORMAT = 2;

  /**
   * Who writes in a book.
   *
   * @param id of this process, anew at each start
   * @param leaseNanos how long the places that it holds are kept for it after it has last written
   */
  record Node(long id, long leaseNanos) {
    /** Of books that no other process reads. */
    static final Node ALONE = new Node(0, Long.MAX_VALUE);
  }

  /** What another node holds, and until when if it does not write again. */
  private record Places(int count, long until) {}

  /** One gauge's state: a bucket, or who holds how many places. */
  private static final class Cell {
    long limit;
    @Nullable BucketState bucket;
    int mine;
    Map<Long, Places> others = Map.of();
  }

  private final Node node;
  private final Map<String, Cell> cells = new HashMap<>(4);
  private long clock;
  private long now;

  Book(long clock, Node node) {
    this.node = node;
    this.clock = clock;
    this.now = clock;
  }

  /** The same with so many places at once held by this node, whatever is written: it alone knows. */
  Book holding(int places) {
    if (places > 0) {
      cells.computeIfAbsent(Gauge.PLACES, id -> new Cell()).mine = places;
    }
    return this;
  }

  /** The places at once that this node holds. */
  int held() {
    Cell cell = cells.get(Gauge.PLACES);
    return cell == null ? 0 : cell.mine;
  }

  /** Advances to what the clock says. */
  void at(long clockNow) {
    long passed = clockNow - clock;
    if (passed >= 0) {
      now += passed;
      clock = clockNow;
    } else if (passed < -JITTER_NANOS) {
      // it was set back: time goes on from there
      clock = clockNow;
    }
  }

  /** How a claim would fare. */
  Level look(Claim claim) {
    Gauge gauge = claim.gauge();
    Cell cell = cell(gauge);
    long kept = gauge.limit() - claim.allowed();
    if (cell.bucket == null) {
      long room = gauge.limit() - taken(cell) - kept;
      return new Level(claim, room, 0, room >= claim.amount() ? 0 : SOON_NANOS, 0);
    }
    BucketState bucket = cell.bucket;
    bucket.refillAllBandwidth(now);
    long room = bucket.getAvailableTokens() - kept;
    long reset = bucket.calculateFullRefillingTime(now);
    long wait = room >= claim.amount() ? 0 : claim.amount() > claim.allowed() ? Level.NEVER : Math.max(1, bucket.calculateDelayNanosAfterWillBePossibleToConsume(claim.amount() + kept, now, true));
    return new Level(claim, room, reset, wait, now + reset);
  }

  /** Takes a claim for which {@link #look} found room. */
  Level take(Claim claim) {
    Cell cell = cell(claim.gauge());
    if (cell.bucket == null) {
      cell.mine++;
      return new Level(claim, claim.allowed() - taken(cell), 0, 0, 0);
    }
    cell.bucket.consume(claim.amount());
    long reset = cell.bucket.calculateFullRefillingTime(now);
    return new Level(claim, cell.bucket.getAvailableTokens() - (claim.gauge().limit() - claim.allowed()), reset, 0, now + reset);
  }

  /** Takes something back into the window it was taken from; once that is over there is nothing to give back to. */
  void give(Return back) {
    Cell cell = cell(back.gauge());
    if (cell.bucket == null) {
      cell.mine = Math.max(0, cell.mine - 1);
      return;
    }
    cell.bucket.refillAllBandwidth(now);
    if (back.amount() < 0) {
      cell.bucket.consume(-back.amount());
    } else if (back.until() > now) {
      cell.bucket.addTokens(back.amount());
    }
  }

  /** Until it is as if it had never been written in: 0 if it is so now. */
  long restsAfterNanos() {
    long longest = 0;
    for (Cell cell : cells.values()) {
      if (cell.bucket == null) {
        longest = Math.max(longest, cell.mine > 0 ? node.leaseNanos() : 0);
        for (Places places : cell.others.values()) {
          longest = Math.max(longest, places.until() - now);
        }
      } else {
        cell.bucket.refillAllBandwidth(now);
        longest = Math.max(longest, cell.bucket.calculateFullRefillingTime(now));
      }
    }
    return longest;
  }

  private long taken(Cell cell) {
    long taken = cell.mine;
    for (Places places : cell.others.values()) {
      taken += places.until() > now ? places.count() : 0;
    }
    return taken;
  }

  private Cell cell(Gauge gauge) {
    Cell cell = cells.get(gauge.id());
    if (cell == null) {
      cell = new Cell();
      cell.limit = gauge.limit();
      if (gauge.config() != null) {
        cell.bucket = BucketState.createInitialState(gauge.config(), MathType.INTEGER_64_BITS, now);
      }
      cells.put(gauge.id(), cell);
    } else if (cell.bucket != null && cell.bucket.getConfiguration() != gauge.config()) {
      cell.bucket.setConfiguration(gauge.config());
      if (cell.limit != gauge.limit()) {
        cell.bucket.consume(cell.limit - gauge.limit());
        cell.limit = gauge.limit();
      }
    }
    return cell;
  }

  byte[] bytes() {
    try {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream(128);
      DataOutputStream out = new DataOutputStream(bytes);
      out.writeByte(FORMAT);
      out.writeLong(clock);
      out.writeLong(now);
      out.writeShort(cells.size());
      for (Map.Entry<String, Cell> entry : cells.entrySet()) {
        Cell cell = entry.getValue();
        out.writeUTF(entry.getKey());
        out.writeLong(cell.limit);
        out.writeBoolean(cell.bucket == null);
        if (cell.bucket == null) {
          writePlaces(out, cell);
        } else {
          BucketState.serialize(DataOutputSerializationAdapter.INSTANCE, out, cell.bucket, Versions.getLatest(), Scope.PERSISTED_STATE);
        }
      }
      return bytes.toByteArray();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void writePlaces(DataOutputStream out, Cell cell) throws IOException {
    Map<Long, Places> held = new HashMap<>(cell.others);
    held.values().removeIf(places -> places.until() <= now);
    if (cell.mine > 0) {
      held.put(node.id(), new Places(cell.mine, now + node.leaseNanos()));
    }
    out.writeShort(held.size());
    for (Map.Entry<Long, Places> each : held.entrySet()) {
      out.writeLong(each.getKey());
      out.writeInt(each.getValue().count());
      out.writeLong(each.getValue().until());
    }
  }

  private static Map<Long, Places> readPlaces(DataInputStream in) throws IOException {
    Map<Long, Places> held = new HashMap<>();
    for (int left = in.readUnsignedShort(); left > 0; left--) {
      held.put(in.readLong(), new Places(in.readInt(), in.readLong()));
    }
    return held;
  }

  /** What {@link #bytes} wrote, but for the places of this node itself ({@link #holding}); anything else is an empty book, never an error: it is overwritten. */
  static Book of(byte[] bytes, long clockNow, Node node) {
    try {
      DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes));
      if (bytes.length == 0 || in.readByte() != FORMAT) {
        return new Book(clockNow, node);
      }
      Book book = new Book(in.readLong(), node);
      book.now = in.readLong();
      int cells = in.readShort();
      for (int i = 0; i < cells; i++) {
        String id = in.readUTF();
        Cell cell = new Cell();
        cell.limit = in.readLong();
        if (in.readBoolean()) {
          cell.others = readPlaces(in);
          cell.others.remove(node.id());
        } else {
          cell.bucket = BucketState.deserialize(DataOutputSerializationAdapter.INSTANCE, in);
        }
        book.cells.put(id, cell);
      }
      book.at(clockNow);
      return book;
    } catch (IOException | RuntimeException garbage) {
      return new Book(clockNow, node);
    }
  }

  /** All claims or none. */
  static Verdict take(List<Claim> claims, java.util.function.Function<String, Book> books) {
    Verdict verdict = Verdict.of(look(claims, books));
    if (verdict.denied() != null) {
      return verdict;
    }
    List<Level> taken = new ArrayList<>(claims.size());
    for (Claim claim : claims) {
      taken.add(books.apply(claim.book()).take(claim));
    }
    return new Verdict(taken, null);
  }

  static List<Level> look(List<Claim> claims, java.util.function.Function<String, Book> books) {
    List<Level> levels = new ArrayList<>(claims.size());
    for (Claim claim : claims) {
      levels.add(books.apply(claim.book()).look(claim));
    }
    return levels;
  }
}
