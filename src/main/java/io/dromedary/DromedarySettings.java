package io.dromedary;

import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/** The settings under {@code dromedary} in {@code config/application.yaml}; see there for units and effects. */
@ConfigurationProperties("dromedary")
public record DromedarySettings(@DefaultValue("development") String profile, @DefaultValue("data") String stateDir, @DefaultValue("") String databaseUrl, @DefaultValue("") String costSink,
    @DefaultValue("false") boolean sandbox, @DefaultValue Limits limits, @DefaultValue Timeouts timeouts, @DefaultValue Failover failover, @DefaultValue Breaker breaker, @DefaultValue Cache cache,
    @DefaultValue InteractionLog interactionLog, @DefaultValue ProviderDefaults providerDefaults, @DefaultValue Map<String, Provider> providers) {

  public record Limits(@DefaultValue("10485760") int maxBodyBytes, @DefaultValue("10s") Duration bodyDeadline, @DefaultValue("512") int bodiesBeingRead, @DefaultValue("200") int inFlight,
      @DefaultValue("32") int inFlightPerProject, @DefaultValue("2000") int openStreams, @DefaultValue("2000") int maxMessages, @DefaultValue("8") int maxN) {
    public Limits {
      Map.of("max-body-bytes", maxBodyBytes, "bodies-being-read", bodiesBeingRead, "in-flight", inFlight, "in-flight-per-project", inFlightPerProject, "open-streams", openStreams, "max-messages", maxMessages, "max-n", maxN)
          .forEach((name, value) -> {
            if (value < 1) {
              throw new IllegalArgumentException("dromedary.limits." + name + " = " + value + ": must be at least 1");
            }
          });
    }
  }

  public record Timeouts(@DefaultValue("120s") Duration request, @DefaultValue("120s") Duration drain) {}

  public record Failover(@DefaultValue("6") int maxAttempts, @DefaultValue("2") int maxRetries, @DefaultValue("10s") Duration longestWait) {}

  public record Breaker(@DefaultValue("20") int window, @DefaultValue("10") int minCalls, @DefaultValue("50") float failureRate, @DefaultValue("10s") Duration openFor, @DefaultValue("2") int halfOpenCalls) {}

  public record Cache(@DefaultValue("true") boolean enabled, @DefaultValue("7d") Duration ttl, @DefaultValue("268435456") long maxBytes) {}

  public record InteractionLog(@DefaultValue("false") boolean text, @DefaultValue("30d") Duration retention) {}

  public record ProviderDefaults(@DefaultValue("64") int maxConcurrent, @DefaultValue("1500") int maxStreams, @DefaultValue("3s") Duration connectTimeout, @DefaultValue("1s") Duration permitWait,
      @DefaultValue("20s") Duration firstTokenTimeout, @DefaultValue("60s") Duration answerTimeout, @DefaultValue("60s") Duration idleTimeout) {}

  /** One account; what it leaves out is taken from the defaults. {@code identity} says where AWS credentials may come from, {@code none} for all who are not AWS. */
  public record Provider(@DefaultValue("") String baseUrl, @DefaultValue("") String apiKey, @DefaultValue("") String probe, @DefaultValue("none") String identity, @Nullable Integer maxConcurrent, @Nullable Integer maxStreams,
      @Nullable Duration connectTimeout, @Nullable Duration permitWait, @Nullable Duration firstTokenTimeout, @Nullable Duration answerTimeout, @Nullable Duration idleTimeout) {
    @Override
    public String toString() {
      return "Provider[" + baseUrl + ", key " + (apiKey.isEmpty() ? "none" : "***") + "]";
    }
  }
}
