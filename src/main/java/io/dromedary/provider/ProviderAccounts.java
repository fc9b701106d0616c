package io.dromedary.provider;

import io.dromedary.catalog.Model;
import io.dromedary.chat.ChatRequest;
import io.dromedary.chat.Problem;
import io.dromedary.chat.ProviderFailure;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * All accounts that take part, each with its own connections and its state: what routes, ranking and health ask about providers. An account is active when its key is set (or, for one that needs none, when it answers); it is
 * available unless its breaker is open or it asked us to wait.
 */
public final class ProviderAccounts implements AutoCloseable {
  /** How a breaker is asked and told; Resilience4j's, seen from a room that does not own it. */
  public interface Breakers {
    /** {@code closed}, {@code open}, {@code half_open} ...; in lower case. */
    String state(String provider);

    /** A stream broke after the breaker had counted its opening as a success. */
    void streamBroke(String provider, ProviderFailure failure);
  }

  /** What {@code GET /health/providers} tells of one account. */
  public record Health(String provider, boolean active, boolean available, String breaker, int inFlight, int openStreams, @Nullable String lastFailure, long lastFailureAt, long coolingDownMs, int callsAtOnce, boolean nearlySpent) {}

  private static final class Entry {
    final ProviderAccount account;
    final ProviderHttp http;
    volatile boolean answers;
    volatile long coolUntilNanos;
    volatile boolean cooling;
    volatile @Nullable String lastFailure;
    volatile long lastFailureAt;

    Entry(ProviderAccount account, ProviderHttp http, boolean answers) {
      this.account = account;
      this.http = http;
      this.answers = answers;
    }
  }

  private final Map<String, Entry> entries = new LinkedHashMap<>();
  private final Map<String, BooleanSupplier> inProcess = new ConcurrentHashMap<>();
  private final Map<String, WireFormat> languages = new ConcurrentHashMap<>();
  private final CallWatch watch;
  private final Breakers breakers;

  public ProviderAccounts(Collection<ProviderAccount> accounts, CallWatch watch, Breakers breakers) {
    this(accounts, watch, breakers, Pacing.OFF);
  }

  public ProviderAccounts(Collection<ProviderAccount> accounts, CallWatch watch, Breakers breakers, Pacing pacing) {
    this.watch = watch;
    this.breakers = breakers;
    for (ProviderAccount account : accounts) {
      entries.put(account.id(), new Entry(account, new ProviderHttp(account, pacing), true));
    }
  }

  /** A provider that needs no network, such as {@code sandbox}. */
  public void addInProcess(String provider) {
    addInProcess(provider, () -> true);
  }

  /** One that takes part at times. */
  public void addInProcess(String provider, BooleanSupplier active) {
    inProcess.put(provider, active);
  }

  private boolean inProcess(String provider) {
    BooleanSupplier active = inProcess.get(provider);
    return active != null && active.getAsBoolean();
  }

  public boolean active(String provider) {
    Entry entry = entries.get(provider);
    return entry == null ? inProcess(provider) : entry.answers;
  }

  /** False while the breaker is open, the provider asked us to wait or its own limits are nearly spent: another is asked before it. */
  public boolean available(String provider) {
    Entry entry = entries.get(provider);
    return entry == null ? inProcess(provider) : entry.answers && !cooling(entry) && !entry.http.pace().nearlySpent() && !"open".equals(breakers.state(provider));
  }

  private static boolean cooling(Entry entry) {
    if (entry.cooling && System.nanoTime() - entry.coolUntilNanos >= 0) {
      entry.cooling = false;
    }
    return entry.cooling;
  }

  /** Says which language a provider speaks, once its route is there. */
  void speaks(String provider, WireFormat language) {
    languages.put(provider, language);
  }

  /** A parameter of the request that the model's provider would leave out or refuse; null if there is none, or no route to it yet. */
  public @Nullable String parameterNotTaken(ChatRequest request, Model model) {
    WireFormat language = languages.get(model.provider());
    try {
      List<String> dropped = language == null ? List.of() : language.write(request, model).dropped();
      return dropped.isEmpty() ? null : dropped.get(0);
    } catch (Problem refused) {
      return refused.param();
    }
  }

  /** Says whether an account that needs no key answers, as a probe found. */
  public void answers(String provider, boolean yes) {
    Entry entry = entries.get(provider);
    if (entry != null) {
      entry.answers = yes;
    }
  }

  /** Asks an account for its version or list of models, which costs nothing. @return true for any 2xx within two seconds */
  public boolean probe(String provider, String path) {
    Entry entry = entries.get(provider);
    if (entry == null) {
      return false;
    }
    var request = entry.http.get(path);
    request.setConfig(org.apache.hc.client5.http.config.RequestConfig.custom().setResponseTimeout(org.apache.hc.core5.util.Timeout.ofSeconds(2)).build());
    try (var response = entry.http.open(request)) {
      return response.getCode() / 100 == 2;
    } catch (IOException e) {
      return false;
    }
  }

  public Collection<Health> health() {
    var all = new java.util.ArrayList<Health>();
    for (Entry entry : entries.values()) {
      String id = entry.account.id();
      boolean cooling = cooling(entry);
      all.add(new Health(id, entry.answers, available(id), breakers.state(id), entry.http.inFlight(), entry.http.openStreams(), entry.lastFailure, entry.lastFailureAt,
          cooling ? Math.max(0, (entry.coolUntilNanos - System.nanoTime()) / 1_000_000) : 0, entry.http.pace().limit(), entry.http.pace().nearlySpent()));
    }
    inProcess.keySet().stream().filter(this::inProcess).forEach(id -> {
      all.add(new Health(id, true, true, "closed", 0, 0, null, 0, 0, 0, false));
    });
    return all;
  }

  ProviderAccount account(String provider) {
    return entry(provider).account;
  }

  ProviderHttp http(String provider) {
    return entry(provider).http;
  }

  CallWatch watch() {
    return watch;
  }

  /** Remembers a failure: for health, and to leave a busy account alone as long as it asked for (a minute at the most). */
  void failed(String provider, ProviderFailure failure) {
    Entry entry = entries.get(provider);
    if (entry == null || failure.kind() == ProviderFailure.Kind.CANCELLED || failure.kind() == ProviderFailure.Kind.REFUSED) {
      return;
    }
    entry.lastFailure = failure.kind().name().toLowerCase(java.util.Locale.ROOT) + (failure.providerStatus() > 0 ? " " + failure.providerStatus() : "");
    entry.lastFailureAt = System.currentTimeMillis();
    Duration wait = failure.retryAfter();
    if (wait != null && failure.kind() == ProviderFailure.Kind.BUSY && !wait.isZero()) {
      entry.coolUntilNanos = System.nanoTime() + Math.min(wait.toNanos(), Duration.ofMinutes(1).toNanos());
      entry.cooling = true;
    }
  }

  void streamBroke(String provider, ProviderFailure failure) {
    failed(provider, failure);
    if (failure.countsAgainstProvider()) {
      breakers.streamBroke(provider, failure);
    }
  }

  private Entry entry(String provider) {
    Entry entry = entries.get(provider);
    if (entry == null) {
      throw ProviderFailure.of(ProviderFailure.Kind.NOT_CALLED, provider, "provider `" + provider + "` is not configured; set its key");
    }
    return entry;
  }

  @Override
  public void close() {
    for (Entry entry : entries.values()) {
      try {
        entry.http.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
