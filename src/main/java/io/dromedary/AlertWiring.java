package io.dromedary;

import io.dromedary.alert.AlertPages;
import io.dromedary.alert.AlertRules;
import io.dromedary.alert.Alerts;
import io.dromedary.alert.ProviderState;
import io.dromedary.budget.BudgetSignals;
import io.dromedary.catalog.Reloadable;
import io.dromedary.chat.Usd;
import io.dromedary.provider.ProviderAccounts;
import io.dromedary.spend.Outbox;
import io.dromedary.spend.Store;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Instant;
import java.util.Locale;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Alerts: their rules, what they look at, and the outbox that they leave by. */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties(AlertSettings.class)
class AlertWiring {
  static final String RULES = "config/alerts.yaml";

  @Bean
  Reloadable<AlertRules> alertRules(ConfigSettings config, AlertSettings settings) {
    return new Reloadable<>(RULES, config.file("alerts.yaml"), bytes -> AlertRules.read(bytes, RULES, settings.sinks().keySet()));
  }

  @Bean
  Alerts alerts(Reloadable<AlertRules> alertRules, Store store, AlertSettings settings, Outbox outbox, ProviderAccounts accounts, Clock clock, MeterRegistry meters) {
    Alerts alerts = new Alerts(alertRules, store.dataSource(), settings.active(), outbox::leave, outbox::written,
        () -> accounts.health().stream().filter(ProviderAccounts.Health::active).map(health -> new ProviderState(health.provider(), health.available(), health.breaker(), health.lastFailure(), health.lastFailureAt())).toList(),
        subject -> paidIn(store, subject), clock);
    Gauge.builder("dromedary.alerts.open", alerts, Alerts::open).description("Alerts that last, over all nodes").register(meters);
    FunctionCounter.builder("dromedary.alerts.told", alerts, Alerts::told).description("Messages left for sinks of alerts").register(meters);
    return alerts;
  }

  @Bean
  AlertPages alertPages(Alerts alerts) {
    return new AlertPages(alerts);
  }

  /** Budgets and credit that run low. */
  @Bean
  BudgetSignals budgetAlerts(ObjectProvider<Alerts> alerts) {
    return signal -> {
      String kind = signal.kind().name().toLowerCase(Locale.ROOT);
      String used = Usd.ofNanos(signal.usedNanos()) + " USD used and " + Usd.ofNanos(signal.reservedNanos()) + " held, of " + Usd.ofNanos(signal.limitNanos());
      String whose = (signal.kind().name().startsWith("CREDIT") ? "credit `" : "budget `") + signal.name() + "`" + (signal.subject().isEmpty() ? "" : " (one share)") + (signal.resetsAtMs() == 0 ? "" : ", " + signal.period());
      alerts.getObject().signal(kind, signal.name() + (signal.subject().isEmpty() ? "" : "/" + signal.subject()) + "@" + signal.period(), signal.project(),
          whose + " is " + (kind.endsWith("spent") ? "spent" : kind.endsWith("critical") ? "critically low" : "low") + ": " + used + (signal.resetsAtMs() == 0 ? "" : "; it resets " + Instant.ofEpochMilli(signal.resetsAtMs())),
          signal.limitNanos(), signal.resetsAtMs());
    };
  }

  /** What was paid into the credit of a project or a key, -1 if that cannot be told. */
  private static long paidIn(Store store, String subject) {
    try (Connection connection = store.dataSource().getConnection(); PreparedStatement select = connection.prepareStatement("SELECT granted_nanos FROM dromedary_purses WHERE name = ? AND period = 'prepaid'")) {
      select.setString(1, subject.substring(0, subject.lastIndexOf('@')));
      try (ResultSet row = select.executeQuery()) {
        return row.next() ? row.getLong(1) : -1;
      }
    } catch (SQLException e) {
      return -1;
    }
  }
}
