package io.dromedary;

import io.dromedary.access.CallerRegistry;
import io.dromedary.access.PartRules;
import io.dromedary.access.ProjectAdmin;
import io.dromedary.access.ProjectStore;
import io.dromedary.admin.AdminReplies;
import io.dromedary.admin.AuditLog;
import io.dromedary.admin.Doctor;
import io.dromedary.admin.Examination;
import io.dromedary.agent.AgentAdmin;
import io.dromedary.agent.Agents;
import io.dromedary.agent.Conversations;
import io.dromedary.cache.AnswerCache;
import io.dromedary.cache.AnswerPurge;
import io.dromedary.camel.AuditTrail;
import io.dromedary.catalog.Erasable;
import io.dromedary.feedback.Remarks;
import io.dromedary.spend.LedgerErasure;
import io.dromedary.spend.Store;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.annotation.Order;
import org.springframework.core.env.Environment;

/** Projects and keys that the admin makes, the audit of what is done with them, erasure. */
@Configuration(proxyBeanMethods = false)
class Tenants {
  @Bean
  ProjectStore projectStore(Store store, Clock clock) {
    return new ProjectStore(store.dataSource(), clock);
  }

  @Bean
  ProjectAdmin projectAdmin(CallerRegistry callers, ProjectStore projects, Clock clock) {
    return new ProjectAdmin(callers, projects, clock);
  }

  @Bean(destroyMethod = "close")
  AuditLog auditLog(Store store, Clock clock, CallerRegistry callers) {
    AuditLog log = new AuditLog(store.dataSource(), store.node(), clock);
    callers.onKeyUse(log::keyUsed);
    return log;
  }

  @Bean
  Conversations conversations(Store store, Clock clock) {
    return new Conversations(store.dataSource(), clock);
  }

  @Bean
  Agents agents(ConfigSettings config, Store store, Conversations conversations) {
    return StartFailures.told(() -> new Agents("config/agents.yaml", config.file("agents.yaml"), store.dataSource(), conversations));
  }

  @Bean
  AgentAdmin agentAdmin(Agents agents, Store store, Clock clock) {
    return new AgentAdmin(agents, store.dataSource(), clock);
  }

  // Places where words are kept; another room adds a bean for its own

  @Bean
  @Order(1)
  Erasable erasableInteractions(Store store) {
    return place("interactions", new LedgerErasure(store)::interactions);
  }

  @Bean
  @Order(2)
  Erasable erasableIdempotentAnswers(Store store) {
    return place("idempotent_answers", new LedgerErasure(store)::answers);
  }

  @Bean
  @Order(3)
  Erasable erasableTurns(Conversations conversations) {
    return place("conversation_turns", (project, user, before) -> conversations.forget(project, user, before == null ? null : before.toEpochMilli()));
  }

  @Bean
  @Order(5)
  Erasable erasableRemarks(Store store) {
    return place("feedback_remarks", new Remarks(store.dataSource())::erase);
  }

  /** Does not know whose an answer is: a user's erasure takes the project's, or all. */
  @Bean
  @Order(4)
  Erasable erasableAnswers(AnswerPurge cache, Clock clock) {
    return place("cached_answers", (project, user, before) -> cache.purge(new AnswerCache.Purge(project, null, null, before == null || user != null ? null : Duration.between(before, clock.instant()))).values().stream().mapToInt(gone -> Math.max(0, gone)).sum());
  }

  /** Last: the others find a user's entries by these rows. */
  @Bean
  @Order
  Erasable erasableRequests(Store store) {
    return place("request_rows", new LedgerErasure(store)::requests);
  }

  @Bean
  Erasure erasure(ObjectProvider<Erasable> places, CallerRegistry callers, Conversations conversations, DromedarySettings settings, Clock clock) {
    return new Erasure(places.orderedStream().toList(), callers, conversations, settings.interactionLog().retention(), clock);
  }

  private interface Forgetting {
    int erase(@Nullable String project, @Nullable String user, @Nullable Instant before);
  }

  private static Erasable place(String what, Forgetting forgetting) {
    return new Erasable() {
      @Override
      public String what() {
        return what;
      }

      @Override
      public int erase(@Nullable String project, @Nullable String user, @Nullable Instant before) {
        return forgetting.erase(project, user, before);
      }
    };
  }

  /** What every gateway is looked at for, then what other rooms add. */
  @Bean
  Doctor doctor(Environment environment, DromedarySettings settings, ConfigSettings config, ObjectProvider<PartRules> rules, Clock clock, Store store, CallerRegistry callers, ObjectProvider<Examination> more) {
    List<Examination> all = new ArrayList<>(new Examinations(environment, settings, config, rules.orderedStream().toList(), clock, store, callers, "").all());
    more.orderedStream().forEach(all::add);
    return new Doctor(all);
  }

  @Bean
  AdminReplies adminReplies(Store store, Clock clock) {
    return new AdminReplies(store.dataSource(), clock);
  }

  @Bean
  AuditTrail auditTrail(AuditLog log, AdminReplies replies, CallerRegistry callers, MeterRegistry meters) {
    Gauge.builder("dromedary.callers.projects", callers, all -> all.projects().size()).description("Projects, of the file and of the database").register(meters);
    Gauge.builder("dromedary.callers.out.of.force", callers, all -> all.faults().size()).description("Projects and keys of the database that are wrong and so refused").register(meters);
    Gauge.builder("dromedary.audit.lost", log, AuditLog::lost).description("Lines that the audit log could not take since the start").register(meters);
    return new AuditTrail(log, replies, callers);
  }
}
