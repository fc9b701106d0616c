package io.dromedary.limit;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Bill;
import io.dromedary.catalog.Candidate;
import io.dromedary.catalog.Model;
import io.dromedary.chat.Caller;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.EmbeddingRequest;
import io.dromedary.chat.Json;
import io.dromedary.chat.ModelRequest;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import io.dromedary.chat.TokenCounter;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * Requests and tokens per second, minute, hour and day, bursts and requests at once, for projects, keys, users, models and provider accounts. What a request wants of its project's windows is granted together or not at all (M3); tokens
 * are taken at the most they can be and put right when the request is settled. Models and accounts are asked when their turn comes: one that is used up is passed over, like an open breaker.
 */
public final class RateLimits implements AutoCloseable {
  /** Hears of what was granted and refused, for metrics. */
  public interface Observer {
    void refused(String scope, String gauge);

    /** A decision was made on this node's own share, since the shared store could not be asked. */
    default void own() {}

    Observer NONE = (scope, gauge) -> {};
  }

  private record Cached(long version, LimitRules rules) {}

  private static final Duration SOON = Duration.ofSeconds(1);
  private static final double SPARE = 0.5;
  private static final int MOST_CACHED = 10_000;

  private final LimitSource source;
  private final Map<String, LimitRules> accounts;
  private final Books books;
  private final Predicate<String> knownModel;
  private final ToDoubleFunction<Caller> pace;
  private final long outputEstimate;
  private final Observer observer;
  private final ConcurrentHashMap<String, Cached> rules = new ConcurrentHashMap<>();

  /**
   * @param accounts the windows of provider accounts, by provider
   * @param pace the share of its limits that a caller may use now, above 0 to 1: less while its credit runs low
   * @param outputEstimate output tokens to count on when a request sets no limit
   */
  RateLimits(LimitSource source, Map<String, LimitRules> accounts, Books books, Predicate<String> knownModel, ToDoubleFunction<Caller> pace, long outputEstimate, Observer observer) {
    this.source = source;
    this.accounts = accounts;
    this.books = books;
    this.knownModel = knownModel;
    this.pace = pace;
    this.outputEstimate = outputEstimate;
    this.observer = observer;
  }

  /** With all counts in this process. */
  public static RateLimits inProcess(LimitSource source, Map<String, LimitRules> accounts, Predicate<String> knownModel, ToDoubleFunction<Caller> pace, long outputEstimate, Observer observer) {
    return new RateLimits(source, accounts, new HeapBooks(System::nanoTime), knownModel, pace, outputEstimate, observer);
  }

  /** With all counts in Redis, and in this process within one of {@code nodes} shares while it is away. */
  public static RateLimits shared(LimitSource source, Map<String, LimitRules> accounts, RedisCalls redis, int nodes, Predicate<String> knownModel, ToDoubleFunction<Caller> pace, long outputEstimate, Observer observer) {
    Books books = new SharedBooks(new RedisBooks(new RedisRecords(redis)), new HeapBooks(System::nanoTime), nodes, observer::own);
    return new RateLimits(source, accounts, books, knownModel, pace, outputEstimate, observer);
  }

  /** A count of its own beside everybody's limits, kept where they are. */
  public Allowance allowance(String name, long requestsPerMinute, long tokensPerMinute) {
    return new Allowance(books, name, requestsPerMinute, tokensPerMinute);
  }

  /** Where limits are counted: {@code node} in this process alone, {@code shared} in Redis, {@code share} in this process since Redis is away. */
  public String counted() {
    return books instanceof SharedBooks shared ? shared.away() ? "share" : "shared" : "node";
  }

  @Override
  public void close() {
    if (books instanceof SharedBooks shared) {
      shared.close();
    }
  }

  /**
   * Takes what a request wants of its project's, key's and user's windows.
   *
   * @return null when nothing limits it
   * @throws Problem 429 {@code rate_limit_exceeded} when a window is used up; nothing is taken then
   */
  public @Nullable Taken take(ModelRequest request, Caller caller) {
    return take(request, caller, 1);
  }

  /** The same for a request that nobody waits for: half of every window is left to those that somebody does, its model's and its account's too. */
  public @Nullable Taken spare(ModelRequest request, Caller caller) {
    return take(request, caller, SPARE);
  }

  private @Nullable Taken take(ModelRequest request, Caller caller, double part) {
    LimitRules mine = rules(caller);
    if (mine.isEmpty() && accounts.isEmpty()) {
      return null;
    }
    OptionalLong output = output(request);
    long estimate = input(request) + output.orElse(outputEstimate);
    String lane = lane(caller);
    List<Claim> claims = claims(mine, caller, user(mine, request, caller), estimate, output.isPresent(), part);
    if (claims.isEmpty()) {
      return new Taken(lane, List.of(), mine, estimate, output.isPresent(), part);
    }
    Verdict verdict = books.take(lane, claims);
    Level denied = verdict.denied();
    if (denied != null) {
      throw refused(denied, verdict.levels(), caller);
    }
    return new Taken(lane, verdict.levels(), mine, estimate, output.isPresent(), part);
  }

  /** Why {@link #take} would refuse a request as things stand, null if it would not; nothing is taken or counted. */
  public @Nullable Problem rehearse(ModelRequest request, Caller caller) {
    LimitRules mine;
    try {
      mine = rules(caller);
    } catch (Problem unreadable) {
      return unreadable;
    }
    if (mine.isEmpty()) {
      return null;
    }
    OptionalLong output = output(request);
    Verdict verdict = Verdict.of(books.look(lane(caller), claims(mine, caller, user(mine, request, caller), input(request) + output.orElse(outputEstimate), output.isPresent(), 1)));
    return verdict.denied() == null ? null : refusal(verdict.denied(), caller);
  }

  /** Likewise why {@link #attempt} would pass over a candidate, in words. */
  public @Nullable String rehearse(ModelRequest request, Caller caller, Model model) {
    LimitRules mine = rules(caller);
    LimitRules account = accounts.getOrDefault(model.provider(), LimitRules.NONE);
    if (account.isEmpty() && mine.byModel().isEmpty()) {
      return null;
    }
    OptionalLong output = output(request);
    Taken wanted = new Taken(lane(caller), List.of(), mine, input(request) + output.orElse(outputEstimate), output.isPresent(), 1);
    List<Claim> claims = new ArrayList<>(2);
    add(claims, "account", Scope.ACCOUNT, account.of(Scope.ACCOUNT), wanted.estimate, wanted.promised, wanted.part);
    byModel(claims, account, model.id(), wanted);
    Level denied = claims.isEmpty() ? null : Verdict.of(books.look("account:" + model.provider(), claims)).denied();
    if (denied == null) {
      List<Claim> models = new ArrayList<>(2);
      byModel(models, mine, model.id(), wanted);
      denied = models.isEmpty() ? null : Verdict.of(books.look(wanted.lane, models)).denied();
    }
    return denied == null ? null : words(denied, model.provider(), model.id());
  }

  /**
   * Takes what an attempt wants of its model's and its account's windows.
   *
   * @throws ProviderFailure {@link ProviderFailure.Kind#LIMITED} when one is used up: the next candidate may be asked
   */
  public void attempt(@Nullable Taken taken, Candidate candidate) {
    if (taken == null) {
      return;
    }
    LimitRules account = accounts.getOrDefault(candidate.provider(), LimitRules.NONE);
    if (account.isEmpty() && taken.rules.byModel().isEmpty()) {
      taken.attempts.add(new Taken.Attempted(candidate, taken.lane, List.of(), "", List.of()));
      return;
    }
    String accountLane = "account:" + candidate.provider();
    List<Claim> wanted = new ArrayList<>(2);
    add(wanted, "account", Scope.ACCOUNT, account.of(Scope.ACCOUNT), taken.estimate, taken.promised, taken.part);
    byModel(wanted, account, candidate.model().id(), taken);
    List<Level> granted = grant(accountLane, wanted, candidate);
    List<Claim> models = new ArrayList<>(2);
    byModel(models, taken.rules, candidate.model().id(), taken);
    try {
      taken.attempts.add(new Taken.Attempted(candidate, taken.lane, grant(taken.lane, models, candidate), accountLane, granted));
    } catch (ProviderFailure refused) {
      giveAll(accountLane, granted);
      throw refused;
    }
  }

  private static void byModel(List<Claim> claims, LimitRules rules, String model, Taken taken) {
    for (LimitRules.ModelGauge each : rules.byModel()) {
      if (each.counts(model)) {
        add(claims, "model:" + model, Scope.MODEL, List.of(each.gauge()), taken.estimate, taken.promised, taken.part);
      }
    }
  }

  private List<Level> grant(String lane, List<Claim> claims, Candidate candidate) {
    if (claims.isEmpty()) {
      return List.of();
    }
    Verdict verdict = books.take(lane, claims);
    Level denied = verdict.denied();
    if (denied != null) {
      Claim claim = denied.claim();
      observer.refused(claim.scope().word(), claim.gauge().id());
      throw new ProviderFailure(ProviderFailure.Kind.LIMITED, candidate.provider(), 0, words(denied, candidate.provider(), candidate.model().id()), "rate_limit_exceeded", null,
          denied.waitNanos() == Level.NEVER ? null : Duration.ofNanos(denied.waitNanos()), null);
    }
    return verdict.levels();
  }

  private static String words(Level denied, String provider, String model) {
    Claim claim = denied.claim();
    String whose = claim.scope() == Scope.ACCOUNT ? "the account of provider `" + provider + "`" : "model `" + model + "`";
    return whose + " has used " + denied.used() + " of " + claim.gauge().words(claim.allowed()) + wait(denied);
  }

  /**
   * Puts right what was taken, once: tokens to what was used; all of it when the request was refused before anybody was asked.
   *
   * @param taken null when nothing limited the request
   * @param bill null when nobody was asked and nothing was recalled
   */
  public void settle(@Nullable Taken taken, @Nullable Bill bill) {
    if (taken == null || !taken.settled.compareAndSet(false, true)) {
      return;
    }
    List<Attempt> attempts = bill == null ? List.of() : bill.attempts();
    boolean passedOver = attempts.size() < taken.attempts.size();
    int next = 0;
    for (Taken.Attempted attempted : taken.attempts) {
      // a candidate that no budget could bear was passed over: it has no attempt
      boolean begun = next < attempts.size() && (!passedOver || attempts.get(next).candidate().equals(attempted.candidate()));
      Attempt.Outcome outcome = begun ? attempts.get(next++).outcome() : null;
      boolean called = outcome != null && !outcome.failure().equals("not_called");
      long tokens = outcome == null ? 0 : outcome.usage().total();
      correct(attempted.accountLane(), attempted.account(), called, tokens);
      correct(attempted.projectLane(), attempted.model(), called, tokens);
    }
    long used = 0;
    for (Attempt attempt : attempts) {
      Attempt.Outcome outcome = attempt.outcome();
      used += outcome == null ? 0 : outcome.usage().total();
    }
    correct(taken.lane, taken.levels, bill != null, used);
  }

  private void correct(String lane, List<Level> levels, boolean served, long tokens) {
    List<Return> returns = new ArrayList<>(levels.size());
    for (Level level : levels) {
      long back = switch (level.claim().gauge().unit()) {
        case REQUESTS -> served ? 0 : level.claim().amount();
        case TOKENS -> level.claim().amount() - tokens;
        case AT_ONCE -> 1;
      };
      if (back != 0) {
        returns.add(level.back(back));
      }
    }
    if (!returns.isEmpty()) {
      books.give(lane, returns);
    }
  }

  private void giveAll(String lane, List<Level> levels) {
    if (!levels.isEmpty()) {
      books.give(lane, levels.stream().map(level -> level.back(level.claim().amount())).toList());
    }
  }

  /** Each window of a caller: limit, used, remaining, when it is whole again, how long the next request would wait. */
  public ArrayNode page(Caller caller) {
    LimitRules mine = rules(caller);
    ArrayNode list = Json.object().putArray("windows");
    List<Claim> claims = claims(mine, caller, caller.user().isEmpty() ? null : user(caller.user()), 1, false, 1);
    for (LimitRules.ModelGauge each : mine.byModel()) {
      for (String model : each.models()) {
        add(claims, "model:" + model, Scope.MODEL, List.of(each.gauge()), 1, false, pace(caller));
      }
    }
    for (Level level : books.look(lane(caller), claims)) {
      Claim claim = level.claim();
      Gauge gauge = claim.gauge();
      var node = list.addObject().put("for", claim.scope().word());
      if (claim.scope() == Scope.MODEL) {
        node.put("model", claim.book().substring("model:".length()));
      }
      if (gauge.per() != null) {
        node.put("per", gauge.per().word());
      }
      node.put("unit", gauge.unit().name().toLowerCase(java.util.Locale.ROOT)).put("burst", gauge.burst()).put("limit", claim.allowed()).put("used", level.used()).put("remaining", level.left())
          .put("resets_in_ms", (level.resetNanos() + 999_999) / 1_000_000).put("wait_ms", level.waitNanos() == Level.NEVER ? -1 : (level.waitNanos() + 999_999) / 1_000_000);
    }
    return list;
  }

  private List<Claim> claims(LimitRules mine, Caller caller, @Nullable String user, long tokens, boolean promised, double part) {
    List<Claim> claims = new ArrayList<>(4);
    double share = mine.isEmpty() ? 1 : part * pace(caller);
    add(claims, "project", Scope.PROJECT, mine.of(Scope.PROJECT), tokens, promised, share);
    add(claims, "key:" + caller.keyId(), Scope.KEY, mine.of(Scope.KEY), tokens, promised, share);
    if (user != null) {
      add(claims, user, Scope.USER, mine.of(Scope.USER), tokens, promised, share);
    }
    return claims;
  }

  private static void add(List<Claim> claims, String book, Scope scope, List<Gauge> gauges, long tokens, boolean promised, double share) {
    for (int i = 0; i < gauges.size(); i++) {
      Gauge gauge = gauges.get(i);
      long allowed = share >= 1 ? gauge.limit() : Math.max(1, (long) (gauge.limit() * share));
      // Who sets no limit to its output is not refused for ever because of our guess at it.
      long amount = gauge.unit() != Gauge.Unit.TOKENS ? 1 : promised ? tokens : Math.min(tokens, allowed);
      claims.add(new Claim(book, scope, gauge, amount, allowed));
    }
  }

  private double pace(Caller caller) {
    double share = pace.applyAsDouble(caller);
    return share > 0 && share < 1 ? share : share <= 0 ? Double.MIN_VALUE : 1;
  }

  private LimitRules rules(Caller caller) {
    if (caller.keyId().isEmpty() && source.project(caller).isMissingNode()) {
      return LimitRules.NONE;
    }
    long version = source.version();
    String id = caller.project() + '/' + caller.keyId();
    Cached cached = rules.get(id);
    if (cached == null || cached.version() != version) {
      if (rules.size() >= MOST_CACHED) {
        rules.clear();
      }
      cached = new Cached(version, read(caller));
      rules.put(id, cached);
    }
    return cached.rules();
  }

  private LimitRules read(Caller caller) {
    try {
      JsonNode project = source.project(caller);
      return LimitRules.joined(LimitRules.ofProject(project, knownModel), LimitRules.ofKey(source.key(caller), knownModel));
    } catch (IllegalArgumentException wrong) {
      // M4: never silently unenforced. The start and each reload check this before; whoever gets past them is not served.
      throw new Problem(503, "service_unavailable_error", "the limits of project `" + caller.project() + "` cannot be read, so nothing is served: " + wrong.getMessage()).code("limits_invalid").shouldRetry(false);
    }
  }

  private Problem refused(Level denied, List<Level> levels, Caller caller) {
    observer.refused(denied.claim().scope().word(), denied.claim().gauge().id());
    Problem problem = refusal(denied, caller);
    Taken.headers(levels).forEach(problem::header);
    return problem;
  }

  private static Problem refusal(Level denied, Caller caller) {
    Claim claim = denied.claim();
    Gauge gauge = claim.gauge();
    String whose = switch (claim.scope()) {
      case KEY -> "key `" + caller.keyId() + "`";
      case USER -> "this user of project `" + caller.project() + "`";
      default -> "project `" + caller.project() + "`";
    };
    boolean tooLarge = denied.waitNanos() == Level.NEVER;
    String message = tooLarge ? whose + " may use " + gauge.words(claim.allowed()) + " and this request may need " + claim.amount() + ": send less, or lower max_completion_tokens"
        : whose + " has used " + denied.used() + " of " + gauge.words(claim.allowed()) + (claim.amount() > 1 ? " and this request may need " + claim.amount() : "") + wait(denied);
    Problem problem = new Problem(429, gauge.unit() == Gauge.Unit.TOKENS ? "tokens" : "requests", message).code("rate_limit_exceeded");
    if (tooLarge) {
      problem.shouldRetry(false);
    } else {
      problem.retryAfter(gauge.unit() == Gauge.Unit.AT_ONCE ? SOON : Duration.ofNanos(denied.waitNanos()).plusMillis(1));
    }
    return problem;
  }

  private static String wait(Level denied) {
    return denied.claim().gauge().unit() == Gauge.Unit.AT_ONCE ? "; wait for one to end" : denied.waitNanos() == Level.NEVER ? "" : "; wait " + Taken.duration(denied.waitNanos());
  }

  private static String lane(Caller caller) {
    return "project:" + caller.project();
  }

  /** The user's book: by digest, since it is somebody's name or address. Those who name nobody are one user. Null when nothing counts by user. */
  private static @Nullable String user(LimitRules rules, ModelRequest request, Caller caller) {
    if (rules.of(Scope.USER).isEmpty()) {
      return null;
    }
    JsonNode named = request.json().path("safety_identifier");
    String user = caller.user().isEmpty() && named.isTextual() ? named.textValue() : request.user(caller);
    return user(user);
  }

  private static String user(String user) {
    if (user.isEmpty()) {
      return "user:";
    }
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(user.getBytes(StandardCharsets.UTF_8));
      return "user:" + HexFormat.of().formatHex(digest, 0, 12);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  private static long input(ModelRequest request) {
    return request instanceof ChatRequest chat ? TokenCounter.inputAtMost(chat) : TokenCounter.inputAtMost((EmbeddingRequest) request);
  }

  /** Output tokens at the most, empty when the request sets no limit. */
  private static OptionalLong output(ModelRequest request) {
    if (!(request instanceof ChatRequest chat)) {
      return OptionalLong.of(0);
    }
    OptionalLong most = chat.maxOutputTokens();
    return most.isEmpty() ? most : OptionalLong.of(most.getAsLong() * Math.max(1, chat.json().path("n").asLong(1)));
  }
}
