package io.dromedary.access;

import io.dromedary.catalog.ConfigError;
import io.dromedary.catalog.ConfigPart;
import io.dromedary.chat.Caller;
import io.dromedary.chat.Inbound;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Secret;
import java.io.IOException;
import java.time.Clock;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/**
 * Knows who asks, by the key that was sent. Without projects the gateway is open: any key, or none, is project {@code default} (or the one that {@code x-dromedary-project} names).
 */
public final class CallerRegistry implements ConfigPart {
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

  private static final Caller ADMIN = new Caller("admin", "admin-token", true, Set.of());

  private record Version(int number, Callers callers) {}

  private final String name;
  private final Source source;
  private final Secret adminToken;
  private final Clock clock;
  private final List<PartRules> rules;
  private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
  private volatile Version version;

  /**
   * Reads the file.
   *
   * @param name of the file, for messages
   * @param rules of those who read parts of a project
   * @throws IllegalArgumentException naming the file, the keys and the allowed values, if it is wrong
   */
  public CallerRegistry(String name, Source source, Secret adminToken, Clock clock, List<PartRules> rules) {
    this.name = name;
    this.source = source;
    this.adminToken = adminToken;
    this.clock = clock;
    this.rules = List.copyOf(rules);
    this.version = new Version(1, load());
  }

  /** Without rules for the parts that other rooms read. */
  public CallerRegistry(String name, Source source, Secret adminToken, Clock clock) {
    this(name, source, adminToken, clock, List.of());
  }

  private Callers load() {
    try {
      return Callers.parse(name, source.read(), rules);
    } catch (IOException e) {
      throw new IllegalArgumentException(name + " cannot be read: " + e.getMessage(), e);
    }
  }

  /**
   * Reads the file again and swaps it in whole; a wrong file changes nothing.
   *
   * @return the new version's number
   * @throws IllegalArgumentException as the constructor
   */
  public synchronized int reload() {
    Callers fresh = load();
    inForce(fresh);
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
    if (fresh.isEmpty() && !isOpen()) {
      throw new ConfigError(name + ": `projects` is empty, which would open the gateway to everyone; leave at least one project, or restart the gateway to open it");
    }
    return () -> inForce(fresh);
  }

  private synchronized void inForce(Callers fresh) {
    version = new Version(version.number() + 1, fresh);
    listeners.forEach(Runnable::run);
  }

  /** Is told after every change of projects or keys, so that what was derived of them can be derived anew. */
  public void onChange(Runnable listener) {
    listeners.add(listener);
  }

  public int version() {
    return version.number();
  }

  /** No projects: everyone may ask. */
  public boolean isOpen() {
    return version.callers().isEmpty();
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

  /**
   * Who asks.
   *
   * @throws Problem 401, the same for no key, a wrong, an expired, a revoked one and two different ones; 403 for a key that may not be used at this entry; 400 for an odd {@code x-dromedary-project} at an open gateway
   */
  public Caller identify(Inbound in) {
    Callers callers = version.callers();
    if (callers.isEmpty()) {
      return open(in.header(PROJECT_HEADER));
    }
    String presented = presented(in);
    if (presented == null) {
      throw Problem.unauthorized();
    }
    Callers.Key key = callers.key(ApiKey.sha256(presented));
    if (key == null || key.expires() != null && !clock.instant().isBefore(key.expires())) {
      throw Problem.unauthorized();
    }
    if (!key.endpoints().isAll() && !key.endpoints().admit(endpoint(in), in.entry())) {
      throw new Problem(403, "invalid_request_error", "this key may be used for " + key.endpoints() + ", not for `" + Problem.clip(endpoint(in)) + "`").code("endpoint_not_allowed").shouldRetry(false);
    }
    return key.caller();
  }

  /** The path below {@code /v1/}, or the entry where there is no path. */
  private static String endpoint(Inbound in) {
    String path = in.path();
    return path.isEmpty() ? in.entry() : path.startsWith("/v1/") ? path.substring(4) : path;
  }

  private static Caller open(@Nullable String project) {
    if (project == null || project.equals(Caller.OPEN.project())) {
      return Caller.OPEN;
    }
    if (!ProjectReader.isName(project)) {
      throw Problem.badField(PROJECT_HEADER, "the header `" + PROJECT_HEADER + "` must be 1 to 64 letters, digits, `.`, `_` or `-`");
    }
    return new Caller(project, "", false, Set.of());
  }

  /** Lets only the admin token pass, also at an open gateway. @throws Problem 401, the same for every other key */
  public Caller requireAdmin(Inbound in) {
    String presented = presented(in);
    if (presented == null || adminToken.isEmpty() || !Secret.of(presented).equals(adminToken)) {
      throw Problem.unauthorized();
    }
    return ADMIN;
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
