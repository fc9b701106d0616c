package io.dromedary.alert;

import io.dromedary.catalog.Bill;
import io.dromedary.chat.Problem;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Supplier;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks at the rules every few seconds. One alert stands for a rule and a subject while anybody sees it: the store holds at most one open row for the two, so that of several nodes only the first tells; it is told again after
 * {@code again-every} unless somebody acknowledged it, and told as over when no node has seen it for {@code resolve-after}. What is told goes into the outbox in the transaction that changes the row: neither is there without the other.
 */
public final class Alerts {
  private static final Logger LOG = LoggerFactory.getLogger(Alerts.class);
  private static final int MOST_SIGNALS = 10_000;

  /** Leaves a message in the outbox, in that transaction. */
  public interface Post {
    void leave(Connection connection, String eventId, String sink, String payload) throws SQLException;
  }

  /** What was paid into a credit, nano-dollars, -1 if that is not known: more than when it ran low means that it was topped up. The subject is that of the signal which told of it. */
  public interface Credit {
    long paidIn(String subject);
  }

  /** Told after a commit that left something in the outbox. */
  public interface Posted {
    void some();
  }

  private final Supplier<AlertRules> rules;
  private final DataSource store;
  private final Map<String, AlertSink> sinks;
  private final Post post;
  private final Posted posted;
  private final Supplier<List<ProviderState>> providers;
  private final Credit credit;
  private final Clock clock;
  private final Pulse pulse;
  private final ConcurrentLinkedQueue<Sight> signals = new ConcurrentLinkedQueue<>();
  private volatile int open;
  private volatile long told;
  private volatile boolean measures;

  public Alerts(Supplier<AlertRules> rules, DataSource store, List<AlertSink> sinks, Post post, Posted posted, Supplier<List<ProviderState>> providers, Credit credit, Clock clock) {
    this.rules = rules;
    this.store = store;
    this.sinks = new HashMap<>();
    sinks.forEach(sink -> this.sinks.put(sink.name(), sink));
    this.post = post;
    this.posted = posted;
    this.providers = providers;
    this.credit = credit;
    this.clock = clock;
    this.pulse = new Pulse(clock);
    this.measures = rules.get().measure();
  }

  /** Counts a settled request, if a rule looks at requests; null is none. */
  public void count(@Nullable Bill bill) {
    if (measures && bill != null) {
      pulse.count(bill);
    }
  }

  /** Alerts that last, over all nodes, as of the last look. */
  public int open() {
    return open;
  }

  /** Messages left for sinks since the start. */
  public long told() {
    return told;
  }

  /** Looks at every rule. A store that is away is told in the log; the next look comes soon. */
  public void evaluate() {
    AlertRules now = rules.get();
    measures = now.measure();
    try {
      List<Sight> sights = new ArrayList<>();
      if (measures) {
        measured(now, sights);
      }
      providers(now, sights);
      signals();
      for (Sight sight : sights) {
        see(sight);
      }
      sweep(now);
    } catch (SQLException e) {
      LOG.warn("alerts could not be looked at just now: {}, SQL state {}", e.getClass().getSimpleName(), e.getSQLState());
    }
  }

  /** That a rule fires for a subject, as seen now. */
  private record Sight(AlertRule rule, String subject, String project, String summary, long mark, long lastsUntilMs) {}

  private void measured(AlertRules now, List<Sight> sights) throws SQLException {
    try (Connection connection = store.getConnection()) {
      connection.setAutoCommit(false);
      pulse.flush(connection);
      connection.commit();
      Map<String, Map<Pulse.Subject, Pulse.Sums>> read = new HashMap<>();
      for (AlertRule rule : now.rules()) {
        if (rule.on().measured) {
          String window = rule.per() + " " + rule.over().toMinutes();
          Map<Pulse.Subject, Pulse.Sums> sums = read.get(window);
          if (sums == null) {
            sums = pulse.read(connection, rule.per(), rule.over());
            read.put(window, sums);
          }
          sums.forEach((subject, sum) -> measured(rule, subject.name(), sum, sights));
        }
      }
      connection.commit();
    }
  }

  private static void measured(AlertRule rule, String name, Pulse.Sums sums, List<Sight> sights) {
    if (sums.requests < rule.atLeast() && rule.on() != AlertRule.Kind.SPEND_RATE || rule.per() == AlertRule.Scope.PROJECT && !rule.concerns(name)) {
      return;
    }
    String over = " over " + AlertRules.words(rule.over());
    String whose = rule.per() == AlertRule.Scope.GATEWAY ? "the gateway" : rule.per().name().toLowerCase(Locale.ROOT) + " `" + name + "`";
    double value;
    String words;
    switch (rule.on()) {
      case SPEND_RATE -> {
        value = sums.costNanos / 1e9 * 60 / rule.over().toMinutes();
        words = whose + " spends " + figure(value) + " USD an hour" + over + ", above " + figure(rule.bound());
      }
      case ERROR_RATE -> {
        value = sums.errorRate();
        words = percent(value) + " of " + sums.requests + (rule.per() == AlertRule.Scope.PROVIDER ? " calls of " : " requests of ") + whose + " failed" + over + ", above " + percent(rule.bound());
      }
      case LATENCY_P95 -> {
        value = sums.p95();
        words = "the 95th percentile of " + whose + " is " + Math.round(value) + " ms" + over + ", above " + figure(rule.bound());
      }
      default -> {
        value = sums.hitRate();
        words = "the cache answers " + percent(value) + " of " + sums.requests + " requests of " + whose + over + ", below " + percent(rule.bound());
      }
    }
    if (rule.on() == AlertRule.Kind.CACHE_HIT_RATE ? value < rule.bound() : value > rule.bound()) {
      sights.add(new Sight(rule, rule.per() == AlertRule.Scope.GATEWAY ? "gateway" : rule.per().name().toLowerCase(Locale.ROOT) + ":" + name, rule.per() == AlertRule.Scope.PROJECT ? name : "", words, 0, 0));
    }
  }

  private static String figure(double value) {
    return BigDecimal.valueOf(value).setScale(value < 10 ? 4 : 2, RoundingMode.HALF_UP).stripTrailingZeros().toPlainString();
  }

  private static String percent(double part) {
    return figure(part * 100) + " %";
  }

  private void providers(AlertRules now, List<Sight> sights) {
    List<ProviderState> states = null;
    for (AlertRule rule : now.rules()) {
      if (rule.on() == AlertRule.Kind.BREAKER_OPEN || rule.on() == AlertRule.Kind.CREDENTIALS_REFUSED || rule.on() == AlertRule.Kind.PROVIDER_UNAVAILABLE) {
        states = states == null ? providers.get() : states;
        for (ProviderState state : states) {
          String words = switch (rule.on()) {
            case BREAKER_OPEN -> state.breaker().equals("OPEN") ? "the breaker of provider `" + state.provider() + "` is open: most of its last calls failed, others answer in its place" : "";
            // until it answers again, which clears the failure, or for as long as a look back is worth
            case CREDENTIALS_REFUSED -> String.valueOf(state.lastFailure()).startsWith("credentials") && clock.millis() - state.lastFailureAtMs() < 600_000 ? "provider `" + state.provider() + "` does not accept our key" : "";
            default -> state.available() ? "" : "provider `" + state.provider() + "` is not available";
          };
          if (!words.isEmpty()) {
            sights.add(new Sight(rule, "provider:" + state.provider(), "", words, 0, 0));
          }
        }
      }
    }
  }

  /**
   * Something that others saw, told at the next look: a budget or credit that runs low.
   *
   * @param kind one of {@code budget_low}, {@code budget_spent}, {@code credit_low}, {@code credit_critical}, {@code credit_spent}
   * @param subject whose, such as {@code team-a/month}
   * @param mark what was paid in, for credit
   * @param lastsUntilMs when it is over by itself, 0 for never
   */
  public void signal(String kind, String subject, String project, String summary, long mark, long lastsUntilMs) {
    for (AlertRule rule : rules.get().rules()) {
      if (rule.on().word().equals(kind) && rule.concerns(project) && signals.size() < MOST_SIGNALS) {
        signals.add(new Sight(rule, subject, project, summary, mark, lastsUntilMs > 0 ? lastsUntilMs : Long.MAX_VALUE));
      }
    }
  }

  /** They are told once: what the store will not take now is kept for the next look. */
  private void signals() throws SQLException {
    for (Sight sight = signals.peek(); sight != null; sight = signals.peek()) {
      // a period that another node has seen end is over
      if (clock.millis() < sight.lastsUntilMs) {
        see(sight);
      }
      signals.remove(sight);
    }
  }

  private void see(Sight sight) throws SQLException {
    long now = clock.millis();
    String subject = clip(sight.subject, 320);
    try (Connection connection = store.getConnection()) {
      connection.setAutoCommit(false);
      try {
        AlertStore.Row row = AlertStore.open(connection, sight.rule.id(), subject);
        boolean tell = true;
        String state = "firing";
        if (row == null) {
          row = new AlertStore.Row(UUID.randomUUID().toString(), sight.rule.id(), sight.rule.on().word(), subject, clip(sight.project, 128), sight.rule.severity(), clip(sight.summary, 512), sight.mark, now, now, sight.lastsUntilMs, now, 1, null,
              null, null);
          AlertStore.insert(connection, row);
          LOG.warn("alert {}: {}", row.rule(), row.summary());
        } else {
          tell = row.ackedAtMs() == null && now - row.toldAtMs() >= sight.rule.againEvery().toMillis();
          state = "still_firing";
          AlertStore.seen(connection, row, clip(sight.summary, 512), sight.mark, now, sight.lastsUntilMs, tell ? now : row.toldAtMs(), row.timesTold() + (tell ? 1 : 0));
        }
        if (tell) {
          tell(connection, sight.rule.to(), state, row, row.timesTold() + (state.equals("firing") ? 0 : 1), now);
        }
        connection.commit();
        if (tell) {
          posted.some();
        }
      } catch (SQLException e) {
        connection.rollback();
        if (e.getSQLState() == null || !e.getSQLState().startsWith("23")) {
          throw e;
        }
        LOG.debug("another node was first to tell of {}", subject);
      }
    }
  }

  private void tell(Connection connection, List<String> to, String state, AlertStore.Row row, int times, long now) throws SQLException {
    for (String name : to) {
      AlertSink sink = sinks.get(name);
      if (sink != null) {
        String eventId = row.id() + "." + (state.equals("resolved") ? "resolved" : times) + "." + name;
        post.leave(connection, eventId, sink.outbox(), AlertMessage.of(sink, eventId, state, row, now));
        told++;
      }
    }
  }

  /** Ends what nobody has seen for long enough. */
  private void sweep(AlertRules now) throws SQLException {
    Map<String, AlertRule> known = now.byId();
    try (Connection connection = store.getConnection()) {
      connection.setAutoCommit(false);
      List<AlertStore.Row> rows = AlertStore.allOpen(connection);
      connection.commit();
      int left = rows.size();
      for (AlertStore.Row row : rows) {
        AlertRule rule = known.get(row.rule());
        if (over(row, rule)) {
          long at = clock.millis();
          if (AlertStore.resolve(connection, row.id(), at)) {
            if (rule != null) {
              tell(connection, rule.to(), "resolved", row, 0, at);
            }
            LOG.info("alert {} is over: {}", row.rule(), row.summary());
          }
          connection.commit();
          posted.some();
          left--;
        }
      }
      open = left;
    }
  }

  private boolean over(AlertStore.Row row, @Nullable AlertRule rule) {
    long now = clock.millis();
    if (rule == null) {
      return true;
    }
    if (row.kind().startsWith("credit_") && row.lastsUntilMs() == Long.MAX_VALUE) {
      return credit.paidIn(row.subject()) > row.mark();
    }
    return row.lastsUntilMs() > 0 ? now >= row.lastsUntilMs() : now - row.seenAtMs() >= rule.resolveAfter().toMillis();
  }

  // For pages

  List<AlertStore.Row> list(boolean history, @Nullable String rule, @Nullable String project, int most) {
    try (Connection connection = store.getConnection()) {
      return history ? AlertStore.history(connection, rule, project, most)
          : AlertStore.allOpen(connection).stream().filter(row -> (rule == null || row.rule().equals(rule)) && (project == null || row.project().equals(project))).limit(most).toList();
    } catch (SQLException e) {
      throw unreadable();
    }
  }

  /** @return the row as it is now, null if there is none */
  AlertStore.@Nullable Row acknowledge(String id, String note) {
    try (Connection connection = store.getConnection()) {
      connection.setAutoCommit(false);
      AlertStore.acknowledge(connection, id, clip(note, 256), clock.millis());
      AlertStore.Row row = AlertStore.find(connection, id);
      connection.commit();
      return row;
    } catch (SQLException e) {
      throw unreadable();
    }
  }

  /** Sends a message that says that it is a try. @return its id */
  String test(String name) {
    AlertSink sink = sinks.get(name);
    if (sink == null) {
      throw Problem.badField("to", "`" + Problem.clip(name) + "` is no sink; " + (sinks.isEmpty() ? "there is none in dromedary.alerts.sinks" : "there are " + String.join(", ", new TreeSet<>(sinks.keySet()))));
    }
    long now = clock.millis();
    String id = UUID.randomUUID().toString();
    AlertStore.Row row = new AlertStore.Row(id, "test", "test", "gateway", "", "info", "this is a try of the sink `" + name + "`; nothing is wrong", 0, now, now, 0, now, 1, null, null, null);
    try (Connection connection = store.getConnection()) {
      connection.setAutoCommit(false);
      post.leave(connection, id + ".test", sink.outbox(), AlertMessage.of(sink, id + ".test", "test", row, now));
      connection.commit();
    } catch (SQLException e) {
      throw unreadable();
    }
    posted.some();
    return id;
  }

  private static Problem unreadable() {
    return new Problem(503, "service_unavailable_error", "alerts cannot be read just now; try again shortly").code("store_unavailable").retryAfter(Duration.ofSeconds(2));
  }

  /** What a column can hold. */
  static String clip(String text, int max) {
    String clean = text.replace('\0', ' ');
    return clean.length() <= max ? clean : clean.substring(0, max - 3) + "...";
  }
}
