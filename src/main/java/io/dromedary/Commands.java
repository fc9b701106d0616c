package io.dromedary;

import com.fasterxml.jackson.databind.JsonNode;
import io.dromedary.access.PartRules;
import io.dromedary.admin.AuditLog;
import io.dromedary.admin.Doctor;
import io.dromedary.admin.Finding;
import io.dromedary.spend.Store;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.BeansException;
import org.springframework.boot.Banner;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.BindException;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.LifecycleProcessor;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.context.support.AbstractApplicationContext;
import org.springframework.core.NestedExceptionUtils;

/** What the application does besides serving: {@code doctor} and {@code audit-verify}, by the same settings and files, without routes and without a port. */
final class Commands {
  private static final int FINE = 0;
  private static final int WRONG = 1;
  private static final int NOT_READ = 2;

  /** The gateway's parts, each made only when it is asked for; nothing is started, and Camel is not there. No `@Configuration`: the application's own scan must not find it. */
  @Import(DromedaryAutoConfiguration.class)
  static class Parts {
    @Bean(AbstractApplicationContext.LIFECYCLE_PROCESSOR_BEAN_NAME)
    LifecycleProcessor nothingStarts() {
      return new LifecycleProcessor() {
        @Override
        public void onRefresh() {
          // nothing starts
        }

        @Override
        public void onClose() {
          // so nothing stops
        }

        @Override
        public void start() {
          // nothing starts
        }

        @Override
        public void stop() {
          // so nothing stops
        }

        @Override
        public boolean isRunning() {
          return false;
        }
      };
    }
  }

  /** What was found, for the terminal. */
  record Outcome(int exitCode, String text) {}

  private Commands() {}

  static boolean isOne(String word) {
    return word.equals("doctor") || word.equals("audit-verify");
  }

  static Outcome run(String command, String... arguments) {
    try (ConfigurableApplicationContext context = new SpringApplicationBuilder(Parts.class).lazyInitialization(true).web(WebApplicationType.NONE).bannerMode(Banner.Mode.OFF).logStartupInfo(false).registerShutdownHook(false)
        .properties("logging.level.root=ERROR").run(arguments)) {
      List<Finding> settled = settings(context);
      if (Doctor.worst(settled) == Finding.Level.ERROR) {
        return new Outcome(WRONG, Doctor.text(settled));
      }
      DromedarySettings settings = context.getBean(DromedarySettings.class);
      return command.equals("doctor") ? doctor(context, settings) : auditVerify(settings);
    }
  }

  private static Outcome doctor(ConfigurableApplicationContext context, DromedarySettings settings) {
    Opened opened = open(settings);
    try (Store store = opened.store()) {
      List<PartRules> rules = rules(context);
      List<Finding> findings = new Doctor(new Examinations(context.getEnvironment(), settings, context.getBean(ConfigSettings.class), rules, Clock.systemUTC(), store, null, opened.trouble()).all()).findings();
      return new Outcome(Doctor.worst(findings) == Finding.Level.ERROR ? WRONG : FINE, Doctor.text(findings));
    }
  }

  /** Each record of settings is read once: what a start would refuse is refused here, in its words. */
  private static List<Finding> settings(ConfigurableApplicationContext context) {
    List<Finding> found = new ArrayList<>();
    for (String name : context.getBeanNamesForAnnotation(ConfigurationProperties.class)) {
      try {
        context.getBean(name);
      } catch (BeansException e) {
        found.add(Finding.error("settings", told(e), "mend it in config/application.yaml or in the environment; the gateway does not start so"));
      }
    }
    return found;
  }

  /** Ours name the setting; of Spring's, which do not, the one that it was about. */
  private static String told(BeansException failure) {
    String why = String.valueOf(NestedExceptionUtils.getMostSpecificCause(failure).getMessage());
    Throwable binding = failure;
    while (binding != null && !(binding instanceof BindException)) {
      binding = binding.getCause();
    }
    return why.startsWith("dromedary.") || binding == null ? why : binding.getMessage() + ": " + why;
  }

  /** What other rooms say of their parts of {@code callers.yaml}; without a catalogue, which is told elsewhere, nobody can say anything. */
  private static List<PartRules> rules(ConfigurableApplicationContext context) {
    try {
      return context.getBeanProvider(PartRules.class).orderedStream().toList();
    } catch (BeansException noCatalogue) {
      return Stream.of("limits", "budgets", "credit", "cache").<PartRules>map(part -> new PartRules() {
        @Override
        public String part() {
          return part;
        }

        @Override
        public void check(JsonNode node, boolean ofKey, BiConsumer<String, String> faults) {
          // not known now
        }
      }).toList();
    }
  }

  private static Outcome auditVerify(DromedarySettings settings) {
    Opened opened = open(settings);
    try (Store store = opened.store()) {
      if (store == null) {
        return new Outcome(NOT_READ, "the audit log cannot be read: " + (opened.trouble().isEmpty() ? "there is none yet" : opened.trouble() + "\nIf the gateway runs, ask it: GET /admin/audit?verify=true") + "\n");
      }
      AuditLog.Verdict verdict = new AuditLog(store.dataSource(), store.node(), Clock.systemUTC()).verify();
      return verdict.whole() ? new Outcome(FINE, "the audit log is whole: " + verdict.lines() + " lines, head " + verdict.head() + "\n")
          : new Outcome(WRONG, "the audit log is broken at line " + verdict.brokenAt() + ": " + verdict.why() + "\n");
    } catch (SQLException e) {
      return new Outcome(NOT_READ, "the audit log cannot be read: " + e.getMessage() + "\n");
    }
  }

  private record Opened(@Nullable Store store, String trouble) {}

  /** As a start does, so the schema is brought up to date; a store that was never made is not made here. */
  private static Opened open(DromedarySettings settings) {
    boolean embedded = settings.databaseUrl().isBlank();
    if (embedded && !Files.exists(Path.of(settings.stateDir(), "ledger.mv.db"))) {
      return new Opened(null, "");
    }
    try {
      return new Opened(Store.open(Path.of(settings.stateDir()), embedded ? null : settings.databaseUrl()), "");
    } catch (RuntimeException e) {
      return new Opened(null, String.valueOf(e.getMessage()));
    }
  }
}
