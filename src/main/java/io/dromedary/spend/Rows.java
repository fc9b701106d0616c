package io.dromedary.spend;

import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Bill;
import io.dromedary.catalog.Price;
import io.dromedary.chat.Usage;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** The ledger's rows as batches of prepared statements on the writer's one connection. */
final class Rows implements AutoCloseable {
  private static final String BEGIN = "INSERT INTO dromedary_attempts (seq, request_id, number, slot, project, provider, model, price_version, reserved_nanos, status, started_at_ms, purpose, purses)"
      + " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
  private static final String END = "UPDATE dromedary_attempts SET status = ?, outcome = ?, failure = ?, provider_status = ?, uncached_input = ?, cache_read = ?, cache_write = ?, output = ?,"
      + " reasoning = ?, counted = ?, cost_nanos = ?, first_token_us = ?, total_us = ?, settled_at_ms = ?, list_nanos = ? WHERE seq = ?";
  private static final String REQUEST = "INSERT INTO dromedary_requests (seq, request_id, project, key_id, tags, entry, requested_model, served_model, provider, tier, task, domain, score,"
      + " strategy, reason, status, http_status, streamed, cache, uncached_input, cache_read, cache_write, output, reasoning, counted, cost_nanos, cache_saved_nanos, routing_saved_nanos,"
      + " baseline_model, attempts, received_at_ms, settled_at_ms, first_token_us, total_us, overhead_us, prompt_hash, decision, user_id, agent)"
      + " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
  private static final String INTERACTION = "INSERT INTO dromedary_interaction_log (seq, request_id, project, cached, prompt_hash, prompt, answer, created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
  static final String EVENT = "INSERT INTO dromedary_outbox (id, event_id, sink, payload, created_at_ms, tries, next_try_at_ms, claimed_until_ms) VALUES (?, ?, ?, ?, ?, 0, 0, 0)";
  private static final String VOID = "DELETE FROM dromedary_attempts WHERE seq = ? AND status = 'STARTED'";
  // not VALUES: PostgreSQL's driver would rewrite the batch and not say which row was new
  private static final String TAKE = "INSERT INTO dromedary_idempotency (project, idempotency_key, body_hash, request_id, state, node, status, content_type, created_at_ms, expires_at_ms)"
      + " SELECT ?, ?, ?, ?, 'IN_PROGRESS', ?, 0, '', ?, ? WHERE NOT EXISTS (SELECT 1 FROM dromedary_idempotency WHERE project = ? AND idempotency_key = ?)";
  private static final String KEEP = "UPDATE dromedary_idempotency SET state = 'DONE', status = ?, content_type = ?, answer = ? WHERE project = ? AND idempotency_key = ? AND request_id = ?";
  private static final String FREE = "DELETE FROM dromedary_idempotency WHERE project = ? AND idempotency_key = ? AND request_id = ? AND state = 'IN_PROGRESS'";

  private final PreparedStatement begin;
  private final PreparedStatement end;
  private final PreparedStatement request;
  private final PreparedStatement interaction;
  private final PreparedStatement event;
  private final PreparedStatement voided;
  private final Connection connection;
  private final boolean postgres;
  /** Of idempotency keys: prepared when the first request has one. */
  private @Nullable PreparedStatement take;
  private @Nullable PreparedStatement keep;
  private @Nullable PreparedStatement free;
  private final List<Entry.Take> takes = new ArrayList<>();
  private int keeps;
  private int frees;
  private int begins;
  private int ends;
  private int requests;
  private int interactions;
  private int events;
  private int voids;

  Rows(Connection connection, boolean postgres) throws SQLException {
    this.connection = connection;
    this.postgres = postgres;
    begin = connection.prepareStatement(BEGIN);
    end = connection.prepareStatement(END);
    request = connection.prepareStatement(REQUEST);
    interaction = connection.prepareStatement(INTERACTION);
    event = connection.prepareStatement(EVENT);
    voided = connection.prepareStatement(VOID);
  }

  void begin(long seq, String requestId, String project, Attempt attempt, int slot, @Nullable String purses) throws SQLException {
    Price price = attempt.price();
    begin.setLong(1, seq);
    begin.setString(2, clip(requestId, 128));
    begin.setInt(3, attempt.number());
    begin.setInt(4, slot);
    begin.setString(5, clip(project, 128));
    begin.setString(6, clip(attempt.candidate().provider(), 64));
    begin.setString(7, clip(attempt.candidate().model().id(), 256));
    begin.setString(8, price == null ? null : clip(price.version(), 320));
    begin.setLong(9, attempt.reserved().nanos());
    begin.setString(10, "STARTED");
    begin.setLong(11, attempt.startedAt().toEpochMilli());
    begin.setString(12, attempt.purpose().name().toLowerCase(Locale.ROOT));
    begin.setString(13, purses);
    begin.addBatch();
    begins++;
  }

  void end(long seq, Charged charged, long nowMs) throws SQLException {
    Usage usage = charged.usage();
    end.setString(1, charged.known() ? "SETTLED" : "UNKNOWN");
    end.setString(2, charged.outcome());
    end.setString(3, clip(charged.failure(), 64));
    end.setInt(4, charged.providerStatus());
    end.setLong(5, usage.uncachedInput());
    end.setLong(6, usage.cacheRead());
    end.setLong(7, usage.cacheWrite());
    end.setLong(8, usage.output());
    end.setLong(9, usage.reasoning());
    end.setBoolean(10, usage.counted());
    end.setLong(11, charged.cost().nanos());
    micros(end, 12, charged.firstToken());
    micros(end, 13, charged.total());
    end.setLong(14, nowMs);
    if (charged.spared() == null) {
      end.setNull(15, Types.BIGINT);
    } else {
      end.setLong(15, charged.spared().nanos());
    }
    end.setLong(16, seq);
    end.addBatch();
    ends++;
  }

  void request(long seq, Bill bill, long costNanos, long nowMs) throws SQLException {
    Usage usage = bill.usage();
    request.setLong(1, seq);
    request.setString(2, clip(bill.requestId(), 128));
    request.setString(3, clip(bill.project(), 128));
    request.setString(4, clip(bill.keyId(), 128));
    request.setString(5, clip(tags(bill.tags()), 1_024));
    request.setString(6, clip(bill.entry(), 16));
    request.setString(7, clip(bill.requestedModel(), 256));
    request.setString(8, clip(bill.servedModel(), 256));
    request.setString(9, clip(bill.provider(), 64));
    request.setString(10, clip(bill.tier(), 16));
    request.setString(11, clip(bill.topic().task(), 64));
    request.setString(12, clip(bill.topic().domain(), 64));
    request.setDouble(13, bill.score());
    request.setString(14, clip(bill.strategy(), 64));
    request.setString(15, clip(bill.reason(), 1_024));
    request.setString(16, clip(bill.status(), 16));
    request.setInt(17, bill.httpStatus());
    request.setBoolean(18, bill.stream());
    request.setString(19, clip(bill.cache(), 16));
    request.setLong(20, usage.uncachedInput());
    request.setLong(21, usage.cacheRead());
    request.setLong(22, usage.cacheWrite());
    request.setLong(23, usage.output());
    request.setLong(24, usage.reasoning());
    request.setBoolean(25, usage.counted());
    request.setLong(26, costNanos);
    request.setLong(27, bill.cacheSaved().nanos());
    request.setLong(28, bill.routingSaved().nanos());
    request.setString(29, clip(bill.baselineModel(), 256));
    request.setInt(30, bill.attempts().size());
    request.setLong(31, bill.receivedAt().toEpochMilli());
    request.setLong(32, nowMs);
    micros(request, 33, bill.firstToken());
    micros(request, 34, bill.total());
    micros(request, 35, bill.overhead());
    request.setString(36, clip(bill.promptHash(), 64));
    request.setString(37, nullable(bill.decision(), 1_000_000));
    request.setString(38, clip(bill.user(), 128));
    request.setString(39, clip(bill.agent(), 128));
    request.addBatch();
    requests++;
  }

  void interaction(long seq, Bill bill, long nowMs) throws SQLException {
    interaction.setLong(1, seq);
    interaction.setString(2, clip(bill.requestId(), 128));
    interaction.setString(3, clip(bill.project(), 128));
    interaction.setBoolean(4, CostEvents.hit(bill));
    interaction.setString(5, clip(bill.promptHash(), 64));
    interaction.setString(6, nullable(bill.prompt(), Integer.MAX_VALUE));
    interaction.setString(7, nullable(bill.answer(), Integer.MAX_VALUE));
    interaction.setLong(8, nowMs);
    interaction.addBatch();
    interactions++;
  }

  void event(long id, CostEvents.Event cost, String sink, long nowMs) throws SQLException {
    event.setLong(1, id);
    event.setString(2, clip(cost.id(), 160));
    event.setString(3, sink);
    event.setString(4, clip(cost.json(), 1_000_000));
    event.setLong(5, nowMs);
    event.addBatch();
    events++;
  }

  void voided(long seq) throws SQLException {
    voided.setLong(1, seq);
    voided.addBatch();
    voids++;
  }

  void take(Entry.Take entry, String node) throws SQLException {
    if (take == null) {
      take = connection.prepareStatement(postgres ? TAKE + " ON CONFLICT DO NOTHING" : TAKE);
    }
    take.setString(1, entry.project);
    take.setString(2, entry.key);
    take.setString(3, entry.bodyHash);
    take.setString(4, entry.requestId);
    take.setString(5, node);
    take.setLong(6, entry.nowMs);
    take.setLong(7, entry.nowMs + Idempotency.KEPT.toMillis());
    take.setString(8, entry.project);
    take.setString(9, entry.key);
    take.addBatch();
    takes.add(entry);
  }

  void ended(Ending ending) throws SQLException {
    byte[] body = ending.body();
    if (body == null) {
      if (free == null) {
        free = connection.prepareStatement(FREE);
      }
      free.setString(1, ending.project());
      free.setString(2, ending.key());
      free.setString(3, ending.requestId());
      free.addBatch();
      frees++;
      return;
    }
    if (keep == null) {
      keep = connection.prepareStatement(KEEP);
    }
    keep.setInt(1, ending.status());
    keep.setString(2, clip(ending.contentType(), 128));
    keep.setBytes(3, body);
    keep.setString(4, ending.project());
    keep.setString(5, ending.key());
    keep.setString(6, ending.requestId());
    keep.addBatch();
    keeps++;
  }

  /** Sends what has been added, starts before ends; of keys what frees them before what takes them. @return how many rows that were */
  int flush() throws SQLException {
    int rows = begins + ends + requests + interactions + events + voids + takes.size() + keeps + frees;
    begins = run(begin, begins);
    ends = run(end, ends);
    requests = run(request, requests);
    interactions = run(interaction, interactions);
    events = run(event, events);
    voids = run(voided, voids);
    keeps = run(keep, keeps);
    frees = run(free, frees);
    if (!takes.isEmpty()) {
      int[] counts = take.executeBatch();
      for (int i = 0; i < counts.length; i++) {
        takes.get(i).taken = counts[i] == 1;
      }
      takes.clear();
    }
    return rows;
  }

  private static int run(@Nullable PreparedStatement statement, int rows) throws SQLException {
    if (rows > 0) {
      statement.executeBatch();
    }
    return 0;
  }

  /** Forgets what has been added and not sent. */
  void clear() throws SQLException {
    begin.clearBatch();
    end.clearBatch();
    request.clearBatch();
    interaction.clearBatch();
    event.clearBatch();
    voided.clearBatch();
    for (PreparedStatement ofKeys : new PreparedStatement[] {take, keep, free}) {
      if (ofKeys != null) {
        ofKeys.clearBatch();
      }
    }
    takes.clear();
    keeps = frees = 0;
    begins = ends = requests = interactions = events = voids = 0;
  }

  @Override
  public void close() throws SQLException {
    begin.close();
    end.close();
    request.close();
    interaction.close();
    event.close();
    voided.close();
    for (PreparedStatement ofKeys : new PreparedStatement[] {take, keep, free}) {
      if (ofKeys != null) {
        ofKeys.close();
      }
    }
  }

  private static void micros(PreparedStatement statement, int index, @Nullable Duration duration) throws SQLException {
    if (duration == null) {
      statement.setNull(index, Types.BIGINT);
    } else {
      statement.setLong(index, duration.toNanos() / 1_000);
    }
  }

  static String tags(Set<String> tags) {
    if (tags.isEmpty()) {
      return "";
    }
    if (tags.size() == 1) {
      return tags.iterator().next().replace(',', ' ');
    }
    StringBuilder joined = new StringBuilder(64);
    for (String tag : new TreeSet<>(tags)) {
      joined.append(joined.isEmpty() ? "" : ",").append(tag.replace(',', ' '));
    }
    return joined.toString();
  }

  private static @Nullable String nullable(@Nullable String text, int max) {
    return text == null ? null : clip(text, max);
  }

  /** What a column can hold: no longer than it is wide, and free of what PostgreSQL takes in no text: NUL and half a surrogate pair. */
  static String clip(String text, int max) {
    int length = text.length();
    boolean clean = length <= max;
    for (int i = 0; i < length && clean; i++) {
      char c = text.charAt(i);
      clean = c != 0 && (c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE);
    }
    if (clean) {
      return text;
    }
    StringBuilder kept = new StringBuilder(Math.min(length, max));
    for (int i = 0; i < length && kept.length() < max; i++) {
      char c = text.charAt(i);
      if (Character.isHighSurrogate(c) && i + 1 < length && Character.isLowSurrogate(text.charAt(i + 1))) {
        if (kept.length() + 2 > max) {
          break;
        }
        kept.append(c).append(text.charAt(++i));
      } else {
        kept.append(c == 0 || Character.isSurrogate(c) ? '\uFFFD' : c);
      }
    }
    return kept.toString();
  }
}
