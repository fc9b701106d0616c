package io.dromedary.access;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.dromedary.catalog.ConfigError;
import io.dromedary.catalog.ConfigPart;
import io.dromedary.catalog.FieldReader;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Json;
import io.dromedary.chat.Policy;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Secret;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Knows who asks, by the key that was sent. Projects and keys come from {@code callers.yaml} and, made by the admin, from the database. Without any project the gateway is open: any key, or none, is project {@code default} (or
 * the one that {@code x-dromedary-project} names). One that has had projects does not become open again while it runs.
 */
public final class CallerRegistry implements ConfigPart, AutoCloseable {
  /** Where {@code callers.yaml} comes from. */
  public interface Source {
    byte[] read() throws IOException;

    /** Another number when the bytes may have changed, 0 where they cannot. */
    default long stamp() {
      return 0;
    }
  }

  /** Names a project of an open gateway; means nothing once keys do. */
  public static final String PROJECT_HEADER = "x-dromedary-project";

  /** {@code project} or {@code project/key} that an entry knows without a key, by its settings or by a seal of ours. No header has such a name, so that no message can. */
  public static final String KNOWN_CALLER = ":caller";

  private static final Logger LOG = LoggerFactory.getLogger(CallerRegistry.class);
  private static final Caller ADMIN = new Caller("admin", "admin-token", true, Set.of());
  private static final long HOUR_MS = 3_600_000;

  private record Version(int number, Callers callers, List<String> faults) {}

  private final String name;
  private final Source source;
  private final Secret adminToken;
  private final Clock clock;
  private final List<PartRules> rules;
  private final @Nullable ProjectStore store;
  private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
  private volatile BiConsumer<Caller, Inbound> keyUse = (caller, in) -> { };
  private Callers file;
  private ProjectStore.Content stored = ProjectStore.Content.NONE;
  private boolean storeFailed;
  private volatile boolean closed;
  private volatile boolean stopped;
  private volatile Version version;

  /**
   * Reads the file and the database.
   *
   * @param name of the file, for messages
   * @param rules of those who read parts of a project
   * @param store of what the admin makes, null for the file alone
   * @throws IllegalArgumentException naming the file, the keys and the allowed values, if it is wrong
   * @throws IllegalStateException if the database cannot be read
   */
  public CallerRegistry(String name, Source source, Secret adminToken, Clock clock, List<PartRules> rules, @Nullable ProjectStore store) {
    this.name = name;
    this.source = source;
    this.adminToken = adminToken;
    this.clock = clock;
    this.rules = List.copyOf(rules);
    this.store = store;
    this.file = load();
    if (store != null) {
      try {
        stored = store.read();
      } catch (SQLException e) {
        throw new IllegalStateException("the projects in the database cannot be read: " + e.getMessage(), e);
      }
    }
    this.version = merged(1, file, stored);
    this.closed = !version.callers().isEmpty();
  }

  /** Of the file alone. */
  public CallerRegistry(String name, Source source, Secret adminToken, Clock clock, List<PartRules> rules) {
    this(name, source, adminToken, clock, rules, null);
  }

  /** Of the file alone, without rules for the parts that other rooms read. */
  public CallerRegistry(String name, Source source, Secret adminToken, Clock clock) {
    this(name, source, adminToken, clock, List.of(), null);
  }

  private Callers load() {
    try {
      return Callers.parse(name, source.read(), rules);
    } catch (IOException e) {
      throw new IllegalArgumentException(name + " cannot be read: " + e.getMessage(), e);
    }
  }

  /**
   * Both together. What is wrong in the database is left out, so that nobody passes by it, and told: it was right when it was written, so a newer version of the gateway reads it otherwise.
   *
   * @throws IllegalArgumentException if an id stands in both
   */
  private Version merged(int number, Callers file, ProjectStore.Content stored) {
    Callers all = new Callers();
    List<String> faults = new ArrayList<>();
    file.projects().forEach(all::add);
    for (ProjectStore.StoredProject row : stored.projects()) {
      if (file.project(row.id()) != null) {
        throw new IllegalArgumentException("project `" + row.id() + "` is in " + name + " and in the database (made by POST /admin/projects): take it out of the file, or DELETE /admin/projects/" + row.id() + " first");
      }
      ProjectReader reader = new ProjectReader(rules, false);
      Project project = reader.project(definition(row.definition()), "");
      if (project != null && !reader.isFaulty()) {
        all.add(project);
      } else {
        faults.add("project `" + row.id() + "` in the database is out of force: " + told(reader));
      }
    }
    for (ProjectKey key : file.keys()) {
      all.add(stored.revokedElsewhere().contains(key.sha256()) ? key.revokedNow() : key);
    }
    for (ProjectStore.StoredKey row : stored.keys()) {
      if (file.key(row.project(), row.id()) != null) {
        throw new IllegalArgumentException("key `" + row.id() + "` of project `" + row.project() + "` is in " + name + " and in the database (made by POST /admin/keys): give the file's another id");
      }
      if (all.project(row.project()) == null) {
        continue;
      }
      ProjectReader reader = new ProjectReader(rules, false);
      ObjectNode json = definition(row.definition());
      json.put("sha256", row.sha256()).put("revoked", row.revokedAtMs() != null);
      if (!row.last4().isEmpty()) {
        json.put("last4", row.last4());
      }
      ProjectKey key = reader.key(json, "", row.project());
      if (key == null || reader.isFaulty() || all.add(key) != null) {
        faults.add("key `" + row.id() + "` of project `" + row.project() + "` in the database is out of force: " + told(reader));
      }
    }
    return new Version(number, all, List.copyOf(faults));
  }

  private static ObjectNode definition(String json) {
    try {
      return Json.read(json) instanceof ObjectNode object ? object : Json.object();
    } catch (IOException notJson) {
      return Json.object();
    }
  }

  private static String told(ProjectReader reader) {
    return reader.isFaulty() ? reader.told() : "its key is another's";
  }

  /**
   * Reads the file and the database again and swaps them in whole; a wrong file changes nothing.
   *
   * @return the new version's number
   * @throws IllegalArgumentException as the constructor
   */
  public int reload() {
    inForce(load());
    return version.number();
  }

  @Override
  public String file() {
    return name;
  }

  @Override
  public byte[] read() throws IOException {
    return source.read();
  }

  @Override
  public long stamp() {
    return source.stamp();
  }

  /** Checks a fresh file; while the gateway runs the last project cannot be taken out, which would open it to everyone. */
  @Override
  public Runnable check(byte[] bytes) {
    Callers fresh = Callers.parse(name, bytes, rules);
    synchronized (this) {
      if (merged(0, fresh, stored).callers().isEmpty() && !isOpen()) {
        throw new ConfigError(name + ": `projects` is empty, which would open the gateway to everyone; leave at least one project, or restart the gateway to open it");
      }
    }
    return () -> {
      try {
        inForce(fresh);
      } catch (IllegalArgumentException clash) {
        // a project of that id was made in the database since the check
        LOG.error("the changed {} is not in force: {}", name, clash.getMessage());
      }
    };
  }

  private void inForce(Callers fresh) {
    synchronized (this) {
      ProjectStore.Content content = contentOrOld();
      swap(merged(version.number() + 1, fresh, content));
      file = fresh;
      stored = content;
    }
    listeners.forEach(Runnable::run);
  }

  private ProjectStore.Content contentOrOld() {
    try {
      return store == null ? stored : store.read();
    } catch (SQLException e) {
      LOG.error("the projects in the database cannot be read; the known ones stay in force: {}", e.getMessage());
      return stored;
    }
  }

  private void swap(Version fresh) {
    fresh.faults().forEach(fault -> LOG.error("{}", fault));
    version = fresh;
    closed |= !fresh.callers().isEmpty();
  }

  /** Takes in what the admin changed, here or at another node, if anything; each second, which is how soon a revoked key stops working everywhere. While the database is away the known state stays. */
  public void refresh() {
    if (store == null || stopped) {
      return;
    }
    synchronized (this) {
      try {
        boolean changed = store.version() != stored.version();
        if (storeFailed) {
          LOG.info("the projects in the database can be read again");
          storeFailed = false;
        }
        if (!changed) {
          return;
        }
        ProjectStore.Content content = store.read();
        swap(merged(version.number() + 1, file, content));
        stored = content;
      } catch (SQLException e) {
        if (!storeFailed) {
          LOG.error("the projects in the database cannot be read; the known ones stay in force: {}", e.getMessage());
        }
        storeFailed = true;
        return;
      } catch (IllegalArgumentException clash) {
        LOG.error("a change of projects is not taken in: {}", clash.getMessage());
        return;
      }
    }
    listeners.forEach(Runnable::run);
  }

  /** Looks no more: the database is about to be closed. */
  @Override
  public void close() {
    stopped = true;
  }

  /** Is told after every change of projects or keys, so that what was derived of them can be derived anew. */
  public void onChange(Runnable listener) {
    listeners.add(listener);
  }

  /** Is told of the first use of a key in each hour; must not wait for anything. */
  public void onKeyUse(BiConsumer<Caller, Inbound> listener) {
    keyUse = listener;
  }

  public int version() {
    return version.number();
  }

  /** What in the database is out of force because it is wrong. */
  public List<String> faults() {
    return version.faults();
  }

  /** No projects, and never any since the start: everyone may ask. */
  public boolean isOpen() {
    return !closed;
  }

  /** All keys, revoked and expired ones too. */
  public List<ProjectKey> keys() {
    return version.callers().keys();
  }

  /** A project's key, null if there is none of that id. */
  public @Nullable ProjectKey key(String project, String id) {
    return version.callers().key(project, id);
  }

  public List<Project> projects() {
    return version.callers().projects();
  }

  /** The project, null if it is not configured (the open gateway's are not). */
  public @Nullable Project project(String id) {
    return version.callers().project(id);
  }

  List<PartRules> rules() {
    return rules;
  }

  /** When a project or key of the database was made, by {@code project} or {@code project/key}. */
  synchronized Map<String, long[]> times() {
    Map<String, long[]> times = new LinkedHashMap<>();
    stored.projects().forEach(row -> times.put(row.id(), new long[] {row.createdAtMs(), row.updatedAtMs()}));
    stored.keys().forEach(row -> times.put(row.project() + "/" + row.id(), new long[] {row.createdAtMs(), row.revokedAtMs() == null ? 0 : row.revokedAtMs()}));
    return times;
  }

  /**
   * Who asks.
   *
   * @throws Problem 401, the same for no key, a wrong, an expired, a revoked one and two different ones; 403 for a key that may not be used at this entry; 400 for an odd {@code x-dromedary-project} at an open gateway
   */
  public Caller identify(Inbound in) {
    String known = in.header(KNOWN_CALLER);
    if (known != null) {
      return known(known, in);
    }
    if (!closed) {
      return open(in.header(PROJECT_HEADER));
    }
    String presented = presented(in);
    if (presented == null) {
      throw Problem.unauthorized();
    }
    Callers.Key key = version.callers().key(ApiKey.sha256(presented));
    if (key == null) {
      throw Problem.unauthorized();
    }
    long now = clock.millis();
    if (key.expiresAtMs <= now) {
      throw Problem.unauthorized();
    }
    admitted(key, in);
    if (key.usedIn(now / HOUR_MS)) {
      keyUse.accept(key.caller, in);
    }
    return key.caller;
  }

  /** The path below {@code /v1/}, or the entry where there is no path. */
  private static String endpoint(Inbound in) {
    String path = in.path();
    return path.isEmpty() ? in.entry() : path.startsWith("/v1/") ? path.substring(4) : path;
  }

  /** @throws Problem 401 when there is no such project or key (any more), 403 when what is asked for at a path is not for it */
  private Caller known(String name, Inbound in) {
    int slash = name.indexOf('/');
    String id = slash < 0 ? name : name.substring(0, slash);
    if (!closed) {
      return open(id);
    }
    Callers callers = version.callers();
    Project project = callers.project(id);
    if (project == null) {
      throw Problem.unauthorized();
    }
    if (slash < 0) {
      return new Caller(project.id(), "", false, project.tags(), project.org(), "", Policy.of(project.profile(), project.rule()));
    }
    ProjectKey named = callers.key(id, name.substring(slash + 1));
    Callers.Key key = named == null ? null : callers.key(HexFormat.of().parseHex(named.sha256()));
    if (key == null || key.expiresAtMs <= clock.millis()) {
      throw Problem.unauthorized();
    }
    return in.path().isEmpty() ? key.caller : admitted(key, in);
  }

  private static Caller admitted(Callers.Key key, Inbound in) {
    if (!key.endpoints.isAll() && !key.endpoints.admit(endpoint(in), in.entry())) {
      throw new Problem(403, "invalid_request_error", "this key may be used for " + key.endpoints + ", not for `" + Problem.clip(endpoint(in)) + "`").code("endpoint_not_allowed").shouldRetry(false);
    }
    return key.caller;
  }

  private static Caller open(@Nullable String project) {
    if (project == null || project.equals(Caller.OPEN.project())) {
      return Caller.OPEN;
    }
    if (!FieldReader.isName(project)) {
      throw Problem.badField(PROJECT_HEADER, "the header `" + PROJECT_HEADER + "` must be 1 to 64 letters, digits, `.`, `_` or `-`");
    }
    return new Caller(project, "", false, Set.of());
  }

  /** Lets only the admin token pass, also at an open gateway. @throws Problem 401, the same for every other key */
  public Caller requireAdmin(Inbound in) {
    if (!isAdmin(in)) {
      throw Problem.unauthorized();
    }
    return ADMIN;
  }

  /** Was the admin token sent? */
  public boolean isAdmin(Inbound in) {
    String presented = presented(in);
    return presented != null && !adminToken.isEmpty() && Secret.of(presented).equals(adminToken);
  }

  /** Whose key was sent, for the audit of what was refused: {@code project/key}, "" for none that is known. Never the key. */
  public String named(Inbound in) {
    String presented = presented(in);
    Callers.Key key = presented == null ? null : version.callers().key(presented.getBytes(StandardCharsets.UTF_8).length > 1_024 ? new byte[32] : ApiKey.sha256(presented));
    return key == null ? "" : key.caller.project() + "/" + key.caller.keyId();
  }

  /** The one key that was sent; null for none or for two that differ. */
  private static @Nullable String presented(Inbound in) {
    String bearer = bearer(in.header("authorization"));
    String found = bearer;
    for (String header : new String[] {"x-api-key", "api-key"}) {
      String value = in.header(header);
      if (value != null && !value.isBlank()) {
        String key = value.strip();
        if (found != null && !found.equals(key)) {
          return null;
        }
        found = key;
      }
    }
    return found;
  }

  private static @Nullable String bearer(@Nullable String authorization) {
    if (authorization == null || !authorization.regionMatches(true, 0, "Bearer ", 0, 7)) {
      return null;
    }
    String token = authorization.substring(7).strip();
    return token.isEmpty() ? null : token;
  }
}
