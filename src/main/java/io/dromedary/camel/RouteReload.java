package io.dromedary.camel;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.dromedary.catalog.ConfigError;
import io.dromedary.catalog.ConfigPart;
import io.dromedary.reload.RouteFiles;
import io.dromedary.reload.RouteFiles.Change;
import io.dromedary.reload.RouteFiles.Item;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.camel.CamelContext;
import org.apache.camel.Route;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.model.ModelCamelContext;
import org.apache.camel.model.RouteDefinition;
import org.apache.camel.model.RouteTemplateDefinition;
import org.apache.camel.spi.Resource;
import org.apache.camel.support.PluginHelper;
import org.apache.camel.support.ResourceHelper;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directories of routes and of Kamelets as a part of the configuration. Changed routes are built and started beside the old ones first, under the id {@code name~2}, {@code name~3} and so on; when all of them stand they take the old ones' places in
 * one moment, and the old ones go when the last exchange has left them. A route that begins elsewhere than at {@code direct:} (timers, queues, files) is stopped before its new version is started. A changed Kamelet is loaded as {@code name--2} beside the old one, and all routes that use it, also through other Kamelets, count as changed.
 *
 * <p>Only routes change while the gateway runs, and doors may be added and taken away: route configurations, templates and changed doors want a restart, which is told.
 */
public final class RouteReload implements ConfigPart, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(RouteReload.class);
  private static final YAMLMapper YAML = new YAMLMapper();
  private static final Pattern LINE = Pattern.compile("line (\\d+)");
  private static final Pattern USED = Pattern.compile("kamelet:([A-Za-z0-9-]+)");
  private static final String KAMELET = ".kamelet.yaml";
  private static final String DIRECT = "direct:";
  /** How long an old route stays though nobody seems to be in it: somebody may be about to enter. */
  private static final long LINGER_NANOS = TimeUnit.SECONDS.toNanos(2);

  private final Supplier<ModelCamelContext> camel;
  private final SwitchableDirect direct;
  private final Path directory;
  private final @Nullable Path kamelets;
  private final long longestNanos;
  private Map<String, String> texts = Map.of();
  private Map<String, String> templates = Map.of();
  private Map<String, String> templatesInForce = Map.of();
  /** Kamelet to the id that its version in force has in the context. */
  private final Map<String, String> loaded = new HashMap<>();
  private @Nullable RouteFiles inForce;
  /** What has been checked and may come into force with the other files. */
  private @Nullable RouteFiles draft;
  /** Why the routes cannot be exchanged, null if they can. */
  private @Nullable String fixed;
  private int generation = 1;
  /** Route to the id that its version in force has in the context. */
  private final Map<String, String> running = new HashMap<>();
  private @Nullable Prepared prepared;
  private final List<Leaving> leaving = new ArrayList<>();
  private @Nullable ScheduledExecutorService sweeper;

  /** Routes that stand but are not called yet. */
  private record Prepared(RouteFiles fresh, Change change, Map<String, String> ids, Set<String> created, Map<String, String> kamelets) {}

  /** Routes that are called no more; all go when nobody is in any of them, since one may call another. */
  private record Leaving(List<String> ids, List<String> kamelets, long since) {}

  /**
   * @param camel the context, which starts after this
   * @param kamelets the directory of Kamelets that go before the packed ones, null for none
   * @param longest how long an exchange may stay in an old route before the route is taken from under it
   */
  public RouteReload(Supplier<ModelCamelContext> camel, SwitchableDirect direct, Path directory, @Nullable Path kamelets, Duration longest) {
    this.camel = camel;
    this.direct = direct;
    this.directory = directory;
    this.kamelets = kamelets;
    this.longestNanos = longest.toNanos();
  }

  @Override
  public String file() {
    return String.valueOf(directory.getFileName());
  }

  @Override
  public synchronized byte[] read() throws IOException {
    texts = RouteFiles.read(directory, RouteFiles.ENDING);
    templates = kamelets == null || !Files.isDirectory(kamelets) ? Map.of() : RouteFiles.read(kamelets, KAMELET);
    if (inForce == null) {
      templatesInForce = templates;
      try {
        inForce = RouteFiles.parse(file(), texts, null, null);
      } catch (ConfigError e) {
        // Camel, which reads them too, may take what cannot be exchanged later, such as a route without an id
        LOG.warn("the routes will not be reloaded: {}", e.getMessage());
        inForce = new RouteFiles(file(), texts, List.of());
        fixed = e.getMessage();
      }
    }
    Map<String, String> all = new LinkedHashMap<>(texts);
    all.putAll(templates);
    return RouteFiles.bytes(all);
  }

  @Override
  public long stamp() {
    return RouteFiles.stamp(directory, RouteFiles.ENDING) * 31 + (kamelets == null ? 0 : RouteFiles.stamp(kamelets, KAMELET));
  }

  /** Of what was read last, so that the bytes need not be taken apart again. */
  @Override
  public synchronized Runnable check(byte[] bytes) {
    RouteFiles old = Objects.requireNonNull(inForce);
    if (texts.equals(old.texts()) && templates.equals(templatesInForce)) {
      return () -> { };
    }
    if (fixed != null) {
      throw new ConfigError(file() + ": routes have changed, but cannot be exchanged while the gateway runs, since at its start " + fixed);
    }
    RouteFiles fresh = RouteFiles.parse(file(), texts, old, this::beginsElsewhere);
    draft = fresh;
    Change change = old.to(fresh);
    if (!change.others().isEmpty()) {
      Item other = change.others().get(0);
      throw new ConfigError((fresh.items().contains(other) ? fresh : old).place(other) + "a `" + other.kind() + "`" + (other.id().isEmpty() ? "" : " `" + other.id() + "`") + " cannot be changed while the gateway runs, only routes can, and doors be added or taken away; restart it for this");
    }
    Set<String> anew = changedKamelets(fresh);
    List<Item> touched = new ArrayList<>(change.changed());
    fresh.items().stream().filter(item -> item.isRoute() && !change.added().contains(item) && !touched.contains(item) && !Collections.disjoint(uses(item.definition().toString()), anew)).forEach(touched::add);
    Change whole = new Change(change.added(), touched, change.removed(), List.of());
    if (!whole.isEmpty()) {
      try {
        read(fresh, change, anew);
        prepared = prepare(fresh, whole, anew);
      } catch (ConfigError told) {
        throw told;
      } catch (Exception e) {
        throw new ConfigError(file() + " cannot be used: " + innermost(e), e);
      }
    }
    return () -> inForce(fresh);
  }

  @Override
  public synchronized void checked() {
    draft = null;
    if (prepared != null) {
      Prepared undone = prepared;
      prepared = null;
      direct.forget();
      undone.created().forEach(this::remove);
    }
  }

  /** Reads the files that have changes as Camel does, in a context of its own: what it cannot read is told with its line. */
  private void read(RouteFiles fresh, Change change, Set<String> anew) throws Exception {
    try (CamelContext scratch = new DefaultCamelContext()) {
      for (String file : Stream.concat(change.added().stream(), change.changed().stream()).map(Item::file).collect(Collectors.toCollection(TreeSet::new))) {
        try {
          PluginHelper.getRoutesLoader(scratch).loadRoutes(ResourceHelper.fromBytes("file:" + file, fresh.texts().get(file).getBytes(StandardCharsets.UTF_8)));
        } catch (Exception e) {
          String message = String.valueOf(e.getMessage());
          Matcher line = LINE.matcher(message);
          throw new ConfigError(file() + "/" + file + ":" + (line.find() ? line.group(1) : "1") + ": " + innermost(e), e);
        }
      }
      for (String name : anew) {
        try {
          PluginHelper.getRoutesLoader(scratch).loadRoutes(ResourceHelper.fromBytes("file:" + name + KAMELET, text(name).getBytes(StandardCharsets.UTF_8)));
        } catch (Exception e) {
          Matcher line = LINE.matcher(String.valueOf(e.getMessage()));
          throw new ConfigError("kamelets/" + name + KAMELET + ":" + (line.find() ? line.group(1) : "1") + ": " + innermost(e), e);
        }
      }
    }
  }

  /** At the start: does all begin that is called? @throws ConfigError naming file and line of what does not */
  public synchronized void checkTargets() {
    Objects.requireNonNull(inForce).checkTargets(this::beginsElsewhere);
  }

  /** Is there a route of that id, of those that were checked last or from elsewhere? */
  synchronized boolean has(String id) {
    return files().items().stream().anyMatch(item -> item.isRoute() && item.id().equals(id)) || elsewhere().anyMatch(route -> id.equals(route.getRouteId()));
  }

  /** Does a route begin there, one of those that were checked last or from elsewhere? */
  synchronized boolean begins(String uri) {
    return files().items().stream().anyMatch(item -> item.isRoute() && place(item.from()).equals(place(uri))) || beginsElsewhere(uri);
  }

  private RouteFiles files() {
    return draft != null ? draft : Objects.requireNonNull(inForce);
  }

  private boolean beginsElsewhere(String target) {
    return elsewhere().anyMatch(route -> place(route.getInput().getEndpointUri()).equals(place(target)));
  }

  /** Without what a URI may say beside it. */
  static String place(String uri) {
    return uri.replaceFirst("^(\\w+:)//", "$1").replaceFirst("\\?.*", "");
  }

  /** Routes from Java; at the start some have no id yet. */
  private Stream<RouteDefinition> elsewhere() {
    Set<String> ours = new HashSet<>();
    Objects.requireNonNull(inForce).items().stream().filter(Item::isRoute).forEach(item -> ours.add(running.getOrDefault(item.id(), item.id())));
    leaving.forEach(group -> ours.addAll(group.ids()));
    return camel.get().getRouteDefinitions().stream().filter(route -> route.getRouteId() == null || !ours.contains(route.getRouteId()) && route.getRouteId().indexOf('~') < 0);
  }

  /** Those that routes use and that are not what they were, or use such a one. */
  private Set<String> changedKamelets(RouteFiles fresh) {
    Set<String> changed = new TreeSet<>();
    for (Map.Entry<String, String> file : templates.entrySet()) {
      if (!file.getValue().equals(templatesInForce.get(file.getKey()))) {
        changed.add(file.getKey().substring(0, file.getKey().length() - KAMELET.length()));
      }
    }
    Set<String> anew = new TreeSet<>();
    if (!changed.isEmpty()) {
      fresh.items().stream().filter(Item::isRoute).flatMap(item -> uses(item.definition().toString()).stream()).distinct().filter(name -> changed.contains(name) || !Collections.disjoint(uses(text(name)), changed)).forEach(anew::add);
      // the inner ones too, that only Kamelets use
      Set<String> inner = new TreeSet<>();
      anew.forEach(name -> uses(text(name)).stream().filter(other -> changed.contains(other) || !Collections.disjoint(uses(text(other)), changed)).forEach(inner::add));
      anew.addAll(inner);
    }
    return anew;
  }

  /** The Kamelets that it uses, also through others. */
  private Set<String> uses(String text) {
    Set<String> names = new TreeSet<>();
    uses(text, names);
    return names;
  }

  private void uses(String text, Set<String> names) {
    Matcher matcher = USED.matcher(text);
    while (matcher.find()) {
      if (!matcher.group(1).equals("source") && !matcher.group(1).equals("sink") && names.add(matcher.group(1))) {
        uses(text(matcher.group(1)), names);
      }
    }
  }

  /** Of a Kamelet's file, or of the packed copy; "" for one that comes from elsewhere. */
  private String text(String name) {
    String text = templates.get(name + KAMELET);
    if (text != null) {
      return text;
    }
    try (InputStream packed = RouteReload.class.getClassLoader().getResourceAsStream("kamelets/" + name + KAMELET)) {
      return packed == null ? "" : new String(packed.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException unreadable) {
      return "";
    }
  }

  private static String versioned(String text, Map<String, String> versions) {
    return USED.matcher(text).replaceAll(found -> "kamelet:" + versions.getOrDefault(found.group(1), found.group(1)));
  }

  private Prepared prepare(RouteFiles fresh, Change change, Set<String> anew) throws Exception {
    generation++;
    Map<String, String> versions = new HashMap<>(loaded);
    anew.forEach(name -> versions.put(name, name + "--" + generation));
    Map<String, String> ids = new LinkedHashMap<>();
    Map<String, ArrayNode> files = new LinkedHashMap<>();
    for (Item item : Stream.concat(change.added().stream(), change.changed().stream()).toList()) {
      ObjectNode definition = item.definition().deepCopy();
      if (item.isRoute()) {
        String id = item.id() + "~" + generation;
        ids.put(item.id(), id);
        ObjectNode route = ((ObjectNode) definition.get("route")).put("id", id);
        if (!item.from().startsWith(DIRECT)) {
          route.put("autoStartup", "false");
        }
      }
      files.computeIfAbsent(item.file(), file -> YAML.createArrayNode()).add(definition);
    }
    List<Resource> resources = new ArrayList<>();
    for (String name : anew) {
      String text = versioned(text(name), versions).replaceFirst("(?m)^(\\s*name:\\s*)" + Pattern.quote(name) + "\\s*$", "$1" + versions.get(name));
      resources.add(ResourceHelper.fromBytes("file:" + name + KAMELET, text.getBytes(StandardCharsets.UTF_8)));
    }
    for (Map.Entry<String, ArrayNode> file : files.entrySet()) {
      resources.add(ResourceHelper.fromBytes("file:" + directory.resolve(file.getKey()), versioned(YAML.writeValueAsString(file.getValue()), versions).getBytes(StandardCharsets.UTF_8)));
    }
    Set<String> before = ids();
    direct.prepare();
    try {
      PluginHelper.getRoutesLoader(camel.get()).loadRoutes(resources);
    } catch (Exception e) {
      direct.forget();
      created(before).forEach(this::remove);
      String message = String.valueOf(e.getMessage());
      String where = ids.entrySet().stream().filter(id -> message.contains(id.getValue())).map(Map.Entry::getKey).findFirst()
          .flatMap(id -> fresh.items().stream().filter(item -> item.isRoute() && item.id().equals(id)).findFirst()).map(item -> fresh.place(item) + "route `" + item.id() + "` cannot be built: ").orElse(file() + ": ");
      throw new ConfigError(where + innermost(e), e);
    }
    Map<String, String> kameletIds = new HashMap<>();
    anew.forEach(name -> kameletIds.put(name, versions.get(name)));
    return new Prepared(fresh, change, ids, created(before), kameletIds);
  }

  private Set<String> ids() {
    Set<String> ids = new HashSet<>();
    camel.get().getRouteDefinitions().forEach(route -> ids.add(route.getRouteId()));
    return ids;
  }

  private Set<String> created(Set<String> before) {
    Set<String> created = ids();
    created.removeAll(before);
    return created;
  }

  private synchronized void inForce(RouteFiles fresh) {
    Prepared now = prepared;
    prepared = null;
    inForce = fresh;
    templatesInForce = templates;
    if (now == null) {
      return;
    }
    List<String> old = new ArrayList<>();
    for (Item item : Stream.concat(now.change().changed().stream(), now.change().removed().stream()).toList()) {
      if (item.isRoute()) {
        old.add(running.getOrDefault(item.id(), item.id()));
      } else {
        old.addAll(item.operations());
      }
    }
    direct.switchOver();
    for (Item item : now.fresh().items()) {
      String id = item.isRoute() ? now.ids().get(item.id()) : null;
      if (id != null && !item.from().startsWith(DIRECT)) {
        takeOver(running.getOrDefault(item.id(), item.id()), id);
      }
    }
    now.change().removed().forEach(item -> running.remove(item.id()));
    running.putAll(now.ids());
    List<String> oldKamelets = now.kamelets().keySet().stream().map(name -> loaded.getOrDefault(name, name)).toList();
    loaded.putAll(now.kamelets());
    LOG.info("routes in force since now: {}{}", String.join(", ", now.ids().keySet()), now.change().removed().isEmpty() ? "" : "; gone: " + now.change().removed().stream().map(Item::id).collect(Collectors.joining(", ")));
    if (!old.isEmpty()) {
      leaving.add(new Leaving(old, oldKamelets, System.nanoTime()));
      if (sweeper == null) {
        sweeper = camel.get().getExecutorServiceManager().newSingleThreadScheduledExecutor(this, "route-reload");
        sweeper.scheduleWithFixedDelay(this::sweep, 500, 500, TimeUnit.MILLISECONDS);
      }
    }
  }

  /** A source of messages: two at once might take the same. */
  private void takeOver(String old, String fresh) {
    try {
      if (camel.get().getRoute(old) != null) {
        camel.get().getRouteController().stopRoute(old, 10, TimeUnit.SECONDS);
      }
      camel.get().getRouteController().startRoute(fresh);
    } catch (Exception e) {
      LOG.error("route {} cannot be started; it is stopped until its file is put right", fresh, e);
    }
  }

  private synchronized void sweep() {
    long now = System.nanoTime();
    leaving.removeIf(group -> {
      boolean empty = now - group.since() > LINGER_NANOS && group.ids().stream().allMatch(id -> camel.get().getInflightRepository().size(id) == 0);
      if (empty || now - group.since() > longestNanos) {
        group.ids().forEach(this::remove);
        group.kamelets().forEach(this::removeKamelet);
        return true;
      }
      return false;
    });
  }

  private void remove(String id) {
    ModelCamelContext context = camel.get();
    try {
      Route route = context.getRoute(id);
      if (route != null) {
        context.getRouteController().stopRoute(id, 1, TimeUnit.SECONDS);
        context.removeRoute(id);
      }
      RouteDefinition definition = context.getRouteDefinition(id);
      if (definition != null) {
        context.removeRouteDefinition(definition);
      }
    } catch (Exception e) {
      LOG.warn("the old route {} cannot be taken away: {}", id, innermost(e));
    }
  }

  /** And what was made of it for the routes that used it. */
  private void removeKamelet(String id) {
    ModelCamelContext context = camel.get();
    // Camel calls them by their Kamelet and a number
    Pattern name = Pattern.compile(Pattern.quote(id) + "-\\d+");
    context.getRoutes().stream().filter(route -> route.isCreatedByKamelet() && name.matcher(route.getRouteId()).matches()).map(Route::getRouteId).toList().forEach(this::remove);
    RouteTemplateDefinition definition = context.getRouteTemplateDefinition(id);
    if (definition != null) {
      try {
        context.removeRouteTemplateDefinition(definition);
      } catch (Exception e) {
        LOG.warn("the old Kamelet {} cannot be taken away: {}", id, innermost(e));
      }
    }
  }

  /** The version in force of the route that its file calls so; null when there is none. An old version may still be there. */
  public static @Nullable Route newest(CamelContext context, String id) {
    Route newest = context.getRoute(id);
    int version = 0;
    for (Route route : context.getRoutes()) {
      String name = route.getRouteId();
      if (name.length() > id.length() + 1 && name.startsWith(id) && name.charAt(id.length()) == '~') {
        int its = Integer.parseInt(name.substring(id.length() + 1));
        if (its > version) {
          version = its;
          newest = route;
        }
      }
    }
    return newest;
  }

  /** How many routes wait for their last exchange to leave. */
  public synchronized int leaving() {
    return leaving.stream().mapToInt(group -> group.ids().size()).sum();
  }

  private static String innermost(Throwable thrown) {
    Throwable cause = thrown;
    for (int depth = 0; cause.getCause() != null && depth < 16; depth++) {
      cause = cause.getCause();
    }
    String message = String.valueOf(cause.getMessage()).strip();
    int end = message.indexOf('\n');
    return end < 0 ? message : message.substring(0, end);
  }

  @Override
  public synchronized void close() {
    if (sweeper != null) {
      camel.get().getExecutorServiceManager().shutdownNow(sweeper);
    }
  }
}
