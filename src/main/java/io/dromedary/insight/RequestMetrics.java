package io.dromedary.insight;

import io.dromedary.catalog.Attempt;
import io.dromedary.catalog.Bill;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Counts each settled request and writes its one log line. Names are those of the OpenTelemetry GenAI conventions where they exist ({@code gen_ai.client.operation.duration}, {@code gen_ai.client.token.usage}), else
 * {@code dromedary_*}. Meters are looked up once per set of labels: the labels are few (models, providers, tiers), never a caller's text.
 */
public final class RequestMetrics {
  private static final Logger LOG = LoggerFactory.getLogger("io.dromedary.request");

  private record Labels(String model, String provider, String tier, String cache, String status) {}

  private record Meters(Counter requests, Timer duration, Timer overhead, DistributionSummary input, DistributionSummary output, Counter costNanos, Counter savedNanos) {}

  private record AttemptLabels(String provider, String outcome) {}

  private final MeterRegistry registry;
  private final Consumer<Bill> also;
  private final ConcurrentHashMap<Labels, Meters> meters = new ConcurrentHashMap<>();
  private final ConcurrentHashMap<AttemptLabels, Timer> attempts = new ConcurrentHashMap<>();
  private final ConcurrentHashMap<String, Timer> firstTokens = new ConcurrentHashMap<>();

  public RequestMetrics(MeterRegistry registry) {
    this(registry, bill -> {});
  }

  /** @param also told of every bill: quick, and never fails */
  public RequestMetrics(MeterRegistry registry, Consumer<Bill> also) {
    this.registry = registry;
    this.also = also;
  }

  /** Records a bill; null, for a request that was refused before anything was asked, is nothing to record. */
  public void record(@Nullable Bill bill) {
    if (bill == null) {
      return;
    }
    Meters of = meters.computeIfAbsent(new Labels(bill.servedModel(), bill.provider(), bill.tier(), bill.cache(), bill.status()), this::create);
    of.requests().increment();
    of.duration().record(bill.total());
    of.overhead().record(bill.overhead());
    of.costNanos().increment(bill.cost().nanos() / 1e9);
    of.savedNanos().increment(bill.cacheSaved().plus(bill.routingSaved()).nanos() / 1e9);
    if (!bill.attempts().isEmpty()) {
      of.input().record(bill.usage().input());
      of.output().record(bill.usage().output());
    }
    for (Attempt attempt : bill.attempts()) {
      Attempt.Outcome outcome = attempt.outcome();
      if (outcome != null) {
        String how = outcome.failure().isEmpty() ? "answered" : outcome.failure();
        attempts.computeIfAbsent(new AttemptLabels(attempt.candidate().provider(), how), this::attemptTimer).record(outcome.total());
        Duration first = outcome.firstToken();
        if (first != null) {
          firstTokens.computeIfAbsent(attempt.candidate().provider(), this::firstTokenTimer).record(first);
        }
      }
    }
    also.accept(bill);
    log(bill);
  }

  private Meters create(Labels labels) {
    String[] tags = {"gen_ai.response.model", none(labels.model()), "gen_ai.provider.name", none(labels.provider()), "tier", none(labels.tier()), "cache", labels.cache(), "status", labels.status()};
    String[] model = {"gen_ai.response.model", none(labels.model()), "gen_ai.provider.name", none(labels.provider())};
    return new Meters(
        Counter.builder("dromedary.requests").description("Requests settled").tags(tags).register(registry),
        Timer.builder("gen_ai.client.operation.duration").description("From the request's first byte to its settlement").tags(tags).publishPercentileHistogram(false).register(registry),
        Timer.builder("dromedary.overhead").description("Time a request spent in the gateway and not at providers").tags("cache", labels.cache()).serviceLevelObjectives(Duration.ofMillis(1), Duration.ofMillis(2),
            Duration.ofMillis(5), Duration.ofMillis(10), Duration.ofMillis(50), Duration.ofMillis(250)).register(registry),
        DistributionSummary.builder("gen_ai.client.token.usage").description("Tokens").baseUnit("tokens").tags(model).tag("gen_ai.token.type", "input").register(registry),
        DistributionSummary.builder("gen_ai.client.token.usage").description("Tokens").baseUnit("tokens").tags(model).tag("gen_ai.token.type", "output").register(registry),
        Counter.builder("dromedary.cost.usd").description("What provider calls cost, US dollars").tags(model).register(registry),
        Counter.builder("dromedary.saved.usd").description("What cache and routing saved against the baseline, US dollars").tags(model).register(registry));
  }

  private Timer attemptTimer(AttemptLabels labels) {
    return Timer.builder("dromedary.provider.call").description("Provider calls by outcome").tags("gen_ai.provider.name", labels.provider(), "outcome", labels.outcome()).register(registry);
  }

  private Timer firstTokenTimer(String provider) {
    return Timer.builder("gen_ai.server.time_to_first_token").description("Until a provider's first content").tags("gen_ai.provider.name", provider).register(registry);
  }

  private static String none(String text) {
    return text.isEmpty() ? "none" : text;
  }

  private static void log(Bill bill) {
    if (LOG.isInfoEnabled()) {
      LOG.info("request={} project={} model={} tier={} cache={} status={} tokens={}/{} cost={} saved={} ms={} attempts={}", bill.requestId(), bill.project(), none(bill.servedModel()), none(bill.tier()), bill.cache(),
          bill.status(), bill.usage().input(), bill.usage().output(), bill.cost(), bill.cacheSaved().plus(bill.routingSaved()), bill.total().toMillis(), bill.attempts().size());
    }
    for (Attempt attempt : bill.attempts()) {
      Attempt.Outcome outcome = attempt.outcome();
      if (outcome != null && outcome.failure().equals("credentials")) {
        LOG.error("provider `{}` does not accept our key (status {}); requests go to other providers until it is mended", attempt.candidate().provider(), outcome.providerStatus());
      } else if (outcome != null && outcome.status() != Attempt.Status.ANSWERED && outcome.status() != Attempt.Status.CANCELLED) {
        LOG.warn("request={} attempt={} model={} failed: {} (status {})", bill.requestId(), attempt.number(), attempt.candidate().model().id(), outcome.failure(), outcome.providerStatus());
      }
    }
  }
}
