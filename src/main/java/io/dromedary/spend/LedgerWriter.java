package io.dromedary.spend;

import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Bill;
import io.dromedary.catalog.Price;
import io.dromedary.chat.Json;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The one thread that writes the ledger, on a connection of its own with its statements kept open.
 *
 * <p>A failed transaction is rolled back and each of its entries tried alone, so that one that the store will not take fails alone. When the store is gone, starts are refused, settlements
 * kept, and nothing begins until they are written. A start whose commit may or may not have happened was refused to its caller: its row is deleted first thing afterwards.
 */
final class LedgerWriter implements Runnable {
  /** Entries in one transaction at most; bounds how long the first of them waits. */
  private static final int GROUP = 512;
  /** After a group of so many it waits a moment for more to join the next: a commit costs as much as a dozen rows. A quiet ledger commits at once. */
  private static final int BUSY = 4;
  private static final long GATHER_NANOS = 500_000;
  private static final long BEAT_MS = 5_000;
  private static final long RETRY_MS = 200;
  private static final Logger LOG = System.getLogger(Ledger.class.getName());

  private final Store store;
  private final Nodes nodes;
  private final Outbox outbox;
  private final Clock clock;
  private final LinkedBlockingQueue<Entry> queue;
  private final Thread thread;

  /** A request with attempts that are not settled: its key and which numbers have a row. */
  private static final class Open {
    final long seq;
    long numbers;
    /** By the attempt's number; only of attempts that draw from a purse. */
    final Map<Integer, Entry.Hold> holds = new HashMap<>(0);

    Open(long seq) {
      this.seq = seq;
    }
  }

  /** A start that was refused though it may have been written. */
  private record Void(long seq, Entry.@Nullable Hold hold) {}

  private final Map<String, Open> open = new HashMap<>();
  private final PurseRows purses;
  private final Set<String> prices = new HashSet<>();
  /** Settlements, and ends of keys. */
  private final ArrayDeque<Entry> backlog = new ArrayDeque<>();
  private final List<Void> voids = new ArrayList<>();
  /** Keys that were refused to their requests though they may have been taken. */
  private final List<Ending> orphans = new ArrayList<>();
  private @Nullable Connection connection;
  private @Nullable Rows rows;
  private Sequence sequence;
  private int slot;
  private long lastBeatMs;
  private long lastBeatLow;
  private long retryAtNanos;
  private int lastGroup;

  private volatile boolean down;
  private volatile boolean closing;
  private volatile int kept;
  private volatile long transactions;
  private volatile long rowCount;
  private volatile long rejected;

  LedgerWriter(Store store, Nodes nodes, Outbox outbox, Clock clock, int capacity) throws SQLException {
    this.store = store;
    this.nodes = nodes;
    this.outbox = outbox;
    this.clock = clock;
    this.queue = new LinkedBlockingQueue<>(capacity);
    this.purses = new PurseRows(store.postgres(), clock);
    try (Connection first = store.dataSource().getConnection()) {
      sequence = nodes.register(first);
    }
    slot = sequence.slot();
    lastBeatMs = clock.millis();
    thread = new Thread(this, "dromedary-ledger");
    thread.setDaemon(true);
  }

  void start() {
    thread.start();
  }

  boolean accepting() {
    return !down && kept == 0 && !closing;
  }

  boolean offer(Entry entry) {
    return queue.offer(entry);
  }

  /** Waits for room. @return false if there was none in time or the ledger is closed */
  boolean put(Entry entry, long nanos) {
    if (queue.offer(entry)) {
      return thread.isAlive() || !queue.remove(entry);
    }
    boolean interrupted = false;
    long end = System.nanoTime() + nanos;
    try {
      while (true) {
        try {
          return queue.offer(entry, end - System.nanoTime(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  long transactions() {
    return transactions;
  }

  long rows() {
    return rowCount;
  }

  int waiting() {
    return queue.size() + kept;
  }

  long rejected() {
    return rejected;
  }

  void close() {
    closing = true;
    // wakes the writer; an interrupt would break the store's file channel
    queue.offer(new Entry.Mark());
    try {
      thread.join(30_000);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void run() {
    List<Entry> group = new ArrayList<>(GROUP);
    while (true) {
      try {
        group.clear();
        Entry first = queue.poll(down ? RETRY_MS : BEAT_MS, TimeUnit.MILLISECONDS);
        if (first != null) {
          if (lastGroup >= BUSY && queue.size() < GROUP) {
            LockSupport.parkNanos(GATHER_NANOS);
          }
          group.add(first);
          queue.drainTo(group, GROUP - 1);
        }
        lastGroup = group.size();
        if (down && System.nanoTime() - retryAtNanos >= 0) {
          comeBack();
        }
        if (down) {
          refuse(group);
        } else {
          write(group);
          beat();
        }
        if (closing && queue.isEmpty()) {
          leave();
          return;
        }
      } catch (InterruptedException e) {
        // nobody interrupts this thread; if somebody does, what waits is written first
        closing = true;
      } catch (RuntimeException | Error bug) {
        LOG.log(Level.ERROR, "the ledger's writer met a bug; the store is taken as down and tried again", bug);
        goDown();
        refuse(group);
      }
    }
  }

  /** All of them in one transaction; if that fails, each in its own. */
  private void write(List<Entry> group) {
    if (group.isEmpty()) {
      return;
    }
    try {
      writeFacts(group);
      transact(group);
    } catch (SQLException e) {
      undo(group);
      if (!rollback()) {
        LOG.log(Level.ERROR, "the ledger's store failed: " + told(e));
        goDown();
        refuse(group);
        return;
      }
      for (int i = 0; i < group.size(); i++) {
        if (!writeAlone(group.get(i))) {
          goDown();
          refuse(group.subList(i, group.size()));
          return;
        }
      }
    }
  }

  /** @return false if the store is at fault, not the entry */
  private boolean writeAlone(Entry entry) {
    List<Entry> one = List.of(entry);
    try {
      writeFacts(one);
      transact(one);
      return true;
    } catch (SQLException e) {
      undo(one);
      if (!rollback() || !blamesTheData(e)) {
        LOG.log(Level.ERROR, "the ledger's store failed: " + told(e));
        return false;
      }
      try {
        if (entry instanceof Entry.Settle settle && settled(settle.bill.requestId())) {
          open.remove(settle.bill.requestId());
          entry.written();
          return true;
        }
      } catch (SQLException lookUp) {
        LOG.log(Level.ERROR, "the ledger's store failed: " + told(lookUp));
        return false;
      }
      if (entry instanceof Entry.Take take) {
        // another transaction was there first
        take.taken = false;
        entry.written();
        return true;
      }
      rejected++;
      LOG.log(Level.ERROR, "the ledger's store will not take request `" + entry.requestId() + "`: " + told(e));
      entry.refused(Ledger.unavailable());
      return true;
    }
  }

  private static boolean blamesTheData(SQLException e) {
    String state = e.getSQLState();
    return state != null && (state.startsWith("22") || state.startsWith("23"));
  }

  /** What went wrong, without the driver's words: they repeat the row, which may hold a prompt. */
  private static String told(SQLException e) {
    String state = e.getSQLState();
    boolean connecting = state == null || state.startsWith("08");
    return e.getClass().getSimpleName() + ", SQL state " + state + ", code " + e.getErrorCode() + (connecting && !(e instanceof BatchUpdateException) ? ": " + e.getMessage() : "");
  }

  private boolean settled(String requestId) throws SQLException {
    try (PreparedStatement select = connected().prepareStatement("SELECT 1 FROM dromedary_requests WHERE request_id = ?")) {
      select.setString(1, Rows.clip(requestId, 128));
      try (ResultSet row = select.executeQuery()) {
        return row.next();
      }
    } finally {
      connected().rollback();
    }
  }

  private void transact(List<Entry> group) throws SQLException {
    try {
      send(group);
    } catch (RuntimeException | AssertionError driverBug) {
      // PostgreSQL's driver raises AssertionError when its connection is cut in a batch
      throw new SQLException("the driver failed: " + driverBug, "08000", driverBug);
    }
  }

  private void send(List<Entry> group) throws SQLException {
    Connection connection = connected();
    Rows rows = this.rows;
    long now = clock.millis();
    int events = 0;
    PurseRows.Round round = round(connection, group);
    for (Void left : voids) {
      if (left.hold() == null) {
        rows.voided(left.seq());
      } else {
        round.voided(left.seq(), left.hold());
      }
    }
    for (Ending orphan : orphans) {
      rows.ended(orphan);
    }
    // what ends gives room to what begins
    for (Entry entry : group) {
      if (entry instanceof Entry.Settle settle) {
        events += add(rows, settle, round, now);
      } else if (entry instanceof Entry.End end) {
        rows.ended(end.ending);
      }
    }
    for (Entry entry : group) {
      if (entry instanceof Entry.Begin begin) {
        add(rows, begin, round);
      } else if (entry instanceof Entry.Take take) {
        rows.take(take, store.node());
      }
    }
    int written = rows.flush() + (round == null ? 0 : round.write());
    connection.commit();
    voids.clear();
    orphans.clear();
    if (round != null) {
      round.tell();
    }
    transactions++;
    rowCount += written;
    if (events > 0) {
      outbox.written();
    }
    for (Entry entry : group) {
      if (entry instanceof Entry.Settle settle) {
        open.remove(settle.bill.requestId());
        entry.written();
      } else if (entry instanceof Entry.Begin begin) {
        begun(begin);
      } else if (!entry.written() && entry instanceof Entry.Take take && take.taken) {
        orphans.add(Ending.free(take.project, take.key, take.requestId));
      }
    }
  }

  /** A start is in the store, or was refused by its purses. */
  private void begun(Entry.Begin begin) {
    Open request = open.get(begin.requestId);
    if (request != null) {
      request.holds.putAll(begin.shrunk);
    }
    if (begin.refusal != null) {
      begin.refused(begin.refusal);
      return;
    }
    if (!begin.written()) {
      forget(begin);
      voids.add(new Void(begin.seq, begin.hold));
    } else if (begin.hold != null && request != null) {
      request.holds.put(begin.attempt.number(), begin.hold);
    }
  }

  /** Locks the purses that the group and the voids move; null when they move none. */
  private PurseRows.@Nullable Round round(Connection connection, List<Entry> group) throws SQLException {
    TreeSet<Long> wanted = null;
    for (Void left : voids) {
      if (left.hold() != null) {
        wanted = wanted == null ? new TreeSet<>() : wanted;
        PurseRows.addAll(wanted, left.hold().purses());
      }
    }
    for (Entry entry : group) {
      List<Attempt> attempts = entry instanceof Entry.Settle settle ? settle.bill.attempts() : entry instanceof Entry.Begin begin ? List.of(begin.attempt) : List.of();
      for (Attempt attempt : attempts) {
        if (!attempt.draws().isEmpty()) {
          wanted = wanted == null ? new TreeSet<>() : wanted;
          PurseRows.addAll(wanted, purses.ids(attempt));
        }
      }
      Open request = entry instanceof Entry.Begin begin && !begin.earlier.isEmpty() ? open.get(begin.requestId) : null;
      if (request != null) {
        for (Entry.Hold hold : request.holds.values()) {
          wanted = wanted == null ? new TreeSet<>() : wanted;
          PurseRows.addAll(wanted, hold.purses());
        }
      }
    }
    return wanted == null ? null : purses.lock(connection, wanted);
  }

  private void add(Rows rows, Entry.Begin begin, PurseRows.@Nullable Round round) throws SQLException {
    Attempt attempt = begin.attempt;
    Open request = open.computeIfAbsent(begin.requestId, k -> new Open(sequence.next()));
    begin.seq = request.seq | attempt.number();
    begin.owned = false;
    begin.hold = null;
    begin.refusal = null;
    begin.shrunk.clear();
    String held = null;
    if (round != null) {
      for (Attempt earlier : begin.earlier) {
        Entry.Hold hold = request.holds.get(earlier.number());
        Attempt.Outcome outcome = earlier.outcome();
        if (hold != null && outcome != null && hold.nanos() != outcome.cost().nanos()) {
          begin.shrunk.put(earlier.number(), round.shrink(request.seq | earlier.number(), hold, outcome.cost().nanos()));
        }
      }
    }
    boolean known = (request.numbers & 1L << attempt.number()) != 0;
    if (round != null && !known && !attempt.draws().isEmpty()) {
      long[] ids = purses.ids(attempt);
      begin.refusal = round.take(attempt, ids);
      if (begin.refusal != null) {
        if (request.numbers == 0) {
          open.remove(begin.requestId);
        }
        return;
      }
      begin.hold = new Entry.Hold(ids, attempt.reserved().nanos());
      held = PurseRows.text(ids);
    }
    begin.owned = !known;
    request.numbers |= 1L << attempt.number();
    rows.begin(begin.seq, begin.requestId, begin.project, attempt, slot, held);
  }

  private int add(Rows rows, Entry.Settle settle, PurseRows.@Nullable Round round, long now) throws SQLException {
    Bill bill = settle.bill;
    Open request = open.get(bill.requestId());
    long seq = request == null ? sequence.next() : request.seq;
    long cost = 0;
    for (Attempt attempt : bill.attempts()) {
      long attemptSeq = seq | attempt.number();
      if (request == null || (request.numbers & 1L << attempt.number()) == 0) {
        rows.begin(attemptSeq, bill.requestId(), bill.project(), attempt, slot, null);
      }
      Charged charged = Charged.of(attempt);
      cost = Math.addExact(cost, charged.cost().nanos());
      if (round != null && !attempt.draws().isEmpty()) {
        round.settle(attempt, purses.ids(attempt), request == null ? null : request.holds.get(attempt.number()), charged.cost().nanos());
      }
      rows.end(attemptSeq, charged, now);
    }
    if (settle.ending != null) {
      rows.ended(settle.ending);
    }
    rows.request(seq, bill, cost, now);
    rows.interaction(seq, bill, now);
    int events = 0;
    // in the order of settlement, not of the start: a relay that reads in this order skips nothing
    long eventSeq = settle.events.isEmpty() ? 0 : sequence.next();
    for (CostEvents.Event event : settle.events) {
      for (String sink : outbox.sinks()) {
        rows.event(eventSeq + events % (Sequence.MAX_ATTEMPT + 1), event, sink, now);
        if (++events % (Sequence.MAX_ATTEMPT + 1) == 0) {
          eventSeq = sequence.next();
        }
      }
    }
    return events;
  }

  /** Takes back what a rolled back transaction had noted. */
  private void undo(List<Entry> group) {
    for (Entry entry : group) {
      if (entry instanceof Entry.Begin begin && begin.owned) {
        forget(begin);
      }
    }
  }

  private void forget(Entry.Begin begin) {
    Open request = open.get(begin.requestId);
    if (request != null) {
      request.numbers &= ~(1L << begin.attempt.number());
      if (request.numbers == 0) {
        open.remove(begin.requestId);
      }
    }
  }

  /** Prices and the names of purses are facts that outlive a transaction that fails: written on their own, once. */
  private void writeFacts(List<Entry> group) throws SQLException {
    for (Entry entry : group) {
      if (entry instanceof Entry.Begin begin) {
        writePrice(begin.attempt);
        openPurses(begin.attempt);
      } else if (entry instanceof Entry.Settle settle) {
        for (Attempt attempt : settle.bill.attempts()) {
          writePrice(attempt);
          openPurses(attempt);
        }
      }
    }
  }

  private void openPurses(Attempt attempt) throws SQLException {
    if (!attempt.draws().isEmpty()) {
      purses.open(connected(), attempt);
    }
  }

  private void writePrice(Attempt attempt) throws SQLException {
    Price price = attempt.price();
    if (price == null || prices.contains(price.version())) {
      return;
    }
    Connection connection = connected();
    String version = Rows.clip(price.version(), 320);
    boolean known;
    try (PreparedStatement select = connection.prepareStatement("SELECT 1 FROM dromedary_price_versions WHERE version = ?")) {
      select.setString(1, version);
      try (ResultSet row = select.executeQuery()) {
        known = row.next();
      }
    }
    if (!known) {
      try (PreparedStatement insert = connection.prepareStatement("INSERT INTO dromedary_price_versions (version, model, effective_from, source, rates, first_used_at_ms) VALUES (?, ?, ?, ?, ?, ?)")) {
        insert.setString(1, version);
        insert.setString(2, Rows.clip(attempt.candidate().model().id(), 256));
        insert.setString(3, price.effectiveFrom().toString());
        insert.setString(4, Rows.clip(price.source(), 1_024));
        insert.setString(5, Rows.clip(rates(price), 8_192));
        insert.setLong(6, clock.millis());
        insert.executeUpdate();
      }
    }
    connection.commit();
    prices.add(price.version());
  }

  /** Nano-dollars per million tokens, as JSON. */
  private static String rates(Price price) {
    var json = Json.object();
    put(json, price.base());
    if (price.perRequest() > 0) {
      json.put("request", price.perRequest());
    }
    if (!price.longPrompt().isEmpty()) {
      var tiers = json.putArray("long_prompt");
      for (Price.LongPrompt tier : price.longPrompt()) {
        put(tiers.addObject().put("above_input_tokens", tier.aboveInputTokens()), tier.rates());
      }
    }
    return Json.text(json);
  }

  private static void put(com.fasterxml.jackson.databind.node.ObjectNode json, Price.Rates rates) {
    json.put("input", rates.input()).put("output", rates.output()).put("cache_read", rates.cacheRead()).put("cache_write", rates.cacheWrite());
  }

  private Connection connected() throws SQLException {
    Connection current = connection;
    if (current == null) {
      current = store.dataSource().getConnection();
      try {
        current.setAutoCommit(false);
        rows = new Rows(current, store.postgres());
      } catch (SQLException e) {
        current.close();
        throw e;
      }
      connection = current;
    }
    return current;
  }

  /** @return whether the store still answers */
  private boolean rollback() {
    Connection current = connection;
    if (current == null) {
      return false;
    }
    try {
      rows.clear();
      current.rollback();
      return current.isValid(2);
    } catch (SQLException e) {
      return false;
    }
  }

  private void goDown() {
    down = true;
    retryAtNanos = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(RETRY_MS);
    disconnect();
  }

  private void disconnect() {
    Connection current = connection;
    connection = null;
    rows = null;
    if (current != null) {
      try {
        current.close();
      } catch (SQLException gone) {
        LOG.log(Level.DEBUG, "the ledger's connection was gone already", gone);
      }
    }
  }

  /** Tells starts no, keeps settlements. */
  private void refuse(List<Entry> group) {
    for (Entry entry : group) {
      if (entry.isWritten()) {
        continue;
      }
      if (entry instanceof Entry.Begin begin) {
        if (begin.owned) {
          voids.add(new Void(begin.seq, begin.hold));
        }
      } else if (entry instanceof Entry.Take take) {
        orphans.add(Ending.free(take.project, take.key, take.requestId));
      } else if (!(entry instanceof Entry.Mark)) {
        backlog.add(entry);
        kept = backlog.size();
      }
      entry.refused(Ledger.unavailable());
    }
  }

  /** Is the store back? Then what was kept is written first. */
  private void comeBack() {
    try {
      Connection connection = connected();
      for (Open request : open.values()) {
        // a commit in doubt may have shrunk what is held
        if (!request.holds.isEmpty()) {
          PurseRows.reread(connection, request.seq, request.holds);
        }
      }
      if (!voids.isEmpty() || !orphans.isEmpty()) {
        transact(List.of());
      }
    } catch (SQLException e) {
      goDown();
      return;
    }
    down = false;
    while (!backlog.isEmpty() && !down) {
      List<Entry> group = new ArrayList<>(GROUP);
      while (group.size() < GROUP && !backlog.isEmpty()) {
        group.add(backlog.poll());
      }
      write(group);
    }
    kept = backlog.size();
    if (!down) {
      LOG.log(Level.INFO, "the ledger's store is back and all that was kept is written");
    }
  }

  /** A sign of life and the lowest key that is open; and on a shared store, a look for nodes that died. */
  private void beat() {
    long now = clock.millis();
    if (now - lastBeatMs < BEAT_MS && now >= lastBeatMs) {
      return;
    }
    long low = sequence.floor();
    for (Open request : open.values()) {
      low = Math.min(low, request.seq);
    }
    lastBeatMs = now;
    if (low == lastBeatLow && !store.postgres()) {
      return;
    }
    try {
      Connection connection = connected();
      if (nodes.beat(connection, slot, low)) {
        connection.commit();
        lastBeatLow = low;
      } else {
        LOG.log(Level.WARNING, "this node was taken for dead and its open attempts were charged at their upper bound");
        connection.rollback();
        sequence = nodes.register(connection);
        slot = sequence.slot();
        open.clear();
      }
      if (store.postgres()) {
        int charged = nodes.recover(false);
        if (charged > 0) {
          LOG.log(Level.WARNING, charged + " attempts of a node that died were charged at their upper bound");
        }
      }
    } catch (SQLException e) {
      LOG.log(Level.ERROR, "the ledger's store failed: " + told(e));
      rollback();
      goDown();
    }
  }

  private void leave() {
    if (!backlog.isEmpty()) {
      LOG.log(Level.ERROR, backlog.size() + " settlements could not be written before the stop; the next start charges their attempts at their upper bound");
    }
    try {
      if (!down && (!voids.isEmpty() || !orphans.isEmpty())) {
        transact(List.of());
      }
      if (!down && open.isEmpty()) {
        nodes.leave(connected(), slot);
        connected().commit();
      }
    } catch (SQLException e) {
      LOG.log(Level.WARNING, "the ledger could not sign off: " + told(e));
    } finally {
      disconnect();
    }
  }
}
