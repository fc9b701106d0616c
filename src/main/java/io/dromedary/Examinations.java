package io.dromedary;

import io.dromedary.access.AdminToken;
import io.dromedary.access.CallerRegistry;
import io.dromedary.access.PartRules;
import io.dromedary.access.ProductionCheck;
import io.dromedary.access.Project;
import io.dromedary.access.ProjectKey;
import io.dromedary.access.ProjectStore;
import io.dromedary.admin.AuditLog;
import io.dromedary.admin.Examination;
import io.dromedary.admin.Finding;
import io.dromedary.agent.Agents;
import io.dromedary.alert.AlertRules;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.chat.Secret;
import io.dromedary.experiment.Experiments;
import io.dromedary.ranking.RoutingPolicy;
import io.dromedary.spend.Store;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.core.env.Environment;

/**
 * What the doctor looks at, in a running gateway and, by the command, where none runs. Nothing is changed but the store's schema, as a start would; no provider is asked.
 */
final class Examinations {
  private static final Duration OLD_PRICE = Duration.ofDays(180);
  private static final Duration SOON = Duration.ofDays(14);
  private static final long LITTLE = 1L << 30;
  private static final long TOO_LITTLE = 100L << 20;
  private static final int SHORTEST_KEY = 16;
  private static final List<String> PLACEHOLDERS = List.of("changeme", "change-me", "your-", "your_", "xxxx", "todo", "placeholder", "example", "<", ">", "...");
  /** How keys of these begin; another beginning is often the key of another provider. */
  private static final Map<String, String> BEGINNINGS = Map.of("openai", "sk-", "anthropic", "sk-ant-", "groq", "gsk_", "openrouter", "sk-or-");
  private static final Map<String, String> HOSTS = Map.of("openai", "api.openai.com", "anthropic", "api.anthropic.com", "groq", "api.groq.com", "openrouter", "openrouter.ai");

  private final Environment environment;
  private final DromedarySettings settings;
  private final ConfigSettings config;
  private final List<PartRules> rules;
  private final Clock clock;
  private final @Nullable Store store;
  private final @Nullable CallerRegistry callers;
  private final String storeTrouble;

  /**
   * @param store null when it cannot be opened or is not there yet
   * @param callers of the running gateway, null for the command
   * @param storeTrouble why there is no store, "" when that is as it should be
   */
  Examinations(Environment environment, DromedarySettings settings, ConfigSettings config, List<PartRules> rules, Clock clock, @Nullable Store store, @Nullable CallerRegistry callers, String storeTrouble) {
    this.environment = environment;
    this.settings = settings;
    this.config = config;
    this.rules = rules;
    this.clock = clock;
    this.store = store;
    this.callers = callers;
    this.storeTrouble = storeTrouble;
  }

  List<Examination> all() {
    return List.of(examination("configuration", this::configuration), examination("prices", this::prices), examination("providers", this::providers), examination("callers", this::callers),
        examination("store", this::store), examination("disk", this::disk), examination("clock", this::clock), examination("redis", this::redis), examination("audit", this::audit), examination("safety", this::safety));
  }

  private interface Look {
    List<Finding> look() throws Exception;
  }

  private static Examination examination(String part, Look look) {
    return new Examination() {
      @Override
      public String part() {
        return part;
      }

      @Override
      public List<Finding> look() throws Exception {
        return look.look();
      }
    };
  }

  private List<Finding> configuration() {
    List<Finding> found = new ArrayList<>();
    file(found, "models.yaml", bytes -> {
      int models = ModelCatalog.read(bytes, "config/models.yaml").all().size();
      return models + " models";
    });
    file(found, "routing.yaml", bytes -> {
      RoutingPolicy policy = RoutingPolicy.read(bytes, "config/routing.yaml", ModelCatalog.read(config.file("models.yaml").read(), "config/models.yaml"), Rankings.SCORERS);
      return policy.tiers().size() + " tiers, scored by " + policy.scorer();
    });
    file(found, "callers.yaml", bytes -> new CallerRegistry("config/callers.yaml", () -> bytes, Secret.of(""), clock, rules).projects().size() + " projects");
    file(found, "alerts.yaml", bytes -> AlertRules.read(bytes, AlertWiring.RULES, Binder.get(environment).bindOrCreate("dromedary.alerts", AlertSettings.class).sinks().keySet()).rules().size() + " rules");
    file(found, "experiments.yaml", bytes -> {
      Experiments.Plan.read(bytes, "config/experiments.yaml", Rankings.SCORERS);
      return "is in order";
    });
    file(found, "agents.yaml", bytes -> Agents.count("config/agents.yaml", bytes) + " agents");
    return found;
  }

  private interface Reading {
    String told(byte[] bytes) throws IOException;
  }

  private void file(List<Finding> found, String name, Reading reading) {
    try {
      found.add(Finding.ok("configuration", "config/" + name + ": " + reading.told(config.file(name).read())));
    } catch (IOException | RuntimeException e) {
      found.add(Finding.error("configuration", String.valueOf(e.getMessage()), "mend the file; the gateway does not start with it, and one that runs keeps what it had"));
    }
  }

  private ModelCatalog catalogue() throws IOException {
    return ModelCatalog.read(config.file("models.yaml").read(), "config/models.yaml");
  }

  private Set<String> keyed() {
    Set<String> keyed = new TreeSet<>();
    settings.providers().forEach((id, own) -> {
      if (ProviderWiring.keyed(own)) {
        keyed.add(id);
      }
    });
    return keyed;
  }

  private List<Finding> prices() throws IOException {
    List<Finding> found = new ArrayList<>();
    Instant now = clock.instant();
    LocalDate old = LocalDate.ofInstant(now.minus(OLD_PRICE), ZoneOffset.UTC);
    List<String> unpriced = new ArrayList<>();
    List<String> stale = new ArrayList<>();
    int looked = 0;
    Set<String> keyed = keyed();
    for (Model model : catalogue().all()) {
      if (keyed.contains(model.provider())) {
        looked++;
        if (model.price(now) == null) {
          unpriced.add(model.id());
        } else if (model.price(now).effectiveFrom().isBefore(old)) {
          stale.add(model.id() + " (" + model.price(now).effectiveFrom() + ")");
        }
      }
    }
    if (!unpriced.isEmpty()) {
      found.add(Finding.warn("prices", unpriced.size() + " of " + looked + " models of your providers have no price: " + some(unpriced), "give them a price in config/models.yaml; unpriced models are not asked where a budget or credit applies"));
    }
    if (!stale.isEmpty()) {
      found.add(Finding.warn("prices", stale.size() + " prices were noted more than " + OLD_PRICE.toDays() + " days ago: " + some(stale), "compare them with the provider's page and give them a new `from` date in config/models.yaml"));
    }
    if (found.isEmpty()) {
      found.add(Finding.ok("prices", looked == 0 ? "no provider with a key has models in the catalogue" : "all " + looked + " models of your providers have a price of the last " + OLD_PRICE.toDays() + " days"));
    }
    return found;
  }

  private static String some(List<String> names) {
    return String.join(", ", names.subList(0, Math.min(3, names.size()))) + (names.size() > 3 ? ", ..." : "");
  }

  private List<Finding> providers() {
    List<Finding> found = new ArrayList<>();
    Set<String> keyed = keyed();
    boolean anyProbe = settings.providers().values().stream().anyMatch(own -> own.apiKey().isBlank() && !own.probe().isBlank());
    if (keyed.isEmpty()) {
      found.add(Finding.warn("providers", "no provider has a key, so the sandbox answers" + (anyProbe ? " unless an Ollama does" : ""), "set a key, such as OPENAI_API_KEY; `production` does not start without one"));
    } else {
      found.add(Finding.ok("providers", "with a key: " + String.join(", ", keyed)));
    }
    settings.providers().forEach((id, own) -> shape(found, id, own));
    return found;
  }

  /** By its looks only: nobody is asked whether it is valid. */
  private void shape(List<Finding> found, String id, DromedarySettings.Provider own) {
    String key = own.apiKey();
    if (key.isBlank()) {
      return;
    }
    String lower = key.toLowerCase(Locale.ROOT);
    URI url = uri(own.baseUrl());
    String host = url == null || url.getHost() == null ? "" : url.getHost();
    String home = HOSTS.get(id);
    if (key.chars().anyMatch(c -> c <= ' ' || c == '"' || c == '\'')) {
      found.add(Finding.error("providers", "the key of `" + id + "` has blanks or quotes in it", "set it again, the bare key only"));
    } else if (PLACEHOLDERS.stream().anyMatch(lower::contains)) {
      found.add(Finding.error("providers", "the key of `" + id + "` looks like a placeholder", "put the real key in its place"));
    } else if (host.equals(home) && key.length() < SHORTEST_KEY) {
      found.add(Finding.warn("providers", "the key of `" + id + "` has only " + key.length() + " characters", "check that it was not cut"));
    } else if (host.equals(home) && !key.startsWith(BEGINNINGS.get(id))) {
      found.add(Finding.warn("providers", "the key of `" + id + "` does not begin with " + BEGINNINGS.get(id), "check that it is not another provider's"));
    }
    if (url == null || host.isEmpty()) {
      found.add(Finding.error("providers", "the base URL of `" + id + "` is no URL", "set dromedary.providers." + id + ".base-url (" + id.toUpperCase(Locale.ROOT) + "_BASE_URL)"));
    } else if ("http".equals(url.getScheme()) && !loopback(host)) {
      found.add(Finding.warn("providers", "the key of `" + id + "` travels in clear text to " + host, "use https in its base URL"));
    }
  }

  private static @Nullable URI uri(String text) {
    try {
      return URI.create(text.strip());
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  private static boolean loopback(String host) {
    return host.equals("localhost") || host.equals("::1") || host.equals("[::1]") || host.startsWith("127.");
  }

  private List<Finding> callers() throws IOException {
    List<Finding> found = new ArrayList<>();
    CallerRegistry who;
    try {
      who = registry();
    } catch (IllegalArgumentException toldAbove) {
      return toldAbove.getMessage().contains(" and in the database ") ? List.of(Finding.error("callers", toldAbove.getMessage(), "the gateway does not start so")) : List.of();
    }
    who.faults().forEach(fault -> found.add(Finding.error("callers", fault, "change it by PUT /admin/projects, or make it anew; until then its keys are refused")));
    List<Project> projects = who.projects();
    List<ProjectKey> keys = who.keys();
    Instant now = clock.instant();
    List<String> ending = new ArrayList<>();
    for (ProjectKey key : keys) {
      if (!key.revoked() && !key.isReplaced() && key.expires() != null && key.expires().isAfter(now) && key.expires().isBefore(now.plus(SOON))) {
        ending.add(key.project() + "/" + key.id() + " (" + key.expires() + ")");
      }
    }
    List<String> shut = new ArrayList<>();
    for (Project project : projects) {
      if (keys.stream().noneMatch(key -> key.project().equals(project.id()) && !key.revoked() && (key.expires() == null || key.expires().isAfter(now)))) {
        shut.add(project.id());
      }
    }
    if (!ending.isEmpty()) {
      found.add(Finding.warn("callers", "keys that expire within " + SOON.toDays() + " days: " + some(ending), "rotate them: POST /admin/keys/rotate, or config/callers.yaml"));
    }
    if (!shut.isEmpty() && (callers != null || store != null)) {
      found.add(Finding.warn("callers", "projects without a key that works: " + some(shut), "make one by POST /admin/keys, or remove the project"));
    }
    if (found.isEmpty()) {
      found.add(Finding.ok("callers", projects.isEmpty() ? "no projects: the gateway is open, on loopback" : projects.size() + " projects, " + keys.size() + " keys" + (callers == null && store == null ? " in the file" : "")));
    }
    return found;
  }

  private List<Finding> store() throws SQLException {
    boolean postgres = !settings.databaseUrl().isBlank();
    String name = postgres ? "PostgreSQL (DATABASE_URL)" : "H2 file in " + Path.of(settings.stateDir());
    if (store == null) {
      return List.of(storeTrouble.isEmpty() ? Finding.ok("store", name + ": is made at the first start")
          : Finding.error("store", storeTrouble, postgres ? "check DATABASE_URL, and whether the server is up" : "if the gateway runs, ask it: GET /admin/doctor; else check the state directory (DROMEDARY_STATE_DIR)"));
    }
    long begun = System.nanoTime();
    try (Connection connection = store.dataSource().getConnection()) {
      connection.setAutoCommit(false);
      try (PreparedStatement write = connection.prepareStatement("UPDATE dromedary_access SET version = version + 1 WHERE id = 1")) {
        if (write.executeUpdate() != 1) {
          return List.of(Finding.error("store", name + ": the row that tells nodes of changes is missing", "INSERT INTO dromedary_access (id, version) VALUES (1, 0)"));
        }
      } finally {
        connection.rollback();
        connection.setAutoCommit(true);
      }
      DatabaseMetaData about = connection.getMetaData();
      return List.of(Finding.ok("store", name + ", " + about.getDatabaseProductName() + " " + about.getDatabaseProductVersion().split(" ")[0] + ": reads and writes, " + (System.nanoTime() - begun) / 1_000_000 + " ms"));
    } catch (SQLException e) {
      return List.of(Finding.error("store", name + " cannot be written: " + e.getMessage(), "requests with a cost are refused until it can be: check the server, its disk and the rights of its user"));
    }
  }

  private List<Finding> disk() throws IOException {
    Path dir = Path.of(settings.stateDir()).toAbsolutePath();
    List<Finding> found = new ArrayList<>();
    Path there = dir;
    while (there != null && !Files.exists(there)) {
      there = there.getParent();
    }
    if (there == null || !Files.isWritable(there)) {
      return List.of(Finding.error("disk", "the state directory " + dir + " cannot be written", "chown it to the gateway's user, or set DROMEDARY_STATE_DIR"));
    }
    FileStore disk = Files.getFileStore(there);
    long free = disk.getUsableSpace();
    String told = (free >> 20) + " MiB are free where " + dir + " lies";
    found.add(free < TOO_LITTLE ? Finding.error("disk", told, "make room: without it no call can be booked, so none is made") : free < LITTLE ? Finding.warn("disk", told, "make room, or shorten dromedary.interaction-log.retention")
        : Finding.ok("disk", told));
    return found;
  }

  private List<Finding> clock() throws SQLException {
    Instant now = clock.instant();
    if (now.isBefore(Instant.parse("2026-01-01T00:00:00Z"))) {
      return List.of(Finding.error("clock", "it says " + now + ", which is past", "set the clock (NTP): expiry of keys, budgets and prices go by it"));
    }
    if (store == null) {
      return List.of(Finding.ok("clock", "it is " + now));
    }
    String sql = "SELECT CURRENT_TIMESTAMP, (SELECT MAX(opened_at_ms) FROM dromedary_purses)";
    try (Connection connection = store.dataSource().getConnection(); PreparedStatement select = connection.prepareStatement(sql); ResultSet row = select.executeQuery()) {
      row.next();
      Instant newest = Instant.ofEpochMilli(row.getLong(2));
      if (newest.isAfter(now.plusSeconds(60))) {
        return List.of(Finding.error("clock", "it was " + newest + " before, and budgets never go back: they stay in that day and month until the clock is there again",
            "if the clock is right now: UPDATE dromedary_purses SET opened_at_ms = 0 WHERE opened_at_ms > " + now.toEpochMilli() + ", then restart the gateways"));
      }
      Duration apart = Duration.between(row.getTimestamp(1).toInstant(), clock.instant()).abs();
      String told = "it differs from the database's by " + apart.toMillis() + " ms";
      return List.of(apart.compareTo(Duration.ofSeconds(30)) > 0 ? Finding.error("clock", told, "set both by NTP: nodes would disagree on windows, leases and expiry")
          : apart.compareTo(Duration.ofSeconds(2)) > 0 ? Finding.warn("clock", told, "set both by NTP") : Finding.ok("clock", told));
    }
  }

  /** Says PING; a server that wants a password first answers too. */
  private List<Finding> redis() {
    String text = environment.getProperty("dromedary.redis.url", "");
    if (text.isBlank()) {
      return List.of();
    }
    if (text.startsWith("redis-sentinel://")) {
      return List.of(Finding.ok("redis", "by Sentinel, which is not asked here"));
    }
    URI url = uri(text);
    if (url == null || url.getHost() == null || !(text.startsWith("redis://") || text.startsWith("rediss://"))) {
      return List.of(Finding.error("redis", "REDIS_URL is no URL of a Redis", "write redis://host:6379 or rediss://...; the value is not shown, it may hold a password"));
    }
    int port = url.getPort() < 0 ? 6379 : url.getPort();
    String where = url.getHost() + ":" + port;
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(url.getHost(), port), 2_000);
      socket.setSoTimeout(2_000);
      if (text.startsWith("rediss:")) {
        return List.of(Finding.ok("redis", where + " takes connections"));
      }
      socket.getOutputStream().write("PING\r\n".getBytes(StandardCharsets.US_ASCII));
      InputStream in = socket.getInputStream();
      int first = in.read();
      return List.of(first == '+' || first == '-' ? Finding.ok("redis", where + " answers") : Finding.error("redis", where + " takes connections but is no Redis", "check REDIS_URL"));
    } catch (IOException e) {
      return List.of(Finding.error("redis", where + " cannot be reached", "check REDIS_URL and the server; until then each node keeps to a local share of the limits"));
    }
  }

  private List<Finding> audit() throws SQLException {
    if (store == null) {
      return List.of();
    }
    AuditLog.Verdict verdict = new AuditLog(store.dataSource(), store.node(), clock).verify();
    return List.of(verdict.whole() ? Finding.ok("audit", "the chain of " + verdict.lines() + " lines is whole")
        : Finding.error("audit", "the chain is broken: " + verdict.why(), "somebody changed the database by hand: compare with a backup, and with the head you noted (GET /admin/audit?verify=true)"));
  }

  /** What production would refuse: errors there, warnings elsewhere. */
  private List<Finding> safety() throws IOException {
    boolean production = settings.profile().equals("production");
    if (!production && !settings.profile().equals("development")) {
      return List.of(Finding.error("safety", "dromedary.profile is `" + settings.profile() + "`", "it must be `development` or `production` (DROMEDARY_PROFILE)"));
    }
    boolean configured = hasProjects();
    boolean tokenGiven = System.getenv(AdminToken.ENVIRONMENT) != null && !System.getenv(AdminToken.ENVIRONMENT).isBlank();
    List<String> inForce = ProductionCheck.reasons(SafeStart.settings(environment, settings, true, production, tokenGiven, keyed(), configured));
    List<Finding> found = new ArrayList<>();
    inForce.forEach(reason -> found.add(Finding.error("safety", reason, "the gateway does not start so")));
    if (tokenGiven) {
      try {
        AdminToken.load(Path.of(settings.stateDir()), System.getenv(AdminToken.ENVIRONMENT));
      } catch (IllegalArgumentException e) {
        found.add(Finding.error("safety", e.getMessage(), "set a longer one; the gateway does not start so"));
      }
    }
    if (!production) {
      ProductionCheck.reasons(SafeStart.settings(environment, settings, true, true, tokenGiven, keyed(), configured)).stream().filter(reason -> !inForce.contains(reason))
          .forEach(reason -> found.add(Finding.warn("safety", reason, "fine on your own machine; `production` refuses it")));
    }
    if (settings.interactionLog().text()) {
      found.add(Finding.warn("safety", "prompts and answers are kept for " + settings.interactionLog().retention().toDays() + " days (dromedary.interaction-log.text)", "switch it off unless your users know"));
    }
    if (found.isEmpty()) {
      found.add(Finding.ok("safety", "nothing that " + settings.profile() + " refuses"));
    }
    return found;
  }

  /** The running gateway's, else one of the file and of the database if that can be read. @throws IllegalArgumentException when the file is wrong */
  private CallerRegistry registry() throws IOException {
    if (callers != null) {
      return callers;
    }
    byte[] bytes = config.file("callers.yaml").read();
    return new CallerRegistry("config/callers.yaml", () -> bytes, Secret.of(""), clock, rules, store == null ? null : new ProjectStore(store.dataSource(), clock));
  }

  private boolean hasProjects() throws IOException {
    try {
      return !registry().isOpen();
    } catch (IllegalArgumentException toldAbove) {
      return true;
    }
  }
}
