package io.dromedary;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.access.CallerRegistry;
import io.dromedary.access.PartRules;
import io.dromedary.budget.BudgetPages;
import io.dromedary.budget.BudgetSignals;
import io.dromedary.budget.Budgets;
import io.dromedary.budget.Tenants;
import io.dromedary.capacity.Capacities;
import io.dromedary.capacity.Count;
import io.dromedary.catalog.ModelCatalog;
import io.dromedary.catalog.Reloadable;
import io.dromedary.chat.Usd;
import io.dromedary.limit.Allowance;
import io.dromedary.limit.RateLimits;
import io.dromedary.ranking.CandidateRanking;
import io.dromedary.spend.AttemptBook;
import io.dromedary.spend.Ledger;
import io.dromedary.spend.Store;
import io.dromedary.spend.UsageReports;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Clock;
import java.util.List;
import java.util.Locale;
import java.util.function.BiConsumer;
import java.util.function.LongConsumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Budgets and credit: whose they are, where their purses are kept, who hears when they run low. */
@Configuration(proxyBeanMethods = false)
class Spending {
  private static final Logger LOG = LoggerFactory.getLogger(Budgets.class);

  /** @param ledger asked for since its start settles what a former process held */
  @Bean
  Budgets budgets(CallerRegistry callers, Reloadable<ModelCatalog> catalogue, Store store, Ledger ledger, Clock clock, MeterRegistry meters, ObjectProvider<BudgetSignals> listeners) {
    Budgets budgets = StartFailures.told(() -> new Budgets(new OfCallers(callers), catalogue, store.dataSource(), clock, listeners.orderedStream().toList()));
    FunctionCounter.builder("dromedary.budget.refused", budgets, Budgets::refused).description("Calls refused at once for a budget known to be spent or a model without a price").register(meters);
    FunctionCounter.builder("dromedary.budget.routed.cheaper", budgets, Budgets::routedCheaper).description("Requests routed by cost since a budget was low").register(meters);
    return budgets;
  }

  @Bean
  AttemptBook.Draws draws(Budgets budgets) {
    return budgets::draws;
  }

  @Bean
  BudgetPages budgetPages(Budgets budgets) {
    return new BudgetPages(budgets);
  }

  @Bean
  Rehearsal rehearsal(RateLimits limits, Budgets budgets, AttemptBook book, Reloadable<ModelCatalog> catalogue, CandidateRanking ranking) {
    return new Rehearsal(limits, budgets, book, catalogue, ranking);
  }

  /** Throughput that is paid for by the hour; its calls cost nothing while some of it is free. */
  @Bean
  Capacities capacities(ProvisionedSettings settings, Reloadable<ModelCatalog> catalogue, RateLimits limits, MeterRegistry meters) {
    Capacities capacities = StartFailures.told(() -> new Capacities(settings.commitments(catalogue.get()), commitment -> counted(limits.allowance(commitment.model(), commitment.requestsPerMinute(), commitment.tokensPerMinute()))));
    for (Capacities.State state : capacities.states()) {
      String model = state.commitment().model();
      Gauge.builder("dromedary.provisioned.utilisation", capacities, all -> of(all, model).utilisation()).tag("gen_ai.response.model", model).description("Part of this minute's capacity that is used").register(meters);
      FunctionCounter.builder("dromedary.provisioned.calls", capacities, all -> of(all, model).taken()).tag("gen_ai.response.model", model).description("Calls on provisioned capacity").register(meters);
      FunctionCounter.builder("dromedary.provisioned.spilled", capacities, all -> of(all, model).spilled()).tag("gen_ai.response.model", model).description("Calls that found it used up").register(meters);
    }
    return capacities;
  }

  /** Where rate limits are counted, capacity is. */
  private static Count counted(Allowance allowance) {
    return new Count() {
      @Override
      public @Nullable LongConsumer take(long tokensAtMost) {
        Allowance.Grant grant = allowance.take(tokensAtMost);
        return grant == null ? null : grant::used;
      }

      @Override
      public boolean isFree() {
        return allowance.isFree();
      }

      @Override
      public double utilisation() {
        return allowance.utilisation();
      }

      @Override
      public long secondsToNext() {
        return allowance.secondsToNext();
      }
    };
  }

  private static Capacities.State of(Capacities capacities, String model) {
    return capacities.states().stream().filter(state -> state.commitment().model().equals(model)).findFirst().orElseThrow();
  }

  @Bean
  UsageReports.Commitments commitments(Capacities capacities) {
    return capacities::commitments;
  }

  /** What is left of the caller's budgets and credit. */
  @Bean
  LimitsSection budgetSection(BudgetPages pages) {
    return (page, caller) -> page.setAll(pages.limits(caller));
  }

  @Bean
  BudgetSignals budgetLog() {
    return signal -> LOG.warn("{} {}{}, {}: {} USD used and {} held, of {}", signal.kind().name().toLowerCase(Locale.ROOT).replace('_', ' '), signal.name(), signal.subject().isEmpty() ? "" : " (one share)", signal.period(),
        Usd.ofNanos(signal.usedNanos()), Usd.ofNanos(signal.reservedNanos()), Usd.ofNanos(signal.limitNanos()));
  }

  private record OfCallers(CallerRegistry callers) implements Tenants {
    @Override
    public long version() {
      return callers.version();
    }

    @Override
    public List<Tenant> all() {
      return Stream.concat(callers.projects().stream().map(project -> new Tenant(project.id(), "", project.budgets(), project.credit())),
          callers.keys().stream().map(key -> new Tenant(key.project(), key.id(), key.budgets(), key.credit()))).toList();
    }
  }

  /** What may stand under {@code budgets}. */
  @Bean
  PartRules budgetRules(Reloadable<ModelCatalog> catalogue) {
    return new Part("budgets", (node, faults) -> Budgets.checkBudgets(node, catalogue.get(), faults));
  }

  /** What may stand under {@code credit}. */
  @Bean
  PartRules creditRules(Reloadable<ModelCatalog> catalogue) {
    return new Part("credit", (node, faults) -> Budgets.checkCredit(node, catalogue.get(), faults));
  }

  private record Part(String part, BiConsumer<JsonNode, BiConsumer<String, String>> check) implements PartRules {
    @Override
    public void check(JsonNode node, boolean ofKey, BiConsumer<String, String> faults) {
      check.accept(node, faults);
    }
  }
}
