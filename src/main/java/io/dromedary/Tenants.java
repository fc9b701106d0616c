package io.dromedary;

import io.dromedary.access.CallerRegistry;
import io.dromedary.access.ProjectAdmin;
import io.dromedary.access.ProjectStore;
import io.dromedary.admin.AdminReplies;
import io.dromedary.admin.AuditLog;
import io.dromedary.camel.AuditTrail;
import io.dromedary.spend.Store;
import java.time.Clock;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

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
  AdminReplies adminReplies(Store store, Clock clock) {
    return new AdminReplies(store.dataSource(), clock);
  }

  @Bean
  AuditTrail auditTrail(AuditLog log, AdminReplies replies, CallerRegistry callers) {
    return new AuditTrail(log, replies, callers);
  }
}
