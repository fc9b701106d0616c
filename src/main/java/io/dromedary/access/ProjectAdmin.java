package io.dromedary.access;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.FieldReader;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Problem;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Projects and keys as the admin sees and changes them: the bean of {@code /admin/projects} and {@code /admin/keys}. What the file has is shown here and changed there. A key is shown once, in the answer that makes it.
 *
 * <p>A change is in force here when it is answered, and at every other node a second later.
 */
public final class ProjectAdmin {
  private static final int MOST_BYTES = 262_144;
  private static final Set<String> MADE_BY_US = Set.of("sha256", "last4", "revoked", ProjectReader.REPLACED_BY);

  private final CallerRegistry registry;
  private final ProjectStore store;
  private final Clock clock;

  public ProjectAdmin(CallerRegistry registry, ProjectStore store, Clock clock) {
    this.registry = registry;
    this.store = store;
    this.clock = clock;
  }

  /** {@code GET /admin/projects}. */
  public ObjectNode projects() {
    ObjectNode list = Json.object().put("object", "list");
    ArrayNode data = list.putArray("data");
    Map<String, long[]> times = registry.times();
    registry.projects().forEach(project -> data.add(shown(project, times)));
    ArrayNode faults = list.putArray("out_of_force");
    registry.faults().forEach(faults::add);
    return list;
  }

  /** {@code GET /admin/projects/{id}}. @throws Problem 404 */
  public ObjectNode project(Inbound in) {
    Map<String, long[]> times = registry.times();
    Project project = known(in.name());
    ObjectNode shown = shown(project, times);
    ArrayNode keys = shown.putArray("keys");
    registry.keys().stream().filter(key -> key.project().equals(project.id())).forEach(key -> keys.add(shown(key, times)));
    return shown;
  }

  /** {@code POST /admin/projects}. @throws Problem 400 naming the field, 409 for an id that is taken */
  public ObjectNode create(Inbound in) {
    ObjectNode asked = asked(in);
    Project project = read(asked);
    if (registry.project(project.id()) != null) {
      throw conflict("project `" + project.id() + "` exists already" + (registry.project(project.id()).fromFile() ? ", in config/callers.yaml" : "; PUT /admin/projects/" + project.id() + " changes it"));
    }
    store.put(project.id(), Json.text(project.definition()), true);
    registry.refresh();
    return shown(known(project.id()), registry.times());
  }

  /** {@code PUT /admin/projects/{id}}: all that is said of it, anew; its keys stay. @throws Problem 400 naming the field, 404, 409 for a project of the file */
  public ObjectNode replace(Inbound in) {
    Project old = ours(known(in.name()));
    ObjectNode asked = asked(in);
    if (!asked.has("id")) {
      asked.put("id", old.id());
    }
    if (!asked.path("id").asText("").equals(old.id())) {
      throw Problem.badField("id", "`id` is `" + Problem.clip(asked.path("id").asText("")) + "`, the path says `" + old.id() + "`; a project keeps its id");
    }
    store.put(old.id(), Json.text(read(asked).definition()), false);
    registry.refresh();
    return shown(known(old.id()), registry.times());
  }

  /** {@code DELETE /admin/projects/{id}}: with its keys; the ledger keeps what it has. @throws Problem 404, 409 for a project of the file */
  public ObjectNode remove(Inbound in) {
    Project project = ours(known(in.name()));
    store.remove(project.id());
    registry.refresh();
    return Json.object().put("id", project.id()).put("object", "project").put("deleted", true);
  }

  /** {@code GET /admin/keys?project=}. @throws Problem 404 for a project that is not there */
  public ObjectNode keys(Inbound in) {
    String only = in.query().get("project");
    if (only != null) {
      known(only);
    }
    Map<String, long[]> times = registry.times();
    ObjectNode list = Json.object().put("object", "list");
    ArrayNode data = list.putArray("data");
    registry.keys().stream().filter(key -> only == null || key.project().equals(only)).forEach(key -> data.add(shown(key, times)));
    return list;
  }

  /** {@code POST /admin/keys} with {@code project} and what a key may say in {@code callers.yaml}: a new key, shown in this answer only. @throws Problem 400 naming the field, 404, 409 for an id that is taken */
  public ObjectNode createKey(Inbound in) {
    ObjectNode asked = asked(in);
    Project project = known(text(asked, "project"));
    asked.remove("project");
    ApiKey fresh = ApiKey.generate();
    if (!asked.has("id")) {
      asked.put("id", "key-" + fresh.sha256().substring(0, 12));
    }
    ProjectKey key = read(asked, project.id(), fresh);
    if (registry.key(project.id(), key.id()) != null) {
      throw conflict("project `" + project.id() + "` has a key `" + key.id() + "` already");
    }
    if (key.expires() != null && !key.expires().isAfter(clock.instant())) {
      throw Problem.badField("expires", "`expires` is " + key.expires() + ", which is past");
    }
    store.add(key, Json.text(key.definition()));
    registry.refresh();
    return once(project.id(), key.id(), fresh);
  }

  /**
   * {@code POST /admin/keys/rotate} with {@code project}, {@code id} and, if wanted, {@code new_id} and {@code overlap} ({@code 24h}, {@code 7d}): a second key with the same rights. Both live; with an overlap the old one expires
   * after it, else it is to be revoked. A key is replaced once: what it expires at since then is not the second one's.
   *
   * @throws Problem 400, 404, 409 for a key of the file, a revoked, expired or replaced one and a taken id
   */
  public ObjectNode rotateKey(Inbound in) {
    ObjectNode asked = asked(in);
    only(asked, List.of("project", "id", "new-id", "overlap"));
    ProjectKey old = knownKey(asked);
    if (old.fromFile()) {
      throw conflict("key `" + old.id() + "` is in config/callers.yaml: add the new one there, or make one by POST /admin/keys");
    }
    if (old.revoked() || old.expires() != null && !old.expires().isAfter(clock.instant())) {
      throw conflict("key `" + old.id() + "` is " + (old.revoked() ? "revoked" : "expired") + "; make a new one by POST /admin/keys");
    }
    if (old.isReplaced()) {
      throw conflict("key `" + old.id() + "` is replaced by `" + old.definition().path(ProjectReader.REPLACED_BY).asText() + "` already: rotate that, or make a new one by POST /admin/keys");
    }
    ApiKey fresh = ApiKey.generate();
    ObjectNode definition = old.definition().deepCopy();
    definition.put("id", asked.has("new-id") ? text(asked, "new-id") : "key-" + fresh.sha256().substring(0, 12));
    ProjectKey key = read(definition, old.project(), fresh);
    if (registry.key(old.project(), key.id()) != null) {
      throw conflict("project `" + old.project() + "` has a key `" + key.id() + "` already");
    }
    ObjectNode oldDefinition = old.definition().deepCopy().put(ProjectReader.REPLACED_BY, key.id());
    if (asked.has("overlap")) {
      Instant end = clock.instant().plus(overlap(text(asked, "overlap")));
      if (old.expires() == null || end.isBefore(old.expires())) {
        oldDefinition.put("expires", end.toString());
      }
    }
    store.rotate(key, Json.text(key.definition()), old.id(), Json.text(oldDefinition));
    registry.refresh();
    return once(old.project(), key.id(), fresh).put("replaces", old.id());
  }

  /** {@code POST /admin/keys/revoke} with {@code project} and {@code id}, a key of the file too. Again changes nothing. @throws Problem 400, 404 */
  public ObjectNode revokeKey(Inbound in) {
    ObjectNode asked = asked(in);
    only(asked, List.of("project", "id"));
    ProjectKey key = knownKey(asked);
    if (!key.revoked()) {
      store.revoke(key);
      registry.refresh();
    }
    return shown(registry.key(key.project(), key.id()), registry.times());
  }

  private ObjectNode once(String project, String id, ApiKey fresh) {
    ObjectNode shown = shown(registry.key(project, id), registry.times());
    return shown.put("key", fresh.key().value()).put("note", "the key is shown this once; only its SHA-256 is kept");
  }

  private static ObjectNode asked(Inbound in) {
    if (in.body().length > MOST_BYTES) {
      throw Problem.badRequest("the body has " + in.body().length + " bytes; the limit is " + MOST_BYTES).code("request_too_large");
    }
    return FieldReader.words(Json.readStrictly(in.body()));
  }

  private Project read(ObjectNode asked) {
    if (asked.has("keys")) {
      throw Problem.badField("keys", "`keys` are made one by one, by POST /admin/keys");
    }
    ProjectReader reader = new ProjectReader(registry.rules(), false);
    Project project = reader.project(asked, "");
    reader.refuse();
    return java.util.Objects.requireNonNull(project);
  }

  private ProjectKey read(ObjectNode asked, String project, ApiKey fresh) {
    MADE_BY_US.forEach(field -> {
      if (asked.has(field)) {
        throw Problem.badField(field, "`" + field + "` is made by the gateway");
      }
    });
    ObjectNode all = asked.deepCopy();
    all.put("sha256", fresh.sha256()).put("last4", fresh.last4());
    ProjectReader reader = new ProjectReader(registry.rules(), false);
    ProjectKey key = reader.key(all, "", project);
    reader.refuse();
    return java.util.Objects.requireNonNull(key);
  }

  private static void only(ObjectNode asked, List<String> allowed) {
    asked.fieldNames().forEachRemaining(name -> {
      if (!allowed.contains(name)) {
        throw Problem.badField(Problem.clip(name), "`" + Problem.clip(name) + "` is unknown; allowed: " + String.join(", ", allowed));
      }
    });
  }

  private static String text(ObjectNode asked, String field) {
    JsonNode value = asked.path(field);
    if (!value.isTextual() || value.textValue().isBlank()) {
      throw Problem.badField(field, "`" + field + "` must be a text");
    }
    return value.textValue();
  }

  private static Duration overlap(String text) {
    try {
      Duration overlap = text.matches("[0-9]{1,4}[dhm]") ? Duration.parse(text.endsWith("d") ? "P" + text.toUpperCase(java.util.Locale.ROOT) : "PT" + text.toUpperCase(java.util.Locale.ROOT)) : Duration.ZERO.minusDays(1);
      if (!overlap.isNegative() && overlap.compareTo(Duration.ofDays(366)) <= 0) {
        return overlap;
      }
    } catch (DateTimeException e) {
      // told below
    }
    throw Problem.badField("overlap", "`overlap` must be a time such as 24h, 30m or 7d, at most 366d");
  }

  private Project known(String id) {
    Project project = registry.project(id);
    if (project == null) {
      throw Problem.notFound("no project `" + Problem.clip(id) + "` is known here");
    }
    return project;
  }

  private ProjectKey knownKey(ObjectNode asked) {
    Project project = known(text(asked, "project"));
    String id = text(asked, "id");
    ProjectKey key = registry.key(project.id(), id);
    if (key == null) {
      throw Problem.notFound("project `" + project.id() + "` has no key `" + Problem.clip(id) + "`");
    }
    return key;
  }

  private static Project ours(Project project) {
    if (project.fromFile()) {
      throw conflict("project `" + project.id() + "` is in config/callers.yaml and is changed there");
    }
    return project;
  }

  private static Problem conflict(String message) {
    return new Problem(409, "invalid_request_error", message).code("conflict").shouldRetry(false);
  }

  private static ObjectNode shown(Project project, Map<String, long[]> times) {
    ObjectNode shown = Json.object().put("object", "project");
    words(project.definition(), shown);
    shown.put("id", project.id()).put("source", project.fromFile() ? "file" : "database");
    long[] at = times.get(project.id());
    if (at != null && !project.fromFile()) {
      shown.put("created_at", Instant.ofEpochMilli(at[0]).toString()).put("updated_at", Instant.ofEpochMilli(at[1]).toString());
    }
    return shown;
  }

  private ObjectNode shown(@Nullable ProjectKey key, Map<String, long[]> times) {
    if (key == null) {
      throw Problem.notFound("the key was removed by somebody else just now");
    }
    ObjectNode shown = Json.object().put("object", "key").put("project", key.project());
    words(key.definition(), shown);
    shown.put("id", key.id()).put("source", key.fromFile() ? "file" : "database").put("last4", key.last4());
    boolean expired = key.expires() != null && !key.expires().isAfter(clock.instant());
    shown.put("state", key.revoked() ? "revoked" : expired ? "expired" : "active");
    long[] at = times.get(key.project() + "/" + key.id());
    if (at != null && !key.fromFile()) {
      shown.put("created_at", Instant.ofEpochMilli(at[0]).toString());
      if (at[1] > 0) {
        shown.put("revoked_at", Instant.ofEpochMilli(at[1]).toString());
      }
    }
    return shown;
  }

  /** In the words of the API: at the top {@code _} in place of {@code -}. */
  private static void words(ObjectNode definition, ObjectNode shown) {
    for (String name : new TreeSet<>(names(definition))) {
      shown.set(name.replace('-', '_'), definition.get(name));
    }
  }

  private static List<String> names(ObjectNode definition) {
    List<String> names = new java.util.ArrayList<>();
    definition.fieldNames().forEachRemaining(names::add);
    return names;
  }
}
