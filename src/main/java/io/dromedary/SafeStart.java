package io.dromedary;

import io.dromedary.access.AdminToken;
import io.dromedary.access.CallerRegistry;
import io.dromedary.access.ProductionCheck;
import io.dromedary.provider.ProviderAccounts;
import io.dromedary.spend.Store;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.web.context.WebApplicationContext;

/** Looks at what is about to start, before a port is open, and stops it when it would be unsafe: an open gateway off loopback in every profile, all else in production (X9). */
@Configuration(proxyBeanMethods = false)
class SafeStart {
  /** All reasons, in one message. */
  static final class Refused extends RuntimeException {
    Refused(List<String> reasons) {
      super("Dromedary does not start, because it would be unsafe:\n  - " + String.join("\n  - ", reasons), null, false, false);
    }
  }

  /** That the start was found safe. */
  record Checked(boolean production) {}

  /** @param store asked for since it makes the state directory */
  @Bean
  Checked dromedarySafeStart(Environment environment, DromedarySettings settings, AdminToken adminToken, CallerRegistry callers, ProviderAccounts accounts, Store store,
      ApplicationContext context) throws IOException {
    boolean production = settings.profile().equals("production");
    if (!production && !settings.profile().equals("development")) {
      throw new Refused(List.of("dromedary.profile (DROMEDARY_PROFILE) is `" + settings.profile() + "`; it must be `development` or `production`"));
    }
    Set<String> providers = new TreeSet<>();
    accounts.health().stream().filter(ProviderAccounts.Health::active).forEach(health -> providers.add(health.provider()));
    List<String> reasons = ProductionCheck.reasons(settings(environment, settings, context instanceof WebApplicationContext && environment.getProperty("dromedary.doors.enabled", Boolean.class, true), production, adminToken.fromEnvironment(), providers, !callers.isOpen()));
    if (!reasons.isEmpty()) {
      throw new Refused(reasons);
    }
    return new Checked(production);
  }

  /** @param web whether it listens at all */
  static ProductionCheck.Settings settings(Environment environment, DromedarySettings settings, boolean web, boolean production, boolean adminTokenFromEnvironment, Set<String> providers, boolean callersConfigured) throws IOException {
    // Spring's default is all interfaces.
    String address = web ? environment.getProperty("server.address", "0.0.0.0") : "127.0.0.1";
    String management = environment.containsProperty("management.server.port") ? environment.getProperty("management.server.address", "0.0.0.0") : address;
    return new ProductionCheck.Settings(production, address.isBlank() ? "0.0.0.0" : address, management.isBlank() ? "0.0.0.0" : management, encrypted(environment), adminTokenFromEnvironment, providers, callersConfigured,
        permissions(Path.of(settings.stateDir())), settings.databaseUrl());
  }

  private static boolean encrypted(Environment environment) {
    boolean tls = environment.getProperty("server.ssl.enabled", Boolean.class, true)
        && (environment.containsProperty("server.ssl.key-store") || environment.containsProperty("server.ssl.certificate") || environment.containsProperty("server.ssl.bundle"));
    return tls || !environment.getProperty("server.forward-headers-strategy", "none").equalsIgnoreCase("none");
  }

  private static Set<PosixFilePermission> permissions(Path dir) throws IOException {
    return Files.exists(dir) && dir.getFileSystem().supportedFileAttributeViews().contains("posix") ? Files.getPosixFilePermissions(dir) : Set.of();
  }
}
