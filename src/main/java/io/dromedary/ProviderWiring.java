package io.dromedary;

import io.dromedary.chat.ProviderFailure;
import io.dromedary.provider.CallWatch;
import io.dromedary.provider.ProviderAccount;
import io.dromedary.provider.ProviderAccounts;
import io.dromedary.provider.ThoughtMemory;
import io.dromedary.provider.bedrock.AwsIdentity;
import io.dromedary.provider.local.MiniLm;
import io.dromedary.provider.sandbox.Sandbox;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import io.github.resilience4j.circuitbreaker.CircuitBreakerRegistry;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.camel.CamelContext;
import org.apache.camel.spring.boot.CamelContextConfiguration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** The provider accounts that take part, with their breakers and the watch over their calls. */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties({PacingSettings.class, ThoughtSettings.class})
class ProviderWiring {
  private static final Logger LOG = LoggerFactory.getLogger(ProviderWiring.class);
  static final String SANDBOX = "sandbox";

  @Bean(destroyMethod = "close")
  CallWatch callWatch() {
    return new CallWatch();
  }

  @Bean
  CircuitBreakerRegistry circuitBreakerRegistry(DromedarySettings settings) {
    DromedarySettings.Breaker breaker = settings.breaker();
    return CircuitBreakerRegistry.of(CircuitBreakerConfig.custom()
        .slidingWindowSize(breaker.window())
        .minimumNumberOfCalls(breaker.minCalls())
        .failureRateThreshold(breaker.failureRate())
        .waitDurationInOpenState(breaker.openFor())
        .permittedNumberOfCallsInHalfOpenState(breaker.halfOpenCalls())
        .maxWaitDurationInHalfOpenState(Duration.ofSeconds(30))
        .automaticTransitionFromOpenToHalfOpenEnabled(true)
        // A caller's mistake, a missing key or a call that was never made says nothing about a provider's health (F3).
        .ignoreException(thrown -> !(thrown instanceof ProviderFailure failure) || !failure.countsAgainstProvider())
        .writableStackTraceEnabled(false)
        .build());
  }

  @Bean(destroyMethod = "close")
  ProviderAccounts providerAccounts(DromedarySettings settings, PacingSettings pacing, CallWatch watch, CircuitBreakerRegistry breakers) {
    List<ProviderAccount> accounts = new ArrayList<>();
    for (Map.Entry<String, DromedarySettings.Provider> entry : settings.providers().entrySet()) {
      DromedarySettings.Provider own = entry.getValue();
      if (keyed(own) || !own.probe().isBlank()) {
        accounts.add(account(entry.getKey(), own, settings.providerDefaults()));
      }
    }
    ProviderAccounts all = new ProviderAccounts(accounts, watch, new Breakers(breakers), StartFailures.told(pacing::toPacing));
    boolean keyed = settings.providers().values().stream().anyMatch(ProviderWiring::keyed);
    for (Map.Entry<String, DromedarySettings.Provider> entry : settings.providers().entrySet()) {
      if (entry.getValue().apiKey().isBlank() && !entry.getValue().probe().isBlank()) {
        all.answers(entry.getKey(), all.probe(entry.getKey(), entry.getValue().probe()));
      }
    }
    boolean anyone = keyed || accounts.stream().anyMatch(account -> all.active(account.id()));
    if (!anyone || settings.sandbox()) {
      all.addInProcess(SANDBOX);
    }
    if (MiniLm.present()) {
      all.addInProcess(MiniLm.PROVIDER);
    }
    if (!anyone) {
      LOG.warn("no provider has a key and no Ollama answers: the SANDBOX serves, it asks no model. Set OPENAI_API_KEY (and OPENAI_BASE_URL for another compatible server) or another provider's key, see README");
    } else {
      LOG.info("providers: {}", accounts.stream().map(ProviderAccount::id).filter(all::active).toList());
    }
    return all;
  }

  /** Looks again whether accounts without a key answer; costs nothing. */
  @Bean(destroyMethod = "close")
  Probes providerProbes(DromedarySettings settings, ProviderAccounts accounts) {
    ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(task -> {
      Thread thread = new Thread(task, "dromedary-provider-probe");
      thread.setDaemon(true);
      return thread;
    });
    settings.providers().forEach((id, own) -> {
      if (own.apiKey().isBlank() && !own.probe().isBlank()) {
        timer.scheduleWithFixedDelay(() -> {
          boolean answers = accounts.probe(id, own.probe());
          if (answers != accounts.active(id)) {
            LOG.info("provider `{}` {}", id, answers ? "answers and takes part" : "no longer answers");
            accounts.answers(id, answers);
          }
        }, 15, 15, TimeUnit.SECONDS);
      }
    });
    return new Probes(timer);
  }

  /** Not a bean of the timer's own type: Spring would run an application's {@code @Scheduled} methods on it. */
  record Probes(ScheduledExecutorService timer) implements AutoCloseable {
    @Override
    public void close() {
      timer.shutdownNow();
    }
  }

  @Bean
  ThoughtMemory thoughtMemory(ThoughtSettings settings) {
    return new ThoughtMemory(settings.maxBytes(), settings.ttl());
  }

  @Bean
  Sandbox sandbox() {
    return new Sandbox();
  }

  @Bean(destroyMethod = "close")
  MiniLm miniLm(DromedarySettings settings) {
    return new MiniLm(Math.max(1, Runtime.getRuntime().availableProcessors() / 2), Path.of(settings.stateDir(), "native"));
  }

  /** Each account's breaker under the name its Kamelet looks for. */
  @Bean
  CamelContextConfiguration providerBreakers(DromedarySettings settings, CircuitBreakerRegistry breakers) {
    return new CamelContextConfiguration() {
      @Override
      public void beforeApplicationStart(CamelContext context) {
        for (String provider : settings.providers().keySet()) {
          context.getRegistry().bind("breaker-" + provider, CircuitBreaker.class, breakers.circuitBreaker(provider));
        }
      }

      @Override
      public void afterApplicationStart(CamelContext context) {
        // Nothing is left to do.
      }
    };
  }

  /** Has the account a key, or AWS credentials to sign with? */
  static boolean keyed(DromedarySettings.Provider own) {
    return !own.apiKey().isBlank() || AwsIdentity.named(own.identity()).found(System.getenv(), Path.of(System.getProperty("user.home", "")));
  }

  private static ProviderAccount account(String id, DromedarySettings.Provider own, DromedarySettings.ProviderDefaults rest) {
    return new ProviderAccount(id, own.baseUrl(), own.apiKey().strip(), or(own.maxConcurrent(), rest.maxConcurrent()), or(own.maxStreams(), rest.maxStreams()), or(own.connectTimeout(), rest.connectTimeout()),
        or(own.permitWait(), rest.permitWait()), or(own.firstTokenTimeout(), rest.firstTokenTimeout()), or(own.answerTimeout(), rest.answerTimeout()), or(own.idleTimeout(), rest.idleTimeout()));
  }

  private static <T> T or(@org.jspecify.annotations.Nullable T own, T otherwise) {
    return own == null ? otherwise : own;
  }

  private record Breakers(CircuitBreakerRegistry registry) implements ProviderAccounts.Breakers {
    @Override
    public String state(String provider) {
      return registry.circuitBreaker(provider).getState().name().toLowerCase(Locale.ROOT);
    }

    @Override
    public void streamBroke(String provider, ProviderFailure failure) {
      registry.circuitBreaker(provider).onError(0, TimeUnit.NANOSECONDS, failure);
    }
  }
}
