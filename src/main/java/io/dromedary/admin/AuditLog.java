package io.dromedary.admin;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Who did what: every request to {@code /admin/**} and the first use of each key in each hour, in one chain over all nodes. A line is added while the head of the chain is locked, so lines follow one another whoever writes them;
 * a line that is changed, removed or put in between breaks the chain there, and a cut end does not fit the head.
 *
 * <p>A change is noted before it is made, and when that cannot be written nothing is changed; what it was answered is a second line. Who only looks, and who is refused, is noted too: the first refusal at once, else one line in
 * ten seconds for each (who, what), with their number, so that neither a flood nor a dashboard fills the log.
 */
public final class AuditLog implements AutoCloseable {
  /** What is done to the chain. */
  private interface Adding {
    void on(Connection connection) throws SQLException;
  }

  private static final Logger LOG = LoggerFactory.getLogger(AuditLog.class);
  private static final String COLUMNS = "seq, at_ms, node, kind, actor, method, path, status, times, body_sha256, request_id, detail, previous, hash";
  private static final Set<String> LOOKING = Set.of("GET", "HEAD");
  private static final long GATHER_MS = 10_000;
  private static final int MOST_GATHERED = 100;
  private static final int MOST_USES = 10_000;
  private static final int MOST_SHOWN = 1_000;

  private final DataSource dataSource;
  private final String node;
  private final Clock clock;
  private final Map<String, AuditEntry> gathered = new LinkedHashMap<>();
  private final ConcurrentLinkedQueue<AuditEntry> uses = new ConcurrentLinkedQueue<>();
  private final AtomicInteger usesWaiting = new AtomicInteger();
  private long gatheredSince;
  private long lastRefusal;
  private volatile long lost;

  public AuditLog(DataSource dataSource, String node, Clock clock) {
    this.dataSource = dataSource;
    this.node = node;
    this.clock = clock;
  }

  /** Notes that a change is about to be made. Who only looks is noted when it is answered. @throws Problem 503 when it cannot be noted: the change must not be made */
  public void asked(Inbound in, Caller caller) {
    if (LOOKING.contains(in.method())) {
      return;
    }
    try {
      append(List.of(entry(in, "asked", caller.keyId(), 0, 1, "")));
    } catch (SQLException e) {
      throw new Problem(503, "service_unavailable_error", "the audit log cannot be written just now, so nothing is changed; try again shortly").code("audit_unavailable").retryAfter(Duration.ofSeconds(2));
    }
  }

  /** Notes what an admin request was answered. */
  public void answered(Inbound in, String actor, boolean admitted, int status) {
    if (!admitted) {
      refused(entry(in, "refused", actor, status, 1, ""));
    } else if (LOOKING.contains(in.method())) {
      gather(entry(in, "looked", actor, status, 1, ""));
    } else {
      write(List.of(entry(in, "done", actor, status, 1, "")));
    }
  }

  private void refused(AuditEntry entry) {
    long now = clock.millis();
    boolean atOnce;
    synchronized (gathered) {
      atOnce = Math.abs(now - lastRefusal) >= GATHER_MS;
      lastRefusal = atOnce ? now : lastRefusal;
    }
    if (atOnce) {
      write(List.of(entry));
    } else {
      gather(entry);
    }
  }

  private void gather(AuditEntry entry) {
    synchronized (gathered) {
      if (gathered.isEmpty()) {
        gatheredSince = clock.millis();
      }
      String what = entry.kind() + " " + entry.actor() + " " + entry.method() + " " + entry.path() + " " + entry.status();
      String key = gathered.containsKey(what) || gathered.size() < MOST_GATHERED ? what : entry.kind();
      AuditEntry first = gathered.get(key);
      gathered.put(key, first == null ? entry : first.again());
    }
  }

  /** Notes the first use of a key in this hour; written a moment later, so that no request waits for it. */
  public void keyUsed(Caller caller, Inbound in) {
    if (usesWaiting.incrementAndGet() > MOST_USES) {
      usesWaiting.decrementAndGet();
      lost++;
      return;
    }
    AuditEntry use = entry(in, "key", caller.project() + "/" + caller.keyId(), 0, 1, "first use in this hour at this node");
    uses.add(new AuditEntry(use.atMs(), use.node(), use.kind(), use.actor(), use.method(), use.path(), 0, 1, "", use.requestId(), use.detail()));
  }

  /** Writes what waits: uses of keys, and what is gathered once its ten seconds are over. A timer calls it each second. */
  public void flush() {
    flush(false);
  }

  /** Before the store is closed. */
  @Override
  public void close() {
    flush(true);
  }

  private void flush(boolean all) {
    List<AuditEntry> waiting = new ArrayList<>();
    for (AuditEntry use = uses.poll(); use != null; use = uses.poll()) {
      usesWaiting.decrementAndGet();
      waiting.add(use);
    }
    synchronized (gathered) {
      if (all || Math.abs(clock.millis() - gatheredSince) >= GATHER_MS) {
        waiting.addAll(gathered.values());
        gathered.clear();
      }
    }
    if (!waiting.isEmpty()) {
      write(waiting);
    }
  }

  private void write(List<AuditEntry> entries) {
    try {
      append(entries);
    } catch (SQLException e) {
      lost += entries.size();
      LOG.error("{} lines of the audit log are lost, it cannot be written; the first: {} {} by `{}`, answered {}: {}", entries.size(), entries.get(0).method(), entries.get(0).path(), entries.get(0).actor(), entries.get(0).status(),
          e.getMessage());
    }
  }

  /** Lines that could not be written since the start. */
  public long lost() {
    return lost;
  }

  private AuditEntry entry(Inbound in, String kind, String actor, int status, long times, String detail) {
    return new AuditEntry(clock.millis(), node, kind, text(actor, 160), text(in.method(), 16), text(in.path(), 512), status, times, in.body().length == 0 ? "" : AuditEntry.sha256(in.body()), text(in.requestId(), 128), detail);
  }

  /** As the column holds it: what is hashed must be what is read back. */
  private static String text(String text, int max) {
    StringBuilder kept = new StringBuilder(Math.min(text.length(), max));
    for (int i = 0; i < text.length() && kept.length() < max; i++) {
      char c = text.charAt(i);
      kept.append(c < ' ' || Character.isSurrogate(c) ? '?' : c);
    }
    return kept.toString();
  }

  private void append(List<AuditEntry> entries) throws SQLException {
    transact(connection -> {
      long seq;
      String hash;
      try (PreparedStatement head = connection.prepareStatement("SELECT seq, hash FROM dromedary_audit_head WHERE id = 1 FOR UPDATE"); ResultSet row = head.executeQuery()) {
        if (!row.next()) {
          throw new SQLException("the head of the audit chain is gone", "02000");
        }
        seq = row.getLong(1);
        hash = row.getString(2);
      }
      try (PreparedStatement insert = connection.prepareStatement("INSERT INTO dromedary_audit (" + COLUMNS + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")) {
        for (AuditEntry entry : entries) {
          String previous = hash;
          hash = entry.hash(++seq, previous);
          Object[] values = {seq, entry.atMs(), entry.node(), entry.kind(), entry.actor(), entry.method(), entry.path(), entry.status(), entry.times(), entry.bodySha256(), entry.requestId(), entry.detail(), previous, hash};
          for (int i = 0; i < values.length; i++) {
            insert.setObject(i + 1, values[i]);
          }
          insert.executeUpdate();
        }
      }
      try (PreparedStatement update = connection.prepareStatement("UPDATE dromedary_audit_head SET seq = ?, hash = ? WHERE id = 1")) {
        update.setLong(1, seq);
        update.setString(2, hash);
        update.executeUpdate();
      }
    });
  }

  private void transact(Adding adding) throws SQLException {
    try (Connection connection = dataSource.getConnection()) {
      connection.setAutoCommit(false);
      try {
        adding.on(connection);
        connection.commit();
      } catch (SQLException | RuntimeException e) {
        connection.rollback();
        throw e;
      } finally {
        connection.setAutoCommit(true);
      }
    }
  }

  /** What came of checking the chain. {@code brokenAt} is the first line that does not fit, 0 when all do. */
  public record Verdict(boolean whole, long lines, long brokenAt, String why, String head) {}

  /** Reads the whole chain and computes every hash anew. Counts as of one moment: lines that come meanwhile are not looked at. */
  public Verdict verify() throws SQLException {
    try (Connection connection = dataSource.getConnection()) {
      long last;
      String head;
      try (PreparedStatement select = connection.prepareStatement("SELECT seq, hash FROM dromedary_audit_head WHERE id = 1"); ResultSet row = select.executeQuery()) {
        if (!row.next()) {
          return new Verdict(false, 0, 1, "the head of the chain is gone", "");
        }
        last = row.getLong(1);
        head = row.getString(2);
      }
      long expected = 0;
      String previous = "";
      connection.setAutoCommit(false);
      try (PreparedStatement select = connection.prepareStatement("SELECT " + COLUMNS + " FROM dromedary_audit WHERE seq <= ? ORDER BY seq")) {
        select.setFetchSize(1_000);
        select.setLong(1, last);
        try (ResultSet row = select.executeQuery()) {
          while (row.next()) {
            expected++;
            if (row.getLong(1) != expected) {
              return new Verdict(false, expected - 1, expected, "line " + expected + " is missing", head);
            }
            if (!row.getString(13).equals(previous)) {
              return new Verdict(false, expected - 1, expected, "line " + expected + " does not follow the one before it", head);
            }
            String hash = read(row).hash(expected, previous);
            if (!hash.equals(row.getString(14))) {
              return new Verdict(false, expected - 1, expected, "line " + expected + " was changed", head);
            }
            previous = hash;
          }
        }
      } finally {
        connection.rollback();
        connection.setAutoCommit(true);
      }
      return expected != last || !previous.equals(head) ? new Verdict(false, expected, expected + 1, "the head stands at line " + last + ", the chain ends at line " + expected, head)
          : new Verdict(true, expected, 0, "", head);
    }
  }

  private static AuditEntry read(ResultSet row) throws SQLException {
    return new AuditEntry(row.getLong(2), row.getString(3), row.getString(4), row.getString(5), row.getString(6), row.getString(7), row.getInt(8), row.getLong(9), row.getString(10), row.getString(11), row.getString(12));
  }

  /** {@code GET /admin/audit?limit=&before=&verify=true}: the newest lines first. @throws Problem 400 naming the parameter, 503 when it cannot be read */
  public ObjectNode page(Inbound in) {
    long limit = number(in.query().get("limit"), "limit", 100, MOST_SHOWN);
    long before = number(in.query().get("before"), "before", Long.MAX_VALUE, Long.MAX_VALUE);
    String verify = in.query().getOrDefault("verify", "false");
    if (!verify.equals("true") && !verify.equals("false")) {
      throw Problem.badField("verify", "`verify` must be true or false");
    }
    flush(true);
    ObjectNode page = Json.object().put("object", "audit");
    try {
      if (verify.equals("true")) {
        page.set("chain", json(verify()));
      }
      ArrayNode data = page.putArray("data");
      try (Connection connection = dataSource.getConnection(); PreparedStatement select = connection.prepareStatement("SELECT " + COLUMNS + " FROM dromedary_audit WHERE seq < ? ORDER BY seq DESC LIMIT ?")) {
        select.setLong(1, before);
        select.setLong(2, limit);
        try (ResultSet row = select.executeQuery()) {
          while (row.next()) {
            AuditEntry entry = read(row);
            data.addObject().put("seq", row.getLong(1)).put("at", Instant.ofEpochMilli(entry.atMs()).toString()).put("kind", entry.kind()).put("actor", entry.actor()).put("method", entry.method()).put("path", entry.path())
                .put("status", entry.status()).put("times", entry.times()).put("body_sha256", entry.bodySha256()).put("request_id", entry.requestId()).put("node", entry.node()).put("detail", entry.detail())
                .put("hash", row.getString(14));
          }
        }
      }
    } catch (SQLException e) {
      throw new Problem(503, "service_unavailable_error", "the audit log cannot be read just now; try again shortly").code("store_unavailable").retryAfter(Duration.ofSeconds(2));
    }
    return page;
  }

  static ObjectNode json(Verdict verdict) {
    ObjectNode json = Json.object().put("whole", verdict.whole()).put("lines", verdict.lines()).put("head", verdict.head());
    return verdict.whole() ? json : json.put("broken_at", verdict.brokenAt()).put("why", verdict.why());
  }

  private static long number(@Nullable String text, String name, long absent, long most) {
    if (text == null) {
      return absent;
    }
    if (text.matches("[0-9]{1,18}") && Long.parseLong(text) >= 1 && Long.parseLong(text) <= most) {
      return Long.parseLong(text);
    }
    throw Problem.badField(name, "`" + name + "` must be a whole number from 1" + (most == Long.MAX_VALUE ? "" : " to " + most));
  }
}
