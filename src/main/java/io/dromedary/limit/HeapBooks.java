package io.dromedary.limit;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;

/** Books in this process's memory: one lock a lane, held for a microsecond or two. */
final class HeapBooks implements Books {
  /** More users of one project than this share what is left to them: names come from outside and must not fill the heap. */
  static final int MOST_BOOKS = 100_000;
  private static final String REST = "user:*";
  private static final int SWEEP_EVERY = 4_096;

  private final LongSupplier nanos;
  private final ConcurrentHashMap<String, Lane> lanes = new ConcurrentHashMap<>();

  HeapBooks(LongSupplier nanos) {
    this.nanos = nanos;
  }

  private static final class Lane extends ReentrantLock {
    final Map<String, Book> books = new HashMap<>();
    int sweepAt = SWEEP_EVERY;

    Book book(String name, long now) {
      Book book = books.get(name);
      if (book == null) {
        if (books.size() >= sweepAt) {
          books.values().removeIf(old -> {
            old.at(now);
            return old.restsAfterNanos() == 0;
          });
          sweepAt = Math.max(SWEEP_EVERY, Math.min(MOST_BOOKS, books.size() * 2));
        }
        if (books.size() >= MOST_BOOKS && !name.equals(REST)) {
          return book(REST, now);
        }
        book = new Book(now, Book.Node.ALONE);
        books.put(name, book);
      }
      book.at(now);
      return book;
    }
  }

  @Override
  public Verdict take(String name, List<Claim> claims) {
    Lane lane = lane(name);
    lane.lock();
    try {
      long now = nanos.getAsLong();
      return Book.take(claims, book -> lane.book(book, now));
    } finally {
      lane.unlock();
    }
  }

  @Override
  public void give(String name, List<Return> returns) {
    Lane lane = lane(name);
    lane.lock();
    try {
      long now = nanos.getAsLong();
      for (Return back : returns) {
        lane.book(back.book(), now).give(back);
      }
    } finally {
      lane.unlock();
    }
  }

  @Override
  public List<Level> look(String name, List<Claim> claims) {
    Lane lane = lane(name);
    lane.lock();
    try {
      long now = nanos.getAsLong();
      return Book.look(claims, book -> lane.book(book, now));
    } finally {
      lane.unlock();
    }
  }

  private Lane lane(String name) {
    Lane lane = lanes.get(name);
    return lane == null ? lanes.computeIfAbsent(name, n -> new Lane()) : lane;
  }
}
