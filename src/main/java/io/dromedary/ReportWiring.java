package io.dromedary;

import io.dromedary.client.chatcompletions.Replies;
import io.dromedary.spend.Ledger;
import io.dromedary.spend.Rollups;
import io.dromedary.spend.Store;
import io.dromedary.spend.UsageReports;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Clock;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Reports, and the sums over the ledger that they read. */
@Configuration(proxyBeanMethods = false)
class ReportWiring {
  /** @param ledger asked for since it takes its place among the nodes first */
  @Bean
  Rollups rollups(Store store, Ledger ledger, Clock clock, MeterRegistry meters) {
    Rollups rollups = new Rollups(store, clock);
    Gauge.builder("dromedary.rollups.behind", rollups, Rollups::behindSeconds).baseUnit("seconds").description("Since the ledger was last summed up to its end").register(meters);
    return rollups;
  }

  @Bean
  UsageReports usageReports(Store store, Rollups rollups, Clock clock, ObjectProvider<UsageReports.Commitments> commitments) {
    return new UsageReports(store, rollups, clock, commitments.getIfAvailable(() -> UsageReports.Commitments.NONE));
  }

  @Bean
  ReportPages reportPages(UsageReports usageReports, Replies replies) {
    return new ReportPages(usageReports, replies);
  }
}
