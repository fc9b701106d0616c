package io.dromedary;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.access.CallerRegistry;
import io.dromedary.access.Project;
import io.dromedary.agent.Conversations;
import io.dromedary.catalog.Erasable;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Forgets what was said, in all places at once: by project, user or age when the admin asks for it, and each project's after its retention. Amounts stay in the ledger. */
public final class Erasure {
  private static final Logger LOG = LoggerFactory.getLogger(Erasure.class);
  private static final Set<String> FIELDS = new TreeSet<>(Set.of("project", "user", "older_than_days"));
  private static final int MOST_DAYS = 36_500;
  private static final int LONGEST = 128;

  private final List<Erasable> places;
  private final CallerRegistry callers;
  private final Conversations conversations;
  private final Duration otherwise;
  private final Clock clock;

  /**
   * @param places in this order: those that find a user's entries by the rows of requests come before these
   * @param otherwise how long the conversations of projects without a retention of their own are kept
   */
  Erasure(List<Erasable> places, CallerRegistry callers, Conversations conversations, Duration otherwise, Clock clock) {
    this.places = List.copyOf(places);
    this.callers = callers;
    this.conversations = conversations;
    this.otherwise = otherwise;
    this.clock = clock;
  }

  /** {@code POST /admin/erase} with any of {@code project}, {@code user}, {@code older_than_days}; all that are named must fit. Erases again what is left where one place failed. @throws Problem 400 for anything else, 503 when a place could not be reached */
  public ObjectNode erase(Inbound in) {
    ObjectNode which = Json.readStrictly(in.body());
    which.fieldNames().forEachRemaining(field -> {
      if (!FIELDS.contains(field)) {
        throw Problem.badField(Problem.clip(field), "`" + Problem.clip(field) + "` is not one of " + String.join(", ", FIELDS));
      }
    });
    String project = text(which, "project");
    String user = text(which, "user");
    JsonNode days = which.path("older_than_days");
    if (!days.isMissingNode() && !(days.isIntegralNumber() && days.canConvertToInt() && days.intValue() >= 0 && days.intValue() <= MOST_DAYS)) {
      throw Problem.badField("older_than_days", "`older_than_days` must be a whole number from 0 to " + MOST_DAYS);
    }
    if (project == null && user == null && days.isMissingNode()) {
      throw Problem.badRequest("say what to erase: `project`, `user`, `older_than_days` or several of them; {\"older_than_days\": 0} is everything").code("invalid_value");
    }
    ObjectNode erased = Json.object();
    String failed = "";
    for (Erasable place : places) {
      try {
        erased.put(place.what(), place.erase(project, user, days.isMissingNode() ? null : clock.instant().minus(Duration.ofDays(days.intValue()))));
      } catch (RuntimeException e) {
        LOG.error("an erasure could not be finished for {}: {}", place.what(), e.getMessage());
        failed += (failed.isEmpty() ? "" : ", ") + place.what();
      }
    }
    if (!failed.isEmpty()) {
      throw new Problem(503, "service_unavailable_error", "not erased, try again: " + failed).code("erasure_incomplete").retryAfter(Duration.ofSeconds(5));
    }
    return Json.object().put("object", "erasure").set("erased", erased);
  }

  private static @Nullable String text(ObjectNode which, String field) {
    JsonNode value = which.get(field);
    if (value == null) {
      return null;
    }
    if (!value.isTextual() || value.textValue().isEmpty() || value.textValue().length() > LONGEST || value.textValue().indexOf(0) >= 0) {
      throw Problem.badField(field, "`" + field + "` must be a text of 1 to " + LONGEST + " characters");
    }
    return value.textValue();
  }

  /** Each project's own retention: housekeeping. */
  public void sweep() {
    conversations.sweep(otherwise, projectsWithRetention());
    Instant now = clock.instant();
    for (Project project : callers.projects()) {
      if (project.retention() != null) {
        for (Erasable place : places) {
          place.erase(project.id(), null, now.minus(project.retention()));
        }
      }
    }
  }

  /** Projects that have a retention of their own: the gateway's does not hold for them. */
  Set<String> projectsWithRetention() {
    Set<String> projects = new HashSet<>();
    callers.projects().stream().filter(project -> project.retention() != null).forEach(project -> projects.add(project.id()));
    return projects;
  }
}
