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
import java.util.Arrays;
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
  /** A place at once is given up for lost after so long: longer than the longest request and its stream. */
  static final long LEASE_NANOS = 15 * 60 * 1_000_000_000L;
  private static final long SOON_NANOS = 1_000_000_000L;
  /** So much may two nodes' notions of one clock differ. */
  private static final long JITTER_NANOS = 1_000_000_000L;
  private static final int FORMAT = 1;

  /** One gauge's state: a bucket, or the leases of those that are under way. */
  private static final class Cell {
    long limit;
    @Nullable BucketState bucket;
    long[] leases = {};
  }

  private final Map<String, Cell> cells = new HashMap<>(4);
  private long clock;
  private long now;

  Book(long clock) {
    this.clock = clock;
    this.now = clock;
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
      prune(cell);
      long room = gauge.limit() - cell.leases.length - kept;
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
      long lease = now + LEASE_NANOS;
      cell.leases = Arrays.copyOf(cell.leases, cell.leases.length + 1);
      cell.leases[cell.leases.length - 1] = lease;
      return new Level(claim, claim.allowed() - cell.leases.length, 0, 0, lease);
    }
    cell.bucket.consume(claim.amount());
    long reset = cell.bucket.calculateFullRefillingTime(now);
    return new Level(claim, cell.bucket.getAvailableTokens() - (claim.gauge().limit() - claim.allowed()), reset, 0, now + reset);
  }

  /** Takes something back into the window it was taken from; once that is over there is nothing to give back to. */
  void give(Return back) {
    Cell cell = cell(back.gauge());
    if (cell.bucket == null) {
      for (int i = 0; i < cell.leases.length; i++) {
        if (cell.leases[i] == back.until()) {
          long[] fewer = Arrays.copyOf(cell.leases, cell.leases.length - 1);
          System.arraycopy(cell.leases, i + 1, fewer, i, fewer.length - i);
          cell.leases = fewer;
          return;
        }
      }
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
        for (long lease : cell.leases) {
          longest = Math.max(longest, lease - now);
        }
      } else {
        cell.bucket.refillAllBandwidth(now);
        longest = Math.max(longest, cell.bucket.calculateFullRefillingTime(now));
      }
    }
    return longest;
  }

  private void prune(Cell cell) {
    int live = 0;
    for (long lease : cell.leases) {
      live += lease > now ? 1 : 0;
    }
    if (live < cell.leases.length) {
      cell.leases = Arrays.stream(cell.leases).filter(lease -> lease > now).toArray();
    }
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
        out.writeInt(cell.bucket == null ? cell.leases.length : -1);
        if (cell.bucket == null) {
          for (long lease : cell.leases) {
            out.writeLong(lease);
          }
        } else {
          BucketState.serialize(DataOutputSerializationAdapter.INSTANCE, out, cell.bucket, Versions.getLatest(), Scope.PERSISTED_STATE);
        }
      }
      return bytes.toByteArray();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What {@link #bytes} wrote; anything else is an empty book, never an error: it is overwritten. */
  static Book of(byte[] bytes, long clockNow) {
    try {
      DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes));
      if (bytes.length == 0 || in.readByte() != FORMAT) {
        return new Book(clockNow);
      }
      Book book = new Book(in.readLong());
      book.now = in.readLong();
      int cells = in.readShort();
      for (int i = 0; i < cells; i++) {
        String id = in.readUTF();
        Cell cell = new Cell();
        cell.limit = in.readLong();
        int leases = in.readInt();
        if (leases >= 0 && leases <= in.available() / Long.BYTES) {
          cell.leases = new long[leases];
          for (int j = 0; j < leases; j++) {
            cell.leases[j] = in.readLong();
          }
        } else {
          cell.bucket = BucketState.deserialize(DataOutputSerializationAdapter.INSTANCE, in);
        }
        book.cells.put(id, cell);
      }
      book.at(clockNow);
      return book;
    } catch (IOException | RuntimeException garbage) {
      return new Book(clockNow);
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
