package io.dromedary.experiment;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Bill;
import io.dromedary.catalog.ConfigError;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.ModelRequest;
import io.dromedary.chat.Problem;
import java.math.BigDecimal;
import java.math.MathContext;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.Supplier;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Sends requests to the arms of running experiments, keeps which arm each was in and what came of it, and compares the arms.
 *
 * <p>An arm takes effect by what a request could have said itself: another name of {@code auto}'s kind, weights, a strategy; and by the scorer. Requests that say so themselves take no part, nor do those that name their model or are
 * answered from the cache.
 */
public final class Experiments {
  /** Who scores a request, set here and by nobody outside. */
  public static final String SCORER = "dromedary.scorer";
  /** The experiment and arm that a request is in: {@code id/arm}. */
  public static final String VARIANT = "dromedary.variant";
  private static final String PREFERENCE = "x-dromedary-preference";
  private static final String SESSION = "x-dromedary-session-id";

  /** The experiments of one version of the file. */
  public static final class Plan {
    final Map<String, Experiment> byId;

    private Plan(Map<String, Experiment> byId) {
      this.byId = byId;
    }

    /** @throws ConfigError naming file, key, value and what is allowed */
    public static Plan read(byte[] yaml, String file, Set<String> scorers) {
      return new Plan(Experiment.read(yaml, file, scorers));
    }
  }

  private final Supplier<Plan> plan;
  private final FeatureFlags flags;
  private final Predicate<String> on;
  private final DataSource dataSource;
  private final Clock clock;

  /** @param on whether a project takes part in experiments at all */
  public Experiments(Supplier<Plan> plan, FeatureFlags flags, Predicate<String> on, DataSource dataSource, Clock clock) {
    this.plan = plan;
    this.flags = flags;
    this.on = on;
    this.dataSource = dataSource;
    this.clock = clock;
  }

  private boolean running(Experiment experiment) {
    Boolean said = flags.running(experiment.id());
    return said == null ? experiment.running() : said;
  }

  // ---- a request's way ----------------------------------------------------------------------------------------------------------------------------------------------------------------------

  /** The request as the arm that it falls into would have it; itself when it takes part in none. */
  public ChatRequest enter(ChatRequest request, Caller caller) {
    Map<String, Experiment> experiments = plan.get().byId;
    if (experiments.isEmpty() || request.hints().containsKey(VARIANT)) {
      return request;
    }
    for (Experiment experiment : experiments.values()) {
      if (running(experiment) && experiment.models().contains(request.model()) && on.test(caller.project()) && !chooses(request)) {
        String unit = unit(experiment, request, caller);
        Experiment.Arm arm = unit == null ? null : experiment.arm(unit);
        if (arm != null) {
          return entered(request, experiment, arm);
        }
      }
    }
    return request;
  }

  /** Does it say itself how it is to be routed? */
  private static boolean chooses(ChatRequest request) {
    JsonNode routing = request.routing();
    return request.hint(PREFERENCE) != null || routing.has("weights") || routing.has("strategy") || request.json().path("models").size() > 0 || request.json().path("provider").has("sort");
  }

  private static @Nullable String unit(Experiment experiment, ChatRequest request, Caller caller) {
    return switch (experiment.unit()) {
      case "request" -> request.id();
      case "session" -> {
        String named = request.routing().path("session_id").asText("");
        String session = named.isEmpty() ? request.hint(SESSION) : named;
        yield session == null || session.isEmpty() ? null : caller.project() + '\n' + session;
      }
      default -> caller.project();
    };
  }

  private static ChatRequest entered(ChatRequest request, Experiment experiment, Experiment.Arm arm) {
    Map<String, String> hints = new HashMap<>(request.hints());
    hints.put(VARIANT, experiment.id() + '/' + arm.id());
    if (arm.scorer() != null) {
      hints.put(SCORER, arm.scorer());
    }
    if (arm.model() != null) {
      hints.put(ModelRequest.REQUESTED_MODEL, request.requestedModel());
    }
    ObjectNode json = request.json();
    if (arm.model() != null || arm.weights() != null || arm.strategy() != null) {
      json = Json.object();
      json.setAll(request.json());
      if (arm.model() != null) {
        json.put("model", arm.model());
      }
      if (arm.weights() != null || arm.strategy() != null) {
        ObjectNode routing = Json.object();
        if (request.routing() instanceof ObjectNode said) {
          routing.setAll(said);
        }
        if (arm.weights() != null) {
          routing.set("weights", arm.weights());
        }
        if (arm.strategy() != null) {
          routing.put("strategy", arm.strategy());
        }
        json.set("routing", routing);
      }
    }
    return new ChatRequest(request.id(), json, Map.copyOf(hints), request.receivedAt(), request.deadline(), request.callerGone(), request.policy(), request.call());
  }

  /** Says on a decision's page which arm it was made in. */
  public ObjectNode explain(ObjectNode decision, ChatRequest request) {
    String variant = request.hint(VARIANT);
    if (variant != null) {
      variant(decision, variant);
    }
    return decision;
  }

  private static void variant(ObjectNode page, String variant) {
    int slash = variant.indexOf('/');
    page.putObject("variant").put("experiment", variant.substring(0, slash)).put("arm", variant.substring(slash + 1));
  }

  /** Keeps what came of a request that was in an experiment. Not in the request's own thread. */
  public void settled(Bill bill, ModelRequest request) {
    String variant = request.hint(VARIANT);
    if (variant == null || bill.attempts().isEmpty()) {
      return;
    }
    int slash = variant.indexOf('/');
    // an answer that was not given, because it would not do
    boolean escalated = bill.attempts().stream().filter(attempt -> attempt.purpose() == Attempt.Purpose.ANSWER && attempt.outcome() != null && attempt.outcome().status() == Attempt.Status.ANSWERED).map(attempt -> attempt.candidate().model().id()).distinct().count() > 1;
    try (Connection connection = dataSource.getConnection(); PreparedStatement insert = connection.prepareStatement(
        "INSERT INTO dromedary_exposures (request_id, experiment, arm, answered, escalated, cost_nanos, total_us, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")) {
      insert.setString(1, bill.requestId());
      insert.setString(2, variant.substring(0, slash));
      insert.setString(3, variant.substring(slash + 1));
      insert.setBoolean(4, bill.status().equals("ok"));
      insert.setBoolean(5, escalated);
      insert.setLong(6, bill.cost().nanos());
      insert.setLong(7, bill.total().toNanos() / 1_000);
      insert.setLong(8, clock.millis());
      insert.executeUpdate();
    } catch (SQLException e) {
      throw new IllegalStateException("the exposure could not be kept: SQL state " + e.getSQLState());
    }
  }

  /** Puts the arm on a request's ledger page. */
  public ObjectNode onPage(ObjectNode page) {
    try (Connection connection = dataSource.getConnection(); PreparedStatement select = connection.prepareStatement("SELECT experiment, arm FROM dromedary_exposures WHERE request_id = ?")) {
      select.setString(1, page.path("id").asText());
      try (ResultSet row = select.executeQuery()) {
        if (row.next()) {
          variant(page, row.getString(1) + '/' + row.getString(2));
        }
      }
      return page;
    } catch (SQLException e) {
      throw FeatureFlags.unavailable();
    }
  }

  // ---- for the admin ------------------------------------------------------------------------------------------------------------------------------------------------------------------------

  /** {@code GET /admin/experiments}. */
  public ObjectNode list() {
    ObjectNode page = Json.object().put("object", "list");
    ArrayNode data = page.putArray("data");
    plan.get().byId.values().forEach(experiment -> data.add(facts(experiment)));
    return page;
  }

  private ObjectNode facts(Experiment experiment) {
    ObjectNode node = Json.object().put("id", experiment.id()).put("running", running(experiment)).put("unit", experiment.unit()).put("traffic_percent", experiment.traffic());
    ArrayNode models = node.putArray("models");
    experiment.models().stream().sorted().forEach(models::add);
    ArrayNode arms = node.putArray("arms");
    for (Experiment.Arm arm : experiment.arms()) {
      ObjectNode entry = arms.addObject().put("id", arm.id()).put("share_percent", arm.share());
      if (arm.model() != null) {
        entry.put("model", arm.model());
      }
      if (arm.scorer() != null) {
        entry.put("scorer", arm.scorer());
      }
      if (arm.strategy() != null) {
        entry.put("strategy", arm.strategy());
      }
      if (arm.weights() != null) {
        entry.set("weights", arm.weights());
      }
    }
    return node;
  }

  private Experiment find(String id) {
    Experiment experiment = plan.get().byId.get(id);
    if (experiment == null) {
      Set<String> ids = plan.get().byId.keySet();
      throw Problem.notFound("there is no experiment `" + Problem.clip(id) + "`" + (ids.isEmpty() ? "; config/experiments.yaml lists none" : "; there are " + String.join(", ", ids)));
    }
    return experiment;
  }

  /** {@code POST /admin/experiments/{id}} with {@code {"running": true|false}}: goes before what the file says. @throws Problem 404 for an unknown experiment, 400 for anything else */
  public ObjectNode change(Inbound in) {
    Experiment experiment = find(in.name());
    ObjectNode json = Json.readStrictly(in.body());
    if (json.size() != 1 || !json.path("running").isBoolean()) {
      throw Problem.badField("running", "the body must be {\"running\": true} or {\"running\": false}");
    }
    flags.running(experiment.id(), json.path("running").booleanValue());
    return facts(experiment);
  }

  private record Sums(long requests, long answered, long escalated, Interval cost, Interval latency, Interval feedback, long fedBack) {
    static final Sums NONE = new Sums(0, 0, 0, Interval.mean(0, 0, 0), Interval.mean(0, 0, 0), Interval.mean(0, 0, 0), 0);

    Interval success() {
      return Interval.share(answered, requests);
    }

    Interval escalations() {
      return Interval.share(escalated, requests);
    }
  }

  /** {@code GET /admin/experiments/{id}}: what came of each arm, with 95 % intervals, and how each differs from the first. @throws Problem 404 for an unknown experiment */
  public ObjectNode report(Inbound in) {
    Experiment experiment = find(in.name());
    ObjectNode page = Json.object().put("object", "experiment.report");
    ObjectNode facts = facts(experiment);
    page.setAll(facts);
    Map<String, Sums> sums = sums(experiment.id());
    Sums control = sums.getOrDefault(experiment.arms().get(0).id(), Sums.NONE);
    for (JsonNode entry : page.path("arms")) {
      ObjectNode arm = (ObjectNode) entry;
      Sums of = sums.getOrDefault(arm.path("id").asText(), Sums.NONE);
      arm.put("requests", of.requests());
      interval(arm, "success_rate", of.success());
      interval(arm, "escalation_rate", of.escalations());
      interval(arm, "cost_usd", of.cost());
      interval(arm, "latency_ms", of.latency());
      arm.put("feedbacks", of.fedBack());
      interval(arm, "feedback_score", of.feedback());
      if (of != control && of.requests() > 0 && control.requests() > 0) {
        ObjectNode against = arm.putObject("against_" + experiment.arms().get(0).id());
        interval(against, "success_rate", of.success().minus(control.success()));
        interval(against, "cost_usd", of.cost().minus(control.cost()));
        interval(against, "latency_ms", of.latency().minus(control.latency()));
        interval(against, "feedback_score", of.feedback().minus(control.feedback()));
      }
    }
    return page;
  }

  private Map<String, Sums> sums(String experiment) {
    Map<String, Sums> sums = new HashMap<>();
    try (Connection connection = dataSource.getConnection(); PreparedStatement select = connection.prepareStatement("SELECT e.arm, COUNT(*), SUM(CASE WHEN e.answered THEN 1 ELSE 0 END),"
        + " SUM(CASE WHEN e.escalated THEN 1 ELSE 0 END), AVG(CAST(e.cost_nanos AS DOUBLE PRECISION)), STDDEV_SAMP(CAST(e.cost_nanos AS DOUBLE PRECISION)), AVG(CAST(e.total_us AS DOUBLE PRECISION)),"
        + " STDDEV_SAMP(CAST(e.total_us AS DOUBLE PRECISION)), COUNT(f.score), AVG(f.score), STDDEV_SAMP(f.score)"
        + " FROM dromedary_exposures e LEFT JOIN dromedary_feedback f ON f.request_id = e.request_id AND f.latest WHERE e.experiment = ? GROUP BY e.arm")) {
      select.setString(1, experiment);
      try (ResultSet row = select.executeQuery()) {
        while (row.next()) {
          long requests = row.getLong(2);
          sums.put(row.getString(1), new Sums(requests, row.getLong(3), row.getLong(4), Interval.mean(row.getDouble(5) / 1e9, row.getDouble(6) / 1e9, requests),
              Interval.mean(row.getDouble(7) / 1e3, row.getDouble(8) / 1e3, requests), Interval.mean(row.getDouble(10), row.getDouble(11), row.getLong(9)).within(0, 1), row.getLong(9)));
        }
      }
      return sums;
    } catch (SQLException e) {
      throw FeatureFlags.unavailable();
    }
  }

  /** What is not known is null. */
  private static void interval(ObjectNode node, String name, Interval interval) {
    ObjectNode entry = node.putObject(name);
    put(entry, "value", interval.value());
    put(entry, "low", interval.low());
    put(entry, "high", interval.high());
  }

  private static void put(ObjectNode node, String name, double value) {
    if (Double.isFinite(value)) {
      node.put(name, BigDecimal.valueOf(value).round(new MathContext(6)));
    } else {
      node.putNull(name);
    }
  }
}
