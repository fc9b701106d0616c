package io.dromedary.budget;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.ConfigError;
import io.dromedary.catalog.Draw;
import io.dromedary.catalog.Model;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Purse;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.ModelRequest;
import io.dromedary.chat.Problem;
import io.dromedary.chat.Usd;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BiConsumer;
import java.util.function.Supplier;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Says which purses a call draws from: the current period of each budget of its project and key that counts it, and their credit. Those without either pay one look-up in a map.
 *
 * <p>A period is entered once: this node's time never goes back, not even over a restart, since it is at least that of the newest purse in the store.
 */
public final class Budgets {
  private static final Logger LOG = LoggerFactory.getLogger(Budgets.class);
  private static final Duration LIMITS_FRESH_FOR = Duration.ofSeconds(2);
  private static final int LONGEST_SUBJECT = 128;
  private static final Set<String> AUTO = Set.of("auto", "route-llm", "router-auto");

  /** A budget with the period that it is in. */
  static final class Live {
    final BudgetRule rule;
    final String name;
    volatile Period.Span span;

    Live(BudgetRule rule, String owner, long now) {
      this.rule = rule;
      this.name = owner + "/" + rule.id();
      this.span = rule.per().at(now, rule.zone());
    }

    Period.Span span(long now) {
      Period.Span current = span;
      if (current.isOver(now)) {
        current = rule.per().at(now, rule.zone());
        span = current;
      }
      return current;
    }
  }

  /**
   * What one project or key has.
   *
   * @param fault what is wrong with it since a reload, null for nothing: then nothing is served
   */
  record Rules(String project, String owner, List<Live> budgets, @Nullable CreditRule credit, boolean mayGoCheaper, @Nullable String fault) {}

  private record Table(long version, Map<String, Rules> rules, boolean keyed) {}

  private final Tenants tenants;
  private final Supplier<ModelCatalog> catalogue;
  private final BudgetStore store;
  private final Clock clock;
  private final List<BudgetSignals> listeners;
  private final AtomicLong time = new AtomicLong();
  private final Cache<String, LivePurse> purses = Caffeine.newBuilder().maximumSize(100_000).expireAfterAccess(Duration.ofHours(26)).build();
  private final Executor behind;
  private final AtomicLong limitsReadAt = new AtomicLong();
  private final LongAdder refused = new LongAdder();
  private final LongAdder cheaper = new LongAdder();
  private volatile Map<String, Long> limits = Map.of();
  private volatile Table table;

  /**
   * Reads and checks all budgets.
   *
   * @throws ConfigError naming the first that is wrong: a gateway whose budgets are in doubt does not start (M4)
   */
  public Budgets(Tenants tenants, Supplier<ModelCatalog> catalogue, DataSource dataSource, Clock clock, List<BudgetSignals> listeners) {
    this.tenants = tenants;
    this.catalogue = catalogue;
    this.store = new BudgetStore(dataSource);
    this.clock = clock;
    this.listeners = List.copyOf(listeners);
    ThreadPoolExecutor one = new ThreadPoolExecutor(1, 1, 10, TimeUnit.SECONDS, new LinkedBlockingQueue<>(10_000), task -> {
      Thread thread = new Thread(task, "dromedary-budgets");
      thread.setDaemon(true);
      return thread;
    }, new ThreadPoolExecutor.DiscardPolicy());
    one.allowCoreThreadTimeOut(true);
    this.behind = one;
    try {
      time.set(store.newest());
      limits = store.limits();
    } catch (SQLException e) {
      throw new IllegalStateException("the budgets cannot be read: " + e.getMessage(), e);
    }
    check(tenants.all());
    table = read();
  }

  private void check(List<Tenants.Tenant> all) {
    BudgetGrammar grammar = new BudgetGrammar(pattern -> modelFault(pattern, catalogue.get()));
    for (Tenants.Tenant tenant : all) {
      budgets(grammar, tenant);
      credit(grammar, tenant);
    }
  }

  private static List<BudgetRule> budgets(BudgetGrammar grammar, Tenants.Tenant tenant) {
    try {
      return grammar.budgets(tenant.budgets());
    } catch (BudgetGrammar.Fault fault) {
      throw fault.in(where(tenant) + ": `budgets");
    }
  }

  private static @Nullable CreditRule credit(BudgetGrammar grammar, Tenants.Tenant tenant) {
    try {
      return grammar.credit(tenant.credit());
    } catch (BudgetGrammar.Fault fault) {
      throw fault.in(where(tenant) + ": `credit");
    }
  }

  /**
   * Checks a {@code budgets} node before it comes into force.
   *
   * @param faults takes the place below the node, such as {@code [2].usd}, and what is wrong there
   */
  public static void checkBudgets(JsonNode node, ModelCatalog catalogue, BiConsumer<String, String> faults) {
    try {
      new BudgetGrammar(pattern -> modelFault(pattern, catalogue)).budgets(node);
    } catch (BudgetGrammar.Fault fault) {
      faults.accept(fault.place(), fault.what());
    }
  }

  /** Likewise a {@code credit} node. */
  public static void checkCredit(JsonNode node, ModelCatalog catalogue, BiConsumer<String, String> faults) {
    try {
      new BudgetGrammar(pattern -> modelFault(pattern, catalogue)).credit(node);
    } catch (BudgetGrammar.Fault fault) {
      faults.accept(fault.place(), fault.what());
    }
  }

  private static String where(Tenants.Tenant tenant) {
    return "callers.yaml: project `" + tenant.project() + "`" + (tenant.key().isEmpty() ? "" : ", key `" + tenant.key() + "`");
  }

  private static @Nullable String modelFault(String pattern, ModelCatalog catalogue) {
    if (pattern.endsWith("*")) {
      int slash = pattern.indexOf('/');
      return slash > 0 && !ModelCatalog.PROVIDERS.contains(pattern.substring(0, slash)) && catalogue.byProvider(pattern.substring(0, slash)).isEmpty()
          ? "begins with no provider that there is" : null;
    }
    Model model = catalogue.find(pattern).orElse(null);
    if (model == null) {
      return "is not in the catalogue (config/models.yaml); write `provider/name`";
    }
    if (!model.id().equals(pattern)) {
      return "is another name of `" + model.id() + "`; write that";
    }
    return model.prices().isEmpty() ? "has no price: what it costs could not be counted" : null;
  }

  private Table read() {
    long version = tenants.version();
    BudgetGrammar grammar = new BudgetGrammar(pattern -> modelFault(pattern, catalogue.get()));
    Map<String, Rules> rules = new HashMap<>();
    boolean keyed = false;
    long now = now();
    for (Tenants.Tenant tenant : tenants.all()) {
      try {
        List<Live> budgets = budgets(grammar, tenant).stream().map(rule -> new Live(rule, tenant.owner(), now)).toList();
        CreditRule credit = credit(grammar, tenant);
        if (!budgets.isEmpty() || credit != null) {
          boolean cheaper = credit != null && credit.cheaper() || budgets.stream().anyMatch(live -> live.rule.cheaper());
          rules.put(tenant.owner(), new Rules(tenant.project(), tenant.owner(), budgets, credit, cheaper, null));
          keyed |= !tenant.key().isEmpty();
        }
      } catch (ConfigError e) {
        LOG.error("{}; until this is mended nothing is served to it", e.getMessage());
        rules.put(tenant.owner(), new Rules(tenant.project(), tenant.owner(), List.of(), null, false, e.getMessage()));
        keyed |= !tenant.key().isEmpty();
      }
    }
    return new Table(version, Map.copyOf(rules), keyed);
  }

  private Table table() {
    Table current = table;
    if (current.version() != tenants.version()) {
      synchronized (this) {
        current = table;
        if (current.version() != tenants.version()) {
          current = read();
          table = current;
          purses.invalidateAll();
        }
      }
    }
    return current;
  }

  /** Milliseconds that never go back. */
  long now() {
    long now = clock.millis();
    long high = time.get();
    return now <= high ? high : time.accumulateAndGet(now, Math::max);
  }

  private @Nullable Rules ofProject(Caller caller) {
    return table().rules().get(caller.project());
  }

  private @Nullable Rules ofKey(Caller caller) {
    Table current = table;
    return current.keyed() && !caller.keyId().isEmpty() ? current.rules().get(caller.project() + ":" + caller.keyId()) : null;
  }

  BudgetStore store() {
    return store;
  }

  List<Rules> all() {
    return List.copyOf(table().rules().values());
  }

  /** What applies to the caller: its project's, then its key's. */
  List<Rules> of(Caller caller) {
    List<Rules> found = new ArrayList<>(2);
    Rules project = ofProject(caller);
    Rules key = ofKey(caller);
    if (project != null) {
      found.add(project);
    }
    if (key != null) {
      found.add(key);
    }
    return found;
  }

  /**
   * The purses that a call draws from.
   *
   * @param upperBound the most it can cost, null when its model is unpriced
   * @throws Problem 429 {@code budget_exceeded} when one is plainly spent or the request's own budget is, 422 for an unpriced model that a budget counts
   */
  public List<Draw> draws(ModelRequest request, Caller caller, List<Attempt> earlier, Model model, @Nullable Usd upperBound) {
    Rules project = ofProject(caller);
    Rules key = ofKey(caller);
    if (project == null && key == null) {
      return List.of();
    }
    refreshLimits();
    List<Draw> draws = new ArrayList<>(4);
    try {
      if (project != null) {
        add(draws, project, request, caller, earlier, model, upperBound, false);
      }
      if (key != null) {
        add(draws, key, request, caller, earlier, model, upperBound, false);
      }
    } catch (Problem problem) {
      refused.increment();
      throw problem;
    }
    return draws;
  }

  /**
   * Why {@link #draws} or the ledger would refuse a call as things stand, null if neither would; nothing is held, counted or told to anybody.
   *
   * @param upperBound the most it can cost, null when its model is unpriced
   * @throws Problem 503 if the store cannot be asked
   */
  public @Nullable Problem rehearse(ModelRequest request, Caller caller, Model model, @Nullable Usd upperBound) {
    List<Draw> draws = new ArrayList<>(4);
    try {
      for (Rules rules : of(caller)) {
        add(draws, rules, request, caller, List.of(), model, upperBound, true);
      }
    } catch (Problem problem) {
      return problem;
    }
    long asked = upperBound == null ? 0 : upperBound.nanos();
    try {
      for (Draw draw : draws) {
        BudgetStore.Row row = store.find(draw.purse().key());
        Purse.Balance balance = row == null ? new Purse.Balance(0, 0, 0) : new Purse.Balance(row.granted(), row.used(), row.reserved());
        long most = Math.max(asked, draw.atLeastNanos());
        if (most > draw.purse().limitNanos() + balance.granted() - balance.used() - balance.reserved()) {
          return ((LivePurse) draw.purse()).word(balance, most);
        }
      }
      return null;
    } catch (SQLException e) {
      throw new Problem(503, "service_unavailable_error", "the budgets cannot be read just now; try again shortly").code("ledger_unavailable").retryAfter(Duration.ofSeconds(2));
    }
  }

  private void add(List<Draw> draws, Rules rules, ModelRequest request, Caller caller, List<Attempt> earlier, Model model, @Nullable Usd upperBound, boolean rehearsed) {
    if (rules.fault() != null) {
      throw new Problem(503, "service_unavailable_error", "the budgets of `" + rules.owner() + "` cannot be read, so nothing is served to it; the operator must mend them").code("budgets_unreadable")
          .retryAfter(Duration.ofSeconds(30));
    }
    long asked = upperBound == null ? 0 : upperBound.nanos();
    long now = now();
    for (Live live : rules.budgets()) {
      BudgetRule rule = live.rule;
      if (!rule.counts(model.id())) {
        continue;
      }
      if (rule.scope() != BudgetRule.Scope.TAG && rule.tags().isEmpty()) {
        add(draws, rules, live, subject(rule.scope(), request, caller, model), now, earlier, model, upperBound, asked, rehearsed);
        continue;
      }
      Set<String> tags = new TreeSet<>(request.tags(caller));
      if (!rule.tags().isEmpty()) {
        tags.retainAll(rule.tags());
        if (tags.isEmpty()) {
          continue;
        }
      }
      if (rule.scope() != BudgetRule.Scope.TAG) {
        add(draws, rules, live, subject(rule.scope(), request, caller, model), now, earlier, model, upperBound, asked, rehearsed);
      } else if (tags.isEmpty()) {
        add(draws, rules, live, "", now, earlier, model, upperBound, asked, rehearsed);
      } else {
        for (String tag : tags) {
          add(draws, rules, live, tag, now, earlier, model, upperBound, asked, rehearsed);
        }
      }
    }
    CreditRule credit = rules.credit();
    if (credit != null && !credit.unlimited().match(model.id())) {
      priced(rules, model, upperBound);
      if (asked > 0) {
        draws.add(new Draw(creditOf(rules.project(), rules.owner(), credit), credit.floor(model.id())));
      }
    }
  }

  private void add(List<Draw> draws, Rules rules, Live live, String subject, long now, List<Attempt> earlier, Model model, @Nullable Usd upperBound, long asked, boolean rehearsed) {
    priced(rules, model, upperBound);
    if (asked == 0) {
      // what costs nothing is served from a spent budget too
      return;
    }
    if (live.rule.per() == Period.REQUEST) {
      perRequest(live, earlier, asked);
      return;
    }
    LivePurse purse = purse(rules.project(), live, subject, now);
    if (!rehearsed && purse.isSpentFor(asked)) {
      throw purse.refusal(asked);
    }
    draws.add(new Draw(purse));
  }

  private static void priced(Rules rules, Model model, @Nullable Usd upperBound) {
    if (upperBound == null) {
      throw Problem.noEligibleModel("`" + model.id() + "` has no price, and `" + rules.owner() + "` has a budget or credit that its cost would count against; ask a priced model (GET /v1/models), or have its price"
          + " put into config/models.yaml");
    }
  }

  private void perRequest(Live live, List<Attempt> earlier, long asked) {
    long so = 0;
    for (Attempt attempt : earlier) {
      Attempt.Outcome outcome = attempt.outcome();
      so += (outcome == null ? attempt.reserved() : outcome.cost()).nanos();
    }
    long limit = limit(live, "");
    if (asked > limit - so) {
      throw LivePurse.spent("budget `" + live.name + "` allows " + LivePurse.dollars(limit) + " USD for one request, and this one may cost up to " + LivePurse.dollars(so + asked)
          + " USD; lower `max_tokens` or ask a cheaper model");
    }
  }

  private static String subject(BudgetRule.Scope scope, ModelRequest request, Caller caller, Model model) {
    return switch (scope) {
      case PROJECT, TAG -> "";
      case KEY -> caller.keyId();
      case USER -> request.user(caller);
      case MODEL -> model.id();
    };
  }

  private LivePurse purse(String project, Live live, String subject, long now) {
    Period.Span span = live.span(now);
    String key = key(live.name, live.rule.scope(), subject, span);
    return purses.get(key, k -> new LivePurse(k, new Purse.Facts(project, live.name, subject, span.label(), span.resetsAtMs()), live.rule.zone(), () -> limit(live, subject), live.rule.soft(), this::signal));
  }

  static String key(String name, BudgetRule.Scope scope, String subject, Period.Span span) {
    return (scope == BudgetRule.Scope.PROJECT ? name : name + "=" + shortened(subject)) + "@" + span.label();
  }

  /** The purse of a project's or key's credit. */
  LivePurse creditOf(String project, String owner, CreditRule credit) {
    return purses.get(owner + "/credit@prepaid", key -> new LivePurse(key, new Purse.Facts(project, owner, "", "prepaid", 0), credit, this::signal));
  }

  private static String shortened(String subject) {
    if (subject.length() <= LONGEST_SUBJECT) {
      return subject;
    }
    try {
      return "sha256:" + HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(subject.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The limit in force: set at run time for this share, or for all, or the file's. */
  long limit(Live live, String subject) {
    Map<String, Long> set = limits;
    if (set.isEmpty()) {
      return live.rule.limitNanos();
    }
    Long own = subject.isEmpty() ? null : set.get(live.name + "=" + shortened(subject));
    Long all = own != null ? own : set.get(live.name);
    return all != null ? all : live.rule.limitNanos();
  }

  boolean isSet(Live live, String subject) {
    return limits.containsKey(live.name) || !subject.isEmpty() && limits.containsKey(live.name + "=" + shortened(subject));
  }

  /** Sets a limit at run time; null goes back to the file's. */
  void setLimit(Live live, String subject, @Nullable Long nanos) throws SQLException {
    store.limit(subject.isEmpty() ? live.name : live.name + "=" + shortened(subject), nanos, clock.millis());
    limits = store.limits();
  }

  /** Limits that another node has set are in force here within two seconds; nobody waits for them. */
  private void refreshLimits() {
    long now = System.nanoTime();
    long last = limitsReadAt.get();
    if (now - last > LIMITS_FRESH_FOR.toNanos() && limitsReadAt.compareAndSet(last, now)) {
      behind.execute(() -> {
        try {
          limits = store.limits();
        } catch (SQLException e) {
          LOG.debug("the limits set at run time could not be read again", e);
        }
      });
    }
  }

  private void signal(BudgetSignals.Signal signal) {
    behind.execute(() -> {
      for (BudgetSignals listener : listeners) {
        try {
          listener.tell(signal);
        } catch (RuntimeException e) {
          LOG.error("a listener of budgets failed", e);
        }
      }
    });
  }

  /**
   * The request as its budgets let it be routed: by cost, when one that says {@code on_soft: cheaper} is low and the client left the choice of a model to us.
   *
   * @return the same request if nothing is low
   */
  public ModelRequest profile(ModelRequest request, Caller caller) {
    Rules project = ofProject(caller);
    Rules key = ofKey(caller);
    boolean may = project != null && project.mayGoCheaper() || key != null && key.mayGoCheaper();
    if (!may || !(request instanceof ChatRequest chat) || !isAuto(chat.model()) || !(isShort(project, request, caller) || isShort(key, request, caller))) {
      return request;
    }
    cheaper.increment();
    ChatRequest routed = chat.withModel("auto:cost");
    if (routed.json().path("routing").isObject()) {
      ((ObjectNode) routed.json().path("routing")).remove("weights");
    }
    return routed;
  }

  /** The share of its rate limits that a caller should use now: all, and below its credit's low threshold as much as is left of that, a tenth at the least. */
  public double pace(Caller caller) {
    return Math.min(pace(ofProject(caller)), pace(ofKey(caller)));
  }

  private double pace(@Nullable Rules rules) {
    CreditRule credit = rules == null ? null : rules.credit();
    if (credit == null || credit.lowNanos() <= 0) {
      return 1;
    }
    LivePurse purse = creditOf(rules.project(), rules.owner(), credit);
    Purse.Balance seen = purse.seen();
    double share = seen == null ? 1 : (seen.granted() - seen.used() - seen.reserved()) / (double) credit.lowNanos();
    if (share >= 1) {
      return 1;
    }
    // who is slowed down draws little, so that a payment at another node would be seen late or, by a window that is used up, not at all
    if (purse.isDue(System.nanoTime(), LIMITS_FRESH_FOR)) {
      behind.execute(() -> {
        try {
          look(purse);
        } catch (SQLException e) {
          LOG.debug("a balance could not be read again", e);
        }
      });
    }
    return Math.max(0.1, share);
  }

  /** Takes in what the store has of a purse. */
  void look(LivePurse purse) throws SQLException {
    BudgetStore.Row row = store.find(purse.key());
    if (row != null) {
      purse.changed(new Purse.Balance(row.granted(), row.used(), row.reserved()));
    }
  }

  private static boolean isAuto(String model) {
    return AUTO.contains(model) || model.startsWith("auto:") && !model.equals("auto:cost");
  }

  private boolean isShort(@Nullable Rules rules, ModelRequest request, Caller caller) {
    if (rules == null || !rules.mayGoCheaper()) {
      return false;
    }
    long now = now();
    for (Live live : rules.budgets()) {
      BudgetRule.Scope scope = live.rule.scope();
      if (live.rule.cheaper() && (scope == BudgetRule.Scope.PROJECT || scope == BudgetRule.Scope.KEY || scope == BudgetRule.Scope.USER)) {
        String subject = scope == BudgetRule.Scope.KEY ? caller.keyId() : scope == BudgetRule.Scope.USER ? request.user(caller) : "";
        LivePurse purse = purses.getIfPresent(key(live.name, scope, subject, live.span(now)));
        if (purse != null && purse.isShort()) {
          return true;
        }
      }
    }
    CreditRule credit = rules.credit();
    return credit != null && credit.cheaper() && creditOf(rules.project(), rules.owner(), credit).isShort();
  }

  /** Calls refused without asking the store, for a budget known to be spent or a model without a price. */
  public long refused() {
    return refused.sum();
  }

  /** Requests routed by cost since a budget was low. */
  public long routedCheaper() {
    return cheaper.sum();
  }

  /** Deletes purses of periods that ended more than 400 days ago. */
  public void sweep() throws SQLException {
    store.forget(clock.millis() - Duration.ofDays(400).toMillis());
  }
}
