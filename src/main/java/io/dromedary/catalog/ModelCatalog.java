package io.dromedary.catalog;

import io.dromedary.chat.Problem;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * All models we know, as one immutable snapshot read from {@code config/models.yaml}.
 *
 * <p>Names: {@code provider/name} means that model; a bare name or alias that several providers have means the one at its home, the first of {@link #HOMES} that has it, then the other providers by
 * alphabet. A real name goes before an alias. Some names hold slashes themselves ({@code openai/gpt-oss-120b} at Groq): they count as names where no id is spelt so.
 */
public final class ModelCatalog {
  /** Where a bare name is at home, in this order. */
  public static final List<String> HOMES = List.of("openai", "anthropic", "gemini", "mistral", "deepseek", "groq", "ollama");
  /** Providers that a request may name with a model that we do not list. */
  public static final Set<String> PROVIDERS = Set.of("openai", "anthropic", "gemini", "groq", "ollama", "routellm", "mistral", "deepseek", "openrouter", "azure", "bedrock", "sandbox");

  /** Providers without a network: what they have is all listed. */
  private static final Set<String> IN_PROCESS = Set.of("sandbox", "local", Model.ENDPOINTS);

  private static final List<String> KEYS = List.of("id", "provider", "name", "mode", "context", "max_output", "capabilities", "prices", "quality", "latency_ms", "tags", "aliases", "traits", "endpoint", "body", "timeout_ms", "max_concurrent");
  private static final List<String> PRICE_KEYS = List.of("from", "source", "request", "in", "out", "cache_read", "cache_write", "above");
  private static final List<String> ABOVE_KEYS = List.of("tokens", "in", "out", "cache_read", "cache_write");
  /** What only a model that is a Camel endpoint has. */
  private static final List<String> ENDPOINT_KEYS = List.of("endpoint", "body", "timeout_ms", "max_concurrent");
  private static final List<String> BODIES = List.of("json", "text");
  private static final Pattern ENDPOINT_URI = Pattern.compile("[a-z][a-z0-9+.-]*:\\S+");
  private static final List<String> MODES = List.of("chat", "embedding");
  /** USD per million tokens that no list price reaches: a slip of the decimal point is caught here. */
  private static final BigDecimal ABSURD = new BigDecimal("1000");
  private static final long MANY_TOKENS = 100_000_000;
  private static final int LONGEST_NAME = 200;
  private static final Comparator<Model> HOME_FIRST = Comparator.<Model>comparingInt(model -> home(model.provider())).thenComparing(Model::id);

  private final String version;
  private final Map<String, Model> byId;
  private final Map<String, List<Model>> byName;
  private final Map<String, List<Model>> byProvider;

  private ModelCatalog(String version, Map<String, Model> byId, Map<String, List<Model>> byName, Map<String, List<Model>> byProvider) {
    this.version = version;
    this.byId = byId;
    this.byName = byName;
    this.byProvider = byProvider;
  }

  /**
   * Reads a catalogue.
   *
   * @param file its name, for messages
   * @throws ConfigError naming file, key, value and what is allowed
   */
  public static ModelCatalog read(byte[] yaml, String file) {
    ConfigNode root = ConfigNode.read(yaml, file).onlyKeys(List.of("about", "defaults", "models"));
    ConfigNode defaults = root.get("defaults");
    if (defaults.present()) {
      defaults.onlyKeys(List.of("source", "from"));
    }
    if (root.get("models").list().isEmpty()) {
      throw root.get("models").error("must list at least one model");
    }
    List<Model> models = new ArrayList<>();
    Set<String> taken = new LinkedHashSet<>();
    for (ConfigNode entry : root.get("models").list()) {
      Model model = model(entry.onlyKeys(KEYS), defaults);
      if (!taken.add(model.id())) {
        throw entry.get("id").error("is listed twice");
      }
      models.add(model);
    }
    int at = 0;
    for (ConfigNode entry : root.get("models").list()) {
      Model model = models.get(at++);
      for (ConfigNode alias : entry.get("aliases").list()) {
        if (!taken.add(model.provider() + "/" + alias.text())) {
          throw alias.error("is already a name or alias of a model of " + model.provider());
        }
      }
    }
    return new ModelCatalog(hash(yaml), models);
  }

  private ModelCatalog(String version, List<Model> models) {
    this(version, new LinkedHashMap<>(), new HashMap<>(), new TreeMap<>());
    Map<String, List<Model>> byAlias = new HashMap<>();
    for (Model model : models) {
      byId.put(model.id(), model);
      byName.computeIfAbsent(model.name(), name -> new ArrayList<>(2)).add(model);
      byProvider.computeIfAbsent(model.provider(), provider -> new ArrayList<>()).add(model);
      for (String alias : model.aliases()) {
        byAlias.computeIfAbsent(alias, name -> new ArrayList<>(2)).add(model);
        byAlias.computeIfAbsent(model.provider() + "/" + alias, name -> new ArrayList<>(1)).add(model);
      }
    }
    byName.values().forEach(same -> same.sort(HOME_FIRST));
    byAlias.forEach((alias, same) -> {
      same.sort(HOME_FIRST);
      byName.computeIfAbsent(alias, name -> new ArrayList<>(2)).addAll(same);
    });
    byProvider.values().forEach(same -> same.sort(Comparator.comparing(Model::id)));
    byName.replaceAll((name, same) -> List.copyOf(same));
    byProvider.replaceAll((provider, same) -> List.copyOf(same));
  }

  /** A hash of the file, 12 hex digits: names this snapshot in logs and audits. */
  public String version() {
    return version;
  }

  public Collection<Model> all() {
    return Collections.unmodifiableCollection(byId.values());
  }

  /** The providers that have models here, by alphabet. */
  public Set<String> providers() {
    return Collections.unmodifiableSet(byProvider.keySet());
  }

  /** The models of one provider by id, none when it is unknown. */
  public List<Model> byProvider(String provider) {
    return byProvider.getOrDefault(provider, List.of());
  }

  /** Every model that goes by this id, name or alias, home first. */
  public List<Model> named(String nameOrId) {
    Model exact = byId.get(nameOrId);
    List<Model> same = byName.getOrDefault(nameOrId, List.of());
    if (exact == null) {
      return same;
    }
    if (same.isEmpty()) {
      return List.of(exact);
    }
    List<Model> all = new ArrayList<>(same.size() + 1);
    all.add(exact);
    all.addAll(same);
    return all;
  }

  /** The model of that id, name or alias; of several the one at home. */
  public Optional<Model> find(String nameOrId) {
    Model exact = byId.get(nameOrId);
    if (exact != null) {
      return Optional.of(exact);
    }
    List<Model> same = byName.getOrDefault(nameOrId, List.of());
    return same.isEmpty() ? Optional.empty() : Optional.of(same.get(0));
  }

  /**
   * The model that a request means, among the providers that take part: the first that goes by this name; else, for a {@code provider/name} of the strict pattern, that provider's model as it stands.
   *
   * @throws Problem 404 if there is none
   */
  public Model resolve(String requested, Set<String> activeProviders) {
    for (Model model : named(requested)) {
      if (activeProviders.contains(model.provider())) {
        return model;
      }
    }
    int slash = requested.indexOf('/');
    if (slash > 0 && passable(requested)) {
      String provider = requested.substring(0, slash);
      if (activeProviders.contains(provider) && (PROVIDERS.contains(provider) || byProvider.containsKey(provider)) && !IN_PROCESS.contains(provider)) {
        return Model.unlisted(provider, requested.substring(slash + 1));
      }
    }
    throw Problem.modelNotFound(requested);
  }

  /** {@code ^[A-Za-z0-9][A-Za-z0-9._:@-]*(/[A-Za-z0-9][A-Za-z0-9._:@-]*){0,3}$}, at most 200 characters, no "..". */
  static boolean passable(String name) {
    if (name.isEmpty() || name.length() > LONGEST_NAME) {
      return false;
    }
    int slashes = 0;
    boolean start = true;
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      boolean alphanumeric = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9';
      if (c == '/' && !start) {
        if (++slashes > 3) {
          return false;
        }
        start = true;
      } else if (alphanumeric || !start && (c == '.' && name.charAt(i - 1) != '.' || c == '_' || c == ':' || c == '@' || c == '-')) {
        start = false;
      } else {
        return false;
      }
    }
    return !start;
  }

  private static int home(String provider) {
    int at = HOMES.indexOf(provider);
    return at < 0 ? HOMES.size() : at;
  }

  private static Model model(ConfigNode entry, ConfigNode defaults) {
    String id = entry.get("id").text();
    int slash = id.indexOf('/');
    if (slash < 1 || !passable(id)) {
      throw entry.get("id").error("must be provider/name of letters, digits and . _ : @ - with at most three slashes");
    }
    String provider = entry.get("provider").text(id.substring(0, slash));
    String name = entry.get("name").text(id.substring(slash + 1));
    if (!id.equals(provider + "/" + name)) {
      throw entry.get("id").error("must be provider/name, here " + provider + "/" + name);
    }
    String mode = entry.get("mode").text("chat");
    if (!MODES.contains(mode)) {
      throw entry.get("mode").error("allowed are " + String.join(", ", MODES));
    }
    EnumSet<Capability> capabilities = EnumSet.noneOf(Capability.class);
    for (ConfigNode capability : entry.get("capabilities").list()) {
      capabilities.add(capability(capability));
    }
    List<String> aliases = entry.get("aliases").texts();
    Map<String, String> traits = new LinkedHashMap<>();
    entry.get("traits").entries().forEach((key, value) -> traits.put(key, value.scalar()));
    endpoint(entry, provider, mode, traits);
    ConfigNode quality = entry.get("quality");
    return new Model(id, provider, name, mode, prices(id, entry.get("prices"), defaults), entry.get("context").count(0, MANY_TOKENS), entry.get("max_output").count(0, MANY_TOKENS),
        Collections.unmodifiableSet(capabilities), quality.present() ? quality.decimal(BigDecimal.ONE).doubleValue() : 0.5, entry.get("latency_ms").count(1_000, 600_000),
        Set.copyOf(entry.get("tags").texts()), List.copyOf(aliases), Map.copyOf(traits), true);
  }

  /** The part of a model that is a Camel endpoint, as its traits. */
  private static void endpoint(ConfigNode entry, String provider, String mode, Map<String, String> traits) {
    if (!provider.equals(Model.ENDPOINTS)) {
      for (String key : ENDPOINT_KEYS) {
        if (entry.get(key).present()) {
          throw entry.get(key).error("is only for models `" + Model.ENDPOINTS + "/...`, which are Camel endpoints");
        }
      }
      return;
    }
    if (!mode.equals("chat")) {
      throw entry.get("mode").error("must be chat for a Camel endpoint");
    }
    ConfigNode endpoint = entry.get("endpoint");
    if (endpoint.present()) {
      if (!ENDPOINT_URI.matcher(endpoint.text()).matches()) {
        throw endpoint.error("must be a Camel URI such as direct:our-rules");
      }
      traits.put("endpoint", endpoint.text());
    }
    String body = entry.get("body").text("json");
    if (!BODIES.contains(body)) {
      throw entry.get("body").error("allowed are " + String.join(", ", BODIES));
    }
    traits.put("body", body);
    traits.put("timeout_ms", Long.toString(atLeastOne(entry.get("timeout_ms"), 60_000, 86_400_000)));
    traits.put("max_concurrent", Long.toString(atLeastOne(entry.get("max_concurrent"), 64, 10_000)));
  }

  private static long atLeastOne(ConfigNode entry, long absent, long max) {
    long count = entry.count(absent, max);
    if (count == 0) {
      throw entry.error("must be a whole number from 1 to " + max);
    }
    return count;
  }

  private static Capability capability(ConfigNode value) {
    String text = value.text();
    for (Capability capability : Capability.values()) {
      if (capability.name().toLowerCase(Locale.ROOT).equals(text)) {
        return capability;
      }
    }
    List<String> allowed = new ArrayList<>();
    for (Capability capability : Capability.values()) {
      allowed.add(capability.name().toLowerCase(Locale.ROOT));
    }
    throw value.error("allowed are " + String.join(", ", allowed));
  }

  private static List<Price> prices(String id, ConfigNode entries, ConfigNode defaults) {
    List<Price> prices = new ArrayList<>(1);
    for (ConfigNode entry : entries.list()) {
      entry.onlyKeys(PRICE_KEYS);
      LocalDate from = (entry.get("from").present() ? entry.get("from") : defaults.get("from")).date();
      if (!prices.isEmpty() && !from.isAfter(prices.get(prices.size() - 1).effectiveFrom())) {
        throw entry.get("from").error("must be later than the price before it, " + prices.get(prices.size() - 1).effectiveFrom());
      }
      String source = entry.get("source").present() ? entry.get("source").text() : defaults.get("source").text();
      List<Price.LongPrompt> above = new ArrayList<>(1);
      for (ConfigNode tier : entry.get("above").list()) {
        long tokens = tier.onlyKeys(ABOVE_KEYS).get("tokens").count(0, MANY_TOKENS);
        if (tokens <= (above.isEmpty() ? 0 : above.get(above.size() - 1).aboveInputTokens())) {
          throw tier.get("tokens").error("must be more than 0 and than the threshold before it");
        }
        above.add(new Price.LongPrompt(tokens, rates(tier)));
      }
      prices.add(new Price(id + "@" + from, from, source, rates(entry), List.copyOf(above), perRequest(entry.get("request"))));
    }
    return List.copyOf(prices);
  }

  /** Dollars to nano-dollars. */
  private static long perRequest(ConfigNode request) {
    return request.present() ? request.decimal(ABSURD).movePointRight(9).longValueExact() : 0;
  }

  private static Price.Rates rates(ConfigNode entry) {
    long in = Price.perMillion(entry.get("in").decimal(ABSURD));
    long out = Price.perMillion(entry.get("out").decimal(ABSURD));
    ConfigNode read = entry.get("cache_read");
    ConfigNode write = entry.get("cache_write");
    return new Price.Rates(in, out, read.present() ? Price.perMillion(read.decimal(ABSURD)) : in, write.present() ? Price.perMillion(write.decimal(ABSURD)) : in);
  }

  private static String hash(byte[] yaml) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(yaml), 0, 6);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  @Override
  public String toString() {
    return "catalogue " + version + " of " + byId.size() + " models";
  }

  /** For tests and tools: reads a text. */
  static ModelCatalog read(String yaml) {
    return read(yaml.getBytes(StandardCharsets.UTF_8), "models.yaml");
  }
}
